//! Moving rows: what every backend's source and target of a transfer hold.
//!
//! ```ignore
//! brama_store::conformance::transfer::run_all(&backend).await;
//! ```

use std::sync::Arc;

use async_trait::async_trait;
use brama_protocol::acr::AcrRequest;
use brama_protocol::client::ClientId;
use brama_protocol::dpop::JwkThumbprint;
use brama_protocol::oidc::claims_request::{Claim, NamedClaims};
use jiff::{SignedDuration, Timestamp};

use super::fixture::{Came, DAY, SignedIn, World, at, came, client, consented, presentation};
use crate::Store;
use crate::audit::Event;
use crate::authorization::{AuthorizationState, Spend};
use crate::grant::{Grant, Presenter};
use crate::lease::{Job, NodeId};
use crate::par::Opening;
use crate::revoked_token::RevokedToken;
use crate::signing_key::NewSigningKey;
use crate::throttle::{Admission, Lane, LaneRule, OnSuccess, Penalty};
use crate::transfer::{Cell, Contents, Row, Source, TABLES, Table, Target, TransferError, copy_table};

/// A backend whose databases rows are moved between.
#[async_trait]
pub trait Movable: Sync {
    /// One database. It may be opened again and again, but never twice at once.
    type Database: Send + Sync;

    /// A database without a row, which is no other case's.
    async fn create(&self) -> Self::Database;
    /// Its store; nothing: it refuses to open.
    async fn store(&self, database: &Self::Database) -> Option<Arc<dyn Store>>;
    /// A snapshot of it.
    async fn source(&self, database: &Self::Database) -> Box<dyn Source>;
    /// It as the target of a copy.
    async fn target(&self, database: &Self::Database) -> Box<dyn Target>;
    /// End everything that was begun, as a restore does.
    async fn sign_everybody_out(&self, database: &Self::Database, now: Timestamp);
}

/// Run every case; each makes its own databases.
///
/// # Panics
/// When a case fails.
pub async fn run_all(backend: &impl Movable) {
    pages_of_any_size_give_the_same_rows_in_order(backend).await;
    a_snapshot_does_not_see_later_writes(backend).await;
    what_was_moved_goes_on(backend).await;
    an_interrupted_copy_goes_on_and_serves_nobody_before_its_end(backend).await;
    rows_that_no_copy_began_are_told_and_go_only_when_asked(backend).await;
    a_row_that_does_not_fit_is_told(backend).await;
    a_restored_database_brings_nothing_back(backend).await;
}

/// What the world of these cases holds besides its rows.
struct Begun {
    who: SignedIn,
    grant: Grant,
    offline: Grant,
    code: brama_protocol::handle::HandleHash<brama_protocol::handle::kind::AuthorizationCode>,
    waiting: brama_protocol::id::AuthorizationId,
    last_audit: u64,
}

fn lane() -> Lane {
    let rule = LaneRule { free: 1, window: SignedDuration::from_hours(1), penalty: Penalty::Doubling };
    Lane { key: [9; 32], rule, on_success: OnSuccess::Reset }
}

fn revoked_token(client: &ClientId) -> RevokedToken {
    RevokedToken { jti: "jti".to_owned(), expires_at: at(DAY), client: client.clone(), grant: None }
}

/// A world with rows in every table, nothing and something in every column that may hold nothing.
async fn fill(w: &World) -> Begun {
    let shop = w.client("shop").await;
    let mut secret = client("tool");
    secret.secrets = vec![w.hash(), w.hash()];
    w.store.add_client(secret).await.unwrap();
    let who = w.signed_in("olena").await;
    assert!(w.store.set_password(w.user("taras").await, super::fixture::password("other"), at(0)).await.unwrap());
    let mut bare = w.new_user("марта", Some("marta@example.com"));
    (bare.name, bare.locale, bare.password) = (None, None, None);
    w.store.add_user(bare, at(0)).await.unwrap();
    let ended = w.sign_in(who.user, 0).await;
    assert!(w.store.end_session(who.user, ended.session, at(1)).await.unwrap());
    let grant = w.grant(who, &shop).await;
    let Came::To(1) = came(&w.rotate(&grant, 0, Presenter::PublicClient, 0).await) else { panic!("not rotated") };
    let offline = w.offline_grant(who, &shop).await;
    super::device::fill(w, who).await;
    let spent = w.code(who, &shop).await;
    assert!(matches!(w.spend(spent, who, 1).await, Spend::Now(_)));
    let code = w.code(who, &shop).await;
    let waiting = w.requested(&shop).await;
    let mut long = w.authorization(&shop, "openid email");
    long.asked.nonce = Some("n-0S6_WzA2Mj".to_owned());
    long.asked.max_age = Some(300);
    long.asked.login_hint = Some("олена".to_owned());
    long.asked.expected_user = Some(who.user);
    long.asked.challenge = None;
    long.asked.dpop_jkt = Some(JwkThumbprint::from_bytes([8; 32]));
    long.asked.acr = AcrRequest { values: vec!["urn:brama:acr:1".to_owned()], essential: true };
    long.asked.claims = NamedClaims { id_token: [Claim::Email].into(), ..NamedClaims::default() };
    long.asked.resources = ["https://api.example.com"].into_iter().collect();
    let (pushed, opened) = (w.pushed(&shop).await, w.pushed(&shop).await);
    let opening = Opening { browser: w.hash(), pushed_after: at(-1), until: at(DAY) };
    assert!(w.store.open_pushed_request(opened, &shop, opening, at(1)).await.unwrap().is_some());
    let from_pushed = w.requested_from(&shop, pushed).await;
    assert!(w.store.deny_authorization(from_pushed, at(1)).await.unwrap());
    long.asked.pushed = Some(opened);
    let id = long.id;
    w.store.request_authorization(long).await.unwrap();
    assert!(w.store.consent_authorization(id, consented(who.user, "openid"), true, at(1)).await.unwrap());
    assert!(w.store.choose_account(id, who.user, at(1)).await.unwrap());
    super::registration::fill(w).await;
    super::logout_delivery::fill(w, who).await;
    for kid in ["a", "b"] {
        let alg = format!("alg-{kid}");
        let key = NewSigningKey { kid: kid.to_owned(), alg, sealed: vec![0, 1, 255], active: true, created_at: at(0) };
        w.store.add_signing_key(key).await.unwrap();
    }
    w.store.master_key_check([7; 32]).await.unwrap();
    assert_eq!(w.store.reserve_attempt(vec![lane()], at(0)).await.unwrap(), Admission::Admitted);
    assert!(w.store.first_seen([3; 32], at(DAY), at(0)).await.unwrap());
    assert!(w.store.revoke_token(revoked_token(&shop), at(0)).await.unwrap());
    assert!(w.store.take_lease(Job::Sweep, NodeId([1; 16]), at(60), at(0)).await.unwrap());
    let last_audit = w.store.audit_of_user(who.user, 1).await.unwrap().first().unwrap().number;
    Begun { who, grant, offline, code, waiting, last_audit }
}

/// A database with rows, closed.
async fn filled<B: Movable>(backend: &B) -> (B::Database, Begun) {
    let database = backend.create().await;
    let begun = fill(&World::new(backend.store(&database).await.unwrap())).await;
    (database, begun)
}

/// A database opened again; ids go on far beyond those that [`fill`] used.
async fn world<B: Movable>(backend: &B, database: &B::Database) -> World {
    let world = World::new(backend.store(database).await.unwrap());
    for _ in 0..1000 {
        world.user_id();
    }
    world
}

async fn rows(source: &mut dyn Source, table: &'static Table, limit: u32) -> Vec<Row> {
    let (mut found, mut after): (Vec<Row>, Option<Vec<Cell>>) = (Vec::new(), None);
    loop {
        let page = source.page(table, after.as_deref(), limit).await.unwrap();
        assert!(page.len() <= limit as usize);
        let Some(last) = page.last() else { return found };
        after = Some(table.key_of(last).to_vec());
        found.extend(page);
    }
}

async fn everything(source: &mut dyn Source) -> Vec<Vec<Row>> {
    let mut tables = Vec::new();
    for table in TABLES {
        tables.push(rows(source, table, 1000).await);
    }
    tables
}

async fn copy_all(source: &mut dyn Source, target: &mut dyn Target, limit: u32) -> u64 {
    let mut copied = 0;
    for table in TABLES {
        copy_table(source, target, table, limit, &mut |count| copied += count).await.unwrap();
    }
    copied
}

/// Keys as they are ordered everywhere: numbers by value, the rest by bytes.
fn sort_key(cell: &Cell) -> (i64, Vec<u8>) {
    match cell {
        Cell::Integer(number) => (*number, Vec::new()),
        Cell::Text(text) => (0, text.as_bytes().to_vec()),
        Cell::Bytes(bytes) => (0, bytes.clone()),
        Cell::Null | Cell::Boolean(_) => panic!("no key"),
    }
}

async fn pages_of_any_size_give_the_same_rows_in_order(backend: &impl Movable) {
    let (database, _) = filled(backend).await;
    let mut source = backend.source(&database).await;
    for table in TABLES {
        let all = rows(source.as_mut(), table, 1000).await;
        assert!(!all.is_empty(), "the world of this suite has no {}", table.name);
        assert_eq!(source.count(table).await.unwrap(), all.len() as u64, "{}", table.name);
        let keys: Vec<Vec<_>> = all.iter().map(|row| table.key_of(row).iter().map(sort_key).collect()).collect();
        assert!(keys.is_sorted_by(|one, next| one < next), "{}", table.name);
        for limit in [1, 2, 3] {
            assert!(rows(source.as_mut(), table, limit).await == all, "{} by {limit}", table.name);
        }
    }
}

async fn a_snapshot_does_not_see_later_writes(backend: &impl Movable) {
    let (database, _) = filled(backend).await;
    let mut source = backend.source(&database).await;
    let before = everything(source.as_mut()).await;
    let w = world(backend, &database).await;
    w.sign_in(w.user("later").await, 5).await;
    assert!(everything(source.as_mut()).await == before, "the snapshot moved");
    drop(source);
    assert!(everything(backend.source(&database).await.as_mut()).await != before, "a new one sees them");
}

async fn what_was_moved_goes_on(backend: &impl Movable) {
    let (from, begun) = filled(backend).await;
    let to = backend.create().await;
    let mut source = backend.source(&from).await;
    let mut target = backend.target(&to).await;
    assert_eq!(target.contents().await.unwrap(), Contents::Nothing);
    target.begin(false).await.unwrap();
    copy_all(source.as_mut(), target.as_mut(), 2).await;
    assert!(everything(source.as_mut()).await == everything(target.as_mut()).await);
    target.finish().await.unwrap();
    assert_eq!(target.contents().await.unwrap(), Contents::Rows);
    drop((source, target));

    let w = world(backend, &to).await;
    assert!(w.store.catalog_version().await.unwrap() > 1);
    assert!(w.session_lives(begun.who, 1).await);
    let again = w.store.rotate(presentation(begun.grant.id, &begun.grant.client, 1, Presenter::PublicClient), at(120));
    assert_eq!(came(&again.await.unwrap()), Came::To(2));
    assert!(w.store.find_code(begun.code).await.unwrap().is_some());
    assert!(matches!(w.state(begun.waiting).await, AuthorizationState::Requested { .. }));
    assert!(matches!(w.store.reserve_attempt(vec![lane()], at(1)).await.unwrap(), Admission::Wait(_)));
    assert!(!w.store.first_seen([3; 32], at(DAY), at(1)).await.unwrap());
    assert!(w.store.is_token_revoked("jti").await.unwrap());
    assert_eq!(w.store.master_key_check([8; 32]).await.unwrap(), [7; 32]);
    // Leases stay with their nodes, and numbers go on.
    assert!(w.store.take_lease(Job::Sweep, NodeId([2; 16]), at(60), at(0)).await.unwrap());
    assert!(w.store.end_session(begun.who.user, begun.who.session, at(2)).await.unwrap());
    let newest = w.store.audit_of_user(begun.who.user, 1).await.unwrap().first().unwrap().number;
    assert!(newest > begun.last_audit, "{newest} after {}", begun.last_audit);
}

async fn an_interrupted_copy_goes_on_and_serves_nobody_before_its_end(backend: &impl Movable) {
    let (from, _) = filled(backend).await;
    let mut source = backend.source(&from).await;
    let all = everything(source.as_mut()).await;
    // Interrupted after so many pages of one row, up to all of them.
    let pages = all.iter().map(Vec::len).sum::<usize>();
    for done in [0, 1, pages / 2, pages - 1, pages] {
        let to = backend.create().await;
        let mut target = backend.target(&to).await;
        target.begin(false).await.unwrap();
        let rows = TABLES.iter().zip(&all).flat_map(|(table, rows)| rows.iter().map(move |row| (table, row)));
        for (table, row) in rows.take(done) {
            target.append(table, vec![row.clone()]).await.unwrap();
        }
        drop(target);
        assert!(backend.store(&to).await.is_none(), "a server started on it after {done} pages");

        let mut target = backend.target(&to).await;
        assert_eq!(target.contents().await.unwrap(), Contents::PartOfACopy, "after {done} pages");
        target.begin(false).await.unwrap();
        assert_eq!(copy_all(source.as_mut(), target.as_mut(), 1).await, (pages - done) as u64);
        assert!(everything(target.as_mut()).await == all, "after {done} pages");
        target.finish().await.unwrap();
        drop(target);
        assert!(backend.store(&to).await.is_some());
    }
}

async fn rows_that_no_copy_began_are_told_and_go_only_when_asked(backend: &impl Movable) {
    let (database, _) = filled(backend).await;
    let mut target = backend.target(&database).await;
    assert_eq!(target.contents().await.unwrap(), Contents::Rows);
    target.begin(true).await.unwrap();
    assert_eq!(target.contents().await.unwrap(), Contents::PartOfACopy);
    for table in TABLES {
        assert_eq!(target.count(table).await.unwrap(), 0, "{}", table.name);
        assert_eq!(target.last_key(table).await.unwrap(), None, "{}", table.name);
    }
    target.finish().await.unwrap();
    assert_eq!(target.contents().await.unwrap(), Contents::Nothing);
}

async fn a_row_that_does_not_fit_is_told(backend: &impl Movable) {
    let (from, _) = filled(backend).await;
    let to = backend.create().await;
    let mut source = backend.source(&from).await;
    let mut target = backend.target(&to).await;
    target.begin(false).await.unwrap();
    let users = TABLES.iter().find(|table| table.name == "user").unwrap();
    let sessions = TABLES.iter().find(|table| table.name == "session").unwrap();
    let found = rows(source.as_mut(), sessions, 1000).await;
    let orphan = target.append(sessions, found).await;
    assert!(matches!(orphan, Err(TransferError::Conflict { table: "session" })), "{orphan:?}");
    assert_eq!(target.count(sessions).await.unwrap(), 0, "a page is added whole or not");
    let mut people = rows(source.as_mut(), users, 1000).await;
    target.append(users, people.clone()).await.unwrap();
    let twice = target.append(users, people.split_off(1)).await;
    assert!(matches!(twice, Err(TransferError::Conflict { table: "user" })), "{twice:?}");
}

async fn a_restored_database_brings_nothing_back(backend: &impl Movable) {
    let (database, begun) = filled(backend).await;
    let before = world(backend, &database).await.epoch(begun.who.user).await;
    backend.sign_everybody_out(&database, at(30)).await;

    let w = world(backend, &database).await;
    assert_eq!(w.epoch(begun.who.user).await, before + 1);
    for now in [0, 31] {
        assert!(!w.session_lives(begun.who, now).await);
        for grant in [&begun.grant, &begun.offline] {
            assert!(!w.grant_stands(grant.id, now).await);
            for generation in 0..=2 {
                let refreshed = w.rotate(grant, generation, Presenter::PublicClient, now).await;
                assert_ne!(came(&refreshed), Came::To(generation + 1), "a refresh token works");
            }
        }
        let spend = w.spend(begun.code, begun.who, now).await;
        assert!(!matches!(spend, Spend::Now(_)), "the code works");
        assert!(
            !w.store
                .consent_authorization(begun.waiting, consented(begun.who.user, "openid"), false, at(now))
                .await
                .unwrap()
        );
    }
    assert!(matches!(w.state(begun.waiting).await, AuthorizationState::Denied));
    assert!(w.store.initial_access_tokens().await.unwrap().is_empty(), "a token that was used up counts again");
    assert!(matches!(w.store.reserve_attempt(vec![lane()], at(1)).await.unwrap(), Admission::Wait(_)), "forgiven");
    // Apps that think that somebody is signed in are told that nobody is. LO-10.
    let told = w.store.claim_logouts(1000, at(61), at(31)).await.unwrap();
    assert_eq!(told.iter().map(|one| one.session).collect::<Vec<_>>(), [begun.who.session]);
    // People and apps are there, and may begin anew.
    let anew = w.sign_in(begun.who.user, 40).await;
    assert!(w.session_lives(anew, 41).await && w.session_lives(anew, DAY).await);
    drop(w);

    let audit = TABLES.iter().find(|table| table.name == "audit").unwrap();
    let log = rows(backend.source(&database).await.as_mut(), audit, 1000).await;
    let restored = Cell::Text(Event::Restored.as_str().to_owned());
    let when = Cell::Integer(at(30).as_millisecond());
    assert_eq!(log.iter().filter(|row| row.contains(&restored) && row.contains(&when)).count(), 1);
}
