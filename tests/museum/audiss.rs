//! AUDISS: who a token is for, who made it and which request it answers is demanded, not only compared where it is said.

use brama_guard::Guard;
use brama_jose::{SigningKey, Typ};
use brama_protocol::client::{Client, ClientType};
use brama_protocol::scope::Scope;
use brama_testkit::{Answer, Browser, RelyingParty, TestServer, html, seeds, tokens};
use serde_json::{Value, json};

use super::revoke::registered;
use crate::oauth2::signer::{self, Signer};
use crate::protected_resource::{self as resource, PATH};
use crate::support::{SESSION, Tokens, signed_in_to};

/// Sign with the key of the server whatever it never would.
fn signed(server: &TestServer, typ: Typ, claims: &Value) -> String {
    let catalog = server.deployment.catalog.get();
    let key: &SigningKey = catalog.keyring.for_access_tokens(server.ctx().now).unwrap();
    key.sign(typ, claims).unwrap()
}

/// The claims of a token, one of them changed; `null` leaves it out.
fn with(token: &str, name: &str, value: &Value) -> Value {
    let mut claims = tokens::peek(token).1;
    if value.is_null() {
        claims.as_object_mut().unwrap().remove(name).unwrap();
    } else {
        claims[name] = value.clone();
    }
    claims
}

async fn an_api(server: &TestServer, id: &str, serves: &str) {
    let api = Client { serves: vec![serves.to_owned()], ..seeds::client(id, ClientType::Service) };
    seeds::put_client(server, api).await;
}

async fn introspected(server: &TestServer, who: &str, fields: &[(&str, &str)]) -> Value {
    server.post("/oauth2/introspect").basic(who, &seeds::secret(who)).form(fields).send().await.expect(200).json()
}

/// An access token opens neither a resource of the server nor an API behind the guard, and is not active.
async fn assert_opens_nothing(server: &TestServer, token: &str, why: &str) {
    for path in ["/userinfo", "/api/auth/me"] {
        let reply = server.get(path).bearer(token).send().await;
        assert_eq!(reply.expect_error(401, "invalid_token").status, 401, "{path}: {why}");
    }
    assert_eq!(introspected(server, "api", &[("token", token)]).await, json!({"active": false}), "{why}");
    let guarded = resource::ask(&resource::api(server), PATH, Some(&format!("Bearer {token}"))).await;
    assert_eq!(guarded.status(), 401, "{why}");
}

/// A list of audiences was not looked into. Nothing but our own name, as text or in a list of texts, is an audience of ours; and
/// an API cannot be guarded without saying which it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn audiss_02_an_audience_of_another_shape_is_none_of_ours() {
    let server = TestServer::on_loopback(|_| {}).await;
    let (issuer, api) = (server.issuer().to_owned(), format!("{}/api", server.issuer()));
    an_api(&server, "api", &api).await;
    let token = signed_in_to(&server, &RelyingParty::shop()).await.access;
    let signer = Signer::registered(&server).await;
    let good = signed(&server, Typ::AccessToken, &with(&token, "aud", &json!([api, issuer])));
    assert_eq!(server.get("/userinfo").bearer(&good).send().await.status, 200);
    let wrong = [
        json!(null),
        json!(""),
        json!([]),
        json!([""]),
        json!(["https://other.example"]),
        json!([[api, issuer]]),
        json!([[[issuer]], "x"]),
        json!([format!("{issuer}/"), format!("{api}/")]),
        json!([issuer.to_uppercase(), api.to_uppercase()]),
        json!({"0": issuer}),
        json!([api, issuer, 1]),
        json!([api, issuer, null]),
        json!(true),
        json!(1),
    ];
    for aud in wrong {
        let token = signed(&server, Typ::AccessToken, &with(&token, "aud", &aud));
        assert_opens_nothing(&server, &token, &aud.to_string()).await;
        let reply = signer::ask(&server, &signer.assertion(&server, json!({ "aud": aud }))).await;
        assert_eq!(reply.expect_error(400, "invalid_client").status, 400, "{aud}");
        server.clock.advance_seconds(60);
    }
    for builder in [Guard::builder(&issuer), Guard::builder(&issuer).audience("")] {
        assert!(builder.build().is_err());
    }
}

/// A token for any audience was taken. Here the tokens of an issuer that come back are ID tokens of our own: one that another app got
/// speaks for nobody but that app.
#[tokio::test]
async fn audiss_03_an_id_token_speaks_for_the_app_that_it_was_made_for() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    let mut browser = Browser::new(&server);
    let id = Tokens::of(&shop.redeem(&server, browser.sign_in_for(&shop).await.code()).await).id;
    let page = "https://app.example.com/";
    let logout = |client: &str| {
        let query = [("id_token_hint", id.as_str()), ("client_id", client), ("post_logout_redirect_uri", page)];
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        format!("/oauth2/logout?{query}")
    };
    for other in [seeds::DEMO, seeds::FOREIGN, "nobody"] {
        let reply = browser.step(Some("https://app.example.com"), &logout(other)).await.expect(200);
        assert!(html::form(reply.text(), "/sign-out").is_some(), "the person is asked: {reply}");
    }
    assert!(browser.jar.get(SESSION).is_some() && browser.step(None, "/account").await.status == 200);
    assert_eq!(browser.step(Some("https://shop.example.net"), &logout(seeds::SHOP)).await.status, 303);
}

/// The resource of a token request was not held against what was allowed. It may narrow that and never widen it, by any grant that
/// speaks for a person, and a refused request costs nothing.
#[tokio::test]
async fn audiss_05_a_token_is_for_what_was_allowed() {
    const ONE: &str = "https://one.example.net";
    const TWO: &str = "https://two.example.net";
    let server = TestServer::start().await;
    for app in [RelyingParty::shop(), RelyingParty::cli()] {
        let client = registered(&server, &app.client_id).await;
        seeds::put_client(&server, Client { resources: vec![ONE.to_owned(), TWO.to_owned()], ..client }).await;
        let mut browser = Browser::new(&server);
        let landing = browser.authorize(&app, &[("resource", TWO)]).await;
        let code = browser.complete(landing).await.code().to_owned();
        let default = format!("{}/api", server.issuer());
        let wider = [ONE, &default, server.issuer(), "https://three.example.net", ""];
        let redeem = async |resource: &str| {
            // An empty value would be left out.
            if resource.is_empty() {
                return app.redeem_with(&server, &code, &[("resource", " ")]).await;
            }
            app.redeem_with(&server, &code, &[("resource", resource)]).await
        };
        for wider in wider {
            assert_eq!(redeem(wider).await.expect_error(400, "invalid_target").status, 400, "{wider}");
        }
        let mut sent = Tokens::of(&app.redeem(&server, &code).await);
        assert_eq!(tokens::peek(&sent.access).1["aud"], TWO);
        for wider in [ONE, &default, server.issuer()] {
            let reply = app.refresh_with(&server, &sent.refresh, &[("resource", wider)]).await;
            assert_eq!(reply.expect_error(400, "invalid_target").status, 400, "{wider}");
        }
        for narrowed in [&[][..], &[("resource", TWO)]] {
            sent = Tokens::of(&app.refresh_with(&server, &sent.refresh, narrowed).await);
            assert_eq!(tokens::peek(&sent.access).1["aud"], TWO);
        }
        assert_eq!(server.get("/userinfo").bearer(&sent.access).send().await.status, 401, "it is not for us");
    }
}

/// Tokens without `aud`, `iss` or `exp` were taken. Each required claim is left out of each kind of token that is brought here; other
/// kinds (request objects, JWTs as grants) are refused as a whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn audiss_06_no_required_claim_may_be_missing() {
    let server = TestServer::on_loopback(|options| options.unlimited_addresses()).await;
    an_api(&server, "api", &format!("{}/api", server.issuer())).await;
    let shop = RelyingParty::shop();
    let mut browser = Browser::new(&server);
    let sent = Tokens::of(&shop.redeem(&server, browser.sign_in_for(&shop).await.code()).await);
    for claim in ["iss", "sub", "aud", "exp", "iat", "jti", "client_id"] {
        let token = signed(&server, Typ::AccessToken, &with(&sent.access, claim, &json!(null)));
        assert_opens_nothing(&server, &token, claim).await;
    }
    let same = signed(&server, Typ::IdToken, &tokens::peek(&sent.id).1);
    let silent = |hint: String| [("prompt".to_owned(), "none".to_owned()), ("id_token_hint".to_owned(), hint)];
    let ask = async |browser: &mut Browser<'_>, hint: String| {
        let [prompt, hint] = silent(hint);
        let changes = [(prompt.0.as_str(), prompt.1.as_str()), (hint.0.as_str(), hint.1.as_str())];
        Answer::parse(&browser.authorize(&shop, &changes).await.outside())
    };
    assert!(ask(&mut browser, same).await.get("code").is_some());
    for claim in ["iss", "sub", "aud", "exp", "iat"] {
        let hint = signed(&server, Typ::IdToken, &with(&sent.id, claim, &json!(null)));
        assert_eq!(ask(&mut browser, hint.clone()).await.error(), "invalid_request", "{claim}");
        let page = browser.step(None, &format!("/oauth2/logout?id_token_hint={hint}")).await.expect(200);
        assert!(html::form(page.text(), "/sign-out").is_some(), "{claim}: {page}");
    }
    let signer = Signer::registered(&server).await;
    for claim in ["iss", "sub", "aud", "exp", "jti"] {
        let reply = signer::ask(&server, &signer.assertion(&server, json!({ claim: null }))).await;
        assert_eq!(reply.expect_error(400, "invalid_client").status, 400, "{claim}");
        server.clock.advance_seconds(600);
    }
    assert_eq!(signer::ask(&server, &signer.assertion(&server, json!({}))).await.status, 200);
    let object = browser.authorize(&shop, &[("request", &sent.id)]).await.outside();
    assert_eq!(Answer::parse(&object).error(), "request_not_supported");
    for grant in ["jwt-bearer", "saml2-bearer", "token-exchange"] {
        let kind = format!("urn:ietf:params:oauth:grant-type:{grant}");
        let fields = [("grant_type", kind.as_str()), ("assertion", &sent.id), ("subject_token", &sent.access)];
        let reply = shop.token(&server, &fields, &[]).await;
        assert_eq!(reply.expect_error(400, "unsupported_grant_type").status, 400, "{grant}");
    }
}

/// Introspection told every client about the tokens of all others. Whoever it is none of the business of hears of a live token what
/// is said of no token at all.
#[tokio::test]
async fn audiss_07_of_the_tokens_of_others_nothing_is_told() {
    let server = TestServer::start().await;
    an_api(&server, "orders", "https://orders.example.com/").await;
    seeds::put_client(&server, seeds::client("other", ClientType::Web)).await;
    let machine = Client { scope: Scope::parse("read").unwrap(), ..seeds::client("machine", ClientType::Service) };
    seeds::put_client(&server, machine).await;
    for app in [RelyingParty::shop(), RelyingParty::cli()] {
        let sent = signed_in_to(&server, &app).await;
        for who in ["orders", "other", "machine", seeds::ROBOT] {
            for token in [&sent.access, &sent.refresh, &sent.id, "brt_nothing"] {
                for hint in ["access_token", "refresh_token", "x"] {
                    let said = introspected(&server, who, &[("token", token), ("token_type_hint", hint)]).await;
                    assert_eq!(said, json!({"active": false}), "{who} {hint}");
                }
            }
        }
        assert_eq!(server.get("/userinfo").bearer(&sent.access).send().await.status, 200);
        assert_eq!(app.refresh(&server, &sent.refresh).await.status, 200);
    }
}

/// A missing `nonce` passed for the right one. The app compares (the browser module does; its tests have the rest); the server tells
/// each the `nonce` of its own request, unchanged, and none where none was sent.
#[tokio::test]
async fn audiss_08_an_id_token_has_the_nonce_of_its_own_request() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    let mut browsers = [Browser::new(&server), Browser::new(&server)];
    let mut codes = Vec::new();
    for (turn, nonce) in ["first & only %", "second", "third", ""].into_iter().enumerate() {
        let browser = &mut browsers[turn % 2];
        let landing = browser.authorize(&shop, &[("nonce", nonce)]).await;
        codes.push((browser.complete(landing).await.code().to_owned(), nonce));
    }
    // Not in the order in which they were asked for.
    for (code, nonce) in codes.iter().rev() {
        let id = Tokens::of(&shop.redeem(&server, code).await).id;
        let said = tokens::verify(&server, &id, Typ::IdToken).await.get("nonce").cloned();
        assert_eq!(said, (!nonce.is_empty()).then(|| json!(nonce)));
    }
}
