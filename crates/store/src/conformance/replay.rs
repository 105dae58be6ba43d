//! What may be seen once is seen once.

use super::fixture::{World, at, in_parallel};
use super::list;

list!["replay":
    te14_once_until_it_may_come_again,
    te14_keys_are_told_apart_by_all_their_bytes,
    te14_of_many_callers_at_once_one_was_the_first,
    te14_of_many_callers_at_once_one_comes_again,
];

async fn first_seen(w: &World, key: u8, until: i64, now: i64) -> bool {
    w.store.first_seen([key; 32], at(until), at(now)).await.unwrap()
}

async fn te14_once_until_it_may_come_again(w: World) {
    assert!(first_seen(&w, 1, 300, 0).await);
    for now in [0, 1, 299] {
        assert!(!first_seen(&w, 1, now + 300, now).await, "{now}");
    }
    // Those who came in vain did not make it last longer.
    assert!(first_seen(&w, 1, 600, 300).await);
    assert!(!first_seen(&w, 1, 600, 301).await);
    assert!(!first_seen(&w, 1, 600, -100).await, "a node whose clock is behind");
}

async fn te14_keys_are_told_apart_by_all_their_bytes(w: World) {
    for place in [0, 15, 31] {
        let mut key = [0; 32];
        *key.get_mut(place).unwrap() = 1;
        assert!(w.store.first_seen(key, at(60), at(0)).await.unwrap(), "{place}");
    }
    assert!(first_seen(&w, 0, 60, 0).await);
}

async fn te14_of_many_callers_at_once_one_was_the_first(w: World) {
    assert_eq!(race(&w, 0).await, 1);
}

async fn te14_of_many_callers_at_once_one_comes_again(w: World) {
    assert!(first_seen(&w, 7, 60, 0).await);
    assert_eq!(race(&w, 60).await, 1);
}

/// How many of 64 callers are told that they were the first.
async fn race(w: &World, now: i64) -> usize {
    let seen = in_parallel(64, |_| {
        let store = w.store.clone();
        async move { store.first_seen([7; 32], at(now + 300), at(now)).await.unwrap() }
    })
    .await;
    seen.into_iter().filter(|first| *first).count()
}
