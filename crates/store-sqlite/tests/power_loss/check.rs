//! What has to hold on a disk after the power came back.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use brama_protocol::id::{GrantId, UserId};
use brama_protocol::username::Username;
use brama_store::grant::Refreshed;
use brama_store::user::{AddUser, NewUser};
use brama_store::{Grants as _, Users as _};
use brama_store_sqlite::{OpenError, Settings, SqliteStore};
use rusqlite::Connection;

use crate::fact::{Fact, Moment, Name};
use crate::trace::Op;
use crate::workload::{app, now, presentation};

/// What does not hold.
#[derive(Debug)]
pub(crate) enum Wrong {
    /// An acknowledged effect is not there.
    Lost(String),
    /// The database is damaged, does something nobody asked for, or something is half done.
    Broken(String),
}

fn broken(what: impl std::fmt::Debug) -> Wrong {
    Wrong::Broken(format!("{what:?}"))
}

/// All effects of one moment.
#[derive(Default)]
struct Told {
    names: HashSet<Name>,
    generations: HashMap<Name, u64>,
    epochs: HashMap<Name, u32>,
    ended: HashSet<Name>,
    revoked: HashSet<Name>,
    spent: HashMap<Name, Name>,
}

impl Told {
    fn add(&mut self, fact: &Fact) {
        match fact.clone() {
            Fact::User(name) | Fact::Session(name) | Fact::Grant(name) | Fact::Code(name) => {
                self.names.insert(name);
            }
            Fact::Epoch(name, epoch) => {
                self.epochs.insert(name, epoch);
            }
            Fact::Ended(name) => {
                self.ended.insert(name);
            }
            Fact::Rotated(name, generation) => {
                self.generations.insert(name, generation);
            }
            Fact::Revoked(name) => {
                self.revoked.insert(name);
            }
            Fact::Spent(code, grant) => {
                self.spent.insert(code, grant);
            }
        }
    }
}

/// What was begun and what was acknowledged up to the cut, and the eye that compares.
pub(crate) struct Inspector {
    begun: Told,
    acknowledged: Told,
    last: Vec<Fact>,
    runtime: tokio::runtime::Runtime,
}

/// What a grant's row says.
struct GrantRow {
    generation: u64,
    revoked: bool,
    session: Name,
}

/// The rows of a disk.
struct Rows {
    users: HashMap<Name, u32>,
    /// Whether it has ended.
    sessions: HashMap<Name, bool>,
    grants: HashMap<Name, GrantRow>,
    /// Codes, and the grant that each was spent for.
    codes: HashMap<Name, Option<Name>>,
}

impl Rows {
    fn of(connection: &Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            users: all(connection, "SELECT id, epoch FROM user", |row| row.get(1))?,
            sessions: all(connection, "SELECT id, ended_at IS NOT NULL FROM session", |row| row.get(1))?,
            grants: all(
                connection,
                "SELECT id, generation, revoked_at IS NOT NULL, session_id FROM app_grant",
                |row| {
                    let generation = u64::try_from(row.get::<_, i64>(1)?).unwrap();
                    Ok(GrantRow { generation, revoked: row.get(2)?, session: row.get(3)? })
                },
            )?,
            codes: all(connection, "SELECT code, grant_id FROM authorization WHERE code IS NOT NULL", |row| {
                row.get(1)
            })?,
        })
    }
}

fn all<T>(
    connection: &Connection,
    sql: &str,
    read: impl Fn(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<HashMap<Name, T>> {
    let mut statement = connection.prepare(sql)?;
    statement.query_map((), |row| Ok((row.get(0)?, read(row)?)))?.collect()
}

/// Questions whose answer is the number of things that are half done.
const HALVES: [(&str, &str); 8] = [
    (
        "a user without name, password or log",
        "SELECT count(*) FROM user WHERE id NOT IN (SELECT user_id FROM user_name)
             OR id NOT IN (SELECT user_id FROM password)
             OR id NOT IN (SELECT user_id FROM audit WHERE event = 'user_added')",
    ),
    (
        "a code redeemed without its grant",
        "SELECT count(*) FROM authorization
         WHERE (status = 4) <> (grant_id IS NOT NULL) OR (status = 4 AND grant_id NOT IN (SELECT id FROM app_grant))",
    ),
    (
        "a session ended with grants that stand",
        "SELECT count(*) FROM app_grant JOIN session ON session.id = session_id
         WHERE ended_at IS NOT NULL AND revoked_at IS NULL",
    ),
    (
        "an epoch raised and a session of before that has not ended",
        "SELECT count(*) FROM session JOIN user ON user.id = user_id WHERE session.epoch < user.epoch AND ended_at IS NULL",
    ),
    (
        "a session without its line in the log",
        "SELECT count(*) FROM session WHERE id NOT IN (SELECT session_id FROM audit WHERE event = 'signed_in')",
    ),
    (
        "a grant without its line in the log",
        "SELECT count(*) FROM app_grant WHERE id NOT IN (SELECT grant_id FROM audit WHERE event = 'grant_issued')",
    ),
    (
        "a line in the log about a grant that is not there",
        "SELECT count(*) FROM audit WHERE grant_id IS NOT NULL AND grant_id NOT IN (SELECT id FROM app_grant)",
    ),
    (
        "a replay in the log, and the grant stands",
        "SELECT count(*) FROM audit JOIN app_grant ON app_grant.id = grant_id
         WHERE event IN ('refresh_reused', 'code_replayed') AND revoked_at IS NULL",
    ),
];

impl Inspector {
    pub(crate) fn new() -> Self {
        Self {
            begun: Told::default(),
            acknowledged: Told::default(),
            last: Vec::new(),
            runtime: tokio::runtime::Builder::new_current_thread().build().unwrap(),
        }
    }

    /// The run went on.
    pub(crate) fn note(&mut self, op: &Op) {
        let Op::Said((moment, fact)) = op else { return };
        match moment {
            Moment::Begun => self.begun.add(fact),
            Moment::Acknowledged => {
                self.acknowledged.add(fact);
                self.last.push(fact.clone());
            }
        }
    }

    pub(crate) fn has_effects(&self) -> bool {
        !self.last.is_empty()
    }

    /// Open what is left, as a start of the server does, and compare.
    pub(crate) fn inspect(&self, folder: &Path) -> Result<(), Wrong> {
        let path = folder.join("brama.db");
        let settings = Settings { path: path.clone(), group_commit_max: 64, readers: 1 };
        let store = match SqliteStore::open(&settings) {
            // The power failed while the database was made.
            Err(OpenError::Behind { .. }) => {
                SqliteStore::migrate(&path, now()).map_err(broken)?;
                SqliteStore::open(&settings)
            }
            opened => opened,
        };
        let store = store.map_err(broken)?;
        let connection = Connection::open(&path).map_err(broken)?;
        let sound: String = connection.query_row("PRAGMA integrity_check", (), |row| row.get(0)).map_err(broken)?;
        if sound != "ok" {
            return Err(Wrong::Broken(sound));
        }
        for (what, sql) in HALVES {
            let count: u32 = connection.query_row(sql, (), |row| row.get(0)).map_err(broken)?;
            if count > 0 {
                return Err(Wrong::Broken(format!("{count} times {what}")));
            }
        }
        let rows = Rows::of(&connection).map_err(broken)?;
        self.nothing_is_lost(&rows)?;
        self.nobody_asked_for_more(&rows)?;
        self.runtime.block_on(self.the_store_agrees(&store, &rows))
    }

    fn nothing_is_lost(&self, rows: &Rows) -> Result<(), Wrong> {
        let told = &self.acknowledged;
        let lost = |what: &str, name: &Name| Err(Wrong::Lost(format!("{what} {name:02x?}")));
        for name in &told.names {
            let there = rows.users.contains_key(name)
                || rows.sessions.contains_key(name)
                || rows.grants.contains_key(name)
                || rows.codes.contains_key(name);
            if !there {
                return lost("a user, session, grant or code", name);
            }
        }
        for (name, epoch) in &told.epochs {
            if rows.users.get(name) < Some(epoch) {
                return lost("an epoch", name);
            }
        }
        for name in &told.ended {
            if rows.sessions.get(name) != Some(&true) {
                return lost("the end of a session", name);
            }
        }
        for (name, generation) in &told.generations {
            if rows.grants.get(name).is_none_or(|row| row.generation < *generation) {
                return lost("a rotation", name);
            }
        }
        for name in &told.revoked {
            if rows.grants.get(name).is_none_or(|row| !row.revoked) {
                return lost("a revocation", name);
            }
        }
        for (code, grant) in &told.spent {
            if rows.codes.get(code) != Some(&Some(grant.clone())) {
                return lost("the spending of a code", code);
            }
        }
        Ok(())
    }

    fn nobody_asked_for_more(&self, rows: &Rows) -> Result<(), Wrong> {
        let told = &self.begun;
        let more = |what: &str, name: &Name| Err(Wrong::Broken(format!("nobody asked for {what} {name:02x?}")));
        let names = rows.users.keys().chain(rows.sessions.keys()).chain(rows.grants.keys()).chain(rows.codes.keys());
        for name in names {
            if !told.names.contains(name) {
                return more("a user, session, grant or code", name);
            }
        }
        for (name, epoch) in &rows.users {
            if *epoch > told.epochs.get(name).copied().unwrap_or(0) {
                return more("an epoch", name);
            }
        }
        for (name, ended) in &rows.sessions {
            if *ended && !told.ended.contains(name) {
                return more("the end of a session", name);
            }
        }
        for (name, row) in &rows.grants {
            if row.generation > told.generations.get(name).copied().unwrap_or(0) {
                return more("a rotation", name);
            }
            if row.revoked && !told.revoked.contains(name) {
                return more("a revocation", name);
            }
            if !rows.sessions.contains_key(&row.session) {
                return more("a grant without a session", name);
            }
        }
        for (code, grant) in &rows.codes {
            if grant.is_some() && told.spent.get(code) != grant.as_ref() {
                return more("the spending of a code", code);
            }
        }
        Ok(())
    }

    /// The store itself gives the answers that follow from the rows, and goes on writing.
    async fn the_store_agrees(&self, store: &SqliteStore, rows: &Rows) -> Result<(), Wrong> {
        for fact in self.last.iter().rev().take(3) {
            match fact {
                Fact::User(name) => {
                    let id = UserId::from_bytes(name.as_slice().try_into().unwrap());
                    if store.find_user(id).await.map_err(broken)?.is_none() {
                        return Err(Wrong::Lost(format!("the store does not find {id}")));
                    }
                }
                Fact::Rotated(name, _) | Fact::Revoked(name) => {
                    let id = GrantId::from_bytes(name.as_slice().try_into().unwrap());
                    let row = &rows.grants[name];
                    let client = app();
                    let answer = store.look(presentation(id, &client, row.generation), now()).await.map_err(broken)?;
                    if matches!(answer, Refreshed::Stands { .. }) == row.revoked {
                        return Err(Wrong::Lost(format!("{answer:?} of {id}")));
                    }
                }
                _ => {}
            }
        }
        let new = NewUser {
            id: UserId::from_bytes([0xff; 16]),
            username: Username::parse("afterwards").unwrap(),
            email: None,
            name: None,
            locale: None,
            password: None,
        };
        let id = new.id;
        match store.add_user(new, now()).await.map_err(broken)? {
            AddUser::Added if store.find_user(id).await.map_err(broken)?.is_some() => Ok(()),
            other => Err(Wrong::Broken(format!("a user afterwards: {other:?}"))),
        }
    }
}
