//! The fetcher against real sockets: what it fetches, what it never reaches, what it does not wait for.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::string_slice, reason = "tests")]

mod answers;
mod names;
mod support;
mod tls;
