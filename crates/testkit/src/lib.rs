//! A server in a box: everything of Brama but the process, with a clock that tests set, randomness that repeats, a
//! browser that behaves like Chromium and an app that signs people in.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! use brama_testkit::{Browser, RelyingParty, TestServer};
//!
//! let server = TestServer::start().await;
//! let (mut browser, shop) = (Browser::new(&server), RelyingParty::shop());
//! let answer = browser.sign_in_for(&shop).await;
//! let tokens = shop.redeem(&server, answer.code()).await;
//! assert_eq!(tokens.json()["token_type"], "Bearer");
//! # }
//! ```
//!
//! Every answer passes [`invariants::check`]: headers that must be everywhere, attributes of every cookie, the policy of
//! every page. Panicking is how this crate fails a test; no other crate depends on it outside tests.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "support code of tests: a panic is a failed test"
)]

mod browser;
mod call;
mod clock;
mod entropy;
pub mod html;
pub mod invariants;
mod jar;
pub mod logs;
mod options;
mod outgoing;
mod relying_party;
mod reply;
pub mod rows;
pub mod seeds;
mod server;
pub mod tokens;

pub use browser::{Browser, Landing};
pub use call::Call;
pub use clock::TestClock;
pub use entropy::SeededEntropy;
pub use jar::Jar;
pub use options::{Options, Storage, Way};
pub use outgoing::World;
pub use relying_party::{Answer, RelyingParty, challenge};
pub use reply::Reply;
pub use server::{Database, MASTER, TestServer};
