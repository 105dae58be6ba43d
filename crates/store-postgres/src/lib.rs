//! The shared backend: PostgreSQL, which any number of nodes use at once. Design §7.
//!
//! An operation answers after its commit. Hot operations are one statement, and rotations that wait at the same time
//! share one (`batch`). Transactions are READ COMMITTED: the guard is inside the statement, and where two statements
//! have to agree the first one locks the row.
//!
//! Locks are taken in this order, so that nobody waits in a circle: user, sessions by id, grants by id. A batch of
//! rotations locks grants by id and waits for nothing else.
//!
//! One file per noun, the same names as in `brama-store`; only here is SQL for PostgreSQL.

mod audit;
mod authorization;
mod batch;
mod catalog;
mod client;
mod column;
mod connection;
mod consent;
mod device;
mod grant;
mod hosts;
mod lease;
mod logout_delivery;
mod migrate;
mod par;
mod pool;
mod registration;
mod replay;
mod revoked_token;
mod rotation;
mod session;
mod signing_key;
mod sweep;
mod throttle;
pub mod transfer;
mod user;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use migrate::{Migration, MigrationStatus};

use crate::batch::Batcher;
use crate::catalog::Listener;
use crate::connection::Target;
use crate::pool::Pool;
use crate::rotation::Rotations;

/// How the backend is set up.
#[derive(Clone)]
pub struct Settings {
    /// `postgres://user:password@host:port,…/database?…`, as libpq has it. With several hosts, writes go to the primary.
    pub url: String,
    /// Most connections of this node, but for one that listens.
    pub pool_max: usize,
    /// Longest wait for one host to answer.
    pub connect_timeout: Duration,
    /// Longest wait for a free connection; beyond it, `Busy`.
    pub acquire_timeout: Duration,
    /// Longest run of a statement; beyond it, `Busy`.
    pub statement_timeout: Duration,
    /// The certificates that the server's has to come from, PEM; none: those that the system trusts.
    pub ca_file: Option<PathBuf>,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The URL may hold a password.
        f.debug_struct("Settings").field("pool_max", &self.pool_max).finish_non_exhaustive()
    }
}

/// Why a database cannot be opened. `hosts` is `host:port,…/database`.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Nobody answers there.
    #[error("cannot reach the database {hosts}: {why}")]
    Unreachable {
        /// Which.
        hosts: String,
        /// What the network says.
        why: String,
    },
    /// The server answers and does not let us in: password, role, database.
    #[error("the database {hosts} refuses us: {why}")]
    Refused {
        /// Which.
        hosts: String,
        /// What the server says.
        why: String,
    },
    /// The server is too old.
    #[error("the database {hosts} is PostgreSQL {found}, this version needs {needed} or newer")]
    TooOldServer {
        /// Which.
        hosts: String,
        /// Its major version.
        found: u32,
        /// The oldest that will do.
        needed: u32,
    },
    /// No host takes writes.
    #[error("the database {hosts} takes no writes: {why}")]
    NotWritable {
        /// Which.
        hosts: String,
        /// Why.
        why: String,
    },
    /// No TLS, or a certificate that is not to be trusted.
    #[error("no trusted connection to the database {hosts}: {why}")]
    Tls {
        /// Which.
        hosts: String,
        /// What is wrong.
        why: String,
    },
    /// A newer version of the server made it.
    #[error("the database {hosts} has schema {found}, this version knows only {known}")]
    TooNew {
        /// Which.
        hosts: String,
        /// Its schema.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// It has to be migrated first.
    #[error("the database {hosts} has schema {found}, this version needs {needed}")]
    Behind {
        /// Which.
        hosts: String,
        /// Its schema.
        found: u32,
        /// Ours.
        needed: u32,
    },
    /// Rows are being copied into it, or a copy was interrupted.
    #[error("the database {hosts} is not whole: a copy into it has not ended")]
    Unfinished {
        /// Which.
        hosts: String,
    },
    /// It has to be nobody's for a while, and others are connected to it.
    #[error("the database {hosts} is in use: {others} other connections")]
    InUse {
        /// Which.
        hosts: String,
        /// How many others there are.
        others: u64,
    },
    /// Anything else.
    #[error("the database {hosts} failed: {why}")]
    Failed {
        /// Which.
        hosts: String,
        /// What happened.
        why: String,
    },
}

/// The PostgreSQL backend.
pub struct PostgresStore {
    pool: Arc<Pool>,
    rotations: Batcher<Rotations>,
    listener: Listener,
}

impl PostgresStore {
    /// Open a database whose schema is current. Connections are made as they are needed, and made again after they
    /// broke; the store need not be opened again.
    ///
    /// # Errors
    /// [`OpenError`]; nothing was changed.
    pub async fn open(settings: &Settings) -> Result<Self, OpenError> {
        let target = Target::new(settings)?;
        let (client, driven) = target.open(settings).await?;
        migrate::require_current(&client, &target).await?;
        transfer::require_whole(&client, &target.hosts).await?;
        driven.close(client).await;
        let pool =
            Pool::new(&target, settings).map_err(|why| OpenError::Failed { hosts: target.hosts.clone(), why })?;
        let pool = Arc::new(pool);
        let rotations = Batcher::start(Rotations { pool: Arc::clone(&pool) });
        let patience = target.patience(settings);
        Ok(Self { pool, rotations, listener: Listener::start(target, patience) })
    }

    /// Bring the schema of a database up to date. Nodes that migrate at once do it one after the other.
    ///
    /// # Errors
    /// [`OpenError`]; each migration is one transaction.
    pub async fn migrate(settings: &Settings, now: jiff::Timestamp) -> Result<Vec<Migration>, OpenError> {
        migrate::run(settings, now).await
    }

    /// What migrating would do.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn migration_status(settings: &Settings) -> Result<MigrationStatus, OpenError> {
        let target = Target::new(settings)?;
        let (client, driven) = target.open(settings).await?;
        let status = migrate::status(&client, &target).await;
        driven.close(client).await;
        status
    }

    /// Every step of the schema, in order.
    #[must_use]
    pub fn all_migrations() -> &'static [Migration] {
        migrate::MIGRATIONS
    }
}
