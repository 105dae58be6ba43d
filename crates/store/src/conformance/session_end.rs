//! Ending sessions: one, the others, everything.

use super::fixture::{Came, DAY, World, at, came, in_parallel};
use super::list;
use crate::audit::Event;
use crate::authorization::Spend;
use crate::grant::Presenter;

list!["session_end":
    se16_lo5_ending_a_session_ends_what_hangs_on_it,
    se16_only_the_owner_ends_a_session,
    se16_a_session_ends_once,
    se16_what_is_not_live_is_not_ended,
    se16_what_is_over_stays_over_when_a_clock_is_set_back,
    se16_a_cookie_ends_its_session_however_long_it_was_idle,
    se13_ending_the_others_keeps_one,
    se13_ending_the_others_reaches_idle_ones,
    se15_signing_out_everywhere_ends_everything,
];

async fn se16_lo5_ending_a_session_ends_what_hangs_on_it(w: World) {
    let shop = w.client("shop").await;
    let who = w.signed_in("olena").await;
    let elsewhere = w.sign_in(who.user, 0).await;
    let (grant, offline) = (w.grant(who, &shop).await, w.offline_grant(who, &shop).await);
    let (code, other) = (w.code(who, &shop).await, w.grant(elsewhere, &shop).await);

    assert!(w.store.end_session(who.user, who.session, at(5)).await.unwrap());
    assert!(!w.session_lives(who, 5).await);
    assert!(!w.grant_stands(grant.id, 5).await);
    assert!(w.grant_stands(offline.id, 5).await);
    assert!(matches!(w.spend(code, who, 5).await, Spend::Ended));
    assert!(w.session_lives(elsewhere, 5).await && w.grant_stands(other.id, 5).await);
    let left = w.store.sessions_of(who.user, at(5)).await.unwrap();
    assert_eq!(left.iter().map(|session| session.id).collect::<Vec<_>>(), [elsewhere.session]);
    let rows = w.audited(who.user, Event::SignedOut).await;
    assert_eq!(rows.iter().map(|row| (row.at, row.session)).collect::<Vec<_>>(), [(at(5), Some(who.session))]);
}

async fn se16_what_is_over_stays_over_when_a_clock_is_set_back(w: World) {
    let shop = w.client("shop").await;
    let who = w.signed_in("olena").await;
    let grant = w.grant(who, &shop).await;
    // The clock is far ahead: the session is past its end, and its owner signs out nevertheless.
    assert!(!w.store.end_session(who.user, who.session, at(1000 * DAY)).await.unwrap());
    assert!(!w.session_lives(who, 5).await);
    assert!(!w.grant_stands(grant.id, 5).await);
}

async fn se16_a_cookie_ends_its_session_however_long_it_was_idle(w: World) {
    let shop = w.client("shop").await;
    let (who, elsewhere) = (w.signed_in("olena").await, w.signed_in("taras").await);
    let grant = w.grant(who, &shop).await;
    assert!(!w.store.end_session_of_cookie(w.hash(), at(5)).await.unwrap());
    let idle = at(DAY + 5);
    assert!(w.store.find_session(who.secret, idle).await.unwrap().is_none());
    // It opens nothing, and is still known by its cookie, until it is ended.
    assert_eq!(w.store.session_of_cookie(who.secret).await.unwrap(), Some((who.session, who.user)));
    assert_eq!(w.store.session_of_cookie(w.hash()).await.unwrap(), None);
    assert!(w.store.end_session_of_cookie(who.secret, idle).await.unwrap());
    assert_eq!(w.store.session_of_cookie(who.secret).await.unwrap(), None);
    assert!(!w.store.end_session_of_cookie(who.secret, idle).await.unwrap());
    assert!(!w.grant_stands(grant.id, 5).await);
    assert!(!w.session_lives(who, 5).await && w.session_lives(elsewhere, 5).await);
}

async fn se16_only_the_owner_ends_a_session(w: World) {
    let (who, other) = (w.signed_in("olena").await, w.signed_in("taras").await);
    assert!(!w.store.end_session(other.user, who.session, at(1)).await.unwrap());
    assert!(!w.store.end_session(w.user_id(), who.session, at(1)).await.unwrap());
    assert!(!w.store.end_session(who.user, w.session_id(), at(1)).await.unwrap());
    assert!(w.session_lives(who, 1).await && w.session_lives(other, 1).await);
    assert!(w.audited(who.user, Event::SignedOut).await.is_empty());
}

async fn se16_a_session_ends_once(w: World) {
    let who = w.signed_in("olena").await;
    let ended = in_parallel(16, |_| {
        let store = w.store.clone();
        async move { store.end_session(who.user, who.session, at(1)).await.unwrap() }
    })
    .await;
    assert_eq!(ended.iter().filter(|ended| **ended).count(), 1);
    assert!(!w.store.end_session(who.user, who.session, at(2)).await.unwrap());
    assert_eq!(w.audited(who.user, Event::SignedOut).await.len(), 1);
}

async fn se16_what_is_not_live_is_not_ended(w: World) {
    let (past, outdated) = (w.signed_in("olena").await, w.signed_in("taras").await);
    assert!(!w.store.end_session(past.user, past.session, at(7 * DAY)).await.unwrap(), "past its end");
    w.store.end_everything(outdated.user, at(1)).await.unwrap();
    assert!(!w.store.end_session(outdated.user, outdated.session, at(2)).await.unwrap(), "of an older epoch");
    assert_eq!(w.store.end_other_sessions(outdated.user, w.session_id(), at(2)).await.unwrap(), 0);
}

async fn se13_ending_the_others_keeps_one(w: World) {
    let shop = w.client("shop").await;
    let (keep, other) = (w.signed_in("olena").await, w.signed_in("taras").await);
    let (second, third) = (w.sign_in(keep.user, 0).await, w.sign_in(keep.user, 0).await);
    let ended = w.sign_in(keep.user, 0).await;
    assert!(w.store.end_session(keep.user, ended.session, at(1)).await.unwrap());
    let (kept_grant, grant) = (w.grant(keep, &shop).await, w.grant(second, &shop).await);
    let (offline, others) = (w.offline_grant(third, &shop).await, w.grant(other, &shop).await);

    assert_eq!(w.store.end_other_sessions(keep.user, keep.session, at(2)).await.unwrap(), 2);
    assert!(w.session_lives(keep, 3).await && w.session_lives(other, 3).await);
    assert!(!w.session_lives(second, 3).await && !w.session_lives(third, 3).await);
    assert!(w.grant_stands(kept_grant.id, 3).await && w.grant_stands(others.id, 3).await);
    assert!(!w.grant_stands(grant.id, 3).await);
    assert!(w.grant_stands(offline.id, 3).await);
    assert_eq!(w.store.end_other_sessions(keep.user, keep.session, at(4)).await.unwrap(), 0);
    // Keeping a session of somebody else keeps none, and does not touch theirs.
    assert_eq!(w.store.end_other_sessions(keep.user, other.session, at(5)).await.unwrap(), 1);
    assert!(!w.session_lives(keep, 6).await && w.session_lives(other, 6).await);
}

/// Idle is not signed out: whoever ends the others means the apps of an idle one too.
async fn se13_ending_the_others_reaches_idle_ones(w: World) {
    let shop = w.client("shop").await;
    let idle = w.signed_in("olena").await;
    let grant = w.grant(idle, &shop).await;
    let keep = w.sign_in(idle.user, DAY).await;
    w.store.end_other_sessions(idle.user, keep.session, at(DAY + 1)).await.unwrap();
    assert!(!w.grant_stands(grant.id, DAY + 2).await);
    assert_eq!(came(&w.rotate(&grant, 0, Presenter::PublicClient, DAY + 2).await), Came::Revoked);
}

async fn se15_signing_out_everywhere_ends_everything(w: World) {
    let shop = w.client("shop").await;
    let (who, other) = (w.signed_in("olena").await, w.signed_in("taras").await);
    let second = w.sign_in(who.user, 0).await;
    let (grant, offline) = (w.grant(who, &shop).await, w.offline_grant(second, &shop).await);
    let (code, others) = (w.code(who, &shop).await, w.grant(other, &shop).await);
    let epoch = w.epoch(who.user).await;

    w.store.end_everything(who.user, at(5)).await.unwrap();
    assert!(w.epoch(who.user).await > epoch);
    assert!(!w.session_lives(who, 5).await && !w.session_lives(second, 5).await);
    assert!(w.store.sessions_of(who.user, at(5)).await.unwrap().is_empty());
    assert!(!w.grant_stands(grant.id, 5).await && !w.grant_stands(offline.id, 5).await);
    assert!(matches!(w.spend(code, who, 5).await, Spend::Ended));
    assert!(w.session_lives(other, 5).await && w.grant_stands(others.id, 5).await);
    assert!(!w.audited(who.user, Event::SignedOut).await.is_empty());
    // Whoever signs in again begins anew, and an old cookie does not come back with it.
    let again = w.sign_in(who.user, 6).await;
    assert!(w.session_lives(again, 7).await && !w.session_lives(who, 7).await);
    // An unknown user is no error.
    w.store.end_everything(w.user_id(), at(8)).await.unwrap();
}
