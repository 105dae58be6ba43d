//! The worked examples of the specifications: RFC 6749 §2.3.1 and §4.1.1, RFC 7636 appendix B, RFC 8628 §3.3, RFC 9449 §4.2 and
//! §7.1, RFC 6750 §2.1. Those of signed tokens are in `brama-jose`.
#![expect(clippy::unwrap_used, reason = "tests")]

use brama_protocol::bearer::{Presented, Scheme, presented};
use brama_protocol::device::UserCode;
use brama_protocol::dpop::{
    BoundToken, Expected, JwkThumbprint, NonceRule, Proof, ProofError, Signed, TargetUri, access_token_hash,
};
use brama_protocol::parameters::Parameters;
use brama_protocol::pkce::{Challenge, Verifier};
use brama_protocol::token::request::Credentials;
use jiff::Timestamp;

#[test]
fn rfc_7636_b_challenge_and_verifier() {
    let verifier = Verifier::parse("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk").unwrap();
    let challenge = Challenge::parse(Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"), Some("S256")).unwrap();
    assert!(challenge.verify(&verifier).is_some());
    let other = Verifier::parse("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXK").unwrap();
    assert!(challenge.verify(&other).is_none());
}

#[test]
fn rfc_6749_2_3_1_basic() {
    // The secret `gX1fBat3bV` is not of our form, so it cannot be right; it is Basic all the same.
    let none = Parameters::parse(b"").unwrap();
    let read = Credentials::parse(&["Basic czZCaGRSa3F0MzpnWDFmQmF0M2JW"], &none).unwrap();
    assert!(
        matches!(read, Credentials::Secret { ref client, secret: None, basic: true } if client.as_str() == "s6BhdRkqt3")
    );
}

#[test]
fn rfc_6749_4_1_1_query() {
    let query =
        b"response_type=code&client_id=s6BhdRkqt3&state=xyz&redirect_uri=https%3A%2F%2Fclient%2Eexample%2Ecom%2Fcb";
    let parameters = Parameters::parse(query).unwrap();
    assert_eq!(parameters.one("redirect_uri"), Ok(Some("https://client.example.com/cb")));
    assert_eq!(parameters.one("state"), Ok(Some("xyz")));
}

#[test]
fn rfc_6750_2_1_and_rfc_9449_7_1_authorization() {
    assert_eq!(
        presented(["Bearer mF_9.B5f-4.1JqM"]),
        Ok(Presented { scheme: Scheme::Bearer, token: "mF_9.B5f-4.1JqM" })
    );
    let token = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
    assert_eq!(presented([format!("DPoP {token}").as_str()]), Ok(Presented { scheme: Scheme::Dpop, token }));
}

#[test]
fn rfc_8628_3_3_user_code() {
    assert_eq!(UserCode::parse("WDJB-MJHT").unwrap().shown(), "WDJB-MJHT");
}

const JKT: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";

fn proof(claims: &str) -> Proof {
    let key = JwkThumbprint::parse(JKT).unwrap();
    Proof::read("a.b.c", |_| serde_json::from_str(claims).map(|claims| Signed { key, claims })).unwrap()
}

#[test]
fn rfc_9449_4_2_proof_for_the_token_endpoint() {
    let claims = r#"{"jti":"-BwC3ESc6acc2lTc","htm":"POST","htu":"https://server.example.com/token","iat":1562262616}"#;
    let url = TargetUri::parse("https://server.example.com/token").unwrap();
    let at = |seconds| Expected {
        method: "POST",
        url: &url,
        now: Timestamp::from_second(seconds).unwrap(),
        access_token: None,
        nonce: NonceRule::Off,
    };
    assert!(proof(claims).check(&at(1_562_262_616)).is_ok());
    assert_eq!(proof(claims).check(&at(1_562_262_677)).unwrap_err(), ProofError::TooOld);
    let expected = Expected { method: "GET", ..at(1_562_262_616) };
    assert_eq!(proof(claims).check(&expected).unwrap_err(), ProofError::WrongMethod);
}

#[test]
fn rfc_9449_7_1_proof_for_a_protected_resource() {
    let token = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
    assert_eq!(access_token_hash(token), "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo");
    let claims = r#"{"jti":"e1j3V_bKic8-LAEB","htm":"GET","htu":"https://resource.example.org/protectedresource",
        "iat":1562262618,"ath":"fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"}"#;
    let url = TargetUri::parse("https://resource.example.org/protectedresource").unwrap();
    let with = |text, jkt| Expected {
        method: "GET",
        url: &url,
        now: Timestamp::from_second(1_562_262_620).unwrap(),
        access_token: Some(BoundToken { text, key: JwkThumbprint::parse(jkt).unwrap() }),
        nonce: NonceRule::Off,
    };
    assert!(proof(claims).check(&with(token, JKT)).is_ok());
    assert_eq!(proof(claims).check(&with("another", JKT)).unwrap_err(), ProofError::WrongAccessToken);
    let other_key = "A".repeat(43);
    assert_eq!(proof(claims).check(&with(token, &other_key)).unwrap_err(), ProofError::WrongKey);
}
