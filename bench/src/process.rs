//! A serving process: started, watched through proc(5), ended.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};

/// The process; it ends with this value.
pub(crate) struct Server {
    child: Child,
    /// From its start to its first 200.
    pub(crate) start: Duration,
}

/// Memory of a process, KiB.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Memory {
    /// Resident now.
    pub(crate) now_kib: u64,
    /// The most that was resident at once.
    pub(crate) most_kib: u64,
}

impl Server {
    /// Start it and wait until it answers the request with 200. What it says goes to `log`.
    pub(crate) fn start(mut command: Command, port: u16, request: &[u8], log: &Path) -> anyhow::Result<Self> {
        let file = File::create(log)?;
        let began = Instant::now();
        let child = command.stdout(file.try_clone()?).stderr(file).spawn().context("the server does not start")?;
        let mut server = Self { child, start: Duration::ZERO };
        while !answers(port, request) {
            if let Some(status) = server.child.try_wait()? {
                bail!("the server ended with {status}:\n{}", fs::read_to_string(log)?);
            }
            if began.elapsed() > Duration::from_secs(60) {
                bail!("the server does not answer:\n{}", fs::read_to_string(log)?);
            }
            std::thread::sleep(Duration::from_micros(500));
        }
        server.start = began.elapsed();
        Ok(server)
    }

    /// CPU time of all its threads so far, by the scheduler's count.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        let mut nanos = 0u64;
        for thread in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            // A thread may end between the two looks.
            let Ok(text) = fs::read_to_string(thread?.path().join("schedstat")) else { continue };
            nanos += on_cpu(&text)?;
        }
        Ok(Duration::from_nanos(nanos))
    }

    /// Resident memory.
    pub(crate) fn memory(&self) -> anyhow::Result<Memory> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let kib = |name: &str| -> anyhow::Result<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).context("no memory in status")?;
            Ok(line.trim_matches([':', ' ', '\t']).trim_end_matches(" kB").parse()?)
        };
        Ok(Memory { now_kib: kib("VmRSS")?, most_kib: kib("VmHWM")? })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// CPU time of the calling thread so far.
pub(crate) fn cpu_of_this_thread() -> anyhow::Result<Duration> {
    Ok(Duration::from_nanos(on_cpu(&fs::read_to_string("/proc/thread-self/schedstat")?)?))
}

/// The first number of schedstat: nanoseconds on a CPU.
fn on_cpu(schedstat: &str) -> anyhow::Result<u64> {
    Ok(schedstat.split(' ').next().unwrap_or_default().parse()?)
}

fn answers(port: u16, request: &[u8]) -> bool {
    let ask = || -> std::io::Result<[u8; 13]> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(request)?;
        let mut answer = [0u8; 13];
        stream.read_exact(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer == *b"HTTP/1.1 200 ")
}

/// A port that nobody listens on now.
pub(crate) fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
