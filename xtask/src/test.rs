//! `cargo xtask test`: every check there is, in the order of what fails fastest. Nothing is ever skipped: what is missing is
//! installed, or the run fails and says how to install it.

use std::path::Path;

use brama_postgres_cluster::{Cluster, Options, URL_VARIABLE as CLUSTER};

use crate::run::{Count, Outcome, Step};
use crate::tidy;
use crate::tools::{self, Need};
use crate::tree::root;

/// The variable that chooses the database of tests that run on both.
const DATABASE: &str = "BRAMA_TEST_DATABASE";

/// What lets the tests plant mistakes into the server.
const FAULTS: &str = "--features=planted-faults";

/// How much to check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// All of it.
    Full,
    /// Without the browser, and so without the clients of others.
    Quick,
    /// Only the clients of others.
    Clients,
}

/// Run all steps; stop at the first that fails.
pub(crate) fn all(extent: Extent) -> Result<(), String> {
    let ours = [Need::Rustfmt, Need::Clippy, Need::Postgres, Need::Strace, Need::Nginx, Need::Node];
    let clients = [Need::Node, Need::Chromium, Need::Python, Need::Apache, Need::OidcAgent, Need::Postgres];
    tools::provide(&match extent {
        Extent::Quick => ours.to_vec(),
        Extent::Full => [&ours[..], &clients].concat(),
        Extent::Clients => clients.to_vec(),
    })?;
    // For the tests in Node; those in Rust start clusters of their own. It goes with this process.
    let cluster = || Cluster::start(Options::default()).map_err(|error| error.to_string());
    if extent == Extent::Clients {
        let cluster = cluster()?;
        let browser = install("browser: packages", "tests/browser");
        let build = Step::new("build", "cargo", &["build", "--package", "brama"]);
        let api = Step::new("build: api", "cargo", &["build", "--package", "brama-guard", "--example", "api"]);
        return run([build, api, browser].into_iter().chain(interop(&cluster.url("postgres"))));
    }
    let vectors = vectors()?;

    tidy::all()?;
    let cluster = cluster()?;
    let postgres = cluster.url("postgres");
    let mut steps = rust(&vectors);
    steps.extend(sdk());
    if extent == Extent::Full {
        steps.extend(in_browser(&postgres));
        steps.extend(interop(&postgres));
    }
    run(steps)
}

/// One after the other, up to the first that fails.
fn run(steps: impl IntoIterator<Item = Step>) -> Result<(), String> {
    let mut done = Vec::new();
    for step in steps {
        done.push(step.measure());
        if done.last().is_some_and(|outcome| outcome.problem.is_some()) {
            break;
        }
    }
    report(&done)
}

/// The folder of test vectors of others, for `BRAMA_VECTORS`. Without it the tests that need it say so; CI must have it.
fn vectors() -> Result<Option<String>, String> {
    const NAME: &str = "BRAMA_VECTORS";
    let set = std::env::var(NAME).ok().filter(|value| !value.is_empty());
    let beside =
        || root().join("../shared/vectors").canonicalize().ok().map(|path| path.to_string_lossy().into_owned());
    let found = set.or_else(beside);
    match &found {
        Some(path) if !Path::new(path).is_dir() => Err(format!("{NAME} is {path}, which is not a folder")),
        None if std::env::var("CI").is_ok_and(|value| value == "true") => {
            Err(format!("CI needs the Wycheproof JSON Web Crypto vectors; set {NAME} to the folder that has them"))
        }
        _ => Ok(found),
    }
}

fn rust(vectors: &Option<String>) -> Vec<Step> {
    let warnings = ["--", "-D", "warnings"];
    let clippy = [&["clippy", "--workspace", "--all-targets"][..], &warnings].concat();
    let mut test = Step::new("test", "cargo", &["test", "--workspace", "--no-fail-fast"]);
    if let Some(path) = vectors {
        test = test.env("BRAMA_VECTORS", path.as_str());
    }
    // What runs above on SQLite, again on the other database; the rest is about one of them, or about none.
    let on_postgres = |name, arguments: &[&str]| {
        Step::new(name, "cargo", &[&["test", "--no-fail-fast"][..], arguments].concat()).env(DATABASE, "postgres")
    };
    let process = ["--package", "brama", "--test", "process", "--"];
    let of_process = [
        "administration::",
        "backchannel::",
        "dev::",
        "durability::",
        "isolation::",
        "keys::",
        "overload::",
        "serve::",
    ];
    vec![
        Step::new("format", "cargo", &["fmt", "--all", "--check"]).fix("run `cargo fmt --all`"),
        Step::new("clippy", "cargo", &clippy),
        // A doc comment of a command is its help text too, where `<…>` around an address would be in the way.
        Step::new("rustdoc", "cargo", &["doc", "--workspace", "--no-deps", "--quiet"])
            .env("RUSTDOCFLAGS", "-D warnings -A rustdoc::bare_urls"),
        // With all targets, the program gets the same dependencies as the tests, and nothing is compiled twice.
        Step::new("build", "cargo", &["build", "--workspace", "--all-targets"]),
        test,
        on_postgres("PostgreSQL: HTTP", &["--package", "brama-tests"]),
        on_postgres("PostgreSQL: process", &[&process[..], &of_process].concat()),
        // A build that exists for nothing else: the server with mistakes in it, and the tests that find them.
        Step::new("planted faults", "cargo", &["test", "--package", "brama-tests", FAULTS, "museum::faults"]),
    ]
}

fn sdk() -> Vec<Step> {
    let folder = "sdk/browser";
    vec![
        install("sdk: packages", folder),
        Step::new("sdk: types", "npm", &["run", "--silent", "check"]).folder(folder),
        Step::new("sdk: test", "npm", &["test", "--silent"]).folder(folder),
    ]
}

fn in_browser(postgres: &str) -> Vec<Step> {
    vec![
        install("browser: packages", "tests/browser"),
        with_database("browser: test", "tests/browser", "sqlite", postgres),
        with_database("PostgreSQL: browser", "tests/browser", "postgres", postgres),
    ]
}

/// Clients that we did not write, each against the program as it was built. What they need goes below `target/interop`.
fn interop(postgres: &str) -> Vec<Step> {
    let at = |path: &str| root().join("target/interop").join(path).to_string_lossy().into_owned();
    let (python, rust) = (at("python"), at(""));
    let requirements =
        ["-m", "pip", "install", "--quiet", "--require-hashes", "--requirement", "python/requirements.txt"];
    vec![
        install("interop: packages", "tests/interop"),
        Step::new("interop: venv", "python3", &["-m", "venv", &python]),
        Step::new("interop: Python", &at("python/bin/python"), &requirements).folder("tests/interop"),
        Step::new("interop: Rust", "cargo", &["build", "--quiet", "--locked", "--target-dir", &rust])
            .folder("tests/interop/rust")
            .env("CARGO_PROFILE_DEV_DEBUG", "false"),
        with_database("interop: test", "tests/interop", "sqlite", postgres),
        with_database("PostgreSQL: interop", "tests/interop", "postgres", postgres),
    ]
}

/// Tests of npm with the program and one of the databases.
fn with_database(name: &'static str, folder: &str, database: &str, postgres: &str) -> Step {
    with_program(name, folder).env(CLUSTER, postgres).env(DATABASE, database)
}

/// Tests of npm. They look for the program below the tree's own `target`.
fn with_program(name: &'static str, folder: &str) -> Step {
    let test = Step::new(name, "npm", &["test", "--silent"]).folder(folder);
    match (std::env::var_os("CARGO_TARGET_DIR"), std::env::var_os("BRAMA_BIN")) {
        (Some(target), None) => test.env("BRAMA_BIN", root().join(target).join("debug/brama").to_string_lossy()),
        _ => test,
    }
}

fn install(name: &'static str, folder: &str) -> Step {
    Step::new(name, "npm", &["ci", "--no-audit", "--no-fund"]).folder(folder)
}

fn report(done: &[Outcome]) -> Result<(), String> {
    println!("\nstep                 seconds");
    let mut total = Count::default();
    for outcome in done {
        println!("{:20} {:7.1}", outcome.name, outcome.took.as_secs_f32());
        total += outcome.count;
    }
    let problem = done.iter().find_map(|outcome| outcome.problem.clone());
    if let Some(problem) = &problem {
        println!("\nstopped at {problem}");
    }
    if total != Count::default() {
        println!("\n{total}");
    }
    problem.map_or(Ok(()), |_| Err("a step failed".to_owned()))
}
