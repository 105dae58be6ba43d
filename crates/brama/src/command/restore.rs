//! `brama restore`: a backup in the place of the database. It brings back accounts, apps and keys, and nothing that was
//! begun: what was revoked or spent after the backup is not known any more, so everybody signs in again.

use std::fs;
use std::path::{Path, PathBuf};

use brama_config::{Config, DatabaseUrl, PostgresUrl};
use brama_flows::keys::Purpose;
use brama_store::transfer::{Contents, Target as _};
use brama_store_postgres::transfer::PostgresTarget;
use brama_store_sqlite::transfer::{self as sqlite, Inspection, SqliteSource};
use brama_store_sqlite::{OpenError, SqliteStore};
use clap::Args;
use jiff::Timestamp;

use crate::command::Place;
use crate::database::postgres;
use crate::failure::{Failure, Trouble};
use crate::moving::file::{Partial, beside, with};
use crate::moving::{self, Progress, copy};
use crate::{edge, master_key, terminal};

/// What `brama restore` asks.
#[derive(Debug, Args)]
pub(crate) struct Flags {
    /// A file that `brama backup` wrote; it stays as it is
    file: PathBuf,
    /// Replace a database that has rows; an old SQLite file is kept beside the new one
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    place: Place,
}

pub(crate) async fn run(flags: &Flags) -> Result<(), Failure> {
    let config = flags.place.load()?.config;
    let backup = look(&flags.file)?;
    the_key_fits(&config, &backup)?;
    let now = edge::now();
    let kept = match &config.database.url {
        DatabaseUrl::Sqlite(path) => into_sqlite(&flags.file, path, flags.replace, now)?,
        DatabaseUrl::Postgres(url) => {
            into_postgres(&flags.file, &config, url, flags.replace, now).await?;
            None
        }
    };
    let kept =
        kept.map_or_else(String::new, |path| format!("The database that was there is now {}.\n", path.display()));
    terminal::message(&format!(
        "restored  {}  ({} rows) into {}\n\n{kept}Everybody has to sign in again. What was changed after the backup is as it was then: look for accounts that were\nlocked, passwords that were changed and apps that were removed since, before you start the server.\n",
        flags.file.display(),
        backup.rows,
        config.database.url,
    ));
    Ok(())
}

/// The backup is sound, ours and not newer than we are.
fn look(file: &Path) -> Result<Inspection, Failure> {
    let shown = file.display();
    let no_backup = |what: String| {
        let fix = "name a file that `brama backup` wrote, and that arrived whole";
        Failure::from(Trouble::new("B1233", what, fix))
    };
    if !file.is_file() {
        return Err(no_backup(format!("there is no file {shown}")));
    }
    let found = sqlite::inspect(file).map_err(|error| match error {
        OpenError::Unusable { why, .. } => no_backup(format!("{shown} is no sound backup: {why}")),
        other => other.into(),
    })?;
    match found.schema {
        None => Err(no_backup(format!("{shown} is a database, but not one of this server"))),
        Some(schema) if schema > newest() => {
            let path = file.to_owned();
            Err(OpenError::TooNew { path, found: schema, known: newest() }.into())
        }
        Some(_) => Ok(found),
    }
}

fn newest() -> u32 {
    SqliteStore::all_migrations().last().map_or(0, |migration| migration.version)
}

/// Nothing is touched before it is known that the server can use what it gets. SK-1.
fn the_key_fits(config: &Config, backup: &Inspection) -> Result<(), Failure> {
    let path = &config.secrets.key_file;
    let master = master_key::read(path)?;
    let fits = match &backup.master_key_check {
        // No server has used that database yet.
        None => true,
        Some(check) => master.derive(Purpose::Check).is_some_and(|ours| ours.as_slice() == check.as_slice()),
    };
    if fits {
        return Ok(());
    }
    let what = format!("the master key {} is not the one of this backup", path.display());
    let fix =
        "put the key file that was kept for this backup in its place, or set secrets.key_file; nothing was changed";
    Err(Trouble::new("B1302", what, fix).into())
}

/// Make the new file beside the old one, then let them change places. Where the old one is now.
fn into_sqlite(file: &Path, path: &Path, replace: bool, now: Timestamp) -> Result<Option<PathBuf>, Failure> {
    let url = DatabaseUrl::Sqlite(path.to_owned());
    if let Some(folder) = path.parent() {
        master_key::make_folder(folder)?;
    }
    let old = path.try_exists()?;
    // Held until the end: no server starts on the old file meanwhile.
    let held = if old { hold(path, replace)? } else { None };
    let empty = held.as_ref().map(sqlite::Held::rows).transpose()? == Some(0);
    let kept = old && !empty;
    if kept && !replace {
        return Err(moving::has_rows(&url, "--replace"));
    }
    let partial = Partial::create(path)?;
    sqlite::duplicate(file, partial.path())?;
    SqliteStore::migrate(partial.path(), now)?;
    sqlite::sign_everybody_out(partial.path(), now)?;
    sqlite::close_up(partial.path())?;
    let aside = beside(path, &now.strftime("before-restore-%Y%m%dT%H%M%SZ").to_string());
    if kept {
        if aside.try_exists()? {
            let what = format!("{} exists", aside.display());
            return Err(Trouble::new("B1207", what, "wait a second, then run the command again").into());
        }
        if held.is_none() {
            // A damaged database takes its log along.
            for more in ["-wal", "-shm"] {
                if with(path, more).try_exists()? {
                    fs::rename(with(path, more), with(&aside, more))?;
                }
            }
        }
        fs::hard_link(path, &aside).or_else(|_| fs::rename(path, &aside))?;
    }
    partial.replace(path)?;
    drop(held);
    Ok(kept.then_some(aside))
}

/// Everything in one transaction: the database is the old one or the restored one, never a part.
async fn into_postgres(
    file: &Path,
    config: &Config,
    url: &PostgresUrl,
    replace: bool,
    now: Timestamp,
) -> Result<(), Failure> {
    let stopped = |error| moving::stopped(error, "look at the message; nothing was changed");
    let mut target = PostgresTarget::open(&postgres(&config.database, url), now).await?;
    if !replace && target.contents().await.map_err(stopped)? != Contents::Nothing {
        return Err(moving::has_rows(&config.database.url, "--replace"));
    }
    // The backup stays as it is: what is read is a copy of it, with our schema.
    let partial = Partial::create(file).map_err(|error| {
        let what = format!("cannot write beside {}: {error}", file.display());
        Trouble::new("B1233", what, "put the backup into a folder that this user can write")
    })?;
    sqlite::duplicate(file, partial.path())?;
    SqliteStore::migrate(partial.path(), now)?;
    let mut source = SqliteSource::open(partial.path())?;
    target.begin_restore().await.map_err(stopped)?;
    copy::rows(&mut source, &mut target, &mut Progress::start()).await.map_err(stopped)?;
    target.restored(now).await.map_err(stopped)
}

/// Keep the old database for ourselves. One that is damaged cannot be kept, and may be replaced all the same.
fn hold(path: &Path, replace: bool) -> Result<Option<sqlite::Held>, Failure> {
    match sqlite::hold(path) {
        Ok(held) => Ok(Some(held)),
        Err(OpenError::Unusable { .. }) if replace => Ok(None),
        Err(error) => Err(moving::in_use(&DatabaseUrl::Sqlite(path.to_owned()), error)),
    }
}
