//! `/oauth2/par`. RFC 9126; EP-1 to EP-7; CLIENT and REDIR of the museum where they meet a pushed request.

use brama_protocol::client::{Client, ClientType, Registrar};
use brama_testkit::{Answer, Browser, Landing, RelyingParty, Reply, Storage, TestServer, html, rows, seeds};
use serde_json::json;

use crate::support::Tokens;

const PREFIX: &str = "urn:ietf:params:oauth:request_uri:";

/// Push the app's request, some of it changed.
pub(crate) async fn push(server: &TestServer, app: &RelyingParty, changes: &[(&str, &str)]) -> Reply {
    let parameters = app.parameters(changes);
    let mut fields: Vec<(&str, &str)> =
        parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let call = server.post("/oauth2/par");
    match &app.secret {
        Some(secret) => {
            fields.retain(|(name, _)| *name != "client_id");
            call.basic(&app.client_id, secret).form(&fields).send().await
        }
        None => call.form(&fields).send().await,
    }
}

pub(crate) async fn pushed(server: &TestServer, app: &RelyingParty, changes: &[(&str, &str)]) -> String {
    push(server, app, changes).await.expect(201).member("request_uri")
}

/// What the browser is sent to: the name of the app and of the pushed request, nothing else.
pub(crate) fn short(app: &RelyingParty, request_uri: &str) -> String {
    let pairs = [("client_id", app.client_id.as_str()), ("request_uri", request_uri)];
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    format!("/oauth2/authorize?{query}")
}

/// The page that says the pushed request cannot be used; nobody is redirected.
async fn assert_refused(browser: &mut Browser<'_>, target: &str) {
    let reply = browser.step(Some("https://shop.example.net"), target).await.expect(400);
    assert_eq!(reply.header("location"), None, "{reply}");
    assert!(reply.text().contains("B2135"), "{reply}");
}

#[tokio::test]
async fn ep1_only_the_client_itself_pushes() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    let wrong = RelyingParty { secret: Some("x".repeat(43)), ..shop.clone() };
    let reply = push(&server, &wrong, &[]).await.expect_error(401, "invalid_client");
    assert!(reply.header("www-authenticate").is_some_and(|value| value.starts_with("Basic ")), "{reply}");
    // A confidential client that only names itself, and an unknown one.
    for client_id in ["shop", "nobody"] {
        let unnamed = RelyingParty { secret: None, client_id: client_id.to_owned(), ..shop.clone() };
        let refused = push(&server, &unnamed, &[]).await.expect_error(400, "invalid_client");
        assert_eq!(refused.header("cache-control"), Some("no-store"));
    }
    // Parameters in the query are not read, another body is no form.
    let reply = server.post(&format!("/oauth2/par?{}", "client_id=shop")).form(&[]).send().await;
    assert!(reply.status.is_client_error(), "{reply}");
    let _ = server.post("/oauth2/par").json(&json!({})).send().await.expect_error(400, "invalid_request");
    assert_eq!(server.get("/oauth2/par").send().await.expect(405).header("allow"), Some("POST"));
    // Basic for one, client_id of another.
    let fields = [("client_id", "demo-spa"), ("response_type", "code")];
    let call = server.post("/oauth2/par").basic("shop", &seeds::secret("shop")).form(&fields);
    let _ = call.send().await.expect_error(400, "invalid_request");
}

#[tokio::test]
async fn ep2_everything_is_checked_as_at_the_authorization_endpoint() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[("redirect_uri", "https://evil.example/cb")], "invalid_request"),
        (&[("redirect_uri", "https://shop.example.net/cb/../x")], "invalid_request"),
        (&[("redirect_uri", "")], "invalid_request"),
        (&[("redirect_uri", seeds::SHOP_REDIRECT), ("redirect_uri", seeds::SHOP_REDIRECT)], "invalid_request"),
        (&[("response_type", "")], "invalid_request"),
        (&[("response_type", "token")], "unsupported_response_type"),
        (&[("response_mode", "fragment")], "invalid_request"),
        (&[("code_challenge", "")], "invalid_request"),
        (&[("code_challenge_method", "plain")], "invalid_request"),
        (&[("scope", "admin")], "invalid_scope"),
        (&[("resource", "https://other.example")], "invalid_target"),
        (&[("claims", "x")], "invalid_request"),
        (&[("prompt", "none login")], "invalid_request"),
        (&[("id_token_hint", "forged")], "invalid_request"),
        (&[("dpop_jkt", "short")], "invalid_request"),
        (&[("authorization_details", "[]")], "invalid_authorization_details"),
        (&[("request", "eyJhbGciOiJub25lIn0.e30.")], "request_not_supported"),
        (&[("registration", "{}")], "registration_not_supported"),
        (&[("state", "a"), ("state", "b")], "invalid_request"),
        (&[("request_uri", "https://internal.example/")], "invalid_request"),
        (&[("request_uri", "urn:ietf:params:oauth:request_uri:x")], "invalid_request"),
    ];
    for (changes, error) in cases {
        let reply = push(&server, &shop, changes).await.expect_error(400, error);
        assert_eq!(reply.header("cache-control"), Some("no-store"), "{changes:?}");
    }
    let robot = RelyingParty {
        client_id: seeds::ROBOT.to_owned(),
        secret: Some(seeds::secret(seeds::ROBOT)),
        ..RelyingParty::shop()
    };
    // It has no redirect URI at all.
    let _ = push(&server, &robot, &[]).await.expect_error(400, "invalid_request");
    let _ = push(&server, &shop, &[("state", &"x".repeat(70_000))]).await.expect(413);
    assert!(server.world.fetched().is_empty());
}

#[tokio::test]
async fn ep3_a_request_uri_is_random_short_lived_and_kept_as_a_hash() {
    let server = TestServer::with(|options| options.storage = Storage::Disk).await;
    let shop = RelyingParty::shop();
    let reply = push(&server, &shop, &[]).await.expect(201);
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(reply.json()["expires_in"], 90);
    let uri = reply.member("request_uri");
    let handle = uri.strip_prefix(PREFIX).unwrap();
    assert_eq!(handle.len(), 43, "256 bits");
    assert_ne!(pushed(&server, &shop, &[]).await, uri);
    let everything = String::from_utf8_lossy(&rows::everything(&server)).into_owned();
    assert!(!everything.contains(handle), "G-4");
    // Credentials of the client are no part of the request.
    let fields = shop.parameters(&[]);
    let mut fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let secret = seeds::secret(seeds::SHOP);
    fields.push(("client_secret", &secret));
    let _ = server.post("/oauth2/par").form(&fields).send().await.expect(201);
    assert!(!String::from_utf8_lossy(&rows::everything(&server)).contains(&secret));
}

#[tokio::test]
async fn ep4_a_request_uri_is_its_clients_and_rules_over_what_comes_beside_it() {
    let server = TestServer::start().await;
    let (shop, demo) = (RelyingParty::shop(), RelyingParty::demo());
    let uri = pushed(&server, &shop, &[]).await;
    let mut browser = Browser::new(&server);
    for target in [
        short(&demo, &uri),
        short(&shop, &format!("{uri}A")),
        short(&shop, PREFIX),
        short(&shop, &format!("{PREFIX}{}", "A".repeat(43))),
        // A redirect URI beside it is trusted no more for that.
        format!(
            "{}&redirect_uri=https%3A%2F%2Fshop.example.net%2Fcb&response_type=code",
            short(&shop, &format!("{uri}x"))
        ),
    ] {
        assert_refused(&mut browser, &target).await;
    }
    let page = browser.step(None, &format!("/oauth2/authorize?request_uri={uri}")).await.expect(400);
    assert!(page.text().contains("B2101"), "client_id has to be there: {page}");
    // Everything beside it is ignored, even what would be refused.
    let target = format!(
        "{}&redirect_uri=https%3A%2F%2Fevil.example%2F&state=other&scope=admin&response_type=token&prompt=none",
        short(&shop, &uri)
    );
    // A redirect URI that came twice is refused before anything is looked at.
    let twice = format!("{target}&redirect_uri=https%3A%2F%2Fevil.example%2F");
    assert!(browser.step(None, &twice).await.expect(400).text().contains("B2105"));
    let landing = browser.arrive("https://shop.example.net", &target).await;
    let answer = browser.complete(landing).await;
    assert!(answer.url.starts_with(seeds::SHOP_REDIRECT), "{}", answer.url);
    assert_eq!(answer.get("state"), Some(shop.state.as_str()));
    assert_eq!(answer.get("iss"), Some(server.issuer()));
    let tokens = Tokens::of(&shop.redeem(&server, answer.code()).await.expect(200));
    assert!(!tokens.access.is_empty());
}

#[tokio::test]
async fn ep5_loaded_twice_answered_once() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    let uri = pushed(&server, &shop, &[]).await;
    let mut browser = Browser::new(&server);
    // A link preview, a reload, and another browser.
    let _ = server.get(&short(&shop, &uri)).send().await.expect(303);
    let _ = browser.visit(&short(&shop, &uri)).await.page().expect(200);
    let mut other = Browser::new(&server);
    let elsewhere = other.visit(&short(&shop, &uri)).await;
    let landing = browser.visit(&short(&shop, &uri)).await;
    let answer = browser.complete(landing).await;
    assert_eq!(shop.redeem(&server, answer.code()).await.status, 200);
    assert_refused(&mut browser, &short(&shop, &uri)).await;
    // The other browser is told so when it comes to the answer.
    let page = elsewhere.page();
    let form = html::form(page.text(), "/sign-in").unwrap();
    let landing = other.submit(&form, &[("username", seeds::TARAS), ("password", seeds::PASSWORD)]).await;
    let form = html::form(landing.page().text(), "/consent").unwrap();
    let page = other.submit(&form, &[("decision", "allow")]).await.page().expect(400);
    assert!(page.text().contains("B2135"), "{page}");
}

#[tokio::test]
async fn ep5_a_step_back_after_the_answer_gives_no_second_code() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    let mut browser = Browser::new(&server);
    browser.sign_in_for(&shop).await;
    let uri = pushed(&server, &shop, &[("prompt", "consent")]).await;
    let page = browser.visit(&short(&shop, &uri)).await.page();
    let form = html::form(page.text(), "/consent").unwrap();
    let answer = Answer::parse(&browser.submit(&form, &[("decision", "deny")]).await.outside());
    assert_eq!((answer.error(), answer.get("state")), ("access_denied", Some(shop.state.as_str())));
    assert_refused(&mut browser, &short(&shop, &uri)).await;
}

#[tokio::test]
async fn ep3_ep5_expiry_limits_the_first_load_alone() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    let (late, in_time) = (pushed(&server, &shop, &[]).await, pushed(&server, &shop, &[]).await);
    let mut browser = Browser::new(&server);
    server.clock.advance_seconds(89);
    let _ = browser.visit(&short(&shop, &in_time)).await.page().expect(200);
    server.clock.advance_seconds(1);
    assert_refused(&mut browser, &short(&shop, &late)).await;
    // Whoever types slowly still gets in; whoever finds the address in a log does not, in a browser of their own.
    server.clock.advance_seconds(25 * 60);
    let mut thief = Browser::new(&server);
    let _ = thief.sign_in_for(&RelyingParty::demo()).await;
    assert_refused(&mut thief, &short(&shop, &in_time)).await;
    let landing = browser.visit(&short(&shop, &in_time)).await;
    let answer = browser.complete(landing).await;
    assert_eq!(shop.redeem(&server, answer.code()).await.status, 200);
}

#[tokio::test]
async fn ep6_a_client_or_the_server_may_demand_it() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    let record = server.store.find_client(&seeds::SHOP.parse().unwrap()).await.unwrap().unwrap();
    let strict = Client { require_pushed_authorization_requests: true, ..record.client.clone() };
    seeds::put_client(&server, strict).await;
    let answer = Answer::parse(&Browser::new(&server).authorize(&shop, &[]).await.outside());
    assert_eq!((answer.error(), answer.get("state")), ("invalid_request", Some(shop.state.as_str())));
    assert!(answer.get("error_uri").unwrap().ends_with("B2136"));
    let uri = pushed(&server, &shop, &[]).await;
    let mut browser = Browser::new(&server);
    let landing = browser.visit(&short(&shop, &uri)).await;
    assert!(browser.complete(landing).await.get("code").is_some());
    // Others are not held to it.
    assert!(matches!(Browser::new(&server).authorize(&RelyingParty::demo(), &[]).await, Landing::Page(_)));

    let server = TestServer::with(|options| options.settings.require_pushed_authorization_requests = true).await;
    for app in [RelyingParty::shop(), RelyingParty::demo(), RelyingParty::cli()] {
        let answer = Answer::parse(&Browser::new(&server).authorize(&app, &[]).await.outside());
        assert_eq!(answer.error(), "invalid_request", "{}", app.client_id);
        let uri = pushed(&server, &app, &[]).await;
        let mut browser = Browser::new(&server);
        let landing = browser.visit(&short(&app, &uri)).await;
        assert!(browser.complete(landing).await.get("code").is_some(), "{}", app.client_id);
    }
    let metadata = server.get("/.well-known/openid-configuration").send().await.json();
    assert_eq!(metadata["require_pushed_authorization_requests"], true);
}

#[tokio::test]
async fn ep1_a_public_client_pushes_by_its_name_and_its_flood_is_stopped() {
    let server = TestServer::with(|options| options.settings.throttle.authorize_per_minute = 3).await;
    let demo = RelyingParty::demo();
    for _ in 0..3 {
        let _ = push(&server, &demo, &[]).await.expect(201);
    }
    let refused = push(&server, &demo, &[]).await.expect(429);
    assert!(refused.header("retry-after").is_some());
    // Clients that prove who they are speak for many people from one address.
    for _ in 0..5 {
        let _ = push(&server, &RelyingParty::shop(), &[]).await.expect(201);
    }
}

#[tokio::test]
async fn ep7_a_redirect_uri_is_a_registered_one_for_every_client() {
    let server = TestServer::start().await;
    // RFC 9126 §2.4 would let an authenticated client bring its own.
    let reply = push(&server, &RelyingParty::shop(), &[("redirect_uri", "https://shop.example.net/other")]).await;
    assert_eq!(reply.expect_error(400, "invalid_request").member("error_uri"), "https://id.example.com/error/B2104");
}

#[tokio::test]
async fn ep5_a_request_whose_client_changed_meanwhile_is_checked_again() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    let uri = pushed(&server, &shop, &[]).await;
    let record = server.store.find_client(&seeds::SHOP.parse().unwrap()).await.unwrap().unwrap();
    let moved = brama_protocol::redirect_uri::RegisteredRedirectUri::parse("https://shop.example.net/new").unwrap();
    seeds::put_client(&server, Client { redirect_uris: vec![moved], ..record.client.clone() }).await;
    let page = Browser::new(&server).step(None, &short(&shop, &uri)).await.expect(400);
    assert!(page.text().contains("B2104"), "{page}");
    seeds::put_client(&server, Client { enabled: false, ..record.client.clone() }).await;
    let page = Browser::new(&server).step(None, &short(&shop, &uri)).await.expect(400);
    assert!(page.text().contains("B2101"), "{page}");
}

#[tokio::test]
async fn az13_a_pushed_request_of_a_self_registered_client_redirects_no_errors_either() {
    let server = TestServer::start().await;
    let stranger = Client {
        redirect_uris: vec![
            brama_protocol::redirect_uri::RegisteredRedirectUri::parse("https://stranger.example/cb").unwrap(),
        ],
        registrar: Registrar::Itself,
        ..seeds::client("stranger", ClientType::Browser)
    };
    seeds::put_client(&server, stranger).await;
    let app = RelyingParty {
        client_id: "stranger".to_owned(),
        redirect_uri: "https://stranger.example/cb".to_owned(),
        ..RelyingParty::foreign()
    };
    let uri = pushed(&server, &app, &[("prompt", "none")]).await;
    let page = Browser::new(&server).visit(&short(&app, &uri)).await.page().expect(200);
    assert!(page.text().contains("<bdi>stranger.example</bdi>") && html::continuation(page.text()).is_none(), "{page}");
}
