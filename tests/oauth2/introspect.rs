//! What a token is worth, and to whom that is told. RFC 7662; EP-30 to EP-32.

use std::collections::BTreeSet;

use brama_jose::{Algorithm, SigningKey, Typ};
use brama_protocol::client::{Client, ClientType};
use brama_protocol::scope::Scope;
use brama_store::user::UserStatus;
use brama_testkit::{Browser, RelyingParty, Reply, Storage, TestServer, rows, seeds, tokens};
use serde_json::{Value, json};

use super::signer::{MACHINE, Signer};
use crate::support::{Tokens, assert_no_cors, signed_in_to};

/// The API that tokens without a resource are for.
const API: &str = "api";
/// Another API.
const ORDERS: &str = "orders";
const ORDERS_RESOURCE: &str = "https://orders.example.com/";

/// A server with two APIs that ask about tokens.
async fn server() -> TestServer {
    let server = TestServer::start().await;
    api(&server, API, &format!("{}/api", server.issuer())).await;
    api(&server, ORDERS, ORDERS_RESOURCE).await;
    server
}

async fn api(server: &TestServer, id: &str, resource: &str) {
    let api = Client { serves: vec![resource.to_owned()], ..seeds::client(id, ClientType::Service) };
    seeds::put_client(server, Client { scope: Scope::parse("read").unwrap(), ..api }).await;
}

async fn ask_with(server: &TestServer, who: &str, fields: &[(&str, &str)]) -> Reply {
    let reply = server.post("/oauth2/introspect").basic(who, &seeds::secret(who)).form(fields).send().await;
    assert_eq!(reply.header("cache-control"), Some("no-store"), "{reply}");
    reply
}

async fn ask(server: &TestServer, who: &str, token: &str) -> Value {
    ask_with(server, who, &[("token", token)]).await.expect(200).json()
}

async fn is_active(server: &TestServer, who: &str, token: &str) -> bool {
    let json = ask(server, who, token).await;
    let active = json["active"] == json!(true);
    // EP-31: nothing tells why.
    assert!(active || json == json!({"active": false}), "{json}");
    active
}

async fn machine(server: &TestServer, who: &str) -> String {
    let call = server.post("/oauth2/token").basic(who, &seeds::secret(who)).form(&[MACHINE]);
    call.send().await.expect(200).member("access_token")
}

#[tokio::test]
async fn ep30_nobody_asks_anonymously() {
    let server = server().await;
    let token = machine(&server, seeds::ROBOT).await;
    let form = [("token", token.as_str())];
    let named = |id| [form[0], ("client_id", id)];
    let post = || server.post("/oauth2/introspect");
    let secret = seeds::secret(API);
    let replies = [
        post().form(&form).send().await,
        post().form(&named(API)).send().await,
        post().form(&named(seeds::CLI)).send().await,
        post().form(&named(seeds::DEMO)).send().await,
        post().form(&named("nobody")).send().await,
        post().basic(API, &seeds::secret(ORDERS)).form(&form).send().await,
        post().basic(seeds::CLI, &secret).form(&form).send().await,
        post().bearer(&token).form(&form).send().await,
        post().form(&[form[0], ("client_id", API), ("client_secret", "wrong")]).send().await,
        server.post(&format!("/oauth2/introspect?client_id={API}&client_secret={secret}")).form(&form).send().await,
    ];
    let mut bodies = BTreeSet::new();
    for reply in replies {
        assert_eq!(reply.header("www-authenticate"), Some("Basic realm=\"brama\""), "{reply}");
        bodies.insert(reply.expect_error(401, "invalid_client").text().to_owned());
    }
    assert_eq!(bodies.len(), 1);
    let get = server.get("/oauth2/introspect").basic(API, &secret).send().await.expect(405);
    assert_eq!(get.header("allow"), Some("POST"));
    let json = post().basic(API, &secret).json(&json!({"token": token})).send().await;
    assert_eq!(json.expect_error(400, "invalid_request").status, 400);
    let two = post().basic(API, &secret).form(&[form[0], ("client_secret", &secret)]).send().await;
    assert_eq!(two.expect_error(400, "invalid_request").status, 400);
}

#[tokio::test]
async fn ep31_a_missing_or_repeated_token_is_a_mistake() {
    let server = server().await;
    for fields in [
        &[][..],
        &[("token", "")],
        &[("token", "a"), ("token", "a")],
        &[("token", "a"), ("token_type_hint", "access_token"), ("token_type_hint", "access_token")],
    ] {
        let reply = ask_with(&server, API, fields).await;
        assert_eq!(reply.expect_error(400, "invalid_request").status, 400, "{fields:?}");
    }
}

#[tokio::test]
async fn ep31_what_is_no_token_of_ours_is_inactive() {
    let server = server().await;
    let token = machine(&server, seeds::ROBOT).await;
    let (head, signature) = token.rsplit_once('.').unwrap();
    let foreign = Signer::new(Algorithm::Es256);
    let copied = foreign.key.sign(Typ::AccessToken, &tokens::peek(&token).1).unwrap();
    let shop = signed_in_to(&server, &RelyingParty::shop()).await;
    let (refresh_head, _) = shop.refresh.split_at(60);
    for wrong in [
        "x",
        "a.b.c",
        head,
        &format!("{head}."),
        &format!("{head}.{}", signature.chars().rev().collect::<String>()),
        &format!("{token}x"),
        &format!(" {token}"),
        &copied,
        &shop.id,
        refresh_head,
        "brt_",
        &"x".repeat(20_000),
    ] {
        assert!(!is_active(&server, API, wrong).await, "{wrong}");
        assert!(!is_active(&server, seeds::SHOP, wrong).await, "{wrong}");
    }
}

#[tokio::test]
async fn audiss04_ep32_an_api_sees_tokens_that_are_for_it() {
    let server = server().await;
    let token = machine(&server, seeds::ROBOT).await;
    assert!(is_active(&server, API, &token).await);
    assert!(is_active(&server, seeds::ROBOT, &token).await, "its own client");
    assert!(!is_active(&server, ORDERS, &token).await, "for another API");
    assert!(!is_active(&server, seeds::SHOP, &token).await, "another client");
    let resources = vec![ORDERS_RESOURCE.to_owned()];
    let of_orders =
        Client { resources, scope: Scope::parse("read").unwrap(), ..seeds::client("o", ClientType::Service) };
    seeds::put_client(&server, of_orders).await;
    let token = machine(&server, "o").await;
    assert!(is_active(&server, ORDERS, &token).await);
    assert!(!is_active(&server, API, &token).await);
    // What it answers for is compared exactly.
    for near in ["https://orders.example.com", "https://orders.example.com/v1", "https://ORDERS.example.com/"] {
        api(&server, "near", near).await;
        assert!(!is_active(&server, "near", &token).await, "{near}");
    }
}

#[tokio::test]
async fn ep32_the_members_of_an_access_token() {
    let server = server().await;
    let tokens = signed_in_to(&server, &RelyingParty::shop()).await;
    let said = ask(&server, API, &tokens.access).await;
    let (_, claims) = tokens::peek(&tokens.access);
    let mut wanted = claims.clone();
    wanted["active"] = json!(true);
    wanted["token_type"] = json!("Bearer");
    wanted["username"] = json!(seeds::OLENA);
    assert_eq!(said, wanted);
    for member in ["iss", "sub", "aud", "exp", "iat", "jti", "client_id", "scope", "auth_time", "acr"] {
        assert!(!said[member].is_null(), "{member}");
    }
    // A name is personal data: without `profile` it is not told.
    let bare = signed_in_to(&server, &RelyingParty::shop().scope("openid")).await;
    let said = ask(&server, API, &bare.access).await;
    assert_eq!((said.get("username"), &said["active"]), (None, &json!(true)), "{said}");
    let machine = ask(&server, API, &machine(&server, seeds::ROBOT).await).await;
    for member in ["username", "auth_time", "acr", "amr", "sid"] {
        assert_eq!(machine.get(member), None, "{member}");
    }
    assert_eq!((&machine["sub"], &machine["client_id"]), (&json!(seeds::ROBOT), &json!(seeds::ROBOT)));
}

#[tokio::test]
async fn audiss07_ep32_a_refresh_token_is_shown_to_its_own_client_alone() {
    let server = server().await;
    let shop = RelyingParty::shop();
    let tokens = signed_in_to(&server, &shop).await;
    let said = ask(&server, seeds::SHOP, &tokens.refresh).await;
    let sub = tokens::peek(&tokens.access).1["sub"].clone();
    assert_eq!(said["active"], json!(true));
    assert_eq!((&said["sub"], &said["client_id"]), (&sub, &json!(seeds::SHOP)));
    assert_eq!(said["scope"], json!("email openid profile"));
    assert_eq!(said["exp"].as_i64().unwrap() - said["iat"].as_i64().unwrap(), 7 * 86_400);
    for absent in ["aud", "jti", "token_type", "username"] {
        assert_eq!(said.get(absent), None, "{absent}");
    }
    for other in [API, ORDERS, seeds::ROBOT] {
        assert!(!is_active(&server, other, &tokens.refresh).await, "{other}");
    }
    // Asking changes nothing.
    assert_eq!(shop.refresh(&server, &tokens.refresh).await.status, 200);
    assert!(is_active(&server, seeds::SHOP, &tokens.refresh).await);
    server.clock.advance_seconds(7 * 86_400);
    assert!(!is_active(&server, seeds::SHOP, &tokens.refresh).await, "it ran out");
}

#[tokio::test]
async fn ep31_the_hint_may_be_wrong() {
    let server = server().await;
    let tokens = signed_in_to(&server, &RelyingParty::shop()).await;
    for hint in ["access_token", "refresh_token", "id_token", "nonsense", ""] {
        for (who, token) in [(API, &tokens.access), (seeds::SHOP, &tokens.refresh)] {
            let said = ask_with(&server, who, &[("token", token), ("token_type_hint", hint)]).await.expect(200).json();
            assert_eq!(said["active"], json!(true), "{hint}");
        }
    }
}

#[tokio::test]
async fn ep31_a_token_is_inactive_from_its_last_second_on() {
    let server = server().await;
    let token = machine(&server, seeds::ROBOT).await;
    server.clock.advance_seconds(899);
    assert!(is_active(&server, API, &token).await);
    server.clock.advance_seconds(1);
    assert!(!is_active(&server, API, &token).await);
}

#[tokio::test]
async fn revoke02_revoke08_ep31_a_token_dies_with_what_it_stands_on() {
    let server = server().await;
    let shop = RelyingParty::shop();
    let both = async |tokens: &Tokens| {
        let access = is_active(&server, API, &tokens.access).await;
        assert_eq!(access, is_active(&server, seeds::SHOP, &tokens.access).await);
        (access, is_active(&server, seeds::SHOP, &tokens.refresh).await)
    };
    // The account.
    let tokens = signed_in_to(&server, &shop).await;
    assert_eq!(both(&tokens).await, (true, true));
    seeds::set_status(&server, seeds::OLENA, UserStatus::Disabled).await;
    assert_eq!(both(&tokens).await, (false, false));
    seeds::set_status(&server, seeds::OLENA, UserStatus::Active).await;
    // The session.
    let mut browser = Browser::new(&server);
    let code = browser.sign_in_for(&shop).await;
    let tokens = Tokens::of(&shop.redeem(&server, code.code()).await);
    assert_eq!(both(&tokens).await, (true, true));
    let user = seeds::user(&server, seeds::OLENA).await;
    for session in server.store.sessions_of(user.id, server.ctx().now).await.unwrap() {
        assert!(server.store.end_session(user.id, session.id, server.ctx().now).await.unwrap());
    }
    assert_eq!(both(&tokens).await, (false, false));
    // The grant: a replayed code ends it.
    let tokens = signed_in_to(&server, &shop).await;
    let code = Browser::new(&server).sign_in_for(&shop).await.code().to_owned();
    let replayed = Tokens::of(&shop.redeem(&server, &code).await);
    assert_eq!(shop.redeem(&server, &code).await.status, 400);
    assert_eq!(both(&replayed).await, (false, false));
    assert_eq!(both(&tokens).await, (true, true), "the other grant stands");
    // The client.
    let mut record = (*server.ctx().client(&seeds::SHOP.parse().unwrap()).await.unwrap().unwrap()).clone().client;
    record.enabled = false;
    seeds::put_client(&server, record).await;
    assert!(!is_active(&server, API, &tokens.access).await);
    let machines = machine(&server, seeds::ROBOT).await;
    assert!(is_active(&server, API, &machines).await);
    let mut robot = (*server.ctx().client(&seeds::ROBOT.parse().unwrap()).await.unwrap().unwrap()).clone().client;
    robot.enabled = false;
    seeds::put_client(&server, robot).await;
    assert!(!is_active(&server, API, &machines).await);
}

/// Garbage is limited, questions about tokens of ours never: whoever floods an API with the one does not cut it off.
#[tokio::test]
async fn ep30_th13_scanning_is_limited() {
    let server = server().await;
    let token = machine(&server, seeds::ROBOT).await;
    for number in 0..600 {
        assert!(!is_active(&server, API, &format!("brt_{number}")).await);
    }
    let reply = ask_with(&server, API, &[("token", "brt_one-more")]).await;
    assert_eq!(reply.header("retry-after"), Some("60"));
    assert_eq!(reply.expect_error(429, "temporarily_unavailable").status, 429);
    assert!(is_active(&server, API, &token).await);
    assert!(!is_active(&server, ORDERS, "brt_another-client").await);
    server.clock.advance_seconds(60);
    assert!(!is_active(&server, API, "brt_one-more").await);
}

#[tokio::test]
async fn ep30_introspection_writes_nothing_and_no_script_reads_it() {
    let server = TestServer::with(|options| options.storage = Storage::Disk).await;
    api(&server, API, &format!("{}/api", server.issuer())).await;
    let tokens = signed_in_to(&server, &RelyingParty::shop()).await;
    let before = rows::dump(&server);
    for token in [&tokens.access, &tokens.refresh, &tokens.id, "x"] {
        let call = server.post("/oauth2/introspect").basic(API, &seeds::secret(API)).form(&[("token", token)]);
        let reply = call.script(seeds::APP_ORIGIN, "same-site").send().await.expect(200);
        assert_no_cors(&reply);
    }
    crate::support::assert_unchanged(&server, &before);
}

#[tokio::test]
async fn ep31_without_the_store_nothing_is_called_inactive() {
    let server = TestServer::with(|options| options.storage = Storage::Disk).await;
    api(&server, API, &format!("{}/api", server.issuer())).await;
    let token = machine(&server, seeds::ROBOT).await;
    assert!(is_active(&server, API, &token).await);
    rows::execute(&server, "ALTER TABLE revoked_token RENAME TO elsewhere");
    let reply = ask_with(&server, API, &[("token", &token)]).await;
    assert_eq!(reply.expect_error(503, "temporarily_unavailable").status, 503);
    rows::execute(&server, "ALTER TABLE elsewhere RENAME TO revoked_token");
    assert!(is_active(&server, API, &token).await);
}

/// Each advertised way of authenticating works, and the one that is not does not. EP-52.
#[tokio::test]
async fn ep52_ways_of_authentication_are_as_advertised() {
    let server = server().await;
    let metadata = server.get("/.well-known/openid-configuration").send().await.json();
    let advertised = &metadata["introspection_endpoint_auth_methods_supported"];
    assert_eq!(*advertised, json!(["client_secret_basic", "client_secret_post", "private_key_jwt"]));
    assert_eq!(metadata["introspection_endpoint"], format!("{}/oauth2/introspect", server.issuer()));
    let secret = seeds::secret(API);
    let form = [("token", "x"), ("client_id", API), ("client_secret", &secret)];
    assert_eq!(server.post("/oauth2/introspect").form(&form).send().await.status, 200);
    assert_eq!(ask_with(&server, API, &form[..1]).await.status, 200);
    let signer = Signer::registered(&server).await;
    let assertion = signer.assertion(&server, json!({}));
    let form = super::signer::with(&assertion, &[("token", "x")]);
    assert_eq!(server.post("/oauth2/introspect").form(&form).send().await.status, 200);
}

/// RFC 9449 §6.2, BINDING-01: an API learns which key the sender has to prove.
#[tokio::test]
async fn ep32_tk7_a_bound_token_shows_its_key() {
    let server = server().await;
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let now = server.ctx().now.as_second();
    let url = format!("{}/oauth2/token", server.issuer());
    let proof = json!({"jti": "proof", "htm": "POST", "htu": url, "iat": now});
    let proof = key.sign(Typ::DpopProof, &proof).unwrap();
    let call = server.post("/oauth2/token").basic(seeds::ROBOT, &seeds::secret(seeds::ROBOT));
    let token = call.header("dpop", &proof).form(&[MACHINE]).send().await.expect(200).member("access_token");
    let said = ask(&server, API, &token).await;
    assert_eq!((&said["active"], &said["token_type"]), (&json!(true), &json!("DPoP")), "{said}");
    assert_eq!(said["cnf"], json!({"jkt": key.public().thumbprint()}));
}
