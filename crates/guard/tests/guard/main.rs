//! The guard against an issuer of its own, over real sockets on this machine.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod keys;
mod requests;
mod support;
