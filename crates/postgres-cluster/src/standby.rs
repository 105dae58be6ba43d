//! A second server that follows the first one, and the end of the first one: for tests of fail-over.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::binaries::{Account, Binaries};
use crate::server::{Server, run};
use crate::{Cluster, NotStarted, Options};

/// By this name a standby is known to its primary. Not any name will do: `*` is also who makes a copy just now.
const NAME: &str = "standby";

/// Longest wait for a standby to catch up.
const PATIENCE: Duration = Duration::from_secs(60);

/// All processes of a server at once, so that none of them does anything more. Those that are killed are waited for;
/// whose child died may take its time to notice.
const SIGNAL: &str = r#"
postmaster=$(head -n 1 "$2/postmaster.pid") || exit 1
kill -STOP "$postmaster"
children=
for status in /proc/[0-9]*/stat; do
    read -r line 2>/dev/null <"$status" || continue
    set -- "$1" "$2" ${line##*) }
    [ "$4" = "$postmaster" ] && { child=${status%/stat}; children="$children ${child#/proc/}"; }
done
signal=$1
kill "-$signal" "$postmaster" $children
[ "$signal" = KILL ] || exit 0
for process in "$postmaster" $children; do
    while read -r line 2>/dev/null <"/proc/$process/stat"; do
        set -- ${line##*) }
        [ "$1" = Z ] && break
        sleep 0.001
    done
done
"#;

impl Cluster {
    /// Start a server that follows this one: a standby. Commits here wait for it once
    /// [`Cluster::wait_for_standbys`] is on.
    ///
    /// # Errors
    /// [`NotStarted`]; nothing is left behind.
    ///
    /// # Panics
    /// If somebody else runs the cluster.
    pub fn start_standby(&self) -> Result<Self, NotStarted> {
        let binaries = Binaries::find()?;
        let account = self.server().account;
        let server = Server::start_on(&binaries, account, Options { durable: true }, |data| {
            copy(&binaries, account, self.port(), data)?;
            Ok(append(data, &format!("cluster_name = '{NAME}'"))?)
        })?;
        Ok(Self::of(binaries, server))
    }

    /// Make this server, which is down, a standby of another one: on the same port, from a new copy.
    ///
    /// # Errors
    /// [`NotStarted`]; it is down then.
    ///
    /// # Panics
    /// If somebody else runs the cluster.
    pub fn rebuild_from(&self, primary: &Self) -> Result<(), NotStarted> {
        let server = self.server();
        forget(server)?;
        std::fs::remove_dir_all(server.data())?;
        copy(&self.binaries, server.account, primary.port(), &server.data())?;
        server.configure(Options { durable: true })?;
        // A copy that was just made need not survive power loss before it is one: else most of the time goes into that.
        append(&server.data(), &format!("cluster_name = '{NAME}'\nfsync = off"))?;
        server.launch()?;
        append(&server.data(), "fsync = on")?;
        run(&mut server.control("reload"))
    }

    /// Whether a commit here waits until the standby has it on its disk; it holds when this returns. A standby may be
    /// told too, for the time when it is the primary. `synchronous_standby_names`.
    ///
    /// # Panics
    /// If somebody else runs the cluster.
    pub fn wait_for_standbys(&self, wait: bool) {
        let names = if wait { NAME } else { "" };
        self.set("synchronous_standby_names", names);
        // A new session has it from the process that tells all others; the one that makes it hold for everybody has it
        // before its next checkpoint.
        let began = Instant::now();
        while self.sql("postgres", "SHOW synchronous_standby_names") != names {
            assert!(began.elapsed() < PATIENCE, "the setting is not taken over");
        }
        self.sql("postgres", "CHECKPOINT");
    }

    /// Wait until the standby has everything, and every commit from now on waits for it.
    ///
    /// # Panics
    /// If that takes longer than a minute.
    pub fn await_standby(&self) {
        let written = self.sql("postgres", "SELECT pg_current_wal_insert_lsn()");
        // It reports when there is something to write; the message is written here and waits for nobody.
        let ready = format!(
            "SET synchronous_commit = local; SELECT pg_logical_emit_message(true, 'are you there', ''); SELECT count(*)
             FROM pg_stat_replication WHERE sync_state = 'sync' AND flush_lsn >= '{written}'::pg_lsn"
        );
        let began = Instant::now();
        while self.sql("postgres", &ready).ends_with("\n0") {
            assert!(began.elapsed() < PATIENCE, "the standby does not catch up");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// `kill -9` of every process of the server.
    ///
    /// # Panics
    /// If it does not run, or somebody else runs the cluster.
    pub fn kill(&self) {
        self.signal("KILL");
    }

    /// Stop every process of the server where it is; [`Cluster::thaw`] lets them go on. To others it looks as if its
    /// machine hung.
    ///
    /// # Panics
    /// If it does not run, or somebody else runs the cluster.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    /// The end of [`Cluster::freeze`].
    ///
    /// # Panics
    /// If it does not run, or somebody else runs the cluster.
    pub fn thaw(&self) {
        self.signal("CONT");
    }

    fn signal(&self, signal: &str) {
        let server = self.server();
        let mut command = server.account.command("sh");
        command.current_dir("/").args(["-c", SIGNAL, "signal", signal]).arg(server.data());
        run(&mut command).unwrap_or_else(|error| panic!("{error}"));
    }

    /// Make this standby the primary; it takes writes when this returns. `pg_ctl promote`.
    ///
    /// # Panics
    /// If it is none.
    pub fn promote(&self) {
        run(self.server().control("promote").arg("--wait")).unwrap_or_else(|error| panic!("{error}"));
    }
}

/// Later lines of the file win over earlier ones.
fn append(data: &Path, line: &str) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new().append(true).open(data.join("postgresql.conf"))?;
    writeln!(file, "{line}")
}

/// What a killed server leaves behind outside its data: files that hold its place, and memory of the system, named in
/// the seventh line of its file.
fn forget(server: &Server) -> std::io::Result<()> {
    for file in std::fs::read_dir(server.folder())? {
        let file = file?;
        if file.file_name().to_string_lossy().starts_with(".s.PGSQL.") {
            std::fs::remove_file(file.path())?;
        }
    }
    let lock = std::fs::read_to_string(server.data().join("postmaster.pid")).unwrap_or_default();
    if let Some(id) = lock.lines().nth(6).and_then(|line| line.split_whitespace().nth(1)) {
        // If it is gone, so much the better.
        let _ = run(server.account.command("ipcrm").current_dir("/").args(["-m", id]));
    }
    Ok(())
}

/// A copy of a running server that will follow it.
fn copy(binaries: &Binaries, account: Account, port: u16, data: &Path) -> Result<(), NotStarted> {
    let mut command: Command = account.command(binaries.program("pg_basebackup"));
    let from = format!("host=127.0.0.1 port={port} user=postgres");
    command.current_dir("/").args(["--dbname", &from, "--checkpoint=fast", "--wal-method=stream"]);
    run(command.args(["--write-recovery-conf", "--no-sync"]).arg("--pgdata").arg(data))
}
