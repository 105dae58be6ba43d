//! Migrations: embedded, forward only, each one transaction. Design §7.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use crate::OpenError;
use crate::column::millis;
use crate::connection::refused;

/// One step of the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Migration {
    /// Its number, from 1.
    pub version: u32,
    /// Its name.
    pub name: &'static str,
    sql: &'static str,
}

/// Where a database stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationStatus {
    /// The schema it has; 0 for an empty file.
    pub found: u32,
    /// The schema this version needs.
    pub needed: u32,
    /// What is to be run.
    pub pending: Vec<Migration>,
}

pub(crate) const MIGRATIONS: &[Migration] = &[
    Migration { version: 1, name: "first", sql: include_str!("../migrations/0001_first.sql") },
    Migration { version: 2, name: "nodes", sql: include_str!("../migrations/0002_nodes.sql") },
    Migration {
        version: 3,
        name: "authorization_request",
        sql: include_str!("../migrations/0003_authorization_request.sql"),
    },
    Migration { version: 4, name: "replay", sql: include_str!("../migrations/0004_replay.sql") },
    Migration { version: 5, name: "logout", sql: include_str!("../migrations/0005_logout.sql") },
    Migration { version: 6, name: "registration", sql: include_str!("../migrations/0006_registration.sql") },
    Migration { version: 7, name: "device_and_dpop", sql: include_str!("../migrations/0007_device_and_dpop.sql") },
    Migration { version: 8, name: "key_rotation", sql: include_str!("../migrations/0008_key_rotation.sql") },
    Migration {
        version: 9,
        name: "consent_by_resource",
        sql: include_str!("../migrations/0009_consent_by_resource.sql"),
    },
    Migration {
        version: 10,
        name: "authorization_pushed",
        sql: include_str!("../migrations/0010_authorization_pushed.sql"),
    },
];

pub(crate) fn newest() -> u32 {
    MIGRATIONS.last().map_or(0, |migration| migration.version)
}

fn found(connection: &Connection) -> rusqlite::Result<u32> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

pub(crate) fn status(connection: &Connection, path: &Path) -> Result<MigrationStatus, OpenError> {
    let found = found(connection).map_err(|error| refused(path, &error))?;
    if found > newest() {
        return Err(OpenError::TooNew { path: path.to_owned(), found, known: newest() });
    }
    let pending = MIGRATIONS.iter().filter(|migration| migration.version > found).copied().collect();
    Ok(MigrationStatus { found, needed: newest(), pending })
}

pub(crate) fn require_current(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let status = status(connection, path)?;
    if status.pending.is_empty() {
        Ok(())
    } else {
        Err(OpenError::Behind { path: path.to_owned(), found: status.found, needed: status.needed })
    }
}

pub(crate) fn run(connection: &mut Connection, path: &Path, now: jiff::Timestamp) -> Result<Vec<Migration>, OpenError> {
    let pending = status(connection, path)?.pending;
    let mut applied = Vec::new();
    for migration in pending {
        if apply(connection, migration, now).map_err(|error| refused(path, &error))? {
            applied.push(migration);
        }
    }
    Ok(applied)
}

/// `false`: another process applied it while we waited for the lock.
fn apply(connection: &mut Connection, migration: Migration, now: jiff::Timestamp) -> rusqlite::Result<bool> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if found(&transaction)? >= migration.version {
        return Ok(false);
    }
    transaction.execute_batch(migration.sql)?;
    transaction.execute_batch(
        "CREATE TABLE IF NOT EXISTS schema_migration (
            version INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL, applied_at INTEGER NOT NULL) STRICT",
    )?;
    transaction.execute(
        "INSERT INTO schema_migration (version, name, applied_at) VALUES (?1, ?2, ?3)",
        (migration.version, migration.name, millis(now)),
    )?;
    transaction.pragma_update(None, "user_version", migration.version)?;
    transaction.commit()?;
    Ok(true)
}
