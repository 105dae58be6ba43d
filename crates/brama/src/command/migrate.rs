//! `brama migrate`: the schema of the database.

use clap::Args;

use crate::command::Place;
use crate::failure::Failure;
use crate::{boot, database, terminal};

/// What `brama migrate` asks.
#[derive(Debug, Args)]
pub(crate) struct Flags {
    #[command(flatten)]
    place: Place,
    /// Say what would be done and do nothing
    #[arg(long)]
    dry_run: bool,
}

pub(crate) async fn run(flags: &Flags) -> Result<(), Failure> {
    let config = flags.place.load()?.config;
    if flags.dry_run {
        let schema = database::schema(&config).await?;
        if schema.found == 0 {
            terminal::message(&format!("{} does not exist yet\n", config.database.url));
        }
        for step in &schema.pending {
            terminal::data(&format!("would apply {:04} {}\n", step.version, step.name));
        }
        if schema.pending.is_empty() {
            terminal::message("The database is up to date.\n");
        }
        return Ok(());
    }
    // A new database and its key are made together; an old database is never given a new key.
    boot::master_key(&config).await?;
    for step in database::migrate(&config).await? {
        terminal::data(&format!("applied {:04} {}\n", step.version, step.name));
    }
    terminal::message("The database is up to date.\n");
    Ok(())
}
