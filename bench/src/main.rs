//! `cargo xtask bench`: how fast the server is, beside a bare skeleton of the same stack on the same machine. Design §8.
//!
//! One run measures the release build of `brama serve` over loopback and, in turns with it and by the same load generator,
//! what bounds it: a bare server that does the same indispensable work and nothing else, bare signatures, bare password
//! hashes, bare statements. Figures are worth something as ratios of one run; those of two machines, or of a busy one, are
//! not. `docs/explanation/performance.md` explains the method and shows a run.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program talks")]

mod isolation;
mod load;
mod machine;
mod measured;
mod pieces;
mod placement;
mod postgres;
mod process;
mod profile;
mod report;
mod rows;
mod site;
mod sizes;
mod skeleton;
mod visits;
mod wire;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;

use crate::load::Plan;
use crate::placement::Placement;
use crate::report::{Report, Settings};
use crate::rows::{Runner, Skeleton, Visitors};
use crate::site::{Database, Site};

/// Accounts in the database of the operations: as many as the skeleton has rows.
const ACCOUNTS: u64 = skeleton::ROWS as u64;
/// Sign-ins at the same time, for [`isolation`].
const CROWD: usize = 500;

/// Measure the server and what bounds it, side by side.
#[derive(Debug, Parser)]
#[command(name = "brama-bench", version, max_term_width = 100)]
struct Arguments {
    /// Seconds that each operation is measured in each round
    #[arg(long, default_value_t = 4.0)]
    seconds: f64,
    /// Times that everything is measured; the middle counts
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Connections of the operations that are measured under load
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Measure only what has this in its name: an operation, `sizes`, `first-start`, `isolation` or `postgres`; may be
    /// repeated
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Everything once and briefly, in less than a minute: to see that it works, not for figures
    #[arg(long)]
    quick: bool,
    /// Also a table of ten million grants: ten minutes and 10 GB more
    #[arg(long)]
    huge: bool,
    /// Leave server and generator to the scheduler instead of giving each a core
    #[arg(long)]
    unpinned: bool,
    /// Measure another OpenID server, described by this file, instead of our own
    #[arg(long, value_name = "PROFILE")]
    server: Option<PathBuf>,
    /// Measure nothing: write page, figures and charts of `docs/explanation` from the JSON of the last run
    #[arg(long)]
    write_docs: bool,
    /// Measure nothing: draw the charts of the last run into this folder
    #[arg(long, value_name = "DIR")]
    charts: Option<PathBuf>,
    /// The server's binary
    #[arg(long, default_value = "target/release/brama")]
    binary: PathBuf,
    /// Where the figures go, as JSON
    #[arg(long, default_value = "target/bench.json")]
    json: PathBuf,
    #[command(flatten)]
    skeleton: skeleton::Flags,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.skeleton.skeleton {
        Some(port) => skeleton::run(&arguments.skeleton, port),
        None => run(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    if arguments.write_docs {
        return report::docs::write(&Report::read(&arguments.json)?, Path::new("docs/explanation"));
    }
    if let Some(folder) = &arguments.charts {
        std::fs::create_dir_all(folder)?;
        for name in report::charts::draw(&Report::read(&arguments.json)?, folder)? {
            println!("drawn {}", folder.join(name).display());
        }
        return Ok(());
    }
    let most = usize::try_from(site::NATIVES)?;
    if !(1..=most).contains(&arguments.connections) {
        anyhow::bail!("--connections must be 1 to {most}");
    }
    let seconds = if arguments.quick { 0.4 } else { arguments.seconds };
    let plan = Plan {
        time: Duration::try_from_secs_f64(seconds)?,
        connections: arguments.connections,
        placement: Placement::new(!arguments.unpinned)?,
    };
    // One thread: the generator has one core.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match &arguments.server {
        Some(path) => runtime.block_on(profile::measure(path, &plan, rounds(arguments))),
        None => runtime.block_on(measure(arguments, &plan)),
    }
}

fn rounds(arguments: &Arguments) -> u32 {
    if arguments.quick { 1 } else { arguments.rounds.max(1) }
}

async fn measure(arguments: &Arguments, plan: &Plan) -> anyhow::Result<()> {
    let binary = arguments.binary.canonicalize().with_context(|| {
        format!("there is no {}; build it: cargo build --release -p brama", arguments.binary.display())
    })?;
    let only = &arguments.only;
    let wanted = |name: &str| only.is_empty() || only.iter().any(|only| name.contains(only.as_str()));
    let (rounds, quick) = (rounds(arguments), arguments.quick);
    let folder = tempfile::tempdir()?;
    let mut report = Report {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        date: machine::now().strftime("%F").to_string(),
        machine: machine::Machine::look(plan.placement.cores(), folder.path(), plan.time)?,
        settings: Settings {
            seconds: plan.time.as_secs_f64(),
            rounds,
            connections: plan.connections,
            pinned: plan.placement.is_pinned(),
            quick,
            only: only.clone(),
        },
        ..Report::default()
    };
    operations(&binary, plan, rounds, &wanted, &mut report).await?;
    if wanted("first-start") {
        eprintln!("starts on an empty folder");
        report.first_start_ms = Some(sizes::first_start(&binary, plan)?);
    }
    if wanted("sizes") {
        let sizes: &[u64] = match (quick, arguments.huge) {
            (true, _) => &[1000, 10_000],
            (_, false) => &[1000, 100_000, 1_000_000],
            (_, true) => &[1000, 100_000, 1_000_000, 10_000_000],
        };
        report.sizes = sizes::measure(&binary, sizes, plan, rounds).await?;
    }
    if wanted("isolation") {
        report.isolation = Some(isolation::measure(&binary, CROWD, plan).await?);
    }
    if wanted("postgres") {
        let grants = if quick { 1000 } else { 100_000 };
        report.postgres = Some(postgres::measure(&binary, grants, plan, rounds).await?);
    }
    report.targets = report::judge(&report);
    println!("{report}");
    report.write(&arguments.json)?;
    println!("written to {}", arguments.json.display());
    Ok(())
}

/// The rows: the server beside the skeleton.
async fn operations(
    binary: &Path,
    plan: &Plan,
    rounds: u32,
    wanted: &dyn Fn(&str) -> bool,
    report: &mut Report,
) -> anyhow::Result<()> {
    if !rows::is_any(wanted) {
        return Ok(());
    }
    eprintln!("a server with {ACCOUNTS} accounts, sessions and grants, and the skeleton");
    let site = Site::make(binary, ACCOUNTS, &Database::Sqlite, &plan.placement.whole_machine())?;
    let server = site.start(&plan.placement)?;
    let lengths = rows::lengths(&site.place).await?;
    let folder = tempfile::tempdir()?;
    let skeleton = Skeleton::start(folder.path(), lengths, true, &plan.placement)?;
    let mut visitors = Visitors::gather(&site, &skeleton, plan).await?;
    for round in 0..rounds {
        eprintln!("round {} of {rounds}", round + 1);
        let rows = &mut report.rows;
        visitors.round(&mut Runner { plan, wanted, server: &server, skeleton: &skeleton, round, rows }).await?;
        if wanted(rows::NO_GROUP) {
            eprintln!("  {}", rows::NO_GROUP);
            let sample = rows::no_group(plan, lengths).await?;
            rows::keep(&mut report.rows, rows::NO_GROUP, plan.connections, sample, None);
        }
    }
    Ok(())
}
