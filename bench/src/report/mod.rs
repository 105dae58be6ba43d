//! All figures of a run: kept as JSON, from which everything else is made.

pub(crate) mod charts;
pub(crate) mod docs;
mod number;
mod table;
mod targets;

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

pub(crate) use self::targets::{Target, judge};

use crate::isolation::Isolation;
use crate::machine::Machine;
use crate::measured::{median, middle};
use crate::postgres::Postgres;
use crate::rows::Row;
use crate::sizes::Size;

/// How it was measured.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Settings {
    /// Time of one measurement, without its warm-up of a quarter, seconds.
    pub(crate) seconds: f64,
    /// Times that everything was measured.
    pub(crate) rounds: u32,
    /// Connections under load.
    pub(crate) connections: usize,
    /// Whether server and generator had a core each.
    pub(crate) pinned: bool,
    /// A short run, good for nothing but to see that it works.
    pub(crate) quick: bool,
    /// Empty: everything was measured.
    pub(crate) only: Vec<String>,
}

/// The figures.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Report {
    /// Version of the server and the bench.
    pub(crate) version: String,
    /// When, UTC.
    pub(crate) date: String,
    /// On what.
    pub(crate) machine: Machine,
    /// How.
    pub(crate) settings: Settings,
    /// Operations, one sample per round.
    pub(crate) rows: Vec<Row>,
    /// From a start on an empty folder to the first token, milliseconds.
    pub(crate) first_start_ms: Option<f64>,
    /// Databases of several sizes.
    pub(crate) sizes: Vec<Size>,
    /// A crowd beside those who are signed in.
    pub(crate) isolation: Option<Isolation>,
    /// The server on PostgreSQL, beside pgbench.
    pub(crate) postgres: Option<Postgres>,
    /// What was to be reached, and what was.
    pub(crate) targets: Vec<Target>,
}

/// Part of its core that a server under load has on a quiet machine.
const QUIET: f64 = 0.85;

impl Report {
    /// Part of its core that the server had, in the middle of the operations that load it; nothing if it had no core.
    fn server_core(&self) -> Option<f64> {
        let loaded = self.rows.iter().filter(|row| !row.bare.is_empty() && row.at_once == self.settings.connections);
        let busy = median(loaded.map(|row| middle(&row.ours).server_busy));
        (self.settings.pinned && busy.is_finite()).then_some(busy)
    }

    /// Whether nobody else ran where the server did, as far as that can be told.
    fn is_quiet(&self) -> bool {
        self.server_core().is_none_or(|busy| busy >= QUIET)
    }

    /// The row of a name.
    pub(crate) fn row(&self, name: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.name == name)
    }

    /// Write it as JSON.
    pub(crate) fn write(&self, path: &Path) -> anyhow::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        Ok(fs::write(path, text)?)
    }

    /// Read it again.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path)
            .with_context(|| format!("there are no figures in {}; measure first", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is of another version; measure again", path.display()))
    }
}
