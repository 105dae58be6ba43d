//! DPoP proofs: the one place where a key comes with the token (TK-24, RFC 9449 §4.3; museum JOSE-03).
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use brama_jose::{Algorithm, JwsError, SelfSigned, SigningKey, Typ, VerifyingKey, parse, verify_with_embedded_key};
use proptest::prelude::*;
use serde_json::{Value, json};

/// RFC 9449 §4.2, figure 4 without line breaks.
const RFC_9449: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg";

fn verify(proof: &str) -> Result<SelfSigned, JwsError> {
    verify_with_embedded_key(proof, &Algorithm::ALL)
}

fn b64(text: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

fn key(algorithm: Algorithm) -> SigningKey {
    SigningKey::generate(algorithm).unwrap()
}

fn header_of(proof: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(proof.split('.').next().unwrap()).unwrap()).unwrap()
}

fn with_header(proof: &str, header: &str) -> String {
    format!("{}.{}", b64(header), proof.split_once('.').unwrap().1)
}

/// A proof whose P-256 signature covers this header too.
fn signed_with(key: &SigningKey, header: &Value) -> String {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.to_pkcs8()).unwrap();
    let message = format!("{}.{}", b64(header.to_string()), b64(r#"{"jti":"a"}"#));
    let signature = pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
    format!("{message}.{}", b64(signature))
}

#[test]
fn rfc_9449_4_2_example_and_its_thumbprint() {
    let proof = verify(RFC_9449).unwrap();
    // §6.1: the `jkt` of this very key.
    assert_eq!(proof.thumbprint(), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
    let claims: Value = proof.claims().unwrap();
    assert_eq!(claims["htu"], "https://server.example.com/token");
    assert_eq!(claims["iat"], 1_562_262_616);
}

#[test]
fn every_algorithm_makes_proofs_that_carry_the_public_key_only() {
    for algorithm in Algorithm::ALL {
        let key = key(algorithm);
        let token = key.sign(Typ::DpopProof, &json!({ "jti": "a" })).unwrap();
        let proof = verify(&token).unwrap();
        assert_eq!(proof.thumbprint(), key.public().thumbprint());
        assert_eq!(proof.claims::<Value>().unwrap()["jti"], "a");
        let header = header_of(&token);
        assert_eq!(header["typ"], "dpop+jwt");
        for secret in ["d", "p", "q", "dp", "dq", "qi", "k"] {
            assert!(header["jwk"].get(secret).is_none(), "{algorithm} {secret}");
        }
        let others: Vec<_> = Algorithm::ALL.into_iter().filter(|other| *other != algorithm).collect();
        assert_eq!(verify_with_embedded_key(&token, &others), Err(JwsError::UnsupportedAlgorithm));
    }
}

#[test]
fn tk_24_jose_03_no_other_kind_may_bring_its_key() {
    let key = key(Algorithm::Es256);
    let jwk = serde_json::to_value(key.public()).unwrap();
    for typ in Typ::ALL.into_iter().filter(|typ| *typ != Typ::DpopProof) {
        let token = signed_with(&key, &json!({ "alg": "ES256", "typ": typ.as_str(), "jwk": jwk }));
        assert_eq!(parse(&token).unwrap_err(), JwsError::ForbiddenHeader, "{typ:?}");
        assert_eq!(verify(&token), Err(JwsError::WrongTyp), "{typ:?}");
    }
    // Without `typ` it is no proof either, and a proof is nothing that `parse` reads.
    let token = signed_with(&key, &json!({ "alg": "ES256", "jwk": jwk }));
    assert_eq!(verify(&token), Err(JwsError::WrongTyp));
    assert_eq!(parse(RFC_9449).unwrap_err(), JwsError::ForbiddenHeader);
}

#[test]
fn a_proof_without_a_sound_public_key() {
    let key = key(Algorithm::Es256);
    let token = key.sign(Typ::DpopProof, &json!({ "jti": "a" })).unwrap();
    let good = header_of(&token);
    let p384 = json!({ "kty": "EC", "crv": "P-384", "x": "AA", "y": "AA" });
    let mut off_curve = good["jwk"].clone();
    off_curve["y"] = off_curve["x"].clone();
    let mut private = good["jwk"].clone();
    private["d"] = json!("AA");
    let mut null_private = good["jwk"].clone();
    null_private["d"] = Value::Null;
    let mut for_encryption = good["jwk"].clone();
    for_encryption["use"] = json!("enc");
    let rsa = serde_json::to_value(SigningKey::generate(Algorithm::Rs256).unwrap().public()).unwrap();
    for jwk in [
        Value::Null,
        json!("key"),
        json!([]),
        json!({}),
        json!({ "kty": "oct", "k": "c2VjcmV0" }),
        p384,
        off_curve,
        private,
        null_private,
        for_encryption,
        rsa,
    ] {
        let header = json!({ "alg": "ES256", "typ": "dpop+jwt", "jwk": jwk });
        assert_eq!(verify(&signed_with(&key, &header)), Err(JwsError::BadEmbeddedKey), "{jwk}");
    }
    let header = json!({ "alg": "ES256", "typ": "dpop+jwt" });
    assert_eq!(verify(&signed_with(&key, &header)), Err(JwsError::BadEmbeddedKey));
    // The very same builder makes a good one.
    assert!(verify(&signed_with(&key, &good)).is_ok());
}

#[test]
fn tk_22_the_algorithm_of_a_proof_is_asymmetric_and_fits_its_key() {
    let rsa = key(Algorithm::Rs256);
    let token = rsa.sign(Typ::DpopProof, &json!({ "jti": "a" })).unwrap();
    let jwk = header_of(&token)["jwk"].clone();
    for alg in ["none", "None", "HS256", "RS512", ""] {
        let header = json!({ "alg": alg, "typ": "dpop+jwt", "jwk": jwk }).to_string();
        assert_eq!(verify(&with_header(&token, &header)), Err(JwsError::UnsupportedAlgorithm), "{alg}");
    }
    for alg in ["ES256", "EdDSA"] {
        let header = json!({ "alg": alg, "typ": "dpop+jwt", "jwk": jwk }).to_string();
        assert_eq!(verify(&with_header(&token, &header)), Err(JwsError::BadEmbeddedKey), "{alg}");
    }
    let header = json!({ "alg": "PS256", "typ": "dpop+jwt", "jwk": jwk }).to_string();
    assert_eq!(verify(&with_header(&token, &header)), Err(JwsError::BadSignature));
    // HMAC with the public key as the secret.
    let message =
        format!("{}.{}", b64(json!({ "alg": "HS256", "typ": "dpop+jwt", "jwk": jwk }).to_string()), b64("{}"));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, jwk.to_string().as_bytes()), message.as_bytes());
    assert_eq!(verify(&format!("{message}.{}", b64(tag))), Err(JwsError::UnsupportedAlgorithm));
}

#[test]
fn tk_24_further_headers_that_are_refused_in_proofs() {
    let key = key(Algorithm::Es256);
    let good = header_of(&key.sign(Typ::DpopProof, &json!({})).unwrap());
    for (name, value) in [
        ("jku", json!("https://attacker.example/keys")),
        ("x5u", json!("https://attacker.example/cert")),
        ("x5c", json!(["MIIB"])),
        ("crit", json!(["exp"])),
        ("b64", json!(false)),
        ("zip", json!("DEF")),
        ("enc", json!("A256GCM")),
    ] {
        let mut header = good.clone();
        header[name] = value;
        assert_eq!(verify(&signed_with(&key, &header)), Err(JwsError::ForbiddenHeader), "{name}");
    }
}

#[test]
fn changed_bytes_and_foreign_signatures() {
    let (one, two) = (key(Algorithm::Es256), key(Algorithm::Es256));
    let token = one.sign(Typ::DpopProof, &json!({ "jti": "a" })).unwrap();
    let other = two.sign(Typ::DpopProof, &json!({ "jti": "a" })).unwrap();
    assert_eq!(verify(&with_header(&token, &header_of(&other).to_string())), Err(JwsError::BadSignature));
    let (head, _) = token.rsplit_once('.').unwrap();
    for signature in ["", &b64([0; 64]), &b64([0xff; 64]), &b64([0; 63])] {
        assert_eq!(verify(&format!("{head}.{signature}")), Err(JwsError::BadSignature));
    }
    for nonsense in
        ["", ".", "..", "a.b", "a.b.c", &format!("{token}="), &format!("{token}.a"), &format!("{token},{token}")]
    {
        assert_eq!(verify(nonsense), Err(JwsError::Malformed), "{nonsense}");
    }
    assert_eq!(verify(&"a".repeat(20_000)), Err(JwsError::TooLong));
    // A header that names a member twice has two readings.
    let jwk = header_of(&token)["jwk"].to_string();
    let twice = format!(r#"{{"alg":"ES256","typ":"dpop+jwt","jwk":{jwk},"jwk":{jwk}}}"#);
    assert_eq!(verify(&with_header(&token, &twice)), Err(JwsError::Malformed));
}

#[test]
fn a_key_that_signs_tokens_does_not_make_them_proofs() {
    let key = key(Algorithm::Es256);
    let verifying = VerifyingKey::new(key.public()).unwrap();
    let token = key.sign(Typ::AccessToken, &json!({})).unwrap();
    assert_eq!(verify(&token), Err(JwsError::WrongTyp));
    assert_eq!(parse(&token).unwrap().verify(&verifying, Typ::DpopProof).unwrap_err(), JwsError::WrongTyp);
}

proptest! {
    #[test]
    fn nonsense_never_panics(text in "\\PC{0,200}", bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(verify(&text).is_err());
        let with_header = format!("{}.e30.AA", b64(&bytes));
        prop_assert!(verify(&with_header).is_err());
    }
}
