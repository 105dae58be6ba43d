//! Checking an access token in an API, by the guard crate, in this process.

use brama_guard::Guard;
use tokio::runtime::Handle;

use crate::load::{self, Plan};
use crate::measured::Measured;

/// Checks per timed call: one is too short.
const BATCH: usize = 16;

/// `remembered`: how many tokens the guard's cache holds; 0 checks every signature.
pub(super) async fn measure(
    name: &str,
    port: u16,
    token: &str,
    remembered: usize,
    plan: Plan,
) -> anyhow::Result<Measured> {
    let issuer = format!("http://localhost:{port}");
    let guard = Guard::builder(&issuer).audience(format!("{issuer}/api")).cached_tokens(remembered);
    let guard = guard.build_and_warm().await?;
    let runtime = Handle::current();
    let verify = || {
        let (guard, runtime) = (guard.clone(), runtime.clone());
        Ok(move || {
            runtime.block_on(guard.verify(token)).map(drop).map_err(|rejection| anyhow::anyhow!("{rejection:?}"))
        })
    };
    tokio::task::block_in_place(|| load::compute(name, 1, plan, BATCH, verify))
}
