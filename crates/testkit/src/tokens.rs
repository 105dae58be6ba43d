//! Checking tokens as anybody can: with the keys the server publishes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use brama_jose::{JwkSet, Typ, VerifyingKey};
use serde_json::Value;

use crate::server::TestServer;

/// Header and claims of a token, without any check.
#[must_use]
pub fn peek(token: &str) -> (Value, Value) {
    let part = |index| {
        let part = token.split('.').nth(index).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    };
    (part(0), part(1))
}

/// The claims of a token, after its signature was checked with the key that `/oauth2/jwks` names for it.
pub async fn verify(server: &TestServer, token: &str, typ: Typ) -> Value {
    let set: JwkSet = serde_json::from_slice(&server.get("/oauth2/jwks").send().await.body).unwrap();
    let unverified = brama_jose::parse(token).unwrap();
    let key = set.get(unverified.header().kid().unwrap()).expect("the key is published");
    unverified.verify(&VerifyingKey::new(key).unwrap(), typ).unwrap().claims().unwrap()
}
