//! Passwords: what may be typed, what may be set. NIST SP 800-63B-4 §3.1.1.2.

use std::fmt;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_public_assigned;
use zeroize::Zeroizing;

use crate::limits;

/// A password within the size limits, in Unicode normalization form C. Prints nothing, is wiped when dropped. PW-26.
pub struct Password(Zeroizing<String>);

/// The typed text is longer than [`limits::PASSWORD_CODE_POINTS`] or [`limits::PASSWORD_BYTES`]. Never truncated. PW-2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

/// Why a password cannot be set. It never contains the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unacceptable {
    /// Fewer code points than the policy asks. PW-1.
    TooShort {
        /// Code points it has.
        got: usize,
        /// Code points it needs.
        needed: usize,
    },
    /// A code point that Unicode has not assigned yet: its normal form may change later. PW-5.
    UnassignedCodePoint,
}

impl fmt::Display for Unacceptable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort { got, needed } => write!(f, "the password has {got} of at least {needed} characters"),
            Self::UnassignedCodePoint => {
                f.write_str("the password has a character that Unicode has not assigned yet; leave it out")
            }
        }
    }
}

impl std::error::Error for Unacceptable {}

impl Password {
    /// Take a typed password: limits on the raw text first, then NFC, the same for setting and for verifying. No
    /// trimming, no case folding. PW-2, PW-3, PW-4.
    ///
    /// # Errors
    /// [`TooLong`].
    pub fn parse(raw: &str) -> Result<Self, TooLong> {
        if raw.len() > limits::PASSWORD_BYTES || raw.chars().count() > limits::PASSWORD_CODE_POINTS {
            return Err(TooLong);
        }
        Ok(Self(Zeroizing::new(raw.nfc().collect())))
    }

    /// Whether nothing was typed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes to hash.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// Whether it may be set as a new password. Lengths in code points. PW-1, PW-3, PW-5.
    ///
    /// # Errors
    /// [`Unacceptable`] says why not.
    pub fn check_new(&self, min_code_points: usize) -> Result<(), Unacceptable> {
        let got = self.0.chars().count();
        if got < min_code_points {
            return Err(Unacceptable::TooShort { got, needed: min_code_points });
        }
        if self.0.chars().all(is_public_assigned) { Ok(()) } else { Err(Unacceptable::UnassignedCodePoint) }
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn check(text: &str) -> Result<(), Unacceptable> {
        Password::parse(text).unwrap().check_new(15)
    }

    #[test]
    fn pw1_pw3_code_points_are_counted() {
        assert_eq!(check(&"a".repeat(14)), Err(Unacceptable::TooShort { got: 14, needed: 15 }));
        assert_eq!(check(&"a".repeat(15)), Ok(()));
        assert_eq!(check(&"🦊".repeat(15)), Ok(()));
        assert_eq!(check(&"🦊".repeat(8)), Err(Unacceptable::TooShort { got: 8, needed: 15 }));
    }

    #[test]
    fn pw2_too_long_is_refused_never_cut() {
        assert!(Password::parse(&"a".repeat(256)).is_ok());
        assert!(Password::parse(&"a".repeat(257)).is_err());
        assert!(Password::parse(&"🦊".repeat(256)).is_ok());
        assert!(Password::parse(&"\u{fdfa}".repeat(342)).is_err());
    }

    #[test]
    fn pw4_nfc_and_nothing_more() {
        let bytes = |text: &str| Password::parse(text).unwrap().as_bytes().to_vec();
        assert_eq!(bytes("\u{e9}"), bytes("e\u{301}"));
        assert_ne!(bytes("ﬁ"), bytes("fi"));
        assert_ne!(bytes(" a "), bytes("a"));
        assert_ne!(bytes("A"), bytes("a"));
    }

    #[test]
    fn pw5_unassigned_code_points_cannot_be_set() {
        assert_eq!(check(&"\u{378}".repeat(15)), Err(Unacceptable::UnassignedCodePoint));
    }

    #[test]
    fn pw26_a_password_does_not_print() {
        assert_eq!(format!("{:?}", Password::parse("hunter2").unwrap()), "Password(…)");
    }
}
