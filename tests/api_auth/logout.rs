//! `POST /api/auth/logout`. A8; BB-11.

use brama_testkit::{Browser, RelyingParty, TestServer, seeds};
use http::Method;
use serde_json::json;

use crate::support::{ADMIN_RT, DEMO_RT, SESSION, Tokens, logged_in};

const LOGOUT: &str = "/api/auth/logout";

#[tokio::test]
async fn a8_the_session_ends_on_the_server_and_the_cookies_go() {
    let server = TestServer::start().await;
    let mut browser = Browser::new(&server);
    let token = browser.log_in(seeds::OLENA, seeds::PASSWORD).await.member("access_token");
    let kept =
        format!("{SESSION}={}; {DEMO_RT}={}", browser.jar.get(SESSION).unwrap(), browser.jar.get(DEMO_RT).unwrap());
    let reply = browser.post_json(seeds::APP_ORIGIN, LOGOUT, None).await.expect(204);
    assert!(reply.body.is_empty());
    let wanted = [
        format!("{SESSION}=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0"),
        format!("{DEMO_RT}=; HttpOnly; SameSite=Strict; Secure; Path=/; Max-Age=0"),
    ];
    assert_eq!(reply.set_cookies(), [wanted[0].as_str(), wanted[1].as_str()]);
    // The cookies of before are worth nothing, the access token opens nothing here.
    for method in [Method::GET, Method::POST] {
        assert_eq!(server.call(method, "/api/auth/refresh").cookie(&kept).send().await.status, 401);
    }
    assert_eq!(server.get("/account").cookie(&kept).send().await.status, 303);
    assert_eq!(server.get("/api/auth/me").bearer(&token).send().await.status, 401);
}

#[tokio::test]
async fn a8_signing_out_in_one_tab_stops_the_next_refresh_of_the_other() {
    let server = TestServer::start().await;
    let mut tab_a = logged_in(&server).await;
    let mut tab_b = Browser::new(&server);
    tab_b.jar = tab_a.jar.clone();
    assert_eq!(tab_a.post_json(seeds::APP_ORIGIN, LOGOUT, None).await.status, 204);
    assert_eq!(tab_b.post_json(seeds::APP_ORIGIN, "/api/auth/refresh", None).await.status, 401);
    assert_eq!(tab_b.get(seeds::APP_ORIGIN, "/api/auth/refresh").await.status, 401);
}

#[tokio::test]
async fn bb11_it_is_idempotent() {
    let server = TestServer::start().await;
    let mut browser = logged_in(&server).await;
    let jar = browser.jar.clone();
    for _ in 0..3 {
        assert_eq!(browser.post_json(seeds::APP_ORIGIN, LOGOUT, None).await.status, 204);
        browser.jar = jar.clone();
    }
    let mut nobody = Browser::new(&server);
    for body in [None, Some(json!({})), Some(json!({"client_id": seeds::DEMO}))] {
        assert_eq!(nobody.post_json(seeds::APP_ORIGIN, LOGOUT, body).await.status, 204);
    }
    assert_eq!(server.post(LOGOUT).send().await.status, 204);
}

#[tokio::test]
async fn bb11_a_cookie_that_counts_no_more_goes_too() {
    let server = TestServer::start().await;
    for value in ["x", "brt_AAAA", ""] {
        let mut browser = Browser::new(&server);
        browser.jar.plant(SESSION, "x");
        browser.jar.plant(DEMO_RT, value);
        let reply = browser.post_json(seeds::APP_ORIGIN, LOGOUT, None).await.expect(204);
        assert!(reply.deletes_cookie(SESSION) && reply.deletes_cookie(DEMO_RT), "{value}: {reply}");
    }
}

#[tokio::test]
async fn bb11_only_by_post() {
    let server = TestServer::start().await;
    let mut browser = logged_in(&server).await;
    for method in [Method::GET, Method::DELETE, Method::PUT] {
        let reply = browser.fetch_with(seeds::APP_ORIGIN, method, LOGOUT, |call| call).await.expect(405);
        assert_eq!(reply.header("allow"), Some("POST"));
    }
    assert_eq!(browser.step(Some("https://evil.example"), LOGOUT).await.status, 405);
    assert_eq!(browser.post_form("https://evil.example", LOGOUT, &[]).await.status, 403);
    assert_eq!(browser.post_json(seeds::APP_ORIGIN, "/api/auth/refresh", None).await.status, 200);
}

#[tokio::test]
async fn a8_the_session_cookie_alone_is_enough() {
    let server = TestServer::start().await;
    let mut browser = logged_in(&server).await;
    let session = browser.jar.get(SESSION).unwrap().to_owned();
    browser.jar.remove(DEMO_RT);
    assert_eq!(browser.post_json(seeds::APP_ORIGIN, LOGOUT, None).await.status, 204);
    assert_eq!(server.get("/account").cookie(&format!("{SESSION}={session}")).send().await.status, 303);
}

#[tokio::test]
async fn a8_the_refresh_cookie_alone_is_enough() {
    let server = TestServer::start().await;
    let mut browser = logged_in(&server).await;
    let session = browser.jar.get(SESSION).unwrap().to_owned();
    browser.jar.remove(SESSION);
    assert_eq!(browser.post_json(seeds::APP_ORIGIN, LOGOUT, None).await.status, 204);
    assert_eq!(server.get("/account").cookie(&format!("{SESSION}={session}")).send().await.status, 303);
}

#[tokio::test]
async fn se16_the_other_apps_of_the_session_are_signed_out_and_other_sessions_are_not() {
    let server = TestServer::start().await;
    let mut browser = logged_in(&server).await;
    let mut elsewhere = logged_in(&server).await;
    let shop = RelyingParty::shop();
    let answer = browser.sign_in_for(&shop).await;
    let tokens = Tokens::of(&shop.redeem(&server, answer.code()).await);
    assert_eq!(browser.post_json(seeds::APP_ORIGIN, LOGOUT, None).await.status, 204);
    assert_eq!(shop.refresh(&server, &tokens.refresh).await.expect_error(400, "invalid_grant").status, 400);
    assert_eq!(elsewhere.post_json(seeds::APP_ORIGIN, "/api/auth/refresh", None).await.status, 200);
}

#[tokio::test]
async fn a8_always_204_even_with_the_cookies_of_two_apps() {
    let server = TestServer::start().await;
    let mut browser = Browser::new(&server);
    for client in [seeds::DEMO, seeds::ADMIN] {
        let body = json!({"username": seeds::OLENA, "password": seeds::PASSWORD, "client_id": client});
        assert_eq!(browser.post_json(seeds::SHARED_ORIGIN, "/api/auth/login", Some(body)).await.status, 200);
    }
    assert!(browser.jar.get(DEMO_RT).is_some() && browser.jar.get(ADMIN_RT).is_some());
    assert_eq!(browser.post_json(seeds::SHARED_ORIGIN, LOGOUT, None).await.status, 204);
    assert_eq!(browser.jar.get(SESSION), None);
}
