//! A client gives a token back. RFC 7009; EP-34, EP-35.

use brama_protocol::client::{Client, ClientType};
use brama_store::audit::Event;
use brama_testkit::{RelyingParty, Reply, Storage, TestServer, rows, seeds, tokens};
use serde_json::json;

use super::signer::{MACHINE, Signer, with};
use crate::support::{
    Tokens, assert_cors, assert_no_cookies, assert_no_cors, assert_unchanged, logged_in, signed_in_to,
};

async fn revoke(server: &TestServer, app: &RelyingParty, token: &str) -> Reply {
    revoke_with(server, app, &[("token", token)]).await
}

async fn revoke_with(server: &TestServer, app: &RelyingParty, fields: &[(&str, &str)]) -> Reply {
    let call = server.post("/oauth2/revoke");
    match &app.secret {
        Some(secret) => call.basic(&app.client_id, secret).form(fields).send().await,
        None => call.form(&[fields, &[("client_id", &app.client_id)]].concat()).send().await,
    }
}

async fn opens_userinfo(server: &TestServer, token: &str) -> bool {
    let reply = server.get("/userinfo").bearer(token).send().await;
    let me = server.get("/api/auth/me").bearer(token).send().await;
    assert_eq!(reply.status, me.status, "one rule for both");
    let opens = reply.status == 200;
    if !opens {
        assert_eq!(reply.expect_error(401, "invalid_token").status, 401);
    }
    opens
}

#[tokio::test]
async fn revoke04_ep35_a_revoked_refresh_token_takes_the_whole_grant_with_it() {
    let server = TestServer::start().await;
    for app in [RelyingParty::shop(), RelyingParty::cli()] {
        let tokens = signed_in_to(&server, &app).await;
        let other = signed_in_to(&server, &app).await;
        let reply = revoke(&server, &app, &tokens.refresh).await.expect(200);
        assert!(reply.body.is_empty(), "{reply}");
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        assert_no_cookies(&reply);
        assert_eq!(app.refresh(&server, &tokens.refresh).await.expect_error(400, "invalid_grant").status, 400);
        assert!(!opens_userinfo(&server, &tokens.access).await);
        assert!(opens_userinfo(&server, &other.access).await, "another sign-in of the app stands");
        assert_eq!(app.refresh(&server, &other.refresh).await.status, 200);
        // Again, and it is as gone as before.
        assert_eq!(revoke(&server, &app, &tokens.refresh).await.status, 200);
    }
    let olena = seeds::user(&server, seeds::OLENA).await;
    let log = server.store.audit_of_user(olena.id, 100).await.unwrap();
    assert_eq!(log.iter().filter(|row| row.event == Event::GrantRevoked).count(), 2);
}

#[tokio::test]
async fn ep35_a_replaced_refresh_token_ends_its_grant_too() {
    let server = TestServer::start().await;
    let cli = RelyingParty::cli();
    let first = signed_in_to(&server, &cli).await;
    let second = Tokens::of(&cli.refresh(&server, &first.refresh).await);
    server.clock.advance_seconds(600);
    assert_eq!(revoke(&server, &cli, &first.refresh).await.status, 200);
    assert_eq!(cli.refresh(&server, &second.refresh).await.expect_error(400, "invalid_grant").status, 400);
    assert!(!opens_userinfo(&server, &second.access).await);
}

#[tokio::test]
async fn revoke04_ep35_a_revoked_access_token_is_dead_and_its_grant_goes_on() {
    let server = TestServer::start().await;
    for app in [RelyingParty::shop(), RelyingParty::cli()] {
        let tokens = signed_in_to(&server, &app).await;
        let sibling = Tokens::of(&app.refresh(&server, &tokens.refresh).await);
        assert_eq!(revoke(&server, &app, &tokens.access).await.status, 200);
        assert!(!opens_userinfo(&server, &tokens.access).await);
        assert!(opens_userinfo(&server, &sibling.access).await);
        assert_eq!(app.refresh(&server, &sibling.refresh).await.status, 200);
        assert_eq!(revoke(&server, &app, &tokens.access).await.status, 200, "again");
        // Until the token would have ended anyway.
        server.clock.advance_seconds(899);
        assert!(!opens_userinfo(&server, &tokens.access).await);
    }
}

#[tokio::test]
async fn ep35_a_revocation_holds_at_all_nodes_at_once() {
    let server = TestServer::start().await;
    let node = server.another_node().await;
    let app = RelyingParty::shop();
    let (first, second) = (signed_in_to(&server, &app).await, signed_in_to(&server, &app).await);
    assert!(opens_userinfo(&node, &first.access).await && opens_userinfo(&node, &second.access).await);
    assert_eq!(revoke(&server, &app, &first.access).await.status, 200);
    assert!(!opens_userinfo(&node, &first.access).await);
    assert_eq!(revoke(&server, &app, &second.refresh).await.status, 200);
    assert!(!opens_userinfo(&node, &second.access).await);
    assert_eq!(app.refresh(&node, &second.refresh).await.status, 400);
}

#[tokio::test]
async fn revoke08_ep35_introspection_sees_it_too() {
    let server = TestServer::start().await;
    let app = RelyingParty::shop();
    let active = async |token: &str| {
        let call = server.post("/oauth2/introspect").basic(seeds::SHOP, &seeds::secret(seeds::SHOP));
        call.form(&[("token", token)]).send().await.json()
    };
    let tokens = signed_in_to(&server, &app).await;
    assert_eq!(revoke(&server, &app, &tokens.access).await.status, 200);
    assert_eq!(active(&tokens.access).await, json!({"active": false}));
    assert_eq!(active(&tokens.refresh).await["active"], json!(true));
    let sibling = Tokens::of(&app.refresh(&server, &tokens.refresh).await);
    assert_eq!(revoke(&server, &app, &tokens.refresh).await.status, 200);
    for token in [&tokens.refresh, &sibling.access, &sibling.refresh] {
        assert_eq!(active(token).await, json!({"active": false}));
    }
    // A machine's token has no grant.
    let robot = RelyingParty { client_id: seeds::ROBOT.to_owned(), secret: Some(seeds::secret(seeds::ROBOT)), ..app };
    let machine = robot.token(&server, &[MACHINE], &[]).await.expect(200).member("access_token");
    let api = Client { serves: vec![format!("{}/api", server.issuer())], ..seeds::client("api", ClientType::Web) };
    seeds::put_client(&server, api).await;
    let seen = async || {
        let call = server.post("/oauth2/introspect").basic("api", &seeds::secret("api"));
        call.form(&[("token", &machine)]).send().await.json()["active"] == json!(true)
    };
    assert!(seen().await);
    assert_eq!(revoke(&server, &robot, &machine).await.status, 200);
    assert!(!seen().await);
}

/// REVOKE-04 would have it answered with 200; by RFC 7009 §2.1 and EP-34 the client is told that it is none of its own.
#[tokio::test]
async fn audiss07_revoke04_ep34_a_foreign_token_stays_valid() {
    let server = TestServer::with(|options| options.storage = Storage::Disk).await;
    let (shop, cli) = (RelyingParty::shop(), RelyingParty::cli());
    let (of_shop, of_cli) = (signed_in_to(&server, &shop).await, signed_in_to(&server, &cli).await);
    let before = rows::dump(&server);
    for (thief, tokens) in [(&cli, &of_shop), (&shop, &of_cli)] {
        for token in [&tokens.access, &tokens.refresh] {
            let reply = revoke(&server, thief, token).await.expect_error(400, "invalid_grant");
            assert_eq!(reply.header("cache-control"), Some("no-store"));
        }
        assert!(opens_userinfo(&server, &tokens.access).await);
    }
    assert_unchanged(&server, &before);
    assert_eq!(shop.refresh(&server, &of_shop.refresh).await.status, 200);
    assert_eq!(cli.refresh(&server, &of_cli.refresh).await.status, 200);
}

#[tokio::test]
async fn ep34_what_is_no_token_is_no_error() {
    let server = TestServer::with(|options| options.storage = Storage::Disk).await;
    let app = RelyingParty::shop();
    let tokens = signed_in_to(&server, &app).await;
    let forged = Signer::new(brama_jose::Algorithm::Es256);
    let forged = forged.key.sign(brama_jose::Typ::AccessToken, &tokens::peek(&tokens.access).1).unwrap();
    let before = rows::dump(&server);
    let truncated = tokens.refresh.split_at(50).0;
    for unknown in ["x", "a.b.c", &forged, truncated, &"x".repeat(20_000)] {
        assert_eq!(revoke(&server, &app, unknown).await.status, 200, "{unknown}");
    }
    server.clock.advance_seconds(900);
    assert_eq!(revoke(&server, &app, &tokens.access).await.status, 200, "expired");
    assert_unchanged(&server, &before);
    assert_eq!(app.refresh(&server, &tokens.refresh).await.status, 200);
}

#[tokio::test]
async fn ep34_other_kinds_of_tokens_cannot_be_revoked() {
    let server = TestServer::start().await;
    let app = RelyingParty::shop();
    let tokens = signed_in_to(&server, &app).await;
    let reply = revoke(&server, &app, &tokens.id).await;
    assert_eq!(reply.expect_error(400, "unsupported_token_type").status, 400);
    assert!(opens_userinfo(&server, &tokens.access).await);
}

#[tokio::test]
async fn ep34_the_hint_may_be_wrong_and_the_token_must_be_there() {
    let server = TestServer::start().await;
    let app = RelyingParty::shop();
    for hint in ["access_token", "refresh_token", "nonsense"] {
        let tokens = signed_in_to(&server, &app).await;
        let sibling = Tokens::of(&app.refresh(&server, &tokens.refresh).await);
        let fields = [("token", tokens.access.as_str()), ("token_type_hint", hint)];
        assert_eq!(revoke_with(&server, &app, &fields).await.status, 200);
        assert!(!opens_userinfo(&server, &tokens.access).await, "{hint}");
        let fields = [("token", tokens.refresh.as_str()), ("token_type_hint", hint)];
        assert_eq!(revoke_with(&server, &app, &fields).await.status, 200);
        assert!(!opens_userinfo(&server, &sibling.access).await, "{hint}");
    }
    for fields in [&[][..], &[("token", "")], &[("token", "a"), ("token", "b")]] {
        let reply = revoke_with(&server, &app, fields).await;
        assert_eq!(reply.expect_error(400, "invalid_request").status, 400, "{fields:?}");
    }
}

#[tokio::test]
async fn ep34_the_client_authenticates_as_everywhere() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    let tokens = signed_in_to(&server, &shop).await;
    let token = ("token", tokens.refresh.as_str());
    let post = || server.post("/oauth2/revoke");
    for reply in [
        post().form(&[token]).send().await,
        post().form(&[token, ("client_id", seeds::SHOP)]).send().await,
        post().form(&[token, ("client_id", "nobody")]).send().await,
        post().form(&[token, ("client_id", seeds::SHOP), ("client_secret", "wrong")]).send().await,
        server.post(&format!("/oauth2/revoke?client_id={}", seeds::SHOP)).form(&[token]).send().await,
    ] {
        assert_eq!(reply.expect_error(400, "invalid_client").status, 400);
    }
    let wrong = post().basic(seeds::SHOP, &seeds::secret(seeds::ROBOT)).form(&[token]).send().await;
    assert_eq!(wrong.expect_error(401, "invalid_client").status, 401);
    let get = server.get("/oauth2/revoke").send().await.expect(405);
    assert_eq!(get.header("allow"), Some("POST"));
    let json = post().basic(seeds::SHOP, &seeds::secret(seeds::SHOP)).json(&json!({"token": token.1})).send().await;
    assert_eq!(json.expect_error(400, "invalid_request").status, 400);
    assert_eq!(shop.refresh(&server, &tokens.refresh).await.status, 200, "none of that revoked it");
    // Each advertised way.
    let metadata = server.get("/.well-known/openid-configuration").send().await.json();
    let advertised = &metadata["revocation_endpoint_auth_methods_supported"];
    assert_eq!(*advertised, json!(["none", "client_secret_basic", "client_secret_post", "private_key_jwt"]));
    assert_eq!(metadata["revocation_endpoint"], format!("{}/oauth2/revoke", server.issuer()));
    let signer = Signer::registered(&server).await;
    let assertion = signer.assertion(&server, json!({}));
    assert_eq!(post().form(&with(&assertion, &[("token", "x")])).send().await.status, 200);
    let secret = seeds::secret(seeds::SHOP);
    let in_body = [token, ("client_id", seeds::SHOP), ("client_secret", &secret)];
    assert_eq!(post().form(&in_body).send().await.status, 200);
    assert_eq!(shop.refresh(&server, &tokens.refresh).await.status, 400);
}

/// An app in the browser, from its own page. CORS as at the token endpoint; no JSONP.
#[tokio::test]
async fn ep35_scripts_of_listed_origins_revoke() {
    let server = TestServer::start().await;
    let access = logged_in(&server).await.post_json(seeds::APP_ORIGIN, "/api/auth/refresh", None).await;
    let access = access.expect(200).member("access_token");
    let form = [("token", access.as_str()), ("client_id", seeds::DEMO), ("callback", "alert")];
    let from = |origin| server.post("/oauth2/revoke").script(origin, "cross-site").form(&form);
    assert!(opens_userinfo(&server, &access).await);
    let reply = from(seeds::APP_ORIGIN).send().await.expect(200);
    assert_cors(&reply, seeds::APP_ORIGIN, false);
    assert!(reply.body.is_empty());
    assert!(!opens_userinfo(&server, &access).await);
    assert_no_cors(&from("https://evil.example").send().await);
}

#[tokio::test]
async fn ep34_without_the_store_the_client_is_told_to_come_again() {
    let server = TestServer::with(|options| options.storage = Storage::Disk).await;
    let app = RelyingParty::shop();
    let tokens = signed_in_to(&server, &app).await;
    rows::execute(&server, "ALTER TABLE app_grant RENAME TO elsewhere");
    let reply = revoke(&server, &app, &tokens.refresh).await;
    assert!(reply.header("retry-after").is_some(), "{reply}");
    assert_eq!(reply.expect_error(503, "temporarily_unavailable").status, 503);
    rows::execute(&server, "ALTER TABLE elsewhere RENAME TO app_grant");
    assert_eq!(revoke(&server, &app, &tokens.refresh).await.status, 200);
    assert_eq!(app.refresh(&server, &tokens.refresh).await.status, 400);
}
