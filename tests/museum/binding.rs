//! BINDING: whoever takes a bound token asks for the proof of its key.

use brama_protocol::dpop::access_token_hash;
use brama_testkit::{RelyingParty, TestServer, seeds};
use serde_json::json;

use super::revoke::token_routes;
use crate::oauth2::dpop::{Prover, bound};

/// The server's own resources did not look at `cnf`. Every route of the table that an access token opens.
#[tokio::test]
async fn binding_01_every_resource_of_the_server_asks_for_the_key() {
    let server = TestServer::start().await;
    let (cli, prover, thief) = (RelyingParty::cli(), Prover::new(), Prover::new());
    let token = bound(&server, &cli, &prover).await.member("access_token");
    let other = bound(&server, &cli, &prover).await.member("access_token");
    for (method, path) in token_routes(&server).await {
        let name = method.as_str();
        let call = || server.call(method.clone(), path);
        let by_key = |proof: &str| call().header("authorization", &format!("DPoP {token}")).header("dpop", proof);
        let ath = access_token_hash(&token);
        let proof = |changes: serde_json::Value| {
            let mut claims = json!({ "ath": ath });
            claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
            prover.proof(&server, name, path, claims)
        };
        assert_eq!(call().bearer(&token).send().await.expect_error(401, "invalid_token").status, 401, "{name} {path}");
        let with_proof = call().bearer(&token).header("dpop", &proof(json!({}))).send().await;
        assert_eq!(with_proof.status, 401, "{name} {path}: the scheme says that it is bound to nothing");
        let bare = call().header("authorization", &format!("DPoP {token}")).send().await;
        assert_eq!(bare.status, 401, "{name} {path}: no proof");
        let now = server.ctx().now.as_second();
        for (why, proof) in [
            ("another key", thief.proof(&server, name, path, json!({ "ath": ath }))),
            ("no token", proof(json!({ "ath": null }))),
            ("another token", proof(json!({ "ath": access_token_hash(&other) }))),
            ("another method", proof(json!({ "htm": "DELETE" }))),
            ("another address", proof(json!({ "htu": format!("{}/oauth2/token", server.issuer()) }))),
            ("another server", proof(json!({ "htu": format!("https://evil.example{path}") }))),
            ("old", proof(json!({ "iat": now - 61 }))),
            ("early", proof(json!({ "iat": now + 31 }))),
        ] {
            assert_eq!(by_key(&proof).send().await.status, 401, "{name} {path}: {why}");
        }
        let good = proof(json!({}));
        assert_eq!(by_key(&good).send().await.status, 200, "{name} {path}");
        assert_eq!(by_key(&good).send().await.status, 401, "{name} {path}: again");
    }
    // A bound token lets nobody ask about tokens either; what it is bound to is told to APIs (EP-32).
    let asked = server.post("/oauth2/introspect").bearer(&token).form(&[("token", &token)]).send().await;
    assert_eq!(asked.expect_error(401, "invalid_client").status, 401);
    let robot = seeds::secret(seeds::ROBOT);
    let foreign = server.post("/oauth2/introspect").basic(seeds::ROBOT, &robot).form(&[("token", &token)]).send().await;
    assert_eq!(foreign.json(), json!({ "active": false }));
}
