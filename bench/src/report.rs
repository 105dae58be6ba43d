//! The table and the JSON.

use std::fmt;
use std::fs;
use std::path::Path;

use serde::Serialize;

use crate::load::Plan;
use crate::measured::Measured;
use crate::operations::Operation;
use crate::site::StartTimes;

/// All figures of a run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    version: &'static str,
    machine: Machine,
    seconds: f64,
    rounds: u32,
    /// Empty: everything was measured.
    only: Vec<String>,
    pub(crate) start: StartTimes,
    pub(crate) idle_kib: u64,
    pub(crate) loaded_kib: u64,
    pub(crate) peak_kib: u64,
    pub(crate) operations: Vec<Operation>,
    pub(crate) ceilings: Vec<Measured>,
}

#[derive(Debug, Serialize)]
struct Machine {
    cores: usize,
    processor: String,
    /// Processes that wanted to run when the run began, over the last minute: a busy machine makes poor figures.
    load: String,
}

fn machine() -> Machine {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split_once(':'));
    Machine {
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        processor: model.map_or("unknown", |(_, name)| name.trim()).to_owned(),
        load: read("/proc/loadavg").split(' ').next().unwrap_or_default().to_owned(),
    }
}

impl Report {
    pub(crate) fn new(only: &[String], plan: Plan, rounds: u32) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            machine: machine(),
            seconds: plan.time.as_secs_f64(),
            rounds,
            only: only.to_vec(),
            start: StartTimes::default(),
            idle_kib: 0,
            loaded_kib: 0,
            peak_kib: 0,
            operations: Vec::new(),
            ceilings: Vec::new(),
        }
    }

    /// Write the JSON.
    pub(crate) fn write(&self, path: &Path) -> anyhow::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        Ok(fs::write(path, serde_json::to_vec_pretty(self)?)?)
    }

    /// The least CPU time that an operation can take: the sum of its parts.
    fn least(&self, operation: &Operation) -> Option<f64> {
        let of =
            |part: &&str| self.ceilings.iter().find(|ceiling| ceiling.name == **part).map(|ceiling| ceiling.cpu_us);
        operation.parts.iter().map(of).sum()
    }
}

/// Microseconds, in the unit that reads best.
fn time(micros: f64) -> String {
    match micros {
        m if m >= 1e6 => format!("{:.2} s", m / 1e6),
        m if m >= 1e3 => format!("{:.1} ms", m / 1e3),
        m if m >= 100.0 => format!("{m:.0} µs"),
        m => format!("{m:.1} µs"),
    }
}

fn row(f: &mut fmt::Formatter<'_>, measured: &Measured, last: &str) -> fmt::Result {
    let Measured { name, at_once, per_second, p50_us, p99_us, max_us, cpu_us } = measured;
    let [p50, p99, max, cpu] = [*p50_us, *p99_us, *max_us, *cpu_us].map(time);
    writeln!(f, "{name:21} {at_once:>7} {per_second:>9.0} {p50:>9} {p99:>9} {max:>9} {cpu:>9}  {last}")
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Machine { cores, processor, load } = &self.machine;
        let (seconds, rounds) = (self.seconds, self.rounds);
        writeln!(f, "\n{cores} × {processor}, load {load} at the beginning; best of {rounds} × {seconds} s each\n")?;
        let head = ["at once", "/s", "p50", "p99", "max", "CPU"];
        let [at_once, per_second, p50, p99, max, cpu] = head;
        let columns = format!("{at_once:>7} {per_second:>9} {p50:>9} {p99:>9} {max:>9} {cpu:>9}");
        writeln!(f, "{:21} {columns}  {:>9} {:>7}", "operation", "least", "")?;
        for operation in &self.operations {
            let least = self.least(operation).map_or_else(String::new, |least| {
                format!("{:>9} {:>5.0} %", time(least), least / operation.measured.cpu_us * 100.0)
            });
            row(f, &operation.measured, &least)?;
        }
        writeln!(f, "\n{:21} {columns}", "ceiling")?;
        for ceiling in &self.ceilings {
            row(f, ceiling, "")?;
        }
        let mib = |kib: u64| kib.div_ceil(1024);
        writeln!(
            f,
            "\nmemory: {} MiB idle, {} MiB after this load, {} MiB at most",
            mib(self.idle_kib),
            mib(self.loaded_kib),
            mib(self.peak_kib)
        )?;
        writeln!(
            f,
            "start to first 200: {:.0} ms; {:.0} ms the first time, with a new database and new keys",
            self.start.existing_ms, self.start.new_ms
        )
    }
}
