//! How strong a sign-in has to be: `acr_values`, `acr` in `claims`, `max_age` of clients. OpenID Core §5.5.1.1; RFC 9470.

use brama_jose::Typ;
use brama_protocol::client::Client;
use brama_testkit::{Answer, Browser, RelyingParty, TestServer, html, seeds, tokens};
use serde_json::json;

use crate::support::Tokens;

const ONE: &str = "urn:brama:acr:1";
const TWO: &str = "urn:brama:acr:2";

fn essential(values: &[&str]) -> String {
    json!({"id_token": {"acr": {"essential": true, "values": values}}}).to_string()
}

async fn change_shop(server: &TestServer, change: impl FnOnce(Client) -> Client) {
    let record = server.store.find_client(&seeds::SHOP.parse().unwrap()).await.unwrap().unwrap();
    seeds::put_client(server, change(record.client.clone())).await;
}

#[tokio::test]
async fn rfc9470_what_is_essential_and_cannot_be_had_is_an_error() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    let mut browser = Browser::new(&server);
    browser.sign_in_for(&shop).await;
    for values in [&[TWO][..], &["urn:brama:acr:3", TWO], &["phr"], &["urn:mace:incommon:iap:silver"]] {
        for prompt in [("prompt", "none"), ("x", "")] {
            let landing = browser.authorize(&shop, &[("claims", &essential(values)), prompt]).await;
            let answer = Answer::parse(&landing.outside());
            assert_eq!(answer.error(), "unmet_authentication_requirements", "{values:?}");
            assert_eq!((answer.get("state"), answer.get("iss")), (Some(shop.state.as_str()), Some(server.issuer())));
        }
    }
    // Nobody is told before they have shown who they are; no session is as bad as a weak one.
    let claims = essential(&[TWO]);
    let mut nobody = Browser::new(&server);
    let answer = Answer::parse(&nobody.authorize(&shop, &[("claims", &claims), ("prompt", "none")]).await.outside());
    assert_eq!(answer.error(), "login_required");
    let page = nobody.authorize(&shop, &[("claims", &claims)]).await.page();
    let form = html::form(page.text(), "/sign-in").unwrap();
    let landing = nobody.submit(&form, &[("username", seeds::OLENA), ("password", seeds::PASSWORD)]).await;
    assert_eq!(Answer::parse(&landing.outside()).error(), "unmet_authentication_requirements");
}

#[tokio::test]
async fn rfc9470_step_up_without_openid_is_met_or_refused() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop().scope("profile");
    let mut browser = Browser::new(&server);
    browser.sign_in_for(&shop).await;
    let silent = |value| [("prompt", "none"), ("acr_values", value)];
    let answer = Answer::parse(&browser.authorize(&shop, &silent(TWO)).await.outside());
    assert_eq!(answer.error(), "unmet_authentication_requirements");
    for met in [ONE, "urn:brama:acr:2 urn:brama:acr:1", "unknown urn:brama:acr:1"] {
        assert!(Answer::parse(&browser.authorize(&shop, &silent(met)).await.outside()).get("code").is_some(), "{met}");
    }
    let long = "x".repeat(513);
    assert_eq!(Answer::parse(&browser.authorize(&shop, &silent(&long)).await.outside()).error(), "invalid_request");
}

#[tokio::test]
async fn acr_values_are_a_wish_and_the_token_says_what_was_achieved() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    let mut browser = Browser::new(&server);
    for (wish, claims) in [
        (TWO, "{}".to_owned()),
        ("phr phrh", "{}".to_owned()),
        (ONE, "{}".to_owned()),
        // Voluntary by name, and essential without a value.
        ("", json!({"id_token": {"acr": {"values": [TWO]}}}).to_string()),
        ("", json!({"id_token": {"acr": {"essential": true}}}).to_string()),
        // What can be met is met.
        (TWO, essential(&[TWO, ONE])),
    ] {
        let landing = browser.authorize(&shop, &[("acr_values", wish), ("claims", &claims)]).await;
        let answer = browser.complete(landing).await;
        let sent = Tokens::of(&shop.redeem(&server, answer.code()).await.expect(200));
        for (token, typ) in [(&sent.id, Typ::IdToken), (&sent.access, Typ::AccessToken)] {
            assert_eq!(tokens::verify(&server, token, typ).await["acr"], ONE, "{wish} {claims}");
        }
    }
    let metadata = server.get("/.well-known/openid-configuration").send().await.json();
    assert_eq!(metadata["acr_values_supported"], json!([ONE]));
}

#[tokio::test]
async fn defaults_of_the_client_count_where_the_request_is_silent() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    let mut browser = Browser::new(&server);
    browser.sign_in_for(&shop).await;
    server.clock.advance_seconds(100);
    change_shop(&server, |shop| Client { default_max_age: Some(99), default_acr_values: vec![TWO.to_owned()], ..shop })
        .await;
    let code = |landing: brama_testkit::Landing| match landing {
        brama_testkit::Landing::Page(page) => {
            assert!(html::form(page.text(), "/sign-in").is_some(), "{page}");
            false
        }
        brama_testkit::Landing::Outside(url) => Answer::parse(&url).get("code").is_some(),
    };
    assert!(!code(browser.authorize(&shop, &[]).await), "older than the client wants");
    assert!(code(browser.authorize(&shop, &[("max_age", "100")]).await), "the request decides");
    assert!(!code(browser.authorize(&shop, &[("max_age", "0")]).await));
    change_shop(&server, |shop| Client { default_max_age: Some(0), ..shop }).await;
    assert!(!code(browser.authorize(&shop, &[]).await), "0 is prompt=login");
    change_shop(&server, |shop| Client { default_max_age: None, ..shop }).await;
    assert!(code(browser.authorize(&shop, &[]).await), "default_acr_values are a wish");
}
