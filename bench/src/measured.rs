//! What one measurement came to.

use std::time::Duration;

use anyhow::Context as _;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// The figures of one measurement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sample {
    /// Operations per second.
    pub(crate) per_second: f64,
    /// Half of the operations took no longer, microseconds.
    pub(crate) p50_us: f64,
    /// 99 of 100 took no longer, microseconds.
    pub(crate) p99_us: f64,
    /// The longest, microseconds.
    pub(crate) max_us: f64,
    /// CPU time per operation of the serving process, or of the computing threads, microseconds.
    pub(crate) cpu_us: f64,
    /// Cores that the serving process kept busy.
    pub(crate) server_busy: f64,
    /// Part of its core that the load generator kept busy.
    pub(crate) generator_busy: f64,
}

impl Sample {
    /// Add the CPU times that were spent in all.
    pub(crate) fn with_cpu(mut self, server: Duration, generator: Duration, time: Duration) -> Self {
        let seconds = time.as_secs_f64();
        self.cpu_us = server.as_secs_f64() * 1e6 / (self.per_second * seconds);
        self.server_busy = server.as_secs_f64() / seconds;
        self.generator_busy = generator.as_secs_f64() / seconds;
        self
    }
}

/// Latencies of one measurement.
pub(crate) struct Latencies(Histogram<u64>);

impl Latencies {
    /// From 100 nanoseconds to a minute, three digits.
    pub(crate) fn new() -> anyhow::Result<Self> {
        Histogram::new_with_bounds(100, 60_000_000_000, 3).map(Self).context("the histogram")
    }

    pub(crate) fn record(&mut self, took: Duration) {
        self.0.saturating_record(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    /// The figures of so many operations per record in so much time.
    #[expect(clippy::cast_precision_loss, reason = "nobody reads the sixteenth digit")]
    pub(crate) fn sample(&self, time: Duration, per_record: usize) -> Sample {
        let each = per_record as f64;
        let micros = |nanos: u64| nanos as f64 / 1000.0 / each;
        Sample {
            per_second: self.0.len() as f64 * each / time.as_secs_f64(),
            p50_us: micros(self.0.value_at_quantile(0.5)),
            p99_us: micros(self.0.value_at_quantile(0.99)),
            max_us: micros(self.0.max()),
            ..Sample::default()
        }
    }
}

/// The middle of some numbers; of an even count the mean of the two in the middle. NaN of none.
pub(crate) fn median(numbers: impl IntoIterator<Item = f64>) -> f64 {
    let mut numbers: Vec<f64> = numbers.into_iter().collect();
    numbers.sort_by(f64::total_cmp);
    let at = |index: usize| numbers.get(index).copied().unwrap_or(f64::NAN);
    let middle = numbers.len() / 2;
    if numbers.len() % 2 == 1 { at(middle) } else { f64::midpoint(at(middle.wrapping_sub(1)), at(middle)) }
}

/// The middle of every figure.
pub(crate) fn middle(samples: &[Sample]) -> Sample {
    let of = |figure: fn(&Sample) -> f64| median(samples.iter().map(figure));
    Sample {
        per_second: of(|sample| sample.per_second),
        p50_us: of(|sample| sample.p50_us),
        p99_us: of(|sample| sample.p99_us),
        max_us: of(|sample| sample.max_us),
        cpu_us: of(|sample| sample.cpu_us),
        server_busy: of(|sample| sample.server_busy),
        generator_busy: of(|sample| sample.generator_busy),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert!(median([]).is_nan());
        assert!((median([7.0]) - 7.0).abs() < 1e-9);
        assert!((median([9.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median([4.0, 1.0, 2.0, 100.0]) - 3.0).abs() < 1e-9);
    }

    #[test]
    fn percentiles_rates_and_cpu() {
        let mut latencies = Latencies::new().unwrap();
        for millis in 1..=100 {
            latencies.record(Duration::from_millis(millis));
        }
        let sample = latencies.sample(Duration::from_secs(2), 1);
        let sample = sample.with_cpu(Duration::from_secs(1), Duration::from_millis(500), Duration::from_secs(2));
        let near = |found: f64, wanted: f64| assert!((found - wanted).abs() / wanted < 0.01, "{found} {wanted}");
        near(sample.per_second, 50.0);
        near(sample.p50_us, 50_000.0);
        near(sample.p99_us, 99_000.0);
        near(sample.max_us, 100_000.0);
        near(sample.cpu_us, 10_000.0);
        near(sample.server_busy, 0.5);
        near(sample.generator_busy, 0.25);
        let grouped = latencies.sample(Duration::from_secs(2), 16);
        near(grouped.per_second, 800.0);
        near(grouped.p50_us, 50_000.0 / 16.0);
    }
}
