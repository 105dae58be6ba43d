//! The master key: 256 random bits that are never in the database. SK-1. Every other key is derived from it, one per
//! purpose (HKDF-SHA256, RFC 5869): no key has two uses. SK-2.

use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use zeroize::Zeroizing;

/// What a derived key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// MAC of refresh tokens.
    RefreshTokens,
    /// MAC of form tokens.
    Csrf,
    /// Names of throttle counters.
    Throttle,
    /// Hashes of the user codes of devices.
    UserCodes,
    /// MAC of DPoP nonces.
    DpopNonces,
    /// Sealing password hashes. PW-13.
    Passwords,
    /// Sealing private signing keys. TK-27.
    SigningKeys,
    /// The value that shows whether a database belongs to this key.
    Check,
}

impl Purpose {
    fn label(self) -> &'static [u8] {
        match self {
            Self::RefreshTokens => b"brama/v1/refresh-tokens",
            Self::Csrf => b"brama/v1/csrf",
            Self::Throttle => b"brama/v1/throttle",
            Self::UserCodes => b"brama/v1/user-codes",
            Self::DpopNonces => b"brama/v1/dpop-nonces",
            Self::Passwords => b"brama/v1/passwords",
            Self::SigningKeys => b"brama/v1/signing-keys",
            Self::Check => b"brama/v1/check",
        }
    }
}

/// The master key. Prints nothing; wiped when dropped.
pub struct MasterKey(Zeroizing<[u8; 32]>);

struct Bytes32;

impl KeyType for Bytes32 {
    fn len(&self) -> usize {
        32
    }
}

impl MasterKey {
    /// From 32 bytes. Nothing if they were clearly not drawn at random: fewer than 8 different values. SK-1.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Option<Self> {
        let distinct: std::collections::BTreeSet<u8> = bytes.iter().copied().collect();
        (distinct.len() >= 8).then(|| Self(Zeroizing::new(bytes)))
    }

    /// The key for one purpose. Nothing only if the library refuses, which for 32 bytes it never does.
    #[must_use]
    pub fn derive(&self, purpose: Purpose) -> Option<Zeroizing<[u8; 32]>> {
        let mut key = Zeroizing::new([0u8; 32]);
        let extracted = Salt::new(HKDF_SHA256, b"brama").extract(self.0.as_slice());
        extracted.expand(&[purpose.label()], Bytes32).and_then(|okm| okm.fill(key.as_mut_slice())).ok()?;
        Some(key)
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn sk1_sk2_keys_differ_by_purpose_and_poor_masters_are_refused() {
        assert!(MasterKey::new([0; 32]).is_none());
        assert!(MasterKey::new(*b"aaaabbbbccccddddaaaabbbbccccdddd").is_none());
        let master = MasterKey::new(*b"0123456789abcdefghijklmnopqrstuv").unwrap();
        assert_ne!(*master.derive(Purpose::Csrf).unwrap(), *master.derive(Purpose::Throttle).unwrap());
        assert_eq!(*master.derive(Purpose::Csrf).unwrap(), *master.derive(Purpose::Csrf).unwrap());
    }
}
