//! DPoP: proofs, their header, their address and their nonce. RFC 9449.

use brama_jose::{Algorithm, verify_with_embedded_key};
use brama_protocol::dpop::{
    BoundToken, Expected, HTU_BYTES, JTI_BYTES, JwkThumbprint, NonceKey, NoncePurpose, NonceRule, PROOF_BYTES, Proof,
    ProofClaims, ProofError, Signed, TargetUri, access_token_hash, proof_header,
};
use serde_json::Value;
use url::Url;

use crate::token::{NOW, now};

const URL: &str = "https://api.example.com/orders";
const TOKEN: &str = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";

/// RFC 9449 §4.3 no. 1: one header or none. Input: the values, a line each.
pub fn header(data: &[u8]) {
    let values: Vec<&[u8]> = data.split(|byte| *byte == b'\n').collect();
    assert_eq!(proof_header::<[u8]>([]), Ok(None));
    match (proof_header(values.iter().copied()), values.as_slice()) {
        (Ok(Some(text)), [only]) => assert!(text.as_bytes() == *only && text.len() <= PROOF_BYTES && text.is_ascii()),
        (Err(ProofError::Malformed), [only]) => assert!(only.len() > PROOF_BYTES || !only.is_ascii()),
        (Err(ProofError::TwoHeaders), [_, _, ..]) => {}
        (other, values) => assert!(values.is_empty(), "{other:?}"),
    }
}

/// RFC 9449 §4.3 no. 2 to 7: whatever verifies names its own key, and is then a proof of it.
pub fn proof(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(signed) = verify_with_embedded_key(text, &Algorithm::ALL) else { return };
    let key = JwkThumbprint::parse(signed.thumbprint());
    assert_eq!(key.map(|key| key.to_string()).as_deref(), Some(signed.thumbprint()));
    let Some(key) = key else { return };
    let read = Proof::read(text, |_| signed.claims::<ProofClaims>().map(|claims| Signed { key, claims }));
    if let Ok(proof) = read {
        assert_eq!(proof.thumbprint(), key);
    }
    // No other reader of tokens takes it.
    assert!(brama_jose::parse(text).is_err());
}

/// RFC 9449 §4.3 no. 8 to 12, JOSE-04, JOSE-13: claims that pass fit a plain reading of the section. Input: the claims as JSON.
pub fn claims(data: &[u8]) {
    // Claims are read from one JSON object only: `brama_jose::Verified::claims`.
    let Some(json) = crate::object(data) else { return };
    let Ok(claims) = serde_json::from_slice::<ProofClaims>(data) else { return };
    let key = JwkThumbprint::from_bytes([7; 32]);
    let Ok(proof) = Proof::read("a.b.c", |_| Ok::<_, ()>(Signed { key, claims })) else { return };
    let text = |name: &str| json.get(name).and_then(Value::as_str).unwrap_or_default();
    assert!((1..=JTI_BYTES).contains(&text("jti").len()));
    let target = TargetUri::parse(text("htu"));
    assert!(target.is_some());
    let Some(url) = TargetUri::parse(URL) else { return assert!(URL.is_empty()) };
    let nonces = NonceKey::new(&[1; 32], NoncePurpose::ProtectedResource);
    for access_token in [None, Some(BoundToken { text: TOKEN, key })] {
        for (nonce, by_nonce) in
            [(NonceRule::Off, false), (NonceRule::Accepted(&nonces), true), (NonceRule::Required(&nonces), true)]
        {
            let expected = Expected { method: "POST", url: &url, now: now(), access_token, nonce };
            let Ok(checked) = proof.clone().check(&expected) else { continue };
            assert_eq!((text("htm"), target.as_ref()), ("POST", Some(&url)));
            assert!(access_token.is_none() || text("ath") == access_token_hash(TOKEN));
            if by_nonce && json.get("nonce").is_some_and(Value::is_string) {
                assert!(nonces.good_until(text("nonce"), now()).is_some());
            } else {
                assert!(!matches!(nonce, NonceRule::Required(_)), "passed without a nonce");
                let iat = json.get("iat").and_then(Value::as_f64).unwrap_or(f64::NAN);
                let now = NOW as f64;
                assert!(iat >= now - 60.0 && iat <= now + 30.0, "iat {iat}");
            }
            assert!(checked.replay_until() >= now(), "forgotten too early");
            assert!(checked.first_use(false).is_err());
        }
    }
}

/// RFC 9449 §4.3 no. 9, RFC 3986 §6.2: one normal form, of the same origin as a browser reads it, without query and fragment.
pub fn htu(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Some(below) = TargetUri::below("https://api.example.com", text) {
        assert!(below.as_str().starts_with("https://api.example.com/"), "a path leads to another host");
    }
    let Some(target) = TargetUri::parse(text) else { return };
    let normal = target.as_str();
    assert!(text.len() <= HTU_BYTES && normal.is_ascii());
    assert!(normal.starts_with("https://") || normal.starts_with("http://"));
    assert!(!normal.contains(['?', '#']));
    let again = TargetUri::parse(normal);
    assert_eq!(again.as_ref(), Some(&target), "the normal form is not normal");
    let with_more = text.split(['?', '#']).next().unwrap_or_default();
    assert_eq!(
        TargetUri::parse(&format!("{with_more}?a=b#c")).as_ref(),
        Some(&target).filter(|_| with_more.len() + 6 <= HTU_BYTES)
    );
    let (theirs, ours) = (Url::parse(text), Url::parse(normal));
    assert!(theirs.is_ok());
    assert_eq!(theirs.map(|url| url.origin()).ok(), ours.map(|url| url.origin()).ok(), "another origin");
}

/// RS-12: a nonce is ours and of these minutes, or none.
pub fn nonce(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let key = NonceKey::new(&[1; 32], NoncePurpose::AuthorizationServer);
    let ours: Vec<String> = [-600, -300, 0, 30]
        .iter()
        .filter_map(|ahead| jiff::Timestamp::from_second(NOW + ahead).ok())
        .map(|at| key.issue(at).to_string())
        .collect();
    let good = key.good_until(text, now());
    assert!(good.is_none() || ours.iter().any(|nonce| nonce == text), "a forged nonce");
    assert!(good.is_none_or(|until| until > now()));
    assert_eq!(key.is_newest(text, now()), key.issue(now()).as_str() == text);
    if let Some(thumbprint) = JwkThumbprint::parse(text) {
        assert_eq!(thumbprint.to_string(), text, "a thumbprint has two spellings");
    }
}
