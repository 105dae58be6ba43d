//! Apps that register themselves.

use brama_protocol::client::{ClientId, Registrar};
use brama_protocol::handle::{HandleHash, kind};
use brama_protocol::id::InitialAccessTokenId;
use jiff::SignedDuration;

use super::fixture::{DAY, HOUR, World, at, client, in_parallel, scope};
use super::list;
use crate::authorization::Consented;
use crate::client::ClientRecord;
use crate::grant::NewGrant;
use crate::registration::{InitialAccessToken, NewRegistration, Register, Replacement, Secrets};

list!["registration":
    rg10_a_token_lets_in_as_often_as_it_says,
    rg10_of_many_who_share_the_last_use_one_gets_it,
    rg10_what_is_refused_costs_no_use,
    rg10_of_many_who_want_the_last_place_one_gets_it,
    rg14_an_expired_or_removed_token_lets_nobody_in,
    rg17_only_its_token_opens_a_registration,
    rg17_an_update_replaces_everything,
    rg17_an_update_and_a_removal_at_once_leave_nothing_half_done,
    rg17_removing_takes_what_was_given,
    rg10_unused_apps_go_and_used_ones_stay,
    rg10_an_update_says_anew_how_long_an_unused_app_stays,
    rg10_old_tokens_are_swept,
];

type Initial = HandleHash<kind::InitialAccessToken>;
type Access = HandleHash<kind::RegistrationAccessToken>;

/// A token for so many apps, good for an hour.
async fn initial(w: &World, uses_left: u32) -> (Initial, InitialAccessToken) {
    let id = InitialAccessTokenId::from_bytes(*w.user_id().as_bytes());
    let token =
        InitialAccessToken { id, note: "for the team".to_owned(), uses_left, expires_at: at(HOUR), created_at: at(0) };
    let hash = w.hash();
    w.store.add_initial_access_token(token.clone(), hash).await.unwrap();
    (hash, token)
}

fn itself(id: &str) -> ClientRecord {
    let mut record = client(id);
    record.client.registrar = Registrar::Itself;
    record
}

fn new(w: &World, id: &str, by: Option<Initial>) -> NewRegistration {
    NewRegistration { record: itself(id), token: w.hash(), by, most: 1000, unused_life: None }
}

/// A registered app and the token that opens it.
async fn registered(w: &World, id: &str) -> (ClientId, Access) {
    let new = new(w, id, None);
    let (client, token) = (new.record.client.id.clone(), new.token);
    assert_eq!(w.store.register_client(new, at(0)).await.unwrap(), Register::Registered);
    (client, token)
}

fn replacement(record: ClientRecord, secrets: Secrets, token: Access, forget: bool) -> Replacement {
    Replacement { record, secrets, token, forget, unused_life: None }
}

async fn uses_left(w: &World) -> Vec<u32> {
    w.store.initial_access_tokens().await.unwrap().iter().map(|token| token.uses_left).collect()
}

/// Rows for the suite that moves them: a token that was used, and apps with and without an end.
pub(super) async fn fill(w: &World) {
    let (hash, _) = initial(w, 3).await;
    for (id, unused_life) in [("registered", Some(SignedDuration::from_hours(24 * 30))), ("lasting", None)] {
        let new = NewRegistration { unused_life, ..new(w, id, Some(hash)) };
        assert_eq!(w.store.register_client(new, at(1)).await.unwrap(), Register::Registered);
    }
}

async fn rg10_a_token_lets_in_as_often_as_it_says(w: World) {
    let (hash, token) = initial(&w, 2).await;
    assert_eq!(w.store.initial_access_tokens().await.unwrap(), [token]);
    for (id, expected) in [("a", Register::Registered), ("b", Register::Registered), ("c", Register::TokenRefused)] {
        assert_eq!(w.store.admits_registration(hash, at(1)).await.unwrap(), expected == Register::Registered, "{id}");
        assert_eq!(w.store.register_client(new(&w, id, Some(hash)), at(1)).await.unwrap(), expected, "{id}");
    }
    assert_eq!(uses_left(&w).await, [0]);
    let ids: Vec<_> = w.store.list_clients().await.unwrap().iter().map(|r| r.client.id.to_string()).collect();
    assert_eq!(ids, ["a", "b"]);
    // Another secret is another token.
    let other = w.hash();
    assert!(!w.store.admits_registration(other, at(1)).await.unwrap());
    assert_eq!(w.store.register_client(new(&w, "d", Some(other)), at(1)).await.unwrap(), Register::TokenRefused);
}

async fn rg10_of_many_who_share_the_last_use_one_gets_it(w: World) {
    let (hash, _) = initial(&w, 1).await;
    let came = in_parallel(16, |n| {
        let (store, new) = (w.store.clone(), new(&w, &format!("app-{n}"), Some(hash)));
        async move { store.register_client(new, at(1)).await.unwrap() }
    })
    .await;
    assert_eq!(came.iter().filter(|came| **came == Register::Registered).count(), 1, "{came:?}");
    assert!(came.iter().all(|came| matches!(came, Register::Registered | Register::TokenRefused)), "{came:?}");
    assert_eq!(w.store.list_clients().await.unwrap().len(), 1);
    assert_eq!(uses_left(&w).await, [0]);
}

async fn rg10_what_is_refused_costs_no_use(w: World) {
    let (hash, _) = initial(&w, 2).await;
    w.client("taken").await;
    assert_eq!(w.store.register_client(new(&w, "taken", Some(hash)), at(1)).await.unwrap(), Register::IdTaken);
    let full = NewRegistration { most: 0, ..new(&w, "app", Some(hash)) };
    assert_eq!(w.store.register_client(full, at(1)).await.unwrap(), Register::Full);
    assert_eq!(uses_left(&w).await, [2]);
    assert_eq!(w.store.list_clients().await.unwrap().len(), 1, "the operator's clients take no place");
}

async fn rg10_of_many_who_want_the_last_place_one_gets_it(w: World) {
    registered(&w, "first").await;
    w.client("of-the-operator").await;
    let came = in_parallel(16, |n| {
        let (store, new) = (w.store.clone(), NewRegistration { most: 2, ..new(&w, &format!("app-{n}"), None) });
        async move { store.register_client(new, at(1)).await.unwrap() }
    })
    .await;
    assert_eq!(came.iter().filter(|came| **came == Register::Registered).count(), 1, "{came:?}");
    assert_eq!(came.iter().filter(|came| **came == Register::Full).count(), 15, "{came:?}");
}

async fn rg14_an_expired_or_removed_token_lets_nobody_in(w: World) {
    let (hash, token) = initial(&w, 9).await;
    assert!(w.store.admits_registration(hash, at(HOUR - 1)).await.unwrap());
    assert!(!w.store.admits_registration(hash, at(HOUR)).await.unwrap());
    assert_eq!(w.store.register_client(new(&w, "a", Some(hash)), at(HOUR)).await.unwrap(), Register::TokenRefused);
    assert!(w.store.remove_initial_access_token(token.id).await.unwrap());
    assert!(!w.store.remove_initial_access_token(token.id).await.unwrap());
    assert!(!w.store.admits_registration(hash, at(1)).await.unwrap());
    assert_eq!(w.store.register_client(new(&w, "a", Some(hash)), at(1)).await.unwrap(), Register::TokenRefused);
    assert!(w.store.find_client(&"a".parse().unwrap()).await.unwrap().is_none());
}

async fn rg17_only_its_token_opens_a_registration(w: World) {
    let ((a, of_a), (b, of_b)) = (registered(&w, "a").await, registered(&w, "b").await);
    let found = w.store.find_registration(&a, of_a).await.unwrap().unwrap();
    assert_eq!((&found.record.client, found.issued_at), (&itself("a").client, at(0)));
    let operators = w.client("shop").await;
    for (client, token) in
        [(&a, of_b), (&b, of_a), (&a, w.hash()), (&operators, of_a), (&"none".parse().unwrap(), of_a)]
    {
        assert!(w.store.find_registration(client, token).await.unwrap().is_none(), "{client}");
        let record = itself(client.as_str());
        assert!(
            !w.store.replace_registration(replacement(record, Secrets::Drop, token, true)).await.unwrap(),
            "{client}"
        );
        assert!(!w.store.remove_registration(client, token).await.unwrap(), "{client}");
    }
    assert_eq!(w.store.list_clients().await.unwrap().len(), 3);
    // An app that was switched off can be read, which tells why, and not changed.
    let mut off = itself("a");
    off.client.enabled = false;
    w.store.declare_client(off).await.unwrap();
    assert!(!w.store.find_registration(&a, of_a).await.unwrap().unwrap().record.client.enabled);
    assert!(!w.store.replace_registration(replacement(itself("a"), Secrets::Keep, of_a, false)).await.unwrap());
    assert!(!w.store.remove_registration(&a, of_a).await.unwrap());
    assert!(!w.store.find_client(&a).await.unwrap().unwrap().client.enabled);
}

async fn rg17_an_update_replaces_everything(w: World) {
    let (a, token) = registered(&w, "a").await;
    let who = w.signed_in("olena").await;
    let waiting = w.requested(&a).await;
    let consented = Consented { user: who.user, scope: scope("openid") };
    assert!(w.store.consent_authorization(waiting, consented, true, at(0)).await.unwrap());
    let secret: HandleHash<kind::ClientSecret> = w.hash();
    let mut other = itself("a");
    other.client.name = "Another name".to_owned();
    other.client.scope = scope("openid");
    other.client.origins.clear();
    other.updated_at = at(9);
    for (secrets, left) in
        [(Secrets::Only(secret), vec![secret]), (Secrets::Keep, vec![secret]), (Secrets::Drop, vec![])]
    {
        assert!(w.store.replace_registration(replacement(other.clone(), secrets, token, false)).await.unwrap());
        let found = w.store.find_registration(&a, token).await.unwrap().unwrap();
        assert_eq!((&found.record.client, &found.record.secrets, found.issued_at), (&other.client, &left, at(0)));
        assert_eq!(found.record.updated_at, at(9));
    }
    assert!(!w.store.find_consent(who.user, &a).await.unwrap().is_empty());
    assert!(w.store.replace_registration(replacement(other, Secrets::Keep, token, true)).await.unwrap());
    assert!(w.store.find_consent(who.user, &a).await.unwrap().is_empty());
}

async fn rg17_an_update_and_a_removal_at_once_leave_nothing_half_done(w: World) {
    for round in 0..8 {
        let (a, token) = registered(&w, &format!("app-{round}")).await;
        in_parallel(6, |n| {
            let (store, a) = (w.store.clone(), a.clone());
            async move {
                if n == 0 {
                    assert!(store.remove_registration(&a, token).await.unwrap());
                } else {
                    let secret = HandleHash::from_bytes([u8::try_from(n).unwrap(); 32]);
                    let new = replacement(itself(a.as_str()), Secrets::Only(secret), token, true);
                    store.replace_registration(new).await.unwrap();
                }
            }
        })
        .await;
        assert!(w.store.find_client(&a).await.unwrap().is_none(), "an update brought it back");
    }
}

async fn rg17_removing_takes_what_was_given(w: World) {
    let (a, token) = registered(&w, "a").await;
    let who = w.signed_in("olena").await;
    let grant = w.grant(who, &a).await;
    assert!(w.grant_stands(grant.id, 1).await);
    assert!(w.store.remove_registration(&a, token).await.unwrap());
    assert!(!w.store.remove_registration(&a, token).await.unwrap());
    assert!(!w.grant_stands(grant.id, 1).await);
    assert!(w.store.find_registration(&a, token).await.unwrap().is_none());
    assert!(w.session_lives(who, 1).await);
}

/// CLIENT-03.
async fn rg10_unused_apps_go_and_used_ones_stay(w: World) {
    let life = Some(SignedDuration::from_hours(30 * 24));
    for (id, unused_life) in [("unused", life), ("used", life), ("kept", None)] {
        let new = NewRegistration { unused_life, ..new(&w, id, None) };
        assert_eq!(w.store.register_client(new, at(0)).await.unwrap(), Register::Registered);
    }
    w.client("of-the-operator").await;
    let left = async || -> Vec<String> {
        w.store.list_clients().await.unwrap().iter().map(|record| record.client.id.to_string()).collect()
    };
    let sweep = async |now| w.store.sweep(at(now), 100).await.unwrap().unused_clients;
    // Somebody signs in after ten days, for a week.
    let user = w.user("olena").await;
    let who = w.sign_in(user, 10 * DAY).await;
    let used = "used".parse().unwrap();
    let grant = NewGrant { expires_at: at(17 * DAY), ..w.new_grant(who, &used).await };
    assert!(w.store.give_grant(grant, at(10 * DAY)).await.unwrap().is_some());
    for day in 10..=18 {
        assert_eq!(sweep(day * DAY).await, 0, "{day}");
    }
    assert_eq!(sweep(30 * DAY).await, 0);
    assert_eq!(sweep(30 * DAY + 1).await, 1);
    assert_eq!(left().await, ["kept", "of-the-operator", "used"]);
    // The grant was swept a day after its end, and until then it counted.
    assert_eq!(sweep(46 * DAY).await, 0);
    assert_eq!(sweep(49 * DAY).await, 1);
    assert_eq!(sweep(1000 * DAY).await, 0);
    assert_eq!(left().await, ["kept", "of-the-operator"]);
}

async fn rg10_an_update_says_anew_how_long_an_unused_app_stays(w: World) {
    let life = Some(SignedDuration::from_hours(30 * 24));
    let changes =
        [("becomes-a-machine", life, Some(None)), ("was-a-machine", None, Some(life)), ("as-before", life, None)];
    for (id, unused_life, after) in changes {
        let new = NewRegistration { unused_life, ..new(&w, id, None) };
        let token = new.token;
        assert_eq!(w.store.register_client(new, at(0)).await.unwrap(), Register::Registered);
        let Some(unused_life) = after else { continue };
        let record = ClientRecord { updated_at: at(29 * DAY), ..itself(id) };
        let new = Replacement { unused_life, ..replacement(record, Secrets::Keep, token, false) };
        assert!(w.store.replace_registration(new).await.unwrap());
    }
    let sweep = async |now| w.store.sweep(at(now), 100).await.unwrap().unused_clients;
    assert_eq!(sweep(30 * DAY + 1).await, 1, "nobody used or changed it");
    assert_eq!(sweep(59 * DAY).await, 0);
    assert_eq!(sweep(59 * DAY + 1).await, 1, "thirty days after it became one that can go");
    let left: Vec<_> = w.store.list_clients().await.unwrap().iter().map(|r| r.client.id.to_string()).collect();
    assert_eq!(left, ["becomes-a-machine"]);
}

async fn rg10_old_tokens_are_swept(w: World) {
    let (unused, used_up) = (initial(&w, 5).await.1, initial(&w, 1).await.0);
    w.store.register_client(new(&w, "a", Some(used_up)), at(1)).await.unwrap();
    let sweep = async |now| w.store.sweep(at(now), 100).await.unwrap().initial_access_tokens;
    assert_eq!(sweep(DAY).await, 0, "an operator may still look at what became of it");
    assert_eq!(sweep(DAY + 1).await, 1);
    assert_eq!(w.store.initial_access_tokens().await.unwrap(), [unused]);
    assert_eq!(sweep(DAY + HOUR).await, 0);
    assert_eq!(sweep(DAY + HOUR + 1).await, 1);
    assert!(w.store.find_client(&"a".parse().unwrap()).await.unwrap().is_some(), "what it let in stays");
}
