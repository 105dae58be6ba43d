//! `brama restore`: a backup in the place of the database. It brings back accounts, apps and keys, and nothing that was
//! begun: what was revoked or spent after the backup is not known any more, so everybody signs in again.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use brama_config::{Config, DatabaseUrl, PostgresUrl};
use brama_flows::keys::Purpose;
use brama_store::transfer::{Contents, Target as _};
use brama_store_postgres::transfer::PostgresTarget;
use brama_store_sqlite::transfer::{self as sqlite, Inspection, SqliteSource};
use brama_store_sqlite::{OpenError, SqliteStore};
use clap::Args;
use jiff::Timestamp;
use rustix::fs::{FlockOperation, fcntl_lock};

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
    if let Some(folder) = path.parent() {
        master_key::make_folder(folder)?;
    }
    // Held until the end: no server starts on the old file meanwhile.
    let old = hold(path, replace)?;
    let partial = Partial::create(path)?;
    sqlite::duplicate(file, partial.path())?;
    SqliteStore::migrate(partial.path(), now)?;
    sqlite::sign_everybody_out(partial.path(), now)?;
    sqlite::close_up(partial.path())?;
    let aside = match &old {
        Old::None | Old::Empty(_) => None,
        Old::Sound(_) | Old::Damaged(_) => {
            let aside = beside(path, &now.strftime("before-restore-%Y%m%dT%H%M%S.%3fZ").to_string());
            keep(path, &aside, matches!(old, Old::Damaged(_)))?;
            Some(aside)
        }
    };
    partial.replace(path)?;
    drop(old);
    Ok(aside)
}

/// The database that is there, which nobody can open as long as this value lives.
enum Old {
    /// There is none.
    None,
    /// It has no rows.
    Empty(#[expect(dead_code, reason = "held, never read")] sqlite::Held),
    /// It has rows.
    Sound(#[expect(dead_code, reason = "held, never read")] sqlite::Held),
    /// It cannot be read. SQLite does not touch it any more; this is the file, locked.
    Damaged(#[expect(dead_code, reason = "held, never read")] File),
}

/// Keep the old database for ourselves, if it may be replaced.
fn hold(path: &Path, replace: bool) -> Result<Old, Failure> {
    if !path.try_exists()? {
        return Ok(Old::None);
    }
    let url = DatabaseUrl::Sqlite(path.to_owned());
    // Looking changes nothing; what is damaged is kept as it is.
    let rows = match sqlite::inspect(path) {
        Ok(found) => found.rows,
        Err(OpenError::Unfinished { .. }) => u64::MAX,
        Err(OpenError::Unusable { .. }) if replace => return lock(path, &url).map(Old::Damaged),
        Err(error) => return Err(moving::in_use(&url, error)),
    };
    let held = || sqlite::hold(path).map_err(|error| moving::in_use(&url, error));
    match (rows, replace) {
        (0, _) => held().map(Old::Empty),
        (_, true) => held().map(Old::Sound),
        (_, false) => Err(moving::has_rows(&url, "--replace")),
    }
}

/// The locks of SQLite are those of POSIX: a server that has the file open holds one, be the file damaged or not.
fn lock(path: &Path, url: &DatabaseUrl) -> Result<File, Failure> {
    let file = File::options().read(true).write(true).open(path)?;
    match fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(_) => Err(moving::in_use(url, OpenError::Locked { path: path.to_owned() })),
    }
}

/// Give the old file a second name. What is damaged takes its log along.
fn keep(path: &Path, aside: &Path, damaged: bool) -> Result<(), Failure> {
    if aside.try_exists()? {
        let what = format!("{} exists", aside.display());
        return Err(Trouble::new("B1207", what, "run the command again").into());
    }
    if damaged {
        for more in ["-wal", "-shm"] {
            if with(path, more).try_exists()? {
                fs::rename(with(path, more), with(aside, more))?;
            }
        }
    }
    Ok(fs::hard_link(path, aside).or_else(|_| fs::rename(path, aside))?)
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
