//! What depends on how much is stored: start, memory, cost of a refresh, disk.

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::load::{self, Plan};
use crate::measured::{self, Sample};
use crate::placement::Placement;
use crate::process::{Memory, Server};
use crate::site::{Database, Disk, Site};
use crate::visits::Roaming;

/// Starts that are tried; the middle one counts.
const STARTS: usize = 5;

/// A database with so many accounts, sessions and grants.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Size {
    /// Accounts, each with a session and a grant.
    pub(crate) grants: u64,
    /// From the start of the process to its first token (client credentials, answered 200), milliseconds.
    pub(crate) first_token_ms: f64,
    /// Memory after the start.
    pub(crate) idle: Memory,
    /// Refreshes of grants all over the table, by cookie; one sample per round.
    pub(crate) refresh: Vec<Sample>,
    /// Memory after them.
    pub(crate) loaded: Memory,
    /// What the rows need.
    pub(crate) disk: Disk,
}

/// The middle of several first tokens, each after the start of a process that had ended, milliseconds.
fn starts(tries: usize, mut start: impl FnMut() -> anyhow::Result<Duration>) -> anyhow::Result<f64> {
    let mut millis = Vec::new();
    for _ in 0..tries {
        millis.push(start()?.as_secs_f64() * 1000.0);
    }
    Ok(measured::median(millis))
}

/// From the start on an empty folder, where database, master key and signing keys (RSA among them) are made, to the first
/// token, milliseconds. On the whole machine, as a server starts.
pub(crate) fn first_start(binary: &Path, plan: &Plan) -> anyhow::Result<f64> {
    let placement = plan.placement.whole_machine();
    starts(STARTS, || Ok(Site::make(binary, 0, &Database::Sqlite, &placement)?.first_start))
}

/// Measure databases of several sizes, in turns.
pub(crate) async fn measure(binary: &Path, sizes: &[u64], plan: &Plan, rounds: u32) -> anyhow::Result<Vec<Size>> {
    let mut running: Vec<(Size, Server, Vec<Roaming>, Site)> = Vec::new();
    for &grants in sizes {
        eprintln!("a database with {grants} accounts, sessions and grants");
        let placement: Placement = plan.placement.whole_machine();
        let site = Site::make(binary, grants, &Database::Sqlite, &placement)?;
        let first_token_ms = starts(STARTS, || Ok(site.start(&placement)?.start))?;
        let server = site.start(&plan.placement)?;
        let visitors = plan.connections as u64;
        let roaming = (0..visitors).map(|number| Roaming::new(&site.place, &site.people, number, visitors)).collect();
        let size = Size {
            grants,
            first_token_ms,
            idle: server.memory()?,
            disk: site.disk.unwrap_or_default(),
            ..Size::default()
        };
        running.push((size, server, roaming, site));
    }
    for round in 1..=rounds {
        for (size, server, roaming, _) in &mut running {
            eprintln!("  refresh among {} grants, round {round} of {rounds}", size.grants);
            size.refresh.push(load::run(roaming, plan, Some(server)).await?);
            size.loaded = server.memory()?;
        }
    }
    Ok(running.into_iter().map(|(size, ..)| size).collect())
}
