//! `cargo xtask`: what CI and contributors run.
//!
//! `test` checks everything and installs what it needs for that; `generate` writes the generated reference pages; `tidy`
//! checks the promises of the tree that no compiler checks; `bench` measures.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program talks")]

mod bench;
mod generate;
mod run;
mod test;
mod tidy;
mod tools;
mod tree;

use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask test [--quick]      format, lints, all tests, generated pages, tidiness; --quick leaves the browser out
cargo xtask test interop        the clients of others only: libraries, Apache, oidc-agent
cargo xtask generate [--check]  write the generated pages below docs/reference; --check only compares
cargo xtask tidy                links, paths, names and arrows of the tree
cargo xtask bench [--help]      how fast the server is, beside how fast this machine could be; minutes on a quiet machine";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        ["test"] => test::all(test::Extent::Full),
        ["test", "--quick"] => test::all(test::Extent::Quick),
        ["test", "interop"] => test::all(test::Extent::Clients),
        ["generate"] => generate::write(),
        ["generate", "--check"] => generate::check(),
        ["tidy"] => tidy::all(),
        ["bench", more @ ..] => bench::run(more),
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(())
        }
        _ => Err(format!("this is not a command of xtask; these are:\n{USAGE}")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}
