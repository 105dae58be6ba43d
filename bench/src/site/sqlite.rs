//! Filling a SQLite database: rows like real ones, written directly while no server runs.

use std::path::Path;

use anyhow::Context as _;
use rusqlite::{Connection, Transaction};
use serde::{Deserialize, Serialize};

use super::People;
use super::people::App;

/// What rows need on the disk, bytes per row with its indexes.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Disk {
    /// An account with name and password hash.
    pub(crate) account: f64,
    /// A session.
    pub(crate) session: f64,
    /// A grant.
    pub(crate) grant: f64,
}

/// Fill it.
#[expect(clippy::cast_precision_loss, reason = "bytes per row")]
pub(super) fn fill(path: &Path, people: &People) -> anyhow::Result<Disk> {
    let mut connection = Connection::open(path)?;
    // Nobody else is there, and a file that is half filled is thrown away.
    connection.pragma_update(None, "journal_mode", "OFF")?;
    connection.pragma_update(None, "synchronous", "OFF")?;
    connection.pragma_update(None, "foreign_keys", false)?;
    connection.pragma_update(None, "cache_size", -1_000_000)?;
    let pages = |connection: &Connection| -> rusqlite::Result<f64> {
        let of = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        Ok((of("page_count")? * of("page_size")?) as f64)
    };
    let empty = pages(&connection)?;
    let transaction = connection.transaction()?;
    accounts(&transaction, people)?;
    let accounts = pages(&transaction)?;
    sessions(&transaction, people)?;
    let sessions = pages(&transaction)?;
    for app in [App::Browser, App::Native, App::NativePlain] {
        grants(&transaction, people, app)?;
    }
    let grants = pages(&transaction)?;
    transaction.commit()?;
    let rows = people.count().max(1) as f64;
    Ok(Disk {
        account: (accounts - empty) / rows,
        session: (sessions - accounts) / rows,
        grant: (grants - sessions) / rows,
    })
}

fn accounts(transaction: &Transaction<'_>, people: &People) -> anyhow::Result<()> {
    let mut user = transaction.prepare(
        "INSERT INTO user (id, username, email, email_verified, status, epoch, created_at, updated_at)
         VALUES (?1, ?2, ?3, 0, 1, 0, ?4, ?4)",
    )?;
    let mut name = transaction.prepare("INSERT INTO user_name (key, user_id) VALUES (?1, ?2)")?;
    let mut password = transaction.prepare("INSERT INTO password (user_id, sealed, updated_at) VALUES (?1, ?2, ?3)")?;
    for number in people.with(App::Browser) {
        let (id, came) = (people.user(number), people.came(number));
        let email = format!("{}@example.com", People::name(number));
        user.execute((id.as_bytes(), People::name(number), email, came))?;
        name.execute((People::key(number).context("a name")?.as_str(), id.as_bytes()))?;
        password.execute((id.as_bytes(), people.sealed(number)?, came))?;
    }
    Ok(())
}

fn sessions(transaction: &Transaction<'_>, people: &People) -> anyhow::Result<()> {
    let mut session = transaction.prepare(
        "INSERT INTO session (id, secret, user_id, epoch, auth_time, amr, acr, idle_seconds, expires_at, persistent,
             created_at, last_seen_at, device)
         VALUES (?1, ?2, ?3, 0, ?4, 'pwd', 'urn:brama:acr:1', 604800, ?5, 1, ?4, ?6, 'Firefox on Linux')",
    )?;
    for number in people.with(App::Browser) {
        session.execute((
            people.session(number).as_bytes(),
            People::secret(number).hash().as_bytes(),
            people.user(number).as_bytes(),
            people.came(number),
            people.ends(),
            people.seen(),
        ))?;
    }
    Ok(())
}

fn grants(transaction: &Transaction<'_>, people: &People, app: App) -> anyhow::Result<()> {
    let mut grant = transaction.prepare(
        "INSERT INTO app_grant (id, user_id, epoch, client_id, session_id, scope, auth_time, amr, acr, offline, lasting,
             created_at, expires_at, generation, rotated_at)
         VALUES (?1, ?2, 0, ?3, ?4, ?5, ?6, 'pwd', 'urn:brama:acr:1', 0, 1, ?6, ?7, 0, ?6)",
    )?;
    for number in people.with(app) {
        grant.execute((
            people.grant(app, number).as_bytes(),
            people.user(number).as_bytes(),
            app.client(),
            people.session(number).as_bytes(),
            app.scope(),
            people.came(number),
            people.ends(),
        ))?;
    }
    Ok(())
}
