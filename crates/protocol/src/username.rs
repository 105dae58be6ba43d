//! User names and e-mail addresses as people type them: kept in NFC, compared case-folded. Design §4.

use std::fmt;

use unicode_normalization::UnicodeNormalization as _;

use crate::limits;

/// A user name: 1 to [`limits::USERNAME_CODE_POINTS`] code points, no control characters, no space at either end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Username(String);

/// An e-mail address in the form that mail systems accept: one `@` with something on both sides, no space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email(String);

/// What names are compared by: NFC, then full case folding, then NFC again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NameKey(String);

/// The text cannot be a user name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAUsername;

/// The text cannot be an e-mail address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAnEmail;

impl fmt::Display for NotAUsername {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a user name has 1 to {} characters, no control characters and no space at its ends",
            limits::USERNAME_CODE_POINTS
        )
    }
}

impl std::error::Error for NotAUsername {}

impl fmt::Display for NotAnEmail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an e-mail address looks like name@example.com and has at most {} bytes", limits::EMAIL_BYTES)
    }
}

impl std::error::Error for NotAnEmail {}

impl Username {
    /// Check a name that is to be given to an account.
    ///
    /// # Errors
    /// [`NotAUsername`].
    pub fn parse(text: &str) -> Result<Self, NotAUsername> {
        let name: String = text.nfc().collect();
        let length = name.chars().count();
        if !(1..=limits::USERNAME_CODE_POINTS).contains(&length)
            || name.chars().any(char::is_control)
            || name.trim() != name
        {
            return Err(NotAUsername);
        }
        Ok(Self(name))
    }

    /// The name as it is shown.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What it is looked up by.
    #[must_use]
    pub fn key(&self) -> NameKey {
        NameKey::of(&self.0)
    }
}

impl Email {
    /// Check an address that is to be given to an account.
    ///
    /// # Errors
    /// [`NotAnEmail`].
    pub fn parse(text: &str) -> Result<Self, NotAnEmail> {
        let address: String = text.nfc().collect();
        let (local, domain) = address.rsplit_once('@').ok_or(NotAnEmail)?;
        let clean = |part: &str| !part.is_empty() && !part.chars().any(|c| c.is_control() || c.is_whitespace());
        if address.len() > limits::EMAIL_BYTES || !clean(local) || !clean(domain) || local.contains('@') {
            return Err(NotAnEmail);
        }
        Ok(Self(address))
    }

    /// The address as it is shown and written to.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What it is looked up by.
    #[must_use]
    pub fn key(&self) -> NameKey {
        NameKey::of(&self.0)
    }
}

impl NameKey {
    /// The key of any typed text; surrounding spaces, which phones add, do not count.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let folded = caseless::default_case_fold_str(&text.trim().nfc().collect::<String>());
        Self(folded.nfc().collect())
    }

    /// The key as it is stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn names_that_are_none() {
        for wrong in ["", " ", "a\nb", " a", "a ", "\u{0}", &"a".repeat(129)] {
            assert!(Username::parse(wrong).is_err(), "{wrong:?}");
        }
        for wrong in ["", "a", "@", "a@", "@b", "a b@c", "a@b@c", &format!("{}@b", "a".repeat(254))] {
            assert!(Email::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn look_ups_fold_case_in_every_script() {
        let key = |text| Username::parse(text).unwrap().key();
        assert_eq!(key("Олена"), key("ОЛЕНА"));
        assert_eq!(key("STRASSE"), key("straße"));
        assert_eq!(key("e\u{301}"), key("É"));
        assert_ne!(key("olena"), key("оlena"));
        assert_eq!(NameKey::of(" olena "), key("olena"));
    }
}
