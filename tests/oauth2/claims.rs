//! The `claims` parameter. OpenID Core §5.5; standards §1.4.

use brama_jose::Typ;
use brama_protocol::client::{Client, ClientType};
use brama_protocol::scope::Scope;
use brama_testkit::{Answer, Browser, RelyingParty, TestServer, html, seeds, tokens};
use serde_json::{Value, json};

use crate::support::Tokens;

/// Sign in as olena, allowing everything, and give back the tokens.
async fn signed_in(server: &TestServer, app: &RelyingParty, claims: &Value) -> Tokens {
    let mut browser = Browser::new(server);
    let landing = browser.authorize(app, &[("claims", &claims.to_string())]).await;
    let answer = browser.complete(landing).await;
    Tokens::of(&app.redeem(server, answer.code()).await.expect(200))
}

async fn userinfo(server: &TestServer, tokens: &Tokens) -> Value {
    server.get("/userinfo").bearer(&tokens.access).send().await.expect(200).json()
}

fn error(landing: brama_testkit::Landing) -> String {
    Answer::parse(&landing.outside()).error().to_owned()
}

#[tokio::test]
async fn what_is_no_claims_request_goes_back_as_invalid_request() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    let long = format!("{{\"x\":\"{}\"}}", "a".repeat(5000));
    for wrong in ["x", "[]", "1", "{", "{\"userinfo\":[]}", "{\"id_token\":{\"email\":1}}", &long] {
        assert_eq!(
            error(Browser::new(&server).authorize(&shop, &[("claims", wrong)]).await),
            "invalid_request",
            "{wrong}"
        );
    }
    let twice = [("claims", "{}"), ("claims", "{}")];
    assert_eq!(error(Browser::new(&server).authorize(&shop, &twice).await), "invalid_request");
}

#[tokio::test]
async fn single_claims_come_where_they_were_asked_for_and_stay_with_the_grant() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop().scope("openid");
    let claims = json!({
        "userinfo": {"name": {"essential": true}, "phone_number": {"essential": true}},
        "id_token": {"email": null, "email_verified": {"value": true}, "https://x.example/y": null},
        "other": {"locale": null},
    });
    let sent = signed_in(&server, &shop, &claims).await;
    let id = tokens::verify(&server, &sent.id, Typ::IdToken).await;
    assert_eq!((&id["email"], &id["email_verified"]), (&json!("olena@example.com"), &json!(false)));
    assert_eq!((id.get("name"), id.get("phone_number"), id.get("locale")), (None, None, None));
    let info = userinfo(&server, &sent).await;
    assert_eq!(info, json!({"sub": id["sub"], "name": "Олена Коваль"}));
    // The scope itself does not grow.
    assert_eq!(tokens::peek(&sent.access).1["scope"], "openid");
    // TE-31: the refreshed ID token says it too.
    let again = Tokens::of(&shop.refresh(&server, &sent.refresh).await.expect(200));
    assert_eq!(tokens::verify(&server, &again.id, Typ::IdToken).await["email"], "olena@example.com");
    assert_eq!(userinfo(&server, &again).await["name"], "Олена Коваль");
    // Without the parameter nothing of it is there. Standards §3.2.
    let plain = signed_in(&server, &shop, &json!({})).await;
    let id = tokens::verify(&server, &plain.id, Typ::IdToken).await;
    assert_eq!((id.get("email"), id.get("name")), (None, None));
    assert_eq!(userinfo(&server, &plain).await.as_object().unwrap().len(), 1);
}

#[tokio::test]
async fn claims_are_asked_for_on_the_consent_page_and_may_be_left_out() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop().scope("openid");
    let claims = json!({"userinfo": {"email": null, "name": null}, "id_token": {"email": null}}).to_string();
    let mut browser = Browser::new(&server);
    let page = browser.authorize(&shop, &[("claims", &claims)]).await.page();
    let form = html::form(page.text(), "/sign-in").unwrap();
    let page = browser.submit(&form, &[("username", seeds::OLENA), ("password", seeds::PASSWORD)]).await.page();
    for text in ["see your email address", "see your name, user name and language"] {
        assert!(page.text().contains(text), "{text}: {page}");
    }
    let form = html::form(page.text(), "/consent").unwrap();
    let landing = browser.submit(&form, &[("decision", "allow_chosen"), ("scope", "profile")]).await;
    let sent = Tokens::of(&shop.redeem(&server, browser.complete(landing).await.code()).await.expect(200));
    let id = tokens::verify(&server, &sent.id, Typ::IdToken).await;
    assert_eq!(id.get("email"), None);
    assert_eq!(userinfo(&server, &sent).await, json!({"sub": id["sub"], "name": "Олена Коваль"}));
    // AZ-22: what was allowed is not asked again, what was left out is.
    let silent = |claims: &Value| vec![("prompt", "none".to_owned()), ("claims", claims.to_string())];
    for (claims, allowed) in [
        (json!({"userinfo": {"name": null}}), true),
        (json!({"userinfo": {"email": null}}), false),
        (json!({"id_token": {"email": null}}), false),
    ] {
        let changes = silent(&claims);
        let changes: Vec<(&str, &str)> = changes.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = Answer::parse(&browser.authorize(&shop, &changes).await.outside());
        assert_eq!(answer.get("code").is_some(), allowed, "{claims}: {}", answer.url);
    }
}

#[tokio::test]
async fn a_client_gets_no_claim_of_a_scope_it_may_not_have() {
    let server = TestServer::start().await;
    let client = Client {
        scope: Scope::parse("openid profile").unwrap(),
        redirect_uris: vec![
            brama_protocol::redirect_uri::RegisteredRedirectUri::parse("https://narrow.example/cb").unwrap(),
        ],
        first_party: true,
        ..seeds::client("narrow", ClientType::Web)
    };
    seeds::put_client(&server, client).await;
    let app = RelyingParty {
        client_id: "narrow".to_owned(),
        secret: Some(seeds::secret("narrow")),
        redirect_uri: "https://narrow.example/cb".to_owned(),
        scope: "openid".to_owned(),
        ..RelyingParty::shop()
    };
    let claims = json!({"userinfo": {"email": {"essential": true}, "name": null}, "id_token": {"email": null}});
    let sent = signed_in(&server, &app, &claims).await;
    assert_eq!(tokens::verify(&server, &sent.id, Typ::IdToken).await.get("email"), None);
    let info = userinfo(&server, &sent).await;
    assert_eq!((info.get("email"), &info["name"]), (None, &json!("Олена Коваль")));
}

#[tokio::test]
async fn a_sub_by_value_names_who_has_to_be_signed_in() {
    let server = TestServer::start().await;
    let demo = RelyingParty::demo();
    let mut olena = Browser::new(&server);
    olena.sign_in_for(&demo).await;
    let id = async |name| seeds::user(&server, name).await.id.to_string();
    let (own, other) = (id(seeds::OLENA).await, id(seeds::TARAS).await);
    let wish = |sub: &str| json!({"id_token": {"sub": {"value": sub}}}).to_string();
    let silent = async |olena: &mut Browser<'_>, claims: String| {
        let landing = olena.authorize(&demo, &[("prompt", "none"), ("claims", &claims)]).await;
        Answer::parse(&landing.outside())
    };
    assert!(silent(&mut olena, wish(&own)).await.get("code").is_some());
    for wrong in [other.as_str(), "nobody", "01920000-0000-7000-8000-000000000000"] {
        assert_eq!(silent(&mut olena, wish(wrong)).await.error(), "login_required", "{wrong}");
    }
    let both = json!({"id_token": {"sub": {"value": own}}, "userinfo": {"sub": {"value": other}}}).to_string();
    assert_eq!(silent(&mut olena, both).await.error(), "login_required");
    // Not silent: whoever is expected signs in; olena gets no code for taras.
    let page = olena.authorize(&demo, &[("claims", &wish(&other))]).await.page();
    let form = html::form(page.text(), "/sign-in").unwrap();
    let again = olena.submit(&form, &[("username", seeds::OLENA), ("password", seeds::PASSWORD)]).await.page();
    let form = html::form(again.text(), "/sign-in").unwrap();
    let landing = olena.submit(&form, &[("username", seeds::TARAS), ("password", seeds::PASSWORD)]).await;
    assert!(Answer::parse(&landing.outside()).get("code").is_some());
}

#[tokio::test]
async fn without_openid_there_is_nothing_to_claim() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop().scope("profile");
    let claims = json!({"userinfo": {"email": null}, "id_token": {"sub": {"value": "nobody"}, "email": null}});
    let mut browser = Browser::new(&server);
    let landing = browser.authorize(&shop, &[("claims", &claims.to_string())]).await;
    let answer = browser.complete(landing).await;
    let reply = shop.redeem(&server, answer.code()).await.expect(200);
    assert_eq!((reply.json().get("id_token"), &reply.json()["scope"]), (None, &json!("profile")));
}
