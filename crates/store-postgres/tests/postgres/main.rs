//! The backend on a real server: the suite of `brama-store`, and what only this backend can get wrong.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod broken;
mod catalog;
mod conformance;
mod open;
mod proxy;
mod races;
mod round_trips;
mod tls;
mod world;
