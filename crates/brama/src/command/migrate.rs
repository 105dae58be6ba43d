//! `brama migrate`: the schema of the database.

use brama_store_sqlite::SqliteStore;
use clap::Args;

use crate::command::Place;
use crate::failure::Failure;
use crate::{edge, master_key, terminal};

/// What `brama migrate` asks.
#[derive(Debug, Args)]
pub(crate) struct Flags {
    #[command(flatten)]
    place: Place,
    /// Say what would be done and do nothing
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(flags: &Flags) -> Result<(), Failure> {
    let config = flags.place.load()?.config;
    let path = config.database.url.sqlite_path();
    if flags.dry_run {
        let pending = if path.exists() {
            SqliteStore::migration_status(path)?.pending
        } else {
            terminal::message(&format!("{} does not exist yet\n", path.display()));
            SqliteStore::all_migrations().to_vec()
        };
        for migration in &pending {
            terminal::data(&format!("would apply {:04} {}\n", migration.version, migration.name));
        }
        if pending.is_empty() {
            terminal::message("The database is up to date.\n");
        }
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        master_key::make_folder(folder)?;
    }
    // A new database and its key are made together; an old database is never given a new key.
    crate::boot::master_key(&config)?;
    let applied = SqliteStore::migrate(path, edge::now())?;
    for migration in &applied {
        terminal::data(&format!("applied {:04} {}\n", migration.version, migration.name));
    }
    terminal::message("The database is up to date.\n");
    Ok(())
}
