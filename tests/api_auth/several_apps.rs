//! Several first-party apps in one browser, and schemes A and B as one system. Design §1, §5.

use brama_testkit::{Answer, Browser, RelyingParty, TestServer, seeds};
use serde_json::json;

use crate::support::{ADMIN_RT, DEMO_RT, SESSION, logged_in};

const REFRESH: &str = "/api/auth/refresh";

async fn both(server: &TestServer) -> Browser<'_> {
    let mut browser = Browser::new(server);
    for client in [seeds::DEMO, seeds::ADMIN] {
        let body = json!({"username": seeds::OLENA, "password": seeds::PASSWORD, "client_id": client});
        assert_eq!(browser.post_json(seeds::SHARED_ORIGIN, "/api/auth/login", Some(body)).await.status, 200);
    }
    browser
}

#[tokio::test]
async fn a6_each_app_has_its_own_cookie() {
    let server = TestServer::start().await;
    let mut browser = both(&server).await;
    let (demo, admin) = (browser.jar.get(DEMO_RT).unwrap().to_owned(), browser.jar.get(ADMIN_RT).unwrap().to_owned());
    // An origin of one app alone means that app.
    let reply = browser.post_json(seeds::APP_ORIGIN, REFRESH, None).await.expect(200);
    assert!(reply.cookie_value(DEMO_RT).is_some() && reply.set_cookie(ADMIN_RT).is_none(), "{reply}");
    let reply = browser.post_json(seeds::ADMIN_ORIGIN, REFRESH, None).await.expect(200);
    assert!(reply.cookie_value(ADMIN_RT).is_some() && reply.set_cookie(DEMO_RT).is_none(), "{reply}");
    assert!(browser.jar.get(DEMO_RT) != Some(&demo) && browser.jar.get(ADMIN_RT) != Some(&admin));
    // An origin of both has to say which.
    for (body, status) in [
        (None, 400),
        (Some(json!({"client_id": seeds::DEMO})), 200),
        (Some(json!({"client_id": seeds::ADMIN})), 200),
        (Some(json!({"client_id": "nobody"})), 401),
    ] {
        let reply = browser.post_json(seeds::SHARED_ORIGIN, REFRESH, body).await;
        assert_eq!(reply.status.as_u16(), status, "{reply}");
    }
    for (query, status) in
        [("", 400), ("?client_id=demo-spa", 200), ("?client_id=a&client_id=b", 400), ("?client_id=%ff", 400)]
    {
        let reply = browser.get(seeds::SHARED_ORIGIN, &format!("{REFRESH}{query}")).await;
        assert_eq!(reply.status.as_u16(), status, "{query}: {reply}");
    }
}

#[tokio::test]
async fn se5_a_second_sign_in_of_the_same_person_keeps_the_first_app_signed_in() {
    let server = TestServer::start().await;
    let mut browser = both(&server).await;
    assert_eq!(browser.post_json(seeds::APP_ORIGIN, REFRESH, None).await.status, 200);
    server.clock.advance_seconds(61);
    // Still bound: the session was renewed, not replaced.
    let lost = browser.jar.clone();
    browser.post_json(seeds::APP_ORIGIN, REFRESH, None).await;
    server.clock.advance_seconds(61);
    browser.jar = lost;
    assert_eq!(browser.post_json(seeds::APP_ORIGIN, REFRESH, None).await.status, 200);
}

#[tokio::test]
async fn a8_signing_out_of_one_app_ends_the_session_of_both() {
    let server = TestServer::start().await;
    let mut browser = both(&server).await;
    assert_eq!(browser.post_json(seeds::APP_ORIGIN, "/api/auth/logout", None).await.status, 204);
    assert_eq!(browser.post_json(seeds::ADMIN_ORIGIN, REFRESH, None).await.status, 401);
}

#[tokio::test]
async fn a_and_b_are_one_system() {
    let server = TestServer::start().await;
    // Signed in by A: B needs no password.
    let mut browser = logged_in(&server).await;
    let demo = RelyingParty::demo();
    let answer = Answer::parse(&browser.authorize(&demo, &[("prompt", "none")]).await.outside());
    let session = browser.jar.get(SESSION).unwrap().to_owned();
    let reply = browser
        .fetch_with(seeds::APP_ORIGIN, http::Method::POST, "/oauth2/token", |call| {
            call.form(&[
                ("grant_type", "authorization_code"),
                ("client_id", seeds::DEMO),
                ("code", answer.code()),
                ("code_verifier", &demo.verifier),
            ])
        })
        .await
        .expect(200);
    assert!(reply.cookie_value(DEMO_RT).is_some() && reply.json().get("refresh_token").is_none(), "{reply}");
    // The cookie of B is refreshed by A's endpoint, and signed out by it.
    assert_eq!(browser.post_json(seeds::APP_ORIGIN, REFRESH, None).await.status, 200);
    assert_eq!(browser.jar.get(SESSION), Some(session.as_str()));
    assert_eq!(browser.post_json(seeds::APP_ORIGIN, "/api/auth/logout", None).await.status, 204);
    let silent = browser.authorize(&demo, &[("prompt", "none")]).await.outside();
    assert_eq!(Answer::parse(&silent).error(), "login_required");
}

#[tokio::test]
async fn a_third_party_on_this_site_refreshes_by_cookie_but_takes_no_passwords() {
    let server = TestServer::start().await;
    let partner = RelyingParty {
        client_id: seeds::PARTNER.to_owned(),
        redirect_uri: "https://partner.example.com/cb".to_owned(),
        ..RelyingParty::foreign()
    };
    let mut browser = Browser::new(&server);
    let answer = browser.sign_in_for(&partner).await;
    let reply = browser
        .fetch_with(seeds::PARTNER_ORIGIN, http::Method::POST, "/oauth2/token", |call| {
            call.form(&[
                ("grant_type", "authorization_code"),
                ("client_id", seeds::PARTNER),
                ("code", answer.code()),
                ("code_verifier", &partner.verifier),
            ])
        })
        .await
        .expect(200);
    assert!(reply.cookie_value("__Host-brama_rt_partner-spa").is_some(), "{reply}");
    assert_eq!(browser.post_json(seeds::PARTNER_ORIGIN, REFRESH, None).await.status, 200);
    let body = json!({"username": seeds::OLENA, "password": seeds::PASSWORD});
    let reply = browser.post_json(seeds::PARTNER_ORIGIN, "/api/auth/login", Some(body)).await;
    assert_eq!(reply.expect_error(403, "unauthorized_client").status, 403);
}
