//! The guard against an issuer of its own, over real sockets on this machine.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod dpop;
mod introspection;
mod keys;
mod requests;
mod resource_metadata;
mod step_up;
mod support;
