//! Signing keys and the check value of the master key.

use super::fixture::{World, at, in_parallel};
use super::list;
use crate::signing_key::{KeyState, NewSigningKey, RemoveKey};

list!["signing_key":
    a_key_is_kept_as_given,
    tk21_of_two_keys_in_one_state_one_is_stored,
    tk21_of_many_keys_at_once_one_is_stored,
    tk21_a_key_lives_through_its_states,
    tk21_only_an_announced_key_is_activated,
    tk21_only_a_retired_key_is_erased,
    tk21_only_an_active_key_retires_without_a_successor,
    tk21_of_many_activations_at_once_one_happens,
    tk21_a_key_that_is_removed_leaves_its_place_to_the_next,
    tk21_removing_and_activating_at_once_leaves_one_that_signs,
    sk1_the_first_check_value_wins,
    sk1_of_many_check_values_at_once_all_see_one,
];

fn announced(kid: &str, alg: &str, created_at: i64) -> NewSigningKey {
    let (kid, alg) = (kid.to_owned(), alg.to_owned());
    NewSigningKey { kid, alg, sealed: vec![0, 255, 1], active: false, created_at: at(created_at) }
}

fn active(kid: &str, alg: &str, created_at: i64) -> NewSigningKey {
    NewSigningKey { active: true, ..announced(kid, alg, created_at) }
}

async fn kids(w: &World) -> Vec<String> {
    w.store.signing_keys().await.unwrap().into_iter().map(|key| key.kid).collect()
}

async fn states(w: &World) -> Vec<(String, KeyState)> {
    w.store.signing_keys().await.unwrap().into_iter().map(|key| (key.kid, key.state)).collect()
}

async fn a_key_is_kept_as_given(w: World) {
    assert!(kids(&w).await.is_empty());
    let new = NewSigningKey { sealed: (0..=255).collect(), ..active("a", "ES256", 5) };
    w.store.add_signing_key(new.clone()).await.unwrap();
    let next = NewSigningKey { sealed: vec![7], ..announced("b", "ES256", 6) };
    w.store.add_signing_key(next).await.unwrap();
    let stored = w.store.signing_keys().await.unwrap();
    let wanted =
        [("a", at(5), new.sealed, KeyState::Active { since: at(5) }), ("b", at(6), vec![7], KeyState::Announced)];
    assert_eq!(stored.len(), wanted.len());
    for (stored, (kid, created_at, sealed, state)) in stored.into_iter().zip(wanted) {
        assert_eq!((stored.kid.as_str(), stored.alg.as_str(), stored.created_at), (kid, "ES256", created_at));
        assert_eq!((stored.sealed, stored.state, stored.public), (sealed, state, None));
    }
}

async fn tk21_of_two_keys_in_one_state_one_is_stored(w: World) {
    for key in [active("b", "RS256", 5), active("a", "ES256", 9), active("c", "ES256", 1), active("d", "RS256", 9)] {
        w.store.add_signing_key(key).await.unwrap();
    }
    assert_eq!(kids(&w).await, ["b", "a"], "oldest first");
    for key in [announced("e", "ES256", 10), announced("f", "ES256", 11), active("g", "EdDSA", 1)] {
        w.store.add_signing_key(key).await.unwrap();
    }
    assert_eq!(kids(&w).await, ["g", "b", "a", "e"]);
}

async fn tk21_of_many_keys_at_once_one_is_stored(w: World) {
    in_parallel(32, |n| {
        let store = w.store.clone();
        let alg = if n % 2 == 0 { "ES256" } else { "RS256" };
        let kid = format!("key {n}");
        let key = if n % 4 < 2 { active(&kid, alg, 0) } else { announced(&kid, alg, 0) };
        async move { store.add_signing_key(key).await.unwrap() }
    })
    .await;
    let mut found: Vec<_> = w.store.signing_keys().await.unwrap();
    found.sort_by_key(|key| (key.alg.clone(), key.state == KeyState::Announced));
    let found: Vec<_> = found.iter().map(|key| (key.alg.as_str(), key.state)).collect();
    let since = KeyState::Active { since: at(0) };
    let wanted = [("ES256", since), ("ES256", KeyState::Announced), ("RS256", since), ("RS256", KeyState::Announced)];
    assert_eq!(found, wanted);
}

/// One that signs, one that is announced, one of another algorithm.
async fn with_keys(w: &World) {
    for key in [active("old", "ES256", 1), announced("new", "ES256", 2), active("other", "RS256", 3)] {
        w.store.add_signing_key(key).await.unwrap();
    }
}

async fn tk21_a_key_lives_through_its_states(w: World) {
    with_keys(&w).await;
    assert!(w.store.activate_signing_key("new", at(100)).await.unwrap());
    let wanted = [
        ("old", KeyState::Retired { since: at(100) }),
        ("new", KeyState::Active { since: at(100) }),
        ("other", KeyState::Active { since: at(3) }),
    ];
    assert_eq!(states(&w).await, wanted.map(|(kid, state)| (kid.to_owned(), state)));
    assert!(w.store.erase_signing_key("old", "{\"kty\":\"EC\"}").await.unwrap());
    let gone = w.store.signing_keys().await.unwrap().remove(0);
    assert_eq!((gone.kid.as_str(), gone.state, gone.sealed.len()), ("old", KeyState::Gone, 0));
    assert_eq!(gone.public.as_deref(), Some("{\"kty\":\"EC\"}"));
}

async fn tk21_only_an_announced_key_is_activated(w: World) {
    with_keys(&w).await;
    let before = states(&w).await;
    for kid in ["old", "other", "nobody", ""] {
        assert!(!w.store.activate_signing_key(kid, at(100)).await.unwrap(), "{kid}");
    }
    assert_eq!(states(&w).await, before);
}

async fn tk21_only_a_retired_key_is_erased(w: World) {
    with_keys(&w).await;
    let before = states(&w).await;
    for kid in ["old", "new", "nobody"] {
        assert!(!w.store.erase_signing_key(kid, "{}").await.unwrap(), "{kid}");
    }
    assert_eq!(states(&w).await, before);
    assert!(w.store.activate_signing_key("new", at(100)).await.unwrap());
    assert!(w.store.erase_signing_key("old", "{}").await.unwrap());
    assert!(!w.store.erase_signing_key("old", "{}").await.unwrap(), "it is erased already");
}

async fn tk21_only_an_active_key_retires_without_a_successor(w: World) {
    with_keys(&w).await;
    for kid in ["new", "none"] {
        assert!(!w.store.retire_signing_key(kid, at(50)).await.unwrap(), "{kid}");
    }
    assert!(w.store.retire_signing_key("old", at(50)).await.unwrap());
    assert!(!w.store.retire_signing_key("old", at(60)).await.unwrap());
    let found = states(&w).await;
    assert!(found.contains(&("old".to_owned(), KeyState::Retired { since: at(50) })), "{found:?}");
    assert!(found.contains(&("new".to_owned(), KeyState::Announced)), "{found:?}");
    // The announced one begins where nothing signs.
    assert!(w.store.activate_signing_key("new", at(70)).await.unwrap());
    assert!(states(&w).await.contains(&("new".to_owned(), KeyState::Active { since: at(70) })));
}

async fn tk21_of_many_activations_at_once_one_happens(w: World) {
    with_keys(&w).await;
    let happened = in_parallel(16, |n| {
        let store = w.store.clone();
        async move { store.activate_signing_key("new", at(100 + i64::try_from(n).unwrap())).await.unwrap() }
    })
    .await;
    assert_eq!(happened.into_iter().filter(|happened| *happened).count(), 1);
    let signing = states(&w).await.into_iter().filter(|(_, state)| matches!(state, KeyState::Active { .. })).count();
    assert_eq!(signing, 2, "one of each algorithm");
}

async fn tk21_a_key_that_is_removed_leaves_its_place_to_the_next(w: World) {
    with_keys(&w).await;
    assert_eq!(w.store.remove_signing_key("nobody", at(9)).await.unwrap(), RemoveKey::NotThere);
    assert_eq!(w.store.remove_signing_key("other", at(9)).await.unwrap(), RemoveKey::NoSuccessor);
    assert_eq!(kids(&w).await, ["old", "new", "other"]);
    assert_eq!(w.store.remove_signing_key("old", at(9)).await.unwrap(), RemoveKey::Removed);
    let wanted = [("new", KeyState::Active { since: at(9) }), ("other", KeyState::Active { since: at(3) })];
    assert_eq!(states(&w).await, wanted.map(|(kid, state)| (kid.to_owned(), state)));
    w.store.add_signing_key(announced("third", "ES256", 10)).await.unwrap();
    assert_eq!(w.store.remove_signing_key("third", at(11)).await.unwrap(), RemoveKey::Removed, "an announced one");
    assert_eq!(kids(&w).await, ["new", "other"]);
}

async fn tk21_removing_and_activating_at_once_leaves_one_that_signs(w: World) {
    with_keys(&w).await;
    in_parallel(16, |n| {
        let store = w.store.clone();
        async move {
            if n % 2 == 0 {
                store.activate_signing_key("new", at(100)).await.unwrap();
            } else {
                store.remove_signing_key("old", at(100)).await.unwrap();
            }
        }
    })
    .await;
    let wanted = [("new", KeyState::Active { since: at(100) }), ("other", KeyState::Active { since: at(3) })];
    assert_eq!(states(&w).await, wanted.map(|(kid, state)| (kid.to_owned(), state)));
}

async fn sk1_the_first_check_value_wins(w: World) {
    assert_eq!(w.store.master_key_check([1; 32]).await.unwrap(), [1; 32]);
    assert_eq!(w.store.master_key_check([2; 32]).await.unwrap(), [1; 32]);
    assert_eq!(w.store.master_key_check([1; 32]).await.unwrap(), [1; 32]);
}

async fn sk1_of_many_check_values_at_once_all_see_one(w: World) {
    let seen = in_parallel(32, |n| {
        let store = w.store.clone();
        async move { store.master_key_check([u8::try_from(n).unwrap(); 32]).await.unwrap() }
    })
    .await;
    assert!(seen.windows(2).all(|pair| pair.first() == pair.last()), "{seen:?}");
}
