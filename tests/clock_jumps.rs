//! A clock that is wrong for a while: it jumps by an hour or a day, ahead or back, and is set right again.
//!
//! - What was revoked, spent or ended stays so, whatever the clock says.
//! - Nobody is signed out by a clock that is set back: tokens and sessions "of the future" count.
//! - Blocks of guesses last as long as they were meant to, and not until the clock comes back to where it was.
//! - What only time ends, lives as much longer as the clock is set back, and as much shorter as it is ahead: sessions and
//!   tokens that ran out under a clock that was ahead are back when it is right.

use std::time::Duration;

use brama_testkit::{Browser, RelyingParty, Reply, TestServer, html, seeds};
use jiff::SignedDuration;

use crate::support::{DEMO_RT, SESSION, Tokens, logged_in, signed_in_to};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const JUMPS: [i64; 4] = [HOUR, -HOUR, DAY, -DAY];

const REFRESH: &str = "/api/auth/refresh";

/// Everything that is over is swept, as the server does each minute.
async fn sweep(server: &TestServer) {
    server.store.sweep(server.ctx().now, 1000).await.unwrap();
}

/// The cookies of a browser, and a copy that somebody kept.
fn cookies(browser: &Browser<'_>) -> String {
    let of = |name| browser.jar.get(name).unwrap().to_owned();
    format!("{SESSION}={}; {DEMO_RT}={}", of(SESSION), of(DEMO_RT))
}

async fn look(server: &TestServer, cookies: &str) -> u16 {
    server.get(REFRESH).script(seeds::APP_ORIGIN, "same-site").cookie(cookies).send().await.status.as_u16()
}

async fn account(server: &TestServer, cookies: &str) -> u16 {
    server.get("/account").cookie(cookies).send().await.status.as_u16()
}

#[track_caller]
fn assert_invalid_grant(reply: Reply) {
    assert_eq!(reply.expect_error(400, "invalid_grant").status, 400);
}

#[tokio::test]
async fn revoked_spent_and_ended_stays_so_whichever_way_the_clock_jumps() {
    for jump in JUMPS {
        let server = TestServer::start().await;
        // Ended: a session and its grant.
        let mut gone = logged_in(&server).await;
        let ended = cookies(&gone);
        assert_eq!(gone.post_json(seeds::APP_ORIGIN, "/api/auth/logout", None).await.status, 204);
        // Spent: a code, whose replay revokes.
        let shop = RelyingParty::shop();
        let code = Browser::new(&server).sign_in_for(&shop).await.code().to_owned();
        let tokens = Tokens::of(&shop.redeem(&server, &code).await);
        // Revoked: a grant, by a superseded token.
        let cli = RelyingParty::cli();
        let reused = signed_in_to(&server, &cli).await;
        let successor = Tokens::of(&cli.refresh(&server, &reused.refresh).await);
        server.clock.advance_seconds(5 * MINUTE);
        assert_invalid_grant(cli.refresh(&server, &reused.refresh).await);
        for step in [jump, -jump] {
            server.clock.advance_seconds(step);
            sweep(&server).await;
            assert_eq!((look(&server, &ended).await, account(&server, &ended).await), (401, 303), "{jump} s");
            assert_invalid_grant(cli.refresh(&server, &successor.refresh).await);
            assert_eq!(server.get("/userinfo").bearer(&successor.access).send().await.status, 401, "{jump} s");
        }
        server.clock.advance_seconds(jump);
        assert_invalid_grant(shop.redeem(&server, &code).await);
        server.clock.advance_seconds(-jump);
        assert_invalid_grant(shop.refresh(&server, &tokens.refresh).await);
        assert_invalid_grant(shop.redeem(&server, &code).await);
    }
}

/// TE-27: a token that was replaced long ago is no younger because its replacement lies in the future now.
#[tokio::test]
async fn te27_a_superseded_token_is_not_revived_by_a_clock_that_is_set_back() {
    for back in [HOUR, DAY] {
        let server = TestServer::start().await;
        let cli = RelyingParty::cli();
        let old = signed_in_to(&server, &cli).await;
        let new = Tokens::of(&cli.refresh(&server, &old.refresh).await);
        server.clock.advance_seconds(5 * MINUTE - back);
        assert_invalid_grant(cli.refresh(&server, &old.refresh).await);
        assert_invalid_grant(cli.refresh(&server, &new.refresh).await);
    }
}

/// TE-26: the browser whose answer was lost is known by its session, so it is not signed out by the same rule.
#[tokio::test]
async fn te26_a_lost_answer_and_a_clock_that_is_set_back_sign_no_browser_out() {
    for back in [1, MINUTE, HOUR, DAY] {
        let server = TestServer::start().await;
        let mut browser = logged_in(&server).await;
        let jar = browser.jar.clone();
        assert_eq!(browser.post_json(seeds::APP_ORIGIN, REFRESH, None).await.status, 200);
        browser.jar = jar;
        server.clock.advance_seconds(-back);
        for _ in 0..3 {
            assert_eq!(browser.post_json(seeds::APP_ORIGIN, REFRESH, None).await.status, 200, "{back} s");
        }
    }
}

#[tokio::test]
async fn nobody_is_signed_out_by_a_clock_that_is_set_back() {
    for back in [HOUR, DAY] {
        let server = TestServer::start().await;
        let mut browser = logged_in(&server).await;
        let (shop, cli) = (RelyingParty::shop(), RelyingParty::cli());
        let mut tokens = signed_in_to(&server, &shop).await;
        let mut offline = signed_in_to(&server, &cli).await;
        for step in [-back, MINUTE, back] {
            server.clock.advance_seconds(step);
            sweep(&server).await;
            assert_eq!(browser.step(None, "/account").await.status, 200, "{back} s back");
            // An access token of the future is good for us; APIs refuse it until it is refreshed.
            if step < 0 {
                assert_eq!(server.get("/userinfo").bearer(&tokens.access).send().await.status, 200);
            }
            assert_eq!(browser.post_json(seeds::APP_ORIGIN, REFRESH, None).await.status, 200, "{back} s back");
            tokens.refresh = refreshed(&tokens, &shop.refresh(&server, &tokens.refresh).await);
            offline.refresh = refreshed(&offline, &cli.refresh(&server, &offline.refresh).await);
            let code = browser.sign_in_for(&shop).await.code().to_owned();
            assert_eq!(shop.redeem(&server, &code).await.status, 200);
            assert_eq!(logged_in(&server).await.step(None, "/account").await.status, 200);
        }
    }
}

/// The refresh token that counts now; confidential clients keep theirs.
fn refreshed(before: &Tokens, reply: &Reply) -> String {
    let after = Tokens::of(reply).refresh;
    if after.is_empty() { before.refresh.clone() } else { after }
}

/// Under a clock that is a day ahead a session is idle, codes and access tokens are over; none of that is written down.
#[tokio::test]
async fn what_ran_out_under_a_clock_that_was_ahead_is_back_when_it_is_right() {
    let server = TestServer::start().await;
    let mut browser = logged_in(&server).await;
    let kept = cookies(&browser);
    let (shop, cli) = (RelyingParty::shop(), RelyingParty::cli());
    let offline = signed_in_to(&server, &cli).await;
    let code = Browser::new(&server).sign_in_for(&shop).await.code().to_owned();
    server.clock.advance_seconds(DAY);
    for _ in 0..3 {
        sweep(&server).await;
    }
    assert_eq!((account(&server, &kept).await, look(&server, &kept).await), (303, 200));
    assert_invalid_grant(shop.redeem(&server, &code).await);
    assert_eq!(server.get("/userinfo").bearer(&offline.access).send().await.status, 401);
    server.clock.advance_seconds(-DAY);
    assert_eq!((account(&server, &kept).await, look(&server, &kept).await), (200, 200));
    assert_eq!(server.get("/userinfo").bearer(&offline.access).send().await.status, 200);
    assert_eq!(shop.redeem(&server, &code).await.status, 200);
    assert_eq!(browser.post_json(seeds::APP_ORIGIN, REFRESH, None).await.status, 200);
    assert_eq!(cli.refresh(&server, &offline.refresh).await.status, 200);
}

/// Signing out counts while the clock is ahead, too.
#[tokio::test]
async fn who_signs_out_under_a_clock_that_is_ahead_is_signed_out_when_it_is_right() {
    for ahead in [HOUR, DAY] {
        let server = TestServer::start().await;
        let mut browser = logged_in(&server).await;
        let kept = cookies(&browser);
        server.clock.advance_seconds(ahead);
        assert_eq!(browser.post_json(seeds::APP_ORIGIN, "/api/auth/logout", None).await.status, 204);
        for step in [0, -ahead, -DAY] {
            server.clock.advance_seconds(step);
            assert_eq!((look(&server, &kept).await, account(&server, &kept).await), (401, 303), "{ahead} s ahead");
        }
    }
}

/// TH-4: five failures cost half a minute, not a day and half a minute.
#[tokio::test]
async fn th4_a_block_from_a_clock_that_was_ahead_is_over_when_it_is_right() {
    for ahead in [HOUR, DAY] {
        let server = TestServer::start().await;
        server.clock.advance_seconds(ahead);
        for _ in 0..5 {
            assert_eq!(Browser::new(&server).log_in(seeds::OLENA, "wrong").await.status, 401);
        }
        assert_eq!(Browser::new(&server).log_in(seeds::OLENA, seeds::PASSWORD).await.status, 429);
        // The address too: thirty failures.
        for number in 0..25 {
            assert_eq!(Browser::new(&server).log_in(&format!("nobody-{number}"), "wrong").await.status, 401);
        }
        assert_eq!(Browser::new(&server).log_in(seeds::TARAS, seeds::PASSWORD).await.status, 429);
        server.clock.advance_seconds(-ahead);
        for name in [seeds::OLENA, seeds::TARAS] {
            assert_eq!(Browser::new(&server).log_in(name, seeds::PASSWORD).await.status, 200, "{ahead} s ahead");
        }
    }
}

/// TH-4: a clock that is set back gives a guesser no more than one round of free attempts.
#[tokio::test]
async fn th4_after_the_clock_is_set_back_guesses_are_counted_as_before() {
    for back in [HOUR, DAY] {
        let server = TestServer::start().await;
        for _ in 0..2 {
            for _ in 0..5 {
                assert_eq!(Browser::new(&server).log_in(seeds::OLENA, "wrong").await.status, 401);
            }
            let refused = Browser::new(&server).log_in(seeds::OLENA, "wrong").await.expect(429);
            assert_eq!(refused.header("retry-after"), Some("30"));
            server.clock.advance_seconds(-back);
        }
    }
}

/// TH-13: the counters in memory know of no future either.
#[tokio::test]
async fn th13_a_minute_of_the_future_does_not_refuse_for_a_day() {
    let server = TestServer::with(|options| options.settings.throttle.address_requests.free = 5).await;
    let ask = async || Browser::new(&server).log_in("nobody", "wrong").await.status.as_u16();
    server.clock.advance(SignedDuration::try_from(Duration::from_secs(24 * 3600)).unwrap());
    while ask().await != 429 {}
    server.clock.advance_seconds(-DAY);
    assert_eq!(ask().await, 401);
}

/// AZ-30: a spent code is recognised for a day after its request ended, and a jump of a day does not cut that short.
#[tokio::test]
async fn az30_a_replay_is_recognised_after_a_sweep_under_a_clock_that_was_ahead() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    let code = Browser::new(&server).sign_in_for(&shop).await.code().to_owned();
    let tokens = Tokens::of(&shop.redeem(&server, &code).await);
    server.clock.advance_seconds(DAY);
    sweep(&server).await;
    server.clock.advance_seconds(-DAY);
    assert_invalid_grant(shop.redeem(&server, &code).await);
    assert_invalid_grant(shop.refresh(&server, &tokens.refresh).await);
}

/// A sign-in that was begun before the clock was set back ends where it was meant to.
#[tokio::test]
async fn a_sign_in_under_way_survives_a_jump() {
    for jump in [-HOUR, -DAY, 20 * MINUTE] {
        let server = TestServer::start().await;
        let shop = RelyingParty::shop();
        for prompt in ["", "login"] {
            let mut browser = Browser::new(&server);
            let landing = browser.authorize(&shop, &[("prompt", prompt)]).await.page();
            server.clock.advance_seconds(jump);
            let form = html::form(landing.text(), "/sign-in").unwrap();
            let filled = [("username", seeds::OLENA), ("password", seeds::PASSWORD)];
            let landing = browser.submit(&form, &filled).await;
            let answer = browser.complete(landing).await;
            assert_eq!(shop.redeem(&server, answer.code()).await.status, 200, "{jump} s, prompt {prompt:?}");
        }
    }
}
