//! `/oauth2/register/{client_id}`: an app looks after its registration. RFC 7592; RG-17.

use std::collections::BTreeSet;

use brama_protocol::client::Client;
use brama_protocol::registration::policy::Mode;
use brama_testkit::{Browser, RelyingParty, seeds};
use http::Method;
use jiff::SignedDuration;
use serde_json::json;

use super::{App, carrying, initial, minimal, post, server, with};
use crate::support::Tokens;

#[tokio::test]
async fn rg17_only_its_own_token_opens_a_registration() {
    let server = server(Mode::Token).await;
    let (a, b) = (App::new(&server, &minimal()).await, App::new(&server, &minimal()).await);
    let (of_a, of_b) = (a.text("registration_access_token"), b.text("registration_access_token"));
    let initial = initial(&server, 9).await;
    let mut bodies = BTreeSet::new();
    let targets =
        [a.text("registration_client_uri"), "/oauth2/register/unknown".to_owned(), "/oauth2/register/shop".to_owned()];
    for target in &targets {
        for token in [Some(of_b.as_str()), Some(&initial), Some("x"), Some(""), None, Some(&seeds::secret(seeds::SHOP))]
        {
            if target != &targets[0] && token == Some(of_b.as_str()) {
                continue;
            }
            for method in [Method::GET, Method::PUT, Method::DELETE] {
                let call = carrying(server.call(method.clone(), target), &method, &minimal());
                let call = match token {
                    Some("") | None => call,
                    Some(token) => call.bearer(token),
                };
                let reply = call.send().await.expect_error(401, "invalid_token");
                bodies.insert(reply.text().to_owned());
            }
        }
    }
    assert_eq!(bodies.len(), 1, "nobody learns which clients there are: {bodies:?}");
    let _ = a.get(&server).await.expect(200);
    let _ = b.get(&server).await.expect(200);
    // Nor does it open anything else.
    let _ = server.get("/userinfo").bearer(&of_a).send().await.expect(401);
    let _ = post(&server, &minimal()).bearer(&of_a).send().await.expect(401);
}

#[tokio::test]
async fn rg17_an_update_replaces_everything() {
    let server = server(Mode::Token).await;
    let mut metadata = with("client_name", json!("Before"));
    metadata["contacts"] = json!(["admin@app.example.net"]);
    metadata["client_uri"] = json!("https://app.example.net/");
    metadata["default_max_age"] = json!(60);
    metadata["grant_types"] = json!(["authorization_code", "refresh_token"]);
    let app = App::new(&server, &metadata).await;
    server.clock.advance(SignedDuration::from_secs(100));
    let after =
        app.put(&server, &json!({ "redirect_uris": ["https://app.example.net/other"] })).await.expect(200).json();
    assert_eq!(after["redirect_uris"], json!(["https://app.example.net/other"]));
    for omitted in ["contacts", "client_uri", "default_max_age", "client_secret"] {
        assert_eq!(after.get(omitted), None, "{after}");
    }
    assert_eq!(after["grant_types"], json!(["authorization_code"]), "the default again");
    assert_eq!(after["client_id_issued_at"], app.answer["client_id_issued_at"]);
    assert_eq!(after["registration_access_token"], app.answer["registration_access_token"]);
    assert_eq!(app.get(&server).await.expect(200).json(), after);
    // The old address is gone at once.
    let old = server.get(&app.party().authorize_url(&[])).send().await;
    assert_eq!(old.status, 400, "{old}");
}

#[tokio::test]
async fn rg17_the_same_again_writes_nothing_and_changes_are_limited() {
    let server = server(Mode::Token).await;
    let app = App::new(&server, &with("client_name", json!("App 0"))).await;
    let id = app.text("client_id").parse().unwrap();
    let written = async || {
        let record = server.store.find_client(&id).await.unwrap().unwrap();
        (server.store.catalog_version().await.unwrap(), record.updated_at)
    };
    let before = written().await;
    for _ in 0..40 {
        server.clock.advance_seconds(2);
        let _ = app.put(&server, &with("client_name", json!("App 0"))).await.expect(200);
    }
    assert_eq!(written().await, before);
    for n in 1..=30 {
        server.clock.advance_seconds(2);
        let _ = app.put(&server, &with("client_name", json!(format!("App {n}")))).await.expect(200);
    }
    let reply = app.put(&server, &with("client_name", json!("App 31"))).await.expect(429);
    assert!(reply.header("retry-after").is_some(), "{reply}");
    assert_eq!(app.get(&server).await.expect(200).json()["client_name"], "App 30");
    // Another app has its own count, and an hour later it goes on.
    let other = App::new(&server, &with("client_name", json!("Other"))).await;
    let _ = other.put(&server, &with("client_name", json!("Other 2"))).await.expect(200);
    server.clock.advance(SignedDuration::from_hours(1));
    let _ = app.put(&server, &with("client_name", json!("App 31"))).await.expect(200);
}

#[tokio::test]
async fn rg17_what_an_update_has_to_carry_and_may_not() {
    let server = server(Mode::Token).await;
    let (app, other) = (App::new(&server, &minimal()).await, App::new(&server, &minimal()).await);
    let before = app.get(&server).await.expect(200).json();
    let without = app.call(&server, Method::PUT).json(&minimal()).send().await;
    let _ = without.expect_error(400, "invalid_client_metadata");
    for (member, value) in [
        ("client_id", other.answer["client_id"].clone()),
        ("client_id", json!("shop")),
        ("client_secret", other.answer["client_secret"].clone()),
        ("client_secret", json!("x")),
        ("client_secret", json!("")),
        ("registration_access_token", app.answer["registration_access_token"].clone()),
        ("registration_client_uri", app.answer["registration_client_uri"].clone()),
        ("client_secret_expires_at", json!(0)),
        ("client_id_issued_at", app.answer["client_id_issued_at"].clone()),
    ] {
        let reply = app.put(&server, &with(member, value.clone())).await;
        assert_eq!(
            (reply.status.as_u16(), reply.member("error").as_str()),
            (400, "invalid_client_metadata"),
            "{member}"
        );
    }
    assert_eq!(app.get(&server).await.expect(200).json(), before);
    let same = app.put(&server, &with("client_secret", app.answer["client_secret"].clone())).await.expect(200).json();
    assert_eq!(same["client_secret"], app.answer["client_secret"], "told again to who knows it");
    let _ = app.tokens(&server).await;
}

#[tokio::test]
async fn rg17_a_secret_goes_with_its_method_and_a_new_one_comes_with_it() {
    let server = server(Mode::Token).await;
    let app = App::new(&server, &minimal()).await;
    let public = app.put(&server, &with("token_endpoint_auth_method", json!("none"))).await.expect(200).json();
    assert_eq!(public.get("client_secret"), None);
    assert_eq!(public.get("client_secret_expires_at"), None);
    let party = app.party();
    let code = Browser::new(&server).sign_in_for(&party).await;
    let _ = party.redeem(&server, code.code()).await.expect_error(401, "invalid_client");
    let again = app.put(&server, &minimal()).await.expect(200).json();
    let secret = again["client_secret"].as_str().unwrap();
    assert_ne!(secret, app.text("client_secret"));
    let code = Browser::new(&server).sign_in_for(&party).await;
    let _ = party.redeem(&server, code.code()).await.expect_error(401, "invalid_client");
    let party = RelyingParty { secret: Some(secret.to_owned()), ..party };
    let code = Browser::new(&server).sign_in_for(&party).await;
    let _ = Tokens::of(&party.redeem(&server, code.code()).await);
}

#[tokio::test]
async fn rg17_after_removal_its_tokens_are_dead_and_nothing_is_left_to_open() {
    let server = server(Mode::Token).await;
    let metadata = with("grant_types", json!(["authorization_code", "refresh_token"]));
    let app = App::new(&server, &metadata).await;
    let tokens = app.tokens(&server).await;
    let _ = server.get("/userinfo").bearer(&tokens.access).send().await.expect(200);
    let reply = app.call(&server, Method::DELETE).send().await.expect(204);
    assert!(reply.body.is_empty() && reply.header("cache-control") == Some("no-store"), "{reply}");
    let _ = server.get("/userinfo").bearer(&tokens.access).send().await.expect(401);
    let party = app.party();
    let refreshed = server
        .post("/oauth2/token")
        .basic(&party.client_id, party.secret.as_ref().unwrap())
        .form(&[("grant_type", "refresh_token"), ("refresh_token", &tokens.refresh)])
        .send()
        .await;
    let _ = refreshed.expect_error(401, "invalid_client");
    for method in [Method::GET, Method::DELETE, Method::PUT] {
        let call = carrying(app.call(&server, method.clone()), &method, &minimal());
        let _ = call.send().await.expect_error(401, "invalid_token");
    }
}

/// REVOKE-10: it neither switches itself on again nor gets another secret.
#[tokio::test]
async fn rg17_an_app_that_was_switched_off_looks_after_nothing() {
    let server = server(Mode::Token).await;
    let app = App::new(&server, &minimal()).await;
    let found = server.store.find_client(&app.text("client_id").parse().unwrap()).await.unwrap().unwrap();
    let off = Client { enabled: false, ..found.client.clone() };
    server.store.change_client(off, found.updated_at, server.ctx().now).await.unwrap();
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let call = carrying(app.call(&server, method.clone()), &method, &minimal());
        let _ = call.send().await.expect_error(403, "access_denied");
    }
    let after = server.store.find_client(&found.client.id).await.unwrap().unwrap();
    assert!(!after.client.enabled);
    assert_eq!(after.secrets, found.secrets);
}

#[tokio::test]
async fn rg28_people_are_asked_again_when_an_app_has_another_face() {
    let server = server(Mode::Token).await;
    let app = App::new(&server, &with("client_name", json!("Before"))).await;
    let id = app.text("client_id").parse().unwrap();
    let _ = app.tokens(&server).await;
    let user = seeds::user(&server, seeds::OLENA).await.id;
    assert!(!server.store.find_consent(user, &id).await.unwrap().is_empty(), "it was remembered");
    let _ = app.put(&server, &with("client_name", json!("Before"))).await.expect(200);
    assert!(!server.store.find_consent(user, &id).await.unwrap().is_empty());
    let _ = app.put(&server, &with("client_name", json!("After"))).await.expect(200);
    assert!(server.store.find_consent(user, &id).await.unwrap().is_empty());
}
