//! Consent: for one request, and remembered; what apps may do, and taking it away.

use brama_protocol::resource::Resources;

use super::fixture::{DAY, MINUTE, World, at, consented, in_parallel, scope};
use super::list;
use crate::audit::Event;
use crate::authorization::{Approve, AuthorizationState, NewCode, Spend};
use crate::consent::Consent;
use crate::grant::NewGrant;

list!["consent":
    az22_consent_is_remembered_only_if_asked,
    az22_consents_for_a_resource_add_up_and_stay_apart,
    az22_what_was_left_out_is_not_remembered,
    az22_consents_given_at_once_are_all_remembered,
    consent_is_for_a_request_that_waits,
    az21_access_is_grants_that_stand_and_consent,
    te30_withdrawing_ends_consent_grants_and_codes,
    te30_withdrawing_touches_nobody_else,
    te30_of_many_withdrawals_one_counts,
    te30_withdrawing_ends_a_request_that_was_just_allowed,
    te30_what_was_withdrawn_gives_no_code,
    te30_a_code_from_memory_beside_a_withdrawal_gives_nothing,
    te30_a_code_that_is_spent_beside_a_withdrawal_gives_nothing_that_lasts,
];

fn waiting(consented: Option<crate::authorization::Consented>) -> AuthorizationState {
    AuthorizationState::Requested { consented, chosen: None }
}

/// Allowed without a resource being named.
fn remembered(text: &str) -> Consent {
    Consent::default().and(&Resources::default(), &scope(text))
}

async fn az22_consent_is_remembered_only_if_asked(w: World) {
    let (shop, olena) = (w.client("shop").await, w.user("olena").await);
    let once = w.requested(&shop).await;
    assert_eq!(w.state(once).await, waiting(None));
    let openid = consented(olena, "openid");
    assert!(w.store.consent_authorization(once, openid.clone(), false, at(1)).await.unwrap());
    assert_eq!(w.state(once).await, waiting(Some(openid.clone())));
    assert!(w.store.find_consent(olena, &shop).await.unwrap().is_empty());

    let always = w.requested(&shop).await;
    assert!(w.store.consent_authorization(always, openid.clone(), true, at(1)).await.unwrap());
    assert_eq!(w.state(always).await, waiting(Some(openid)));
    assert_eq!(w.store.find_consent(olena, &shop).await.unwrap(), remembered("openid"));
}

async fn az22_consents_for_a_resource_add_up_and_stay_apart(w: World) {
    let (shop, mobile) = (w.client("shop").await, w.client("mobile").await);
    let (olena, taras) = (w.user("olena").await, w.user("taras").await);
    let (a, b) = ("https://a.example", "https://b.example");
    let all: [(&str, &[&str]); 4] =
        [("openid", &[]), ("openid email", &[a]), ("offline_access", &[b]), ("phone", &[a, b])];
    for (asked, resources) in all {
        let mut request = w.authorization(&shop, asked);
        request.asked.resources = resources.iter().copied().collect();
        let id = request.id;
        w.store.request_authorization(request).await.unwrap();
        assert!(w.store.consent_authorization(id, consented(olena, asked), true, at(1)).await.unwrap());
    }
    let found = w.store.find_consent(olena, &shop).await.unwrap();
    let of = |resources: &[&str]| found.for_all(&resources.iter().copied().collect()).to_string();
    assert_eq!(of(&[a]), "email openid phone");
    assert_eq!(of(&[b]), "offline_access phone");
    assert_eq!(of(&[a, b]), "phone", "for both only what was allowed for both");
    assert_eq!(of(&[]), "openid", "what names no resource was allowed for none of them");
    assert_eq!(of(&[a, "https://c.example"]), "");
    assert!(w.store.find_consent(taras, &shop).await.unwrap().is_empty());
    assert!(w.store.find_consent(olena, &mobile).await.unwrap().is_empty());
}

async fn az22_what_was_left_out_is_not_remembered(w: World) {
    let (shop, olena) = (w.client("shop").await, w.user("olena").await);
    let request = w.authorization(&shop, "openid email");
    let id = request.id;
    w.store.request_authorization(request).await.unwrap();
    let part = consented(olena, "openid");
    assert!(w.store.consent_authorization(id, part.clone(), true, at(1)).await.unwrap());
    assert_eq!(w.state(id).await, waiting(Some(part)));
    assert_eq!(w.store.find_consent(olena, &shop).await.unwrap(), remembered("openid"));
}

async fn az22_consents_given_at_once_are_all_remembered(w: World) {
    let (shop, olena) = (w.client("shop").await, w.user("olena").await);
    let mut requests = Vec::new();
    for n in 0..16 {
        let request = w.authorization(&shop, &format!("s{n}"));
        requests.push(request.id);
        w.store.request_authorization(request).await.unwrap();
    }
    let noted = in_parallel(16, |n| {
        let (store, id) = (w.store.clone(), requests.get(n).copied().unwrap());
        async move { store.consent_authorization(id, consented(olena, &format!("s{n}")), true, at(1)).await.unwrap() }
    })
    .await;
    assert!(noted.into_iter().all(|noted| noted));
    let all: Vec<String> = (0..16).map(|n| format!("s{n}")).collect();
    assert_eq!(w.store.find_consent(olena, &shop).await.unwrap(), remembered(&all.join(" ")));
}

async fn consent_is_for_a_request_that_waits(w: World) {
    let shop = w.client("shop").await;
    let who = w.signed_in("olena").await;
    let taras = w.user("taras").await;
    let consent = |id, now| w.store.consent_authorization(id, consented(who.user, "openid"), true, at(now));

    assert!(!consent(w.authorization_id(), 1).await.unwrap(), "unknown");
    let denied = w.requested(&shop).await;
    assert!(w.store.deny_authorization(denied, at(1)).await.unwrap());
    assert!(!consent(denied, 2).await.unwrap(), "denied");
    let answered = w.requested(&shop).await;
    w.store.approve_authorization(answered, w.new_code(who).await, at(1)).await.unwrap();
    assert!(!consent(answered, 2).await.unwrap(), "answered");
    let expired = w.requested(&shop).await;
    assert!(!consent(expired, 10 * MINUTE).await.unwrap(), "expired");
    assert_eq!(w.state(expired).await, waiting(None));
    // A refused consent is not remembered either.
    assert!(w.store.find_consent(who.user, &shop).await.unwrap().is_empty());

    // Whoever consented last is the one who counts.
    let open = w.requested(&shop).await;
    assert!(consent(open, 10 * MINUTE - 1).await.unwrap());
    let other = consented(taras, "");
    assert!(w.store.consent_authorization(open, other.clone(), false, at(10 * MINUTE - 1)).await.unwrap());
    assert_eq!(w.state(open).await, waiting(Some(other)));
}

/// What `access_of` says: client, scope, and when it was last used.
async fn access(
    w: &World,
    user: brama_protocol::id::UserId,
    now: i64,
) -> Vec<(String, String, Option<jiff::Timestamp>)> {
    let found = w.store.access_of(user, at(now)).await.unwrap();
    found.into_iter().map(|one| (one.client.to_string(), one.scope.to_string(), one.used_at)).collect()
}

async fn az21_access_is_grants_that_stand_and_consent(w: World) {
    let (shop, mobile) = (w.client("shop").await, w.client("mobile").await);
    let (who, other) = (w.signed_in("olena").await, w.signed_in("taras").await);
    assert_eq!(access(&w, who.user, 1).await, []);
    let id = w.requested(&shop).await;
    assert!(w.store.consent_authorization(id, consented(who.user, "openid"), true, at(1)).await.unwrap());
    w.grant(other, &shop).await;
    let grant = w.grant(who, &mobile).await;
    let offline = w.offline_grant(who, &mobile).await;
    let (openid, more) = ("openid".to_owned(), "email openid".to_owned());
    let of_mobile = |at| ("mobile".to_owned(), more.clone(), Some(at));
    let of_shop = ("shop".to_owned(), openid, None);
    assert_eq!(access(&w, who.user, 2).await, [of_mobile(at(0)), of_mobile(at(0)), of_shop.clone()]);
    let found = w.store.access_of(who.user, at(2)).await.unwrap();
    assert_eq!(found.first().unwrap().resources, grant.resources);
    // Use is noted.
    w.rotate(&offline, 0, crate::grant::Presenter::PublicClient, 100).await;
    let mut used: Vec<_> = access(&w, who.user, 101).await.into_iter().filter_map(|(_, _, used)| used).collect();
    used.sort_unstable();
    assert_eq!(used, [at(0), at(100)]);
    // The end of the session ends the one, not the other; its own end ends that too.
    assert!(w.store.end_session(who.user, who.session, at(102)).await.unwrap());
    assert_eq!(access(&w, who.user, 103).await, [of_mobile(at(100)), of_shop.clone()]);
    assert_eq!(access(&w, who.user, 7 * DAY).await, std::slice::from_ref(&of_shop));
    w.store.end_everything(who.user, at(104)).await.unwrap();
    assert_eq!(access(&w, who.user, 105).await, [of_shop]);
}

async fn te30_withdrawing_ends_consent_grants_and_codes(w: World) {
    let shop = w.client("shop").await;
    let who = w.signed_in("olena").await;
    assert!(!w.store.withdraw_access(who.user, &shop, at(0)).await.unwrap(), "nothing was given");
    let id = w.requested(&shop).await;
    assert!(w.store.consent_authorization(id, consented(who.user, "openid"), true, at(0)).await.unwrap());
    let (grant, offline) = (w.grant(who, &shop).await, w.offline_grant(who, &shop).await);
    let code = w.code(who, &shop).await;
    let checked = w.checked(code).await;

    assert!(w.store.withdraw_access(who.user, &shop, at(1)).await.unwrap());
    for grant in [grant.id, offline.id] {
        assert!(!w.grant_stands(grant, 2).await);
    }
    assert!(w.store.find_consent(who.user, &shop).await.unwrap().is_empty());
    let new = NewGrant { offline: true, ..w.new_grant(who, &shop).await };
    assert!(!matches!(w.store.spend_code(checked, new, at(2)).await.unwrap(), Spend::Now(_)));
    assert_eq!(access(&w, who.user, 2).await, []);
    let rows = w.audited(who.user, Event::AccessWithdrawn).await;
    assert_eq!(rows.iter().map(|row| (row.at, row.client.clone())).collect::<Vec<_>>(), [(at(1), Some(shop.clone()))]);
    // Nothing is left to take, and what is given afterwards stands.
    assert!(!w.store.withdraw_access(who.user, &shop, at(3)).await.unwrap());
    assert!(w.session_lives(who, 3).await);
    let again = w.grant(who, &shop).await;
    assert!(w.grant_stands(again.id, 3).await);
}

async fn te30_withdrawing_touches_nobody_else(w: World) {
    let (shop, mobile) = (w.client("shop").await, w.client("mobile").await);
    let (who, other) = (w.signed_in("olena").await, w.signed_in("taras").await);
    let stay = [w.grant(who, &mobile).await.id, w.grant(other, &shop).await.id];
    let id = w.requested(&shop).await;
    assert!(w.store.consent_authorization(id, consented(other.user, "openid"), true, at(0)).await.unwrap());
    let code = w.code(other, &shop).await;
    w.grant(who, &shop).await;
    assert!(w.store.withdraw_access(who.user, &shop, at(1)).await.unwrap());
    for grant in stay {
        assert!(w.grant_stands(grant, 2).await);
    }
    assert_eq!(w.store.find_consent(other.user, &shop).await.unwrap(), remembered("openid"));
    assert!(matches!(w.spend(code, other, 2).await, Spend::Now(_)));
}

async fn te30_of_many_withdrawals_one_counts(w: World) {
    let shop = w.client("shop").await;
    let who = w.signed_in("olena").await;
    let grant = w.grant(who, &shop).await;
    let counted = in_parallel(16, |_| {
        let (store, shop) = (w.store.clone(), shop.clone());
        async move { store.withdraw_access(who.user, &shop, at(1)).await.unwrap() }
    })
    .await;
    assert_eq!(counted.iter().filter(|counted| **counted).count(), 1);
    assert!(!w.grant_stands(grant.id, 2).await);
    assert_eq!(w.audited(who.user, Event::AccessWithdrawn).await.len(), 1);
}

async fn te30_withdrawing_ends_a_request_that_was_just_allowed(w: World) {
    let shop = w.client("shop").await;
    let (who, other) = (w.signed_in("olena").await, w.signed_in("taras").await);
    let [allowed, of_another, untouched] =
        [w.requested(&shop).await, w.requested(&shop).await, w.requested(&shop).await];
    assert!(w.store.consent_authorization(allowed, consented(who.user, "openid"), false, at(0)).await.unwrap());
    assert!(w.store.consent_authorization(of_another, consented(other.user, "openid"), false, at(0)).await.unwrap());
    assert!(w.store.withdraw_access(who.user, &shop, at(1)).await.unwrap());
    assert_eq!(w.state(allowed).await, AuthorizationState::Denied);
    assert_eq!(w.state(of_another).await, waiting(Some(consented(other.user, "openid"))));
    assert_eq!(w.state(untouched).await, waiting(None));
}

async fn te30_what_was_withdrawn_gives_no_code(w: World) {
    let (shop, mobile) = (w.client("shop").await, w.client("mobile").await);
    let (who, other) = (w.signed_in("olena").await, w.signed_in("taras").await);
    for (user, client) in [(who.user, &mobile), (other.user, &shop)] {
        let id = w.requested(client).await;
        assert!(w.store.consent_authorization(id, consented(user, "openid"), true, at(0)).await.unwrap());
    }
    let new = NewCode { remembered: Some(remembered("openid")), ..w.new_code(who).await };
    let id = w.requested(&shop).await;
    let approve = |new| w.store.approve_authorization(id, new, at(1));
    assert_eq!(approve(new.clone()).await.unwrap(), Approve::NotWaiting, "others allowed, or it was another app");
    assert_eq!(w.state(id).await, waiting(None), "the person is asked");
    let allow = async |what: &str| {
        let before = w.requested(&shop).await;
        assert!(w.store.consent_authorization(before, consented(who.user, what), true, at(0)).await.unwrap());
    };
    // Withdrawn, and then something else was allowed: that is not what the code was to be given for.
    allow("email").await;
    assert_eq!(approve(new.clone()).await.unwrap(), Approve::NotWaiting);
    assert!(w.store.withdraw_access(who.user, &shop, at(0)).await.unwrap());
    allow("openid").await;
    assert_eq!(approve(new).await.unwrap(), Approve::Issued);
}

async fn te30_a_code_from_memory_beside_a_withdrawal_gives_nothing(w: World) {
    let shop = w.client("shop").await;
    let who = w.signed_in("olena").await;
    for _ in 0..16 {
        let before = w.requested(&shop).await;
        assert!(w.store.consent_authorization(before, consented(who.user, "openid"), true, at(0)).await.unwrap());
        let (id, new) =
            (w.requested(&shop).await, NewCode { remembered: Some(remembered("openid")), ..w.new_code(who).await });
        let code = new.code;
        let (approving, taking, app) = (w.store.clone(), w.store.clone(), shop.clone());
        let approved = tokio::spawn(async move { approving.approve_authorization(id, new, at(1)).await.unwrap() });
        let taken = tokio::spawn(async move { taking.withdraw_access(who.user, &app, at(1)).await.unwrap() });
        let approved = approved.await.unwrap();
        assert!(taken.await.unwrap(), "there was consent");
        if approved == Approve::Issued {
            assert!(!matches!(w.spend(code, who, 2).await, Spend::Now(_)), "withdrawn, and the code works");
        }
    }
}

async fn te30_a_code_that_is_spent_beside_a_withdrawal_gives_nothing_that_lasts(w: World) {
    let shop = w.client("shop").await;
    let who = w.signed_in("olena").await;
    for _ in 0..16 {
        let code = w.code(who, &shop).await;
        let (checked, new) = (w.checked(code).await, w.new_grant(who, &shop).await);
        let grant = new.id;
        let (spending, taking) = (w.store.clone(), w.store.clone());
        let app = shop.clone();
        let spent = tokio::spawn(async move { spending.spend_code(checked, new, at(1)).await.unwrap() });
        let taken = tokio::spawn(async move { taking.withdraw_access(who.user, &app, at(1)).await.unwrap() });
        let spent = matches!(spent.await.unwrap(), Spend::Now(_));
        assert!(taken.await.unwrap(), "there was a code, or what it gave");
        assert!(!spent || !w.grant_stands(grant, 2).await, "withdrawn, and it stands");
    }
}
