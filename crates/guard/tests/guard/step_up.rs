//! What a route asks beyond a good token: RS-4, RS-7 and RFC 9470.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use brama_guard::{AccessToken, Guard, Reason, Rejection, Requirements};
use serde_json::json;

use crate::support::{Issuer, START, key, send};

const MFA: &str = "urn:brama:acr:2";

fn api(guard: &Guard) -> Router {
    async fn hello(_: AccessToken) {}
    /// A handler that decides while it runs.
    async fn pay(State(guard): State<Guard>, token: AccessToken) -> Result<(), Rejection> {
        guard.demand(&token, &Requirements::new().acr(MFA))
    }
    let layer = || guard.layer();
    Router::new()
        .route("/strong", get(hello).layer(layer().require_acr(MFA).require_acr("phr phrh")))
        .route("/recent", get(hello).layer(layer().require_max_age(Duration::from_secs(300))))
        .route(
            "/all",
            get(hello).layer(layer().require_scope("pay").require_acr(MFA).require_max_age(Duration::from_secs(300))),
        )
        .route("/pay", get(pay).layer(layer()))
        .with_state(guard.clone())
}

#[tokio::test]
async fn rs_7_acr_of_the_sign_in() {
    let key = key();
    let issuer = Issuer::start(&[&key]).await;
    let api = api(&issuer.guard());
    for acr in [json!(null), json!("urn:brama:acr:1"), json!("urn:brama:acr:2 "), json!("PHR")] {
        let token = issuer.token_with(&key, json!({ "acr": acr }));
        let seen = send(&api, "/strong", &[&format!("Bearer {token}")]).await;
        assert_eq!(seen.status, 401, "{acr}");
        assert_eq!(
            seen.challenge.unwrap(),
            "Bearer error=\"insufficient_user_authentication\", \
             error_description=\"the user has to sign in again, or in a stronger way\", \
             acr_values=\"urn:brama:acr:2 phr phrh\""
        );
    }
    // A higher level is enough.
    for acr in [MFA, "urn:brama:acr:3", "phr", "phrh"] {
        let token = issuer.token_with(&key, json!({ "acr": acr }));
        assert_eq!(send(&api, "/strong", &[&format!("Bearer {token}")]).await.status, 200, "{acr}");
    }
}

#[tokio::test]
async fn rs_7_age_of_the_sign_in() {
    let key = key();
    let issuer = Issuer::start(&[&key]).await;
    let guard = issuer.builder().leeway(Duration::ZERO).build().unwrap();
    let api = api(&guard);
    for auth_time in [json!(null), json!(START - 301), json!(0)] {
        let token = issuer.token_with(&key, json!({ "auth_time": auth_time }));
        let seen = send(&api, "/recent", &[&format!("Bearer {token}")]).await;
        assert_eq!(seen.status, 401, "{auth_time}");
        assert!(seen.challenge.unwrap().ends_with("max_age=\"300\""));
    }
    let token = issuer.token_with(&key, json!({ "auth_time": START - 299 }));
    assert_eq!(send(&api, "/recent", &[&format!("Bearer {token}")]).await.status, 200);
    issuer.pass(1);
    assert_eq!(send(&api, "/recent", &[&format!("Bearer {token}")]).await.status, 200);
    // The token lives on, the sign-in has become too old for this route.
    issuer.pass(1);
    assert_eq!(send(&api, "/recent", &[&format!("Bearer {token}")]).await.status, 401);
}

#[tokio::test]
async fn rs_7_step_up_round_trip_old_token_refused_new_sign_in_accepted() {
    let key = key();
    let issuer = Issuer::start(&[&key]).await;
    let api = api(&issuer.guard());
    let old = issuer.token_with(&key, json!({ "acr": "urn:brama:acr:1", "auth_time": START - 3600 }));
    let seen = send(&api, "/all", &[&format!("Bearer {old}")]).await;
    // Everything that the new sign-in has to bring, at once.
    assert_eq!(seen.status, 401);
    let challenge = seen.challenge.unwrap();
    for part in [
        "error=\"insufficient_user_authentication\"",
        "acr_values=\"urn:brama:acr:2\"",
        "max_age=\"300\"",
        "scope=\"pay\"",
    ] {
        assert!(challenge.contains(part), "{challenge}");
    }
    assert!(seen.body.contains("insufficient_user_authentication"));
    let new = issuer.token_with(&key, json!({ "acr": MFA, "auth_time": START, "scope": "pay" }));
    assert_eq!(send(&api, "/all", &[&format!("Bearer {new}")]).await.status, 200);
    let narrow = issuer.token_with(&key, json!({ "acr": MFA, "auth_time": START }));
    assert_eq!(send(&api, "/all", &[&format!("Bearer {narrow}")]).await.status, 403);
}

#[tokio::test]
async fn rs_7_a_handler_may_ask_for_more() {
    let key = key();
    let issuer = Issuer::start(&[&key]).await;
    let api = api(&issuer.guard());
    let seen = send(&api, "/pay", &[&format!("Bearer {}", issuer.token(&key))]).await;
    assert_eq!(seen.status, 401);
    assert!(seen.challenge.unwrap().contains("acr_values=\"urn:brama:acr:2\""));
    let strong = issuer.token_with(&key, json!({ "acr": MFA }));
    assert_eq!(send(&api, "/pay", &[&format!("Bearer {strong}")]).await.status, 200);
}

#[tokio::test]
async fn rs_4_rs_22_the_first_challenge_says_which_scopes_to_ask_for() {
    let key = key();
    let issuer = Issuer::start(&[&key]).await;
    let guard = issuer.guard();
    async fn hello(_: AccessToken) {}
    let api = Router::new().route("/", get(hello).layer(guard.layer().require_scope("a offline_access b a")));
    let seen = send(&api, "/", &[]).await;
    assert_eq!((seen.status, seen.challenge.as_deref()), (401, Some("Bearer scope=\"a b\"")));
    // A token that is no good has no such excuse.
    let seen = send(&api, "/", &["Bearer a.b.c"]).await;
    assert!(!seen.challenge.unwrap().contains("scope="));
}

#[tokio::test]
async fn a_plain_function_takes_requirements() {
    use axum::http::{HeaderMap, Method, header};
    let key = key();
    let issuer = Issuer::start(&[&key]).await;
    let guard = issuer.guard();
    let mut headers = HeaderMap::new();
    headers.insert(header::AUTHORIZATION, format!("Bearer {}", issuer.token(&key)).parse().unwrap());
    let uri = "/orders".parse().unwrap();
    assert!(guard.check(&Method::GET, &uri, &headers).await.is_ok());
    assert!(guard.check_for(&Requirements::new().scope("read write"), &Method::GET, &uri, &headers).await.is_ok());
    let refused = guard.check_for(&Requirements::new().scope("admin"), &Method::GET, &uri, &headers).await.unwrap_err();
    assert_eq!(refused.reason(), &Reason::InsufficientScope { required: "admin".to_owned() });
    assert_eq!(refused.status(), 403);
    let challenge = &refused.headers()["www-authenticate"];
    assert!(challenge.to_str().unwrap().contains("insufficient_scope"));
    assert!(refused.body().contains("insufficient_scope"));
}

#[test]
fn requirements_add_up() {
    let requirements = Requirements::new().max_age(Duration::from_secs(60)).max_age(Duration::from_secs(600));
    assert_eq!(requirements, Requirements::new().max_age(Duration::from_millis(60_900)));
    assert_eq!(Requirements::new().scope("a b").scope("b"), Requirements::new().scope("a").scope(" b  a "));
}
