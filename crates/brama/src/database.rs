//! The database that the configuration names: which backend it is, whether it is there, its schema, and opening it.

use std::path::Path;
use std::sync::Arc;

use brama_config::{Config, Database, DatabaseUrl, PostgresUrl};
use brama_store::Store;
use brama_store_postgres::PostgresStore;
use brama_store_sqlite::SqliteStore;

use crate::failure::{Failure, NOT_READY, Trouble};
use crate::{edge, master_key};

/// What may happen to a database that is not up to date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Migrate {
    /// Migrate it: development, or `--migrate`.
    Always,
    /// Make a new one; refuse one that is behind.
    OnlyNew,
}

/// One step of the schema, of either backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// Its number, from 1.
    pub(crate) version: u32,
    /// Its name.
    pub(crate) name: &'static str,
}

/// Where a database stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Schema {
    /// The schema it has; 0 for none.
    pub(crate) found: u32,
    /// The schema this version needs.
    pub(crate) needed: u32,
    /// What is to be run.
    pub(crate) pending: Vec<Step>,
}

fn sqlite_steps(migrations: &[brama_store_sqlite::Migration]) -> Vec<Step> {
    migrations.iter().map(|migration| Step { version: migration.version, name: migration.name }).collect()
}

fn postgres_steps(migrations: &[brama_store_postgres::Migration]) -> Vec<Step> {
    migrations.iter().map(|migration| Step { version: migration.version, name: migration.name }).collect()
}

/// How a PostgreSQL database is opened.
pub(crate) fn postgres(database: &Database, url: &PostgresUrl) -> brama_store_postgres::Settings {
    brama_store_postgres::Settings {
        url: url.reveal().to_owned(),
        pool_max: database.pool_max,
        connect_timeout: database.connect_timeout,
        acquire_timeout: database.acquire_timeout,
        statement_timeout: database.statement_timeout,
        ca_file: database.ca_file.clone(),
    }
}

/// Where the database stands; one that is not there has nothing.
pub(crate) async fn schema(config: &Config) -> Result<Schema, Failure> {
    match &config.database.url {
        DatabaseUrl::Sqlite(path) if !path.exists() => {
            let pending = sqlite_steps(SqliteStore::all_migrations());
            Ok(Schema { found: 0, needed: pending.last().map_or(0, |step| step.version), pending })
        }
        DatabaseUrl::Sqlite(path) => {
            let status = SqliteStore::migration_status(path)?;
            Ok(Schema { found: status.found, needed: status.needed, pending: sqlite_steps(&status.pending) })
        }
        DatabaseUrl::Postgres(url) => {
            let status = PostgresStore::migration_status(&postgres(&config.database, url)).await?;
            Ok(Schema { found: status.found, needed: status.needed, pending: postgres_steps(&status.pending) })
        }
    }
}

/// Bring the schema up to date, making the database file if there is none. What was applied.
pub(crate) async fn migrate(config: &Config) -> Result<Vec<Step>, Failure> {
    match &config.database.url {
        DatabaseUrl::Sqlite(path) => {
            make_folder_of(path)?;
            Ok(sqlite_steps(&SqliteStore::migrate(path, edge::now())?))
        }
        DatabaseUrl::Postgres(url) => {
            let applied = PostgresStore::migrate(&postgres(&config.database, url), edge::now()).await?;
            Ok(postgres_steps(&applied))
        }
    }
}

/// Open the database of a server.
pub(crate) async fn open(config: &Config, migrate_: Migrate) -> Result<Arc<dyn Store>, Failure> {
    if migrate_ == Migrate::Always || is_new(config).await? {
        migrate(config).await?;
    }
    let database = &config.database;
    match &database.url {
        DatabaseUrl::Sqlite(path) => Ok(Arc::new(SqliteStore::open(&brama_store_sqlite::Settings {
            path: path.clone(),
            group_commit_max: database.group_commit_max,
            readers: database.readers,
        })?)),
        DatabaseUrl::Postgres(url) => Ok(Arc::new(PostgresStore::open(&postgres(database, url)).await?)),
    }
}

/// Open the database for a command that must not make one.
pub(crate) async fn open_existing(config: &Config) -> Result<Arc<dyn Store>, Failure> {
    if is_new(config).await? {
        let what = format!("there is no database {}", config.database.url);
        let fix = "start `brama dev` here once, or name the server's configuration with --config";
        return Err(Trouble::new("B1209", what, fix).exit(NOT_READY).into());
    }
    open(config, Migrate::OnlyNew).await
}

/// Whether nothing was ever stored there: no file, or no schema.
pub(crate) async fn is_new(config: &Config) -> Result<bool, Failure> {
    match &config.database.url {
        DatabaseUrl::Sqlite(path) => Ok(!path.exists()),
        DatabaseUrl::Postgres(_) => Ok(schema(config).await?.found == 0),
    }
}

fn make_folder_of(path: &Path) -> Result<(), Failure> {
    path.parent().map_or(Ok(()), master_key::make_folder)
}
