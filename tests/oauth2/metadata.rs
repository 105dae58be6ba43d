//! The metadata documents and the key set. EP-50 to EP-52, TK-20, AZ-14, AZ-26, WH-10.

use brama_testkit::{TestServer, seeds};
use http::Method;
use serde_json::json;

const METHODS: [&str; 4] = ["none", "client_secret_basic", "client_secret_post", "private_key_jwt"];
const CONFIDENTIAL: [&str; 3] = ["client_secret_basic", "client_secret_post", "private_key_jwt"];
const ASSERTIONS: &[&str] = brama_protocol::client_assertion::ALGORITHMS;
const GRANTS: [&str; 4] =
    ["authorization_code", "refresh_token", "client_credentials", "urn:ietf:params:oauth:grant-type:device_code"];
const DOCUMENTS: [&str; 2] = ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"];

#[tokio::test]
async fn ep50_az26_both_documents_say_exactly_what_works() {
    for issuer in ["https://id.example.com", "http://localhost:8420"] {
        let server = TestServer::with(|options| options.issuer(issuer)).await;
        for path in DOCUMENTS {
            let reply = server.get(path).send().await.expect(200);
            assert_eq!(reply.header("content-type"), Some("application/json"));
            let at = |path: &str| format!("{issuer}{path}");
            let json = reply.json();
            let wanted = json!({
                "issuer": issuer,
                "authorization_endpoint": at("/oauth2/authorize"),
                "token_endpoint": at("/oauth2/token"),
                "pushed_authorization_request_endpoint": at("/oauth2/par"),
                "require_pushed_authorization_requests": false,
                "jwks_uri": at("/oauth2/jwks"),
                "userinfo_endpoint": at("/userinfo"),
                "token_endpoint_auth_signing_alg_values_supported": ASSERTIONS,
                "dpop_signing_alg_values_supported": ["ES256", "EdDSA", "RS256", "PS256"],
                "revocation_endpoint": at("/oauth2/revoke"),
                "revocation_endpoint_auth_methods_supported": METHODS,
                "revocation_endpoint_auth_signing_alg_values_supported": ASSERTIONS,
                "introspection_endpoint": at("/oauth2/introspect"),
                "introspection_endpoint_auth_methods_supported": CONFIDENTIAL,
                "introspection_endpoint_auth_signing_alg_values_supported": ASSERTIONS,
                "device_authorization_endpoint": at("/oauth2/device_authorization"),
                "end_session_endpoint": at("/oauth2/logout"),
                "backchannel_logout_supported": true,
                "backchannel_logout_session_supported": true,
                "scopes_supported": ["openid", "profile", "email", "offline_access"],
                "response_types_supported": ["code"],
                "response_modes_supported": ["query", "form_post"],
                "grant_types_supported": GRANTS,
                "code_challenge_methods_supported": ["S256"],
                "token_endpoint_auth_methods_supported": METHODS,
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["ES256", "RS256"],
                "acr_values_supported": ["urn:brama:acr:1"],
                "claims_supported": json["claims_supported"],
                "claim_types_supported": ["normal"],
                "ui_locales_supported": ["uk", "en"],
                "prompt_values_supported": ["none", "login", "consent", "select_account"],
                "authorization_response_iss_parameter_supported": true,
                "claims_parameter_supported": true,
                "request_parameter_supported": false,
                "request_uri_parameter_supported": false,
            });
            assert_eq!(json, wanted);
            // EP-52: an empty list is left out.
            assert!(
                json.as_object().unwrap().values().all(|value| value.as_array().is_none_or(|list| !list.is_empty()))
            );
        }
    }
}

#[tokio::test]
async fn ep50_documents_and_keys_are_for_everybody_and_cacheable() {
    let server = TestServer::start().await;
    for path in [DOCUMENTS[0], DOCUMENTS[1], "/oauth2/jwks"] {
        let reply = server.get(path).header("origin", "https://anybody.example").cookie("a=b").send().await.expect(200);
        assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
        assert_eq!(reply.header("cross-origin-resource-policy"), Some("cross-origin"));
        assert_eq!(reply.header("cache-control"), Some("public, max-age=300"));
        let tag = reply.header("etag").unwrap().to_owned();
        for known in [tag.clone(), format!("\"x\", {tag}"), format!("W/{tag}"), "*".to_owned()] {
            let again = server.get(path).header("if-none-match", &known).send().await.expect(304);
            assert!(again.body.is_empty() && again.header("etag") == Some(tag.as_str()), "{again}");
        }
        assert_eq!(server.get(path).header("if-none-match", "\"other\"").send().await.status, 200);
        let head = server.call(Method::HEAD, path).send().await.expect(200);
        assert_eq!(head.header("etag"), Some(tag.as_str()));
        let preflight = server.call(Method::OPTIONS, path).header("origin", "https://x.example");
        let preflight = preflight.header("access-control-request-method", "GET").send().await.expect(204);
        assert_eq!(preflight.header("access-control-allow-origin"), Some("*"));
    }
}

#[tokio::test]
async fn ep51_every_advertised_endpoint_answers() {
    let server = TestServer::start().await;
    let document = server.get(DOCUMENTS[0]).send().await.json();
    let mut endpoints = 0;
    for (name, value) in document.as_object().unwrap() {
        if let Some(url) = value.as_str().filter(|_| name.ends_with("_endpoint") || name == "jwks_uri") {
            let path = url.strip_prefix(server.issuer()).unwrap();
            assert_ne!(server.get(path).send().await.status, 404, "{name}");
            endpoints += 1;
        }
    }
    assert_eq!(endpoints, 9);
}

#[tokio::test]
async fn tk20_keys_are_public_distinct_and_for_signatures() {
    let server = TestServer::start().await;
    let reply = server.get("/oauth2/jwks").send().await.expect(200);
    let json = reply.json();
    let keys = json["keys"].as_array().unwrap();
    let mut algorithms: Vec<&str> = keys.iter().map(|key| key["alg"].as_str().unwrap()).collect();
    algorithms.sort_unstable();
    assert_eq!(algorithms, ["ES256", "RS256"]);
    for key in keys {
        assert_eq!(key["use"], "sig");
        assert!(key["kid"].as_str().is_some_and(|kid| kid.len() == 43), "{key}");
        for private in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
            assert_eq!(key.get(private), None, "{private}");
        }
    }
    assert_ne!(keys[0]["kid"], keys[1]["kid"]);
}

#[tokio::test]
async fn g7_no_header_of_a_request_changes_any_value() {
    let server = TestServer::start().await;
    let plain = server.get(DOCUMENTS[0]).send().await;
    let spoofed = server
        .get(DOCUMENTS[0])
        .header("x-forwarded-host", "evil.example")
        .header("x-forwarded-proto", "http")
        .header("x-forwarded-for", "203.0.113.9")
        .header("forwarded", "host=evil.example;proto=http")
        .header("x-original-url", "/oauth2/jwks")
        .header("x-http-method-override", "DELETE")
        .send()
        .await;
    assert_eq!(plain.body, spoofed.body);
    for host in [Some("evil.example"), Some("id.example.com:8443"), Some("id.example.com.evil.example"), Some(""), None]
    {
        let reply = server.get(DOCUMENTS[0]).host(host).send().await;
        assert_eq!(reply.status, 421, "{host:?}: {reply}");
        assert!(!reply.text().contains("evil"), "{reply}");
    }
    assert_eq!(server.get(DOCUMENTS[0]).host(Some("ID.EXAMPLE.COM")).send().await.status, 200);
    assert_eq!(server.get(DOCUMENTS[0]).header("origin", seeds::APP_ORIGIN).send().await.body, plain.body);
}

/// What is kept from the first request is what everybody would have got: with a query it is made anew.
#[tokio::test]
async fn ep50_a_kept_document_is_the_one_that_would_be_made() {
    let server = TestServer::start().await;
    for path in [DOCUMENTS[0], DOCUMENTS[1], "/oauth2/jwks"] {
        let first = server.get(path).send().await.expect(200);
        let kept = server.get(path).header("origin", "https://a.example").send().await.expect(200);
        let made = server.get(&format!("{path}?x=1")).send().await.expect(200);
        assert_ne!(first.header("x-request-id"), kept.header("x-request-id"));
        for other in [&kept, &made] {
            let without_name = |reply: &brama_testkit::Reply| {
                let mut headers = reply.headers.clone();
                headers.remove("x-request-id");
                // On the wire both have it.
                headers.remove("content-length");
                headers
            };
            assert_eq!(without_name(&first), without_name(other), "{path}");
            assert_eq!(first.body, other.body, "{path}");
        }
    }
}

#[tokio::test]
async fn tk20_a_key_that_does_not_open_leaves_the_key_set_as_it_was() {
    let server = TestServer::start().await;
    let before = server.get("/oauth2/jwks").send().await.expect(200);
    let again = server.get("/oauth2/jwks").send().await.expect(200);
    assert_eq!(before.body, again.body);
    let sealed = server.store.signing_keys().await.unwrap();
    let copy = sealed.first().unwrap().clone();
    // A key of another algorithm that does not open: the set stays as it was, and the server goes on.
    let (kid, alg) = ("x".to_owned(), "EdDSA".to_owned());
    let created_at = copy.created_at;
    let foreign = brama_store::signing_key::NewSigningKey { kid, alg, sealed: copy.sealed, active: true, created_at };
    server.store.add_signing_key(foreign).await.unwrap();
    assert!(server.deployment.catalog.look(server.store.as_ref(), server.ctx().now).await.is_err());
    assert_eq!(server.get("/oauth2/jwks").send().await.expect(200).body, before.body);
}
