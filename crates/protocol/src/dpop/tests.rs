//! Everything about a proof except its signature, which `jose` tests. Standards §4.2 and its list of tests.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const NOW: i64 = 1_800_000_100;
const TOKEN: &str = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
const KEY: JwkThumbprint = JwkThumbprint::from_bytes([7; 32]);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(NOW + seconds).unwrap()
}

fn claims() -> Value {
    json!({ "jti": "-BwC3ESc6acc2lTc", "htm": "POST", "htu": "https://api.example.com/orders", "iat": NOW })
}

/// `null` removes.
fn with(changes: Value) -> Value {
    let mut claims = claims();
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        }
    }
    claims
}

fn read(claims: &Value) -> Result<Proof, ProofError> {
    // Stands for jose: claims that do not fit are no signed claims.
    Proof::read("jws", |_| match serde_json::from_value(claims.clone()) {
        Ok(claims) => Ok(Signed { key: KEY, claims }),
        Err(_) => Err(()),
    })
}

static ORDERS: LazyLock<TargetUri> = LazyLock::new(|| TargetUri::parse("https://api.example.com/orders").unwrap());

fn check<'a>(claims: &Value, adjust: impl FnOnce(&mut Expected<'a>)) -> Result<CheckedProof, ProofError> {
    let mut expected = Expected { method: "POST", url: &ORDERS, now: at(0), access_token: None, nonce: NonceRule::Off };
    adjust(&mut expected);
    read(claims)?.check(&expected)
}

fn refused(claims: &Value) -> ProofError {
    check(claims, |_| {}).unwrap_err()
}

#[test]
fn dpop_1_one_header() {
    assert_eq!(proof_header::<[u8]>([]), Ok(None));
    assert_eq!(proof_header(["a.b.c"]), Ok(Some("a.b.c")));
    assert_eq!(proof_header(["a.b.c", "a.b.c"]), Err(ProofError::TwoHeaders));
    assert_eq!(proof_header(["a.b.c", ""]), Err(ProofError::TwoHeaders));
    assert_eq!(proof_header([&b"a\xff"[..]]), Err(ProofError::Malformed));
    assert_eq!(proof_header(["ключ"]), Err(ProofError::Malformed));
    assert_eq!(proof_header(["a".repeat(PROOF_BYTES + 1).as_str()]), Err(ProofError::Malformed));
}

#[test]
fn dpop_2_to_5_whatever_the_signature_check_refuses_is_refused() {
    assert_eq!(Proof::read("jws", |_| Err(())).unwrap_err(), ProofError::BadSignature);
    let long = "a".repeat(PROOF_BYTES + 1);
    let mut asked = false;
    let refused = Proof::read(&long, |_| -> Result<Signed, ()> {
        asked = true;
        Err(())
    });
    assert_eq!((refused.unwrap_err(), asked), (ProofError::Malformed, false));
}

#[test]
fn dpop_6_each_claim_is_needed_and_typed() {
    for name in ["jti", "htm", "htu", "iat"] {
        for value in [Value::Null, json!(true), json!([]), json!({})] {
            assert!(read(&with(json!({ name: value }))).is_err(), "{name} {value}");
        }
    }
    for iat in [json!("1800000100"), json!(-1), json!(1e300), json!(253_402_300_800_i64)] {
        assert!(read(&with(json!({ "iat": iat }))).is_err(), "{iat}");
    }
    for changes in [json!({ "nonce": 1 }), json!({ "ath": [] }), json!({ "jti": 5 }), json!({ "htu": 1 })] {
        assert!(read(&with(changes.clone())).is_err(), "{changes}");
    }
    assert!(check(&with(json!({ "iat": NOW as f64 + 0.5 })), |_| {}).is_ok());
}

#[test]
fn rs_13_a_long_or_empty_jti_is_refused() {
    for jti in [String::new(), "a".repeat(JTI_BYTES + 1), "a".repeat(10 * 1024), "ї".repeat(JTI_BYTES)] {
        assert_eq!(refused(&with(json!({ "jti": jti }))), ProofError::BadClaims);
    }
    assert!(check(&with(json!({ "jti": "a".repeat(JTI_BYTES) })), |_| {}).is_ok());
}

#[test]
fn dpop_7_the_method_counts_with_its_case() {
    for method in ["GET", "post", "Post", "POST ", ""] {
        assert_eq!(refused(&with(json!({ "htm": method }))), ProofError::WrongMethod, "{method}");
    }
}

#[test]
fn dpop_8_rs_15_the_address_is_ours() {
    for htu in [
        "http://api.example.com/orders",
        "https://api.example.com/order",
        "https://api.example.com/orders/",
        "https://api.example.com/Orders",
        "https://api.example.com:8443/orders",
        "https://other.example.com/orders",
        "https://api.example.com.evil.example/orders",
        "https://api.example.com/",
    ] {
        assert_eq!(refused(&with(json!({ "htu": htu }))), ProofError::WrongUrl, "{htu}");
    }
    for htu in [
        "",
        "/orders",
        "api.example.com/orders",
        "https://user@api.example.com/orders",
        "https:\\\\api.example.com/orders",
    ] {
        assert_eq!(refused(&with(json!({ "htu": htu }))), ProofError::BadClaims, "{htu}");
    }
    for htu in [
        "https://api.example.com/orders?limit=1",
        "https://api.example.com/orders#top",
        "HTTPS://API.example.com:443/%6Frders",
        "https://api.example.com/x/../orders",
    ] {
        assert!(check(&with(json!({ "htu": htu })), |_| {}).is_ok(), "{htu}");
    }
}

#[test]
fn dpop_9_iat_has_a_window() {
    for (iat, expected) in [
        (-61, Some(ProofError::TooOld)),
        (-60, None),
        (0, None),
        (10, None),
        (30, None),
        (31, Some(ProofError::TooFarAhead)),
        (61, Some(ProofError::TooFarAhead)),
        (-1_800_000_000, Some(ProofError::TooOld)),
    ] {
        assert_eq!(check(&with(json!({ "iat": NOW + iat })), |_| {}).err(), expected, "{iat}");
    }
}

#[test]
fn dpop_9_10_a_valid_nonce_decides_instead_of_iat() {
    let key = NonceKey::new(&[1; 32], NoncePurpose::ProtectedResource);
    let nonce = key.issue(at(0));
    let claims = |iat: i64| with(json!({ "iat": NOW + iat, "nonce": nonce.as_str() }));
    for iat in [-100_000, 0, 100_000] {
        assert!(check(&claims(iat), |e| e.nonce = NonceRule::Required(&key)).is_ok(), "{iat}");
        assert!(check(&claims(iat), |e| e.nonce = NonceRule::Accepted(&key)).is_ok(), "{iat}");
    }
    assert_eq!(check(&claims(100), |_| {}).unwrap_err(), ProofError::TooFarAhead);
}

#[test]
fn dpop_10_rs_12_a_missing_stale_or_foreign_nonce() {
    let key = NonceKey::new(&[1; 32], NoncePurpose::ProtectedResource);
    let server = NonceKey::new(&[1; 32], NoncePurpose::AuthorizationServer);
    let stale = key.issue(at(-600));
    // The AS nonce at a resource, and an old one of our own: refused in either mode, even with an `iat` of now.
    for nonce in [server.issue(at(0)).as_str(), stale.as_str(), "", "nonsense"] {
        let claims = with(json!({ "nonce": nonce }));
        for rule in [NonceRule::Required(&key), NonceRule::Accepted(&key)] {
            assert_eq!(check(&claims, |e| e.nonce = rule).unwrap_err(), ProofError::BadNonce, "{nonce}");
        }
    }
    assert_eq!(check(&claims(), |e| e.nonce = NonceRule::Required(&key)).unwrap_err(), ProofError::BadNonce);
    assert!(check(&claims(), |e| e.nonce = NonceRule::Accepted(&key)).is_ok());
    // With a wrong clock and no nonce the client is told the nonce, not that its clock is wrong.
    let late = with(json!({ "iat": NOW - 5000 }));
    assert_eq!(check(&late, |e| e.nonce = NonceRule::Required(&key)).unwrap_err(), ProofError::BadNonce);
    // A proof for another request is not worth a nonce.
    let other = with(json!({ "htm": "GET" }));
    assert_eq!(check(&other, |e| e.nonce = NonceRule::Required(&key)).unwrap_err(), ProofError::WrongMethod);
}

#[test]
fn dpop_11_rfc_9449_7_1_example_of_ath() {
    assert_eq!(access_token_hash(TOKEN), "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo");
    let claims = json!({
        "jti": "e1j3V_bKic8-LAEB", "htm": "GET", "htu": "https://resource.example.org/protectedresource",
        "iat": 1_562_262_618, "ath": "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo",
    });
    let key = JwkThumbprint::parse("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I").unwrap();
    let url = TargetUri::parse("https://resource.example.org/protectedresource").unwrap();
    let expected = Expected {
        method: "GET",
        url: &url,
        now: Timestamp::from_second(1_562_262_620).unwrap(),
        access_token: Some(BoundToken { text: TOKEN, key }),
        nonce: NonceRule::Off,
    };
    let proof = Proof::read("jws", |_| serde_json::from_value(claims).map(|claims| Signed { key, claims })).unwrap();
    let verified = proof.check(&expected).unwrap().first_use(true).unwrap();
    assert_eq!(verified.thumbprint(), key);
}

#[test]
fn dpop_11_the_proof_belongs_to_the_token_and_its_key() {
    let ath = access_token_hash(TOKEN);
    let bound = |claims: &Value, text: &'static str, key| {
        check(claims, |e| e.access_token = Some(BoundToken { text, key })).map(|proof| proof.thumbprint())
    };
    assert_eq!(bound(&with(json!({ "ath": ath })), TOKEN, KEY), Ok(KEY));
    assert_eq!(bound(&claims(), TOKEN, KEY), Err(ProofError::WrongAccessToken));
    assert_eq!(bound(&with(json!({ "ath": ath })), "another", KEY), Err(ProofError::WrongAccessToken));
    for wrong in [format!("{ath}="), ath.to_lowercase(), String::new(), TOKEN.to_owned()] {
        assert_eq!(bound(&with(json!({ "ath": wrong })), TOKEN, KEY), Err(ProofError::WrongAccessToken), "{wrong}");
    }
    let other = JwkThumbprint::from_bytes([8; 32]);
    assert_eq!(bound(&with(json!({ "ath": ath })), TOKEN, other), Err(ProofError::WrongKey));
}

#[test]
fn dpop_12_a_proof_serves_once() {
    let proof = check(&claims(), |_| {}).unwrap();
    assert_eq!(proof.clone().first_use(false), Err(ProofError::Replayed));
    assert_eq!(proof.first_use(true).unwrap().thumbprint(), KEY);
}

#[test]
fn rs_13_the_replay_key_is_of_key_address_and_jti() {
    let key = |claims: &Value| check(claims, |_| {}).unwrap().replay_key();
    let first = key(&claims());
    // Another spelling of the address, another time: the same proof.
    assert_eq!(key(&with(json!({ "htu": "https://api.example.com:443/orders?a", "iat": NOW - 5 }))), first);
    assert_ne!(key(&with(json!({ "jti": "another" }))), first);
    let other_url = TargetUri::parse("https://api.example.com/orders-").unwrap();
    let moved = with(json!({ "htu": "https://api.example.com/orders-", "jti": "BwC3ESc6acc2lTc" }));
    assert_ne!(check(&moved, |e| e.url = &other_url).unwrap().replay_key(), first);
    let other = Proof { key: JwkThumbprint::from_bytes([8; 32]), ..read(&claims()).unwrap() };
    assert_ne!(CheckedProof { proof: other, replay_until: at(0) }.replay_key(), first);
}

#[test]
fn rs_13_a_proof_is_remembered_for_as_long_as_it_could_be_accepted() {
    let nonces = NonceKey::new(&[1; 32], NoncePurpose::ProtectedResource);
    let nonce = nonces.issue(at(0));
    let with_nonce = with(json!({ "nonce": nonce.as_str(), "iat": NOW + 3000 }));
    for (claims, rule) in [
        (with(json!({ "iat": NOW - 60 })), NonceRule::Off),
        (with(json!({ "iat": NOW + 30 })), NonceRule::Off),
        (with(json!({ "iat": NOW + 30 })), NonceRule::Accepted(&nonces)),
        (with_nonce.clone(), NonceRule::Accepted(&nonces)),
        (with_nonce, NonceRule::Required(&nonces)),
    ] {
        let until = check(&claims, |e| e.nonce = rule).unwrap().replay_until();
        for later in 0..4000 {
            let accepted = check(&claims, |e| (e.nonce, e.now) = (rule, at(later))).is_ok();
            assert!(!accepted || at(later) < until, "{claims} {later}");
        }
    }
}

#[test]
fn a_thumbprint_is_43_characters() {
    let text = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
    let thumbprint = JwkThumbprint::parse(text).unwrap();
    assert_eq!(thumbprint.to_string(), text);
    assert_eq!(serde_json::to_value(Confirmation { jkt: thumbprint }).unwrap(), json!({ "jkt": text }));
    for wrong in [
        "",
        "a",
        text.trim_start_matches('0'),
        &format!("{text}A"),
        &format!("{text}="),
        &format!(" {text}"),
        &text.replace('I', "J"),
    ] {
        assert_eq!(JwkThumbprint::parse(wrong), None, "{wrong}");
    }
}

#[test]
fn g_6_every_text_may_stand_in_a_challenge() {
    use ProofError as E;
    for error in [
        E::Missing,
        E::TwoHeaders,
        E::Malformed,
        E::BadSignature,
        E::BadClaims,
        E::WrongMethod,
        E::WrongUrl,
        E::TooOld,
        E::TooFarAhead,
        E::BadNonce,
        E::WrongAccessToken,
        E::WrongKey,
        E::Replayed,
    ] {
        assert!(error.as_str().bytes().all(|b| matches!(b, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e)), "{error}");
    }
}

proptest! {
    #[test]
    fn claims_of_any_text_never_panic(jti in ".{0,300}", htm in ".{0,10}", htu in ".{0,100}", iat in any::<f64>()) {
        let claims = json!({ "jti": jti, "htm": htm, "htu": htu, "iat": iat, "nonce": htu, "ath": jti });
        let refused = check(&claims, |_| {}).is_err();
        prop_assert!(refused);
    }
}
