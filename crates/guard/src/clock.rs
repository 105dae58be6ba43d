//! The one place where time comes from, so that tests can bring their own.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Time since 1970-01-01T00:00:00Z, the scale of token claims.
pub(crate) type Instant = Duration;

/// Where "now" comes from.
#[derive(Clone)]
pub(crate) struct Clock(Arc<dyn Fn() -> SystemTime + Send + Sync>);

impl Clock {
    pub(crate) fn new(now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    #[expect(clippy::disallowed_methods, reason = "the default of an API that sets no clock of its own")]
    pub(crate) fn system() -> Self {
        Self::new(SystemTime::now)
    }

    pub(crate) fn now(&self) -> Instant {
        (self.0)().duration_since(UNIX_EPOCH).unwrap_or_default()
    }
}
