//! The forgeries of the standards list (TK-22 to TK-26): each is made, and each must fail for its own reason.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use brama_jose::{Algorithm, JwsError, MAX_TOKEN_BYTES, SigningKey, Typ, VerifyingKey, parse};
use proptest::prelude::*;
use serde_json::{Value, json};

fn b64(text: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

fn key(algorithm: Algorithm) -> (SigningKey, VerifyingKey) {
    let signing = SigningKey::generate(algorithm).unwrap();
    let verifying = VerifyingKey::new(signing.public()).unwrap();
    (signing, verifying)
}

fn check(token: &str, key: &VerifyingKey) -> Result<Value, JwsError> {
    parse(token)?.verify(key, Typ::AccessToken)?.claims()
}

/// Replace the header, keep payload and signature.
fn with_header(token: &str, header: &str) -> String {
    let (_, rest) = token.split_once('.').unwrap();
    format!("{}.{rest}", b64(header))
}

/// A token whose signature covers exactly this payload, whatever it is.
fn signed_payload(payload: &[u8]) -> (String, VerifyingKey) {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
    let (signing, verifying) = key(Algorithm::Es256);
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, signing.to_pkcs8()).unwrap();
    let message = format!("{}.{}", b64(r#"{"alg":"ES256","typ":"at+jwt"}"#), b64(payload));
    let signature = pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
    (format!("{message}.{}", b64(signature)), verifying)
}

#[test]
fn tk_22_alg_none_in_any_spelling() {
    let (signing, verifying) = key(Algorithm::Es256);
    let token = signing.sign(Typ::AccessToken, &json!({"sub": "a"})).unwrap();
    let payload = token.split('.').nth(1).unwrap();
    for alg in ["none", "None", "nOnE", "NONE", "", " none"] {
        let header = b64(format!(r#"{{"alg":"{alg}","typ":"at+jwt"}}"#));
        for signature in ["", "AA", token.rsplit('.').next().unwrap()] {
            let forged = format!("{header}.{payload}.{signature}");
            assert_eq!(check(&forged, &verifying), Err(JwsError::UnsupportedAlgorithm), "{alg}");
        }
    }
}

#[test]
fn tk_22_hmac_with_the_public_key_as_secret() {
    let (signing, verifying) = key(Algorithm::Rs256);
    let public = serde_json::to_string(signing.public()).unwrap();
    for alg in ["HS256", "RS256"] {
        let message = format!("{}.{}", b64(format!(r#"{{"alg":"{alg}","typ":"at+jwt"}}"#)), b64(r#"{"sub":"admin"}"#));
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, public.as_bytes()), message.as_bytes());
        assert!(check(&format!("{message}.{}", b64(tag)), &verifying).is_err(), "{alg}");
    }
}

#[test]
fn tk_22_the_key_decides_the_algorithm() {
    let (rs_key, rs) = key(Algorithm::Rs256);
    let ps_key = SigningKey::from_pkcs8(Algorithm::Ps256, rs_key.to_pkcs8()).unwrap();
    let ps = VerifyingKey::new(ps_key.public()).unwrap();
    let claims = json!({"sub": "a"});
    let rs_token = rs_key.sign(Typ::AccessToken, &claims).unwrap();
    let ps_token = ps_key.sign(Typ::AccessToken, &claims).unwrap();
    assert!(check(&rs_token, &rs).is_ok());
    assert!(check(&ps_token, &ps).is_ok());
    assert_eq!(check(&rs_token, &ps), Err(JwsError::WrongAlgorithm));
    assert_eq!(check(&ps_token, &rs), Err(JwsError::WrongAlgorithm));
    // The header alone does not help either.
    let relabelled = with_header(&ps_token, r#"{"alg":"RS256","typ":"at+jwt"}"#);
    assert_eq!(check(&relabelled, &rs), Err(JwsError::BadSignature));

    let (_, es) = key(Algorithm::Es256);
    let (ed_key, _) = key(Algorithm::EdDsa);
    assert_eq!(check(&ed_key.sign(Typ::AccessToken, &claims).unwrap(), &es), Err(JwsError::WrongAlgorithm));
}

#[test]
fn tk_23_the_other_name_of_ed25519_is_accepted_from_others() {
    use aws_lc_rs::signature::Ed25519KeyPair;
    let (signing, verifying) = key(Algorithm::EdDsa);
    let pair = Ed25519KeyPair::from_pkcs8(signing.to_pkcs8()).unwrap();
    let message = format!("{}.{}", b64(r#"{"alg":"Ed25519","typ":"at+jwt"}"#), b64(r#"{"sub":"a"}"#));
    let signature = pair.sign(message.as_bytes());
    assert!(check(&format!("{message}.{}", b64(signature)), &verifying).is_ok());
}

#[test]
fn tk_24_headers_that_bring_a_key_or_an_extension() {
    let (signing, _) = key(Algorithm::Es256);
    let token = signing.sign(Typ::AccessToken, &json!({"sub": "a"})).unwrap();
    let jwk = serde_json::to_string(signing.public()).unwrap();
    for extra in [
        format!(r#""jwk":{jwk}"#),
        r#""jku":"https://attacker.example/keys""#.to_owned(),
        r#""x5u":"https://attacker.example/cert""#.to_owned(),
        r#""x5c":["MIIB"]"#.to_owned(),
        r#""crit":["exp"]"#.to_owned(),
        r#""crit":["b64"],"b64":false"#.to_owned(),
        r#""crit":[]"#.to_owned(),
        r#""crit":null"#.to_owned(),
        r#""b64":false"#.to_owned(),
        r#""zip":"DEF""#.to_owned(),
        r#""enc":"A256GCM""#.to_owned(),
    ] {
        let forged = with_header(&token, &format!(r#"{{"alg":"ES256","typ":"at+jwt",{extra}}}"#));
        assert_eq!(parse(&forged).unwrap_err(), JwsError::ForbiddenHeader, "{extra}");
    }
}

#[test]
fn tk_24_kid_is_only_a_text() {
    let (signing, _) = key(Algorithm::Es256);
    let token = signing.sign(Typ::AccessToken, &json!({"sub": "a"})).unwrap();
    for kid in ["../../etc/passwd", "' OR 1=1 --", "", "\u{0}", "ключ"] {
        let header = json!({"alg": "ES256", "typ": "at+jwt", "kid": kid}).to_string();
        let forged = with_header(&token, &header);
        assert_eq!(parse(&forged).unwrap().header().kid(), Some(kid));
    }
    for kid in ["1", "null,\"a\":1", "{}", "[]"] {
        let forged = with_header(&token, &format!(r#"{{"alg":"ES256","kid":{kid},"kid":"a"}}"#));
        assert_eq!(parse(&forged).unwrap_err(), JwsError::Malformed, "{kid}");
    }
}

#[test]
fn tk_24_truncated_padded_and_otherwise_changed_text() {
    let (signing, verifying) = key(Algorithm::Es256);
    let token = signing.sign(Typ::AccessToken, &json!({"sub": "a"})).unwrap();
    let [header, payload, signature]: [&str; 3] = token.split('.').collect::<Vec<_>>().try_into().unwrap();
    for forged in [
        format!("{token}="),
        format!("{token}=="),
        format!("{token}\n"),
        format!(" {token}"),
        format!("{token}."),
        format!(".{token}"),
        format!("{token}.{signature}"),
        format!("{header}.{payload}"),
        format!("{header}..{payload}.{signature}"),
        format!("{header}.{payload}=.{signature}"),
        format!("{header}=.{payload}.{signature}"),
        format!(".{payload}.{signature}"),
        "..".to_owned(),
        String::new(),
        ".".to_owned(),
        json!({"payload": payload, "protected": header, "signature": signature}).to_string(),
        format!("{header}.{payload}.+{signature}"),
    ] {
        assert_eq!(check(&forged, &verifying), Err(JwsError::Malformed), "{forged}");
    }
    for cut in 1..signature.len() {
        let shorter = token.get(..token.len() - cut).unwrap();
        assert!(check(shorter, &verifying).is_err());
    }
    assert_eq!(check(&format!("{header}.{payload}."), &verifying), Err(JwsError::BadSignature));
}

/// The last character of a 64-byte signature carries four unused bits: all but one spelling must fail.
#[test]
fn tk_24_a_signature_has_one_spelling() {
    let (signing, verifying) = key(Algorithm::EdDsa);
    let token = signing.sign(Typ::AccessToken, &json!({"sub": "a"})).unwrap();
    let stem = token.get(..token.len() - 1).unwrap();
    let accepted = ('0'..='z').chain(['-']).filter(|last| check(&format!("{stem}{last}"), &verifying).is_ok()).count();
    assert_eq!(accepted, 1);
}

#[test]
fn tk_25_kinds_do_not_mix() {
    let (signing, verifying) = key(Algorithm::Es256);
    for made in Typ::ALL {
        let token = signing.sign(made, &json!({"sub": "a"})).unwrap();
        if made == Typ::DpopProof {
            // It carries a key: tests/embedded_key.rs.
            assert_eq!(parse(&token).unwrap_err(), JwsError::ForbiddenHeader);
            continue;
        }
        for wanted in Typ::ALL {
            let result = parse(&token).unwrap().verify(&verifying, wanted);
            assert_eq!(result.is_ok(), made == wanted, "{made:?} as {wanted:?}");
            if made != wanted {
                assert_eq!(result.unwrap_err(), JwsError::WrongTyp);
            }
        }
    }
}

#[test]
fn tk_26_duplicate_members_in_header_or_claims() {
    let (signing, _) = key(Algorithm::Es256);
    let token = signing.sign(Typ::AccessToken, &json!({"sub": "a"})).unwrap();
    for header in [
        r#"{"alg":"none","alg":"ES256"}"#,
        r#"{"alg":"ES256","typ":"at+jwt","typ":"JWT"}"#,
        r#"{"alg":"ES256","foo":1,"foo":2}"#,
    ] {
        assert_eq!(parse(&with_header(&token, header)).unwrap_err(), JwsError::Malformed, "{header}");
    }
    for payload in [
        r#"{"aud":"https://api.example","aud":"https://other.example"}"#,
        r#"{"sub":"a","\u0073ub":"b"}"#,
        r#"{"cnf":{"jkt":"a","jkt":"b"}}"#,
    ] {
        let (token, verifying) = signed_payload(payload.as_bytes());
        assert_eq!(check(&token, &verifying), Err(JwsError::BadClaims), "{payload}");
    }
}

#[test]
fn tk_26_claims_are_one_utf8_object() {
    for payload in [&b"{\"sub\":\"\xff\"}"[..], b"", b"[]", b"null", b"\"a\"", b"{}{}", b"{\"a\":1} x", b"foo"] {
        let (token, verifying) = signed_payload(payload);
        assert_eq!(check(&token, &verifying), Err(JwsError::BadClaims), "{payload:?}");
    }
    let (token, verifying) = signed_payload(br#"{"sub":"a"}"#);
    assert!(check(&token, &verifying).is_ok());
}

#[test]
fn tk_26_header_is_one_utf8_object() {
    let (signing, _) = key(Algorithm::Es256);
    let token = signing.sign(Typ::AccessToken, &json!({"sub": "a"})).unwrap();
    let (_, rest) = token.split_once('.').unwrap();
    for header in [
        &b"[]"[..],
        b"\"ES256\"",
        b"",
        b"{}",
        b"{\"alg\":1}",
        b"{\"alg\":null}",
        b"{\"alg\":\"ES256\"}x",
        b"{\"alg\":\"\xff\"}",
        b"{\"alg\":\"ES256\",\"typ\":[]}",
    ] {
        assert_eq!(parse(&format!("{}.{rest}", b64(header))).unwrap_err(), JwsError::Malformed, "{header:?}");
    }
}

/// CVE-2022-21449 and its kin: `r = s = 0` and other degenerate signatures.
#[test]
fn tk_24_degenerate_signatures() {
    let (es_key, es) = key(Algorithm::Es256);
    let (ed_key, ed) = key(Algorithm::EdDsa);
    let order = "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551";
    let n: Vec<u8> = (0..32).map(|i| u8::from_str_radix(order.get(i * 2..i * 2 + 2).unwrap(), 16).unwrap()).collect();
    let mut signatures = vec![
        vec![0; 64],
        vec![0xff; 64],
        [n.clone(), n.clone()].concat(),
        Vec::new(),
        vec![0; 63],
        vec![0; 65],
        vec![1; 256],
    ];
    signatures.push([vec![0; 32], n].concat());
    for (signing, verifying) in [(es_key, es), (ed_key, ed)] {
        let token = signing.sign(Typ::AccessToken, &json!({"sub": "a"})).unwrap();
        let (signed, _) = token.rsplit_once('.').unwrap();
        for signature in &signatures {
            let forged = format!("{signed}.{}", b64(signature));
            assert_eq!(check(&forged, &verifying), Err(JwsError::BadSignature));
        }
    }
}

#[test]
fn signatures_of_another_key_or_over_other_claims() {
    for algorithm in Algorithm::ALL {
        let (signing, verifying) = key(algorithm);
        let (other, _) = key(algorithm);
        let token = signing.sign(Typ::AccessToken, &json!({"sub": "a"})).unwrap();
        assert_eq!(check(&token, &verifying).unwrap()["sub"], "a");
        let foreign = other.sign(Typ::AccessToken, &json!({"sub": "a"})).unwrap();
        assert_eq!(check(&foreign, &verifying), Err(JwsError::BadSignature));
        let changed = token.replace(&b64(r#"{"sub":"a"}"#), &b64(r#"{"sub":"b"}"#));
        assert_eq!(check(&changed, &verifying), Err(JwsError::BadSignature));
    }
}

#[test]
fn g_9_long_tokens_are_not_looked_at() {
    let (signing, verifying) = key(Algorithm::Es256);
    let token = signing.sign(Typ::AccessToken, &json!({"sub": "a".repeat(11_000)})).unwrap();
    assert!(token.len() < MAX_TOKEN_BYTES);
    assert!(check(&token, &verifying).is_ok());
    let token = signing.sign(Typ::AccessToken, &json!({"sub": "a".repeat(13_000)})).unwrap();
    assert_eq!(check(&token, &verifying), Err(JwsError::TooLong));
}

#[test]
fn debug_shows_neither_claims_nor_signature() {
    let (signing, verifying) = key(Algorithm::Es256);
    let token = signing.sign(Typ::AccessToken, &json!({"sub": "alice"})).unwrap();
    let unverified = parse(&token).unwrap();
    let text = format!("{unverified:?}");
    assert!(!text.contains("alice") && !text.contains("signature"), "{text}");
    let verified = unverified.verify(&verifying, Typ::AccessToken).unwrap();
    assert_eq!(format!("{verified:?}"), "Verified { .. }");
}

proptest! {
    #[test]
    fn parse_never_panics(text in "\\PC*") {
        let _ = parse(&text);
    }

    #[test]
    fn parse_never_panics_on_three_parts(header in ".*", payload in ".*", signature in "[A-Za-z0-9_=.-]{0,90}") {
        let _ = parse(&format!("{}.{}.{signature}", b64(header), b64(payload)));
    }

    #[test]
    fn parse_never_panics_on_almost_headers(
        alg in "(ES256|EdDSA|RS256|none|)",
        extra in "[\\[\\]{}\",:a-z0-9\\\\ ]{0,40}",
        cut in 0..200_usize,
    ) {
        let token = format!("{}.e30.AA", b64(format!(r#"{{"alg":"{alg}",{extra}}}"#)));
        let _ = parse(&token);
        let _ = token.get(..cut).map(parse);
    }

    /// One changed character anywhere: refused.
    #[test]
    fn any_changed_character_is_refused(position in 0..1000_usize, replacement in "[A-Za-z0-9_.-]") {
        let (signing, verifying) = key(Algorithm::EdDsa);
        let token = signing.sign(Typ::AccessToken, &json!({"sub": "a"})).unwrap();
        let position = position % token.len();
        let mut changed = token.clone();
        changed.replace_range(position..=position, &replacement);
        prop_assume!(changed != token);
        prop_assert!(check(&changed, &verifying).is_err());
    }
}
