//! Clients: the apps that send users here. OAuth 2.1 §2; RFC 7591 §2.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::limits;
use crate::origin::Origin;
use crate::redirect_uri::RegisteredRedirectUri;
use crate::scope::Scope;

/// A `client_id`: 1 to [`limits::CLIENT_ID_BYTES`] unreserved characters, and never of the shape of a user id, so that
/// the `sub` of a machine cannot be taken for a person's. TE-8, TE-33.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClientId(String);

/// The text cannot be a client id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAClientId;

impl fmt::Display for NotAClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a client id has 1 to {} letters, digits, dots, hyphens, underscores or tildes, and is not a UUID",
            limits::CLIENT_ID_BYTES
        )
    }
}

impl std::error::Error for NotAClientId {}

impl FromStr for ClientId {
    type Err = NotAClientId;
    fn from_str(text: &str) -> Result<Self, NotAClientId> {
        let unreserved = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
        let fits = (1..=limits::CLIENT_ID_BYTES).contains(&text.len()) && text.bytes().all(unreserved);
        if fits && uuid::Uuid::try_parse(text).is_err() { Ok(Self(text.to_owned())) } else { Err(NotAClientId) }
    }
}

impl TryFrom<String> for ClientId {
    type Error = NotAClientId;
    fn try_from(text: String) -> Result<Self, NotAClientId> {
        text.parse()
    }
}

impl From<ClientId> for String {
    fn from(id: ClientId) -> Self {
        id.0
    }
}

impl ClientId {
    /// The id as it goes over the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What kind of app a client is. Everything else has a default that follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientType {
    /// A single-page app: code runs in the browser, no secret. RFC 10017 §6.3.
    Browser,
    /// A server that renders pages and keeps a secret.
    Web,
    /// A mobile, desktop or command-line app: no secret. RFC 8252.
    Native,
    /// A machine that acts for itself: client credentials. OAuth 2.1 §4.2.
    Service,
}

impl ClientType {
    /// The word for it in commands, configuration and the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Browser => "browser",
            Self::Web => "web",
            Self::Native => "native",
            Self::Service => "service",
        }
    }

    /// Whether the client can keep a secret. OAuth 2.1 §2.1.
    #[must_use]
    pub fn is_confidential(self) -> bool {
        matches!(self, Self::Web | Self::Service)
    }

    /// Whether people sign in through it.
    #[must_use]
    pub fn has_users(self) -> bool {
        !matches!(self, Self::Service)
    }
}

/// Where a client's refresh token goes. Design §5.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RefreshDelivery {
    /// A cookie for browser clients on this site, the body for all that run outside a browser.
    #[default]
    Auto,
    /// Always the cookie.
    Cookie,
    /// Always the body; not for browser clients.
    Body,
}

/// Which algorithm signs a client's ID tokens. OpenID Registration §2 `id_token_signed_response_alg`; TK-11, TK-12.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum IdTokenAlgorithm {
    /// ECDSA on P-256, the default of this server.
    #[default]
    ES256,
    /// RSA PKCS#1 v1.5, for clients that know nothing else.
    RS256,
}

/// A registered app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// Its `client_id`.
    pub id: ClientId,
    /// The name people see, 1 to 100 code points.
    pub name: String,
    /// What kind of app it is.
    pub client_type: ClientType,
    /// Where codes may be sent.
    pub redirect_uris: Vec<RegisteredRedirectUri>,
    /// Where people may be sent after signing out. OpenID RP-Initiated Logout §3.1.
    pub post_logout_redirect_uris: Vec<RegisteredRedirectUri>,
    /// Origins whose scripts may call the token and cookie endpoints for this client. BB-12.
    pub origins: Vec<Origin>,
    /// Scopes it may be given.
    pub scope: Scope,
    /// It belongs to whoever runs this server: no consent page, and `/api/auth/login` is open to it. Design §5.
    pub first_party: bool,
    /// Where its refresh token goes.
    pub refresh_delivery: RefreshDelivery,
    /// What signs its ID tokens.
    pub id_token_alg: IdTokenAlgorithm,
    /// Resources (RFC 8707) it may ask tokens for, the first being its default. Empty: the server's default audience.
    pub resources: Vec<String>,
    /// A disabled client is treated like an unknown one.
    pub enabled: bool,
}

impl Client {
    /// Whether scripts of this origin may speak for the client. BB-12: exact comparison.
    #[must_use]
    pub fn lists_origin(&self, origin: &Origin) -> bool {
        self.origins.contains(origin)
    }

    /// Whether the client may use the code grant.
    #[must_use]
    pub fn may_authorize(&self) -> bool {
        self.client_type.has_users() && !self.redirect_uris.is_empty()
    }

    /// Whether consent may be remembered: only where the receiver of the redirect is assured. AZ-22.
    #[must_use]
    pub fn remembers_consent(&self) -> bool {
        self.client_type != ClientType::Native && self.redirect_uris.iter().all(RegisteredRedirectUri::is_assured)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn te33_a_client_id_never_looks_like_a_user_id() {
        for wrong in [
            "",
            "a b",
            "a/b",
            "é",
            "01920000-0000-7000-8000-000000000000",
            "019200000000700080000000000000ff",
            &"a".repeat(65),
        ] {
            assert!(wrong.parse::<ClientId>().is_err(), "{wrong}");
        }
        for right in ["shop-web", "a", "A.b_c~d-1"] {
            assert!(right.parse::<ClientId>().is_ok(), "{right}");
        }
    }
}
