//! A private PostgreSQL cluster for tests and measurements: a temporary folder, a free port, gone with the process.
//!
//! Nothing of it outlives the process that started it, however that process ends: a small shell waits at a pipe from
//! us, and when the pipe closes it stops the cluster and removes the folder.
//!
//! Only [`Cluster::start`] answers with an error. Everything else panics: a statement that fails here is a failed test.
#![expect(clippy::panic, reason = "for tests: a panic is how a test fails")]

mod binaries;
mod held;
mod server;
mod standby;

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::binaries::{Account, Binaries};
pub use crate::held::Held;
use crate::server::Server;

/// The variable that names a running cluster for [`Cluster::shared`], as a URL of a superuser.
pub const URL_VARIABLE: &str = "BRAMA_TEST_POSTGRES";

/// How a cluster is set up.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Whether a commit survives power loss, as in production: for measurements. Without it, tests are faster.
    pub durable: bool,
}

/// Why there is no cluster.
#[derive(Debug, thiserror::Error)]
pub enum NotStarted {
    /// Neither `BRAMA_POSTGRES_BIN`, nor `pg_config`, nor `/usr/lib/postgresql` leads to the programs.
    #[error(
        "no PostgreSQL server programs found: run `apt-get install postgresql`, or set BRAMA_POSTGRES_BIN to their folder"
    )]
    NotInstalled,
    /// PostgreSQL refuses to run as root, and there is no user to run it as.
    #[error("PostgreSQL does not run as root, and there is no user `postgres` to run it as")]
    NoAccount,
    /// A folder, a port or a process could not be had.
    #[error("the cluster cannot be set up: {0}")]
    System(#[from] std::io::Error),
    /// One of its programs failed.
    #[error("{program} failed: {output}")]
    Program {
        /// Which.
        program: String,
        /// What it said.
        output: String,
    },
}

/// A running cluster.
pub struct Cluster {
    binaries: Binaries,
    /// Nothing: somebody else runs it.
    server: Option<Server>,
    /// `postgres://user@host:port`
    base: String,
    /// What follows the database name in a URL: nothing, or `?…`.
    parameters: String,
    next: AtomicU32,
}

impl Cluster {
    /// Start a cluster of its own.
    ///
    /// # Errors
    /// [`NotStarted`]; nothing is left behind.
    pub fn start(options: Options) -> Result<Self, NotStarted> {
        let binaries = Binaries::find()?;
        let account = Account::of_servers()?;
        let server = Server::start(&binaries, account, options)?;
        Ok(Self::of(binaries, server))
    }

    fn of(binaries: Binaries, server: Server) -> Self {
        let base = format!("postgres://postgres@127.0.0.1:{}", server.port());
        Self { binaries, server: Some(server), base, parameters: String::new(), next: AtomicU32::new(0) }
    }

    /// The cluster that all tests of this process share: the one of `BRAMA_TEST_POSTGRES`, or one that is started at
    /// the first call and ends with the process. It is not durable.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(|| {
            let cluster = match std::env::var(URL_VARIABLE) {
                Ok(url) => Self::running(&url),
                Err(_) => Self::start(Options::default()),
            };
            cluster.unwrap_or_else(|error| panic!("{error}"))
        })
    }

    /// Use a cluster that somebody else runs.
    fn running(url: &str) -> Result<Self, NotStarted> {
        let (base, parameters) = split(url);
        Ok(Self { binaries: Binaries::find()?, server: None, base, parameters, next: AtomicU32::new(0) })
    }

    /// The URL of a database of this cluster, for its superuser.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("{}/{database}{}", self.base, self.parameters)
    }

    /// Make an empty database of a new name; its URL.
    ///
    /// # Panics
    /// If it cannot be made.
    #[must_use]
    pub fn create_database(&self) -> String {
        self.create("")
    }

    /// Make a copy of a database, given by its name or URL; the URL of the copy. Nobody may be connected to the template.
    ///
    /// # Panics
    /// If it cannot be made.
    #[must_use]
    pub fn create_database_from(&self, template: &str) -> String {
        self.create(&format!(" TEMPLATE \"{}\"", name_of(template)))
    }

    fn create(&self, template: &str) -> String {
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let name = format!("test_{}_{number}", std::process::id());
            match self.try_sql("postgres", &format!("CREATE DATABASE \"{name}\"{template}")) {
                Ok(_) => return self.url(&name),
                // Left by a process of the same number, on a cluster that somebody else runs.
                Err(error) if error.contains("already exists") => {}
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Remove a database, given by its name or URL, whoever is connected to it.
    ///
    /// # Panics
    /// If it cannot be removed.
    pub fn drop_database(&self, database: &str) {
        self.sql("postgres", &format!("DROP DATABASE IF EXISTS \"{}\" WITH (FORCE)", name_of(database)));
    }

    /// Run statements as superuser in a database, given by its name or URL; the rows, columns separated by `|`.
    ///
    /// # Panics
    /// If one fails.
    pub fn sql(&self, database: &str, statements: &str) -> String {
        self.try_sql(database, statements).unwrap_or_else(|error| panic!("{statements}: {error}"))
    }

    fn try_sql(&self, database: &str, statements: &str) -> Result<String, String> {
        let url = self.url(name_of(database));
        let output = Command::new(self.binaries.program("psql"))
            .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"])
            .args(["--dbname", &url, "--command", statements])
            .output()
            .map_err(|error| error.to_string())?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }

    /// Set a server parameter that needs no restart. It takes effect in a moment, for connections made from then on.
    ///
    /// # Panics
    /// If it cannot be set, or somebody else runs the cluster.
    pub fn set(&self, parameter: &str, value: &str) {
        let _ = self.server();
        self.sql("postgres", &format!("ALTER SYSTEM SET {parameter} = '{value}'"));
        self.sql("postgres", "SELECT pg_reload_conf()");
    }

    /// The folder of the cluster: `data`, `log` and the sockets are in it.
    ///
    /// # Panics
    /// If somebody else runs the cluster.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.server().folder()
    }

    /// The port on 127.0.0.1.
    ///
    /// # Panics
    /// If somebody else runs the cluster.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.server().port()
    }

    /// The folder of the programs: `psql`, `pgbench` and the like.
    #[must_use]
    pub fn binaries(&self) -> &Path {
        self.binaries.folder()
    }

    fn server(&self) -> &Server {
        self.server.as_ref().unwrap_or_else(|| panic!("this needs a cluster of its own: {URL_VARIABLE} names another"))
    }
}

/// The name in the URL of a database; a name is its own.
fn name_of(database: &str) -> &str {
    let path = database.split('?').next().unwrap_or(database);
    path.rsplit('/').next().unwrap_or(path)
}

/// A URL without its database: what comes before and what comes after.
fn split(url: &str) -> (String, String) {
    let (path, parameters) =
        url.split_once('?').map_or((url, String::new()), |(path, rest)| (path, format!("?{rest}")));
    let base = match path.split_once("://") {
        Some((scheme, rest)) => format!("{scheme}://{}", rest.split('/').next().unwrap_or(rest)),
        None => path.to_owned(),
    };
    (base, parameters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        for (url, base, parameters) in [
            ("postgres://a:b@h:1/db?x=1", "postgres://a:b@h:1", "?x=1"),
            ("postgres://h", "postgres://h", ""),
            ("postgresql://h1:1,h2:2/", "postgresql://h1:1,h2:2", ""),
        ] {
            assert_eq!(split(url), (base.to_owned(), parameters.to_owned()), "{url}");
        }
        assert_eq!(name_of("postgres://a:b@h:1/db?x=/1"), "db");
        assert_eq!(name_of("db"), "db");
    }
}
