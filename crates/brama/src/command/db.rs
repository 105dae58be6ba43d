//! `brama db`: the database as a whole.

use std::fmt::Write as _;
use std::path::PathBuf;

use brama_config::DatabaseUrl;
use brama_store::transfer::Contents;
use clap::{Args, Subcommand};
use zeroize::Zeroizing;

use crate::command::Place;
use crate::failure::{Failure, Trouble, USAGE};
use crate::moving::copy::{self, Sum};
use crate::moving::{self, Progress, stopped};
use crate::terminal;

/// What can be done with a database as a whole.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Copy everything into another database and compare the two; sessions and grants go on there
    Copy(Copy),
}

/// `brama db copy`.
#[derive(Debug, Args)]
pub(crate) struct Copy {
    /// The database to read: sqlite:PATH or postgres://…; a password that is not in it comes from PGPASSWORD
    from: String,
    /// The database to fill: empty, or part of an earlier copy, which then goes on
    to: String,
    /// Remove everything that is in TO first
    #[arg(long)]
    empty_target: bool,
    /// Configuration file, if PostgreSQL needs database.ca_file or other timeouts [env: BRAMA_CONFIG]
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// What helps when the two are not the same.
const AGAIN: &str = "stop every server that uses FROM, then run the command again with --empty-target";

/// Run a command about a database as a whole.
pub(crate) async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Copy(flags) => copy(&flags).await,
    }
}

async fn copy(flags: &Copy) -> Result<(), Failure> {
    let (from, to) = (parse("FROM", &flags.from)?, parse("TO", &flags.to)?);
    if from == to {
        return Err(unfit(format!("FROM and TO are both {from}")));
    }
    let database = Place { config: flags.config.clone(), ..Place::default() }.load()?.config.database;
    moving::require_there(&from).await?;
    let mut source = moving::source(&from, &database).await?;
    let mut target = moving::target(&to, &database).await?;
    match target.contents().await.map_err(|error| stopped(error, AGAIN))? {
        Contents::Rows if !flags.empty_target => return Err(moving::has_rows(&to, "--empty-target")),
        Contents::PartOfACopy if !flags.empty_target => {
            terminal::message("An earlier copy was interrupted; it goes on.\n");
        }
        Contents::Nothing | Contents::PartOfACopy | Contents::Rows => {}
    }
    let mut progress = Progress::start();
    target.begin(flags.empty_target).await.map_err(|error| stopped(error, AGAIN))?;
    let copied = copy::rows(source.as_mut(), target.as_mut(), &mut progress).await;
    let copied = copied.map_err(|error| stopped(error, AGAIN))?;
    // As the source is now, not as it was when the copy began: what was written meanwhile would be lost.
    drop(source);
    let mut source = moving::source(&from, &database).await?;
    let theirs = copy::sums(source.as_mut(), &mut progress).await.map_err(|error| stopped(error, AGAIN))?;
    let ours = copy::sums(target.as_mut(), &mut progress).await.map_err(|error| stopped(error, AGAIN))?;
    the_same(&from, &theirs, &ours)?;
    target.finish().await.map_err(|error| stopped(error, AGAIN))?;
    let took = progress.end();
    let mut table = String::new();
    for sum in &ours {
        let _ = writeln!(table, "{}  {:>9}  {}", sum.sha256, sum.rows, sum.table);
    }
    terminal::data(&table);
    terminal::message(&format!(
        "\nCopied {copied} rows from {from} to {to} in {:.1} s, {} rows/s; both hold the same rows.\nPoint database.url at the new one and start the server with the same master key: nobody has to sign in again.\n",
        took.as_secs_f64(),
        moving::rate(copied, took),
    ));
    Ok(())
}

/// A database as it was typed; other users of this machine can read what is typed, so a password had better not be.
fn parse(place: &str, text: &str) -> Result<DatabaseUrl, Failure> {
    let url = DatabaseUrl::parse(text).map_err(unfit)?;
    if matches!(url, DatabaseUrl::Sqlite(_)) {
        return Ok(url);
    }
    if has_password(text) {
        terminal::message(&format!(
            "warning: the list of processes shows the password in {place}; leave it out and set PGPASSWORD\n\n"
        ));
        return Ok(url);
    }
    match std::env::var("PGPASSWORD") {
        Ok(password) if !password.is_empty() => {
            let with = Zeroizing::new(with_password(text, &password));
            DatabaseUrl::parse(&with).map_err(unfit)
        }
        _ => Ok(url),
    }
}

/// Whether a URL brings its password along, before its hosts or as a parameter.
fn has_password(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let user = place.rsplit_once('@').map_or("", |(user, _)| user);
    user.contains(':') || query.split('&').any(|pair| pair.starts_with("password="))
}

/// A parameter of the URL, every byte escaped that is not a letter or a digit.
fn with_password(url: &str, password: &str) -> String {
    let mut with = format!("{url}{}password=", if url.contains('?') { '&' } else { '?' });
    for byte in password.bytes() {
        if byte.is_ascii_alphanumeric() {
            with.push(char::from(byte));
        } else {
            let _ = write!(with, "%{byte:02X}");
        }
    }
    with
}

fn unfit(what: String) -> Failure {
    let fix = "name two databases, such as sqlite:/var/lib/brama/brama.db and postgres://brama@db1/brama";
    Trouble::new("B1236", what, fix).exit(USAGE).into()
}

/// Counts and checksums of both sides.
fn the_same(from: &DatabaseUrl, theirs: &[Sum], ours: &[Sum]) -> Result<(), Failure> {
    let differ: Vec<String> = theirs
        .iter()
        .zip(ours)
        .filter(|(theirs, ours)| theirs != ours)
        .map(|(theirs, ours)| format!("{} ({} rows, copied {})", theirs.table, theirs.rows, ours.rows))
        .collect();
    if differ.is_empty() {
        return Ok(());
    }
    let what = format!("the copy is not what {from} holds now: it was written meanwhile");
    Err(Trouble::new("B1237", what, AGAIN).got(differ.join(", ")).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_that_was_typed_is_seen() {
        for url in ["postgres://u:p@h/d", "postgres://u:p@h1:1,h2:2/d?x=y", "postgres://h/d?x=y&password=p"] {
            assert!(has_password(url), "{url}");
        }
        for url in ["postgres://u@h/d", "postgres://h:5432/d", "postgres:///d?host=/run/x&port=5432"] {
            assert!(!has_password(url), "{url}");
        }
    }

    #[test]
    fn a_password_is_added_as_the_driver_reads_it() {
        assert_eq!(with_password("postgres://u@h/d", "a&b ?ї"), "postgres://u@h/d?password=a%26b%20%3F%D1%97");
        assert_eq!(with_password("postgres://u@h/d?x=y", "a"), "postgres://u@h/d?x=y&password=a");
    }
}
