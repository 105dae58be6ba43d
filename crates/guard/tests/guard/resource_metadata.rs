//! Metadata of the API itself: RS-20 to RS-22, RS-5; RFC 9728.

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use brama_guard::{BuildError, Dpop, Guard, ResourceMetadata};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::support::{Issuer, key, send};

fn guard(resource: ResourceMetadata) -> Result<Guard, BuildError> {
    Guard::builder("https://id.example.com").resource(resource).build()
}

fn document(guard: &Guard) -> Value {
    serde_json::from_str(guard.metadata().unwrap().json()).unwrap()
}

#[test]
fn rs_20_the_path_is_inserted_after_the_host() {
    for (resource, path, url) in [
        ("https://h", "/.well-known/oauth-protected-resource", "https://h/.well-known/oauth-protected-resource"),
        ("https://h/", "/.well-known/oauth-protected-resource", "https://h/.well-known/oauth-protected-resource"),
        (
            "https://h/a/b",
            "/.well-known/oauth-protected-resource/a/b",
            "https://h/.well-known/oauth-protected-resource/a/b",
        ),
        (
            "https://h:8443/a/",
            "/.well-known/oauth-protected-resource/a/",
            "https://h:8443/.well-known/oauth-protected-resource/a/",
        ),
        (
            "http://localhost:3000/mcp",
            "/.well-known/oauth-protected-resource/mcp",
            "http://localhost:3000/.well-known/oauth-protected-resource/mcp",
        ),
    ] {
        let guard = guard(ResourceMetadata::new(resource)).unwrap();
        let metadata = guard.metadata().unwrap();
        assert_eq!((metadata.path(), metadata.url()), (path, url));
        // Identical to the identifier, a slash at its end included (§3.3).
        assert_eq!(document(&guard)["resource"], resource);
    }
}

#[test]
fn rs_21_what_is_empty_is_left_out() {
    let guard = guard(ResourceMetadata::new("https://api.example.com")).unwrap();
    assert_eq!(
        document(&guard),
        json!({
            "resource": "https://api.example.com",
            "authorization_servers": ["https://id.example.com"],
            "bearer_methods_supported": ["header"],
        })
    );
}

#[test]
fn rs_21_all_members() {
    let resource = ResourceMetadata::new("https://api.example.com")
        .name("Замовлення")
        .scopes("orders:read orders:write")
        .scopes("orders:admin")
        .authorization_details_type("payment")
        .documentation("https://api.example.com/docs")
        .policy("https://api.example.com/policy")
        .terms_of_service("https://api.example.com/terms")
        .jwks_uri("https://api.example.com/jwks");
    let guard = Guard::builder("https://id.example.com")
        .resource(resource)
        .dpop(Dpop::at("https://api.example.com").required())
        .build()
        .unwrap();
    assert_eq!(
        document(&guard),
        json!({
            "resource": "https://api.example.com",
            "authorization_servers": ["https://id.example.com"],
            "scopes_supported": ["orders:read", "orders:write", "orders:admin"],
            "bearer_methods_supported": ["header"],
            "resource_name": "Замовлення",
            "resource_documentation": "https://api.example.com/docs",
            "resource_policy_uri": "https://api.example.com/policy",
            "resource_tos_uri": "https://api.example.com/terms",
            "jwks_uri": "https://api.example.com/jwks",
            "authorization_details_types_supported": ["payment"],
            "dpop_signing_alg_values_supported": ["ES256", "EdDSA", "RS256", "PS256"],
            "dpop_bound_access_tokens_required": true,
        })
    );
}

#[test]
fn rs_20_rs_22_settings_that_cannot_work() {
    for resource in
        ["", "api", "http://api.example.com", "https://api.example.com?a", "https://api.example.com#a", "urn:api"]
    {
        assert!(matches!(guard(ResourceMetadata::new(resource)), Err(BuildError::Resource)), "{resource}");
    }
    let api = || ResourceMetadata::new("https://api.example.com");
    assert!(matches!(guard(api().scopes("read offline_access")), Err(BuildError::OfflineAccess)));
    assert!(matches!(guard(api().documentation("/docs")), Err(BuildError::ResourceMetadata)));
}

#[tokio::test]
async fn rs_5_rs_20_the_challenge_leads_to_the_metadata() {
    let key = key();
    let issuer = Issuer::start(&[&key]).await;
    let resource = "https://api.example.com/orders";
    let guard = issuer.builder().resource(ResourceMetadata::new(resource)).build().unwrap();
    let metadata = guard.metadata().unwrap();
    let api = crate::support::api(&guard).route_service(metadata.path(), metadata.clone());
    for (path, headers, status) in [
        ("/hello", &[][..], 401),
        ("/hello", &["Bearer a.b.c"], 401),
        ("/orders", &[format!("Bearer {}", issuer.token_with(&key, json!({ "scope": null }))).as_str()], 403),
    ] {
        let seen = send(&api, path, headers).await;
        assert_eq!(seen.status, status);
        let challenge = seen.challenge.unwrap();
        let url = challenge.split_once("resource_metadata=\"").unwrap().1.split_once('"').unwrap().0;
        assert_eq!(url, "https://api.example.com/.well-known/oauth-protected-resource/orders");
    }
    // As a client does (RFC 9728 §3.3): the document at that address must name the resource that was called.
    let (status, headers, body) = fetch(&api, "GET", metadata.path()).await;
    assert_eq!(status, 200);
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(headers["access-control-allow-origin"], "*");
    let document: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&document["resource"], &document["authorization_servers"]), (&json!(resource), &json!([issuer.url])));
    // Tokens that were asked for with that resource open the API.
    let token = issuer.token_with(&key, json!({ "aud": resource }));
    assert!(guard.verify(&token).await.is_ok());
}

#[tokio::test]
async fn rs_20_other_methods_are_405() {
    let guard = guard(ResourceMetadata::new("https://api.example.com")).unwrap();
    let metadata = guard.metadata().unwrap();
    let api = Router::new().route_service(metadata.path(), metadata.clone());
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let (status, headers, _) = fetch(&api, method, metadata.path()).await;
        assert_eq!((status, headers["allow"].to_str().unwrap()), (405, "GET, HEAD"), "{method}");
    }
    assert_eq!(fetch(&api, "HEAD", metadata.path()).await.0, 200);
    assert_eq!(fetch(&api, "GET", "/.well-known/oauth-protected-resource/other").await.0, 404);
}

async fn fetch(api: &Router, method: &str, path: &str) -> (u16, axum::http::HeaderMap, String) {
    let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
    let response = api.clone().oneshot(request).await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
    (status, headers, String::from_utf8(body.to_vec()).unwrap())
}
