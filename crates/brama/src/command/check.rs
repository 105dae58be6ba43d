//! `brama check`: the configuration, offline.

use brama_config::Profile;

use crate::boot;
use crate::command::ServerFlags;
use crate::command::serve::{check_clients, declared};
use crate::failure::Failure;
use crate::terminal;

pub(crate) fn run(flags: &ServerFlags) -> Result<(), Failure> {
    let loaded = flags.load(Profile::Production)?;
    check_clients(&loaded, declared(&loaded.config)?)?;
    boot::registration(&loaded.config)?;
    terminal::message(&format!("The configuration of {} is right.\n", loaded.config.public_url.as_str()));
    Ok(())
}
