//! The suite that every backend passes: each rule of the traits as a named case, races included.
//!
//! A backend hands over one fresh, migrated, empty store per case and runs all of them:
//!
//! ```ignore
//! brama_store::conformance::run_all(async |_case| open_an_empty_store().await).await;
//! ```
//!
//! Nothing here reads a clock: instants are counted from the start of 2026, ids and secrets come from a counter. The
//! name of a case begins with the rule it holds.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test suite: a panic is how a case fails")]

use std::sync::Arc;

use crate::Store;

mod authorization;
mod bound;
mod catalog;
mod client;
mod code;
mod consent;
mod device;
mod fixture;
mod grant;
mod lease;
mod logout_delivery;
mod par;
mod refresh;
mod registration;
mod replay;
mod revoked_token;
mod session;
mod session_end;
mod signing_key;
mod sweep;
mod throttle;
pub mod transfer;
mod user;

/// What a case is while it runs.
pub type Running = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

/// One rule, checked on a store of its own.
pub struct Case {
    /// The noun, the rule's id and what it says.
    pub name: &'static str,
    /// Checks the rule on a fresh, migrated, empty store; panics if it does not hold.
    pub run: fn(Arc<dyn Store>) -> Running,
}

/// Lists the cases of one noun.
macro_rules! list {
    ($noun:literal: $($case:ident),+ $(,)?) => {
        /// The cases of this noun.
        pub(super) fn cases() -> Vec<super::Case> {
            vec![$(super::Case {
                name: concat!($noun, "::", stringify!($case)),
                run: |store| Box::pin($case(super::fixture::World::new(store))),
            }),+]
        }
    };
}
use list;

/// All cases.
#[must_use]
pub fn cases() -> Vec<Case> {
    [
        user::cases(),
        catalog::cases(),
        client::cases(),
        session::cases(),
        session_end::cases(),
        authorization::cases(),
        code::cases(),
        consent::cases(),
        device::cases(),
        grant::cases(),
        lease::cases(),
        par::cases(),
        logout_delivery::cases(),
        refresh::cases(),
        bound::cases(),
        registration::cases(),
        replay::cases(),
        revoked_token::cases(),
        throttle::cases(),
        signing_key::cases(),
        sweep::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Run every case, each on a store that `open` makes for it.
///
/// # Panics
/// With the names of all cases that failed, after all have run.
pub async fn run_all<S: Store + 'static>(open: impl AsyncFn(&'static str) -> S) {
    let mut failed = Vec::new();
    for case in cases() {
        let store = open(case.name).await;
        if tokio::spawn((case.run)(Arc::new(store))).await.is_err() {
            failed.push(case.name);
        }
    }
    assert!(failed.is_empty(), "{} cases failed:\n  {}", failed.len(), failed.join("\n  "));
}
