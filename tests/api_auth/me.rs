//! `GET /api/auth/me`: who am I, for the app itself.

use brama_testkit::{Browser, RelyingParty, TestServer, seeds};

use crate::support::{assert_cors, assert_no_cors, signed_in_to};

#[tokio::test]
async fn a4_the_token_tells_who_is_signed_in() {
    let server = TestServer::start().await;
    let token = Browser::new(&server).log_in(seeds::OLENA, seeds::PASSWORD).await.member("access_token");
    let reply =
        server.get("/api/auth/me").script(seeds::APP_ORIGIN, "same-site").bearer(&token).send().await.expect(200);
    let json = reply.json();
    assert_eq!(json["preferred_username"], "olena");
    assert_eq!((&json["name"], &json["email"]), (&"Олена Коваль".into(), &"olena@example.com".into()));
    assert_eq!(json["sub"], seeds::user(&server, seeds::OLENA).await.id.to_string());
    // BB-12: no cookies, so no credentials.
    assert_cors(&reply, seeds::APP_ORIGIN, false);
    let reply = server.get("/api/auth/me").script("https://evil.example", "cross-site").bearer(&token).send().await;
    assert_no_cors(&reply);
}

#[tokio::test]
async fn bb6_a_cookie_is_no_access_token() {
    let server = TestServer::start().await;
    let mut browser = Browser::new(&server);
    browser.log_in(seeds::OLENA, seeds::PASSWORD).await;
    let reply = browser.get(seeds::APP_ORIGIN, "/api/auth/me").await;
    assert_eq!(reply.status, 401);
    // RS-4: no credentials, no error in the challenge.
    assert_eq!(reply.headers_of("www-authenticate"), ["Bearer", "DPoP algs=\"ES256 EdDSA RS256 PS256\""]);
}

#[tokio::test]
async fn a_token_for_the_api_alone_will_do() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop().scope("profile");
    let token = signed_in_to(&server, &shop).await.access;
    let json = server.get("/api/auth/me").bearer(&token).send().await.expect(200).json();
    assert_eq!(json["preferred_username"], "olena");
    assert_eq!(json.get("email"), None, "by scope");
    assert_eq!(server.get("/userinfo").bearer(&token).send().await.status, 401);
}
