//! An API behind `brama-guard`, as its author writes it, against a whole server on a socket. A5; RS-1 to RS-6.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use brama_flows::Clock as _;
use brama_guard::{AccessToken, Guard};
use brama_jose::Typ;
use brama_testkit::{Browser, RelyingParty, TestServer, seeds, tokens};
use http::{Request, Response};
use tower::ServiceExt as _;

use crate::support::signed_in_to;

/// The API: everybody with a good token, and those with one scope.
pub(crate) fn api(server: &TestServer) -> Router {
    let clock = Arc::clone(&server.clock);
    let now = move || SystemTime::UNIX_EPOCH + Duration::from_millis(clock.now().as_millisecond().try_into().unwrap());
    let guard =
        Guard::builder(server.issuer()).audience(format!("{}/api", server.issuer())).clock(now).build().unwrap();
    let hello = |token: AccessToken| async move { format!("hello {}", token.subject()) };
    Router::new()
        .route("/api/protected-resource", get(hello).layer(guard.layer()))
        .route("/api/orders", get(hello).layer(guard.layer().require_scope("orders").require_scope("openid")))
}

pub(crate) async fn ask(api: &Router, path: &str, authorization: Option<&str>) -> Response<Body> {
    let mut request = Request::get(path);
    if let Some(value) = authorization {
        request = request.header("authorization", value);
    }
    api.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

fn challenge(response: &Response<Body>) -> &str {
    response.headers()["www-authenticate"].to_str().unwrap()
}

pub(crate) const PATH: &str = "/api/protected-resource";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a5_a_good_token_of_either_scheme_is_handled() {
    let server = TestServer::on_loopback(|_| {}).await;
    let api = api(&server);
    let body = serde_json::json!({"username": seeds::OLENA, "password": seeds::PASSWORD});
    let a = server.post("/api/auth/login").json(&body).send().await.member("access_token");
    let b = signed_in_to(&server, &RelyingParty::shop()).await.access;
    for token in [a, b] {
        assert_eq!(ask(&api, PATH, Some(&format!("Bearer {token}"))).await.status(), 200);
        assert_eq!(ask(&api, PATH, Some(&format!("bEaReR {token}"))).await.status(), 200);
        // RS-4: all the scopes that are needed, at once.
        let short = ask(&api, "/api/orders", Some(&format!("Bearer {token}"))).await;
        assert_eq!(short.status(), 403);
        let named = challenge(&short);
        assert!(
            named.contains("insufficient_scope") && named.contains("orders") && named.contains("openid"),
            "{named}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a5_missing_bad_and_expired_tokens_are_401_with_a_challenge() {
    let server = TestServer::on_loopback(|_| {}).await;
    let api = api(&server);
    let sent = signed_in_to(&server, &RelyingParty::shop()).await;
    let good = format!("Bearer {}", sent.access);
    let missing = ask(&api, PATH, None).await;
    assert_eq!(missing.status(), 401);
    assert!(
        challenge(&missing).starts_with("Bearer") && !challenge(&missing).contains("error"),
        "{}",
        challenge(&missing)
    );
    let in_query = ask(&api, &format!("{PATH}?access_token={}", sent.access), None).await;
    assert_eq!(in_query.status(), 401);
    let claims = tokens::peek(&sent.access).1;
    let catalog = server.deployment.catalog.get();
    let own = catalog.keyring.for_access_tokens(server.ctx().now).unwrap();
    let with = |name: &str, value: serde_json::Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        format!("Bearer {}", own.sign(Typ::AccessToken, &claims).unwrap())
    };
    let bad = [
        format!("Bearer {}", sent.id),
        format!("Bearer {}", sent.refresh),
        format!("{good}x"),
        with("iss", format!("{}/", server.issuer()).into()),
        with("aud", "https://other.example".into()),
        with("aud", server.issuer().into()),
        with("exp", (server.clock.now().as_second() - 31).into()),
    ];
    assert_eq!(ask(&api, PATH, Some(&good)).await.status(), 200);
    for token in bad {
        let response = ask(&api, PATH, Some(&token)).await;
        assert_eq!(response.status(), 401, "{token}");
        assert!(challenge(&response).contains("error=\"invalid_token\""), "{}", challenge(&response));
    }
    // Fifteen minutes, and the half minute that clocks may differ by.
    server.clock.advance_seconds(900 + 31);
    let expired = ask(&api, PATH, Some(&good)).await;
    assert_eq!(expired.status(), 401);
    assert!(challenge(&expired).contains("error=\"invalid_token\""), "{}", challenge(&expired));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a7_expiry_a_refresh_and_the_same_call_again() {
    let server = TestServer::on_loopback(|_| {}).await;
    let api = api(&server);
    let own = server.issuer().to_owned();
    let mut browser = Browser::new(&server);
    let body = serde_json::json!({"username": seeds::OLENA, "password": seeds::PASSWORD});
    let token = browser.post_json(&own, "/api/auth/login", Some(body)).await.member("access_token");
    server.clock.advance_seconds(1000);
    assert_eq!(ask(&api, PATH, Some(&format!("Bearer {token}"))).await.status(), 401);
    let token = browser.post_json(&own, "/api/auth/refresh", None).await.member("access_token");
    assert_eq!(ask(&api, PATH, Some(&format!("Bearer {token}"))).await.status(), 200);
}
