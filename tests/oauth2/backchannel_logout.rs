//! Telling apps that a session has ended. OpenID Back-Channel Logout 1.0; LO-10 to LO-14.

use std::collections::BTreeSet;

use brama_flows::backchannel::Round;
use brama_jose::Typ;
use brama_protocol::client::{BackchannelLogout, Client, ClientType, IdTokenAlgorithm};
use brama_protocol::redirect_uri::RegisteredRedirectUri;
use brama_store::logout_delivery::{DeliveryState, LogoutDelivery};
use brama_store::user::UserStatus;
use brama_testkit::{Browser, RelyingParty, TestServer, html, seeds, tokens};
use serde_json::{Value, json};

use crate::support::{SESSION, Tokens};

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// An app that wants to be told, at `https://{id}.example.net`.
pub(crate) async fn listener(server: &TestServer, id: &str, change: impl FnOnce(&mut Client)) -> RelyingParty {
    let at = |path: &str| RegisteredRedirectUri::parse(&format!("https://{id}.example.net{path}")).unwrap();
    let mut client = Client {
        redirect_uris: vec![at("/cb")],
        post_logout_redirect_uris: vec![at("/bye")],
        backchannel_logout: Some(BackchannelLogout { uri: uri(id), session_required: true }),
        ..seeds::client(id, ClientType::Web)
    };
    change(&mut client);
    seeds::put_client(server, client).await;
    server.keep_up().await;
    RelyingParty {
        client_id: id.to_owned(),
        secret: Some(seeds::secret(id)),
        redirect_uri: format!("https://{id}.example.net/cb"),
        scope: "openid".to_owned(),
        ..RelyingParty::shop()
    }
}

fn uri(id: &str) -> String {
    format!("https://{id}.example.net/backchannel-logout")
}

/// Sign in to an app; its tokens.
pub(crate) async fn sign_in(browser: &mut Browser<'_>, server: &TestServer, app: &RelyingParty) -> Tokens {
    let code = browser.sign_in_for(app).await;
    Tokens::of(&app.redeem(server, code.code()).await)
}

fn sid(tokens: &Tokens) -> String {
    tokens::peek(&tokens.id).1["sid"].as_str().unwrap().to_owned()
}

/// Sign out with the button of our own page.
pub(crate) async fn sign_out(browser: &mut Browser<'_>) {
    let page = browser.visit("/oauth2/logout").await.page();
    let form = html::form(page.text(), "/sign-out").unwrap();
    browser.submit_step(&form, &[]).await;
}

/// The logout tokens that were posted so far: to which app, and the token.
fn posted(server: &TestServer) -> Vec<(String, String)> {
    let token = |form: String| form.strip_prefix("logout_token=").unwrap().to_owned();
    server.world.posted().into_iter().map(|(url, form)| (url, token(form))).collect()
}

/// What an app checks before it believes a logout token, as §2.6 has it. LO-14.
async fn believed(server: &TestServer, token: &str, client: &str) -> Value {
    let (header, _) = tokens::peek(token);
    assert_eq!(header["typ"], "logout+jwt");
    assert_ne!(header["alg"], "none");
    let claims = tokens::verify(server, token, Typ::LogoutToken).await;
    assert_eq!(claims["iss"], server.issuer());
    assert_eq!(claims["aud"], client);
    let now = server.ctx().now.as_second();
    assert!(claims["iat"].as_i64().unwrap() <= now && claims["exp"].as_i64().unwrap() > now);
    assert_eq!(claims["events"], json!({ EVENT: {} }));
    assert!(claims.get("sub").is_some() || claims.get("sid").is_some());
    assert!(claims.get("nonce").is_none());
    assert!(!claims["jti"].as_str().unwrap().is_empty());
    claims
}

#[tokio::test]
async fn lo11_a_logout_token_has_exactly_these_claims() {
    let server = TestServer::start().await;
    for (id, algorithm, alg) in [("es", IdTokenAlgorithm::ES256, "ES256"), ("rs", IdTokenAlgorithm::RS256, "RS256")] {
        let app = listener(&server, id, |client| client.id_token_alg = algorithm).await;
        server.world.answers(&uri(id), 200);
        let mut browser = Browser::new(&server);
        let tokens = sign_in(&mut browser, &server, &app).await;
        server.clock.advance_seconds(100);
        sign_out(&mut browser).await;
        assert_eq!(server.tell_apps().await, Round { delivered: 1, ..Round::default() });
        let (url, token) = posted(&server).pop().unwrap();
        assert_eq!(url, uri(id));
        let (header, _) = tokens::peek(&token);
        assert_eq!((&header["alg"], &header["typ"]), (&json!(alg), &json!("logout+jwt")));
        let claims = believed(&server, &token, id).await;
        let (now, id_token) = (server.ctx().now.as_second(), tokens::peek(&tokens.id).1);
        let expected = json!({
            "iss": server.issuer(), "aud": id, "sub": id_token["sub"], "sid": id_token["sid"],
            "iat": now, "exp": now + 120, "jti": claims["jti"], "events": { EVENT: {} },
        });
        assert_eq!(claims, expected);
    }
}

#[tokio::test]
async fn lo11_tk25_a_logout_token_passes_for_nothing_else() {
    let server = TestServer::start().await;
    let app = listener(&server, "wiki", |_| {}).await;
    server.world.answers(&uri("wiki"), 200);
    let mut browser = Browser::new(&server);
    sign_in(&mut browser, &server, &app).await;
    sign_out(&mut browser).await;
    server.tell_apps().await;
    let token = posted(&server).pop().unwrap().1;
    sign_in(&mut browser, &server, &app).await;
    // No hint of a logout, none of a sign-in, no access token.
    let page = browser.visit(&format!("/oauth2/logout?id_token_hint={token}")).await.page();
    assert!(html::form(page.text(), "/sign-out").is_some(), "{page}");
    let hinted = browser.authorize(&app, &[("id_token_hint", &token), ("prompt", "none")]).await.outside();
    assert_eq!(brama_testkit::Answer::parse(&hinted).error(), "invalid_request");
    assert_eq!(server.get("/userinfo").bearer(&token).send().await.status, 401);
}

#[tokio::test]
async fn lo12_signing_out_waits_for_no_app() {
    let server = TestServer::start().await;
    let app = listener(&server, "wiki", |_| {}).await;
    let mut browser = Browser::new(&server);
    let tokens = sign_in(&mut browser, &server, &app).await;
    // The app is down, and nobody is asked before the person has an answer.
    let target = format!(
        "/oauth2/logout?id_token_hint={}&post_logout_redirect_uri=https%3A%2F%2Fwiki.example.net%2Fbye",
        tokens.id
    );
    let landing = browser.arrive("https://wiki.example.net", &target).await;
    assert_eq!(landing.outside(), "https://wiki.example.net/bye");
    assert_eq!(posted(&server), []);
    assert_eq!(browser.jar.get(SESSION), None);
    // The delivery was woken.
    server.deployment.backchannel.woken().await;
    assert_eq!(server.tell_apps().await, Round { again: 1, ..Round::default() });
    assert_eq!(posted(&server).len(), 1);
}

#[tokio::test]
async fn lo12_an_app_that_was_down_is_told_when_it_is_back() {
    let server = TestServer::start().await;
    let app = listener(&server, "wiki", |_| {}).await;
    let mut browser = Browser::new(&server);
    sign_in(&mut browser, &server, &app).await;
    sign_out(&mut browser).await;
    assert_eq!(server.tell_apps().await, Round { again: 1, ..Round::default() });
    assert_eq!(server.tell_apps().await, Round::default(), "not at once");
    server.clock.advance_seconds(20);
    server.world.answers(&uri("wiki"), 503);
    assert_eq!(server.tell_apps().await, Round { again: 1, ..Round::default() });
    server.clock.advance_seconds(99);
    assert_eq!(server.tell_apps().await, Round::default());
    server.clock.advance_seconds(1);
    server.world.answers(&uri("wiki"), 204);
    assert_eq!(server.tell_apps().await, Round { delivered: 1, ..Round::default() });
    server.clock.advance_seconds(1000);
    assert_eq!(server.tell_apps().await, Round::default(), "once is enough");
    // Each try has a token of its own, good at its own time.
    let told = posted(&server);
    let claims: Vec<Value> = told.iter().map(|(_, token)| tokens::peek(token).1).collect();
    let of = |name: &str| claims.iter().map(|claims| claims[name].to_string()).collect::<BTreeSet<_>>().len();
    assert_eq!((of("jti"), of("iat"), of("sid"), of("sub")), (3, 3, 1, 1));
}

#[tokio::test]
async fn lo12_answers_and_what_they_come_to() {
    let server = TestServer::start().await;
    for (n, (status, round, state)) in [
        (200, Round { delivered: 1, ..Round::default() }, Some(DeliveryState::Delivered)),
        (204, Round { delivered: 1, ..Round::default() }, Some(DeliveryState::Delivered)),
        (400, Round { refused: 1, ..Round::default() }, Some(DeliveryState::Refused)),
        (201, Round { again: 1, ..Round::default() }, None),
        (302, Round { again: 1, ..Round::default() }, None),
        (404, Round { again: 1, ..Round::default() }, None),
        (500, Round { again: 1, ..Round::default() }, None),
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("app{n}");
        let app = listener(&server, &id, |_| {}).await;
        server.world.answers(&uri(&id), status);
        let mut browser = Browser::new(&server);
        sign_in(&mut browser, &server, &app).await;
        sign_out(&mut browser).await;
        assert_eq!(server.tell_apps().await, round, "{status}");
        let mut tries = 1;
        while state.is_none() && tries < 3 {
            server.clock.advance_seconds(150);
            let told = server.tell_apps().await;
            tries += 1;
            let given_up = Round { given_up: 1, ..Round::default() };
            assert_eq!(told, if tries == 3 { given_up } else { round }, "{status}");
        }
        let reported = deliveries(&server, &id).await;
        assert_eq!(reported.len(), 1);
        assert_eq!(reported[0].state, state.unwrap_or(DeliveryState::GivenUp), "{status}");
        assert_eq!(reported[0].attempts, tries);
        assert_eq!(reported[0].answer.as_deref(), Some(format!("answered {status}").as_str()));
        // Nothing is tried a fourth time.
        server.clock.advance_seconds(3600);
        assert_eq!(server.tell_apps().await, Round::default(), "{status}");
    }
}

#[tokio::test]
async fn lo12_our_own_limit_costs_an_app_no_try() {
    let server = TestServer::start().await;
    let app = listener(&server, "wiki", |_| {}).await;
    server.world.answers(&uri("wiki"), 200);
    let mut browser = Browser::new(&server);
    sign_in(&mut browser, &server, &app).await;
    server.world.be_busy(true);
    sign_out(&mut browser).await;
    for _ in 0..100 {
        assert_eq!(server.tell_apps().await, Round { again: 1, ..Round::default() });
        server.clock.advance_seconds(5);
    }
    server.world.be_busy(false);
    assert_eq!(server.tell_apps().await, Round { delivered: 1, ..Round::default() });
    let reported = deliveries(&server, "wiki").await;
    assert_eq!((reported.len(), reported[0].attempts), (1, 1));
}

async fn deliveries(server: &TestServer, id: &str) -> Vec<LogoutDelivery> {
    server.store.logouts_to(&id.parse().unwrap(), 10).await.unwrap()
}

/// Every way in which a session ends reaches its apps.
#[tokio::test]
async fn lo10_every_end_of_a_session_tells_its_apps() {
    for end in
        ["hint", "page", "cookie", "account", "one", "others", "everywhere", "disabled", "password", "another", "time"]
    {
        let server = TestServer::start().await;
        let (shop, wiki) = (listener(&server, "books", |_| {}).await, listener(&server, "wiki", |_| {}).await);
        let silent = listener(&server, "silent", |client| client.backchannel_logout = None).await;
        for id in ["books", "wiki"] {
            server.world.answers(&uri(id), 200);
        }
        let mut browser = Browser::new(&server);
        let tokens = sign_in(&mut browser, &server, &shop).await;
        sign_in(&mut browser, &server, &wiki).await;
        sign_in(&mut browser, &server, &silent).await;
        let mut elsewhere = Browser::new(&server);
        sign_in(&mut elsewhere, &server, &silent).await;
        let user = seeds::user(&server, seeds::OLENA).await;
        server.clock.advance_seconds(1);
        match end {
            "hint" => drop(browser.visit(&format!("/oauth2/logout?id_token_hint={}", tokens.id)).await),
            "page" => sign_out(&mut browser).await,
            "cookie" => {
                let reply = browser.post_json(seeds::APP_ORIGIN, "/api/auth/logout", None).await;
                assert_eq!(reply.status, 204, "{reply}");
            }
            "account" => on_the_account_page(&mut browser, "/account/sign-out", &[]).await,
            "one" => on_the_account_page(&mut elsewhere, END, &[("session", &sid(&tokens))]).await,
            "others" => on_the_account_page(&mut elsewhere, END, &[("all_others", "1")]).await,
            "everywhere" => on_the_account_page(&mut elsewhere, END, &[("all", "1")]).await,
            "disabled" => seeds::set_status(&server, seeds::OLENA, UserStatus::Disabled).await,
            "password" => {
                let sealed = brama_store::user::SealedPasswordHash(vec![0; 40]);
                assert!(server.store.set_password(user.id, sealed, server.ctx().now).await.unwrap());
            }
            "another" => {
                let landing = browser.authorize(&silent, &[("prompt", "login")]).await;
                browser.complete_as(landing, seeds::TARAS, seeds::PASSWORD).await;
            }
            _ => server.clock.advance_seconds(7 * 24 * 3600),
        }
        assert_eq!(server.tell_apps().await, Round { delivered: 2, ..Round::default() }, "{end}");
        let told: BTreeSet<_> = posted(&server)
            .into_iter()
            .map(|(url, token)| (url, tokens::peek(&token).1["sid"].as_str().unwrap().to_owned()))
            .collect();
        assert_eq!(told, [(uri("books"), sid(&tokens)), (uri("wiki"), sid(&tokens))].into(), "{end}");
    }
}

/// Where the buttons of sessions lead to.
const END: &str = "/account/sessions/end";

/// Press a button of `/account`.
async fn on_the_account_page(browser: &mut Browser<'_>, action: &str, button: &[(&str, &str)]) {
    let page = browser.visit("/account").await.page();
    let mut form = html::form(page.text(), action).unwrap_or_else(|| panic!("no {action} on {page}"));
    form.fields.remove("session");
    let reply = browser.submit_step(&form, button).await;
    assert_eq!(reply.status, 303, "{reply}");
}

#[tokio::test]
async fn lo10_an_app_without_an_id_token_is_told_nothing() {
    let server = TestServer::start().await;
    let app = listener(&server, "wiki", |_| {}).await.scope("profile");
    let mut browser = Browser::new(&server);
    sign_in(&mut browser, &server, &app).await;
    sign_out(&mut browser).await;
    assert_eq!(server.tell_apps().await, Round::default());
}

#[tokio::test]
async fn lo10_a_disabled_app_is_told_nothing_and_that_is_reported() {
    let server = TestServer::start().await;
    let app = listener(&server, "wiki", |_| {}).await;
    let mut browser = Browser::new(&server);
    sign_in(&mut browser, &server, &app).await;
    listener(&server, "wiki", |client| client.enabled = false).await;
    sign_out(&mut browser).await;
    assert_eq!(server.tell_apps().await, Round { given_up: 1, ..Round::default() });
    assert_eq!(posted(&server), []);
    assert!(deliveries(&server, "wiki").await[0].answer.as_ref().unwrap().contains("disabled"));
}

/// More apps than are told at the same time; each is told once, by whichever of two nodes.
#[tokio::test]
async fn lo12_many_apps_are_told_once_each_by_several_deliveries_at_once() {
    let server = TestServer::with(|options| options.unlimited_addresses()).await;
    let mut browser = Browser::new(&server);
    for n in 0..40 {
        let id = format!("app{n}");
        let app = listener(&server, &id, |_| {}).await;
        server.world.answers(&uri(&id), 200);
        sign_in(&mut browser, &server, &app).await;
    }
    sign_out(&mut browser).await;
    let (one, two) = tokio::join!(server.tell_apps(), server.tell_apps());
    // Rows that the other one was looking at were left to it, which may leave some for the next look.
    let rest = server.tell_apps().await;
    assert_eq!(one.delivered + two.delivered + rest.delivered, 40);
    let urls: BTreeSet<_> = posted(&server).into_iter().map(|(url, _)| url).collect();
    assert_eq!((urls.len(), posted(&server).len()), (40, 40));
}
