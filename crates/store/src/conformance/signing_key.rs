//! Signing keys and the check value of the master key.

use super::fixture::{World, at, in_parallel};
use super::list;
use crate::signing_key::SigningKeyRecord;

list!["signing_key":
    a_key_is_kept_as_given,
    of_two_first_keys_of_an_algorithm_one_is_stored,
    of_many_first_keys_at_once_one_is_stored,
    sk1_the_first_check_value_wins,
    sk1_of_many_check_values_at_once_all_see_one,
];

fn key(kid: &str, alg: &str, created_at: i64) -> SigningKeyRecord {
    SigningKeyRecord { kid: kid.to_owned(), alg: alg.to_owned(), sealed: vec![0, 255, 1], created_at: at(created_at) }
}

async fn kids(w: &World) -> Vec<String> {
    w.store.signing_keys().await.unwrap().into_iter().map(|key| key.kid).collect()
}

async fn a_key_is_kept_as_given(w: World) {
    assert!(kids(&w).await.is_empty());
    let new = SigningKeyRecord { sealed: (0..=255).collect(), ..key("a", "ES256", 5) };
    w.store.add_first_signing_key(new.clone()).await.unwrap();
    let stored = w.store.signing_keys().await.unwrap();
    assert_eq!(stored.len(), 1);
    for stored in stored {
        assert_eq!((stored.kid, stored.alg), (new.kid.clone(), new.alg.clone()));
        assert_eq!((stored.sealed, stored.created_at), (new.sealed.clone(), new.created_at));
    }
}

async fn of_two_first_keys_of_an_algorithm_one_is_stored(w: World) {
    for key in [key("b", "RS256", 5), key("a", "ES256", 9), key("c", "ES256", 1), key("d", "RS256", 9)] {
        w.store.add_first_signing_key(key).await.unwrap();
    }
    assert_eq!(kids(&w).await, ["b", "a"], "oldest first");
    w.store.add_first_signing_key(key("e", "EdDSA", 1)).await.unwrap();
    assert_eq!(kids(&w).await, ["e", "b", "a"]);
}

async fn of_many_first_keys_at_once_one_is_stored(w: World) {
    in_parallel(32, |n| {
        let store = w.store.clone();
        let alg = if n % 2 == 0 { "ES256" } else { "RS256" };
        async move { store.add_first_signing_key(key(&format!("key {n}"), alg, 0)).await.unwrap() }
    })
    .await;
    let mut algs: Vec<_> = w.store.signing_keys().await.unwrap().into_iter().map(|key| key.alg).collect();
    algs.sort();
    assert_eq!(algs, ["ES256", "RS256"]);
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
