//! The real program over real sockets: what it prints, how it starts, stops and refuses to start, what survives
//! `kill -9`, what happens when too many people sign in at once. Every test has its own folder and port.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod administration;
mod backchannel;
mod backup;
mod clients;
mod configuration;
mod copy;
mod dev;
mod disk;
mod disk_at_start;
mod durability;
mod isolation;
mod keys;
mod migrate;
mod moving_postgres;
mod overload;
mod planted_faults;
mod restore;
mod serve;
mod start_up;
mod support;
