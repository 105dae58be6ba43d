//! Two tabs, reloads, lost answers and thieves: nobody is signed out by accident, and every theft is seen. Design §5;
//! TE-26, TE-27, BB-9.

use brama_testkit::{Browser, Reply, TestServer, seeds};

use crate::support::{DEMO_RT, SESSION, assert_no_cookies, logged_in};

const REFRESH: &str = "/api/auth/refresh";

/// The cookies of a browser at one moment: what a tab sends, and what a thief copies.
#[derive(Clone)]
struct Copy {
    session: String,
    refresh: String,
}

impl Copy {
    fn of(browser: &Browser<'_>) -> Self {
        let of = |name| browser.jar.get(name).unwrap().to_owned();
        Self { session: of(SESSION), refresh: of(DEMO_RT) }
    }

    /// With the cookie of the session beside it, which binds the sender.
    async fn bound(&self, server: &TestServer) -> Reply {
        let jar = format!("{SESSION}={}; {DEMO_RT}={}", self.session, self.refresh);
        server.post(REFRESH).script(seeds::APP_ORIGIN, "same-site").cookie(&jar).send().await
    }

    /// The refresh cookie alone.
    async fn alone(&self, server: &TestServer) -> Reply {
        server.post(REFRESH).cookie(&format!("{DEMO_RT}={}", self.refresh)).send().await
    }

    fn with(&self, reply: &Reply) -> Self {
        assert_eq!(reply.status, 200, "{reply}");
        Self { refresh: reply.cookie_value(DEMO_RT).unwrap(), ..self.clone() }
    }
}

fn assert_over(reply: &Reply) {
    assert_eq!((reply.status.as_u16(), reply.member("error").as_str()), (401, "login_required"), "{reply}");
    assert_no_cookies(reply);
}

#[tokio::test]
async fn bb9_two_tabs_share_one_successor() {
    let server = TestServer::start().await;
    let both = Copy::of(&logged_in(&server).await);
    let (first, second) = (both.with(&both.bound(&server).await), both.with(&both.bound(&server).await));
    assert_eq!(first.refresh, second.refresh, "one cookie value, whoever wins");
    server.clock.advance_seconds(60);
    assert_eq!(both.with(&both.alone(&server).await).refresh, first.refresh, "sixty seconds are within the window");
    assert_eq!(first.bound(&server).await.status, 200);
}

#[tokio::test]
async fn te26_a_lost_answer_signs_nobody_out_however_long_ago() {
    for seconds in [1, 60, 61, 3600, 11 * 3600] {
        let server = TestServer::start().await;
        let tab = Copy::of(&logged_in(&server).await);
        let lost = tab.with(&tab.bound(&server).await);
        server.clock.advance_seconds(seconds);
        let again = tab.with(&tab.bound(&server).await);
        assert_eq!(lost.refresh == again.refresh, seconds <= 60, "after {seconds} s");
        assert_eq!(again.bound(&server).await.status, 200);
    }
}

#[tokio::test]
async fn te26_answers_may_be_lost_again_and_again() {
    let server = TestServer::start().await;
    let tab = Copy::of(&logged_in(&server).await);
    let mut last = tab.clone();
    for _ in 0..10 {
        last = tab.with(&tab.bound(&server).await);
        server.clock.advance_seconds(61);
    }
    let alive = tab.with(&tab.bound(&server).await);
    assert_ne!(alive.refresh, last.refresh);
    assert_eq!(alive.bound(&server).await.status, 200);
}

#[tokio::test]
async fn te27_a_dropped_successor_that_shows_up_is_theft() {
    let server = TestServer::start().await;
    let tab = Copy::of(&logged_in(&server).await);
    let stolen = tab.with(&tab.bound(&server).await);
    server.clock.advance_seconds(61);
    let new = tab.with(&tab.bound(&server).await);
    assert_over(&stolen.alone(&server).await);
    assert_over(&new.bound(&server).await);
}

#[tokio::test]
async fn te27_after_the_window_an_unbound_sender_is_a_thief() {
    let server = TestServer::start().await;
    let mut browser = logged_in(&server).await;
    let stolen = Copy::of(&browser);
    assert_eq!(browser.post_json(seeds::APP_ORIGIN, REFRESH, None).await.status, 200);
    server.clock.advance_seconds(61);
    assert_over(&stolen.alone(&server).await);
    // The owner is signed out of this app, and told on the account page.
    assert_over(&browser.post_json(seeds::APP_ORIGIN, REFRESH, None).await);
    let page = browser.step(None, "/account").await.expect(200);
    assert!(page.text().contains("class=\"notice careful\""), "{page}");
}

#[tokio::test]
async fn te27_another_session_does_not_bind() {
    let server = TestServer::start().await;
    let (tab, other) = (Copy::of(&logged_in(&server).await), Copy::of(&logged_in(&server).await));
    let next = tab.with(&tab.bound(&server).await);
    server.clock.advance_seconds(61);
    let mixed = Copy { session: other.session.clone(), refresh: tab.refresh.clone() };
    assert_over(&mixed.bound(&server).await);
    assert_over(&next.bound(&server).await);
    // BB-9: other sessions are not touched.
    assert_eq!(other.bound(&server).await.status, 200);
}

#[tokio::test]
async fn te27_every_theft_is_seen_at_the_next_refresh_of_the_other_party() {
    // The thief refreshes first, then the owner; and the other way round.
    for thief_first in [true, false] {
        let server = TestServer::start().await;
        let owner = Copy::of(&logged_in(&server).await);
        let thief = owner.clone();
        let owner_next;
        let thief_next;
        if thief_first {
            thief_next = Some(thief.with(&thief.alone(&server).await));
            server.clock.advance_seconds(61);
            // Bound: the owner goes on, and what the thief got is dropped.
            owner_next = owner.with(&owner.bound(&server).await);
        } else {
            owner_next = owner.with(&owner.bound(&server).await);
            server.clock.advance_seconds(61);
            assert_over(&thief.alone(&server).await);
            thief_next = None;
        }
        if let Some(thief) = thief_next {
            assert_over(&thief.alone(&server).await);
        }
        assert_over(&owner_next.bound(&server).await);
    }
}

#[tokio::test]
async fn te27_an_ancestor_is_never_answered() {
    let server = TestServer::start().await;
    let first = Copy::of(&logged_in(&server).await);
    let second = first.with(&first.bound(&server).await);
    let third = second.with(&second.bound(&server).await);
    assert_over(&first.bound(&server).await);
    for dead in [first, second, third] {
        assert_over(&dead.bound(&server).await);
    }
}

#[tokio::test]
async fn bb9_a_loser_never_takes_the_winners_cookie() {
    let server = TestServer::start().await;
    let mut browser = logged_in(&server).await;
    let old = Copy::of(&browser);
    browser.post_json(seeds::APP_ORIGIN, REFRESH, None).await;
    browser.post_json(seeds::APP_ORIGIN, REFRESH, None).await;
    let winner = browser.jar.get(DEMO_RT).unwrap().to_owned();
    // What the loser's answer sets is nothing.
    assert_no_cookies(&old.bound(&server).await);
    assert_eq!(browser.jar.get(DEMO_RT), Some(winner.as_str()));
}
