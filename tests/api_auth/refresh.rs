//! `/api/auth/refresh`: `POST` rotates, `GET` changes nothing. A6, A7; design §5; BB-8, BB-9.

use brama_jose::Typ;
use brama_store::user::UserStatus;
use brama_testkit::{Browser, Reply, Storage, TestServer, rows, seeds, tokens};
use http::Method;
use serde_json::json;

use crate::support::{DEMO_RT, SESSION, assert_no_cookies, assert_unchanged, logged_in};

const REFRESH: &str = "/api/auth/refresh";
const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

async fn post(browser: &mut Browser<'_>) -> Reply {
    browser.post_json(seeds::APP_ORIGIN, REFRESH, None).await
}

async fn get(browser: &mut Browser<'_>) -> Reply {
    browser.get(seeds::APP_ORIGIN, REFRESH).await
}

/// Signing in again is really needed; every cookie stays as it is.
fn assert_login_required(reply: &Reply) {
    assert_eq!((reply.status.as_u16(), reply.member("error").as_str()), (401, "login_required"), "{reply}");
    assert_eq!(reply.header("www-authenticate"), Some("Bearer"), "BB-13: {reply}");
    assert_no_cookies(reply);
}

#[tokio::test]
async fn a6_post_gives_a_new_token_and_replaces_the_cookie() {
    let server = TestServer::start().await;
    let mut browser = logged_in(&server).await;
    let (session, before) =
        (browser.jar.get(SESSION).unwrap().to_owned(), browser.jar.get(DEMO_RT).unwrap().to_owned());
    server.clock.advance_seconds(DAY / 4);
    for body in
        [None, Some(json!({})), Some(json!({"client_id": seeds::DEMO})), Some(json!({"client_id": null, "x": 1}))]
    {
        let old = browser.jar.get(DEMO_RT).unwrap().to_owned();
        let reply = browser.post_json(seeds::APP_ORIGIN, REFRESH, body).await.expect(200);
        let json = reply.json();
        let mut members: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
        members.sort_unstable();
        assert_eq!(members, ["access_token", "expires_in", "scope", "token_type"]);
        // TE-30: the new cookie ends when the old one would have.
        let new = reply.cookie_value(DEMO_RT).unwrap();
        let wanted =
            format!("{DEMO_RT}={new}; HttpOnly; SameSite=Strict; Secure; Path=/; Max-Age={}", 7 * DAY - DAY / 4);
        assert_eq!(reply.set_cookies(), [wanted.as_str()]);
        assert_ne!(new, old);
    }
    assert_ne!(browser.jar.get(DEMO_RT), Some(before.as_str()));
    assert_eq!(browser.jar.get(SESSION), Some(session.as_str()), "a refresh is no sign-in");
}

#[tokio::test]
async fn a6_get_gives_a_new_token_and_changes_nothing() {
    let server = TestServer::with(|options| options.storage = Storage::Disk).await;
    let mut browser = logged_in(&server).await;
    let before = rows::dump(&server);
    let mut seen = std::collections::BTreeSet::new();
    for seconds in [0, 1, 59, 61, 3 * HOUR, 8 * HOUR] {
        server.clock.advance_seconds(seconds);
        let reply = get(&mut browser).await.expect(200);
        assert_no_cookies(&reply);
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        assert!(seen.insert(reply.member("access_token")), "a new one each time");
        let expires = tokens::verify(&server, &reply.member("access_token"), Typ::AccessToken).await["exp"].as_i64();
        assert_eq!(expires, Some(server.ctx().now.as_second() + 900));
        assert_unchanged(&server, &before);
    }
    // SE-8: looking is no use of the session, so the pages forget the person when they would have.
    server.clock.advance_seconds(HOUR);
    assert_eq!(browser.step(None, "/account").await.status, 303);
    assert_eq!(get(&mut browser).await.status, 200, "A2: what the app was given lives seven days");
    assert_unchanged(&server, &before);
}

#[tokio::test]
async fn a6_get_with_the_token_of_before_works_and_revokes_nothing() {
    let server = TestServer::with(|options| options.storage = Storage::Disk).await;
    let mut browser = logged_in(&server).await;
    let old = browser.jar.get(DEMO_RT).unwrap().to_owned();
    let session = browser.jar.get(SESSION).unwrap().to_owned();
    assert_eq!(post(&mut browser).await.status, 200);
    assert_eq!(post(&mut browser).await.status, 200);
    let before = rows::dump(&server);
    // Two generations old: theft, if it were a POST.
    for cookies in [format!("{DEMO_RT}={old}"), format!("{SESSION}={session}; {DEMO_RT}={old}")] {
        assert_login_required(&server.get(REFRESH).cookie(&cookies).send().await);
    }
    assert_unchanged(&server, &before);
    assert_eq!(post(&mut browser).await.status, 200);
}

#[tokio::test]
async fn a6_whoever_has_no_good_cookie_has_to_sign_in() {
    let server = TestServer::start().await;
    let browser = logged_in(&server).await;
    let good = browser.jar.get(DEMO_RT).unwrap();
    let mut forged = good.to_owned();
    forged.replace_range(10..11, if &good[10..11] == "A" { "B" } else { "A" });
    let session = browser.jar.get(SESSION).unwrap();
    let jars = [
        String::new(),
        format!("{SESSION}={session}"),
        format!("{DEMO_RT}="),
        format!("{DEMO_RT}=x"),
        format!("{DEMO_RT}={forged}"),
        format!("{DEMO_RT}={good}x"),
        format!("{DEMO_RT}={session}"),
        format!("__Host-brama_rt_unknown={good}"),
        format!("__Host-brama_rt_={good}"),
        format!("__Host-brama_rt_admin-spa={good}"),
        format!("brama_rt_demo-spa={good}"),
        format!("__Host-brama_rt_DEMO-SPA={good}"),
        // BB-5: the same name twice is none, whatever the values.
        format!("{DEMO_RT}={good}; {DEMO_RT}={good}"),
        format!("{DEMO_RT}=x; {DEMO_RT}={good}"),
        format!("{DEMO_RT}={good}; a=b; {DEMO_RT}=x"),
    ];
    for jar in jars {
        for method in [Method::POST, Method::GET] {
            assert_login_required(&server.call(method, REFRESH).cookie(&jar).send().await);
        }
    }
    let split = server.post(REFRESH).cookie(&format!("{DEMO_RT}={good}")).cookie(&format!("{DEMO_RT}={good}"));
    assert_login_required(&split.send().await);
    // Nothing of this was taken for theft.
    assert_eq!(server.post(REFRESH).cookie(&format!("{DEMO_RT}={good}")).send().await.status, 200);
}

#[tokio::test]
async fn te30_seven_days_however_often_it_refreshes() {
    let server = TestServer::start().await;
    let mut browser = logged_in(&server).await;
    for _ in 0..100 {
        server.clock.advance_seconds(7 * DAY / 101);
        assert_eq!(post(&mut browser).await.status, 200);
    }
    server.clock.advance_seconds(7 * DAY / 101 - 100);
    let cookies =
        format!("{SESSION}={}; {DEMO_RT}={}", browser.jar.get(SESSION).unwrap(), browser.jar.get(DEMO_RT).unwrap());
    assert_eq!(get(&mut browser).await.status, 200);
    server.clock.advance_seconds(200);
    // The browser has dropped the cookie, and one who keeps it all the same gets nothing.
    assert_login_required(&post(&mut browser).await);
    for method in [Method::POST, Method::GET] {
        assert_login_required(&server.call(method, REFRESH).cookie(&cookies).send().await);
    }
}

#[tokio::test]
async fn se8_idleness_ends_the_pages_memory_of_a_person_and_a_refresh_keeps_it() {
    for (idle, page) in [(12 * HOUR - 1, 200), (12 * HOUR, 303)] {
        let server = TestServer::start().await;
        let mut browser = logged_in(&server).await;
        server.clock.advance_seconds(6 * HOUR);
        assert_eq!(post(&mut browser).await.status, 200);
        server.clock.advance_seconds(idle);
        assert_eq!(browser.step(None, "/account").await.status, page, "{idle}");
        // A2: the app goes on for its seven days.
        assert_eq!(post(&mut browser).await.status, 200);
    }
}

#[tokio::test]
async fn a2_tk8_the_life_of_both_tokens_is_configurable() {
    let server = TestServer::with(|options| {
        options.settings.tokens.access = jiff::SignedDuration::from_mins(5);
        options.settings.tokens.refresh = jiff::SignedDuration::from_hours(2);
    })
    .await;
    let mut browser = Browser::new(&server);
    let reply = browser.log_in(seeds::OLENA, seeds::PASSWORD).await.expect(200);
    assert_eq!(reply.json()["expires_in"], 300);
    assert!(reply.set_cookies()[1].ends_with("; Max-Age=7200"), "{reply}");
    // An access token never outlives the grant.
    server.clock.advance_seconds(2 * HOUR - 60);
    assert_eq!(post(&mut browser).await.json()["expires_in"], 60);
}

#[tokio::test]
async fn te23_a_disabled_user_cannot_refresh() {
    let server = TestServer::start().await;
    let mut browser = logged_in(&server).await;
    seeds::set_status(&server, seeds::OLENA, UserStatus::Disabled).await;
    assert_login_required(&get(&mut browser).await);
    assert_login_required(&post(&mut browser).await);
    seeds::set_status(&server, seeds::OLENA, UserStatus::Active).await;
    assert_login_required(&post(&mut browser).await);
}

#[tokio::test]
async fn se15_a_new_password_ends_what_the_old_one_began() {
    let server = TestServer::start().await;
    let mut browser = logged_in(&server).await;
    let user = seeds::user(&server, seeds::OLENA).await;
    let ctx = server.ctx();
    let password = brama_protocol::password::Password::parse("an entirely new one").unwrap();
    let sealed = brama_flows::login::password::hash(&ctx, user.id, std::sync::Arc::new(password)).await.unwrap();
    assert!(server.store.set_password(user.id, sealed, ctx.now).await.unwrap());
    assert_login_required(&post(&mut browser).await);
    assert_eq!(browser.step(None, "/account").await.status, 303);
    assert_eq!(browser.log_in(seeds::OLENA, seeds::PASSWORD).await.status, 401);
    assert_eq!(browser.log_in(seeds::OLENA, "an entirely new one").await.status, 200);
}

#[tokio::test]
async fn a6_overload_and_refusals_never_clear_a_cookie() {
    let server = TestServer::with(|options| options.storage = Storage::Disk).await;
    let mut browser = logged_in(&server).await;
    let kept = browser.jar.get(DEMO_RT).unwrap().to_owned();
    // Another origin, another body: refused, and the jar is as it was.
    assert_eq!(browser.post_json("https://unlisted.example.com", REFRESH, None).await.status, 403);
    assert_eq!(browser.post_json(seeds::APP_ORIGIN, REFRESH, Some(json!([]))).await.status, 400);
    // The storage is gone for a while.
    rows::execute(&server, "ALTER TABLE app_grant RENAME TO elsewhere");
    for reply in [post(&mut browser).await, get(&mut browser).await] {
        let reply = reply.expect_error(503, "temporarily_unavailable");
        assert!(reply.header("retry-after").is_some_and(|value| value.parse::<u32>().is_ok()), "{reply}");
        assert_no_cookies(&reply);
        assert!(!reply.text().contains("app_grant") && !reply.text().contains("SQL"), "WH-20: {reply}");
    }
    rows::execute(&server, "ALTER TABLE elsewhere RENAME TO app_grant");
    assert_eq!(browser.jar.get(DEMO_RT), Some(kept.as_str()));
    assert_eq!(post(&mut browser).await.status, 200);
}

#[tokio::test]
async fn a7_a_refused_call_a_refresh_and_the_call_again() {
    let server = TestServer::start().await;
    let mut browser = Browser::new(&server);
    let token = browser.log_in(seeds::OLENA, seeds::PASSWORD).await.member("access_token");
    let ask = async |token: &str| {
        server.get("/api/auth/me").script(seeds::APP_ORIGIN, "same-site").bearer(token).send().await
    };
    assert_eq!(ask(&token).await.status, 200);
    server.clock.advance_seconds(901);
    let refused = ask(&token).await.expect_error(401, "invalid_token");
    assert!(refused.header("www-authenticate").unwrap().contains("error=\"invalid_token\""));
    assert_eq!(
        refused.header("access-control-expose-headers"),
        Some("DPoP-Nonce, WWW-Authenticate, Retry-After, Date")
    );
    let token = get(&mut browser).await.member("access_token");
    assert_eq!(ask(&token).await.status, 200);
}
