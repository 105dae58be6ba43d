//! Database files as a whole: what `brama backup` writes and `brama restore` reads.

use std::fs::File;
use std::path::{Path, PathBuf};

use brama_store::Unavailable;
use brama_store::audit::Event;
use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{PATIENCE, folder, is_marked, open_to_read};
use crate::audit::{About, record};
use crate::column::{all, change, first, get, millis};
use crate::connection::refused;
use crate::{OpenError, connection};

/// Copy a database file into another, which must be empty or not there yet, while servers go on reading and writing: one
/// consistent state, without free pages, in one file. It is on the disk when this returns.
///
/// # Errors
/// [`OpenError`]; what was written so far stays.
pub fn duplicate(from: &Path, to: &Path) -> Result<(), OpenError> {
    let source = open_to_read(from)?;
    let name = to.to_str().ok_or_else(|| unusable(to, "its name is not UTF-8"))?;
    source.execute("VACUUM INTO ?1", [name]).map_err(|error| refused(from, &error))?;
    sync(to)
}

/// What a database file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// Its schema; nothing: it is not a database of this server.
    pub schema: Option<u32>,
    /// The value that the right master key computes to, if a server has used it.
    pub master_key_check: Option<Vec<u8>>,
    /// Rows of all tables.
    pub rows: u64,
}

/// Look at a database file and read all of it: pages, indexes and references have to be sound.
///
/// # Errors
/// [`OpenError`]; the file was not changed.
pub fn inspect(path: &Path) -> Result<Inspection, OpenError> {
    let connection = open_to_read(path)?;
    let failed = |error: Unavailable| unusable(path, &error.to_string());
    let sound = |rows: Vec<String>| rows.iter().all(|row| row == "ok");
    let complaints = all(&connection, "PRAGMA integrity_check(1)", (), |row| get(row, "integrity_check"));
    let dangling = all(&connection, "PRAGMA foreign_key_check", (), |row| get::<String>(row, "table"));
    if !sound(complaints.map_err(failed)?) || !dangling.map_err(failed)?.is_empty() {
        return Err(unusable(path, "it is damaged: the check of its contents fails"));
    }
    if is_marked(&connection).map_err(failed)? {
        return Err(OpenError::Unfinished { path: path.to_owned() });
    }
    let names = tables(&connection).map_err(failed)?;
    let ours = ["schema_migration", "master_key_check", "user"].iter().all(|name| names.iter().any(|n| n == name));
    if !ours {
        return Ok(Inspection { schema: None, master_key_check: None, rows: 0 });
    }
    let schema = connection.pragma_query_value(None, "user_version", |row| row.get(0));
    let schema = schema.map_err(|error| refused(path, &error))?;
    let rows = count_rows(&connection, &names).map_err(failed)?;
    let check = first(&connection, "SELECT value FROM master_key_check", (), |row| get(row, "value"));
    Ok(Inspection { schema: Some(schema), master_key_check: check.map_err(failed)?, rows })
}

fn tables(connection: &Connection) -> Result<Vec<String>, Unavailable> {
    all(connection, "SELECT name FROM sqlite_schema WHERE type = 'table'", (), |row| get(row, "name"))
}

fn count_rows(connection: &Connection, tables: &[String]) -> Result<u64, Unavailable> {
    let mut rows = 0;
    for name in tables.iter().filter(|name| !is_internal(name)) {
        let sql = format!("SELECT count(*) AS count FROM \"{name}\"");
        let count: Option<i64> = first(connection, &sql, (), |row| get(row, "count"))?;
        rows += count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0);
    }
    Ok(rows)
}

/// Not what people mean by rows of theirs.
fn is_internal(table: &str) -> bool {
    table.starts_with("sqlite_") || ["schema_migration", "catalog", "lease"].contains(&table)
}

/// End everything that was begun before a backup was taken, in one transaction: what was revoked or spent since then is
/// not known any more, so nothing of it may count. Every account's epoch rises, sessions end, grants are revoked, requests
/// and codes that wait are closed; counters of failed attempts stay.
///
/// # Errors
/// [`OpenError`]; nothing was changed.
pub fn sign_everybody_out(path: &Path, now: Timestamp) -> Result<(), OpenError> {
    let mut connection = connection::open(path)?;
    let transaction = connection.transaction().map_err(|error| refused(path, &error))?;
    let done = (|| {
        let now_ms = [millis(now)];
        change(&transaction, "UPDATE user SET epoch = epoch + 1, updated_at = ?1", now_ms)?;
        change(&transaction, "UPDATE session SET ended_at = min(?1, expires_at) WHERE ended_at IS NULL", now_ms)?;
        change(&transaction, "UPDATE app_grant SET revoked_at = ?1 WHERE revoked_at IS NULL", now_ms)?;
        // 1 signed in becomes 2 to be told.
        change(
            &transaction,
            "UPDATE logout_delivery SET status = 2, next_at = ?1, ended_at = ?1 WHERE status = 1",
            now_ms,
        )?;
        // 1 requested becomes 2 denied; the codes of 3 approved have run out.
        change(
            &transaction,
            "UPDATE authorization SET status = 2, expires_at = min(expires_at, ?1) WHERE status = 1",
            now_ms,
        )?;
        change(
            &transaction,
            "UPDATE authorization SET code_expires_at = min(code_expires_at, ?1) WHERE status = 3",
            now_ms,
        )?;
        // One that was used up after the backup would let apps in again.
        change(&transaction, "DELETE FROM initial_access_token", ())?;
        change(&transaction, "DELETE FROM lease", ())?;
        change(&transaction, "UPDATE catalog SET version = version + 1", ())?;
        record(&transaction, now, Event::Restored, About::default())
    })();
    done.map_err(|error| unusable(path, &error.to_string()))?;
    transaction.commit().map_err(|error| refused(path, &error))
}

/// Make a database that nobody else has open one single file, on the disk: no log beside it.
///
/// # Errors
/// [`OpenError`].
pub fn close_up(path: &Path) -> Result<(), OpenError> {
    hold(path).map(drop)?;
    sync(path)
}

/// A database file that no other process can open as long as this value lives; there is no log beside it.
pub struct Held {
    _connection: Connection,
}

/// Keep a database file for oneself.
///
/// # Errors
/// [`OpenError::Locked`]: another process has it open, be it idle.
pub fn hold(path: &Path) -> Result<Held, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|error| refused(path, &error))?;
    let locked = || OpenError::Locked { path: path.to_owned() };
    let mode = connection
        .busy_timeout(PATIENCE)
        .and_then(|()| {
            connection.pragma_update_and_check(None, "journal_mode", "DELETE", |row| row.get::<_, String>(0))
        })
        .map_err(|error| match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => locked(),
            _ => refused(path, &error),
        })?;
    if mode != "delete" {
        return Err(locked());
    }
    connection.execute_batch("BEGIN EXCLUSIVE").map_err(|error| refused(path, &error))?;
    Ok(Held { _connection: connection })
}

/// The file and its name in the folder are on the disk.
fn sync(path: &Path) -> Result<(), OpenError> {
    let synced = File::open(path).and_then(|file| file.sync_all());
    let synced = synced.and_then(|()| File::open(folder(path)).and_then(|folder| folder.sync_all()));
    synced.map_err(|error| unusable(path, &error.to_string()))
}

fn unusable(path: &Path, why: &str) -> OpenError {
    OpenError::Unusable { path: PathBuf::from(path), why: why.to_owned() }
}
