//! `/userinfo`. OpenID Core §5.3; EP-40 to EP-44; RS-1 to RS-8.

use brama_jose::{Algorithm, SigningKey, Typ};
use brama_testkit::{RelyingParty, TestServer, seeds, tokens};
use http::Method;
use serde_json::json;

use crate::support::{assert_cors, assert_no_cors, signed_in_to};

#[tokio::test]
async fn ep40_ep41_ep42_claims_by_scope_by_get_and_post() {
    let server = TestServer::start().await;
    let user = seeds::user(&server, seeds::OLENA).await;
    let sub = user.id.to_string();
    let updated = user.updated_at.as_second();
    let cases = [
        ("openid", json!({"sub": sub})),
        ("openid email", json!({"sub": sub, "email": "olena@example.com", "email_verified": false})),
        (
            "openid profile",
            json!({"sub": sub, "preferred_username": "olena", "name": "Олена Коваль", "locale": "uk", "updated_at": updated}),
        ),
    ];
    for (scope, wanted) in cases {
        let sent = signed_in_to(&server, &RelyingParty::shop().scope(scope)).await;
        for method in [Method::GET, Method::POST] {
            let reply = server.call(method, "/userinfo").bearer(&sent.access).send().await.expect(200);
            assert_eq!(reply.json(), wanted);
            assert_eq!(reply.header("cache-control"), Some("no-store"));
        }
        assert_eq!(tokens::verify(&server, &sent.id, Typ::IdToken).await["sub"], sub);
    }
}

#[tokio::test]
async fn ep41_what_is_not_known_is_left_out() {
    let server = TestServer::start().await;
    let ctx = server.ctx();
    let id = brama_protocol::id::UserId::new(ctx.now, [3; 10]);
    let password = std::sync::Arc::new(brama_protocol::password::Password::parse(seeds::PASSWORD).unwrap());
    let sealed = brama_flows::login::password::hash(&ctx, id, password).await.unwrap();
    let bare = brama_store::user::NewUser {
        id,
        username: brama_protocol::username::Username::parse("bare").unwrap(),
        email: None,
        name: None,
        locale: None,
        password: Some(sealed),
    };
    ctx.store.add_user(bare, ctx.now).await.unwrap();
    let shop = RelyingParty::shop();
    let mut browser = brama_testkit::Browser::new(&server);
    let landing = browser.authorize(&shop, &[]).await;
    let answer = browser.complete_as(landing, "bare", seeds::PASSWORD).await;
    let token = shop.redeem(&server, answer.code()).await.member("access_token");
    let json = server.get("/userinfo").bearer(&token).send().await.expect(200).json();
    let names: Vec<&String> = json.as_object().unwrap().keys().collect();
    assert_eq!(names.len(), 3, "{json}");
    assert_eq!((&json["preferred_username"], json["sub"].as_str()), (&"bare".into(), Some(id.to_string().as_str())));
}

#[tokio::test]
async fn rs1_rs2_rs4_one_token_in_one_header() {
    let server = TestServer::start().await;
    let token = signed_in_to(&server, &RelyingParty::shop()).await.access;
    // No credentials: a challenge without an error. A token in the query is no credential.
    for call in [server.get("/userinfo"), server.get(&format!("/userinfo?access_token={token}"))] {
        let reply = call.send().await.expect(401);
        assert_eq!(
            reply.headers_of("www-authenticate"),
            ["Bearer", "DPoP algs=\"ES256 EdDSA RS256 PS256\""],
            "{reply}"
        );
    }
    for scheme in ["Bearer", "bEaReR", "BEARER"] {
        let call = server.get("/userinfo").header("authorization", &format!("{scheme} {token}"));
        assert_eq!(call.send().await.status, 200, "{scheme}");
    }
    let twice = server.get("/userinfo").bearer(&token).bearer(&token).send().await.expect(400);
    assert!(twice.header("www-authenticate").unwrap().contains("error=\"invalid_request\""), "{twice}");
    let in_body = server.post("/userinfo").bearer(&token).form(&[("access_token", &token)]).send().await;
    assert_eq!(in_body.expect_error(400, "invalid_request").status, 400);
    for malformed in ["Bearer", "Bearer ", "Bearer a b", "Bearer \"x\"", "Bearer a,b"] {
        let status = server.get("/userinfo").header("authorization", malformed).send().await.status.as_u16();
        assert!(matches!(status, 400 | 401), "{malformed}: {status}");
    }
}

#[tokio::test]
async fn rs3_a_token_that_is_not_ours_opens_nothing() {
    let server = TestServer::start().await;
    let sent = signed_in_to(&server, &RelyingParty::shop()).await;
    let claims = tokens::peek(&sent.access).1;
    let stranger = SigningKey::generate(Algorithm::Es256).unwrap();
    let catalog = server.deployment.catalog.get();
    let own = catalog.keyring.for_access_tokens(server.ctx().now).unwrap();
    let with = |change: serde_json::Value| {
        let mut claims = claims.clone();
        claims.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        own.sign(Typ::AccessToken, &claims).unwrap()
    };
    let now = server.ctx().now.as_second();
    assert_eq!(server.get("/userinfo").bearer(&with(json!({}))).send().await.status, 200, "the forging itself works");
    let refused = [
        sent.id.clone(),
        sent.refresh.clone(),
        stranger.sign(Typ::AccessToken, &claims).unwrap(),
        own.sign(Typ::IdToken, &claims).unwrap(),
        own.sign(Typ::LogoutToken, &claims).unwrap(),
        with(json!({"iss": "https://id.example.com/"})),
        with(json!({"iss": "https://evil.example"})),
        with(json!({"aud": "https://id.example.com/api"})),
        with(json!({"aud": "shop"})),
        with(json!({"aud": ["https://id.example.com/", "https://ID.example.com"]})),
        with(json!({"exp": now})),
        with(json!({"exp": now - 1})),
        with(json!({"exp": "never"})),
        with(json!({"jti": "x"})),
        with(json!({"jti": "00000000-0000-7000-8000-000000000000.x"})),
        format!("{}x", sent.access),
        "x".to_owned(),
        "a.b.c".to_owned(),
        "x".repeat(16_000),
    ];
    for token in refused {
        let reply = server.get("/userinfo").bearer(&token).send().await.expect_error(401, "invalid_token");
        let challenge = reply.header("www-authenticate").unwrap();
        assert!(challenge.starts_with("Bearer ") && challenge.contains("error=\"invalid_token\""), "{reply}");
        assert_eq!(challenge.matches("error=").count(), 1, "RS-6");
    }
}

#[tokio::test]
async fn ep40_without_openid_it_is_403_and_says_what_is_missing() {
    let server = TestServer::start().await;
    let mut claims = tokens::peek(&signed_in_to(&server, &RelyingParty::shop()).await.access).1;
    claims["scope"] = "profile email".into();
    let token = server
        .deployment
        .catalog
        .get()
        .keyring
        .for_access_tokens(server.ctx().now)
        .unwrap()
        .sign(Typ::AccessToken, &claims)
        .unwrap();
    let reply = server.get("/userinfo").bearer(&token).send().await.expect_error(403, "insufficient_scope");
    let challenge = reply.header("www-authenticate").unwrap();
    assert!(
        challenge.contains("error=\"insufficient_scope\"") && challenge.contains("scope=\"openid\""),
        "{challenge}"
    );
}

#[tokio::test]
async fn wh9_rs8_listed_origins_read_it_without_credentials() {
    let server = TestServer::start().await;
    let token = signed_in_to(&server, &RelyingParty::shop()).await.access;
    for path in ["/userinfo", "/api/auth/me"] {
        for (origin, listed) in
            [(seeds::APP_ORIGIN, true), (seeds::FOREIGN_ORIGIN, true), ("https://evil.example", false), ("null", false)]
        {
            for call in [server.get(path).bearer(&token), server.get(path)] {
                let reply = call.script(origin, "cross-site").send().await;
                if listed {
                    assert_cors(&reply, origin, false)
                } else {
                    assert_no_cors(&reply)
                }
                assert!(reply.list("vary").contains(&"Origin"), "{reply}");
            }
            let call = server
                .call(Method::OPTIONS, path)
                .header("origin", origin)
                .header("access-control-request-method", "GET");
            let preflight = call.send().await.expect(204);
            assert_eq!(preflight.header("access-control-allow-origin"), listed.then_some(origin));
            assert_eq!(preflight.header("access-control-allow-credentials"), None);
        }
    }
}
