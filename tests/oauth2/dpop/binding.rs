//! What a key is bound to: access tokens, refresh tokens, codes, cookies. RFC 9449 §5, §10; TE-22, TE-25, TK-7; BINDING-01.

use brama_jose::Typ;
use brama_protocol::client::{Client, ClientType, GrantType};
use brama_testkit::{Browser, RelyingParty, TestServer, seeds, tokens};
use http::Method;
use serde_json::json;

use super::{Prover, TOKEN, ask, bound, code, form, open, refresh, refresh_fields};
use crate::device_page::{Tv, connect};
use crate::support::{DEMO_RT, SESSION};

#[tokio::test]
async fn tk7_rs14_a_proof_binds_the_access_token() {
    let server = TestServer::start().await;
    let (cli, prover) = (RelyingParty::cli(), Prover::new());
    let reply = bound(&server, &cli, &prover).await;
    assert_eq!(reply.json()["token_type"], "DPoP");
    let token = reply.member("access_token");
    let claims = tokens::verify(&server, &token, Typ::AccessToken).await;
    assert_eq!(claims["cnf"], json!({ "jkt": prover.jkt() }));
    let reply = open(&server, "/userinfo", &token, &prover.beside(&server, "GET", "/userinfo", &token)).await;
    assert_eq!(reply.status, 200, "{reply}");
    // Without a proof everything is as before.
    let plain = cli.redeem(&server, Browser::new(&server).sign_in_for(&cli).await.code()).await.expect(200);
    assert_eq!(plain.json()["token_type"], "Bearer");
    assert_eq!(tokens::verify(&server, &plain.member("access_token"), Typ::AccessToken).await.get("cnf"), None);
}

/// TE-25, BINDING-01: the key can neither be swapped nor left out; a mistake costs nothing.
#[tokio::test]
async fn te25_binding01_a_public_clients_refresh_token_is_bound() {
    let server = TestServer::start().await;
    let (cli, prover, thief) = (RelyingParty::cli(), Prover::new(), Prover::new());
    let first = bound(&server, &cli, &prover).await.member("refresh_token");
    let forgotten = refresh(&server, &cli, &first, None).await;
    assert_eq!(forgotten.expect_error(400, "invalid_dpop_proof").status, 400);
    let swapped = refresh(&server, &cli, &first, Some(&thief)).await;
    assert_eq!(swapped.expect_error(400, "invalid_grant").status, 400);
    let second = refresh(&server, &cli, &first, Some(&prover)).await.expect(200);
    assert_eq!(second.json()["token_type"], "DPoP");
    let claims = tokens::verify(&server, &second.member("access_token"), Typ::AccessToken).await;
    assert_eq!(claims["cnf"]["jkt"], prover.jkt());
    let second = second.member("refresh_token");
    assert_ne!(first, second);
    // Design §5: the holder of the key lost an answer, long ago.
    server.clock.advance_seconds(3600);
    let replaced = refresh(&server, &cli, &first, Some(&prover)).await.expect(200).member("refresh_token");
    assert!(replaced != first && replaced != second);
    assert_eq!(refresh(&server, &cli, &second, Some(&prover)).await.expect_error(400, "invalid_grant").status, 400);
}

/// TE-25: a client that authenticates itself may change its key.
#[tokio::test]
async fn te25_a_confidential_clients_refresh_token_is_not_bound() {
    let server = TestServer::start().await;
    let (shop, one, two) = (RelyingParty::shop(), Prover::new(), Prover::new());
    let token = bound(&server, &shop, &one).await.member("refresh_token");
    for prover in [None, Some(&two), Some(&one)] {
        let reply = refresh(&server, &shop, &token, prover).await.expect(200);
        assert_eq!(reply.member("refresh_token"), token);
        let claims = tokens::verify(&server, &reply.member("access_token"), Typ::AccessToken).await;
        let jkt = claims.get("cnf").map(|cnf| cnf["jkt"].as_str().unwrap().to_owned());
        assert_eq!(jkt, prover.map(Prover::jkt));
    }
}

/// TE-22: a code that was asked for with `dpop_jkt`.
#[tokio::test]
async fn te22_a_code_is_redeemed_by_the_key_it_was_asked_for_with() {
    let server = TestServer::start().await;
    let (prover, thief) = (Prover::new(), Prover::new());
    for app in [RelyingParty::cli(), RelyingParty::shop()] {
        let fields = code(&server, &app, &[("dpop_jkt", &prover.jkt())]).await;
        let missing = ask(&server, &app, &fields, &[]).await;
        assert_eq!(missing.expect_error(400, "invalid_dpop_proof").status, 400);
        let other = ask(&server, &app, &fields, &[&thief.at_token(&server)]).await;
        assert_eq!(other.expect_error(400, "invalid_grant").status, 400);
        let right = ask(&server, &app, &fields, &[&prover.at_token(&server)]).await;
        assert_eq!(right.expect(200).json()["token_type"], "DPoP", "nothing was spent");
    }
}

/// RS-14; RFC 9449 §10.1: a proof at PAR is as good as `dpop_jkt`, and both have to agree.
#[tokio::test]
async fn rs14_a_proof_at_par_binds_the_code() {
    let server = TestServer::start().await;
    let (cli, prover, thief) = (RelyingParty::cli(), Prover::new(), Prover::new());
    let push = async |changes: &[(&str, &str)], proof: &str| {
        let fields = cli.parameters(changes);
        let call = server.post("/oauth2/par").header("dpop", proof);
        form(call, &cli, &fields).send().await
    };
    let at_par = |prover: &Prover| prover.proof(&server, "POST", "/oauth2/par", json!({}));
    let wrong = push(&[], &prover.at_token(&server)).await;
    assert_eq!(wrong.expect_error(400, "invalid_dpop_proof").status, 400, "a proof for another address");
    let contradiction = push(&[("dpop_jkt", &thief.jkt())], &at_par(&prover)).await;
    assert_eq!(contradiction.expect_error(400, "invalid_request").status, 400);
    for changes in [vec![], vec![("dpop_jkt", prover.jkt())]] {
        let changes: Vec<(&str, &str)> = changes.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let uri = push(&changes, &at_par(&prover)).await.expect(201).member("request_uri");
        let mut browser = Browser::new(&server);
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("client_id", cli.client_id.as_str()), ("request_uri", &uri)])
            .finish();
        let landing = browser.visit(&format!("/oauth2/authorize?{query}")).await;
        let code = browser.complete(landing).await.code().to_owned();
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("code_verifier", &cli.verifier),
            ("client_id", &cli.client_id),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(ask(&server, &cli, &fields, &[]).await.expect_error(400, "invalid_dpop_proof").status, 400);
        let stolen = ask(&server, &cli, &fields, &[&thief.at_token(&server)]).await;
        assert_eq!(stolen.expect_error(400, "invalid_grant").status, 400);
        assert_eq!(ask(&server, &cli, &fields, &[&prover.at_token(&server)]).await.status, 200);
    }
}

/// TE-22: such a client gets nothing without a proof, by whatever grant.
#[tokio::test]
async fn te22_a_client_whose_tokens_are_bound_always_needs_a_proof() {
    let server = TestServer::start().await;
    let robot = Client {
        dpop_bound_access_tokens: true,
        scope: brama_protocol::scope::Scope::parse("read").unwrap(),
        ..seeds::client("strict", ClientType::Service)
    };
    seeds::put_client(&server, robot).await;
    seeds::put_client(&server, Client { dpop_bound_access_tokens: true, ..Tv::client() }).await;
    let prover = Prover::new();
    let machine = async |proof: Option<&str>| {
        let call = server.post(TOKEN).basic("strict", &seeds::secret("strict")).maybe("dpop", proof);
        call.form(&[("grant_type", "client_credentials")]).send().await
    };
    assert_eq!(machine(None).await.expect_error(400, "invalid_dpop_proof").status, 400);
    let token = machine(Some(&prover.at_token(&server))).await.expect(200);
    assert_eq!(token.json()["token_type"], "DPoP");
    let claims = tokens::verify(&server, &token.member("access_token"), Typ::AccessToken).await;
    assert_eq!(claims["cnf"]["jkt"], prover.jkt());

    // EP-22: the device grant too, whose refresh token is bound.
    let tv = Tv::begin(&server, &[]).await;
    connect(&server, &tv, "allow").await;
    assert_eq!(tv.poll(&server).await.expect_error(400, "invalid_dpop_proof").status, 400);
    let fields = [("grant_type", Tv::GRANT), ("device_code", &*tv.device_code), ("client_id", "tv")];
    let reply = server.post(TOKEN).header("dpop", &prover.at_token(&server)).form(&fields).send().await.expect(200);
    assert_eq!(reply.json()["token_type"], "DPoP");
    let token = reply.member("refresh_token");
    let refresh = async |prover: &Prover| {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", &*token), ("client_id", "tv")];
        server.post(TOKEN).header("dpop", &prover.at_token(&server)).form(&fields).send().await
    };
    assert_eq!(refresh(&Prover::new()).await.expect_error(400, "invalid_grant").status, 400);
    assert_eq!(refresh(&prover).await.status, 200);
}

/// Design §5: a script on another site gets its refresh token in the body when it is bound, and none otherwise.
#[tokio::test]
async fn design5_where_a_bound_refresh_token_goes() {
    let server = TestServer::start().await;
    let (foreign, prover) = (RelyingParty::foreign(), Prover::new());
    let ask = async |origin: &str, fields: &[(String, String)], proof: Option<&str>| {
        let call = server.post(TOKEN).script(origin, "cross-site").maybe("dpop", proof);
        form(call, &foreign, fields).send().await.expect(200)
    };
    let fields = code(&server, &foreign, &[]).await;
    assert_eq!(ask(seeds::FOREIGN_ORIGIN, &fields, None).await.json().get("refresh_token"), None);
    let fields = code(&server, &foreign, &[]).await;
    let stranger = ask("https://evil.example", &fields, Some(&prover.at_token(&server))).await;
    assert_eq!(stranger.json().get("refresh_token"), None, "its origin is not the client's");
    let fields = code(&server, &foreign, &[]).await;
    let reply = ask(seeds::FOREIGN_ORIGIN, &fields, Some(&prover.at_token(&server))).await;
    assert_eq!(reply.set_cookies(), [""; 0]);
    assert_eq!(reply.header("access-control-expose-headers"), Some("DPoP-Nonce, WWW-Authenticate, Retry-After, Date"));
    let token = reply.member("refresh_token");
    let fields = refresh_fields(&foreign, &token);
    let next = ask(seeds::FOREIGN_ORIGIN, &fields, Some(&prover.at_token(&server))).await;
    assert_ne!(next.member("refresh_token"), token);
    let preflight = server.call(Method::OPTIONS, TOKEN).header("origin", seeds::FOREIGN_ORIGIN);
    let preflight = preflight.header("access-control-request-method", "POST").send().await;
    assert!(preflight.list("access-control-allow-headers").contains(&"DPoP"), "{preflight}");
}

/// The cookie of an app that proves a key is bound too.
#[tokio::test]
async fn te25_a_refresh_cookie_can_be_bound() {
    let server = TestServer::start().await;
    let (prover, thief) = (Prover::new(), Prover::new());
    let login = json!({"username": seeds::OLENA, "password": seeds::PASSWORD});
    let proof = prover.proof(&server, "POST", "/api/auth/login", json!({}));
    let call = server.post("/api/auth/login").script(seeds::APP_ORIGIN, "same-site").header("dpop", &proof);
    let reply = call.json(&login).send().await.expect(200);
    assert_eq!(reply.json()["token_type"], "DPoP");
    let jar = [SESSION, DEMO_RT].map(|name| format!("{name}={}", reply.cookie_value(name).unwrap())).join("; ");
    for method in ["POST", "GET"] {
        let path = "/api/auth/refresh";
        let send = async |proof: Option<String>| {
            let call = server.call(method.parse().unwrap(), path).script(seeds::APP_ORIGIN, "same-site");
            call.cookie(&jar).maybe("dpop", proof.as_deref()).send().await
        };
        assert_eq!(send(None).await.expect_error(400, "invalid_dpop_proof").status, 400);
        let stolen = send(Some(thief.proof(&server, method, path, json!({})))).await;
        assert_eq!(stolen.expect_error(401, "login_required").status, 401);
        let right = send(Some(prover.proof(&server, method, path, json!({})))).await.expect(200);
        assert_eq!(right.json()["token_type"], "DPoP");
        let token = right.member("access_token");
        let me = open(&server, "/api/auth/me", &token, &prover.beside(&server, "GET", "/api/auth/me", &token)).await;
        assert_eq!(me.status, 200, "{me}");
    }
}

/// TE-37 for cookies: a first-party app without the refresh grant gets no cookie and cannot refresh.
#[tokio::test]
async fn te37_a_first_party_app_without_the_refresh_grant_gets_no_cookie() {
    let server = TestServer::start().await;
    let demo = server.store.find_client(&seeds::DEMO.parse().unwrap()).await.unwrap().unwrap().client.clone();
    let before = crate::support::logged_in(&server).await;
    let jar = format!("{SESSION}={}; {DEMO_RT}={}", before.jar.get(SESSION).unwrap(), before.jar.get(DEMO_RT).unwrap());
    seeds::put_client(&server, Client { grant_types: vec![GrantType::AuthorizationCode], ..demo }).await;
    let mut browser = Browser::new(&server);
    let reply = browser.log_in(seeds::OLENA, seeds::PASSWORD).await.expect(200);
    assert_eq!(reply.set_cookie(DEMO_RT), None);
    let refused = server.post("/api/auth/refresh").script(seeds::APP_ORIGIN, "same-site").cookie(&jar).send().await;
    assert_eq!(refused.expect_error(401, "login_required").status, 401);
}
