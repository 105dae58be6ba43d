//! `brama check`: the configuration, offline.

use brama_config::Profile;

use crate::client_form::ClientForm;
use crate::command::ServerFlags;
use crate::command::serve::declared;
use crate::failure::Failure;
use crate::terminal;

pub(crate) fn run(flags: &ServerFlags) -> Result<(), Failure> {
    let loaded = flags.load(Profile::Production)?;
    let clients: Vec<(usize, ClientForm)> = declared(&loaded.config).collect();
    crate::command::serve::check_clients(&loaded, clients)?;
    terminal::message(&format!("The configuration of {} is right.\n", loaded.config.public_url.as_str()));
    Ok(())
}
