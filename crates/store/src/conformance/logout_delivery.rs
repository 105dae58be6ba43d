//! Telling apps that a session has ended. LO-10, LO-12.

use std::collections::BTreeSet;

use brama_protocol::client::{BackchannelLogout, ClientId};
use brama_protocol::id::UserId;

use super::fixture::{DAY, SignedIn, World, at, client, granted, in_parallel, password};
use super::list;
use crate::audit::Event;
use crate::client::AddClient;
use crate::grant::NewGrant;
use crate::logout_delivery::{Attempt, DeliveryState, LogoutDelivery};
use crate::user::UserStatus;

list!["logout_delivery":
    lo10_nobody_is_told_before_a_session_ends,
    lo10_every_end_of_a_session_tells_its_apps,
    lo10_signing_out_everywhere_tells_every_app_of_every_session,
    lo10_other_sessions_and_other_users_are_left_alone,
    lo10_only_apps_with_id_tokens_that_want_it_are_told,
    lo10_an_app_is_told_once_however_often_it_was_signed_in_to,
    lo10_an_app_whose_grants_are_gone_is_told_too,
    lo10_a_session_that_runs_out_tells_its_apps,
    lo10_a_session_that_was_renewed_is_told_at_its_new_end,
    lo10_a_session_that_goes_on_after_all_is_listed_again,
    lo10_a_grant_and_the_end_of_its_session_race_and_nobody_is_forgotten,
    lo12_a_message_is_claimed_by_one_of_many,
    lo12_a_claim_that_was_not_settled_comes_back,
    lo12_a_late_answer_changes_nothing,
    lo12_what_could_not_be_sent_counts_no_try,
    lo12_a_postponed_message_is_tried_as_often_as_any,
    lo12_what_was_settled_stays_so_and_is_reported,
    lo12_a_claim_takes_no_more_than_its_limit_and_the_oldest_first,
    lo12_settled_messages_are_swept_after_a_week,
    a_removed_app_is_told_nothing,
];

impl World {
    /// An app that wants to be told.
    async fn listener(&self, id: &str) -> ClientId {
        let mut record = client(id);
        let uri = format!("https://{id}.example.com/backchannel-logout");
        record.client.backchannel_logout = Some(BackchannelLogout { uri, session_required: true });
        let id = record.client.id.clone();
        assert_eq!(self.store.add_client(record).await.unwrap(), AddClient::Added);
        id
    }

    async fn claim(&self, now: i64) -> Vec<LogoutDelivery> {
        self.store.claim_logouts(1000, at(now + 30), at(now)).await.unwrap()
    }

    /// Who is to be told of what.
    async fn told(&self, now: i64) -> BTreeSet<(String, String)> {
        let claimed = self.claim(now).await;
        claimed.iter().map(|one| (one.session.to_string(), one.client.to_string())).collect()
    }
}

/// Rows in every state, for the suite that moves them: one of a session that goes on, one that was settled.
pub(super) async fn fill(w: &World, who: SignedIn) {
    let app = w.listener("listener").await;
    w.grant(who, &app).await;
    let gone = w.sign_in(who.user, 0).await;
    w.grant(gone, &app).await;
    assert!(w.store.end_session(who.user, gone.session, at(1)).await.unwrap());
    for one in w.claim(1).await {
        assert!(w.store.settle_logout(&one, Attempt::Delivered, "answered 200", at(2)).await.unwrap());
    }
}

fn pair(who: SignedIn, client: &ClientId) -> (String, String) {
    (who.session.to_string(), client.to_string())
}

async fn lo10_nobody_is_told_before_a_session_ends(w: World) {
    let shop = w.listener("shop").await;
    let who = w.signed_in("olena").await;
    w.grant(who, &shop).await;
    assert_eq!(w.claim(5).await, []);
    assert_eq!(w.claim(7 * DAY - 1).await, []);
    assert_eq!(w.store.logouts_to(&shop, 10).await.unwrap(), []);
}

async fn lo10_every_end_of_a_session_tells_its_apps(w: World) {
    let (shop, wiki) = (w.listener("shop").await, w.listener("wiki").await);
    let ends = ["one", "cookie", "others", "everything", "password", "disabled", "grant", "limit", "another"];
    for (n, end) in ends.into_iter().enumerate() {
        let now = 1000 * i64::try_from(n).unwrap() + 5;
        let user = w.user(end).await;
        let who = w.sign_in(user, 0).await;
        let grant = w.grant(who, &shop).await;
        w.offline_grant(who, &wiki).await;
        match end {
            "one" => assert!(w.store.end_session(user, who.session, at(now)).await.unwrap()),
            "cookie" => assert!(w.store.end_session_of_cookie(who.secret, at(now)).await.unwrap()),
            "others" => {
                let keep = w.sign_in(user, 0).await;
                assert_eq!(w.store.end_other_sessions(user, keep.session, at(now)).await.unwrap(), 1);
            }
            "everything" => w.store.end_everything(user, at(now)).await.unwrap(),
            "password" => assert!(w.store.set_password(user, password("second"), at(now)).await.unwrap()),
            "disabled" => assert!(w.store.set_user_status(user, UserStatus::Disabled, at(now)).await.unwrap()),
            "grant" => assert!(w.store.sign_out_grant(grant.id, at(now)).await.unwrap()),
            "limit" => {
                let mut new = w.new_session(user, now).await;
                new.max_per_user = 1;
                w.begin(new, now).await;
            }
            _ => {
                let other = w.user("somebody-else").await;
                let mut new = w.new_session(other, now).await;
                new.replaces = Some(who.secret);
                w.begin(new, now).await;
            }
        }
        let claimed = w.claim(now).await;
        let expected: BTreeSet<_> = [pair(who, &shop), pair(who, &wiki)].into();
        let found: BTreeSet<_> = claimed.iter().map(|one| (one.session.to_string(), one.client.to_string())).collect();
        assert_eq!(found, expected, "{end}");
        for one in claimed {
            assert_eq!((one.user, one.ended_at, one.attempts), (user, at(now), 1), "{end}");
            assert!(w.store.settle_logout(&one, Attempt::Delivered, "answered 200", at(now)).await.unwrap());
        }
        assert_eq!(w.claim(now + 900).await, [], "{end}");
    }
}

async fn lo10_signing_out_everywhere_tells_every_app_of_every_session(w: World) {
    let (shop, wiki) = (w.listener("shop").await, w.listener("wiki").await);
    let first = w.signed_in("olena").await;
    let second = w.sign_in(first.user, 0).await;
    for (who, app) in [(first, &shop), (first, &wiki), (second, &shop)] {
        w.grant(who, app).await;
    }
    w.store.end_everything(first.user, at(5)).await.unwrap();
    assert_eq!(w.told(5).await, [pair(first, &shop), pair(first, &wiki), pair(second, &shop)].into());
}

async fn lo10_other_sessions_and_other_users_are_left_alone(w: World) {
    let shop = w.listener("shop").await;
    let (who, other) = (w.signed_in("olena").await, w.signed_in("taras").await);
    let elsewhere = w.sign_in(who.user, 0).await;
    for one in [who, other, elsewhere] {
        w.grant(one, &shop).await;
    }
    assert!(w.store.end_session(who.user, who.session, at(5)).await.unwrap());
    assert!(!w.store.end_session(who.user, other.session, at(5)).await.unwrap());
    assert_eq!(w.told(5).await, [pair(who, &shop)].into());
    w.store.end_everything(who.user, at(6)).await.unwrap();
    assert_eq!(w.told(6).await, [pair(elsewhere, &shop)].into());
}

async fn lo10_only_apps_with_id_tokens_that_want_it_are_told(w: World) {
    let (shop, silent, api) = (w.listener("shop").await, w.client("silent").await, w.listener("api").await);
    let who = w.signed_in("olena").await;
    w.grant(who, &shop).await;
    w.grant(who, &silent).await;
    let without = NewGrant { scope: granted("email read"), ..w.new_grant(who, &api).await };
    assert!(w.store.give_grant(without, at(0)).await.unwrap().is_some());
    assert!(w.store.end_session(who.user, who.session, at(5)).await.unwrap());
    assert_eq!(w.told(5).await, [pair(who, &shop)].into());
}

async fn lo10_an_app_is_told_once_however_often_it_was_signed_in_to(w: World) {
    let shop = w.listener("shop").await;
    let who = w.signed_in("olena").await;
    w.grant(who, &shop).await;
    w.offline_grant(who, &shop).await;
    let code = w.code(who, &shop).await;
    w.spend(code, who, 1).await;
    assert!(w.store.end_session(who.user, who.session, at(5)).await.unwrap());
    assert!(!w.store.end_session(who.user, who.session, at(6)).await.unwrap());
    w.store.end_everything(who.user, at(7)).await.unwrap();
    let claimed = w.claim(7).await;
    assert_eq!(claimed.iter().map(|one| (one.session, one.ended_at)).collect::<Vec<_>>(), [(who.session, at(5))]);
}

async fn lo10_an_app_whose_grants_are_gone_is_told_too(w: World) {
    let shop = w.listener("shop").await;
    let user = w.user("olena").await;
    let mut new = w.new_session(user, 0).await;
    new.lifetime.expires_at = at(30 * DAY);
    let secret = new.secret;
    let who = SignedIn { user, session: w.begin(new, 0).await.id, secret };
    w.grant(who, &shop).await;
    assert_eq!(w.store.sweep(at(9 * DAY), 1000).await.unwrap().grants, 1);
    assert!(w.store.end_session(user, who.session, at(9 * DAY)).await.unwrap());
    assert_eq!(w.told(9 * DAY).await, [pair(who, &shop)].into());
}

async fn lo10_a_session_that_runs_out_tells_its_apps(w: World) {
    let shop = w.listener("shop").await;
    let who = w.signed_in("olena").await;
    w.grant(who, &shop).await;
    assert_eq!(w.claim(7 * DAY - 1).await, []);
    let claimed = w.claim(7 * DAY).await;
    let shown: Vec<_> = claimed.iter().map(|one| (one.session, one.user, one.ended_at)).collect();
    assert_eq!(shown, [(who.session, who.user, at(7 * DAY))]);
    // It is over anyway: ending it by hand tells nobody again.
    w.store.end_session(who.user, who.session, at(7 * DAY + 1)).await.unwrap();
    assert_eq!(w.claim(7 * DAY + 2).await, []);
}

async fn lo10_a_session_that_was_renewed_is_told_at_its_new_end(w: World) {
    let shop = w.listener("shop").await;
    let who = w.signed_in("olena").await;
    w.grant(who, &shop).await;
    let mut again = w.new_session(who.user, DAY).await;
    again.replaces = Some(who.secret);
    assert_eq!(w.begin(again, DAY).await.id, who.session);
    for now in [7 * DAY, 7 * DAY + 1, 8 * DAY - 1] {
        assert_eq!(w.claim(now).await, [], "{now}");
    }
    assert_eq!(w.told(8 * DAY).await, [pair(who, &shop)].into());
}

/// A clock was ahead, the app was told, the clock was set right: the session goes on, and so does its list.
async fn lo10_a_session_that_goes_on_after_all_is_listed_again(w: World) {
    let shop = w.listener("shop").await;
    let who = w.signed_in("olena").await;
    w.grant(who, &shop).await;
    let claimed = w.claim(8 * DAY).await;
    assert!(
        w.store.settle_logout(claimed.first().unwrap(), Attempt::Delivered, "answered 200", at(8 * DAY)).await.unwrap()
    );
    w.grant(who, &shop).await;
    assert_eq!(w.store.logouts_to(&shop, 10).await.unwrap(), []);
    assert!(w.store.end_session(who.user, who.session, at(9)).await.unwrap());
    let claimed = w.claim(9).await;
    assert_eq!(claimed.iter().map(|one| (one.ended_at, one.attempts)).collect::<Vec<_>>(), [(at(9), 1)]);
}

async fn lo10_a_grant_and_the_end_of_its_session_race_and_nobody_is_forgotten(w: World) {
    let mut apps = Vec::new();
    for n in 0..8 {
        apps.push(w.listener(&format!("app-{n}")).await);
    }
    for round in 0..4 {
        let user = w.user(&format!("user-{round}")).await;
        let who = w.sign_in(user, 0).await;
        let mut new = Vec::new();
        for app in &apps {
            new.push(w.new_grant(who, app).await);
        }
        let given = in_parallel(9, |n| {
            let (store, new) = (w.store.clone(), new.get(n).cloned());
            async move {
                match new {
                    Some(new) => {
                        let client = new.client.clone();
                        store.give_grant(new, at(1)).await.unwrap().map(|_| client)
                    }
                    None => {
                        store.end_session(user, who.session, at(1)).await.unwrap();
                        None
                    }
                }
            }
        })
        .await;
        let given: BTreeSet<_> = given.into_iter().flatten().map(|client| pair(who, &client)).collect();
        assert_eq!(w.told(1).await, given);
    }
}

/// So many messages that are due at five.
async fn due(w: &World, count: usize) -> UserId {
    let who = w.signed_in("olena").await;
    for n in 0..count {
        let app = w.listener(&format!("app-{n}")).await;
        w.grant(who, &app).await;
    }
    assert!(w.store.end_session(who.user, who.session, at(5)).await.unwrap());
    who.user
}

async fn lo12_a_message_is_claimed_by_one_of_many(w: World) {
    due(&w, 12).await;
    let claimed = in_parallel(16, |_| {
        let store = w.store.clone();
        async move { store.claim_logouts(3, at(35), at(5)).await.unwrap() }
    })
    .await;
    let names: Vec<_> = claimed.into_iter().flatten().map(|one| one.client).collect();
    assert_eq!(names.len(), names.iter().collect::<BTreeSet<_>>().len(), "{names:?}");
    // Whoever came when all rows were being looked at took none; those are still due.
    assert_eq!(names.len() + w.claim(5).await.len(), 12);
}

async fn lo12_a_claim_that_was_not_settled_comes_back(w: World) {
    due(&w, 1).await;
    assert_eq!(w.claim(5).await.len(), 1);
    assert_eq!(w.claim(34).await, []);
    let again = w.claim(35).await;
    assert_eq!(again.iter().map(|one| (one.attempts, one.ended_at)).collect::<Vec<_>>(), [(2, at(5))]);
}

async fn lo12_a_late_answer_changes_nothing(w: World) {
    let user = due(&w, 1).await;
    let (late, current) = (w.claim(5).await.remove(0), w.claim(35).await.remove(0));
    for attempt in [Attempt::Delivered, Attempt::Again(at(36)), Attempt::GivenUp] {
        assert!(!w.store.settle_logout(&late, attempt, "late", at(36)).await.unwrap());
    }
    assert_eq!(w.claim(36).await, []);
    let settled = in_parallel(8, |_| {
        let (store, current) = (w.store.clone(), current.clone());
        async move { store.settle_logout(&current, Attempt::Delivered, "answered 204", at(37)).await.unwrap() }
    })
    .await;
    assert_eq!(settled.into_iter().filter(|settled| *settled).count(), 1);
    assert_eq!(w.audited(user, Event::AppSignedOut).await.len(), 1);
    assert!(w.audited(user, Event::AppNotSignedOut).await.is_empty());
}

async fn lo12_what_could_not_be_sent_counts_no_try(w: World) {
    due(&w, 1).await;
    // Somebody claimed it, and was slow.
    let late = w.claim(5).await.remove(0);
    let second = w.claim(35).await.remove(0);
    assert!(w.store.settle_logout(&second, Attempt::Postponed(at(40)), "too many", at(35)).await.unwrap());
    assert_eq!(w.claim(40).await.remove(0).attempts, late.attempts + 1);
    assert!(!w.store.settle_logout(&late, Attempt::GivenUp, "late", at(41)).await.unwrap());
}

async fn lo12_a_postponed_message_is_tried_as_often_as_any(w: World) {
    due(&w, 1).await;
    for now in [5, 10, 15] {
        let claimed = w.claim(now).await.remove(0);
        assert_eq!(claimed.attempts, 1);
        let postponed = Attempt::Postponed(at(now + 5));
        assert!(w.store.settle_logout(&claimed, postponed, "too many", at(now)).await.unwrap());
        assert!(!w.store.settle_logout(&claimed, Attempt::Delivered, "late", at(now)).await.unwrap());
        assert_eq!(w.claim(now + 4).await, []);
    }
    let claimed = w.claim(20).await.remove(0);
    assert!(w.store.settle_logout(&claimed, Attempt::Again(at(30)), "answered 500", at(21)).await.unwrap());
    assert_eq!(w.claim(30).await.remove(0).attempts, 2);
}

async fn lo12_what_was_settled_stays_so_and_is_reported(w: World) {
    let user = due(&w, 4).await;
    let attempts = [
        (Attempt::Delivered, DeliveryState::Delivered),
        (Attempt::Refused, DeliveryState::Refused),
        (Attempt::GivenUp, DeliveryState::GivenUp),
        (Attempt::Again(at(25)), DeliveryState::Waiting { next_at: at(25) }),
    ];
    for (one, (attempt, state)) in w.claim(5).await.into_iter().zip(attempts) {
        let answer = format!("it came to {}", state.as_str());
        assert!(w.store.settle_logout(&one, attempt, &answer, at(6)).await.unwrap());
        assert!(!w.store.settle_logout(&one, Attempt::Delivered, "", at(7)).await.unwrap(), "settled already");
        if matches!(attempt, Attempt::Again(_)) {
            let again = w.claim(25).await.remove(0);
            assert_eq!((again.client.clone(), again.attempts), (one.client, 2));
            assert!(w.store.settle_logout(&again, Attempt::Delivered, "answered 200", at(26)).await.unwrap());
            continue;
        }
        let reported = w.store.logouts_to(&one.client, 10).await.unwrap();
        assert_eq!(reported, [LogoutDelivery { state, answer: Some(answer), ..one }]);
    }
    assert_eq!(w.claim(DAY).await, []);
    let of = async |event| {
        w.audited(user, event).await.iter().filter(|row| row.client.is_some() && row.session.is_some()).count()
    };
    assert_eq!((of(Event::AppSignedOut).await, of(Event::AppNotSignedOut).await), (2, 2));
}

async fn lo12_a_claim_takes_no_more_than_its_limit_and_the_oldest_first(w: World) {
    let shop = w.listener("shop").await;
    let mut ended = Vec::new();
    for n in 0..5 {
        let who = w.signed_in(&format!("user-{n}")).await;
        w.grant(who, &shop).await;
        assert!(w.store.end_session(who.user, who.session, at(10 - n)).await.unwrap());
        ended.push(who.session);
    }
    let first: BTreeSet<_> =
        w.store.claim_logouts(2, at(50), at(20)).await.unwrap().into_iter().map(|one| one.session).collect();
    assert_eq!(first, ended.iter().rev().take(2).copied().collect());
    let reported = w.store.logouts_to(&shop, 3).await.unwrap();
    assert_eq!(
        reported.iter().map(|one| one.session).collect::<Vec<_>>(),
        ended.iter().take(3).copied().collect::<Vec<_>>()
    );
}

async fn lo12_settled_messages_are_swept_after_a_week(w: World) {
    due(&w, 2).await;
    let claimed = w.claim(5).await;
    assert!(w.store.settle_logout(claimed.first().unwrap(), Attempt::GivenUp, "nobody is there", at(6)).await.unwrap());
    let swept = async |now| w.store.sweep(at(now), 1000).await.unwrap().logout_deliveries;
    assert_eq!(swept(7 * DAY + 6).await, 0);
    assert_eq!(swept(7 * DAY + 7).await, 1);
    assert_eq!(w.store.logouts_to(&claimed.first().unwrap().client, 10).await.unwrap(), []);
    // What was not settled is still to be done.
    assert_eq!(w.claim(7 * DAY + 8).await.len(), 1);
}

async fn a_removed_app_is_told_nothing(w: World) {
    due(&w, 2).await;
    assert!(w.store.remove_client(&"app-0".parse().unwrap()).await.unwrap());
    let claimed = w.claim(5).await;
    assert_eq!(claimed.iter().map(|one| one.client.as_str()).collect::<Vec<_>>(), ["app-1"]);
}
