//! Opening the file, with the settings that make an acknowledged write survive power loss.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode};

use crate::OpenError;

/// How long we wait for another process (an administration command) that writes.
pub(crate) const BUSY: Duration = Duration::from_secs(5);

pub(crate) fn open(path: &Path) -> Result<Connection, OpenError> {
    let connection = Connection::open(path).map_err(|error| refused(path, &error))?;
    prepare(&connection).map_err(|error| refused(path, &error))?;
    Ok(connection)
}

pub(crate) fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY)?;
    // A plan does not depend on the values that are bound: else statements are parsed again and again.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // FULL: the log is synced at every commit; NORMAL loses acknowledged commits when power fails. Design §7.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cache_size", -8192)?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(())
}

pub(crate) fn refused(path: &Path, error: &rusqlite::Error) -> OpenError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => OpenError::Locked { path: path.to_owned() },
        _ => OpenError::Unusable { path: path.to_owned(), why: error.to_string() },
    }
}

pub(crate) fn no_thread(path: &Path, error: &std::io::Error) -> OpenError {
    OpenError::Unusable { path: path.to_owned(), why: format!("no thread for it: {error}") }
}
