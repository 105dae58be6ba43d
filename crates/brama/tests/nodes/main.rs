//! Several real servers on one PostgreSQL database, without sticky sessions: what one of them does, all of them know.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod changes;
mod coming_and_going;
mod races;
mod roaming;
mod site;
#[path = "../process/support/mod.rs"]
#[expect(dead_code, reason = "the tests of one process use the rest")]
mod support;
mod walk;
