//! `cargo xtask bench`: how fast the server is, beside how fast this machine could be. Design §8.
//!
//! One run measures the release build of `brama serve` over loopback and, with the same load generator, what bounds it:
//! a bare axum server, bare signatures, bare password hashes, bare durable commits. Figures are worth something as ratios
//! of one run; figures of two machines, or of a busy one, are not.
//!
//! How it is measured, and what to keep in mind:
//!
//! - The server runs with its default configuration, access log included, on a fresh SQLite database in a temporary
//!   folder. Only the limits on addresses are lifted, for all the load comes from one.
//! - Server and load generator share the cores. Both are HTTP/1.1 with connections kept alive, without TLS. The
//!   generator is a closed loop: every connection sends its next request when it has the answer to the last one. So
//!   latencies at many connections say how long the queue is (Little's law), not how long the work takes; a real client
//!   that arrives on its own schedule would see longer tails at saturation.
//! - Each operation is warmed up for a quarter of its time, then counted for a fixed time. Latency is from before the
//!   request is written until the body is read, in a histogram of three significant digits. An answer that is not the
//!   expected one stops the run: nothing fails unseen.
//! - Everything is measured in several rounds, ceilings included, and of every figure the best round counts: what else
//!   the machine does can only make figures worse.
//! - "CPU" is what the server process alone spent per operation, by the scheduler's own count. It holds on a shared
//!   machine too; throughput there does not. "least" is the sum of what the operation cannot do without, measured in the
//!   same run: so many bare HTTP exchanges, signatures, hashes and rows in a durable commit. How much of the CPU time
//!   that is says how far the server is from what the machine can do.
//! - Pure computations (signatures, token checks) run on one thread; password hashes on all cores, as in the server.
//!   Token checks are timed in groups of 16, their percentiles are those of groups; `sqlite-group` counts rows, its
//!   latencies are those of a commit of 64 rows.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program talks")]

mod ceilings;
mod connection;
mod hello;
mod load;
mod measured;
mod operations;
mod process;
mod report;
mod site;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;

use crate::load::Plan;
use crate::measured::Measured;
use crate::report::Report;

/// Measure the server and what bounds it, side by side.
#[derive(Debug, Parser)]
#[command(name = "brama-bench")]
struct Arguments {
    /// Seconds that each operation is measured
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Times that everything is measured; the best counts
    #[arg(long, default_value_t = 2)]
    rounds: u32,
    /// Connections of the operations that are measured under load
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Measure only what has this in its name; may be repeated
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// The server's binary
    #[arg(long, default_value = "target/release/brama")]
    binary: PathBuf,
    /// Where the figures go, as JSON
    #[arg(long, default_value = "target/bench.json")]
    json: PathBuf,
    /// Serve the bare server that the real one is compared with, on this port
    #[arg(long, hide = true)]
    hello: Option<u16>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("no runtime")
        .and_then(|runtime| runtime.block_on(run(arguments)));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    if let Some(port) = arguments.hello {
        return hello::serve(port).await;
    }
    let plan =
        Plan { time: Duration::try_from_secs_f64(arguments.seconds)?, connections: arguments.connections.max(1) };
    let binary = arguments.binary.canonicalize().with_context(|| {
        format!("there is no {}; build it: cargo build --release -p brama", arguments.binary.display())
    })?;
    let wanted =
        |name: &str| arguments.only.is_empty() || arguments.only.iter().any(|only| name.contains(only.as_str()));
    let mut report = Report::new(&arguments.only, plan, arguments.rounds);
    let site = site::Site::open(&binary)?;
    report.start = site.start_times();
    report.idle_kib = site.server.memory()?.now;
    for round in 1..=arguments.rounds {
        eprintln!("round {round} of {}", arguments.rounds);
        keep_best(&mut report.ceilings, ceilings::measure(plan).await?, |ceiling| ceiling);
        let operations = operations::measure(&site, plan, &wanted).await?;
        keep_best(&mut report.operations, operations, |operation| &operation.measured);
    }
    let memory = site.server.memory()?;
    (report.loaded_kib, report.peak_kib) = (memory.now, memory.most);
    println!("{report}");
    report.write(&arguments.json)?;
    println!("written to {}", arguments.json.display());
    Ok(())
}

/// Of every figure the one of its best round.
fn keep_best<T>(kept: &mut Vec<T>, new: Vec<T>, measured: impl Fn(&T) -> &Measured) {
    for figure in new {
        match kept.iter_mut().find(|kept| measured(kept).name == measured(&figure).name) {
            Some(kept) if measured(kept).per_second >= measured(&figure).per_second => {}
            Some(kept) => *kept = figure,
            None => kept.push(figure),
        }
    }
}
