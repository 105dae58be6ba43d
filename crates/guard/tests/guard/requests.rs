//! What a client sees: RS-1 to RS-6, and the claims of a token one by one (RS-3, TK-1, TK-2, TK-22 to TK-26).

use std::time::{Duration, UNIX_EPOCH};

use crate::support::{AUDIENCE, Issuer, START, api, key, send, send_token};
use brama_guard::{Algorithm, BuildError, Guard, InvalidToken, IssuerError, JwsError, Reason};
use brama_jose::{SigningKey, Typ};
use serde_json::{Value, json};

async fn reason(guard: &Guard, token: &str) -> Reason {
    guard.verify(token).await.unwrap_err().reason().clone()
}

fn invalid(invalid: InvalidToken) -> Reason {
    Reason::Invalid(invalid)
}

#[tokio::test]
async fn rs_4_no_credentials_401_without_error() {
    let issuer = Issuer::start(&[&key()]).await;
    let api = api(&issuer.guard());
    for headers in [&[][..], &["Basic YTpi"], &["DPoP abc"]] {
        let seen = send(&api, "/hello", headers).await;
        assert_eq!((seen.status, seen.challenge.as_deref()), (401, Some("Bearer")));
        assert_eq!(seen.cache_control.as_deref(), Some("no-store"));
        let body: Value = serde_json::from_str(&seen.body).unwrap();
        assert!(body.get("error").is_none());
    }
    // Nothing was fetched for somebody without a token.
    assert_eq!(issuer.key_fetches(), 0);
}

#[tokio::test]
async fn rs_2_two_headers_and_malformed_ones_400() {
    let key = key();
    let issuer = Issuer::start(&[&key]).await;
    let api = api(&issuer.guard());
    let good = format!("Bearer {}", issuer.token(&key));
    for headers in
        [&[good.as_str(), good.as_str()][..], &[&good, "Basic YTpi"], &["Bearer"], &["Bearer a b"], &["Bearer \u{e9}"]]
    {
        let seen = send(&api, "/hello", headers).await;
        assert_eq!(seen.status, 400, "{headers:?}");
        assert!(seen.challenge.unwrap().starts_with(r#"Bearer error="invalid_request""#));
    }
}

#[tokio::test]
async fn rs_1_a_token_in_the_query_is_no_token() {
    let key = key();
    let issuer = Issuer::start(&[&key]).await;
    let api = api(&issuer.guard());
    let seen = send(&api, &format!("/hello?access_token={}", issuer.token(&key)), &[]).await;
    assert_eq!((seen.status, seen.challenge.as_deref()), (401, Some("Bearer")));
}

#[tokio::test]
async fn rs_1_the_scheme_ignores_case() {
    let key = key();
    let issuer = Issuer::start(&[&key]).await;
    let api = api(&issuer.guard());
    for scheme in ["Bearer", "bEaReR", "BEARER"] {
        let seen = send(&api, "/hello", &[&format!("{scheme} {}", issuer.token(&key))]).await;
        assert_eq!((seen.status, seen.body.as_str()), (200, "hello alice"));
    }
}

#[tokio::test]
async fn rs_4_scope_short_403_lists_all_scopes() {
    let key = key();
    let issuer = Issuer::start(&[&key]).await;
    let api = api(&issuer.guard());
    for scope in [json!(null), json!("read"), json!("read orders:read"), json!("read orders:read orders:writes")] {
        let token = issuer.token_with(&key, json!({ "scope": scope }));
        let seen = send(&api, "/orders", &[&format!("Bearer {token}")]).await;
        assert_eq!(seen.status, 403);
        assert_eq!(
            seen.challenge.unwrap(),
            "Bearer error=\"insufficient_scope\", error_description=\"the token lacks a required scope\", \
             scope=\"read orders:read orders:write\""
        );
    }
    let token = issuer.token_with(&key, json!({ "scope": "orders:write x orders:read read" }));
    assert_eq!(send(&api, "/orders", &[&format!("Bearer {token}")]).await.status, 200);
}

#[tokio::test]
async fn rs_5_rs_6_challenges_name_the_site_once() {
    let key = key();
    let issuer = Issuer::start(&[&key]).await;
    let url = "https://api.example.com/.well-known/oauth-protected-resource";
    let guard = issuer.builder().realm("my \"api\"").resource_metadata(url).build().unwrap();
    let api = api(&guard);
    let site = format!(r#"resource_metadata="{url}""#);
    for (headers, error) in
        [(&[][..], None), (&["Bearer"], Some("invalid_request")), (&["Bearer a.b.c"], Some("invalid_token"))]
    {
        let challenge = send(&api, "/hello", headers).await.challenge.unwrap();
        assert!(challenge.starts_with(r#"Bearer realm="my ?api?""#), "{challenge}");
        assert_eq!(challenge.matches(&site).count(), 1, "{challenge}");
        assert_eq!(challenge.matches("error=").count(), usize::from(error.is_some()), "{challenge}");
        assert!(error.is_none_or(|error| challenge.contains(&format!(r#"error="{error}""#))));
    }
}

#[tokio::test]
async fn tk_25_an_id_token_or_logout_token_is_no_access_token() {
    let key = key();
    let issuer = Issuer::start(&[&key]).await;
    let guard = issuer.guard();
    // A proof carries its own key, and so is not even read.
    let proof = key.sign(Typ::DpopProof, &issuer.claims()).unwrap();
    assert_eq!(reason(&guard, &proof).await, invalid(JwsError::ForbiddenHeader.into()));
    for typ in Typ::ALL.into_iter().filter(|typ| ![Typ::AccessToken, Typ::DpopProof].contains(typ)) {
        let token = key.sign(typ, &issuer.claims()).unwrap();
        assert_eq!(reason(&guard, &token).await, invalid(JwsError::WrongTyp.into()), "{typ:?}");
        let seen = send_token(&api(&guard), &token).await;
        assert_eq!(seen.status, 401);
        assert_eq!(
            seen.challenge.unwrap(),
            r#"Bearer error="invalid_token", error_description="the token is of another type""#
        );
    }
}

#[tokio::test]
async fn g_7_the_issuer_is_compared_exactly() {
    let key = key();
    let issuer = Issuer::start(&[&key]).await;
    let guard = issuer.guard();
    for iss in [
        format!("{}/", issuer.url),
        issuer.url.to_uppercase(),
        issuer.url.replace("127.0.0.1", "localhost"),
        String::new(),
    ] {
        let token = issuer.token_with(&key, json!({ "iss": iss }));
        assert_eq!(reason(&guard, &token).await, invalid(InvalidToken::WrongIssuer), "{iss}");
    }
}

#[tokio::test]
async fn rs_3_the_audience_contains_this_api() {
    let key = key();
    let issuer = Issuer::start(&[&key]).await;
    let guard = issuer.guard();
    for aud in
        [json!("https://other.example.com"), json!(format!("{AUDIENCE}/")), json!([]), json!(["a", "b"]), json!("spa")]
    {
        let token = issuer.token_with(&key, json!({ "aud": aud }));
        assert_eq!(reason(&guard, &token).await, invalid(InvalidToken::WrongAudience), "{aud}");
    }
    for aud in [json!(AUDIENCE), json!([AUDIENCE]), json!([issuer.url, AUDIENCE])] {
        let token = issuer.token_with(&key, json!({ "aud": aud }));
        assert!(guard.verify(&token).await.is_ok(), "{aud}");
    }
    let two_names = issuer.builder().audience("urn:old").build().unwrap();
    assert!(two_names.verify(&issuer.token_with(&key, json!({ "aud": "urn:old" }))).await.is_ok());
}

#[tokio::test]
async fn g_8_expiry_has_a_leeway_and_no_more() {
    let key = key();
    let issuer = Issuer::start(&[&key]).await;
    for cached_tokens in [0, 10] {
        let guard = issuer.builder().cached_tokens(cached_tokens).build().unwrap();
        let token = issuer.token_with(&key, json!({ "exp": issuer.now() + 100 }));
        issuer.pass(129);
        assert!(guard.verify(&token).await.is_ok());
        issuer.pass(1);
        assert_eq!(reason(&guard, &token).await, invalid(InvalidToken::Expired));
    }
    let strict = issuer.builder().leeway(Duration::ZERO).build().unwrap();
    let token = issuer.token_with(&key, json!({ "exp": issuer.now() as f64 + 0.5 }));
    assert!(strict.verify(&token).await.is_ok());
    issuer.pass(1);
    assert_eq!(reason(&strict, &token).await, invalid(InvalidToken::Expired));
    assert_eq!(reason(&strict, &issuer.token_with(&key, json!({ "exp": 0 }))).await, invalid(InvalidToken::Expired));
}

#[tokio::test]
async fn g_8_tokens_of_the_future() {
    let key = key();
    let issuer = Issuer::start(&[&key]).await;
    let guard = issuer.guard();
    let strict = issuer.builder().leeway(Duration::ZERO).build().unwrap();
    for claim in ["iat", "nbf"] {
        let at = |seconds: u64| issuer.token_with(&key, json!({ claim: issuer.now() + seconds }));
        assert!(guard.verify(&at(30)).await.is_ok());
        assert_eq!(reason(&guard, &at(31)).await, invalid(InvalidToken::NotYetValid), "{claim}");
        // 10 seconds must be accepted in any case.
        assert!(strict.verify(&at(10)).await.is_ok());
        assert_eq!(reason(&strict, &at(11)).await, invalid(InvalidToken::NotYetValid), "{claim}");
    }
}

#[tokio::test]
async fn tk_2_every_required_claim_is_required() {
    let key = key();
    let issuer = Issuer::start(&[&key]).await;
    let guard = issuer.guard();
    for claim in ["iss", "sub", "aud", "exp", "iat", "jti", "client_id"] {
        let token = issuer.token_with(&key, json!({ claim: null }));
        assert_eq!(reason(&guard, &token).await, invalid(InvalidToken::BadClaims), "{claim}");
        let token = issuer.token_with(&key, json!({ claim: true }));
        assert_eq!(reason(&guard, &token).await, invalid(InvalidToken::BadClaims), "{claim}");
    }
    for claim in ["sub", "jti", "client_id"] {
        let token = issuer.token_with(&key, json!({ claim: "" }));
        assert_eq!(reason(&guard, &token).await, invalid(InvalidToken::BadClaims), "{claim}");
    }
    assert!(guard.verify(&issuer.token_with(&key, json!({ "scope": null }))).await.is_ok());
}

#[tokio::test]
async fn tk_26_times_are_numbers_and_claims_are_typed() {
    let key = key();
    let issuer = Issuer::start(&[&key]).await;
    let guard = issuer.guard();
    for changes in [
        json!({ "exp": (issuer.now() + 100).to_string() }),
        json!({ "exp": -1 }),
        json!({ "exp": 1e300 }),
        json!({ "iat": "now" }),
        json!({ "nbf": [] }),
        json!({ "scope": ["read"] }),
        json!({ "aud": 1 }),
        json!({ "aud": [1] }),
    ] {
        let token = issuer.token_with(&key, changes.clone());
        assert_eq!(reason(&guard, &token).await, invalid(InvalidToken::BadClaims), "{changes}");
    }
    assert!(guard.verify(&issuer.token_with(&key, json!({ "iat": issuer.now() as f64 + 0.25 }))).await.is_ok());
}

#[tokio::test]
async fn rs_10_a_key_bound_token_is_no_bearer_token() {
    let key = key();
    let issuer = Issuer::start(&[&key]).await;
    let guard = issuer.guard();
    let token = issuer.token_with(&key, json!({ "cnf": { "jkt": key.public().thumbprint() } }));
    assert_eq!(reason(&guard, &token).await, invalid(InvalidToken::SenderConstrained));
    // Without DPoP settings there is no way in for it.
    assert_eq!(send_token(&api(&guard), &token).await.status, 401);
    for binding in [
        json!({ "jkt": "x" }),
        json!({ "x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2" }),
        json!({ "jkt": key.public().thumbprint(), "x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2" }),
        json!({}),
    ] {
        let token = issuer.token_with(&key, json!({ "cnf": binding }));
        assert_eq!(reason(&guard, &token).await, invalid(InvalidToken::UnknownBinding), "{binding}");
    }
    assert_eq!(reason(&guard, &issuer.token_with(&key, json!({ "cnf": "x" }))).await, invalid(InvalidToken::BadClaims));
}

#[tokio::test]
async fn tk_22_bad_signatures_and_foreign_keys() {
    let key = key();
    let issuer = Issuer::start(&[&key]).await;
    let guard = issuer.guard();
    let token = issuer.token(&key);
    // The signature of other claims under the same header.
    let other = issuer.token_with(&key, json!({ "sub": "mallory" }));
    let forged = format!("{}.{}", token.rsplit_once('.').unwrap().0, other.rsplit_once('.').unwrap().1);
    assert_eq!(reason(&guard, &forged).await, invalid(JwsError::BadSignature.into()));
    // A foreign key that claims the id of the real one.
    let foreign = issuer.token(&crate::support::key());
    let forged = format!("{}.{}", token.split_once('.').unwrap().0, foreign.split_once('.').unwrap().1);
    assert_eq!(reason(&guard, &forged).await, invalid(JwsError::BadSignature.into()));
    for nonsense in ["", "a", "a.b.c", "..", &format!("{token}x"), &"a".repeat(20_000), &format!("{token}.{token}")] {
        assert!(matches!(reason(&guard, nonsense).await, Reason::Invalid(InvalidToken::Jws(_))), "{nonsense}");
    }
    assert!(guard.verify(&token).await.is_ok());
}

#[tokio::test]
async fn tk_22_only_allowed_algorithms() {
    let es = key();
    let rs = SigningKey::generate(Algorithm::Rs256).unwrap();
    let issuer = Issuer::start(&[&es, &rs]).await;
    let guard = issuer.builder().algorithms([Algorithm::Es256]).build().unwrap();
    assert!(guard.verify(&issuer.token(&es)).await.is_ok());
    assert_eq!(reason(&guard, &issuer.token(&rs)).await, invalid(InvalidToken::AlgorithmNotAllowed));
    assert!(issuer.guard().verify(&issuer.token(&rs)).await.is_ok());
}

#[tokio::test]
async fn an_extractor_without_the_layer_answers_500_and_opens_nothing() {
    let key = key();
    let issuer = Issuer::start(&[&key]).await;
    let api = api(&issuer.guard());
    for headers in [&[][..], &[format!("Bearer {}", issuer.token(&key)).as_str()]] {
        assert_eq!(send(&api, "/unguarded", headers).await.status, 500);
    }
}

#[tokio::test]
async fn a_handler_sees_what_the_token_says() {
    let key = key();
    let issuer = Issuer::start(&[&key]).await;
    let changes =
        json!({ "sid": "s1", "acr": "urn:mfa", "amr": ["pwd", "otp"], "auth_time": START - 60, "tenant": { "id": 7 } });
    let token = issuer.guard().verify(&issuer.token_with(&key, changes)).await.unwrap();
    assert_eq!((token.subject(), token.client_id(), token.id()), ("alice", "spa", "t1"));
    assert_eq!((token.issuer(), token.audiences()), (issuer.url.as_str(), &[AUDIENCE.to_owned()][..]));
    assert_eq!(token.scopes().collect::<Vec<_>>(), ["read", "write"]);
    assert!(token.has_scope("write") && !token.has_scope("writ") && !token.has_scope("read write"));
    assert_eq!(token.expires_at(), UNIX_EPOCH + Duration::from_secs(START + 900));
    assert_eq!(token.issued_at(), UNIX_EPOCH + Duration::from_secs(START));
    assert_eq!(token.authenticated_at(), Some(UNIX_EPOCH + Duration::from_secs(START - 60)));
    assert_eq!((token.acr(), token.session_id()), (Some("urn:mfa"), Some("s1")));
    assert_eq!(token.amr(), ["pwd", "otp"]);
    assert_eq!(token.claims::<Value>().unwrap()["tenant"]["id"], 7);
    assert!(token.claims::<Vec<String>>().is_none());
    assert!(!format!("{token:?}").contains("tenant"));
}

#[test]
fn settings_that_cannot_work() {
    let build = |issuer: &str| Guard::builder(issuer).audience(AUDIENCE);
    assert!(matches!(Guard::builder("http://localhost").build(), Err(BuildError::NoAudience)));
    assert!(matches!(Guard::builder("http://localhost").audience("").build(), Err(BuildError::NoAudience)));
    assert!(matches!(build("http://id.example.com").build(), Err(BuildError::Issuer(IssuerError::NotHttps))));
    assert!(matches!(build("localhost:8420").build(), Err(BuildError::Issuer(IssuerError::NotAUrl))));
    assert!(matches!(build("http://localhost").algorithms([]).build(), Err(BuildError::NoAlgorithm)));
    assert!(matches!(build("http://localhost").leeway(Duration::from_secs(61)).build(), Err(BuildError::Leeway)));
    assert!(matches!(build("http://localhost").resource_metadata("/x").build(), Err(BuildError::ResourceMetadata)));
    assert!(build("http://localhost").build().is_ok());
}
