//! The server process and its folder.

use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;

use crate::binaries::{Account, Binaries};
use crate::{NotStarted, Options};

/// Waits until our end of the pipe closes, then stops the server of the folder and removes it. The server's working
/// folder shows that the number in its file is really its own.
const WATCHDOG: &str = r#"
cat >/dev/null
pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null)
if [ -n "$pid" ] && [ "$(readlink "/proc/$pid/cwd")" = "$1/data" ]; then
    kill -QUIT "$pid"
    # It may have been frozen.
    kill -CONT "$pid"
    while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
fi
rm -rf "$1"
"#;

/// A port may be taken between our look and the start of the server.
const ATTEMPTS: u32 = 5;

pub(crate) struct Server {
    folder: TempDir,
    port: u16,
    watchdog: Child,
    pg_ctl: PathBuf,
    pub(crate) account: Account,
}

impl Server {
    pub(crate) fn start(binaries: &Binaries, account: Account, options: Options) -> Result<Self, NotStarted> {
        Self::start_on(binaries, account, options, |data| {
            run(account
                .command(binaries.program("initdb"))
                .args(["--auth=trust", "--encoding=UTF8", "--locale=C", "--username=postgres", "--no-sync"])
                .arg("--pgdata")
                .arg(data))
        })
    }

    /// Start on a folder of data that `fill` makes.
    pub(crate) fn start_on(
        binaries: &Binaries,
        account: Account,
        options: Options,
        fill: impl FnOnce(&Path) -> Result<(), NotStarted>,
    ) -> Result<Self, NotStarted> {
        let folder = tempfile::Builder::new().prefix("brama-postgres-").tempdir()?;
        account.own(folder.path())?;
        fill(&folder.path().join("data"))?;
        let watchdog = watch(account, folder.path())?;
        let mut server = Self { folder, port: 0, watchdog, pg_ctl: binaries.program("pg_ctl"), account };
        for attempt in 1.. {
            server.port = free_port()?;
            server.configure(options)?;
            match server.launch() {
                Ok(()) => break,
                Err(error) if attempt == ATTEMPTS => return Err(error),
                Err(_) => {}
            }
        }
        Ok(server)
    }

    /// Later lines of the file win over earlier ones.
    pub(crate) fn configure(&self, options: Options) -> std::io::Result<()> {
        let mut file = std::fs::OpenOptions::new().append(true).open(self.data().join("postgresql.conf"))?;
        writeln!(
            file,
            "listen_addresses = '127.0.0.1'\nport = {}\nunix_socket_directories = '{}'\nmax_connections = 300\n\
             # What a killed server leaves behind goes with its folder.\ndynamic_shared_memory_type = mmap",
            self.port,
            self.folder.path().display()
        )?;
        if !options.durable {
            writeln!(file, "fsync = off\nsynchronous_commit = off\nfull_page_writes = off")?;
        }
        Ok(())
    }

    pub(crate) fn launch(&self) -> Result<(), NotStarted> {
        let log = self.folder.path().join("log");
        run(self.control("start").arg("--wait").arg("--log").arg(&log)).map_err(|error| match error {
            NotStarted::Program { program, output } => {
                let log = std::fs::read_to_string(&log).unwrap_or_default();
                NotStarted::Program { program, output: format!("{output}\n{log}") }
            }
            other => other,
        })
    }

    pub(crate) fn control(&self, deed: &str) -> Command {
        let mut command = self.account.command(&self.pg_ctl);
        command.current_dir(self.folder.path()).arg(deed).arg("--pgdata").arg(self.data());
        command
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Its pipe closes; it stops the server and removes the folder.
        drop(self.watchdog.stdin.take());
        let _ = self.watchdog.wait();
    }
}

fn watch(account: Account, folder: &Path) -> std::io::Result<Child> {
    account
        .command("sh")
        .args(["-c", WATCHDOG, "watchdog"])
        .arg(folder)
        .current_dir("/")
        // An interrupt from the keyboard is meant for the tests.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
}

/// A port below those that the system gives to outgoing connections: it has to stay free while the server is down.
fn free_port() -> std::io::Result<u16> {
    const FIRST: u16 = 10_000;
    const COUNT: u32 = 9_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let mut failed = None;
    for _ in 0..COUNT {
        let step = NEXT.fetch_add(1, Ordering::Relaxed).wrapping_mul(7);
        let place = std::process::id().wrapping_mul(31).wrapping_add(step) % COUNT;
        let port = FIRST.saturating_add(u16::try_from(place).unwrap_or(0));
        match TcpListener::bind(("127.0.0.1", port)) {
            Ok(_) => return Ok(port),
            Err(error) => failed = Some(error),
        }
    }
    Err(failed.unwrap_or_else(|| std::io::ErrorKind::AddrInUse.into()))
}

pub(crate) fn run(command: &mut Command) -> Result<(), NotStarted> {
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    let program = command.get_program().to_string_lossy().into_owned();
    let said = [output.stdout, output.stderr].concat();
    Err(NotStarted::Program { program, output: String::from_utf8_lossy(&said).into_owned() })
}
