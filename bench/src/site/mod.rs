//! A production server of its own: configured and started as an operator does it, with as many accounts, sessions and
//! grants in its database as a measurement needs.

mod copy;
mod people;
mod sqlite;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use brama_flows::keys::MasterKey;
use tempfile::TempDir;

pub(crate) use self::copy::Psql;
pub(crate) use self::people::{App, NATIVES, People};
pub(crate) use self::sqlite::Disk;

use self::people::Keys;

use crate::placement::Placement;
use crate::process::{Server, free_port};
use crate::wire::{Place, Request};

/// Everybody's password.
pub(crate) const PASSWORD: &str = "lypa-mist-bereza-4821";
/// The first-party browser app of the server's own origin.
pub(crate) const BROWSER: &str = "shop";
/// A first-party native app.
pub(crate) const NATIVE: &str = "tool";
/// A machine.
pub(crate) const SERVICE: &str = "robot";
/// The machine's secret: 32 bytes in base64url, as the server makes them.
pub(crate) const SECRET: [u8; 32] = *b"a secret of the benchmark: robot";
/// Where the native app gets its codes.
pub(crate) const CALLBACK: &str = "https://tool.example.com/callback";

/// Where the data of a site are.
pub(crate) enum Database<'a> {
    /// A SQLite file in the site's folder.
    Sqlite,
    /// A new database of a PostgreSQL cluster.
    Postgres(Psql<'a>),
}

/// A server's folder with what is in it. Nobody runs yet.
pub(crate) struct Site {
    binary: PathBuf,
    folder: TempDir,
    port: u16,
    /// Where it is when it runs.
    pub(crate) place: Place,
    /// Who is in it, and with which tokens.
    pub(crate) people: Rc<People>,
    /// From its first start, on an empty folder, to its first token.
    pub(crate) first_start: Duration,
    /// What its rows need on the disk; nothing for PostgreSQL.
    pub(crate) disk: Option<Disk>,
}

/// The machine's secret as it is sent.
pub(crate) fn secret() -> String {
    URL_SAFE_NO_PAD.encode(SECRET)
}

impl Site {
    /// Make it: configuration, keys, clients, and `count` accounts, each with a session and a grant of [`BROWSER`].
    pub(crate) fn make(
        binary: &Path,
        count: u64,
        database: &Database<'_>,
        placement: &Placement,
    ) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("brama-bench-").tempdir()?;
        let port = free_port()?;
        fs::write(folder.path().join("brama.toml"), configuration(port, folder.path(), database))?;
        fs::write(folder.path().join("robot.secret"), secret())?;
        let mut site = Self {
            binary: binary.to_owned(),
            place: Place::local(port),
            people: Rc::new(People::none()),
            first_start: Duration::ZERO,
            disk: None,
            folder,
            port,
        };
        let server = site.start(placement)?;
        site.first_start = server.start;
        drop(server);
        site.people = Rc::new(People::new(count, site.keys()?));
        match database {
            Database::Sqlite => site.disk = Some(sqlite::fill(&site.database_file(), &site.people)?),
            Database::Postgres(psql) => copy::fill(psql, &site.people)?,
        }
        Ok(site)
    }

    /// Start the server and wait for its first token: a client credentials grant that was answered 200.
    pub(crate) fn start(&self, placement: &Placement) -> anyhow::Result<Server> {
        let mut command = placement.server(&self.binary);
        command.args(["serve", "--migrate", "-c", "brama.toml"]).current_dir(self.folder.path());
        clean(&mut command);
        let log = self.folder.path().join("log");
        Server::start(command, self.port, &client_credentials(&self.place), &log)
    }

    fn database_file(&self) -> PathBuf {
        self.folder.path().join("data/brama.db")
    }

    /// The keys of the server, so that a million people need not sign in.
    fn keys(&self) -> anyhow::Result<Keys> {
        let text = fs::read_to_string(self.folder.path().join("data/master.key")).context("the master key")?;
        let bytes = STANDARD.decode(text.trim())?;
        let bytes: [u8; 32] = bytes.as_slice().try_into().context("a master key has 32 bytes")?;
        Keys::of(&MasterKey::new(bytes).context("the master key")?)
    }
}

/// Settings of the shell must not reach the server; only the path to programs does.
fn clean(command: &mut Command) {
    command.env_clear();
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
}

/// The request for a first token.
pub(crate) fn client_credentials(place: &Place) -> Vec<u8> {
    Request::form(place, "/oauth2/token", &[("grant_type", "client_credentials")]).basic(SERVICE, &secret()).bytes()
}

/// What an API asks about a token that it got.
pub(crate) fn introspection(place: &Place, token: &str) -> Vec<u8> {
    Request::form(place, "/oauth2/introspect", &[("token", token)]).basic(SERVICE, &secret()).bytes()
}

/// Defaults but for the limits on one address and one session, from which all the load comes, and the life of the access tokens that
/// the measurement of userinfo carries through a long run.
fn configuration(port: u16, folder: &Path, database: &Database<'_>) -> String {
    let url = match database {
        Database::Sqlite => String::new(),
        Database::Postgres(psql) => format!("[database]\nurl = \"{}\"\n\n", psql.url),
    };
    let secret_file = folder.join("robot.secret");
    format!(
        "public_url = \"http://localhost:{port}\"\ndata_dir = \"data\"\n\n[server]\nlisten = \"127.0.0.1:{port}\"\n\n\
         {url}[throttle]\nexempt_addresses = [\"127.0.0.0/8\"]\nauthorize_requests_per_minute = 1000000\n\n[tokens]\naccess_token_ttl = \"60m\"\n\n\
         [[clients]]\nid = \"{BROWSER}\"\ntype = \"browser\"\nfirst_party = true\n\
         redirect_uris = [\"http://localhost:{port}/callback\"]\n\n\
         [[clients]]\nid = \"{NATIVE}\"\ntype = \"native\"\nfirst_party = true\nredirect_uris = [\"{CALLBACK}\"]\n\n\
         [[clients]]\nid = \"{SERVICE}\"\ntype = \"service\"\nscopes = [\"orders:read\"]\n\
         serves = [\"http://localhost:{port}/api\"]\nsecret_file = \"{}\"\n",
        secret_file.display()
    )
}
