//! How far a transfer is: a line that changes on a terminal, a line every few seconds elsewhere.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use crate::terminal;

/// How often a terminal is told.
const ON_A_TERMINAL: Duration = Duration::from_millis(200);
/// How often anything else is told, such as a log.
const ELSEWHERE: Duration = Duration::from_secs(5);

/// The progress of one step after another.
pub(crate) struct Progress {
    terminal: bool,
    began: Instant,
    told: Instant,
    /// What is being done to what, such as `copying session`.
    step: String,
    step_began: Instant,
    total: u64,
    done: u64,
    /// A line of the terminal is not ended yet.
    open: bool,
}

impl Progress {
    /// Nothing is done yet.
    pub(crate) fn start() -> Self {
        let now = Instant::now();
        let terminal = std::io::stderr().is_terminal();
        Self { terminal, began: now, told: now, step: String::new(), step_began: now, total: 0, done: 0, open: false }
    }

    /// A step of so many rows begins, some of them done earlier.
    pub(crate) fn step(&mut self, step: String, total: u64, done: u64) {
        self.end_line();
        (self.step, self.total, self.done, self.step_began) = (step, total, done, Instant::now());
    }

    /// So many more rows are done.
    pub(crate) fn add(&mut self, rows: u64) {
        self.done += rows;
        let every = if self.terminal { ON_A_TERMINAL } else { ELSEWHERE };
        if self.told.elapsed() >= every {
            self.told = Instant::now();
            let line = line(&self.step, self.done, self.total, self.step_began.elapsed());
            if self.terminal {
                terminal::message(&format!("\r{line}\x1b[K"));
                self.open = true;
            } else {
                terminal::message(&format!("{line}\n"));
            }
        }
    }

    /// Everything is done; how long it took.
    pub(crate) fn end(&mut self) -> Duration {
        self.end_line();
        self.began.elapsed()
    }

    fn end_line(&mut self) {
        if self.open {
            terminal::message("\r\x1b[K");
            self.open = false;
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end_line();
    }
}

fn line(step: &str, done: u64, total: u64, elapsed: Duration) -> String {
    let rate = rate(done, elapsed);
    format!("{step}: {done} of {total} rows, {rate} rows/s")
}

/// Rows in a second, whole ones.
pub(crate) fn rate(rows: u64, elapsed: Duration) -> u64 {
    let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
    rows.saturating_mul(1000) / millis
}

/// A size as people read it.
pub(crate) fn size(bytes: u64) -> String {
    const STEPS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match STEPS.into_iter().find(|(_, step)| bytes >= *step) {
        Some((unit, step)) => {
            let tenths = bytes.saturating_mul(10) / step;
            format!("{}.{} {unit}", tenths / 10, tenths % 10)
        }
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_rates_are_read_by_people() {
        for (bytes, text) in
            [(0, "0 bytes"), (1023, "1023 bytes"), (1024, "1.0 KiB"), (1_600_000, "1.5 MiB"), (5 << 30, "5.0 GiB")]
        {
            assert_eq!(size(bytes), text);
        }
        assert_eq!(rate(500, Duration::from_millis(250)), 2000);
        assert_eq!(rate(0, Duration::ZERO), 0);
        assert_eq!(
            line("copying user", 500, 2000, Duration::from_millis(250)),
            "copying user: 500 of 2000 rows, 2000 rows/s"
        );
    }
}
