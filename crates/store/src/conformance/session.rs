//! Sessions: begun, found, used, renewed. How they are ended is in `session_end`.

use super::fixture::{Came, DAY, HOUR, MINUTE, SignedIn, World, at, authentication, came, in_parallel};
use super::list;
use crate::audit::Event;
use crate::authorization::Spend;
use crate::grant::Presenter;
use crate::session::{BeginSession, NewSession};
use crate::user::UserStatus;

list!["session":
    a_session_is_kept_as_begun,
    se4_an_unknown_secret_is_no_session,
    se8_an_unused_session_ends,
    se8_a_used_session_ends_at_its_overall_end,
    se8_use_is_written_once_a_minute,
    se8_use_revives_nothing,
    se5_se12_renewal_keeps_the_id_and_kills_the_old_secret,
    se7_another_user_ends_the_first_session,
    session02_an_ended_session_is_not_renewed,
    session04_a_session_past_its_end_is_not_renewed,
    se19_the_longest_idle_makes_room,
    se19_renewal_needs_no_room,
    se19_of_many_at_once_no_more_than_allowed_live,
    se14_no_session_begins_under_an_old_epoch,
    se14_a_sign_in_that_races_a_new_password_does_not_survive_it,
    se14_a_disabled_user_has_no_session,
    sessions_are_listed_newest_first,
    se13_apps_are_listed_once_while_they_may_refresh,
];

async fn a_session_is_kept_as_begun(w: World) {
    let user = w.user("olena").await;
    let short = w.new_session(user, 5).await;
    let mut long = w.new_session(user, 5).await;
    long.lifetime.persistent = true;
    long.authentication.amr = vec!["pwd".to_owned(), "otp".to_owned(), "mfa".to_owned()];
    long.authentication.at = at(2);
    long.device = "Телефон \"Олени\"".to_owned();
    for new in [short, long] {
        let session = w.begin(new.clone(), 5).await;
        assert_eq!((session.id, session.user), (new.id, user));
        assert_eq!((&session.authentication, session.lifetime), (&new.authentication, new.lifetime));
        assert_eq!((session.created_at, session.last_seen_at, &session.device), (at(5), at(5), &new.device));
        let (found, owner) = w.store.find_session(new.secret, at(6)).await.unwrap().unwrap();
        assert_eq!((found, owner), (session, w.find_user(user).await));
        assert!(
            w.audited(user, Event::SignedIn).await.iter().any(|row| row.session == Some(new.id) && row.at == at(5))
        );
    }
}

async fn se4_an_unknown_secret_is_no_session(w: World) {
    w.signed_in("olena").await;
    assert!(w.store.find_session(w.hash(), at(1)).await.unwrap().is_none());
    // Using an unknown session is no error and makes nothing.
    w.store.touch_session(w.session_id(), at(1)).await.unwrap();
}

async fn se8_an_unused_session_ends(w: World) {
    let who = w.signed_in("olena").await;
    assert!(w.session_lives(who, DAY - 1).await);
    assert_eq!(w.store.sessions_of(who.user, at(DAY - 1)).await.unwrap().len(), 1);
    for now in [DAY, DAY + 1] {
        assert!(!w.session_lives(who, now).await);
        assert!(w.store.sessions_of(who.user, at(now)).await.unwrap().is_empty());
    }
}

async fn se8_a_used_session_ends_at_its_overall_end(w: World) {
    let who = w.signed_in("olena").await;
    for hour in 1..7 * 24 {
        w.store.touch_session(who.session, at(hour * HOUR)).await.unwrap();
    }
    assert!(w.session_lives(who, 7 * DAY - 1).await);
    assert!(!w.session_lives(who, 7 * DAY).await);
    assert!(w.store.sessions_of(who.user, at(7 * DAY)).await.unwrap().is_empty());
}

async fn se8_use_is_written_once_a_minute(w: World) {
    let (who, other) = (w.signed_in("olena").await, w.signed_in("taras").await);
    let last_seen =
        async |who: SignedIn| w.store.find_session(who.secret, at(1)).await.unwrap().unwrap().0.last_seen_at;
    for (now, expected) in [(1, 0), (59, 0), (60, 60), (61, 60), (119, 60), (121, 121), (100, 121), (HOUR, HOUR)] {
        w.store.touch_session(who.session, at(now)).await.unwrap();
        assert_eq!(last_seen(who).await, at(expected), "{now}");
    }
    assert_eq!(last_seen(other).await, at(0));
}

/// A slow request that began in time writes its use when the session is over.
async fn se8_use_revives_nothing(w: World) {
    let (idle, ended) = (w.signed_in("olena").await, w.signed_in("taras").await);
    w.store.touch_session(idle.session, at(DAY)).await.unwrap();
    assert!(!w.session_lives(idle, DAY).await);
    assert!(w.store.end_session(ended.user, ended.session, at(1)).await.unwrap());
    w.store.touch_session(ended.session, at(2 * MINUTE)).await.unwrap();
    assert!(!w.session_lives(ended, 2 * MINUTE).await);
}

async fn replacing(w: &World, old: SignedIn, now: i64) -> NewSession {
    NewSession { replaces: Some(old.secret), ..w.new_session(old.user, now).await }
}

async fn se5_se12_renewal_keeps_the_id_and_kills_the_old_secret(w: World) {
    let shop = w.client("shop").await;
    let who = w.signed_in("olena").await;
    let (grant, code) = (w.grant(who, &shop).await, w.code(who, &shop).await);
    let mut new = replacing(&w, who, 30).await;
    new.authentication = authentication(30);
    new.lifetime.persistent = true;
    let renewed = w.begin(new.clone(), 30).await;

    assert_eq!((renewed.id, renewed.user), (who.session, who.user));
    assert_eq!((&renewed.authentication, renewed.lifetime), (&new.authentication, new.lifetime));
    assert_eq!(renewed.last_seen_at, at(30));
    assert!(!w.session_lives(who, 31).await, "the old secret is dead");
    let now = SignedIn { secret: new.secret, ..who };
    assert!(w.session_lives(now, 31).await);
    assert_eq!(w.store.sessions_of(who.user, at(31)).await.unwrap(), [renewed]);
    // Apps signed in through it stay so; what the old cookie vouched for, the new one does.
    assert!(w.grant_stands(grant.id, 31).await);
    assert!(matches!(w.spend(code, now, 31).await, Spend::Now(_)));
    assert_eq!(came(&w.rotate(&grant, 0, Presenter::PublicClient, 31).await), Came::To(1));
    assert_eq!(came(&w.look(&grant, 0, Presenter::Cookie { session: Some(who.secret) }, 31 + 61).await), Came::Revoked);
    assert_eq!(came(&w.look(&grant, 0, Presenter::Cookie { session: Some(new.secret) }, 31 + 61).await), Came::To(1));
    // Both limits count anew.
    assert!(w.session_lives(now, 30 + DAY - 1).await);
    assert!(!w.session_lives(now, 30 + DAY).await);
}

async fn se7_another_user_ends_the_first_session(w: World) {
    let shop = w.client("shop").await;
    let first = w.signed_in("olena").await;
    let elsewhere = w.sign_in(first.user, 0).await;
    let (grant, offline) = (w.grant(first, &shop).await, w.offline_grant(first, &shop).await);
    let second = w.user("taras").await;
    let new = NewSession { replaces: Some(first.secret), ..w.new_session(second, 10).await };
    let (id, secret) = (new.id, new.secret);
    let session = w.begin(new, 10).await;

    assert_eq!((session.id, session.user), (id, second));
    assert_ne!(session.id, first.session, "SESSION-03: no identifier is reused");
    assert!(w.session_lives(SignedIn { user: second, session: id, secret }, 11).await);
    assert!(!w.session_lives(first, 11).await);
    assert!(!w.grant_stands(grant.id, 11).await);
    assert!(w.grant_stands(offline.id, 11).await, "offline access outlives the session");
    assert!(w.session_lives(elsewhere, 11).await, "other browsers of the first user are not meant");
}

async fn session_is_new(w: &World, old: SignedIn, now: i64) {
    let shop = w.client("shop").await;
    let new = replacing(w, old, now).await;
    let (id, secret) = (new.id, new.secret);
    let session = w.begin(new, now).await;
    assert_eq!((session.id, session.created_at), (id, at(now)));
    assert!(w.session_lives(SignedIn { session: id, secret, ..old }, now).await);
    assert!(!w.session_lives(old, now).await);
    assert!(w.store.apps_of_sessions(old.user, at(now)).await.unwrap().is_empty());
    w.grant(SignedIn { session: id, secret, ..old }, &shop).await;
}

async fn session02_an_ended_session_is_not_renewed(w: World) {
    let mobile = w.client("mobile").await;
    let who = w.signed_in("olena").await;
    let grant = w.grant(who, &mobile).await;
    assert!(w.store.end_session(who.user, who.session, at(1)).await.unwrap());
    session_is_new(&w, who, 2).await;
    assert!(!w.grant_stands(grant.id, 2).await);
}

async fn session04_a_session_past_its_end_is_not_renewed(w: World) {
    let mobile = w.client("mobile").await;
    let who = w.signed_in("olena").await;
    let grant = w.grant(who, &mobile).await;
    session_is_new(&w, who, 7 * DAY).await;
    assert!(!w.grant_stands(grant.id, 7 * DAY).await);
    assert_eq!(w.store.sessions_of(who.user, at(7 * DAY)).await.unwrap().len(), 1);
}

async fn se19_the_longest_idle_makes_room(w: World) {
    let shop = w.client("shop").await;
    let (first, other) = (w.signed_in("olena").await, w.signed_in("taras").await);
    let second = w.sign_in(first.user, 60).await;
    let third = w.sign_in(first.user, 120).await;
    let (first_grant, second_grant) = (w.grant(first, &shop).await, w.grant(second, &shop).await);
    // The oldest was used last.
    w.store.touch_session(first.session, at(180)).await.unwrap();
    let new = NewSession { max_per_user: 3, ..w.new_session(first.user, 200).await };
    let fourth = SignedIn { session: new.id, secret: new.secret, ..first };
    w.begin(new, 200).await;

    for (who, lives) in [(first, true), (second, false), (third, true), (fourth, true), (other, true)] {
        assert_eq!(w.session_lives(who, 201).await, lives);
    }
    assert!(w.grant_stands(first_grant.id, 201).await && !w.grant_stands(second_grant.id, 201).await);
    // A lower limit, configured later, takes effect at the next sign-in.
    let new = NewSession { max_per_user: 1, ..w.new_session(first.user, 300).await };
    let id = new.id;
    w.begin(new, 300).await;
    let left = w.store.sessions_of(first.user, at(301)).await.unwrap();
    assert_eq!(left.iter().map(|session| session.id).collect::<Vec<_>>(), [id]);
    assert!(w.session_lives(other, 301).await);
}

async fn se19_renewal_needs_no_room(w: World) {
    let first = w.signed_in("olena").await;
    let second = w.sign_in(first.user, 60).await;
    let new = NewSession { max_per_user: 2, ..replacing(&w, second, 120).await };
    w.begin(new, 120).await;
    assert!(w.session_lives(first, 121).await);
    assert_eq!(w.store.sessions_of(first.user, at(121)).await.unwrap().len(), 2);
}

async fn se19_of_many_at_once_no_more_than_allowed_live(w: World) {
    let user = w.user("olena").await;
    let mut wanted = Vec::new();
    for _ in 0..32 {
        wanted.push(NewSession { max_per_user: 5, ..w.new_session(user, 1).await });
    }
    in_parallel(32, |n| {
        let (store, new) = (w.store.clone(), wanted.get(n).cloned().unwrap());
        async move { assert!(matches!(store.begin_session(new, at(1)).await.unwrap(), BeginSession::Begun(_))) }
    })
    .await;
    assert_eq!(w.store.sessions_of(user, at(2)).await.unwrap().len(), 5);
}

async fn se14_no_session_begins_under_an_old_epoch(w: World) {
    let who = w.signed_in("olena").await;
    // The password was checked, then changed, then the session is to begin.
    let (fresh, renewal) = (w.new_session(who.user, 1).await, replacing(&w, who, 1).await);
    assert!(w.store.set_password(who.user, super::fixture::password("second"), at(2)).await.unwrap());
    for new in [fresh, renewal] {
        let secret = new.secret;
        assert_eq!(w.store.begin_session(new, at(3)).await.unwrap(), BeginSession::AccountChanged);
        assert!(w.store.find_session(secret, at(3)).await.unwrap().is_none());
    }
    assert!(w.store.sessions_of(who.user, at(3)).await.unwrap().is_empty());

    let disabled = w.user("taras").await;
    assert!(w.store.set_user_status(disabled, UserStatus::Disabled, at(1)).await.unwrap());
    let new = w.new_session(disabled, 2).await;
    assert_eq!(w.store.begin_session(new, at(2)).await.unwrap(), BeginSession::AccountChanged);
    let unknown = NewSession { user: w.user_id(), ..w.new_session(who.user, 2).await };
    assert_eq!(w.store.begin_session(unknown, at(2)).await.unwrap(), BeginSession::AccountChanged);
}

async fn se14_a_sign_in_that_races_a_new_password_does_not_survive_it(w: World) {
    for round in 0..8 {
        let user = w.user(&format!("user{round}")).await;
        let mut wanted = Vec::new();
        for _ in 0..8 {
            wanted.push(w.new_session(user, 1).await);
        }
        in_parallel(8, |n| {
            let (store, new) = (w.store.clone(), wanted.get(n).cloned().unwrap());
            async move {
                if n == 4 {
                    assert!(store.set_password(user, super::fixture::password("second"), at(1)).await.unwrap());
                } else {
                    store.begin_session(new, at(1)).await.unwrap();
                }
            }
        })
        .await;
        assert!(w.store.sessions_of(user, at(1)).await.unwrap().is_empty(), "round {round}");
        for new in wanted {
            assert!(w.store.find_session(new.secret, at(1)).await.unwrap().is_none(), "round {round}");
        }
    }
}

async fn se14_a_disabled_user_has_no_session(w: World) {
    let (who, other) = (w.signed_in("olena").await, w.signed_in("taras").await);
    assert!(w.store.set_user_status(who.user, UserStatus::Disabled, at(1)).await.unwrap());
    assert!(!w.session_lives(who, 2).await);
    assert!(w.store.sessions_of(who.user, at(2)).await.unwrap().is_empty());
    assert!(w.session_lives(other, 2).await);
}

async fn sessions_are_listed_newest_first(w: World) {
    let (first, other) = (w.signed_in("olena").await, w.signed_in("taras").await);
    let second = w.sign_in(first.user, 60).await;
    let third = w.sign_in(first.user, 120).await;
    let listed = w.store.sessions_of(first.user, at(121)).await.unwrap();
    let ids: Vec<_> = listed.iter().map(|session| session.id).collect();
    assert_eq!(ids, [third.session, second.session, first.session]);
    let listed = w.store.sessions_of(other.user, at(121)).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert!(w.store.sessions_of(w.user_id(), at(121)).await.unwrap().is_empty());
}

async fn se13_apps_are_listed_once_while_they_may_refresh(w: World) {
    let (shop, mobile) = (w.client("shop").await, w.client("mobile").await);
    let (first, other) = (w.signed_in("olena").await, w.signed_in("taras").await);
    let second = w.sign_in(first.user, 0).await;
    let apps = async |now: i64| {
        let apps = w.store.apps_of_sessions(first.user, at(now)).await.unwrap();
        let mut apps: Vec<_> = apps.into_iter().map(|app| (app.session, app.client)).collect();
        apps.sort();
        apps
    };
    assert!(apps(1).await.is_empty());
    w.grant(first, &shop).await;
    w.grant(first, &shop).await;
    w.grant(other, &mobile).await;
    let replayed = w.grant(second, &mobile).await;
    let mut expected = vec![(first.session, shop.clone()), (second.session, mobile.clone())];
    expected.sort();
    assert_eq!(apps(1).await, expected);
    assert_eq!(came(&w.rotate(&replayed, 7, Presenter::PublicClient, 2).await), Came::Reused);
    assert_eq!(apps(3).await, [(first.session, shop.clone())], "a revoked grant is no sign-in");
    w.offline_grant(second, &shop).await;
    assert_eq!(apps(3).await.len(), 2);
    w.store.end_everything(first.user, at(4)).await.unwrap();
    assert!(apps(5).await.is_empty(), "SE-14: nothing of an older epoch is live");
}
