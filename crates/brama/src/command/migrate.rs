//! `brama migrate`: the schema of the database.

use clap::{Args, ValueEnum};

use crate::command::Place;
use crate::database::Schema;
use crate::failure::{Failure, NOT_READY, Trouble};
use crate::{boot, database, terminal};

/// What `brama migrate` asks.
#[derive(Debug, Args)]
pub(crate) struct Flags {
    /// run: bring the database up to date; status: say where it stands, exit code 3 if something is to be run
    #[arg(value_enum, default_value_t = Action::Run)]
    action: Action,
    /// Say what would be done and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Action {
    Run,
    Status,
}

pub(crate) async fn run(flags: &Flags) -> Result<(), Failure> {
    let config = flags.place.load()?.config;
    let url = config.database.url.to_string();
    if flags.action == Action::Status {
        let schema = database::schema(&config).await?;
        terminal::data(&if flags.json { json(&url, &schema) } else { text(&url, &schema) });
        return up_to_date(&url, &schema);
    }
    if flags.dry_run {
        let schema = database::schema(&config).await?;
        if flags.json {
            terminal::data(&json(&url, &schema));
            return Ok(());
        }
        if schema.found == 0 {
            terminal::message(&format!("{url} does not exist yet\n"));
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
    let applied = database::migrate(&config).await?;
    if flags.json {
        terminal::data(&json(&url, &database::schema(&config).await?));
    } else {
        for step in &applied {
            terminal::data(&format!("applied {:04} {}\n", step.version, step.name));
        }
    }
    terminal::message("The database is up to date.\n");
    Ok(())
}

fn text(url: &str, schema: &Schema) -> String {
    let mut text = format!("database  {url}\nfound     {}\nneeded    {}\n", schema.found, schema.needed);
    for step in &schema.pending {
        text.push_str(&format!("pending   {:04} {}\n", step.version, step.name));
    }
    text
}

fn json(url: &str, schema: &Schema) -> String {
    let pending: Vec<_> =
        schema.pending.iter().map(|step| serde_json::json!({ "version": step.version, "name": step.name })).collect();
    let status = serde_json::json!({
        "database": url, "found": schema.found, "needed": schema.needed, "pending": pending,
    });
    format!("{status}\n")
}

/// Exit code 3 while something is to be run.
fn up_to_date(url: &str, schema: &Schema) -> Result<(), Failure> {
    if schema.pending.is_empty() {
        return Ok(());
    }
    let what = format!("the database {url} has schema {}, this version needs {}", schema.found, schema.needed);
    Err(Trouble::new("B1204", what, "run `brama migrate` with the same --config").exit(NOT_READY).into())
}
