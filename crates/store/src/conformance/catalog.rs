//! The catalog's version: every change of a client or key raises it, and nothing else does.

use super::fixture::{World, at, client, in_parallel};
use super::list;
use crate::signing_key::NewSigningKey;

list!["catalog":
    every_change_of_a_client_raises_the_version,
    a_new_key_raises_the_version,
    the_same_declaration_again_changes_nothing,
    people_who_sign_in_change_nothing,
    many_changes_at_once_all_count,
    a_hint_comes_soon_after_a_change,
];

async fn version(w: &World) -> u64 {
    w.store.catalog_version().await.unwrap()
}

async fn every_change_of_a_client_raises_the_version(w: World) {
    let empty = version(&w).await;
    let id = w.client("app").await;
    let added = version(&w).await;
    assert!(added > empty);
    let mut changed = client("app");
    changed.client.enabled = false;
    w.store.declare_client(changed).await.unwrap();
    let declared = version(&w).await;
    assert!(declared > added);
    assert!(w.store.remove_client(&id).await.unwrap());
    assert!(version(&w).await > declared);
}

async fn a_new_key_raises_the_version(w: World) {
    let key = NewSigningKey {
        kid: "a".to_owned(),
        alg: "ES256".to_owned(),
        sealed: vec![1],
        active: true,
        created_at: at(0),
    };
    let before = version(&w).await;
    w.store.add_signing_key(key.clone()).await.unwrap();
    let after = version(&w).await;
    assert!(after > before);
    w.store.add_signing_key(key).await.unwrap();
    assert_eq!(version(&w).await, after, "it was there already");
}

async fn the_same_declaration_again_changes_nothing(w: World) {
    w.store.declare_client(client("app")).await.unwrap();
    let before = version(&w).await;
    w.store.declare_client(client("app")).await.unwrap();
    assert_eq!(version(&w).await, before);
}

async fn people_who_sign_in_change_nothing(w: World) {
    let app = w.client("app").await;
    let before = version(&w).await;
    let who = w.signed_in("olena").await;
    w.grant(who, &app).await;
    assert_eq!(version(&w).await, before);
}

async fn many_changes_at_once_all_count(w: World) {
    let before = version(&w).await;
    in_parallel(32, |n| {
        let store = w.store.clone();
        async move { store.declare_client(client(&format!("app-{n}"))).await.unwrap() }
    })
    .await;
    assert!(version(&w).await >= before + 32);
}

async fn a_hint_comes_soon_after_a_change(w: World) {
    let before = version(&w).await;
    let store = w.store.clone();
    let waiting = tokio::spawn(async move {
        while store.catalog_version().await.unwrap() == before {
            store.catalog_hint().await;
        }
    });
    w.client("app").await;
    tokio::time::timeout(std::time::Duration::from_secs(5), waiting).await.unwrap().unwrap();
}
