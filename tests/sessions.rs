//! Sessions by the clock, and how many there may be. SE-3, SE-7, SE-8, SE-12, SE-19.

use brama_testkit::{Browser, RelyingParty, TestServer, html, seeds};

use crate::support::{SESSION, Tokens, logged_in};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// Sign in at the page.
async fn at_the_page<'s>(server: &'s TestServer, remember: bool) -> Browser<'s> {
    let mut browser = Browser::new(server);
    let page = browser.visit("/sign-in").await.page();
    let mut filled = vec![("username", seeds::OLENA), ("password", seeds::PASSWORD)];
    filled.extend(remember.then_some(("remember", "1")));
    let form = html::form(page.text(), "/sign-in").unwrap();
    assert_eq!(browser.submit_step(&form, &filled).await.status, 303);
    browser
}

async fn lives(browser: &mut Browser<'_>) -> bool {
    browser.step(None, "/account").await.status == 200
}

#[tokio::test]
async fn se8_idle_limits() {
    for (remember, idle) in [(false, 12 * HOUR), (true, 14 * DAY)] {
        for (seconds, live) in [(idle - 1, true), (idle, false), (idle + 1, false)] {
            let server = TestServer::start().await;
            let mut browser = at_the_page(&server, remember).await;
            server.clock.advance_seconds(seconds);
            assert_eq!(lives(&mut browser).await, live, "remember {remember}, {seconds} s");
        }
    }
}

#[tokio::test]
async fn se8_overall_limits_hold_however_busy_the_session_is() {
    for (remember, overall, step) in [(false, 7 * DAY, 6 * HOUR), (true, 30 * DAY, 7 * DAY)] {
        let server = TestServer::start().await;
        let mut browser = at_the_page(&server, remember).await;
        let mut passed = 0;
        while passed + step < overall {
            server.clock.advance_seconds(step);
            passed += step;
            assert!(lives(&mut browser).await, "remember {remember}, {passed} s");
        }
        server.clock.advance_seconds(overall - passed - 1);
        assert!(lives(&mut browser).await);
        let kept = format!("{SESSION}={}", browser.jar.get(SESSION).unwrap());
        server.clock.advance_seconds(1);
        assert!(!lives(&mut browser).await);
        // What the browser forgets is cosmetic: the server decides.
        assert_eq!(server.get("/account").cookie(&kept).send().await.status, 303);
    }
}

#[tokio::test]
async fn se12_the_same_person_again_renews_the_session() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    let mut browser = at_the_page(&server, false).await;
    let answer = browser.sign_in_for(&shop).await;
    let tokens = Tokens::of(&shop.redeem(&server, answer.code()).await);
    let old = browser.jar.get(SESSION).unwrap().to_owned();
    server.clock.advance_seconds(6 * DAY);
    // Idle by now; the sign-in page is met, and the apps of before are still signed in afterwards.
    let landing = browser.authorize(&shop, &[("prompt", "login")]).await;
    browser.complete(landing).await;
    assert_ne!(browser.jar.get(SESSION), Some(old.as_str()));
    assert_eq!(server.get("/account").cookie(&format!("{SESSION}={old}")).send().await.status, 303);
    assert_eq!(shop.refresh(&server, &tokens.refresh).await.status, 200);
    // Both limits begin anew.
    server.clock.advance_seconds(11 * HOUR);
    assert!(lives(&mut browser).await);
}

#[tokio::test]
async fn se7_another_person_in_the_same_browser_ends_the_first_session() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    let mut browser = at_the_page(&server, false).await;
    let answer = browser.sign_in_for(&shop).await;
    let of_olena = Tokens::of(&shop.redeem(&server, answer.code()).await);
    server.clock.advance_seconds(1);
    let landing = browser.authorize(&shop, &[("prompt", "login")]).await;
    let answer = browser.complete_as(landing, seeds::TARAS, seeds::PASSWORD).await;
    let of_taras = Tokens::of(&shop.redeem(&server, answer.code()).await);
    assert_eq!(shop.refresh(&server, &of_olena.refresh).await.expect_error(400, "invalid_grant").status, 400);
    assert_eq!(shop.refresh(&server, &of_taras.refresh).await.status, 200);
}

#[tokio::test]
async fn se19_the_longest_idle_of_fifty_one_sessions_ends() {
    let server = TestServer::with(|options| options.unlimited_addresses()).await;
    let mut first = logged_in(&server).await;
    let mut second = logged_in(&server).await;
    for _ in 0..48 {
        server.clock.advance_seconds(60);
        logged_in(&server).await;
    }
    // The first is used again, so the second is the longest idle.
    assert!(lives(&mut first).await);
    server.clock.advance_seconds(60);
    logged_in(&server).await;
    assert!(lives(&mut first).await);
    assert!(!lives(&mut second).await);
}

#[tokio::test]
async fn se3_the_public_handle_of_a_session_opens_nothing() {
    let server = TestServer::start().await;
    let browser = at_the_page(&server, false).await;
    let user = seeds::user(&server, seeds::OLENA).await;
    let session = server.store.sessions_of(user.id, server.ctx().now).await.unwrap().remove(0);
    for value in [session.id.to_string(), session.id.to_string().replace('-', "")] {
        assert_eq!(server.get("/account").cookie(&format!("{SESSION}={value}")).send().await.status, 303);
    }
    let secret = browser.jar.get(SESSION).unwrap();
    // SE-4: from the cookie alone.
    for call in [
        server.get(&format!("/account?{SESSION}={secret}")),
        server.get("/account").header("x-session", secret),
        server.get("/account").bearer(secret),
        server.get("/account").cookie(&format!("{SESSION}={secret}; {SESSION}={secret}")),
        server.get("/account").cookie(&format!("brama_session={secret}")),
    ] {
        assert_eq!(call.send().await.status, 303);
    }
}
