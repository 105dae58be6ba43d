//! The machine that the figures are of.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What it is, and how quiet it was.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Machine {
    /// Model of the processor.
    pub(crate) processor: String,
    /// Cores this process may use.
    pub(crate) cores: usize,
    /// Memory, MiB.
    pub(crate) memory_mib: u64,
    /// Version of the kernel.
    pub(crate) kernel: String,
    /// Writes of a page followed by fdatasync(2), per second, in the folder of temporary files.
    pub(crate) fdatasync_per_second: f64,
    /// Processes that wanted to run over the last minute before the run: a busy machine makes poor figures.
    pub(crate) load: f64,
}

impl Machine {
    /// Look at it.
    pub(crate) fn look(cores: usize, folder: &Path, time: Duration) -> anyhow::Result<Self> {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let field = |text: &str, name: &str| -> Option<String> {
            let line = text.lines().find(|line| line.starts_with(name))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let memory = field(&read("/proc/meminfo"), "MemTotal").unwrap_or_default();
        let memory: u64 = memory.trim_end_matches(" kB").parse().unwrap_or_default();
        Ok(Self {
            processor: field(&read("/proc/cpuinfo"), "model name").unwrap_or_else(|| "unknown".to_owned()),
            cores,
            memory_mib: memory / 1024,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            fdatasync_per_second: fdatasync(&folder.join("sync"), time)?,
            load: read("/proc/loadavg").split(' ').next().unwrap_or_default().parse().unwrap_or_default(),
        })
    }
}

/// Pages written and made durable per second.
#[expect(clippy::cast_precision_loss, reason = "a rate")]
fn fdatasync(path: &Path, time: Duration) -> anyhow::Result<f64> {
    let mut file = File::create(path).context("the temporary folder")?;
    let (began, mut count) = (Instant::now(), 0u64);
    while began.elapsed() < time {
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        count += 1;
    }
    Ok(count as f64 / began.elapsed().as_secs_f64())
}

/// The clock.
#[expect(clippy::disallowed_methods, reason = "a benchmark is an edge of its own")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}
