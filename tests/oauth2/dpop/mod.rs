//! DPoP: proofs at the token endpoint, bound tokens at our own protected resources. RFC 9449; standards §4.2; TE-22, TE-25,
//! TK-7, RS-10 to RS-15; BINDING-01.

mod binding;
mod proofs;
mod resource;

use std::sync::atomic::{AtomicU64, Ordering};

use brama_jose::{Algorithm, SigningKey, Typ};
use brama_protocol::dpop::access_token_hash;
use brama_testkit::{Browser, Call, RelyingParty, Reply, TestServer};
use serde_json::{Value, json};

pub(crate) const TOKEN: &str = "/oauth2/token";

/// A client's key.
pub(crate) struct Prover(pub(crate) SigningKey);

impl Prover {
    pub(crate) fn new() -> Self {
        Self(SigningKey::generate(Algorithm::Es256).unwrap())
    }

    pub(crate) fn jkt(&self) -> String {
        self.0.public().thumbprint()
    }

    /// Claims of a proof for this request, some of them changed; `null` leaves one out.
    pub(crate) fn claims(server: &TestServer, method: &str, path: &str, changes: Value) -> Value {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let mut claims = json!({
            "jti": format!("proof-{}", COUNT.fetch_add(1, Ordering::Relaxed)),
            "htm": method,
            "htu": format!("{}{path}", server.issuer()),
            "iat": server.ctx().now.as_second(),
        });
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
            if value.is_null() {
                claims.as_object_mut().unwrap().remove(name);
            }
        }
        claims
    }

    pub(crate) fn proof(&self, server: &TestServer, method: &str, path: &str, changes: Value) -> String {
        self.0.sign(Typ::DpopProof, &Self::claims(server, method, path, changes)).unwrap()
    }

    /// For the token endpoint.
    pub(crate) fn at_token(&self, server: &TestServer) -> String {
        self.proof(server, "POST", TOKEN, json!({}))
    }

    /// For a protected resource with a token.
    pub(crate) fn beside(&self, server: &TestServer, method: &str, path: &str, token: &str) -> String {
        self.proof(server, method, path, json!({ "ath": access_token_hash(token) }))
    }
}

/// A code for an app, with the fields that redeem it.
pub(crate) async fn code(server: &TestServer, app: &RelyingParty, changes: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut browser = Browser::new(server);
    let landing = browser.authorize(app, changes).await;
    let code = browser.complete(landing).await.code().to_owned();
    let mut fields = vec![("grant_type", "authorization_code"), ("code", &code), ("code_verifier", &app.verifier)];
    fields.push(("client_id", &app.client_id));
    fields.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

pub(crate) fn form<'s>(call: Call<'s>, app: &RelyingParty, fields: &[(String, String)]) -> Call<'s> {
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    match &app.secret {
        Some(secret) => call.basic(&app.client_id, secret).form(&fields),
        None => call.form(&fields),
    }
}

/// A token request with these proofs.
pub(crate) async fn ask(
    server: &TestServer,
    app: &RelyingParty,
    fields: &[(String, String)],
    proofs: &[&str],
) -> Reply {
    let mut call = server.post(TOKEN);
    for proof in proofs {
        call = call.header("dpop", proof);
    }
    form(call, app, fields).send().await
}

pub(crate) fn refresh_fields(app: &RelyingParty, token: &str) -> Vec<(String, String)> {
    [("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", &app.client_id)]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
}

pub(crate) async fn refresh(server: &TestServer, app: &RelyingParty, token: &str, prover: Option<&Prover>) -> Reply {
    let proof = prover.map(|prover| prover.at_token(server));
    let proofs: Vec<&str> = proof.as_deref().into_iter().collect();
    ask(server, app, &refresh_fields(app, token), &proofs).await
}

/// Tokens of an app that were bound to a key.
pub(crate) async fn bound(server: &TestServer, app: &RelyingParty, prover: &Prover) -> Reply {
    let fields = code(server, app, &[]).await;
    ask(server, app, &fields, &[&prover.at_token(server)]).await.expect(200)
}

/// One request to a protected resource with a bound token.
pub(crate) async fn open(server: &TestServer, path: &str, token: &str, proof: &str) -> Reply {
    server.get(path).header("authorization", &format!("DPoP {token}")).header("dpop", proof).send().await
}
