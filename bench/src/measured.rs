//! What one measurement came to.

use std::time::Duration;

use anyhow::Context as _;
use hdrhistogram::Histogram;
use serde::Serialize;

/// A figure.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Measured {
    /// Short name, for `--only`.
    pub(crate) name: String,
    /// Connections, threads or whatever runs at the same time.
    pub(crate) at_once: usize,
    pub(crate) per_second: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) max_us: f64,
    /// CPU time per operation, microseconds: of the serving process, or of the computing threads.
    pub(crate) cpu_us: f64,
}

impl Measured {
    /// Add the CPU time that was spent in all.
    pub(crate) fn with_cpu(mut self, cpu: Duration, time: Duration) -> Self {
        self.cpu_us = cpu.as_secs_f64() * 1e6 / (self.per_second * time.as_secs_f64());
        self
    }

    /// Count several rows of one commit as operations of their own; latencies stay those of the commit.
    pub(crate) fn of_rows(mut self, rows: u32) -> Self {
        self.per_second *= f64::from(rows);
        self.cpu_us /= f64::from(rows);
        self
    }
}

/// Latencies of one worker.
pub(crate) struct Latencies(Histogram<u64>);

impl Latencies {
    /// From 100 nanoseconds to a minute, three digits.
    pub(crate) fn new() -> anyhow::Result<Self> {
        Histogram::new_with_bounds(100, 60_000_000_000, 3).map(Self).context("the histogram")
    }

    pub(crate) fn record(&mut self, took: Duration) {
        self.0.saturating_record(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    pub(crate) fn add(&mut self, other: &Self) -> anyhow::Result<()> {
        self.0.add(&other.0).context("the histogram")
    }

    /// The figure of so many operations per record in so much time.
    #[expect(clippy::cast_precision_loss, reason = "nobody reads the sixteenth digit")]
    pub(crate) fn figure(&self, name: &str, at_once: usize, time: Duration, per_record: usize) -> Measured {
        let each = per_record as f64;
        let micros = |nanos: u64| nanos as f64 / 1000.0 / each;
        Measured {
            name: name.to_owned(),
            at_once,
            per_second: self.0.len() as f64 * each / time.as_secs_f64(),
            p50_us: micros(self.0.value_at_quantile(0.5)),
            p99_us: micros(self.0.value_at_quantile(0.99)),
            max_us: micros(self.0.max()),
            cpu_us: f64::NAN,
        }
    }
}
