//! Fail-over: a primary and a synchronous standby, three servers in front, people and apps at work; the primary is killed
//! again and again, and every answer that was given is held against the database that took over.
//!
//! The manager of the pair is this test: it sees the death of the primary at once. A real one takes its own time to see it,
//! which adds to the outages printed here.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests"
)]

mod app;
mod bystander;
mod hung;
mod killed;
mod outage;
mod pair;
mod person;
#[path = "../nodes/site.rs"]
#[expect(dead_code, reason = "the tests of several nodes use the rest")]
mod site;
#[path = "../process/support/mod.rs"]
#[expect(dead_code, reason = "the tests of one process use the rest")]
mod support;
#[path = "../nodes/walk.rs"]
#[expect(dead_code, reason = "the tests of several nodes use the rest")]
mod walk;
mod world;
