//! Grants whose refresh tokens are bound to a key of the client. RFC 9449 §5; TE-25; BINDING-01.

use brama_protocol::dpop::JwkThumbprint;

use super::fixture::{Came, MINUTE, SignedIn, WINDOW, World, at, came, in_parallel, presentation};
use super::list;
use crate::audit::Event;
use crate::grant::{Grant, NewGrant, Presentation, Presenter};

list!["bound":
    te25_a_bound_token_needs_its_key,
    te25_another_key_changes_nothing,
    te27_a_token_replaced_long_ago_tells_of_theft_whatever_the_key,
    design5_a_bound_sender_that_lost_an_answer_is_not_signed_out,
    te25_a_public_client_that_begins_to_prove_a_key_is_bound_to_it,
    te25_whoever_loses_a_stolen_token_to_a_key_is_noticed,
    te25_a_confidential_client_is_not_bound,
    te25_of_two_keys_at_once_one_binds,
    a_look_needs_the_key_too,
];

const MINE: JwkThumbprint = JwkThumbprint::from_bytes([1; 32]);
const THEIRS: JwkThumbprint = JwkThumbprint::from_bytes([2; 32]);
const PUBLIC: Presenter = Presenter::PublicClient;

fn shown(grant: &Grant, generation: u64, presenter: Presenter, jkt: Option<JwkThumbprint>) -> Presentation<'_> {
    Presentation { jkt, ..presentation(grant.id, &grant.client, generation, presenter) }
}

async fn rotate(w: &World, grant: &Grant, generation: u64, jkt: Option<JwkThumbprint>, now: i64) -> Came {
    came(&w.store.rotate(shown(grant, generation, PUBLIC, jkt), at(now)).await.unwrap())
}

async fn bound(w: &World, who: SignedIn) -> Grant {
    let shop = w.client("shop").await;
    let new = NewGrant { jkt: Some(MINE), ..w.new_grant(who, &shop).await };
    let grant = w.store.give_grant(new, at(0)).await.unwrap().unwrap();
    assert_eq!(grant.jkt, Some(MINE));
    grant
}

async fn key_of(w: &World, grant: &Grant) -> Option<JwkThumbprint> {
    w.store.find_grant(grant.id, at(0)).await.unwrap().unwrap().0.jkt
}

async fn te25_a_bound_token_needs_its_key(w: World) {
    let who = w.signed_in("olena").await;
    let grant = bound(&w, who).await;
    for wrong in [None, Some(THEIRS)] {
        assert_eq!(rotate(&w, &grant, 0, wrong, 1).await, Came::OtherKey);
    }
    assert_eq!(rotate(&w, &grant, 0, Some(MINE), 1).await, Came::To(1));
    assert_eq!(rotate(&w, &grant, 1, Some(MINE), 2).await, Came::To(2));
    assert_eq!(key_of(&w, &grant).await, Some(MINE));
    // The cookie of the right session is no key.
    let cookie = Presenter::Cookie { session: Some(who.secret) };
    assert_eq!(came(&w.store.rotate(shown(&grant, 2, cookie, None), at(3)).await.unwrap()), Came::OtherKey);
    assert_eq!(came(&w.store.rotate(shown(&grant, 2, cookie, Some(MINE)), at(3)).await.unwrap()), Came::To(3));
}

async fn te25_another_key_changes_nothing(w: World) {
    let who = w.signed_in("olena").await;
    let grant = bound(&w, who).await;
    assert_eq!(rotate(&w, &grant, 0, Some(MINE), 0).await, Came::To(1));
    for (generation, now) in [(1, 1), (0, 1), (0, WINDOW), (1, 10 * MINUTE)] {
        for wrong in [None, Some(THEIRS)] {
            assert_eq!(rotate(&w, &grant, generation, wrong, now).await, Came::OtherKey, "{generation} at {now}");
        }
    }
    assert!(w.grant_stands(grant.id, 10 * MINUTE).await);
    assert_eq!(rotate(&w, &grant, 1, Some(MINE), 10 * MINUTE).await, Came::To(2));
    assert!(w.audited(who.user, Event::RefreshReused).await.is_empty());
}

async fn te27_a_token_replaced_long_ago_tells_of_theft_whatever_the_key(w: World) {
    let who = w.signed_in("olena").await;
    for key in [Some(MINE), Some(THEIRS), None] {
        let shop =
            w.client(&format!("shop{}", key.map_or(0, |key| key.as_bytes().iter().copied().max().unwrap()))).await;
        let new = NewGrant { jkt: Some(MINE), ..w.new_grant(who, &shop).await };
        let grant = w.store.give_grant(new, at(0)).await.unwrap().unwrap();
        for generation in 0..3 {
            assert_eq!(rotate(&w, &grant, generation, Some(MINE), 0).await, Came::To(generation + 1));
        }
        assert_eq!(rotate(&w, &grant, 0, key, 1).await, Came::Reused, "{key:?}");
        assert!(!w.grant_stands(grant.id, 1).await);
    }
}

/// Design §5: the key is as good as the session's cookie.
async fn design5_a_bound_sender_that_lost_an_answer_is_not_signed_out(w: World) {
    let grant = bound(&w, w.signed_in("olena").await).await;
    assert_eq!(rotate(&w, &grant, 0, Some(MINE), 0).await, Came::To(1));
    assert_eq!(rotate(&w, &grant, 0, Some(MINE), WINDOW).await, Came::To(1), "the same successor");
    assert_eq!(rotate(&w, &grant, 0, Some(MINE), 10 * MINUTE).await, Came::To(2), "a new one for the one nobody used");
    assert_eq!(rotate(&w, &grant, 1, Some(MINE), 10 * MINUTE).await, Came::Reused, "the dropped one");
}

/// RFC 9449 §5: what such a client gets must be bound.
async fn te25_a_public_client_that_begins_to_prove_a_key_is_bound_to_it(w: World) {
    let (who, shop) = (w.signed_in("olena").await, w.client("shop").await);
    let grant = w.grant(who, &shop).await;
    assert_eq!(rotate(&w, &grant, 0, None, 0).await, Came::To(1));
    assert_eq!(key_of(&w, &grant).await, None);
    assert_eq!(rotate(&w, &grant, 1, Some(MINE), 1).await, Came::To(2));
    assert_eq!(key_of(&w, &grant).await, Some(MINE));
    for wrong in [None, Some(THEIRS)] {
        assert_eq!(rotate(&w, &grant, 2, wrong, 2).await, Came::OtherKey, "no way back, and to no other key");
    }
    assert_eq!(rotate(&w, &grant, 2, Some(MINE), 2).await, Came::To(3));
}

/// A thief binds a stolen token to a key of his own: the owner's next refresh after the window ends it all.
async fn te25_whoever_loses_a_stolen_token_to_a_key_is_noticed(w: World) {
    let (who, shop) = (w.signed_in("olena").await, w.client("shop").await);
    let grant = w.grant(who, &shop).await;
    assert_eq!(rotate(&w, &grant, 0, Some(THEIRS), 0).await, Came::To(1));
    assert_eq!(rotate(&w, &grant, 0, None, 1).await, Came::OtherKey);
    assert!(w.grant_stands(grant.id, 1).await);
    assert_eq!(rotate(&w, &grant, 0, None, WINDOW + 1).await, Came::Reused);
    assert!(!w.grant_stands(grant.id, WINDOW + 1).await);
    assert_eq!(w.audited(who.user, Event::RefreshReused).await.len(), 1);
}

async fn te25_a_confidential_client_is_not_bound(w: World) {
    let (who, shop) = (w.signed_in("olena").await, w.client("shop").await);
    let grant = w.grant(who, &shop).await;
    for key in [Some(MINE), None, Some(THEIRS)] {
        let came = came(&w.store.rotate(shown(&grant, 0, Presenter::ConfidentialClient, key), at(1)).await.unwrap());
        assert_eq!((came, key_of(&w, &grant).await), (Came::To(0), None));
    }
}

async fn te25_of_two_keys_at_once_one_binds(w: World) {
    let (who, shop) = (w.signed_in("olena").await, w.client("shop").await);
    let grant = w.grant(who, &shop).await;
    let outcomes = in_parallel(32, |n| {
        let (store, grant) = (w.store.clone(), grant.clone());
        let key = if n % 2 == 0 { MINE } else { THEIRS };
        async move { (key, came(&store.rotate(shown(&grant, 0, PUBLIC, Some(key)), at(1)).await.unwrap())) }
    })
    .await;
    let winner = key_of(&w, &grant).await.unwrap();
    for (key, came) in outcomes {
        assert_eq!(came, if key == winner { Came::To(1) } else { Came::OtherKey });
    }
}

async fn a_look_needs_the_key_too(w: World) {
    let who = w.signed_in("olena").await;
    let grant = bound(&w, who).await;
    let look = async |jkt| {
        let cookie = Presenter::Cookie { session: Some(who.secret) };
        came(&w.store.look(shown(&grant, 0, cookie, jkt), at(1)).await.unwrap())
    };
    assert_eq!(look(None).await, Came::OtherKey);
    assert_eq!(look(Some(THEIRS)).await, Came::OtherKey);
    assert_eq!(look(Some(MINE)).await, Came::To(0));
}
