//! Bound tokens at our own protected resources. RFC 9449 §7, §9; RS-10 to RS-12; BINDING-01.

use brama_protocol::dpop::{NoncePurpose, access_token_hash};
use brama_testkit::{Browser, RelyingParty, TestServer};
use serde_json::json;

use super::proofs::bad_proofs;
use super::{Prover, bound, open};

/// RS-10, RS-11, BINDING-01: a bound token opens nothing without its key.
#[tokio::test]
async fn rs10_rs11_binding01_bound_tokens_at_our_own_resources() {
    let server = TestServer::start().await;
    let (cli, prover, thief) = (RelyingParty::cli(), Prover::new(), Prover::new());
    let token = bound(&server, &cli, &prover).await.member("access_token");
    let other = bound(&server, &cli, &prover).await.member("access_token");
    for path in ["/userinfo", "/api/auth/me"] {
        let as_bearer = server.get(path).bearer(&token).send().await.expect_error(401, "invalid_token");
        let challenges = as_bearer.headers_of("www-authenticate");
        assert!(challenges[0].starts_with("Bearer error=\"invalid_token\""), "{as_bearer}");
        assert_eq!(challenges[1..], ["DPoP algs=\"ES256 EdDSA RS256 PS256\""], "{as_bearer}");
        let proof = prover.beside(&server, "GET", path, &token);
        let with_proof = server.get(path).bearer(&token).header("dpop", &proof).send().await;
        assert_eq!(with_proof.expect_error(401, "invalid_token").status, 401, "the scheme counts");

        let without = server.get(path).header("authorization", &format!("DPoP {token}")).send().await;
        let without = without.expect_error(401, "invalid_dpop_proof");
        let challenge = without.headers_of("www-authenticate")[0].to_owned();
        assert!(challenge.starts_with("DPoP error=\"invalid_dpop_proof\"") && challenge.contains("algs="), "{without}");

        let base = json!({ "ath": access_token_hash(&token) });
        let bad = bad_proofs(&server, &prover, "GET", path, &base);
        let more = [
            ("no ath", prover.proof(&server, "GET", path, json!({}))),
            ("ath of another token", prover.beside(&server, "GET", path, &other)),
            ("ath is the token", prover.proof(&server, "GET", path, json!({"ath": token}))),
        ];
        for (why, proof) in bad.into_iter().chain(more) {
            let reply = open(&server, path, &token, &proof).await;
            assert_eq!((reply.status.as_u16(), &*reply.member("error")), (401, "invalid_dpop_proof"), "{why}: {reply}");
        }
        let stolen = open(&server, path, &token, &thief.beside(&server, "GET", path, &token)).await;
        assert_eq!(stolen.expect_error(401, "invalid_token").status, 401, "another key");

        let proof = prover.beside(&server, "GET", path, &token);
        assert_eq!(open(&server, path, &token, &proof).await.status, 200);
        assert_eq!(
            open(&server, path, &token, &proof).await.expect_error(401, "invalid_dpop_proof").status,
            401,
            "again"
        );
    }
    // OpenID Core §5.3.1: a token in a form is a bearer token.
    let in_form = server.post("/userinfo").form(&[("access_token", &token)]).send().await;
    assert_eq!(in_form.expect_error(401, "invalid_token").status, 401);
    let proof = prover.beside(&server, "POST", "/userinfo", &token);
    let posted = server.post("/userinfo").header("authorization", &format!("dpop {token}")).header("dpop", &proof);
    assert_eq!(posted.send().await.status, 200);
}

/// RS-10 the other way round, and what is said to whoever brought nothing.
#[tokio::test]
async fn rs10_an_unbound_token_is_no_dpop_token() {
    let server = TestServer::start().await;
    let (cli, prover) = (RelyingParty::cli(), Prover::new());
    let plain = cli.redeem(&server, Browser::new(&server).sign_in_for(&cli).await.code()).await.member("access_token");
    for path in ["/userinfo", "/api/auth/me"] {
        let reply = open(&server, path, &plain, &prover.beside(&server, "GET", path, &plain)).await;
        let challenges = reply.headers_of("www-authenticate");
        assert!(challenges[0].starts_with("DPoP error=\"invalid_token\""), "{reply}");
        assert_eq!((reply.status.as_u16(), challenges[1..].concat()), (401, "Bearer".to_owned()), "{reply}");
        assert_eq!(server.get(path).bearer(&plain).send().await.status, 200);
        let nothing = server.get(path).send().await;
        let challenges = nothing.headers_of("www-authenticate");
        assert_eq!(challenges, ["Bearer", "DPoP algs=\"ES256 EdDSA RS256 PS256\""], "no error where nothing came");
    }
}

/// RS-12: nonces of the two kinds are separate.
#[tokio::test]
async fn rs12_a_nonce_of_the_token_endpoint_is_none_at_a_resource() {
    let server = TestServer::start().await;
    let (cli, prover) = (RelyingParty::cli(), Prover::new());
    let token = bound(&server, &cli, &prover).await.member("access_token");
    let open = async |nonce: &str| {
        let claims = json!({"ath": access_token_hash(&token), "nonce": nonce});
        open(&server, "/userinfo", &token, &prover.proof(&server, "GET", "/userinfo", claims)).await
    };
    let foreign = server.deployment.nonces.issue(NoncePurpose::AuthorizationServer, server.ctx().now);
    let refused = open(foreign.as_str()).await.expect_error(401, "use_dpop_nonce");
    assert!(refused.headers_of("www-authenticate")[0].starts_with("DPoP error=\"use_dpop_nonce\""), "{refused}");
    let nonce = refused.header("dpop-nonce").unwrap();
    assert_eq!(open(nonce).await.status, 200);
}
