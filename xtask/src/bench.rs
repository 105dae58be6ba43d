//! `cargo xtask bench`: build the server and the bench as they are released, and measure. Everything else is in `bench/`.

use crate::run::Step;

/// Build and run, with the arguments of the bench; `--help` tells them.
pub(crate) fn run(arguments: &[&str]) -> Result<(), String> {
    // Always together: what both need is compiled once, with the same features.
    let build = ["build", "--release", "--package", "brama", "--package", "brama-bench"];
    Step::new("build", "cargo", &build).run()?;
    Step::new("bench", "target/release/brama-bench", arguments).run().map(drop)
}
