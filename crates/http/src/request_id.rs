//! Names of requests, for logs and error pages. They have to be different, not secret.

use std::sync::atomic::{AtomicU64, Ordering};

use http::HeaderValue;

/// An odd number: multiplying by it gives every 64-bit number another one, and neighbours look nothing alike.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// Where names come from: they are counted from a random number, so that those of two runs or nodes differ.
pub(crate) struct RequestIds(AtomicU64);

impl RequestIds {
    pub(crate) fn from(first: u64) -> Self {
        Self(AtomicU64::new(first))
    }

    /// The next one, 16 hexadecimal digits, as text and as a header.
    pub(crate) fn next(&self) -> (String, HeaderValue) {
        let text = format!("{:016x}", self.0.fetch_add(1, Ordering::Relaxed).wrapping_mul(SPREAD));
        let value = HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("-"));
        (text, value)
    }
}
