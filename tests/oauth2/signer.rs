//! An app that signs its assertions: `private_key_jwt`, with everything that can be wrong about one.

use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use brama_jose::{Algorithm, JwkSet, SigningKey, Typ};
use brama_protocol::client::{AuthMethod, Client, ClientKeys, ClientType};
use brama_protocol::client_assertion::ASSERTION_TYPE;
use brama_protocol::scope::Scope;
use brama_testkit::{Reply, TestServer, seeds};
use serde_json::{Value, json};

/// The machine that signs.
pub(crate) const SIGNER: &str = "signer";
/// What it asks for.
pub(crate) const MACHINE: (&str, &str) = ("grant_type", "client_credentials");

/// One key of it.
pub(crate) struct Signer {
    pub(crate) key: SigningKey,
}

impl Signer {
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        Self { key: SigningKey::generate(algorithm).unwrap() }
    }

    /// Its key as a JWK set.
    pub(crate) fn jwks(&self) -> String {
        serde_json::to_string(&JwkSet { keys: vec![self.key.public().clone()] }).unwrap()
    }

    /// Registered with its key.
    pub(crate) async fn registered(server: &TestServer) -> Self {
        let signer = Self::new(Algorithm::Es256);
        seeds::put_client(server, client(ClientKeys::Jwks(signer.jwks()))).await;
        signer
    }

    /// Claims that are right, with a `jti` of their own; some of them changed: `null` leaves one out.
    pub(crate) fn claims(server: &TestServer, changes: Value) -> Value {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let now = server.ctx().now.as_second();
        let jti = format!("jti-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let mut claims = json!({
            "iss": SIGNER, "sub": SIGNER, "aud": server.issuer(), "exp": now + 60, "iat": now, "jti": jti,
        });
        for (name, value) in changes.as_object().unwrap() {
            if value.is_null() {
                claims.as_object_mut().unwrap().remove(name);
            } else {
                claims[name] = value.clone();
            }
        }
        claims
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.key.sign(Typ::ClientAuthentication, claims).unwrap()
    }

    /// An assertion that is right but for these claims.
    pub(crate) fn assertion(&self, server: &TestServer, changes: Value) -> String {
        self.sign(&Self::claims(server, changes))
    }
}

/// The client, with these keys.
pub(crate) fn client(keys: ClientKeys) -> Client {
    Client {
        auth_method: AuthMethod::PrivateKeyJwt,
        keys,
        scope: Scope::parse("read").unwrap(),
        ..seeds::client(SIGNER, ClientType::Service)
    }
}

/// Header, claims and whatever signs them, as they are.
pub(crate) fn jwt(header: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(header), part(claims));
    let signature = URL_SAFE_NO_PAD.encode(sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

/// The parameters of an assertion, beside others.
pub(crate) fn with<'a>(assertion: &'a str, fields: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut form = vec![("client_assertion", assertion), ("client_assertion_type", ASSERTION_TYPE)];
    form.extend_from_slice(fields);
    form
}

/// Ask for a token with an assertion.
pub(crate) async fn ask(server: &TestServer, assertion: &str) -> Reply {
    server.post("/oauth2/token").form(&with(assertion, &[MACHINE])).send().await
}
