//! Nonces of the server, without memory: period ‖ keyed MAC. RS-12; RFC 9449 §8, §9.

use std::fmt;

use aws_lc_rs::{constant_time, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;

const LABEL: &[u8] = b"brama dpop nonce v1";
/// A nonce is issued for this long and honoured for as long again.
const PERIOD_SECONDS: i64 = 300;
/// A node whose clock is behind accepts the nonces of the next period this early.
const AHEAD_SECONDS: i64 = 30;
const PERIOD: usize = 8;
const MAC: usize = 16;
const ALL: usize = PERIOD + MAC;

/// Who issues and accepts a nonce: one for the token endpoint is nothing at a protected resource, and the reverse. RFC 9449 §9.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoncePurpose {
    /// Token endpoint and pushed authorization requests.
    AuthorizationServer,
    /// APIs, UserInfo.
    ProtectedResource,
}

/// The key that makes nonces and knows them again. Nodes that share it honour each other's. Prints nothing.
#[derive(Clone)]
pub struct NonceKey {
    key: hmac::Key,
    purpose: NoncePurpose,
}

/// The value of a `DPoP-Nonce` header: 32 characters of base64url, so NQCHAR.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nonce(String);

impl Nonce {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl NonceKey {
    /// From 32 secret bytes: derived ones at the server, random or shared ones at an API.
    #[must_use]
    pub fn new(bytes: &[u8; 32], purpose: NoncePurpose) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, bytes), purpose }
    }

    /// The nonce of this moment: the same for five minutes, honoured for five minutes more.
    #[must_use]
    pub fn issue(&self, now: Timestamp) -> Nonce {
        Nonce(self.nonce(period_of(now)))
    }

    /// Whether this is the nonce that [`Self::issue`] gives: then the client need not be told a newer one.
    #[must_use]
    pub fn is_newest(&self, nonce: &str, now: Timestamp) -> bool {
        self.open(nonce) == Some(period_of(now))
    }

    /// Until when a nonce is honoured. `None` for one that is too old, that is not ours, or that was made for the other purpose.
    #[must_use]
    pub fn good_until(&self, nonce: &str, now: Timestamp) -> Option<Timestamp> {
        let period = self.open(nonce)?;
        let starts = period.checked_mul(PERIOD_SECONDS)?;
        let ends = starts.checked_add(2 * PERIOD_SECONDS)?;
        let now = now.as_second();
        if starts.checked_sub(AHEAD_SECONDS)? <= now && now < ends { Timestamp::from_second(ends).ok() } else { None }
    }

    fn open(&self, nonce: &str) -> Option<i64> {
        let mut bytes = [0; ALL];
        match URL_SAFE_NO_PAD.decode_slice(nonce, &mut bytes) {
            Ok(ALL) => {}
            _ => return None,
        }
        let (period, mac) = bytes.split_first_chunk::<PERIOD>()?;
        constant_time::verify_slices_are_equal(&self.mac(period), mac).ok()?;
        Some(i64::from_be_bytes(*period))
    }

    fn nonce(&self, period: i64) -> String {
        let period = period.to_be_bytes();
        URL_SAFE_NO_PAD.encode([period.as_slice(), &self.mac(&period)].concat())
    }

    fn mac(&self, period: &[u8; PERIOD]) -> [u8; MAC] {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(LABEL);
        context.update(match self.purpose {
            NoncePurpose::AuthorizationServer => &[1],
            NoncePurpose::ProtectedResource => &[2],
        });
        context.update(period);
        let tag = context.sign();
        let mut mac = [0; MAC];
        for (to, from) in mac.iter_mut().zip(tag.as_ref()) {
            *to = *from;
        }
        mac
    }
}

impl fmt::Debug for NonceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NonceKey").field("purpose", &self.purpose).finish_non_exhaustive()
    }
}

fn period_of(now: Timestamp) -> i64 {
    now.as_second().div_euclid(PERIOD_SECONDS)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::*;

    fn key() -> NonceKey {
        NonceKey::new(&[1; 32], NoncePurpose::ProtectedResource)
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    #[test]
    fn rs_12_a_nonce_is_good_for_its_period_and_the_next() {
        // 1,800,000,000 begins a period.
        let nonce = key().issue(at(0));
        assert_eq!(nonce, key().issue(at(299)));
        assert_ne!(nonce, key().issue(at(300)));
        for seconds in [-30, 0, 299, 300, 599] {
            assert_eq!(key().good_until(nonce.as_str(), at(seconds)), Some(at(600)), "{seconds}");
        }
        for seconds in [-31, -300, 600, 100_000] {
            assert_eq!(key().good_until(nonce.as_str(), at(seconds)), None, "{seconds}");
        }
        assert!(key().is_newest(nonce.as_str(), at(299)));
        assert!(!key().is_newest(nonce.as_str(), at(300)));
    }

    #[test]
    fn rs_12_nonces_of_others_are_none() {
        let nonce = key().issue(at(0));
        let server = NonceKey::new(&[1; 32], NoncePurpose::AuthorizationServer);
        let stranger = NonceKey::new(&[2; 32], NoncePurpose::ProtectedResource);
        for other in [server, stranger] {
            assert_eq!(other.good_until(nonce.as_str(), at(0)), None);
            assert_eq!(key().good_until(other.issue(at(0)).as_str(), at(0)), None);
        }
        let bytes = URL_SAFE_NO_PAD.decode(nonce.as_str()).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut forged = bytes.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(key().good_until(&URL_SAFE_NO_PAD.encode(forged), at(0)), None, "bit {bit}");
        }
        for nonsense in ["", "a", &format!("{nonce}A"), &format!("{nonce}="), &"A".repeat(32), &"A".repeat(5000)] {
            assert_eq!(key().good_until(nonsense, at(0)), None, "{nonsense}");
        }
    }

    #[test]
    fn rs_12_only_nqchar() {
        let nonce = key().issue(at(0));
        assert_eq!(nonce.as_str().len(), 32);
        assert!(nonce.as_str().bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e)));
        assert!(!format!("{:?}", key()).contains('1'));
    }
}
