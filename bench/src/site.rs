//! A production server of its own: made, filled and started with the commands that an operator uses.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::Serialize;
use tempfile::TempDir;

use crate::process::{Server, free_port};

/// The password of all accounts.
pub(crate) const PASSWORD: &str = "lypa-mist-bereza-4821";
/// The first-party browser app of the server's own origin.
pub(crate) const BROWSER: &str = "shop";
/// A first-party native app.
pub(crate) const NATIVE: &str = "tool";
/// A machine.
pub(crate) const SERVICE: &str = "robot";
/// Where the native app gets its codes.
pub(crate) const CALLBACK: &str = "http://127.0.0.1/callback";
/// Accounts that sign in.
pub(crate) const PEOPLE: usize = 32;

/// The server with what is in it.
pub(crate) struct Site {
    /// The running server.
    pub(crate) server: Server,
    /// The secret of [`SERVICE`].
    pub(crate) secret: String,
    /// The first start, which makes the database and the keys.
    first_start: Duration,
    _folder: TempDir,
}

/// From the start of the process to the first 200, milliseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct StartTimes {
    /// With an empty folder: the database, the master key and the signing keys (RSA among them) are made.
    pub(crate) new_ms: f64,
    /// With what was there.
    pub(crate) existing_ms: f64,
}

/// The name of an account.
pub(crate) fn person(number: usize) -> String {
    format!("person-{}", number % PEOPLE)
}

impl Site {
    /// Make and start it.
    pub(crate) fn open(binary: &Path) -> anyhow::Result<Self> {
        eprintln!("making a server with {PEOPLE} accounts");
        let folder = tempfile::tempdir()?;
        let port = free_port()?;
        let config = format!(
            "public_url = \"http://localhost:{port}\"\ndata_dir = \"data\"\n\n[server]\nlisten = \"127.0.0.1:{port}\"\n\n\
             [throttle]\nexempt_addresses = [\"127.0.0.0/8\"]\n"
        );
        fs::write(folder.path().join("brama.toml"), config)?;
        fs::write(folder.path().join("password"), PASSWORD)?;
        let place = Place { binary, folder: folder.path() };
        let start = || Server::start(place.command(&["serve"]), port, "/readyz", &folder.path().join("log"));
        let first_start = start()?.start;
        for number in 0..PEOPLE {
            place.run(&["user", "add", &person(number), "--password-stdin"])?;
        }
        let own = format!("http://localhost:{port}/callback");
        place.run(&["client", "add", BROWSER, "--type", "browser", "--first-party", "--redirect-uri", &own])?;
        place.run(&["client", "add", NATIVE, "--type", "native", "--first-party", "--redirect-uri", CALLBACK])?;
        let robot = place.run(&["client", "add", SERVICE, "--type", "service", "--scope", "orders:read", "--json"])?;
        let robot: serde_json::Value = serde_json::from_str(&robot)?;
        let secret = robot.get("client_secret").and_then(serde_json::Value::as_str).context("no secret")?.to_owned();
        // The quickest of three starts; each has ended before the next begins.
        let mut quickest = Duration::MAX;
        for _ in 0..2 {
            quickest = quickest.min(start()?.start);
        }
        let mut server = start()?;
        server.start = server.start.min(quickest);
        Ok(Self { server, secret, first_start, _folder: folder })
    }

    /// How long it took to start.
    pub(crate) fn start_times(&self) -> StartTimes {
        StartTimes {
            new_ms: self.first_start.as_secs_f64() * 1000.0,
            existing_ms: self.server.start.as_secs_f64() * 1000.0,
        }
    }
}

/// Where commands are run.
struct Place<'a> {
    binary: &'a Path,
    folder: &'a Path,
}

impl Place<'_> {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.binary);
        command.args(arguments).args(["-c", "brama.toml"]).current_dir(self.folder).env_clear();
        command
    }

    fn run(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let password = File::open(self.folder.join("password"))?;
        let output = self.command(arguments).stdin(Stdio::from(password)).output()?;
        if !output.status.success() {
            bail!("brama {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8(output.stdout)?)
    }
}
