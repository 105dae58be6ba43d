//! Proof Key for Code Exchange. RFC 7636. Only `S256`.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use brama_faults::{Fault, planted};
use subtle::ConstantTimeEq as _;

/// The stored `code_challenge`: SHA-256 of the verifier the client keeps. RFC 7636 §4.2.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Challenge([u8; 32]);

/// Why a challenge cannot be accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadChallenge {
    /// No `code_challenge`. AZ-23.
    Missing,
    /// A method other than `S256`; an absent method means `plain` (RFC 7636 §4.3). AZ-24.
    Method,
    /// Not 43 characters of base64url. AZ-25.
    Syntax,
}

impl Challenge {
    /// Read `code_challenge` and `code_challenge_method` of an authorization request. AZ-23, AZ-24, AZ-25.
    ///
    /// # Errors
    /// [`BadChallenge`] for an absent or malformed challenge and for every method but `S256`.
    pub fn parse(challenge: Option<&str>, method: Option<&str>) -> Result<Self, BadChallenge> {
        let challenge = challenge.ok_or(BadChallenge::Missing)?;
        if method != Some("S256") && !(planted(Fault::Code10) && method.is_none()) {
            return Err(BadChallenge::Method);
        }
        let mut bytes = [0u8; 32];
        match URL_SAFE_NO_PAD.decode_slice(challenge, &mut bytes) {
            Ok(32) => Ok(Self(bytes)),
            _ => Err(BadChallenge::Syntax),
        }
    }

    /// The 32 bytes as they are stored.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// From the 32 bytes as they are stored.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Compare the verifier with the stored challenge, in constant time. RFC 7636 §4.6; AZ-24: only S256, stricter than
    /// OAuth 2.1 §4.1.1.
    #[must_use]
    pub fn verify(&self, verifier: &Verifier) -> Option<Verified> {
        let hash = digest(&SHA256, verifier.0.as_bytes());
        bool::from(hash.as_ref().ct_eq(&self.0)).then_some(Verified { _private: () })
    }
}

impl fmt::Debug for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Challenge(…)")
    }
}

/// The `code_verifier` of a token request: 43 to 128 unreserved characters. RFC 7636 §4.1; AZ-25.
pub struct Verifier(zeroize::Zeroizing<String>);

impl Verifier {
    /// Read a `code_verifier`; nothing when its length or alphabet is wrong.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let unreserved = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
        (((43..=128).contains(&text.len()) || planted(Fault::Code04)) && text.bytes().all(unreserved))
            .then(|| Self(zeroize::Zeroizing::new(text.to_owned())))
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier(…)")
    }
}

/// The verifier fits the challenge. Only [`Challenge::verify`] makes this value.
#[derive(Debug)]
pub struct Verified {
    _private: (),
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    // RFC 7636 appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn az23_az24_az25_only_a_full_s256_challenge_is_read() {
        let parse = Challenge::parse;
        assert_eq!(parse(None, Some("S256")), Err(BadChallenge::Missing));
        assert_eq!(parse(Some(CHALLENGE), None), Err(BadChallenge::Method));
        assert_eq!(parse(Some(CHALLENGE), Some("plain")), Err(BadChallenge::Method));
        assert_eq!(parse(Some(CHALLENGE), Some("s256")), Err(BadChallenge::Method));
        for wrong in [CHALLENGE.split_at(1).1, &format!("{CHALLENGE}A"), &format!("{CHALLENGE}="), &"a".repeat(129), ""]
        {
            assert_eq!(parse(Some(wrong), Some("S256")), Err(BadChallenge::Syntax), "{wrong}");
        }
    }

    #[test]
    fn rfc7636_appendix_b() {
        let challenge = Challenge::parse(Some(CHALLENGE), Some("S256")).unwrap();
        assert!(challenge.verify(&Verifier::parse(VERIFIER).unwrap()).is_some());
        let other = VERIFIER.replace('d', "e");
        assert!(challenge.verify(&Verifier::parse(&other).unwrap()).is_none());
        // The challenge itself is no verifier: that would be `plain`.
        assert!(challenge.verify(&Verifier::parse(CHALLENGE).unwrap()).is_none());
    }

    #[test]
    fn az25_verifier_syntax() {
        for wrong in ["", &"a".repeat(42), &"a".repeat(129), &format!("{}+", "a".repeat(43)), &"é".repeat(43)] {
            assert!(Verifier::parse(wrong).is_none(), "{wrong}");
        }
        assert!(Verifier::parse(&"a".repeat(43)).is_some());
        assert!(Verifier::parse(&"~".repeat(128)).is_some());
    }
}
