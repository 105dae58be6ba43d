//! `brama backup`: the whole database in one file, while the server runs.

use std::io;
use std::path::{Path, PathBuf};

use brama_config::DatabaseUrl;
use brama_store::transfer::{Source, Target as _};
use brama_store_sqlite::OpenError;
use brama_store_sqlite::transfer::{self as sqlite, SqliteTarget};
use clap::Args;

use crate::command::Place;
use crate::failure::{Failure, Trouble, USAGE};
use crate::moving::file::Partial;
use crate::moving::{self, Progress, copy};
use crate::{edge, terminal};

/// What `brama backup` asks.
#[derive(Debug, Args)]
pub(crate) struct Flags {
    /// The file to write: a SQLite database, whatever the server's own is
    file: PathBuf,
    #[command(flatten)]
    place: Place,
}

pub(crate) async fn run(flags: &Flags) -> Result<(), Failure> {
    let (file, shown) = (&flags.file, flags.file.display());
    let config = flags.place.load()?.config;
    let url = &config.database.url;
    moving::require_there(url).await?;
    let cannot = |error: io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists => exists(file),
        _ => {
            let fix = "choose a file in a folder that this user can write, on a disk with room for it";
            Failure::from(Trouble::new("B1232", format!("cannot write the backup {shown}: {error}"), fix))
        }
    };
    if file.try_exists().map_err(cannot)? {
        return Err(exists(file));
    }
    let began = edge::now();
    let partial = Partial::create(file).map_err(cannot)?;
    match url {
        DatabaseUrl::Sqlite(path) => sqlite::duplicate(path, partial.path()).map_err(|error| unwritten(file, error))?,
        DatabaseUrl::Postgres(_) => {
            let mut source = moving::source(url, &config.database).await?;
            into_file(source.as_mut(), partial.path()).await?;
        }
    }
    // A backup that cannot be read is none.
    let found = sqlite::inspect(partial.path()).map_err(|error| unsound(url, error))?;
    let bytes = std::fs::metadata(partial.path())?.len();
    partial.put(file).map_err(cannot)?;
    terminal::message(&format!(
        "written  {shown}  ({}, {} rows, everything up to {})\n\nThe master key {} is not in it. Without that key the backup opens nothing, and with it\neverything: keep both, apart from each other. `brama restore` puts the backup in place.\n",
        moving::size(bytes),
        found.rows,
        began.strftime("%Y-%m-%d %H:%M:%S UTC"),
        config.secrets.key_file.display(),
    ));
    Ok(())
}

/// Copy one snapshot into a new file of our schema.
async fn into_file(source: &mut dyn Source, path: &Path) -> Result<(), Failure> {
    let mut target = SqliteTarget::open(path, edge::now())?;
    let fix = "run the command again";
    let stopped = |error| moving::stopped(error, fix);
    target.begin(false).await.map_err(stopped)?;
    copy::rows(source, &mut target, &mut Progress::start()).await.map_err(stopped)?;
    target.finish().await.map_err(stopped)?;
    drop(target);
    Ok(sqlite::close_up(path)?)
}

fn exists(file: &Path) -> Failure {
    let what = format!("{} exists; it was not touched", file.display());
    Trouble::new("B1232", what, "choose another file, such as one with the date in its name").exit(USAGE).into()
}

/// What is wrong with the copy is wrong with the database.
fn unsound(url: &DatabaseUrl, error: OpenError) -> Failure {
    match (url, error) {
        (DatabaseUrl::Sqlite(path), OpenError::Unfinished { .. }) => {
            OpenError::Unfinished { path: path.clone() }.into()
        }
        (_, OpenError::Unusable { why, .. }) => {
            let fix = "look at the disk, keep what is there, and restore the newest backup that is sound";
            Trouble::new("B1201", format!("the database {url} is damaged: {why}"), fix).into()
        }
        (_, other) => other.into(),
    }
}

/// The database can be read as long as the server can; what fails is the file.
fn unwritten(file: &Path, error: OpenError) -> Failure {
    match error {
        OpenError::Unusable { why, .. } if !why.contains("not a database") => {
            let what = format!("cannot write the backup {}: {why}", file.display());
            Trouble::new("B1232", what, "look at the room on that disk, and whether the database can be read").into()
        }
        other => other.into(),
    }
}
