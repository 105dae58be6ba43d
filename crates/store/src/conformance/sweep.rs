//! Sweeping: only what is over goes, and never more than asked.

use jiff::SignedDuration;

use super::fixture::{DAY, HOUR, MINUTE, SignedIn, World, at};
use super::list;
use crate::audit::Event;
use crate::authorization::Spend;
use crate::grant::NewGrant;
use crate::revoked_token::RevokedToken;
use crate::sweep::Swept;
use crate::throttle::{Admission, Lane, LaneRule, OnSuccess, Penalty};

list!["sweep":
    an_empty_store_has_nothing_to_sweep,
    az30_authorizations_with_a_code_stay_a_day_after_their_end,
    pr1_sessions_stay_thirty_days_after_their_end,
    te30_grants_stay_a_day_after_their_end,
    an_offline_grant_outlives_the_row_of_its_session,
    th4_a_sweep_forgives_nothing,
    lg6_audit_rows_stay_400_days,
    te14_what_may_come_again_goes,
    ep35_revoked_tokens_stay_a_day_after_their_expiry,
    a_sweep_takes_no_more_than_its_limit,
];

async fn sweep(w: &World, now: i64) -> Swept {
    w.store.sweep(at(now), 1000).await.unwrap()
}

async fn an_empty_store_has_nothing_to_sweep(w: World) {
    assert_eq!(sweep(&w, 0).await, Swept::default());
    assert_eq!(sweep(&w, 10_000 * DAY).await, Swept::default());
}

/// A session and grants that last for years, so that they do not end in between.
async fn long_lived(w: &World, name: &str) -> SignedIn {
    let user = w.user(name).await;
    let mut new = w.new_session(user, 0).await;
    new.lifetime.idle_seconds = u32::try_from(1000 * DAY).unwrap();
    new.lifetime.expires_at = at(1000 * DAY);
    let secret = new.secret;
    SignedIn { user, session: w.begin(new, 0).await.id, secret }
}

async fn az30_authorizations_with_a_code_stay_a_day_after_their_end(w: World) {
    let shop = w.client("shop").await;
    let who = long_lived(&w, "olena").await;
    let (waiting, denied) = (w.requested(&shop).await, w.requested(&shop).await);
    assert!(w.store.deny_authorization(denied, at(1)).await.unwrap());
    let code = w.code(who, &shop).await;
    let new = NewGrant { expires_at: at(100 * DAY), ..w.new_grant(who, &shop).await };
    let grant = new.id;
    assert!(matches!(w.store.spend_code(w.checked(code).await, new, at(1)).await.unwrap(), Spend::Now(_)));

    assert_eq!(sweep(&w, 5 * MINUTE).await, Swept::default());
    assert_eq!(sweep(&w, HOUR + 10 * MINUTE).await, Swept::default());
    for id in [waiting, denied] {
        assert!(w.store.find_authorization(id).await.unwrap().is_some());
    }
    // What nobody answered goes an hour after its end. A replay is recognised until a day has passed.
    assert_eq!(sweep(&w, HOUR + 11 * MINUTE).await.authorizations, 2);
    assert_eq!(sweep(&w, DAY).await.authorizations, 0);
    assert!(matches!(w.spend(code, who, DAY).await, Spend::Already));
    assert!(!w.grant_stands(grant, DAY).await);

    assert_eq!(sweep(&w, DAY + 11 * MINUTE).await.authorizations, 1);
    for id in [waiting, denied] {
        assert!(w.store.find_authorization(id).await.unwrap().is_none());
    }
    assert!(w.store.find_code(code).await.unwrap().is_none());
    assert!(w.session_lives(who, DAY + 11 * MINUTE).await);
}

async fn pr1_sessions_stay_thirty_days_after_their_end(w: World) {
    let live = long_lived(&w, "live").await;
    let ended = long_lived(&w, "ended").await;
    let expired = w.signed_in("expired").await;
    assert!(w.store.end_session(ended.user, ended.session, at(1)).await.unwrap());
    assert_eq!(sweep(&w, 30 * DAY).await.sessions, 0);
    assert_eq!(sweep(&w, 30 * DAY + 2).await.sessions, 1, "the one that was ended");
    assert_eq!(sweep(&w, 37 * DAY).await.sessions, 0);
    assert_eq!(sweep(&w, 37 * DAY + 1).await.sessions, 1, "the one that ran out");
    assert!(w.session_lives(live, 37 * DAY + 1).await);
    assert!(!w.session_lives(expired, 37 * DAY + 1).await);
}

async fn te30_grants_stay_a_day_after_their_end(w: World) {
    let shop = w.client("shop").await;
    let who = long_lived(&w, "olena").await;
    let short = w.grant(who, &shop).await;
    let long = NewGrant { expires_at: at(100 * DAY), ..w.new_grant(who, &shop).await };
    let long = w.store.give_grant(long, at(0)).await.unwrap().unwrap();
    assert_eq!(sweep(&w, 8 * DAY).await.grants, 0);
    let look = async |now| super::fixture::came(&w.look(&short, 0, crate::grant::Presenter::PublicClient, now).await);
    assert_eq!(look(8 * DAY).await, super::fixture::Came::Expired);
    assert_eq!(sweep(&w, 8 * DAY + 1).await.grants, 1);
    assert_eq!(look(8 * DAY + 1).await, super::fixture::Came::Unknown);
    assert!(w.grant_stands(long.id, 8 * DAY + 1).await);
}

async fn an_offline_grant_outlives_the_row_of_its_session(w: World) {
    let shop = w.client("shop").await;
    let who = w.signed_in("olena").await;
    let new = NewGrant { offline: true, expires_at: at(400 * DAY), ..w.new_grant(who, &shop).await };
    let grant = w.store.give_grant(new, at(0)).await.unwrap().unwrap();
    assert!(w.store.end_session(who.user, who.session, at(1)).await.unwrap());
    assert_eq!(sweep(&w, 31 * DAY).await.sessions, 1);
    assert!(w.grant_stands(grant.id, 31 * DAY).await);
    let presenter = crate::grant::Presenter::PublicClient;
    assert_eq!(super::fixture::came(&w.rotate(&grant, 0, presenter, 31 * DAY).await), super::fixture::Came::To(1));
}

/// A guesser who waits for the sweeper stays on the longer waits.
async fn th4_a_sweep_forgives_nothing(w: World) {
    let rule = LaneRule { free: 1, window: SignedDuration::from_secs(10), penalty: Penalty::Doubling };
    let doubling = Lane { key: [1; 32], rule, on_success: OnSuccess::Reset };
    let rest =
        Lane { key: [2; 32], rule: LaneRule { penalty: Penalty::RestOfWindow, ..rule }, on_success: OnSuccess::Reset };
    let reserve = async |lane: &Lane, now| w.store.reserve_attempt(vec![lane.clone()], at(now)).await.unwrap();
    let wait = |seconds| Admission::Wait(SignedDuration::from_secs(seconds));

    for lane in [&doubling, &rest] {
        assert_eq!(reserve(lane, 0).await, Admission::Admitted);
    }
    assert_eq!(sweep(&w, 9).await.throttles, 0);
    assert_eq!(reserve(&rest, 9).await, wait(1));
    // The first is blocked until 30, and its failures count until ten seconds later.
    sweep(&w, 29).await;
    assert_eq!(reserve(&doubling, 29).await, wait(1));
    sweep(&w, 39).await;
    assert_eq!(reserve(&doubling, 39).await, Admission::Admitted);
    assert_eq!(reserve(&doubling, 40).await, wait(59), "the second wait is the longer one");
    // In the end both are forgotten.
    sweep(&w, DAY).await;
    assert_eq!(sweep(&w, 2 * DAY).await, Swept::default());
    assert_eq!(reserve(&doubling, 2 * DAY).await, Admission::Admitted);
    assert_eq!(reserve(&doubling, 2 * DAY).await, wait(30));
}

async fn lg6_audit_rows_stay_400_days(w: World) {
    let user = w.user("olena").await;
    assert!(w.store.set_password(user, super::fixture::password("second"), at(DAY)).await.unwrap());
    assert_eq!(w.store.audit_of_user(user, 10).await.unwrap().len(), 2);
    assert_eq!(sweep(&w, 400 * DAY).await.audit, 0);
    assert!(sweep(&w, 400 * DAY + 1).await.audit >= 1);
    let left = w.store.audit_of_user(user, 10).await.unwrap();
    assert_eq!(left.iter().map(|row| row.event).collect::<Vec<_>>(), [Event::PasswordSet]);
}

async fn te14_what_may_come_again_goes(w: World) {
    for (key, until) in [(1, 10), (2, 20)] {
        assert!(w.store.first_seen([key; 32], at(until), at(0)).await.unwrap());
    }
    assert_eq!(sweep(&w, 10).await.replays, 0);
    assert_eq!(sweep(&w, 11).await.replays, 1);
    assert!(!w.store.first_seen([2; 32], at(30), at(11)).await.unwrap(), "the other one is known");
    assert_eq!(sweep(&w, 21).await.replays, 1);
}

async fn ep35_revoked_tokens_stay_a_day_after_their_expiry(w: World) {
    let shop = w.client("shop").await;
    for (jti, expires_at) in [("a", 60), ("b", DAY)] {
        let token = RevokedToken { jti: jti.to_owned(), expires_at: at(expires_at), client: shop.clone(), grant: None };
        assert!(w.store.revoke_token(token, at(0)).await.unwrap());
    }
    assert_eq!(sweep(&w, DAY + 60).await.revoked_tokens, 0);
    assert_eq!(sweep(&w, DAY + 61).await.revoked_tokens, 1);
    assert!(!w.store.is_token_revoked("a").await.unwrap());
    assert!(w.store.is_token_revoked("b").await.unwrap());
}

async fn a_sweep_takes_no_more_than_its_limit(w: World) {
    let shop = w.client("shop").await;
    let who = w.signed_in("olena").await;
    for _ in 0..5 {
        w.requested(&shop).await;
        w.grant(who, &shop).await;
    }
    let now = 20 * DAY;
    assert_eq!(w.store.sweep(at(now), 0).await.unwrap(), Swept::default());
    for expected in [2, 2, 1, 0] {
        let swept = w.store.sweep(at(now), 2).await.unwrap();
        assert_eq!((swept.authorizations, swept.grants), (expected, expected));
    }
}
