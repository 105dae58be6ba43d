//! `brama`: reads the configuration, picks the backend, wires the rooms together and serves; and the commands of
//! administration.

mod boot;
mod client_form;
mod command;
mod database;
mod dev;
mod edge;
mod failure;
mod logging;
mod master_key;
mod moving;
mod terminal;

use clap::Parser as _;

use crate::command::Arguments;

fn main() -> std::process::ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        // clap writes help to stdout and mistakes, with a suggestion, to stderr; its exit code is 2 for those.
        Err(error) => error.exit(),
    };
    let done = command::run(arguments);
    logging::finish();
    match done {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
