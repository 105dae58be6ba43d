//! `cargo xtask generate`: the reference pages made from the code. The generators themselves are in `tests/generated.rs`.

use crate::run::Step;

/// Tells the generators to write instead of compare.
const WRITE: &str = "BRAMA_GENERATE";

/// Write all generated pages.
pub(crate) fn write() -> Result<(), String> {
    step().env(WRITE, "write").run().map(drop)
}

/// Compare them with what the code says now.
pub(crate) fn check() -> Result<(), String> {
    step().run().map(drop)
}

/// Selected over the whole workspace, so that dependencies keep the features they have in every other test.
fn step() -> Step {
    let fix = "run `cargo xtask generate` and commit what it writes";
    Step::new("generate", "cargo", &["test", "--quiet", "--workspace", "--test", "generated_pages"]).fix(fix)
}
