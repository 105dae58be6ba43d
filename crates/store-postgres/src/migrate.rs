//! Migrations: embedded, forward only, each one transaction. Design §7.

use tokio_postgres::Client;

use crate::column::millis;
use crate::connection::{Target, refused};
use crate::{OpenError, Settings};

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
    /// The schema it has; 0 for an empty database.
    pub found: u32,
    /// The schema this version needs.
    pub needed: u32,
    /// What is to be run.
    pub pending: Vec<Migration>,
}

pub(crate) const MIGRATIONS: &[Migration] = &[
    Migration { version: 1, name: "first", sql: include_str!("../migrations/0001_first.sql") },
    Migration {
        version: 2,
        name: "authorization_request",
        sql: include_str!("../migrations/0002_authorization_request.sql"),
    },
    Migration { version: 3, name: "replay", sql: include_str!("../migrations/0003_replay.sql") },
    Migration { version: 4, name: "logout", sql: include_str!("../migrations/0004_logout.sql") },
    Migration { version: 5, name: "registration", sql: include_str!("../migrations/0005_registration.sql") },
    Migration { version: 6, name: "device_and_dpop", sql: include_str!("../migrations/0006_device_and_dpop.sql") },
    Migration { version: 7, name: "key_rotation", sql: include_str!("../migrations/0007_key_rotation.sql") },
    Migration {
        version: 8,
        name: "consent_by_resource",
        sql: include_str!("../migrations/0008_consent_by_resource.sql"),
    },
    Migration {
        version: 9,
        name: "authorization_pushed",
        sql: include_str!("../migrations/0009_authorization_pushed.sql"),
    },
];

/// Names the lock under which nodes migrate one after the other.
const LOCK: &str = "SELECT pg_advisory_xact_lock(hashtextextended('brama migration', 0))";

fn newest() -> u32 {
    MIGRATIONS.last().map_or(0, |migration| migration.version)
}

async fn found(client: &Client) -> Result<u32, tokio_postgres::Error> {
    // Asked of the catalog, and not by `to_regclass`: that one may remember the answer from before a lock was had.
    let made = client
        .query_one(
            "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_tables
                 WHERE schemaname = ANY (current_schemas(false)) AND tablename = 'schema_migration')",
            &[],
        )
        .await?;
    if !made.try_get::<_, bool>(0)? {
        return Ok(0);
    }
    let row = client.query_one("SELECT coalesce(max(version), 0) FROM schema_migration", &[]).await?;
    Ok(u32::try_from(row.try_get::<_, i64>(0)?).unwrap_or(u32::MAX))
}

pub(crate) async fn status(client: &Client, target: &Target) -> Result<MigrationStatus, OpenError> {
    let found = found(client).await.map_err(|error| refused(&error, target.hosts.clone()))?;
    if found > newest() {
        return Err(OpenError::TooNew { hosts: target.hosts.clone(), found, known: newest() });
    }
    let pending = MIGRATIONS.iter().filter(|migration| migration.version > found).copied().collect();
    Ok(MigrationStatus { found, needed: newest(), pending })
}

pub(crate) async fn require_current(client: &Client, target: &Target) -> Result<(), OpenError> {
    let status = status(client, target).await?;
    if status.pending.is_empty() {
        Ok(())
    } else {
        Err(OpenError::Behind { hosts: target.hosts.clone(), found: status.found, needed: status.needed })
    }
}

pub(crate) async fn run(settings: &Settings, now: jiff::Timestamp) -> Result<Vec<Migration>, OpenError> {
    let target = Target::new(settings)?.patient();
    let (mut client, driven) = target.open(settings).await?;
    let pending = status(&client, &target).await?.pending;
    let mut applied = Vec::new();
    for migration in pending {
        if apply(&mut client, migration, now).await.map_err(|error| refused(&error, target.hosts.clone()))? {
            applied.push(migration);
        }
    }
    driven.close(client).await;
    Ok(applied)
}

/// `false`: another node applied it while we waited for the lock.
async fn apply(client: &mut Client, migration: Migration, now: jiff::Timestamp) -> Result<bool, tokio_postgres::Error> {
    let transaction = client.transaction().await?;
    transaction.execute(LOCK, &[]).await?;
    if found(transaction.client()).await? >= migration.version {
        return Ok(false);
    }
    transaction.batch_execute(migration.sql).await?;
    transaction
        .batch_execute(
            "CREATE TABLE IF NOT EXISTS schema_migration (
                version bigint NOT NULL PRIMARY KEY, name text NOT NULL, applied_at bigint NOT NULL)",
        )
        .await?;
    transaction
        .execute(
            "INSERT INTO schema_migration (version, name, applied_at) VALUES ($1, $2, $3)",
            &[&i64::from(migration.version), &migration.name, &millis(now)],
        )
        .await?;
    transaction.commit().await?;
    Ok(true)
}
