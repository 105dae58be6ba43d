//! Authorization codes: spent once, and a replay is recognised.

use brama_protocol::handle::{HandleHash, kind};
use brama_protocol::oidc::claims_request::{Claim, NamedClaims};
use brama_protocol::pkce;
use brama_protocol::resource::Resources;

use super::fixture::{Came, MINUTE, REDIRECT_URI, SignedIn, World, at, came, in_parallel, verifier};
use super::list;
use crate::audit::Event;
use crate::authorization::{Approve, Spend};
use crate::grant::{NewGrant, Presenter};
use crate::user::UserStatus;

list!["code":
    b6_a_spent_code_gives_the_grant,
    az28_a_code_ends_at_its_end,
    az30_a_replay_revokes_what_came_from_the_code,
    az30_a_replay_is_seen_after_the_code_ran_out,
    az30_a_replay_after_sign_out_is_still_a_replay,
    az30_a_failed_check_consumes_and_revokes_nothing,
    az29_az30_of_64_parallel_redemptions_one_wins_and_its_grant_is_revoked,
    te20_a_code_without_a_challenge_takes_no_verifier,
    te23_lo5_a_code_ends_with_its_session,
    te23_a_code_ends_with_a_session_that_ran_out,
    te23_se14_a_code_ends_with_its_epoch,
    te23_a_code_of_a_disabled_user_gives_nothing,
    se14_a_code_approved_under_an_old_epoch_gives_nothing,
];

async fn b6_a_spent_code_gives_the_grant(w: World) {
    let shop = w.client("shop").await;
    let who = w.signed_in("olena").await;
    let code = w.code(who, &shop).await;
    let checked = w.checked(code).await;
    let new = NewGrant {
        offline: true,
        resources: Resources::default(),
        claims: NamedClaims { id_token: [Claim::Email].into(), ..NamedClaims::default() },
        ..w.new_grant(who, &shop).await
    };
    assert!(!w.grant_stands(new.id, 1).await);
    let Spend::Now(grant) = w.store.spend_code(checked, new.clone(), at(1)).await.unwrap() else {
        panic!("the code is good");
    };
    assert_eq!((grant.id, grant.user, &grant.client, grant.session), (new.id, new.user, &new.client, new.session));
    assert_eq!((grant.epoch, &grant.scope, &grant.resources), (new.epoch, &new.scope, &new.resources));
    assert_eq!(grant.claims, new.claims);
    assert_eq!((&grant.authentication, grant.offline), (&new.authentication, true));
    assert_eq!((grant.created_at, grant.expires_at), (at(1), new.expires_at));
    assert_eq!((grant.lineage.generation, grant.lineage.predecessor), (0, None));

    let (found, user) = w.store.find_grant(new.id, at(1)).await.unwrap().unwrap();
    assert_eq!((found, user.id), (*grant.clone(), who.user));
    assert_eq!(came(&w.rotate(&grant, 0, Presenter::PublicClient, 2).await), Came::To(1));
    let rows = w.audited(who.user, Event::GrantIssued).await;
    assert_eq!(rows.len(), 1);
    assert!(rows.iter().all(|row| row.grant == Some(grant.id) && row.client.as_ref() == Some(&shop)));
}

async fn az28_a_code_ends_at_its_end(w: World) {
    let shop = w.client("shop").await;
    let who = w.signed_in("olena").await;
    for (now, good) in [(MINUTE - 1, true), (MINUTE, false), (MINUTE + 1, false)] {
        let code = w.code(who, &shop).await;
        let checked = w.checked(code).await;
        let new = w.new_grant(who, &shop).await;
        let id = new.id;
        match w.store.spend_code(checked, new, at(now)).await.unwrap() {
            Spend::Now(_) => assert!(good, "{now}"),
            Spend::Expired => assert!(!good, "{now}"),
            other => panic!("{now}: {other:?}"),
        }
        assert_eq!(w.grant_stands(id, now).await, good, "{now}");
    }
    assert!(w.audited(who.user, Event::CodeReplayed).await.is_empty());
}

async fn az30_a_replay_revokes_what_came_from_the_code(w: World) {
    let shop = w.client("shop").await;
    let who = w.signed_in("olena").await;
    let (code, other_code) = (w.code(who, &shop).await, w.code(who, &shop).await);
    let Spend::Now(grant) = w.spend(code, who, 1).await else { panic!("the code is good") };
    let Spend::Now(other) = w.spend(other_code, who, 1).await else { panic!("the code is good") };
    assert_eq!(came(&w.rotate(&grant, 0, Presenter::PublicClient, 2).await), Came::To(1));

    let checked = w.checked(code).await;
    let second = w.new_grant(who, &shop).await;
    let second_id = second.id;
    let replayed = w.store.spend_code(checked, second, at(3)).await.unwrap();
    assert!(matches!(replayed, Spend::Already), "{replayed:?}");
    assert!(!w.grant_stands(second_id, 3).await, "a replay gives nothing");
    assert!(!w.grant_stands(grant.id, 3).await);
    for generation in [0, 1] {
        assert_eq!(came(&w.rotate(&grant, generation, Presenter::PublicClient, 3).await), Came::Revoked);
    }
    let rows = w.audited(who.user, Event::CodeReplayed).await;
    assert_eq!(rows.len(), 1);
    for row in rows {
        assert_eq!(
            (row.at, row.user, row.client, row.grant),
            (at(3), Some(who.user), Some(shop.clone()), Some(grant.id))
        );
    }
    // What came from elsewhere stays, and the third time is no different from the second.
    assert!(w.grant_stands(other.id, 3).await && w.session_lives(who, 3).await);
    assert!(matches!(w.spend(code, who, 4).await, Spend::Already));
    assert!(w.grant_stands(other.id, 4).await);
}

async fn az30_a_replay_is_seen_after_the_code_ran_out(w: World) {
    let shop = w.client("shop").await;
    let who = w.signed_in("olena").await;
    let code = w.code(who, &shop).await;
    let Spend::Now(grant) = w.spend(code, who, 1).await else { panic!("the code is good") };
    assert!(w.grant_stands(grant.id, 2 * MINUTE).await);
    let replayed = w.spend(code, who, 2 * MINUTE).await;
    assert!(matches!(replayed, Spend::Already), "{replayed:?}");
    assert!(!w.grant_stands(grant.id, 2 * MINUTE).await);
}

/// An offline grant lives on after its session, so a replay of its code still has something to revoke.
async fn az30_a_replay_after_sign_out_is_still_a_replay(w: World) {
    let shop = w.client("shop").await;
    let who = w.signed_in("olena").await;
    let code = w.code(who, &shop).await;
    let new = NewGrant { offline: true, ..w.new_grant(who, &shop).await };
    let id = new.id;
    assert!(matches!(w.store.spend_code(w.checked(code).await, new, at(1)).await.unwrap(), Spend::Now(_)));
    assert!(w.store.end_session(who.user, who.session, at(2)).await.unwrap());
    assert!(w.grant_stands(id, 3).await);
    let replayed = w.spend(code, who, 3).await;
    assert!(matches!(replayed, Spend::Already), "{replayed:?}");
    assert!(!w.grant_stands(id, 3).await);
}

async fn az30_a_failed_check_consumes_and_revokes_nothing(w: World) {
    let (shop, mobile) = (w.client("shop").await, w.client("mobile").await);
    let who = w.signed_in("olena").await;
    let code = w.code(who, &shop).await;
    let wrong = pkce::Verifier::parse(&"a".repeat(43)).unwrap();
    let find = async || w.store.find_code(code).await.unwrap().unwrap();
    let fail_all = async || {
        assert!(find().await.check(&mobile, Some(REDIRECT_URI), Some(&verifier())).is_err(), "another client");
        assert!(
            find().await.check(&shop, Some("https://app.example.com/cb/"), Some(&verifier())).is_err(),
            "another address"
        );
        assert!(find().await.check(&shop, Some(REDIRECT_URI), Some(&wrong)).is_err(), "another verifier");
        assert!(find().await.check(&shop, Some(REDIRECT_URI), None).is_err(), "no verifier");
    };
    fail_all().await;
    let Spend::Now(grant) = w.spend(code, who, 1).await else { panic!("the code was not consumed") };
    fail_all().await;
    assert!(w.grant_stands(grant.id, 2).await);
    assert!(w.audited(who.user, Event::CodeReplayed).await.is_empty());
}

/// RFC 9700 §4.8.2: PKCE cannot be left out, nor put in, between the two requests.
async fn te20_a_code_without_a_challenge_takes_no_verifier(w: World) {
    let shop = w.client("shop").await;
    let who = w.signed_in("olena").await;
    let mut request = w.authorization(&shop, "openid");
    request.asked.challenge = None;
    w.store.request_authorization(request.clone()).await.unwrap();
    let new = w.new_code(who).await;
    let hash = new.code;
    assert_eq!(w.store.approve_authorization(request.id, new, at(0)).await.unwrap(), Approve::Issued);
    assert!(w.find_code(hash).await.check(&shop, Some(REDIRECT_URI), Some(&verifier())).is_err());
    let checked = w.find_code(hash).await.check(&shop, Some(REDIRECT_URI), None).unwrap();
    assert!(matches!(w.store.spend_code(checked, w.new_grant(who, &shop).await, at(1)).await.unwrap(), Spend::Now(_)));
}

async fn az29_az30_of_64_parallel_redemptions_one_wins_and_its_grant_is_revoked(w: World) {
    let shop = w.client("shop").await;
    let who = w.signed_in("olena").await;
    let code = w.code(who, &shop).await;
    let mut attempts = Vec::new();
    for _ in 0..64 {
        attempts.push((w.checked(code).await, w.new_grant(who, &shop).await));
    }
    let spent = in_parallel(64, |n| {
        let (store, (code, grant)) = (w.store.clone(), attempts.get(n).cloned().unwrap());
        async move { store.spend_code(code, grant, at(1)).await.unwrap() }
    })
    .await;
    assert_eq!(spent.iter().filter(|spend| matches!(spend, Spend::Now(_))).count(), 1);
    assert_eq!(spent.iter().filter(|spend| matches!(spend, Spend::Already)).count(), 63);
    for (_, grant) in attempts {
        assert!(!w.grant_stands(grant.id, 1).await);
    }
}

/// Spend a code and see it end, whatever the new grant says.
async fn spending_ends(w: &World, code: HandleHash<kind::AuthorizationCode>, who: SignedIn, now: i64) {
    let checked = w.checked(code).await;
    let new = NewGrant { offline: true, ..w.new_grant(who, &checked.code().asked.client.clone()).await };
    let id = new.id;
    let spent = w.store.spend_code(checked, new, at(now)).await.unwrap();
    assert!(matches!(spent, Spend::Ended), "{spent:?}");
    assert!(!w.grant_stands(id, now).await);
}

async fn te23_lo5_a_code_ends_with_its_session(w: World) {
    let shop = w.client("shop").await;
    let who = w.signed_in("olena").await;
    let code = w.code(who, &shop).await;
    assert!(w.store.end_session(who.user, who.session, at(1)).await.unwrap());
    // Signing in again makes another session, not this one.
    w.sign_in(who.user, 2).await;
    spending_ends(&w, code, who, 3).await;
}

async fn te23_a_code_ends_with_a_session_that_ran_out(w: World) {
    let shop = w.client("shop").await;
    let user = w.user("olena").await;
    let mut short = w.new_session(user, 0).await;
    short.lifetime.expires_at = at(30);
    let secret = short.secret;
    let who = SignedIn { user, session: w.begin(short, 0).await.id, secret };
    let (in_time, too_late) = (w.code(who, &shop).await, w.code(who, &shop).await);
    assert!(matches!(w.spend(in_time, who, 29).await, Spend::Now(_)));
    spending_ends(&w, too_late, who, 30).await;
}

async fn te23_se14_a_code_ends_with_its_epoch(w: World) {
    let shop = w.client("shop").await;
    let who = w.signed_in("olena").await;
    let code = w.code(who, &shop).await;
    w.store.end_everything(who.user, at(1)).await.unwrap();
    // The caller has read the account again: what counts is the epoch the code was issued under.
    spending_ends(&w, code, who, 2).await;
}

async fn te23_a_code_of_a_disabled_user_gives_nothing(w: World) {
    let shop = w.client("shop").await;
    let who = w.signed_in("olena").await;
    let code = w.code(who, &shop).await;
    assert!(w.store.set_user_status(who.user, UserStatus::Disabled, at(1)).await.unwrap());
    spending_ends(&w, code, who, 2).await;
}

/// The password is changed between the sign-in page and the answer.
async fn se14_a_code_approved_under_an_old_epoch_gives_nothing(w: World) {
    let shop = w.client("shop").await;
    let who = w.signed_in("olena").await;
    let id = w.requested(&shop).await;
    let code = w.new_code(who).await;
    let hash = code.code;
    w.store.end_everything(who.user, at(1)).await.unwrap();
    if w.store.approve_authorization(id, code, at(2)).await.unwrap() == Approve::Issued {
        spending_ends(&w, hash, who, 3).await;
    }
}
