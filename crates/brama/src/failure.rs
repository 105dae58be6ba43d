//! What stops a command: what happened, what was found, what to do, a code. Exit codes: 1 failed, 2 usage or
//! configuration, 3 not ready.

use std::fmt;
use std::process::ExitCode;

use brama_config::Problem;
use brama_flows::admin::CannotChange;
use brama_flows::keys::KeyringError;
use brama_store::Unavailable;
use brama_store_sqlite::OpenError;

use crate::terminal;

/// Why a command stopped.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The configuration has mistakes; all of them.
    Configuration(Vec<Problem>),
    /// Anything else.
    Other(Box<Trouble>),
}

/// One trouble, in the form that people see.
#[derive(Debug)]
pub(crate) struct Trouble {
    code: &'static str,
    what: String,
    got: Option<String>,
    fix: String,
    exit: u8,
}

/// A trouble of usage or configuration.
pub(crate) const USAGE: u8 = 2;
/// Something has to be done first.
pub(crate) const NOT_READY: u8 = 3;

impl Trouble {
    /// What happened and what to do.
    pub(crate) fn new(code: &'static str, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { code, what: what.into(), got: None, fix: fix.into(), exit: 1 }
    }

    /// What was found.
    pub(crate) fn got(mut self, got: impl Into<String>) -> Self {
        self.got = Some(got.into());
        self
    }

    /// Another exit code than 1.
    pub(crate) fn exit(mut self, exit: u8) -> Self {
        self.exit = exit;
        self
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        Self::Other(Box::new(trouble))
    }
}

impl From<Vec<Problem>> for Failure {
    fn from(problems: Vec<Problem>) -> Self {
        Self::Configuration(problems)
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        let what = error.to_string();
        match error {
            OpenError::Unusable { path, why } if why.contains("not a database") || why.contains("malformed") => {
                let shown = path.display();
                let fix = format!(
                    "restore {shown} from your backup; to start over, move the file away: mv {shown} {shown}.broken"
                );
                Trouble::new("B1201", what, fix)
            }
            OpenError::Unusable { path, why } if why.contains("full") || why.contains("I/O error") => {
                let fix = format!(
                    "look at the free space and at the limits for {} (`df`, `ulimit -f`), and at the log of the kernel for \
                     errors of its disk",
                    path.display()
                );
                Trouble::new("B1201", what, fix)
            }
            OpenError::Unusable { path, why } if why.contains("readonly") => {
                let fix = format!(
                    "make {0}, its folder and {0}-wal writable for this user; if the whole file system is read-only, look at \
                     the log of the kernel: it may have failed",
                    path.display()
                );
                Trouble::new("B1201", what, fix)
            }
            OpenError::Unusable { path, .. } => {
                let folder = path.parent().map(|folder| folder.display().to_string()).unwrap_or_default();
                let fix =
                    format!("make {folder} a folder that this user can write, or set --data-dir or --database-url");
                Trouble::new("B1201", what, fix)
            }
            OpenError::Locked { path } => Trouble::new(
                "B1202",
                what,
                format!(
                    "find who holds it (`fuser {}`) and stop it; one server owns a SQLite database",
                    path.display()
                ),
            ),
            OpenError::TooNew { .. } => Trouble::new(
                "B1203",
                what,
                "run the newer version of brama, or restore a backup made before the upgrade",
            ),
            OpenError::Behind { .. } => {
                Trouble::new("B1204", what, "run `brama migrate` with the same --config, then start again")
                    .exit(NOT_READY)
            }
            OpenError::Unfinished { .. } => {
                let fix = "run the same `brama db copy` again: it goes on where it was interrupted";
                Trouble::new("B1231", what, fix).exit(NOT_READY)
            }
        }
        .into()
    }
}

impl From<brama_store_postgres::OpenError> for Failure {
    fn from(error: brama_store_postgres::OpenError) -> Self {
        use brama_store_postgres::OpenError as E;
        let what = error.to_string();
        match error {
            E::Unreachable { .. } => {
                Trouble::new("B1221", what, "start the database, and look at host and port of database.url")
            }
            E::Refused { .. } => {
                Trouble::new("B1222", what, "look at user, password and database name of database.url")
            }
            E::TooOldServer { .. } => Trouble::new("B1223", what, "upgrade PostgreSQL"),
            E::NotWritable { .. } => {
                let fix = "name the primary, or all hosts of the cluster: postgres://user@db1,db2/brama";
                Trouble::new("B1224", what, fix)
            }
            E::Tls { .. } => {
                let fix = "set database.ca_file to the authority of its certificate, and use the host name that is in it";
                Trouble::new("B1225", what, fix)
            }
            E::TooNew { .. } => Trouble::new(
                "B1203",
                what,
                "run the newer version of brama, or restore a backup made before the upgrade",
            ),
            E::Behind { .. } => {
                Trouble::new("B1204", what, "run `brama migrate` with the same --config, then start again")
                    .exit(NOT_READY)
            }
            E::Unfinished { .. } => {
                let fix = "run the same `brama db copy` again: it goes on where it was interrupted";
                Trouble::new("B1231", what, fix).exit(NOT_READY)
            }
            E::InUse { .. } => {
                let fix = "stop every server and close every other connection to it (`SELECT pid, application_name FROM pg_stat_activity` names them)";
                Trouble::new("B1234", what, fix)
            }
            E::Failed { .. } => Trouble::new("B1205", what, "look at the log of the database, then try again"),
        }
        .into()
    }
}

impl From<Unavailable> for Failure {
    fn from(error: Unavailable) -> Self {
        Trouble::new("B1205", error.to_string(), "look at the disk and at who else uses the database, then try again")
            .into()
    }
}

impl From<KeyringError> for Failure {
    fn from(error: KeyringError) -> Self {
        match error {
            KeyringError::Store(error) => error.into(),
            other => {
                Trouble::new("B1302", other.to_string(), "start with the master key this database was made with").into()
            }
        }
    }
}

impl From<brama_protocol::error::Refusal> for Failure {
    fn from(refusal: brama_protocol::error::Refusal) -> Self {
        Trouble::new("B1206", refusal.to_string(), "look at the message above; nothing was changed").into()
    }
}

impl From<CannotChange> for Failure {
    fn from(error: CannotChange) -> Self {
        let what = error.to_string();
        match error {
            CannotChange::PasswordTooLong => {
                Trouble::new("B4203", what, "choose a shorter one; a long sentence is fine").exit(USAGE)
            }
            CannotChange::Password(_) => {
                let fix = "choose a longer one, such as four words that do not belong together";
                Trouble::new("B4203", what, fix).exit(USAGE)
            }
            CannotChange::NameTaken => Trouble::new("B4206", what, "see `brama user list`, or choose another name"),
            CannotChange::NoSuchUser => Trouble::new("B4204", what, "see `brama user list`"),
            CannotChange::Refused(refusal) => return refusal.into(),
        }
        .into()
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Trouble::new(
            "B1207",
            format!("the operating system refused: {error}"),
            "look at file modes, disk space and limits",
        )
        .into()
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.what)?;
        if let Some(got) = &self.got {
            write!(f, "\n      got       {got}")?;
        }
        write!(f, "\n      fix       {}", self.fix)
    }
}

impl Failure {
    /// Tell the terminal, and end with the right exit code.
    pub(crate) fn report(&self) -> ExitCode {
        match self {
            Self::Configuration(problems) => {
                for problem in problems {
                    terminal::message(&format!("{problem}\n\n"));
                }
                let count = problems.len();
                terminal::message(&format!(
                    "{count} problem{} in the configuration\n",
                    if count == 1 { "" } else { "s" }
                ));
                ExitCode::from(USAGE)
            }
            Self::Other(trouble) => {
                terminal::message(&format!("{trouble}\n"));
                ExitCode::from(trouble.exit)
            }
        }
    }
}
