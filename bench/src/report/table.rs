//! The figures on a terminal.

use std::fmt;

use super::number::{count, mib, percent, rows, time};
use super::targets::{Target, Unit};
use super::{Report, Settings};
use crate::machine::Machine;
use crate::measured::{Sample, middle};

impl Unit {
    /// A number of this unit.
    pub(super) fn show(self, number: f64) -> String {
        match self {
            Self::Percent => percent(number),
            Self::Times if number < 10.0 => format!("{number:.1} ×"),
            Self::Times => format!("{number:.0} ×"),
            Self::Mib => format!("{number:.1} MiB"),
            Self::Millis => format!("{number:.0} ms"),
        }
    }
}

impl Target {
    /// The bound with its direction.
    pub(super) fn bound(&self) -> String {
        format!("{} {}", if self.at_least { "≥" } else { "≤" }, self.unit.show(self.bound))
    }

    /// Whether it was reached.
    pub(super) fn verdict(&self) -> &'static str {
        match (self.sure, self.met) {
            (false, _) => "unsure",
            (true, true) => "met",
            (true, false) => "NOT MET",
        }
    }

    /// The ratio by CPU time.
    pub(super) fn by_cpu(&self) -> String {
        self.by_cpu.map_or_else(String::new, |ratio| self.unit.show(ratio))
    }

    /// The range of the rounds.
    pub(super) fn range(&self) -> String {
        self.range.map_or_else(String::new, |(low, high)| format!("{} … {}", self.unit.show(low), self.unit.show(high)))
    }
}

/// One line of figures.
fn line(f: &mut fmt::Formatter<'_>, name: &str, at_once: usize, sample: &Sample) -> fmt::Result {
    let Sample { per_second, p50_us, p99_us, max_us, cpu_us, server_busy, generator_busy } = *sample;
    let [p50, p99, max, cpu] = [p50_us, p99_us, max_us, cpu_us].map(time);
    let (rate, server, generator) = (count(per_second), percent(server_busy), percent(generator_busy));
    writeln!(f, "{name:25} {at_once:>7} {rate:>10} {p50:>8} {p99:>8} {max:>8} {cpu:>8} {server:>7} {generator:>9}")
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Machine { cores, processor, load, .. } = &self.machine;
        let Settings { seconds, rounds, pinned, .. } = &self.settings;
        let placed = if *pinned { "server and generator on a core each" } else { "not pinned" };
        writeln!(
            f,
            "\n{cores} × {processor}, load {load} at the beginning; {placed}; the middle of {rounds} × {seconds} s\n"
        )?;
        let [at_once, rate, p50, p99, max, cpu] = ["at once", "/s", "p50", "p99", "max", "CPU"];
        let columns = format!("{at_once:>7} {rate:>10} {p50:>8} {p99:>8} {max:>8} {cpu:>8}");
        writeln!(f, "{:25} {columns} {:>7} {:>9}", "operation", "server", "generator")?;
        for row in &self.rows {
            line(f, &row.name, row.at_once, &middle(&row.ours))?;
            if !row.bare.is_empty() {
                line(f, "  the skeleton", row.at_once, &middle(&row.bare))?;
            }
        }
        if let Some(postgres) = &self.postgres {
            line(f, "refresh-postgres", postgres.at_once, &middle(&postgres.ours))?;
            line(f, "  pgbench", postgres.at_once, &middle(&postgres.pgbench))?;
        }
        for size in &self.sizes {
            line(f, &format!("refresh of {}", rows(size.grants)), self.settings.connections, &middle(&size.refresh))?;
        }
        for size in &self.sizes {
            let (idle, loaded) = (mib(size.idle.now_kib), mib(size.loaded.most_kib));
            let (stored, start) = (rows(size.grants), size.first_token_ms);
            writeln!(
                f,
                "{stored} accounts: first token after {start:.0} ms, {idle:.0} MiB then, {loaded:.0} MiB at most"
            )?;
        }
        if let Some(found) = &self.isolation {
            let [a, b, c, d] = [found.refresh_idle, found.refresh_busy, found.jwks_idle, found.jwks_busy]
                .map(|sample| time(sample.p99_us));
            writeln!(f, "\n{} sign-ins at once: refresh p99 {a} → {b}, key set p99 {c} → {d};", found.crowd)?;
            let (rate, most) = (count(found.signed_in_per_second), mib(found.most_kib));
            let slowest = time(found.slowest_refusal_ms * 1000.0);
            writeln!(f, "{rate} signed in per second, the rest refused within {slowest}; {most:.0} MiB at most")?;
        }
        writeln!(f, "\n{:65} {:>9} {:>9} {:>9}", "target", "", "found", "by CPU")?;
        for target in &self.targets {
            let met = target.verdict();
            let (bound, found, cpu) = (target.bound(), target.unit.show(target.found), target.by_cpu());
            writeln!(f, "{:65} {bound:>9} {found:>9} {cpu:>9}  {met:7}  {}", target.what, target.range())?;
        }
        if let Some(busy) = self.server_core().filter(|_| !self.is_quiet()) {
            writeln!(
                f,
                "\nThe server had {} of its core under load: something else ran there. Rates are too low; ratios by CPU time say more.",
                percent(busy)
            )?;
        }
        Ok(())
    }
}
