//! The edge of the process: its clock, its randomness, its signals.

use brama_flows::context::NoEntropy;
use brama_flows::{Clock, Entropy};
use jiff::Timestamp;

/// The clock of the operating system.
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        now()
    }
}

/// This instant, for commands, which are requests of their own.
#[expect(clippy::disallowed_methods, reason = "this is the edge: the one place that reads the clock")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

/// The random source of the operating system, as the cryptographic library reads it.
pub(crate) struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(clippy::disallowed_methods, reason = "this is the edge: the one place that draws random bytes")]
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        aws_lc_rs::rand::fill(bytes).map_err(|_| NoEntropy)
    }
}

/// Resolves when the process is asked to end: SIGTERM or Ctrl+C.
pub(crate) async fn asked_to_end() {
    let interrupt = tokio::signal::ctrl_c();
    let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) else {
        let _ = interrupt.await;
        return;
    };
    tokio::select! {
        _ = interrupt => {}
        _ = terminate.recv() => {}
    }
}
