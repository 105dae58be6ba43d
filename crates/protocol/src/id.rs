//! Identifiers: 128-bit values that name things and open nothing.
//!
//! An id is not a secret (SK-6). What opens something is a [`crate::handle::Handle`].

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id, sortable by time: version 7 of RFC 9562 §5.7.
            #[must_use]
            pub fn new(now: jiff::Timestamp, random: [u8; 10]) -> Self {
                let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
                Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
            }

            /// The 16 bytes as they are stored.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// From the 16 bytes as they are stored.
            #[must_use]
            pub fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self.0.as_hyphenated(), f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;
            fn from_str(text: &str) -> Result<Self, NotAnId> {
                // The hyphenated form alone: one thing has one spelling.
                match Uuid::try_parse(text) {
                    Ok(id) if id.as_hyphenated().to_string() == text => Ok(Self(id)),
                    _ => Err(NotAnId),
                }
            }
        }
    )+};
}

ids! {
    /// An account. Its text form is the `sub` of every token.
    UserId,
    /// A browser signed in at this server, as it may be shown in lists; the cookie carries another, secret value. SE-3.
    SessionId,
    /// One authorization request on its way from `requested` to `redeemed`.
    AuthorizationId,
    /// What a user gave a client: the family of all tokens of one sign-in of an app.
    GrantId,
    /// A token that lets apps register themselves, as commands name it.
    InitialAccessTokenId,
}

/// The text is not a 128-bit id in lower-case hyphenated form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAnId;

impl fmt::Display for NotAnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an id")
    }
}

impl std::error::Error for NotAnId {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_spelling() {
        let id = UserId::new(jiff::Timestamp::UNIX_EPOCH, [0xab; 10]);
        assert_eq!(id.to_string().parse::<UserId>(), Ok(id));
        assert!(id.to_string().to_uppercase().parse::<UserId>().is_err());
        assert!(id.to_string().replace('-', "").parse::<UserId>().is_err());
        assert!("".parse::<UserId>().is_err());
    }
}
