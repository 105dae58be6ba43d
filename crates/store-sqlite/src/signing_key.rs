//! Signing keys and the master key's check value.

use async_trait::async_trait;
use brama_store::Unavailable;
use brama_store::audit::Event;
use brama_store::signing_key::{NewSigningKey, RemoveKey, SigningKeyRecord, SigningKeys};
use jiff::Timestamp;
use rusqlite::{Connection, Row};

use crate::SqliteStore;
use crate::audit::{About, record};
use crate::column::{all, change, corrupt, first, get, millis, timestamp};

fn read(row: &Row<'_>) -> Result<SigningKeyRecord, Unavailable> {
    let time = |column| -> Result<Option<Timestamp>, Unavailable> {
        get::<Option<i64>>(row, column)?.map(|at| timestamp("signing_key", at)).transpose()
    };
    SigningKeyRecord::from_columns(
        get(row, "kid")?,
        get(row, "alg")?,
        get(row, "sealed")?,
        get(row, "public")?,
        timestamp("signing_key", get(row, "created_at")?)?,
        (time("activated_at")?, time("retired_at")?),
    )
}

/// Let the announced key of an algorithm sign. `false`: there is none.
fn activate(connection: &Connection, alg: &str, now: Timestamp) -> Result<bool, Unavailable> {
    change(
        connection,
        "UPDATE signing_key SET retired_at = ?2 WHERE alg = ?1 AND activated_at IS NOT NULL AND retired_at IS NULL
             AND EXISTS (SELECT 1 FROM signing_key WHERE alg = ?1 AND activated_at IS NULL)",
        (alg, millis(now)),
    )?;
    let sql = "UPDATE signing_key SET activated_at = ?2 WHERE alg = ?1 AND activated_at IS NULL";
    let activated = change(connection, sql, (alg, millis(now)))? == 1;
    if activated {
        record(connection, now, Event::SigningKeyActivated, About::default())?;
    }
    Ok(activated)
}

#[async_trait]
impl SigningKeys for SqliteStore {
    async fn signing_keys(&self) -> Result<Vec<SigningKeyRecord>, Unavailable> {
        self.read(|connection| all(connection, "SELECT * FROM signing_key ORDER BY created_at, kid", (), read)).await
    }

    async fn add_signing_key(&self, key: NewSigningKey) -> Result<(), Unavailable> {
        self.write(move |connection| {
            let created_at = millis(key.created_at);
            change(
                connection,
                "INSERT OR IGNORE INTO signing_key (kid, alg, sealed, created_at, activated_at) VALUES (?1, ?2, ?3, ?4, ?5)",
                (&key.kid, &key.alg, &key.sealed, created_at, key.active.then_some(created_at)),
            )
            .map(drop)
        })
        .await
    }

    async fn activate_signing_key(&self, kid: &str, now: Timestamp) -> Result<bool, Unavailable> {
        let kid = kid.to_owned();
        self.write(move |connection| {
            let sql = "SELECT alg FROM signing_key WHERE kid = ?1 AND activated_at IS NULL";
            match first(connection, sql, [&kid], |row| get::<String>(row, "alg"))? {
                Some(alg) => activate(connection, &alg, now),
                None => Ok(false),
            }
        })
        .await
    }

    async fn retire_signing_key(&self, kid: &str, now: Timestamp) -> Result<bool, Unavailable> {
        let kid = kid.to_owned();
        self.write(move |connection| {
            let sql = "UPDATE signing_key SET retired_at = ?2
                 WHERE kid = ?1 AND activated_at IS NOT NULL AND retired_at IS NULL";
            Ok(change(connection, sql, (&kid, millis(now)))? == 1)
        })
        .await
    }

    async fn erase_signing_key(&self, kid: &str, public: &str) -> Result<bool, Unavailable> {
        let (kid, public) = (kid.to_owned(), public.to_owned());
        self.write(move |connection| {
            let sql = "UPDATE signing_key SET sealed = x'', public = ?2
                 WHERE kid = ?1 AND retired_at IS NOT NULL AND sealed <> x''";
            Ok(change(connection, sql, (&kid, &public))? == 1)
        })
        .await
    }

    async fn remove_signing_key(&self, kid: &str, now: Timestamp) -> Result<RemoveKey, Unavailable> {
        let kid = kid.to_owned();
        self.write(move |connection| {
            let sql =
                "SELECT alg, activated_at IS NOT NULL AND retired_at IS NULL AS active FROM signing_key WHERE kid = ?1";
            let read = |row: &Row<'_>| Ok((get::<String>(row, "alg")?, get::<bool>(row, "active")?));
            let Some((alg, active)) = first(connection, sql, [&kid], read)? else { return Ok(RemoveKey::NotThere) };
            if active && !activate(connection, &alg, now)? {
                return Ok(RemoveKey::NoSuccessor);
            }
            change(connection, "DELETE FROM signing_key WHERE kid = ?1", [&kid])?;
            record(connection, now, Event::SigningKeyRemoved, About::default())?;
            Ok(RemoveKey::Removed)
        })
        .await
    }

    async fn master_key_check(&self, offered: [u8; 32]) -> Result<[u8; 32], Unavailable> {
        self.write(move |connection| {
            change(connection, "INSERT OR IGNORE INTO master_key_check (one, value) VALUES (1, ?1)", [offered])?;
            first(connection, "SELECT value FROM master_key_check", (), |row| get(row, "value"))?
                .ok_or_else(|| corrupt("master_key_check", "empty"))
        })
        .await
    }
}
