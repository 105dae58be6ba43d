//! One step: a command, its output passed through, its duration, and the tests it counted.

use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::tools;
use crate::tree::root;

/// What test runners say at their end.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count {
    /// Tests that passed.
    pub(crate) passed: u64,
    /// Tests that failed.
    pub(crate) failed: u64,
}

impl std::ops::AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

impl Count {
    /// Read one line of `cargo test` or `node --test`; all others count nothing.
    pub(crate) fn of_line(line: &str) -> Self {
        let number = |text: &str| text.trim().parse().unwrap_or(0);
        if let Some(result) = line.strip_prefix("test result: ") {
            let after = |word: &str| {
                let (before, _) = result.split_once(word)?;
                before.rsplit([' ', '.']).next().map(number)
            };
            return Self { passed: after(" passed").unwrap_or(0), failed: after(" failed").unwrap_or(0) };
        }
        let summary = line.strip_prefix("# ").or_else(|| line.strip_prefix("ℹ ")).unwrap_or_default();
        match summary.split_once(' ') {
            Some(("pass", rest)) => Self { passed: number(rest), failed: 0 },
            Some(("fail", rest)) => Self { passed: 0, failed: number(rest) },
            _ => Self::default(),
        }
    }
}

/// A command to run at some place of the tree.
#[derive(Debug)]
pub(crate) struct Step {
    name: &'static str,
    program: String,
    arguments: Vec<String>,
    folder: PathBuf,
    variables: Vec<(String, String)>,
    fix: Option<&'static str>,
}

/// How a step went.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The step's name.
    pub(crate) name: &'static str,
    /// How long it took.
    pub(crate) took: Duration,
    /// The tests it ran.
    pub(crate) count: Count,
    /// What went wrong, with the way out of it.
    pub(crate) problem: Option<String>,
}

impl Step {
    pub(crate) fn new(name: &'static str, program: &str, arguments: &[&str]) -> Self {
        Self {
            name,
            program: program.to_owned(),
            arguments: arguments.iter().map(|&text| text.to_owned()).collect(),
            folder: root(),
            variables: Vec::new(),
            fix: None,
        }
    }

    /// Run in a folder of the tree instead of at its top.
    pub(crate) fn folder(mut self, folder: &str) -> Self {
        self.folder = root().join(folder);
        self
    }

    /// Set an environment variable.
    pub(crate) fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.push((name.to_owned(), value.into()));
        self
    }

    /// What to do when it fails, if the command does not say so itself.
    pub(crate) fn fix(mut self, fix: &'static str) -> Self {
        self.fix = Some(fix);
        self
    }

    /// Run to the end, with the output passed through.
    pub(crate) fn measure(self) -> Outcome {
        let line = format!("{} {}", self.program, self.arguments.join(" "));
        println!("\n── {}: {line}", self.name);
        let started = Instant::now();
        let mut count = Count::default();
        let problem = match self.tee(&mut count) {
            Ok(status) if status.success() => None,
            Ok(status) => Some(format!("`{line}` in {} ended with {status}", self.folder.display())),
            Err(error) => Some(format!("`{line}` did not run: {error}")),
        };
        let problem = problem.map(|what| match self.fix {
            Some(fix) => format!("{}: {what}\n  fix: {fix}", self.name),
            None => format!("{}: {what}; the reason stands above", self.name),
        });
        let took = started.elapsed();
        println!(
            "── {}: {} after {:.1} s",
            self.name,
            if problem.is_none() { "ok" } else { "FAILED" },
            took.as_secs_f32()
        );
        Outcome { name: self.name, took, count, problem }
    }

    /// Run to the end; a failure is an error.
    pub(crate) fn run(self) -> Result<Count, String> {
        let outcome = self.measure();
        outcome.problem.map_or(Ok(outcome.count), Err)
    }

    fn tee(&self, count: &mut Count) -> std::io::Result<std::process::ExitStatus> {
        let mut child = tools::command(&self.program)
            .args(&self.arguments)
            .current_dir(&self.folder)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::piped())
            .spawn()?;
        if let Some(output) = child.stdout.take() {
            let (mut output, mut line, mut out) = (BufReader::new(output), Vec::new(), std::io::stdout());
            while output.read_until(b'\n', &mut line)? > 0 {
                out.write_all(&line)?;
                *count += Count::of_line(String::from_utf8_lossy(&line).trim_end());
                line.clear();
            }
            out.flush()?;
        }
        child.wait()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_of_both_runners_are_counted() {
        let cargo =
            "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s";
        assert_eq!(Count::of_line(cargo), Count { passed: 12, failed: 3 });
        assert_eq!(Count::of_line("# pass 7"), Count { passed: 7, failed: 0 });
        assert_eq!(Count::of_line("ℹ fail 2"), Count { passed: 0, failed: 2 });
        for other in ["# passing", "test result", "running 3 tests", "# tests 9", "pass 3"] {
            assert_eq!(Count::of_line(other), Count::default(), "{other}");
        }
    }
}
