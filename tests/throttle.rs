//! Limits on guessing, by a clock that tests set. Identity §6: TH-1 to TH-11; PW-20.

use std::sync::Arc;
use std::time::Duration;

use brama_flows::login::hashing::Cost;
use brama_protocol::password::Password;
use brama_testkit::{Browser, Reply, Storage, TestServer, html, rows, seeds};
use serde_json::json;

use crate::support::{SESSION, assert_no_cookies};

async fn try_from(server: &TestServer, peer: &str, name: &str, password: &str) -> Reply {
    server.post("/api/auth/login").peer(peer).json(&json!({"username": name, "password": password})).send().await
}

async fn guess(server: &TestServer, name: &str) -> Reply {
    try_from(server, "192.0.2.10", name, "wrong").await
}

/// Refused without a look at the password; the wait in whole seconds.
fn wait(reply: &Reply) -> i64 {
    assert_eq!((reply.status.as_u16(), reply.member("error").as_str()), (429, "too_many_attempts"), "{reply}");
    assert_no_cookies(reply);
    reply.header("retry-after").unwrap().parse().unwrap()
}

#[tokio::test]
async fn th1_th4_th9_five_are_free_then_the_wait_doubles_to_an_hour_and_is_real() {
    let server = TestServer::with(|options| options.unlimited_addresses()).await;
    for _ in 0..5 {
        assert_eq!(guess(&server, seeds::OLENA).await.status, 401);
    }
    for wanted in [30, 60, 120, 240, 480, 960, 1920, 3600, 3600] {
        assert_eq!(wait(&guess(&server, seeds::OLENA).await), wanted);
        // Asking again does not make it longer.
        server.clock.advance_seconds(wanted / 2);
        assert_eq!(wait(&guess(&server, seeds::OLENA).await), wanted - wanted / 2);
        server.clock.advance_seconds(wanted - wanted / 2 - 1);
        assert_eq!(wait(&guess(&server, seeds::OLENA).await), 1);
        server.clock.advance_seconds(1);
        assert_eq!(guess(&server, seeds::OLENA).await.status, 401, "after {wanted} s");
    }
}

#[tokio::test]
async fn th4_while_waiting_the_right_password_looks_like_a_wrong_one() {
    let server = TestServer::start().await;
    for _ in 0..5 {
        guess(&server, seeds::OLENA).await;
    }
    let wrong = guess(&server, seeds::OLENA).await;
    let right = try_from(&server, "192.0.2.10", seeds::OLENA, seeds::PASSWORD).await;
    assert_eq!((wait(&wrong), wrong.body), (wait(&right), right.body));
    // By address and by another spelling it is the same account name only if it is typed the same.
    assert_eq!(wait(&guess(&server, " OLENA ").await), 30);
    server.clock.advance_seconds(30);
    assert_eq!(try_from(&server, "192.0.2.10", seeds::OLENA, seeds::PASSWORD).await.status, 200);
}

#[tokio::test]
async fn pw20_th3_who_waits_costs_no_hash() {
    let server = TestServer::with(|options| {
        options.settings.throttle.account.free = 1;
        options.hashing.cost = Cost { memory_kib: 8192, iterations: 100, parallelism: 1 };
        options.hashing.queue = 1;
    })
    .await;
    assert_eq!(guess(&server, seeds::OLENA).await.status, 401);
    // One hash at work and one waiting: whatever else reaches the pool is answered 503 at once.
    let mut busy = Vec::new();
    for _ in 0..2 {
        let deployment = Arc::clone(&server.deployment);
        let password = Arc::new(Password::parse("x").unwrap());
        busy.push(tokio::spawn(async move { deployment.hashing.verify(password, None).await.map(drop) }));
        // The first one has to be at work before the second one can wait.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(guess(&server, "nobody").await.status, 503);
    for _ in 0..10 {
        assert_eq!(wait(&guess(&server, seeds::OLENA).await), 30);
        assert_eq!(wait(&try_from(&server, "192.0.2.10", seeds::OLENA, seeds::PASSWORD).await), 30);
    }
    assert_eq!(guess(&server, "nobody").await.status, 503, "still busy");
    for hash in busy {
        hash.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn th7_success_resets_the_account() {
    let server = TestServer::with(|options| options.unlimited_addresses()).await;
    for _ in 0..4 {
        for _ in 0..4 {
            assert_eq!(guess(&server, seeds::OLENA).await.status, 401);
        }
        assert_eq!(try_from(&server, "192.0.2.10", seeds::OLENA, seeds::PASSWORD).await.status, 200);
    }
}

#[tokio::test]
async fn th2_a_name_that_does_not_exist_is_throttled_alike() {
    let server = TestServer::with(|options| options.unlimited_addresses()).await;
    for _ in 0..7 {
        let answers: Vec<_> = [
            guess(&server, seeds::OLENA).await,
            guess(&server, "nobody").await,
            guess(&server, seeds::DISABLED).await,
            guess(&server, seeds::PASSWORDLESS).await,
        ]
        .into_iter()
        .map(|reply| (reply.status, reply.header("retry-after").map(ToOwned::to_owned), reply.body))
        .collect();
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    }
}

#[tokio::test]
async fn th1_thirty_failures_of_an_address_in_ten_minutes() {
    let server = TestServer::start().await;
    for number in 0..30 {
        server.clock.advance_seconds(1);
        assert_eq!(guess(&server, &format!("nobody-{number}")).await.status, 401, "{number}");
    }
    let seconds = wait(&guess(&server, "nobody-30").await);
    assert_eq!(seconds, 600 - 29);
    assert_eq!(wait(&try_from(&server, "192.0.2.10", seeds::OLENA, seeds::PASSWORD).await), seconds);
    assert_eq!(try_from(&server, "192.0.2.11", seeds::OLENA, seeds::PASSWORD).await.status, 200);
    server.clock.advance_seconds(seconds - 1);
    assert_eq!(wait(&guess(&server, "nobody-30").await), 1);
    server.clock.advance_seconds(1);
    assert_eq!(guess(&server, "nobody-30").await.status, 401);
}

#[tokio::test]
async fn th7_success_does_not_clear_an_address() {
    let server = TestServer::start().await;
    for number in 0..29 {
        assert_eq!(guess(&server, &format!("nobody-{number}")).await.status, 401);
    }
    for _ in 0..5 {
        assert_eq!(try_from(&server, "192.0.2.10", seeds::OLENA, seeds::PASSWORD).await.status, 200);
    }
    assert_eq!(guess(&server, "nobody-29").await.status, 401);
    assert!(wait(&guess(&server, "nobody-30").await) > 0);
}

#[tokio::test]
async fn th1_an_address_may_try_120_times_a_minute_whatever_comes_of_it() {
    let server = TestServer::start().await;
    for number in 0..120 {
        assert_eq!(try_from(&server, "192.0.2.10", seeds::OLENA, seeds::PASSWORD).await.status, 200, "{number}");
    }
    assert_eq!(wait(&try_from(&server, "192.0.2.10", seeds::OLENA, seeds::PASSWORD).await), 60);
    server.clock.advance_seconds(60);
    assert_eq!(try_from(&server, "192.0.2.10", seeds::OLENA, seeds::PASSWORD).await.status, 200);
}

#[tokio::test]
async fn th1_two_hundred_failures_of_a_network() {
    let server = TestServer::start().await;
    for number in 0..200 {
        let peer = format!("192.0.2.{}", 1 + number % 20);
        assert_eq!(try_from(&server, &peer, &format!("nobody-{number}"), "x").await.status, 401, "{number}");
    }
    assert_eq!(wait(&try_from(&server, "192.0.2.200", "nobody", "x").await), 600);
    assert_eq!(try_from(&server, "192.0.3.1", "nobody", "x").await.status, 401);
}

#[tokio::test]
async fn th9_the_page_says_when_to_come_back() {
    let server = TestServer::start().await;
    let mut browser = Browser::new(&server);
    let page = browser.visit("/sign-in").await.page();
    let form = html::form(page.text(), "/sign-in").unwrap();
    let wrong = [("username", seeds::OLENA), ("password", "wrong")];
    for _ in 0..5 {
        assert_eq!(browser.submit_step(&form, &wrong).await.status, 401);
    }
    let right = [("username", seeds::OLENA), ("password", seeds::PASSWORD)];
    let page = browser.submit_step(&form, &right).await.expect(429);
    assert_eq!(page.header("retry-after"), Some("30"));
    assert!(page.text().contains("role=\"alert\"") && page.text().contains("<bdi>1</bdi>"), "{page}");
    assert_eq!(html::form(page.text(), "/sign-in").unwrap().fields["username"], seeds::OLENA);
    assert_eq!(browser.jar.get(SESSION), None);
    // Both ways in share one counter. SE-23.
    assert_eq!(wait(&guess(&server, seeds::OLENA).await), 30);
}

#[tokio::test]
async fn th11_without_its_counters_nobody_signs_in() {
    let server = TestServer::with(|options| options.storage = Storage::Disk).await;
    rows::execute(&server, "ALTER TABLE throttle RENAME TO elsewhere");
    let reply = try_from(&server, "192.0.2.10", seeds::OLENA, seeds::PASSWORD).await;
    assert_no_cookies(&reply);
    assert!(reply.header("retry-after").is_some(), "{reply}");
    assert_eq!(reply.expect_error(503, "temporarily_unavailable").status, 503);
    let mut browser = Browser::new(&server);
    let page = browser.visit("/sign-in").await.page().expect(200);
    let form = html::form(page.text(), "/sign-in").unwrap();
    let page =
        browser.submit_step(&form, &[("username", seeds::OLENA), ("password", seeds::PASSWORD)]).await.expect(503);
    assert_eq!(page.cookie_value(SESSION), None);
    rows::execute(&server, "ALTER TABLE elsewhere RENAME TO throttle");
    assert_eq!(try_from(&server, "192.0.2.10", seeds::OLENA, seeds::PASSWORD).await.status, 200);
}

#[tokio::test]
async fn th1_refresh_token_and_keys_are_not_slowed_by_guesses() {
    let server = TestServer::start().await;
    let mut browser = crate::support::logged_in(&server).await;
    for number in 0..40 {
        guess(&server, &format!("nobody-{number}")).await;
    }
    assert_eq!(browser.post_json(seeds::APP_ORIGIN, "/api/auth/refresh", None).await.status, 200);
    assert_eq!(server.get("/oauth2/jwks").send().await.status, 200);
}
