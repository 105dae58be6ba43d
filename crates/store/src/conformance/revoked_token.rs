//! The deny list of access tokens.

use brama_protocol::client::ClientId;

use super::fixture::{World, at, in_parallel};
use super::list;
use crate::audit::Event;
use crate::grant::{GaveBack, Grant};
use crate::revoked_token::RevokedToken;

list!["revoked_token":
    ep35_a_revoked_token_is_known_and_its_siblings_stand,
    ep35_a_token_of_a_dead_grant_finds_none,
    ep35_a_machines_token_has_no_grant,
    ep35_of_many_revocations_at_once_one_is_noted,
];

fn token(jti: &str, client: &ClientId, grant: Option<&Grant>) -> RevokedToken {
    RevokedToken {
        jti: jti.to_owned(),
        expires_at: at(600),
        client: client.clone(),
        grant: grant.map(|grant| grant.id),
    }
}

async fn opens(w: &World, grant: &Grant, jti: &str) -> bool {
    let found = w.store.find_grant_of_token(grant.id, jti, at(2)).await.unwrap();
    found.is_some_and(|(found, user)| found.id == grant.id && user.id == grant.user)
}

async fn ep35_a_revoked_token_is_known_and_its_siblings_stand(w: World) {
    let shop = w.client("shop").await;
    let who = w.signed_in("olena").await;
    let grant = w.grant(who, &shop).await;
    assert!(opens(&w, &grant, "one").await);
    assert!(w.store.revoke_token(token("one", &shop, Some(&grant)), at(1)).await.unwrap());
    assert!(!w.store.revoke_token(token("one", &shop, Some(&grant)), at(2)).await.unwrap());
    assert!(!opens(&w, &grant, "one").await);
    assert!(w.store.is_token_revoked("one").await.unwrap());
    for other in ["two", "On", "ONE", "one ", ""] {
        assert!(opens(&w, &grant, other).await, "{other:?}");
        assert!(!w.store.is_token_revoked(other).await.unwrap(), "{other:?}");
    }
    assert!(w.grant_stands(grant.id, 2).await);
    let noted = w.audited(who.user, Event::TokenRevoked).await;
    let [row] = noted.as_slice() else { panic!("{noted:?}") };
    assert_eq!((row.client.as_ref(), row.session, row.grant), (Some(&shop), Some(who.session), Some(grant.id)));
}

async fn ep35_a_token_of_a_dead_grant_finds_none(w: World) {
    let shop = w.client("shop").await;
    let who = w.signed_in("olena").await;
    let grant = w.grant(who, &shop).await;
    assert_eq!(w.store.revoke_grant(grant.id, &shop, at(1)).await.unwrap(), GaveBack::Revoked);
    assert!(!opens(&w, &grant, "one").await);
    let ended = w.grant(who, &shop).await;
    assert!(w.store.end_session(who.user, who.session, at(1)).await.unwrap());
    assert!(!opens(&w, &ended, "one").await);
    assert!(w.store.find_grant_of_token(w.grant_id(), "one", at(2)).await.unwrap().is_none());
}

async fn ep35_a_machines_token_has_no_grant(w: World) {
    let robot = w.client("robot").await;
    assert!(w.store.revoke_token(token("machine", &robot, None), at(1)).await.unwrap());
    assert!(w.store.is_token_revoked("machine").await.unwrap());
}

async fn ep35_of_many_revocations_at_once_one_is_noted(w: World) {
    let shop = w.client("shop").await;
    let who = w.signed_in("olena").await;
    let grant = w.grant(who, &shop).await;
    let revoked = in_parallel(32, |_| {
        let (store, token) = (w.store.clone(), token("one", &shop, Some(&grant)));
        async move { store.revoke_token(token, at(1)).await.unwrap() }
    })
    .await;
    assert_eq!(revoked.into_iter().filter(|first| *first).count(), 1);
    assert_eq!(w.audited(who.user, Event::TokenRevoked).await.len(), 1);
    let revoked = in_parallel(32, |_| {
        let (store, id, shop) = (w.store.clone(), grant.id, shop.clone());
        async move { store.revoke_grant(id, &shop, at(1)).await.unwrap() }
    })
    .await;
    assert_eq!(revoked.into_iter().filter(|came| *came == GaveBack::Revoked).count(), 1);
    assert_eq!(w.audited(who.user, Event::GrantRevoked).await.len(), 1);
}
