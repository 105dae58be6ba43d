//! Clients and their secrets.

use brama_protocol::client::{AuthMethod, ClientId, ClientType, IdTokenAlgorithm, RefreshDelivery};
use brama_protocol::handle::{HandleHash, kind};
use brama_protocol::origin::Origin;
use brama_protocol::redirect_uri::RegisteredRedirectUri;

use super::fixture::{Came, World, at, came, client, consented, in_parallel, scope};
use super::list;
use crate::authorization::Spend;
use crate::client::{AddClient, AddSecret, ChangeClient, ClientRecord};
use crate::grant::Presenter;

list!["client":
    a_client_is_kept_as_given,
    an_id_is_given_once,
    one_of_many_who_want_an_id_gets_it,
    te9_a_declaration_keeps_the_secrets,
    te9_a_declared_secret_takes_the_place_of_the_oldest,
    te9_two_secrets_overlap_and_the_older_one_is_retired,
    te9_of_many_new_secrets_at_once_one_finds_a_place,
    a_change_says_when_it_was_overtaken,
    of_many_changes_at_once_one_is_made,
    bb12_origins_are_compared_whole,
    clients_are_listed_by_id,
    te23_a_disabled_client_gets_nothing,
    removing_a_client_takes_what_was_given_to_it,
];

fn id(text: &str) -> ClientId {
    text.parse().unwrap()
}

fn origin(text: &str) -> Origin {
    Origin::parse(text).unwrap()
}

async fn find(w: &World, id: &ClientId) -> Option<ClientRecord> {
    w.store.find_client(id).await.unwrap().map(|record| ClientRecord::clone(&record))
}

async fn a_client_is_kept_as_given(w: World) {
    let mut rich = client("rich");
    rich.client.client_type = ClientType::Web;
    rich.client.name = "Крамниця \"O'Neil\"".to_owned();
    rich.client.redirect_uris = ["https://b.example/cb?x=1", "http://127.0.0.1/cb", "com.example.app:/cb"]
        .iter()
        .map(|uri| RegisteredRedirectUri::parse(uri).unwrap())
        .collect();
    rich.client.post_logout_redirect_uris = vec![RegisteredRedirectUri::parse("https://b.example/bye").unwrap()];
    rich.client.origins = vec![origin("https://b.example"), origin("http://localhost:3000")];
    rich.client.first_party = false;
    rich.client.refresh_delivery = RefreshDelivery::Body;
    rich.client.id_token_alg = IdTokenAlgorithm::RS256;
    rich.client.resources = vec!["https://api.example/b".to_owned(), "https://api.example/a".to_owned()];
    rich.client.enabled = false;
    rich.secrets = vec![HandleHash::from_bytes([2; 32]), HandleHash::from_bytes([1; 32])];
    let mut bare = client("bare");
    bare.client.client_type = ClientType::Service;
    bare.client.redirect_uris.clear();
    bare.client.origins.clear();
    bare.client.scope = scope("");

    for record in [rich, bare] {
        assert!(find(&w, &record.client.id).await.is_none());
        assert_eq!(w.store.add_client(record.clone()).await.unwrap(), AddClient::Added);
        let found = find(&w, &record.client.id).await.unwrap();
        assert_eq!(found.client, record.client);
        assert_eq!(found.secrets.len(), record.secrets.len());
        assert!(record.secrets.iter().all(|secret| found.secrets.contains(secret)));
        assert_eq!((found.created_at, found.updated_at), (record.created_at, record.updated_at));
    }
}

async fn an_id_is_given_once(w: World) {
    w.client("shop").await;
    let mut second = client("shop");
    second.client.name = "Somebody else".to_owned();
    second.secrets = vec![HandleHash::from_bytes([1; 32])];
    assert_eq!(w.store.add_client(second).await.unwrap(), AddClient::IdTaken);
    let found = find(&w, &id("shop")).await.unwrap();
    assert_eq!(found.client.name, "App shop");
    assert!(found.secrets.is_empty());
    // RFC 6749 appendix A.1: ids are compared byte by byte.
    assert!(find(&w, &id("Shop")).await.is_none());
    w.client("Shop").await;
}

async fn one_of_many_who_want_an_id_gets_it(w: World) {
    let added = in_parallel(16, |n| {
        let (store, mut record) = (w.store.clone(), client("shop"));
        record.client.name = format!("Racer {n}");
        async move { store.add_client(record).await.unwrap() }
    })
    .await;
    let winner = added.iter().position(|added| *added == AddClient::Added).unwrap();
    assert_eq!(added.iter().filter(|added| **added == AddClient::Added).count(), 1);
    assert_eq!(find(&w, &id("shop")).await.unwrap().client.name, format!("Racer {winner}"));
}

async fn te9_a_declaration_keeps_the_secrets(w: World) {
    // Declared before it exists.
    w.store.declare_client(client("declared")).await.unwrap();
    assert_eq!(find(&w, &id("declared")).await.unwrap().client, client("declared").client);

    let mut first = client("shop");
    first.secrets = vec![HandleHash::from_bytes([1; 32]), HandleHash::from_bytes([2; 32])];
    w.store.add_client(first.clone()).await.unwrap();
    let mut declared = client("shop");
    declared.client.name = "New name".to_owned();
    declared.client.origins = vec![origin("https://new.example")];
    declared.updated_at = at(9);
    w.store.declare_client(declared.clone()).await.unwrap();
    let found = find(&w, &id("shop")).await.unwrap();
    assert_eq!(found.client, declared.client);
    assert_eq!(found.secrets.len(), 2);
    assert!(first.secrets.iter().all(|secret| found.secrets.contains(secret)));
    assert_eq!(found.updated_at, at(9));
    assert!(
        w.store.clients_of_origin("https://app.example.com").await.unwrap().iter().all(|r| r.client.id != id("shop"))
    );
}

fn secret(n: u8) -> HandleHash<kind::ClientSecret> {
    HandleHash::from_bytes([n; 32])
}

/// Its secrets, the newest last.
async fn secrets(w: &World, id: &ClientId) -> Vec<HandleHash<kind::ClientSecret>> {
    find(w, id).await.unwrap().secrets
}

async fn te9_a_declared_secret_takes_the_place_of_the_oldest(w: World) {
    let declare = async |n, now| {
        let record = ClientRecord { secrets: vec![secret(n)], updated_at: at(now), ..client("shop") };
        w.store.declare_client(record).await.unwrap();
    };
    let shop = id("shop");
    for (n, left) in [(9, vec![9]), (3, vec![9, 3]), (5, vec![3, 5]), (5, vec![3, 5]), (1, vec![5, 1])] {
        // All at one instant: the order is that of the declarations.
        declare(n, 1).await;
        assert_eq!(secrets(&w, &shop).await, left.into_iter().map(secret).collect::<Vec<_>>(), "{n}");
    }
}

async fn te9_two_secrets_overlap_and_the_older_one_is_retired(w: World) {
    let shop = w.client("shop").await;
    let version = w.store.catalog_version().await.unwrap();
    assert_eq!(w.store.retire_client_secrets(&shop, at(1)).await.unwrap(), Some(0));
    assert_eq!(w.store.add_client_secret(&shop, secret(7), at(2)).await.unwrap(), AddSecret::Added);
    assert_eq!(w.store.retire_client_secrets(&shop, at(3)).await.unwrap(), Some(0), "the only one stays");
    assert_eq!(w.store.add_client_secret(&shop, secret(4), at(3)).await.unwrap(), AddSecret::Added);
    assert_eq!(w.store.add_client_secret(&shop, secret(5), at(4)).await.unwrap(), AddSecret::TwoAlready);
    assert_eq!(secrets(&w, &shop).await, [secret(7), secret(4)]);
    assert!(w.store.catalog_version().await.unwrap() > version, "other nodes have to hear of it");
    assert_eq!(w.store.retire_client_secrets(&shop, at(5)).await.unwrap(), Some(1));
    assert_eq!(secrets(&w, &shop).await, [secret(4)]);
    assert_eq!(find(&w, &shop).await.unwrap().updated_at, at(5));
    assert_eq!(w.store.add_client_secret(&id("nobody"), secret(1), at(5)).await.unwrap(), AddSecret::Unknown);
    assert_eq!(w.store.retire_client_secrets(&id("nobody"), at(5)).await.unwrap(), None);
}

async fn te9_of_many_new_secrets_at_once_one_finds_a_place(w: World) {
    let shop = w.client("shop").await;
    w.store.add_client_secret(&shop, secret(100), at(1)).await.unwrap();
    let added = in_parallel(16, |n| {
        let (store, shop) = (w.store.clone(), shop.clone());
        async move { store.add_client_secret(&shop, secret(u8::try_from(n).unwrap()), at(1)).await.unwrap() }
    })
    .await;
    assert_eq!(added.iter().filter(|added| **added == AddSecret::Added).count(), 1, "{added:?}");
    assert_eq!(secrets(&w, &shop).await.len(), 2);
}

async fn a_change_says_when_it_was_overtaken(w: World) {
    let mut record = client("shop");
    record.client.auth_method = AuthMethod::ClientSecretPost;
    record.secrets = vec![secret(1)];
    let shop = record.client.id.clone();
    w.store.add_client(record).await.unwrap();
    let seen = find(&w, &shop).await.unwrap();
    let mut wanted = seen.client.clone();
    wanted.name = "New name".to_owned();
    wanted.origins = vec![origin("https://new.example")];
    let change = async |client: &brama_protocol::client::Client, was, now| {
        w.store.change_client(client.clone(), was, at(now)).await.unwrap()
    };
    assert_eq!(change(&wanted, seen.updated_at, 5).await, ChangeClient::Changed);
    let found = find(&w, &shop).await.unwrap();
    assert_eq!((&found.client, &found.secrets, found.updated_at), (&wanted, &vec![secret(1)], at(5)));
    assert_eq!(found.created_at, seen.created_at);
    assert_eq!(w.store.clients_of_origin("https://new.example").await.unwrap().len(), 1);
    // Whoever looked before that change has to look again, in the same instant too.
    assert_eq!(change(&seen.client, seen.updated_at, 6).await, ChangeClient::ChangedMeanwhile);
    assert_eq!(change(&seen.client, found.updated_at, 5).await, ChangeClient::Changed);
    assert_eq!(change(&wanted, found.updated_at, 5).await, ChangeClient::ChangedMeanwhile);
    assert_eq!(find(&w, &shop).await.unwrap().client, seen.client);
    assert_eq!(change(&client("nobody").client, at(0), 5).await, ChangeClient::Unknown);
    // A secret that nobody may use any more does not come back with the next change.
    let seen = find(&w, &shop).await.unwrap();
    let public = brama_protocol::client::Client { auth_method: AuthMethod::None, ..seen.client };
    assert_eq!(change(&public, seen.updated_at, 9).await, ChangeClient::Changed);
    assert!(secrets(&w, &shop).await.is_empty());
}

async fn of_many_changes_at_once_one_is_made(w: World) {
    let shop = w.client("shop").await;
    let seen = find(&w, &shop).await.unwrap();
    let changed = in_parallel(16, |n| {
        let (store, mut client, was) = (w.store.clone(), seen.client.clone(), seen.updated_at);
        client.name = format!("Racer {n}");
        async move { store.change_client(client, was, at(0)).await.unwrap() }
    })
    .await;
    let winner = changed.iter().position(|changed| *changed == ChangeClient::Changed).unwrap();
    assert_eq!(changed.iter().filter(|changed| **changed == ChangeClient::Changed).count(), 1, "{changed:?}");
    assert_eq!(find(&w, &shop).await.unwrap().client.name, format!("Racer {winner}"));
}

async fn bb12_origins_are_compared_whole(w: World) {
    for (name, origins) in [
        ("b", vec!["https://app.example.com", "http://localhost:3000"]),
        ("a", vec!["https://app.example.com"]),
        ("c", vec!["https://app.example.com:8443"]),
        ("d", vec![]),
    ] {
        let mut record = client(name);
        record.client.origins = origins.into_iter().map(origin).collect();
        w.store.add_client(record).await.unwrap();
    }
    let mut disabled = client("disabled");
    disabled.client.enabled = false;
    w.store.add_client(disabled).await.unwrap();

    for (origin, expected) in [
        ("https://app.example.com", vec!["a", "b"]),
        ("http://localhost:3000", vec!["b"]),
        ("https://app.example.com:8443", vec!["c"]),
        ("http://app.example.com", vec![]),
        ("https://app.example.co", vec![]),
        ("https://app.example.com:443", vec![]),
        ("https://APP.example.com", vec![]),
        ("example.com", vec![]),
        ("https://app%example.com", vec![]),
        ("https://%", vec![]),
        ("null", vec![]),
        ("", vec![]),
    ] {
        let found = w.store.clients_of_origin(origin).await.unwrap();
        let found: Vec<_> = found.iter().map(|record| record.client.id.as_str()).collect();
        assert_eq!(found, expected, "{origin}");
    }
}

async fn clients_are_listed_by_id(w: World) {
    assert!(w.store.list_clients().await.unwrap().is_empty());
    for name in ["shop", "admin", "mobile"] {
        w.client(name).await;
    }
    let mut disabled = client("disabled");
    disabled.client.enabled = false;
    w.store.add_client(disabled).await.unwrap();
    let all = w.store.list_clients().await.unwrap();
    let all: Vec<_> = all.iter().map(|record| record.client.id.as_str()).collect();
    assert_eq!(all, ["admin", "disabled", "mobile", "shop"]);
}

async fn te23_a_disabled_client_gets_nothing(w: World) {
    let client_id = w.client("shop").await;
    let who = w.signed_in("olena").await;
    let (grant, code) = (w.grant(who, &client_id).await, w.code(who, &client_id).await);
    let mut disabled = client("shop");
    disabled.client.enabled = false;
    w.store.declare_client(disabled).await.unwrap();

    for presenter in
        [Presenter::PublicClient, Presenter::Cookie { session: Some(who.secret) }, Presenter::ConfidentialClient]
    {
        let rotated = came(&w.rotate(&grant, 0, presenter, 1).await);
        assert!(matches!(rotated, Came::Revoked | Came::Unknown), "{rotated:?}");
        let looked = came(&w.look(&grant, 0, presenter, 1).await);
        assert!(matches!(looked, Came::Revoked | Came::Unknown), "{looked:?}");
    }
    let spent = w.spend(code, who, 1).await;
    assert!(matches!(spent, Spend::Ended), "{spent:?}");
}

async fn removing_a_client_takes_what_was_given_to_it(w: World) {
    let (shop, mobile) = (w.client("shop").await, w.client("mobile").await);
    let who = w.signed_in("olena").await;
    let (grant, offline) = (w.grant(who, &shop).await, w.offline_grant(who, &shop).await);
    let others = w.grant(who, &mobile).await;
    let code = w.code(who, &shop).await;
    let waiting = w.requested(&shop).await;
    assert!(w.store.consent_authorization(waiting, consented(who.user, "openid"), true, at(0)).await.unwrap());

    assert!(!w.store.remove_client(&id("unknown")).await.unwrap());
    assert!(w.store.remove_client(&shop).await.unwrap());
    assert!(!w.store.remove_client(&shop).await.unwrap());

    // Not even a new client of the same id brings anything back.
    for added_again in [false, true] {
        if added_again {
            w.client("shop").await;
        }
        assert!(!w.grant_stands(grant.id, 1).await && !w.grant_stands(offline.id, 1).await);
        let rotated = came(&w.rotate(&grant, 0, Presenter::PublicClient, 1).await);
        assert!(matches!(rotated, Came::Revoked | Came::Unknown), "{rotated:?}");
        if w.store.find_code(code).await.unwrap().is_some() {
            assert!(matches!(w.spend(code, who, 1).await, Spend::Ended));
        }
        assert!(w.store.find_consent(who.user, &shop).await.unwrap().is_empty());
        assert!(!w.store.consent_authorization(waiting, consented(who.user, "openid"), true, at(1)).await.unwrap());
        assert_eq!(find(&w, &shop).await.is_some(), added_again);
    }
    assert!(w.grant_stands(others.id, 1).await && w.session_lives(who, 1).await);
}
