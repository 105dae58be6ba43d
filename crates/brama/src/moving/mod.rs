//! Moving all rows: into a backup, out of one, from one database to another.

pub(crate) mod copy;
pub(crate) mod file;
mod progress;

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use brama_config::{Database, DatabaseUrl};
use brama_store::transfer::{Source, Target, TransferError};
use brama_store_postgres::transfer::{PostgresSource, PostgresTarget};
use brama_store_sqlite::transfer::{SqliteSource, SqliteTarget};

use crate::database::postgres;
use crate::failure::{Failure, NOT_READY, Trouble, USAGE};
use crate::{edge, master_key};

pub(crate) use progress::{Progress, rate, size};

/// A snapshot of a database. `database`: how PostgreSQL is reached.
pub(crate) async fn source(url: &DatabaseUrl, database: &Database) -> Result<Box<dyn Source>, Failure> {
    match url {
        DatabaseUrl::Sqlite(path) => Ok(Box::new(SqliteSource::open(path)?)),
        DatabaseUrl::Postgres(url) => Ok(Box::new(PostgresSource::open(&postgres(database, url)).await?)),
    }
}

/// A database that takes rows, for as long as nobody else uses it.
pub(crate) async fn target(url: &DatabaseUrl, database: &Database) -> Result<Box<dyn Target>, Failure> {
    match url {
        DatabaseUrl::Sqlite(path) => {
            make_file(path)?;
            Ok(Box::new(SqliteTarget::open(path, edge::now()).map_err(|error| in_use(url, error))?))
        }
        DatabaseUrl::Postgres(url) => Ok(Box::new(PostgresTarget::open(&postgres(database, url), edge::now()).await?)),
    }
}

/// A database file that is not there yet is made for its owner alone.
fn make_file(path: &Path) -> Result<(), Failure> {
    if let Some(folder) = path.parent() {
        master_key::make_folder(folder)?;
    }
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            let what = format!("cannot make the database {}: {error}", path.display());
            Err(Trouble::new("B1201", what, "choose a file in a folder that this user can write").into())
        }
        _ => Ok(()),
    }
}

/// A database that has to be nobody's but is somebody's.
pub(crate) fn in_use(url: &DatabaseUrl, error: brama_store_sqlite::OpenError) -> Failure {
    match error {
        brama_store_sqlite::OpenError::Locked { path } => {
            let fix = format!("stop the server (`fuser {}` names it), then run this again", path.display());
            Trouble::new("B1234", format!("a server, or another command, has {url} open"), fix).into()
        }
        other => other.into(),
    }
}

/// A database that is to be read has to be there.
pub(crate) async fn require_there(url: &DatabaseUrl) -> Result<(), Failure> {
    if let DatabaseUrl::Sqlite(path) = url
        && !path.try_exists()?
    {
        let fix = "name the server's configuration with --config, or the right file";
        return Err(Trouble::new("B1209", format!("there is no database {url}"), fix).exit(NOT_READY).into());
    }
    Ok(())
}

/// A database that should have been empty.
pub(crate) fn has_rows(url: &DatabaseUrl, flag: &str) -> Failure {
    let fix = format!("name an empty database, or add {flag} if nobody needs what is in it");
    Trouble::new("B1235", format!("the database {url} is not empty; it was not touched"), fix).exit(USAGE).into()
}

/// What stopped a transfer.
pub(crate) fn stopped(error: TransferError, fix: &str) -> Failure {
    match error {
        TransferError::Unavailable(error) => error.into(),
        TransferError::Conflict { .. } => Trouble::new("B1237", error.to_string(), fix).into(),
        TransferError::Unfit { .. } => {
            Trouble::new("B1238", error.to_string(), "remove that row from the source, or report this as a bug").into()
        }
    }
}
