//! Grants: given, standing, ended. What a refresh token comes to is in `refresh`.

use brama_protocol::oidc::claims_request::{Claim, NamedClaims};
use brama_protocol::resource::Resources;

use super::fixture::{Came, DAY, SignedIn, World, at, came};
use super::list;
use crate::audit::Event;
use crate::grant::{GaveBack, NewGrant, Presenter};
use crate::user::UserStatus;

list!["grant":
    a_grant_is_kept_as_given,
    te23_nothing_is_given_to_what_has_ended,
    te30_a_grant_ends_at_its_end,
    ep42_a_grant_does_not_stand_for_a_disabled_user,
    sign_out_ends_the_grant_and_its_session,
    sign_out_of_an_offline_grant_ends_it_too,
    ep35_a_revoked_grant_takes_nothing_else_with_it,
];

async fn a_grant_is_kept_as_given(w: World) {
    let shop = w.client("shop").await;
    let who = w.signed_in("olena").await;
    let full = w.new_grant(who, &shop).await;
    let bare = NewGrant {
        resources: Resources::default(),
        offline: true,
        scope: super::fixture::granted(""),
        ..w.new_grant(who, &shop).await
    };
    let rich = NewGrant {
        resources: ["https://a.example", "urn:b"].into_iter().collect(),
        claims: NamedClaims { id_token: [Claim::Email].into(), userinfo: [Claim::Name].into() },
        ..w.new_grant(who, &shop).await
    };
    for new in [full, bare, rich] {
        let grant = w.store.give_grant(new.clone(), at(1)).await.unwrap().unwrap();
        assert_eq!((grant.id, grant.user, &grant.client, grant.session), (new.id, new.user, &new.client, new.session));
        assert_eq!((grant.epoch, &grant.scope, &grant.resources), (new.epoch, &new.scope, &new.resources));
        assert_eq!(grant.claims, new.claims);
        assert_eq!((&grant.authentication, grant.offline), (&new.authentication, new.offline));
        assert_eq!((grant.created_at, grant.expires_at), (at(1), new.expires_at));
        assert_eq!((grant.lineage.generation, grant.lineage.predecessor), (0, None));
        let (found, user) = w.store.find_grant(new.id, at(1)).await.unwrap().unwrap();
        assert_eq!((found, user), (grant, w.find_user(who.user).await));
        assert!(w.audited(who.user, Event::GrantIssued).await.iter().any(|row| row.grant == Some(new.id)));
    }
    assert!(w.store.find_grant(w.grant_id(), at(1)).await.unwrap().is_none());
}

async fn te23_nothing_is_given_to_what_has_ended(w: World) {
    let shop = w.client("shop").await;
    let refused = async |new: NewGrant, why: &str| {
        let id = new.id;
        assert_eq!(w.store.give_grant(new, at(2)).await.unwrap(), None, "{why}");
        assert!(!w.grant_stands(id, 2).await, "{why}");
    };
    let ended = w.signed_in("ended").await;
    assert!(w.store.end_session(ended.user, ended.session, at(1)).await.unwrap());
    refused(w.new_grant(ended, &shop).await, "the session ended").await;

    let raised = w.signed_in("raised").await;
    let before = w.new_grant(raised, &shop).await;
    w.store.end_everything(raised.user, at(1)).await.unwrap();
    refused(before, "the epoch was raised").await;
    refused(w.new_grant(raised, &shop).await, "the session is of an older epoch").await;

    let disabled = w.signed_in("disabled").await;
    let before = w.new_grant(disabled, &shop).await;
    assert!(w.store.set_user_status(disabled.user, UserStatus::Disabled, at(1)).await.unwrap());
    refused(before, "the user was disabled").await;
    refused(w.new_grant(disabled, &shop).await, "the user is disabled").await;

    let (olena, taras) = (w.signed_in("olena").await, w.signed_in("taras").await);
    refused(w.new_grant(SignedIn { session: taras.session, ..olena }, &shop).await, "somebody else's session").await;
    refused(w.new_grant(SignedIn { session: w.session_id(), ..olena }, &shop).await, "no session").await;
    let unknown = NewGrant { user: w.user_id(), ..w.new_grant(olena, &shop).await };
    refused(unknown, "no user").await;
}

async fn te30_a_grant_ends_at_its_end(w: World) {
    let shop = w.client("shop").await;
    let user = w.user("olena").await;
    let mut long = w.new_session(user, 0).await;
    long.lifetime.idle_seconds = u32::try_from(30 * DAY).unwrap();
    long.lifetime.expires_at = at(30 * DAY);
    let secret = long.secret;
    let session = w.begin(long, 0).await;
    let who = SignedIn { user, session: session.id, secret };
    let grant = w.grant(who, &shop).await;
    let end = 7 * DAY;
    // Refreshing in the last second does not move the end.
    assert_eq!(came(&w.look(&grant, 0, Presenter::PublicClient, end - 1).await), Came::To(0));
    assert_eq!(came(&w.rotate(&grant, 0, Presenter::PublicClient, end - 1).await), Came::To(1));
    let (found, _) = w.store.find_grant(grant.id, at(end - 1)).await.unwrap().unwrap();
    assert_eq!(found.expires_at, grant.expires_at);
    for now in [end, end + 1] {
        assert!(!w.grant_stands(grant.id, now).await);
        for generation in [0, 1] {
            assert_eq!(came(&w.look(&grant, generation, Presenter::PublicClient, now).await), Came::Expired);
            assert_eq!(came(&w.rotate(&grant, generation, Presenter::PublicClient, now).await), Came::Expired);
        }
    }
    assert!(w.audited(user, Event::RefreshReused).await.is_empty());
}

async fn ep42_a_grant_does_not_stand_for_a_disabled_user(w: World) {
    let shop = w.client("shop").await;
    let who = w.signed_in("olena").await;
    let (grant, offline) = (w.grant(who, &shop).await, w.offline_grant(who, &shop).await);
    assert!(w.store.set_user_status(who.user, UserStatus::Disabled, at(1)).await.unwrap());
    for grant in [grant, offline] {
        assert!(!w.grant_stands(grant.id, 2).await);
        assert_eq!(came(&w.look(&grant, 0, Presenter::PublicClient, 2).await), Came::Revoked);
        assert_eq!(came(&w.rotate(&grant, 0, Presenter::PublicClient, 2).await), Came::Revoked);
    }
}

async fn sign_out_ends_the_grant_and_its_session(w: World) {
    let (shop, mobile) = (w.client("shop").await, w.client("mobile").await);
    let who = w.signed_in("olena").await;
    let elsewhere = w.sign_in(who.user, 0).await;
    let (grant, sibling) = (w.grant(who, &shop).await, w.grant(who, &mobile).await);
    let (offline, other) = (w.offline_grant(who, &mobile).await, w.grant(elsewhere, &shop).await);

    assert!(!w.store.sign_out_grant(w.grant_id(), at(1)).await.unwrap());
    assert!(w.store.sign_out_grant(grant.id, at(1)).await.unwrap());
    assert!(!w.store.sign_out_grant(grant.id, at(2)).await.unwrap(), "it was over");
    assert!(!w.session_lives(who, 2).await);
    assert!(!w.grant_stands(grant.id, 2).await && !w.grant_stands(sibling.id, 2).await);
    assert_eq!(came(&w.rotate(&grant, 0, Presenter::PublicClient, 2).await), Came::Revoked);
    assert!(w.grant_stands(offline.id, 2).await, "offline access of another app stays");
    assert!(w.grant_stands(other.id, 2).await && w.session_lives(elsewhere, 2).await);
    assert_eq!(w.audited(who.user, Event::SignedOut).await.len(), 1);
}

async fn sign_out_of_an_offline_grant_ends_it_too(w: World) {
    let shop = w.client("shop").await;
    let who = w.signed_in("olena").await;
    let (grant, late) = (w.offline_grant(who, &shop).await, w.offline_grant(who, &shop).await);
    assert!(w.store.sign_out_grant(grant.id, at(1)).await.unwrap());
    assert!(!w.grant_stands(grant.id, 2).await && !w.session_lives(who, 2).await);
    assert!(w.grant_stands(late.id, 2).await);
    // The session is over already, the grant is not.
    assert!(w.store.sign_out_grant(late.id, at(3)).await.unwrap());
    assert!(!w.grant_stands(late.id, 4).await);
    assert!(!w.store.sign_out_grant(late.id, at(5)).await.unwrap());
}

async fn ep35_a_revoked_grant_takes_nothing_else_with_it(w: World) {
    let shop = w.client("shop").await;
    let who = w.signed_in("olena").await;
    let (grant, other) = (w.grant(who, &shop).await, w.grant(who, &shop).await);
    let revoke = async |id, client, now| w.store.revoke_grant(id, client, at(now)).await.unwrap();
    let stranger = w.client("stranger").await;
    assert_eq!(revoke(grant.id, &stranger, 1).await, GaveBack::Foreign);
    assert!(w.grant_stands(grant.id, 1).await && w.audited(who.user, Event::GrantRevoked).await.is_empty());
    assert_eq!(revoke(grant.id, &shop, 1).await, GaveBack::Revoked);
    assert_eq!(revoke(grant.id, &shop, 2).await, GaveBack::Nothing, "it was revoked before");
    assert_eq!(revoke(grant.id, &stranger, 2).await, GaveBack::Foreign);
    assert_eq!(revoke(w.grant_id(), &shop, 2).await, GaveBack::Nothing, "there is none");
    assert!(!w.grant_stands(grant.id, 2).await);
    assert_eq!(came(&w.rotate(&grant, 0, Presenter::PublicClient, 2).await), Came::Revoked);
    assert!(w.grant_stands(other.id, 2).await && w.session_lives(who, 2).await);
    let noted = w.audited(who.user, Event::GrantRevoked).await;
    let [row] = noted.as_slice() else { panic!("{noted:?}") };
    assert_eq!((row.client.as_ref(), row.session, row.grant), (Some(&shop), Some(who.session), Some(grant.id)));
}
