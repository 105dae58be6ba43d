//! A folder of its own for each test, with a free port, and the commands that are run in it.

use std::fs::{self, File};
use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use brama_postgres_cluster::Cluster;
use tempfile::TempDir;

use super::{Ended, Server};

/// The password of every account that tests make.
pub(crate) const PASSWORD: &str = "lypa-mist-bereza-4821";

/// Longest time any command may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Tests that measure run alone; all others beside each other.
static MACHINE: RwLock<()> = RwLock::new(());

/// A test's share of the machine, held until its folder goes.
#[expect(dead_code, reason = "held, never read")]
enum Turn {
    Beside(RwLockReadGuard<'static, ()>),
    Alone(RwLockWriteGuard<'static, ()>),
}

/// The folder.
pub(crate) struct Scratch {
    folder: TempDir,
    /// Where its server listens, on 127.0.0.1.
    pub(crate) port: u16,
    /// The database of its commands, where it is not a file of the folder.
    database: Option<String>,
    runs: AtomicUsize,
    _turn: Turn,
}

impl Scratch {
    /// A folder beside those of other tests.
    pub(crate) fn new() -> Self {
        Self::with(Turn::Beside(MACHINE.read().unwrap_or_else(PoisonError::into_inner)))
    }

    /// A folder for a test that measures: no other test of this program runs meanwhile.
    pub(crate) fn alone() -> Self {
        Self::with(Turn::Alone(MACHINE.write().unwrap_or_else(PoisonError::into_inner)))
    }

    fn with(turn: Turn) -> Self {
        let database = match std::env::var("BRAMA_TEST_DATABASE").as_deref() {
            Ok("postgres") => Some(Cluster::shared().create_database()),
            Ok("sqlite") | Err(_) => None,
            Ok(other) => panic!("BRAMA_TEST_DATABASE is {other}; expected sqlite or postgres"),
        };
        Self { folder: TempDir::new().unwrap(), port: free_port(), database, runs: AtomicUsize::new(0), _turn: turn }
    }

    /// A folder with a production configuration, a master key and a current database. `more`: further lines.
    pub(crate) fn site(self, more: &str) -> Self {
        let port = self.port;
        let text = format!(
            "public_url = \"http://localhost:{port}\"\ndata_dir = \"data\"\n\n[server]\nlisten = \"127.0.0.1:{port}\"\n\n\
             [throttle]\nexempt_addresses = [\"127.0.0.0/8\"]\n{more}"
        );
        self.write("brama.toml", &text);
        self.run(&["migrate", "-c", "brama.toml"]).succeeded();
        self
    }

    /// Keep its database from being written to by anybody else, until this is dropped; readers go on.
    pub(crate) fn hold_database(&self) -> Box<dyn std::any::Any> {
        let Some(url) = &self.database else {
            let held = rusqlite::Connection::open(self.path("data/brama.db")).unwrap();
            held.execute_batch("BEGIN IMMEDIATE").unwrap();
            return Box::new(held);
        };
        Box::new(Cluster::shared().hold(url))
    }

    /// Whether its database is a file of the folder.
    pub(crate) fn has_database_file(&self) -> bool {
        self.database.is_none()
    }

    /// The address people see.
    pub(crate) fn url(&self) -> String {
        format!("http://localhost:{}", self.port)
    }

    /// The folder itself.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A file of the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Write a file.
    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// Read a file.
    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// A program that runs in the folder, without the variables of whoever runs the tests.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.folder.path()).env_clear().stdin(Stdio::null());
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        if let Some(url) = &self.database {
            command.env("BRAMA_DATABASE_URL", url);
        }
        command
    }

    /// `brama` with these arguments.
    pub(crate) fn brama(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(env!("CARGO_BIN_EXE_brama"));
        command.args(arguments);
        command
    }

    /// Run `brama` to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        self.finish(self.brama(arguments))
    }

    /// Run `brama` to its end, with this on its standard input.
    pub(crate) fn pipe(&self, input: &str, arguments: &[&str]) -> Ended {
        let name = format!("input-{}", self.runs.fetch_add(1, Ordering::Relaxed));
        self.write(&name, input);
        let mut command = self.brama(arguments);
        command.stdin(File::open(self.path(&name)).unwrap());
        let ended = self.finish(command);
        fs::remove_file(self.path(&name)).unwrap();
        ended
    }

    /// Run a command to its end; one that does not end in time fails the test.
    pub(crate) fn finish(&self, mut command: Command) -> Ended {
        let run = self.runs.fetch_add(1, Ordering::Relaxed);
        let names = ["stdout", "stderr"].map(|name| format!("{name}-{run}"));
        let [out, err] = names.each_ref().map(|name| File::create(self.path(name)).unwrap());
        let mut child = command.stdout(out).stderr(err).spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let began = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break Some(status);
            }
            if began.elapsed() > PATIENCE {
                child.kill().unwrap();
                child.wait().unwrap();
                break None;
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        let [stdout, stderr] = names.each_ref().map(|name| self.read(name));
        names.iter().for_each(|name| fs::remove_file(self.path(name)).unwrap());
        assert!(status.is_some(), "{command:?} did not end\n{stdout}\n{stderr}");
        Ended { code: status.and_then(|status| status.code()), stdout, stderr }
    }

    /// Make an account with [`PASSWORD`].
    pub(crate) fn add_user(&self, name: &str) {
        self.pipe(PASSWORD, &["user", "add", name, "--password-stdin", "-c", "brama.toml"]).succeeded();
    }

    /// Register the first-party app `shop` of this server's own origin.
    pub(crate) fn add_shop(&self) {
        let callback = format!("{}/callback", self.url());
        let arguments = ["client", "add", "shop", "--type", "browser", "--first-party", "--redirect-uri", &callback];
        self.run(&[&arguments[..], &["-c", "brama.toml"]].concat()).succeeded();
    }

    /// Start a server and wait until it is ready.
    pub(crate) fn start(&self, arguments: &[&str]) -> Server {
        self.start_under(&[], arguments)
    }

    /// Start a server as the child of another program, which is given the server's command line after its own.
    pub(crate) fn start_under(&self, program: &[&str], arguments: &[&str]) -> Server {
        self.start_at(self.port, program, arguments)
    }

    /// The same for a server whose arguments name another port.
    pub(crate) fn start_at(&self, port: u16, program: &[&str], arguments: &[&str]) -> Server {
        let run = self.runs.fetch_add(1, Ordering::Relaxed);
        Server::start(self.under(program, arguments), port, self.path(&format!("log-{run}")))
    }

    /// `brama` with these arguments, as the child of another program, if one is named.
    pub(crate) fn under(&self, program: &[&str], arguments: &[&str]) -> Command {
        let Some((first, rest)) = program.split_first() else { return self.brama(arguments) };
        let mut command = self.command(first);
        command.args(rest).arg(env!("CARGO_BIN_EXE_brama")).args(arguments);
        command
    }

    /// Start the server of [`Scratch::site`].
    pub(crate) fn serve(&self) -> Server {
        self.start(&["serve", "-c", "brama.toml"])
    }

    /// Make a file with a mode.
    pub(crate) fn write_with_mode(&self, name: &str, text: &str, mode: u32) {
        use std::os::unix::fs::OpenOptionsExt as _;
        let mut options = File::options();
        let mut file = options.write(true).create_new(true).mode(mode).open(self.path(name)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }
}

/// A port below those that the system gives to outgoing connections, so that nothing takes it between now and the start
/// of the server.
fn free_port() -> u16 {
    const FIRST: u16 = 20_000;
    const COUNT: u16 = 12_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let mine = u16::try_from(std::process::id() % u32::from(COUNT)).unwrap();
    for _ in 0..COUNT {
        let step = NEXT.fetch_add(1, Ordering::Relaxed).wrapping_mul(7);
        let port = FIRST + (mine.wrapping_add(step)) % COUNT;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("there is no free port");
}
