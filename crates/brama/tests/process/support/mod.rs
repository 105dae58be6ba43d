//! A folder with a server in it, and somebody who talks to that server.

mod browser;
mod ended;
mod scratch;
mod server;
mod wire;

pub(crate) use browser::Browser;
pub(crate) use ended::Ended;
pub(crate) use scratch::{PASSWORD, Scratch};
pub(crate) use server::Server;
pub(crate) use wire::{Answer, Lost, Wire};
