//! Refreshing: the rule of design §5 as the database carries it out.
//!
//! Whether an idle session ends its grants is not for this suite to say; that a refresh does not revive it is.

use brama_protocol::client::ClientId;

use super::fixture::{Came, DAY, MINUTE, SignedIn, WINDOW, World, at, came, in_parallel, presentation};
use super::list;
use crate::audit::Event;
use crate::grant::{Grant, NewGrant, Presenter, Refreshed};

list!["refresh":
    te25_te26_te27_every_presenter_with_every_token,
    te26_a_lost_answer_is_given_again_as_often_as_asked,
    te27_reuse_revokes_the_grant_and_nothing_else,
    te27_a_successor_that_was_dropped_is_reuse,
    te27_order_is_counted_not_timed,
    te27_a_token_from_the_future_is_reuse,
    te24_another_client_gets_nothing_and_revokes_nothing,
    te23_a_grant_ends_with_its_session_unless_offline,
    te23_a_grant_ends_with_a_session_past_its_end_unless_offline,
    te23_se14_a_grant_ends_with_its_epoch,
    a_look_changes_nothing,
    se8_a_refresh_by_cookie_uses_the_session,
    se8_a_refresh_does_not_revive_a_session,
    design5_of_64_parallel_refreshes_all_get_one_successor,
    design5_parallel_refreshes_of_both_tokens_end_at_one,
    revoke05_a_refresh_that_races_sign_out_does_not_survive_it,
];

const PUBLIC: Presenter = Presenter::PublicClient;
const CONFIDENTIAL: Presenter = Presenter::ConfidentialClient;

fn cookie(of: SignedIn) -> Presenter {
    Presenter::Cookie { session: Some(of.secret) }
}

/// A grant that was refreshed so many times, at zero.
async fn refreshed(w: &World, who: SignedIn, client: &ClientId, times: u64) -> Grant {
    let grant = w.grant(who, client).await;
    for generation in 0..times {
        assert_eq!(came(&w.rotate(&grant, generation, PUBLIC, 0).await), Came::To(generation + 1));
    }
    grant
}

/// The whole table: who presents, which token, how long after the last rotation.
async fn te25_te26_te27_every_presenter_with_every_token(w: World) {
    let shop = w.client("shop").await;
    let who = w.signed_in("olena").await;
    let (other_session, stranger) = (w.sign_in(who.user, 0).await, w.signed_in("taras").await);
    let presenters = [
        ("right session", cookie(who)),
        ("another session of the user", cookie(other_session)),
        ("somebody else's session", cookie(stranger)),
        ("an unknown session", Presenter::Cookie { session: Some(w.hash()) }),
        ("no session", Presenter::Cookie { session: None }),
        ("public client", PUBLIC),
        ("confidential client", CONFIDENTIAL),
    ];
    for (name, presenter) in presenters {
        let bound = name == "right session";
        let confidential = name == "confidential client";
        // Two rotations at zero: 2 counts, 1 is its predecessor, 0 an ancestor. A client that authenticates itself has
        // only ever seen one token, unless it was a public one a moment ago: nothing is replaced for it.
        for (presented, now, expected) in [
            (2, 0, if confidential { Came::To(2) } else { Came::To(3) }),
            (2, DAY - 1, if confidential { Came::To(2) } else { Came::To(3) }),
            (1, WINDOW - 1, Came::To(2)),
            (1, WINDOW, Came::To(2)),
            (1, WINDOW + 1, if bound { Came::To(3) } else { Came::Reused }),
            (0, 0, Came::Reused),
            (0, WINDOW + 1, Came::Reused),
        ] {
            let why = format!("{name} presents {presented} at {now}");
            let grant = refreshed(&w, who, &shop, 2).await;
            let looked = came(&w.look(&grant, presented, presenter, now).await);
            assert_eq!(looked, if expected == Came::Reused { Came::Revoked } else { Came::To(2) }, "looking: {why}");
            let outcome = w.rotate(&grant, presented, presenter, now).await;
            assert_eq!(came(&outcome), expected, "{why}");
            assert_eq!(w.grant_stands(grant.id, now).await, expected != Came::Reused, "{why}");
            if let Refreshed::Stands { grant: after, user } = outcome {
                assert_eq!(user.id, who.user, "{why}");
                let (found, _) = w.store.find_grant(grant.id, at(now)).await.unwrap().unwrap();
                assert_eq!(found, *after, "the answer is what is stored: {why}");
                assert_eq!((after.expires_at, &after.scope), (grant.expires_at, &grant.scope), "{why}");
                if expected == Came::To(3) {
                    assert_eq!(
                        (after.lineage.predecessor, after.lineage.rotated_at),
                        (Some(presented), at(now)),
                        "{why}"
                    );
                } else {
                    assert_eq!((after.lineage.predecessor, after.lineage.rotated_at), (Some(1), at(0)), "{why}");
                }
            }
        }
    }
}

async fn te26_a_lost_answer_is_given_again_as_often_as_asked(w: World) {
    let shop = w.client("shop").await;
    let who = w.signed_in("olena").await;
    let grant = refreshed(&w, who, &shop, 1).await;
    for now in [0, 1, WINDOW / 2, WINDOW] {
        assert_eq!(came(&w.rotate(&grant, 0, PUBLIC, now).await), Came::To(1));
    }
    // Answering again did not lengthen the window.
    assert_eq!(came(&w.look(&grant, 0, PUBLIC, WINDOW + 1).await), Came::Revoked);
    // The token that counts is not hurt by any of it.
    assert_eq!(came(&w.rotate(&grant, 1, PUBLIC, WINDOW + 1).await), Came::To(2));

    // A bound sender whose every answer is lost asks on for hours.
    let grant = refreshed(&w, who, &shop, 1).await;
    for lost in 1..6 {
        let now = i64::try_from(lost).unwrap() * (WINDOW + 1);
        assert_eq!(came(&w.rotate(&grant, 0, cookie(who), now).await), Came::To(lost + 1));
        assert_eq!(came(&w.rotate(&grant, 0, cookie(who), now + WINDOW).await), Came::To(lost + 1));
    }
    assert_eq!(came(&w.rotate(&grant, 6, cookie(who), 10 * MINUTE).await), Came::To(7));
}

async fn te27_reuse_revokes_the_grant_and_nothing_else(w: World) {
    let (shop, mobile) = (w.client("shop").await, w.client("mobile").await);
    let who = w.signed_in("olena").await;
    let grant = refreshed(&w, who, &shop, 2).await;
    let (same_app, same_session) = (w.grant(who, &shop).await, w.grant(who, &mobile).await);

    assert_eq!(came(&w.rotate(&grant, 0, PUBLIC, 5).await), Came::Reused);
    for generation in 0..4 {
        assert_eq!(came(&w.rotate(&grant, generation, cookie(who), 6).await), Came::Revoked);
        assert_eq!(came(&w.look(&grant, generation, cookie(who), 6).await), Came::Revoked);
    }
    assert!(!w.grant_stands(grant.id, 6).await);
    let rows = w.audited(who.user, Event::RefreshReused).await;
    assert_eq!(rows.len(), 1, "told once");
    for row in rows {
        assert_eq!((row.at, row.user, row.client), (at(5), Some(who.user), Some(shop.clone())));
        assert_eq!((row.session, row.grant), (Some(who.session), Some(grant.id)));
    }
    assert!(w.grant_stands(same_app.id, 6).await && w.grant_stands(same_session.id, 6).await);
    assert!(w.session_lives(who, 6).await);
}

async fn te27_a_successor_that_was_dropped_is_reuse(w: World) {
    let shop = w.client("shop").await;
    let who = w.signed_in("olena").await;
    let late = WINDOW + 1;
    for presenter in [cookie(who), PUBLIC, CONFIDENTIAL] {
        for now in [late, late + WINDOW, late + WINDOW + 1] {
            let grant = refreshed(&w, who, &shop, 1).await;
            assert_eq!(came(&w.rotate(&grant, 0, cookie(who), late).await), Came::To(2), "1 is dropped");
            assert_eq!(came(&w.rotate(&grant, 0, cookie(who), late).await), Came::To(2), "and 2 is given again");
            assert_eq!(came(&w.look(&grant, 1, presenter, now).await), Came::Revoked);
            assert!(w.grant_stands(grant.id, now).await);
            assert_eq!(came(&w.rotate(&grant, 1, presenter, now).await), Came::Reused);
            assert_eq!(came(&w.rotate(&grant, 2, cookie(who), now).await), Came::Revoked);
        }
    }
    let grant = refreshed(&w, who, &shop, 1).await;
    assert_eq!(came(&w.rotate(&grant, 0, cookie(who), late).await), Came::To(2));
    assert_eq!(came(&w.rotate(&grant, 2, cookie(who), late).await), Came::To(3), "the new one counts");
}

/// Twenty rotations in one instant: a clock could not tell them apart. REFRESH-02.
async fn te27_order_is_counted_not_timed(w: World) {
    let shop = w.client("shop").await;
    let who = w.signed_in("olena").await;
    for presented in [0, 1, 10, 17, 18] {
        let grant = refreshed(&w, who, &shop, 20).await;
        assert_eq!(came(&w.rotate(&grant, 19, PUBLIC, 0).await), Came::To(20));
        assert_eq!(came(&w.rotate(&grant, presented, cookie(who), 0).await), Came::Reused, "{presented}");
        assert_eq!(came(&w.rotate(&grant, 20, cookie(who), 0).await), Came::Revoked, "{presented}");
    }
}

/// The MAC was right, so the row is older than the token: a restored backup. It cannot be told from theft.
async fn te27_a_token_from_the_future_is_reuse(w: World) {
    let shop = w.client("shop").await;
    let who = w.signed_in("olena").await;
    for presented in [1, 2, 1 << 40, u64::MAX - 1, u64::MAX] {
        let grant = w.grant(who, &shop).await;
        assert_eq!(came(&w.look(&grant, presented, cookie(who), 1).await), Came::Revoked, "{presented}");
        assert_eq!(came(&w.rotate(&grant, presented, cookie(who), 1).await), Came::Reused, "{presented}");
        assert!(!w.grant_stands(grant.id, 1).await);
    }
}

async fn te24_another_client_gets_nothing_and_revokes_nothing(w: World) {
    let (shop, mobile) = (w.client("shop").await, w.client("mobile").await);
    let who = w.signed_in("olena").await;
    let grant = refreshed(&w, who, &shop, 2).await;
    let before = w.store.find_grant(grant.id, at(1)).await.unwrap();
    for client in [mobile, "nobody".parse().unwrap(), "SHOP".parse().unwrap()] {
        for presented in 0..4 {
            for presenter in [cookie(who), PUBLIC, CONFIDENTIAL] {
                let wrong = presentation(grant.id, &client, presented, presenter);
                assert_eq!(came(&w.store.look(wrong, at(1)).await.unwrap()), Came::Unknown, "{client} {presented}");
                assert_eq!(came(&w.store.rotate(wrong, at(1)).await.unwrap()), Came::Unknown, "{client} {presented}");
            }
        }
    }
    let unknown = presentation(w.grant_id(), &shop, 0, PUBLIC);
    assert_eq!(came(&w.store.rotate(unknown, at(1)).await.unwrap()), Came::Unknown);
    assert_eq!(came(&w.store.look(unknown, at(1)).await.unwrap()), Came::Unknown);
    assert_eq!(w.store.find_grant(grant.id, at(1)).await.unwrap(), before);
    assert!(w.audited(who.user, Event::RefreshReused).await.is_empty());
    assert_eq!(came(&w.rotate(&grant, 2, PUBLIC, 1).await), Came::To(3));
}

async fn ends_unless_offline(w: &World, who: SignedIn, grant: &Grant, offline: &Grant, now: i64) {
    for presenter in [cookie(who), Presenter::Cookie { session: None }, PUBLIC, CONFIDENTIAL] {
        assert_eq!(came(&w.look(grant, 0, presenter, now).await), Came::Revoked);
        assert_eq!(came(&w.rotate(grant, 0, presenter, now).await), Came::Revoked);
    }
    assert!(!w.grant_stands(grant.id, now).await);
    assert!(w.grant_stands(offline.id, now).await);
    assert_eq!(came(&w.look(offline, 0, PUBLIC, now).await), Came::To(0));
    assert_eq!(came(&w.rotate(offline, 0, PUBLIC, now).await), Came::To(1));
    // The cookie of an ended session vouches for nobody.
    assert_eq!(came(&w.rotate(offline, 0, cookie(who), now + WINDOW + 1).await), Came::Reused);
}

async fn te23_a_grant_ends_with_its_session_unless_offline(w: World) {
    let shop = w.client("shop").await;
    let who = w.signed_in("olena").await;
    let (grant, offline) = (w.grant(who, &shop).await, w.offline_grant(who, &shop).await);
    assert!(w.store.end_session(who.user, who.session, at(1)).await.unwrap());
    ends_unless_offline(&w, who, &grant, &offline, 2).await;
}

/// Grants within the limits of the session: here they would last longer than its seven days.
async fn te23_a_grant_ends_with_a_session_past_its_end_unless_offline(w: World) {
    let shop = w.client("shop").await;
    let who = w.signed_in("olena").await;
    let long = NewGrant { expires_at: at(30 * DAY), ..w.new_grant(who, &shop).await };
    let offline = NewGrant { offline: true, id: w.grant_id(), ..long.clone() };
    let give = async |new| w.store.give_grant(new, at(0)).await.unwrap().unwrap();
    let (grant, offline) = (give(long).await, give(offline).await);
    // It is used all the time: only its overall end is reached.
    for half_day in 1..14 {
        w.store.touch_session(who.session, at(half_day * DAY / 2)).await.unwrap();
    }
    assert_eq!(came(&w.look(&grant, 0, PUBLIC, 7 * DAY - 1).await), Came::To(0));
    ends_unless_offline(&w, who, &grant, &offline, 7 * DAY).await;
}

async fn te23_se14_a_grant_ends_with_its_epoch(w: World) {
    let shop = w.client("shop").await;
    let (who, other) = (w.signed_in("olena").await, w.signed_in("taras").await);
    let (grant, offline) = (w.grant(who, &shop).await, w.offline_grant(who, &shop).await);
    let others = w.grant(other, &shop).await;
    w.store.end_everything(who.user, at(1)).await.unwrap();
    for grant in [&grant, &offline] {
        for presenter in [cookie(who), PUBLIC, CONFIDENTIAL] {
            assert_eq!(came(&w.look(grant, 0, presenter, 2).await), Came::Revoked);
            assert_eq!(came(&w.rotate(grant, 0, presenter, 2).await), Came::Revoked);
        }
        assert!(!w.grant_stands(grant.id, 2).await);
    }
    assert!(w.grant_stands(others.id, 2).await);
}

async fn a_look_changes_nothing(w: World) {
    let shop = w.client("shop").await;
    let who = w.signed_in("olena").await;
    let grant = refreshed(&w, who, &shop, 2).await;
    let before = w.store.find_grant(grant.id, at(1)).await.unwrap();
    let audit = w.store.audit_of_user(who.user, 100).await.unwrap();
    for now in [0, WINDOW, WINDOW + 1, 10 * WINDOW] {
        for presented in 0..5 {
            for presenter in [cookie(who), Presenter::Cookie { session: None }, PUBLIC, CONFIDENTIAL] {
                let looked = w.look(&grant, presented, presenter, now).await;
                assert!(matches!(came(&looked), Came::To(2) | Came::Revoked), "{looked:?}");
            }
        }
    }
    assert_eq!(w.store.find_grant(grant.id, at(1)).await.unwrap(), before);
    assert_eq!(w.store.audit_of_user(who.user, 100).await.unwrap(), audit);
    let (session, _) = w.store.find_session(who.secret, at(1)).await.unwrap().unwrap();
    assert_eq!(session.last_seen_at, at(0), "no longer life either");
}

async fn se8_a_refresh_by_cookie_uses_the_session(w: World) {
    let shop = w.client("shop").await;
    let who = w.signed_in("olena").await;
    let grant = w.grant(who, &shop).await;
    let last_seen = async || w.store.find_session(who.secret, at(0)).await.unwrap().unwrap().0.last_seen_at;
    assert_eq!(came(&w.rotate(&grant, 0, PUBLIC, HALF_DAY).await), Came::To(1));
    assert_eq!(last_seen().await, at(0), "an app that runs elsewhere does not use the browser's session");
    assert_eq!(came(&w.rotate(&grant, 1, cookie(who), HALF_DAY + 1).await), Came::To(2));
    assert_eq!(last_seen().await, at(HALF_DAY + 1));
    assert_eq!(came(&w.rotate(&grant, 2, cookie(who), HALF_DAY + 2).await), Came::To(3));
    assert_eq!(last_seen().await, at(HALF_DAY + 1), "at most one write a minute");
    // A whole day idle from then on.
    assert!(w.session_lives(who, HALF_DAY + DAY).await);
    assert!(!w.session_lives(who, HALF_DAY + 1 + DAY).await);
}

const HALF_DAY: i64 = DAY / 2;

async fn se8_a_refresh_does_not_revive_a_session(w: World) {
    let shop = w.client("shop").await;
    for (name, now) in [("idle", DAY), ("ended", MINUTE)] {
        let who = w.signed_in(name).await;
        let (grant, offline) = (w.grant(who, &shop).await, w.offline_grant(who, &shop).await);
        if name == "ended" {
            assert!(w.store.end_session(who.user, who.session, at(1)).await.unwrap());
        }
        for grant in [grant, offline] {
            w.rotate(&grant, 0, cookie(who), now).await;
            assert!(!w.session_lives(who, now).await, "{name}");
        }
    }
}

/// REFRESH-01.
async fn design5_of_64_parallel_refreshes_all_get_one_successor(w: World) {
    let shop = w.client("shop").await;
    let who = w.signed_in("olena").await;
    for presenter in [PUBLIC, cookie(who)] {
        let grant = w.grant(who, &shop).await;
        let outcomes = in_parallel(64, |_| {
            let (store, grant) = (w.store.clone(), grant.clone());
            async move { came(&store.rotate(presentation(grant.id, &grant.client, 0, presenter), at(1)).await.unwrap()) }
        })
        .await;
        assert_eq!(outcomes, [Came::To(1); 64]);
        assert_eq!(came(&w.rotate(&grant, 1, presenter, 2).await), Came::To(2));
    }
    assert!(w.audited(who.user, Event::RefreshReused).await.is_empty());
}

/// Half present the predecessor, half the token that counts: all are served, and one token counts in the end.
async fn design5_parallel_refreshes_of_both_tokens_end_at_one(w: World) {
    let shop = w.client("shop").await;
    let who = w.signed_in("olena").await;
    for _ in 0..8 {
        let grant = refreshed(&w, who, &shop, 1).await;
        let outcomes = in_parallel(32, |n| {
            let (store, grant) = (w.store.clone(), grant.clone());
            let generation = u64::from(n % 2 == 0);
            async move {
                let presented = presentation(grant.id, &grant.client, generation, PUBLIC);
                came(&store.rotate(presented, at(1)).await.unwrap())
            }
        })
        .await;
        // 0 comes before or after the rotation of 1; after it, it is an ancestor.
        let reused = outcomes.contains(&Came::Reused);
        assert!(
            outcomes.iter().all(|came| matches!(came, Came::To(1 | 2) | Came::Reused | Came::Revoked)),
            "{outcomes:?}"
        );
        assert!(outcomes.iter().filter(|came| **came == Came::Reused).count() <= 1, "{outcomes:?}");
        assert_eq!(w.grant_stands(grant.id, 1).await, !reused);
        if !reused {
            assert_eq!(came(&w.rotate(&grant, 2, PUBLIC, 2).await), Came::To(3));
        }
    }
}

async fn revoke05_a_refresh_that_races_sign_out_does_not_survive_it(w: World) {
    let shop = w.client("shop").await;
    for round in 0..16 {
        let who = w.signed_in(&format!("user{round}")).await;
        let grant = w.grant(who, &shop).await;
        in_parallel(8, |n| {
            let (store, grant) = (w.store.clone(), grant.clone());
            async move {
                if n == 4 {
                    assert!(store.end_session(who.user, who.session, at(90)).await.unwrap());
                } else {
                    let presented = presentation(grant.id, &grant.client, 0, cookie(who));
                    let outcome = came(&store.rotate(presented, at(90)).await.unwrap());
                    assert!(matches!(outcome, Came::To(1) | Came::Revoked), "{outcome:?}");
                }
            }
        })
        .await;
        assert!(!w.session_lives(who, 90).await, "round {round}");
        assert!(!w.grant_stands(grant.id, 90).await, "round {round}");
        for generation in [0, 1] {
            assert_eq!(came(&w.rotate(&grant, generation, cookie(who), 91).await), Came::Revoked, "round {round}");
        }
    }
}
