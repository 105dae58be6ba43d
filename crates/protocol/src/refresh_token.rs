//! Refresh tokens: `grant id ‖ generation ‖ MAC`. Design §5.
//!
//! Nothing is stored per token. Whoever holds the key can compute a token again, so a lost answer is answered with the
//! same successor.

use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::id::GrantId;

const PREFIX: &str = "brt_";
const GRANT: usize = 16;
const GENERATION: usize = 8;
const MAC: usize = 32;
const ALL: usize = GRANT + GENERATION + MAC;
const LABEL: &[u8] = b"brama refresh token v1";

/// The key that makes and knows refresh tokens, derived from the master key.
pub struct RefreshTokenKey(hmac::Key);

impl RefreshTokenKey {
    /// From 32 derived bytes.
    #[must_use]
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    fn mac(&self, grant: GrantId, generation: u64) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(LABEL);
        context.update(grant.as_bytes());
        context.update(&generation.to_be_bytes());
        context.sign()
    }

    /// The refresh token of one generation of a grant.
    #[must_use]
    pub fn token(&self, grant: GrantId, generation: u64) -> RefreshToken {
        let mut bytes = Vec::with_capacity(ALL);
        bytes.extend_from_slice(grant.as_bytes());
        bytes.extend_from_slice(&generation.to_be_bytes());
        bytes.extend_from_slice(self.mac(grant, generation).as_ref());
        RefreshToken(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// Read a presented token. The MAC is compared in constant time; a token that we did not make is nothing. PW-23.
    #[must_use]
    pub fn open(&self, presented: &str) -> Option<PresentedRefreshToken> {
        let mut bytes = [0u8; ALL];
        match URL_SAFE_NO_PAD.decode_slice(presented.strip_prefix(PREFIX)?, &mut bytes) {
            Ok(ALL) => {}
            _ => return None,
        }
        let (grant, rest) = bytes.split_first_chunk::<GRANT>()?;
        let (generation, mac) = rest.split_first_chunk::<GENERATION>()?;
        let grant = GrantId::from_bytes(*grant);
        let generation = u64::from_be_bytes(*generation);
        aws_lc_rs::constant_time::verify_slices_are_equal(self.mac(grant, generation).as_ref(), mac).ok()?;
        Some(PresentedRefreshToken { grant, generation })
    }
}

/// A refresh token on its way to its holder. Prints nothing.
#[derive(Clone)]
pub struct RefreshToken(String);

impl RefreshToken {
    /// The form that goes over the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshToken(…)")
    }
}

/// A refresh token whose MAC was right: it was ours once. Whether it still counts the grant decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PresentedRefreshToken {
    /// The grant it belongs to.
    pub grant: GrantId,
    /// Which token of that grant it is.
    pub generation: u64,
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn grant() -> GrantId {
        GrantId::new(jiff::Timestamp::UNIX_EPOCH, [1; 10])
    }

    #[test]
    fn only_our_own_tokens_open() {
        let key = RefreshTokenKey::new(&[1; 32]);
        let token = key.token(grant(), 5);
        assert_eq!(key.open(token.as_str()), Some(PresentedRefreshToken { grant: grant(), generation: 5 }));
        assert_eq!(RefreshTokenKey::new(&[2; 32]).open(token.as_str()), None);
        let body = token.as_str().strip_prefix(PREFIX).unwrap();
        for wrong in ["", "brt_", body, &format!("{}A", token.as_str()), &format!("{}=", token.as_str())] {
            assert_eq!(key.open(wrong), None, "{wrong}");
        }
        // Every flipped bit is noticed.
        let bytes = URL_SAFE_NO_PAD.decode(body).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut forged = bytes.clone();
            *forged.get_mut(bit / 8).unwrap() ^= 1 << (bit % 8);
            assert_eq!(key.open(&format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(forged))), None, "bit {bit}");
        }
    }

    #[test]
    fn the_successor_can_be_computed_again() {
        let key = RefreshTokenKey::new(&[1; 32]);
        assert_eq!(key.token(grant(), 6).as_str(), key.token(grant(), 6).as_str());
        assert_ne!(key.token(grant(), 6).as_str(), key.token(grant(), 7).as_str());
    }
}
