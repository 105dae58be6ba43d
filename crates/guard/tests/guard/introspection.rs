//! Asking the issuer about tokens: RFC 7662, EP-31, EP-32, RS-3.

use std::time::Duration;

use brama_guard::{BuildError, Dpop, FetchError, Guard, Introspection, InvalidToken, Reason};
use brama_jose::{Typ, VerifyingKey, parse};
use brama_protocol::dpop::access_token_hash;
use serde_json::{Value, json};

use crate::support::{AUDIENCE, Issuer, Mood, api, key, send_token, send_with};

fn by_secret() -> Introspection {
    Introspection::client_secret_basic("orders api", "p:ss w+rd")
}

fn guard(issuer: &Issuer, introspection: Introspection) -> Guard {
    issuer.builder().introspection(introspection).build().unwrap()
}

/// A good answer with changes; `null` removes.
fn answer(issuer: &Issuer, changes: Value) -> Value {
    let mut answer = issuer.claims_with(json!({ "active": true, "token_type": "Bearer" }));
    for (name, value) in changes.as_object().unwrap() {
        answer[name] = value.clone();
        if value.is_null() {
            answer.as_object_mut().unwrap().remove(name);
        }
    }
    answer
}

async fn reason(guard: &Guard, token: &str) -> Reason {
    guard.verify(token).await.unwrap_err().reason().clone()
}

#[tokio::test]
async fn ep_31_a_token_that_is_not_active_is_refused() {
    let issuer = Issuer::start(&[]).await;
    let guard = guard(&issuer, by_secret());
    for _ in 0..2 {
        assert_eq!(reason(&guard, "opaque").await, Reason::Invalid(InvalidToken::Inactive));
    }
    // That is not remembered: it might have been a moment too early.
    assert_eq!(issuer.introspected().len(), 2);
    issuer.introspection_says(200, answer(&issuer, json!({ "active": false })));
    assert_eq!(reason(&guard, "opaque").await, Reason::Invalid(InvalidToken::Inactive));
    let seen = send_token(&api(&guard), "opaque").await;
    assert_eq!(seen.status, 401);
    assert!(seen.challenge.unwrap().starts_with("Bearer error=\"invalid_token\""));
}

#[tokio::test]
async fn rs_3_an_active_token_must_be_for_this_api_and_current() {
    let issuer = Issuer::start(&[]).await;
    let guard = issuer.builder().introspection(by_secret()).leeway(Duration::ZERO).build().unwrap();
    for (changes, expected) in [
        (json!({ "aud": "https://other.example.com" }), InvalidToken::WrongAudience),
        (json!({ "aud": null }), InvalidToken::BadClaims),
        (json!({ "iss": "https://other.example.com" }), InvalidToken::WrongIssuer),
        (json!({ "exp": issuer.now() }), InvalidToken::Expired),
        (json!({ "exp": null }), InvalidToken::BadClaims),
        (json!({ "nbf": issuer.now() + 100 }), InvalidToken::NotYetValid),
        (json!({ "sub": null }), InvalidToken::BadClaims),
        (json!({ "sub": "" }), InvalidToken::BadClaims),
        (json!({ "client_id": null }), InvalidToken::BadClaims),
        // A refresh token is active too.
        (json!({ "token_type": null }), InvalidToken::BadClaims),
        (json!({ "token_type": "refresh_token" }), InvalidToken::BadClaims),
        (json!({ "cnf": { "x5t#S256": "a" } }), InvalidToken::UnknownBinding),
    ] {
        issuer.introspection_says(200, answer(&issuer, changes.clone()));
        assert_eq!(reason(&guard, "opaque").await, Reason::Invalid(expected), "{changes}");
    }
    issuer.introspection_says(200, answer(&issuer, json!({ "iss": null, "iat": null, "jti": null, "tenant": 7 })));
    let token = guard.verify("opaque").await.unwrap();
    assert_eq!((token.subject(), token.client_id(), token.scope()), ("alice", "spa", "read write"));
    assert_eq!((token.issuer(), token.audiences(), token.id()), (issuer.url.as_str(), &[AUDIENCE.to_owned()][..], ""));
    assert_eq!(token.claims::<Value>().unwrap()["tenant"], 7);
}

#[tokio::test]
async fn ep_30_the_question_and_the_credentials() {
    let issuer = Issuer::start(&[]).await;
    issuer.introspection_says(200, answer(&issuer, json!({})));
    assert!(guard(&issuer, by_secret()).verify("opa+que/=").await.is_ok());
    let question = issuer.introspected().remove(0);
    // RFC 6749 §2.3.1: form-encoded, then base64.
    use base64::Engine;
    let basic = base64::engine::general_purpose::STANDARD.encode("orders+api:p%3Ass+w%2Brd");
    assert_eq!(question.authorization.unwrap(), format!("Basic {basic}"));
    assert_eq!((question.form["token"].as_str(), question.form.len()), ("opa+que/=", 2));
    assert_eq!(question.form["token_type_hint"], "access_token");
}

#[tokio::test]
async fn ep_30_private_key_jwt() {
    let issuer = Issuer::start(&[]).await;
    issuer.introspection_says(200, answer(&issuer, json!({})));
    let client = key();
    let public = VerifyingKey::new(client.public()).unwrap();
    let introspection = Introspection::private_key_jwt("orders-api", client).remember(Duration::ZERO);
    let guard = guard(&issuer, introspection);
    assert!(guard.verify("opaque").await.is_ok());
    assert!(guard.verify("opaque").await.is_ok());
    let assertions: Vec<Value> = issuer
        .introspected()
        .into_iter()
        .map(|question| {
            assert_eq!(question.authorization, None);
            assert_eq!(question.form["client_id"], "orders-api");
            assert_eq!(
                question.form["client_assertion_type"],
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
            );
            let assertion = parse(&question.form["client_assertion"]).unwrap();
            assertion.verify(&public, Typ::ClientAuthentication).unwrap().claims().unwrap()
        })
        .collect();
    assert_eq!(assertions.len(), 2);
    for claims in &assertions {
        // The issuer and nothing else: an assertion for one server is worth nothing at another.
        assert_eq!((&claims["iss"], &claims["sub"]), (&json!("orders-api"), &json!("orders-api")));
        assert_eq!(claims["aud"], json!(issuer.url));
        assert_eq!(claims["exp"], json!(issuer.now() + 60));
    }
    assert_ne!(assertions[0]["jti"], assertions[1]["jti"]);
}

#[tokio::test]
async fn good_answers_count_for_a_while_and_never_beyond_the_token() {
    let issuer = Issuer::start(&[]).await;
    let guard = issuer.builder().introspection(by_secret()).leeway(Duration::ZERO).build().unwrap();
    issuer.introspection_says(200, answer(&issuer, json!({})));
    for _ in 0..5 {
        assert!(guard.verify("opaque").await.is_ok());
    }
    assert!(guard.verify("another").await.is_ok());
    assert_eq!(issuer.introspected().len(), 2);
    // Revoked: seen at the latest after ten seconds.
    issuer.introspection_says(200, json!({ "active": false }));
    issuer.pass(9);
    assert!(guard.verify("opaque").await.is_ok());
    issuer.pass(1);
    assert_eq!(reason(&guard, "opaque").await, Reason::Invalid(InvalidToken::Inactive));
    // A token that ends sooner.
    issuer.introspection_says(200, answer(&issuer, json!({ "exp": issuer.now() + 3 })));
    assert!(guard.verify("short").await.is_ok());
    issuer.pass(3);
    assert_eq!(reason(&guard, "short").await, Reason::Invalid(InvalidToken::Expired));
}

#[tokio::test]
async fn whoever_cannot_ask_lets_nobody_in() {
    let issuer = Issuer::start(&[]).await;
    let guard = issuer.builder().introspection(by_secret()).build().unwrap();
    for (status, body) in [
        (401, json!({ "error": "invalid_client" })),
        (500, json!({})),
        (503, json!({})),
        (302, json!({})),
        (200, json!([])),
        (200, json!({})),
        (200, json!({ "active": "true" })),
        (200, json!("<html>")),
    ] {
        issuer.introspection_says(status, body.clone());
        assert!(matches!(reason(&guard, "opaque").await, Reason::Unavailable { .. }), "{status} {body}");
    }
    let seen = send_token(&api(&guard), "opaque").await;
    assert_eq!((seen.status, seen.challenge, seen.retry_after.as_deref()), (503, None, Some("1")));
}

#[tokio::test]
async fn an_issuer_that_never_answers_costs_five_seconds() {
    let issuer = Issuer::start(&[]).await;
    issuer.introspection_says(200, answer(&issuer, json!({})));
    let guard = issuer.builder().introspection(by_secret()).build_and_warm().await.unwrap();
    issuer.set_mood(Mood::Hanging);
    let mut requests = tokio::task::JoinSet::new();
    for number in 0..100 {
        let guard = guard.clone();
        requests.spawn(async move { reason(&guard, &format!("token{number}")).await });
    }
    assert!(requests.join_all().await.iter().all(|reason| matches!(reason, Reason::Unavailable { .. })));
    // No more than have a place were asked about; the others were told at once.
    assert_eq!(issuer.introspected().len(), 64);
    issuer.set_mood(Mood::Well);
    assert!(guard.verify("opaque").await.is_ok());
}

#[tokio::test]
async fn a_known_endpoint_serves_while_the_metadata_are_away() {
    let issuer = Issuer::start(&[]).await;
    issuer.introspection_says(200, answer(&issuer, json!({ "exp": issuer.now() + 100_000 })));
    let guard = guard(&issuer, by_secret());
    assert!(guard.verify("one").await.is_ok());
    issuer.set_mood(Mood::Failing);
    issuer.pass(7200);
    assert!(guard.verify("two").await.is_ok());
}

#[tokio::test]
async fn without_an_endpoint_of_the_issuer() {
    let issuer = Issuer::start(&[]).await;
    issuer.offer_introspection(false);
    let built = issuer.builder().introspection(by_secret()).build_and_warm().await;
    assert!(matches!(built.unwrap_err(), BuildError::Keys(FetchError::NoIntrospection { .. })));
    let guard = guard(&issuer, by_secret());
    assert!(matches!(reason(&guard, "opaque").await, Reason::Unavailable { .. }));
    issuer.offer_introspection(true);
    issuer.introspection_says(200, answer(&issuer, json!({})));
    issuer.pass(1);
    assert!(guard.verify("opaque").await.is_ok());
}

#[tokio::test]
async fn rs_10_bound_tokens_are_bound_here_too() {
    let issuer = Issuer::start(&[]).await;
    let client = key();
    issuer.introspection_says(
        200,
        answer(&issuer, json!({ "token_type": "DPoP", "cnf": { "jkt": client.public().thumbprint() } })),
    );
    let guard = issuer.builder().introspection(by_secret()).dpop(Dpop::at("https://api.example.com")).build().unwrap();
    let api = api(&guard);
    assert_eq!(send_with(&api, "GET", "/hello", &["Bearer opaque"], &[]).await.status, 401);
    assert_eq!(send_with(&api, "GET", "/hello", &["DPoP opaque"], &[]).await.status, 401);
    let claims = json!({
        "jti": "1", "htm": "GET", "htu": "https://api.example.com/hello", "iat": issuer.now(), "ath": access_token_hash("opaque"),
    });
    let proof = client.sign(Typ::DpopProof, &claims).unwrap();
    assert_eq!(send_with(&api, "GET", "/hello", &["DPoP opaque"], &[&proof]).await.status, 200);
    assert_eq!(send_with(&api, "GET", "/hello", &["DPoP opaque"], &[&proof]).await.status, 401);
}

#[test]
fn a_secret_is_not_shown() {
    assert!(!format!("{:?}", by_secret()).contains("p:ss"));
}
