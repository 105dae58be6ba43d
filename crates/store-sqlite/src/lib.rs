//! The embedded backend: SQLite in WAL mode with `synchronous=FULL`, one writer that commits many requests at once,
//! readers beside it. Design §7.
//!
//! An operation answers after its commit is on disk. One file per noun, the same names as in `brama-store`; only here
//! is SQL for SQLite.

mod audit;
mod authorization;
mod catalog;
mod client;
mod column;
mod connection;
mod consent;
mod device;
mod grant;
mod lease;
mod logout_delivery;
mod migrate;
mod par;
mod reader;
mod registration;
mod replay;
mod revoked_token;
mod session;
mod signing_key;
mod sweep;
mod throttle;
pub mod transfer;
mod user;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use brama_store::Unavailable;
use rusqlite::Connection;

pub use migrate::{Migration, MigrationStatus};

use crate::reader::Readers;
use crate::writer::Writer;

/// How the backend is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The database file.
    pub path: PathBuf,
    /// Most requests in one durable commit.
    pub group_commit_max: usize,
    /// Connections that read beside the writer.
    pub readers: usize,
}

/// Why a database cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file or its folder cannot be written or is no database.
    #[error("cannot open the database {path}: {why}")]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        why: String,
    },
    /// Another process holds the write lock.
    #[error("the database {path} is locked by another process")]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// A newer version of the server made it.
    #[error("the database {path} has schema {found}, this version knows only {known}")]
    TooNew {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// It has to be migrated first.
    #[error("the database {path} has schema {found}, this version needs {needed}")]
    Behind {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// Ours.
        needed: u32,
    },
    /// Rows are being copied into it, or a copy was interrupted.
    #[error("the database {path} is not whole: a copy into it has not ended")]
    Unfinished {
        /// The file.
        path: PathBuf,
    },
}

/// The SQLite backend.
pub struct SqliteStore {
    writer: Writer,
    readers: Option<Arc<Readers>>,
}

impl SqliteStore {
    /// Open a database whose schema is current.
    ///
    /// # Errors
    /// [`OpenError`]; nothing was changed.
    pub fn open(settings: &Settings) -> Result<Self, OpenError> {
        Self::open_gathering(settings, writer::GATHER)
    }

    /// `gather`: longest time units are gathered into one commit.
    fn open_gathering(settings: &Settings, gather: Duration) -> Result<Self, OpenError> {
        let connection = connection::open(&settings.path)?;
        migrate::require_current(&connection, &settings.path)?;
        transfer::require_whole(&connection, &settings.path)?;
        let readers = Readers::open(&settings.path, settings.readers)?;
        let writer = Writer::start(&settings.path, connection, settings.group_commit_max, gather)?;
        Ok(Self { writer, readers: Some(Arc::new(readers)) })
    }

    /// Bring the schema of a database file up to date, making the file if there is none.
    ///
    /// # Errors
    /// [`OpenError`]; each migration is one transaction.
    pub fn migrate(path: &Path, now: jiff::Timestamp) -> Result<Vec<Migration>, OpenError> {
        let mut connection = connection::open(path)?;
        migrate::run(&mut connection, path, now)
    }

    /// Every step of the schema, in order.
    #[must_use]
    pub fn all_migrations() -> &'static [Migration] {
        migrate::MIGRATIONS
    }

    /// What migrating would do. The file stays as it is.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn migration_status(path: &Path) -> Result<MigrationStatus, OpenError> {
        let connection = transfer::open_to_read(path)?;
        migrate::status(&connection, path)
    }

    /// A database that lives as long as this value: for tests of flows. Reads run on the writer's connection.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn in_memory() -> Result<Self, OpenError> {
        let path = Path::new(":memory:");
        let mut connection = Connection::open_in_memory().map_err(|error| connection::refused(path, &error))?;
        connection::prepare(&connection).map_err(|error| connection::refused(path, &error))?;
        migrate::run(&mut connection, path, jiff::Timestamp::UNIX_EPOCH)?;
        let writer = Writer::start(path, connection, 1024, writer::GATHER)?;
        Ok(Self { writer, readers: None })
    }

    /// Run one unit of work in a durable transaction of its own (shared with its neighbours, undone alone).
    async fn write<T, F>(&self, work: F) -> Result<T, Unavailable>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Unavailable> + Send + 'static,
    {
        self.writer.write(work).await
    }

    /// Run one read on a snapshot.
    async fn read<T, F>(&self, work: F) -> Result<T, Unavailable>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Unavailable> + Send + 'static,
    {
        match &self.readers {
            Some(readers) => readers.read(work),
            None => self.writer.write(work).await,
        }
    }

    /// Run a read that may take long, away from the threads that answer requests.
    async fn read_many<T, F>(&self, work: F) -> Result<T, Unavailable>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Unavailable> + Send + 'static,
    {
        match &self.readers {
            Some(readers) => {
                let readers = Arc::clone(readers);
                let ended = tokio::task::spawn_blocking(move || readers.read(work)).await;
                ended.unwrap_or_else(|error| Err(Unavailable::Failed(error.to_string())))
            }
            None => self.writer.write(work).await,
        }
    }
}
