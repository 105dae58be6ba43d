//! Why a request is not let in, and how that is said: RS-4 to RS-6 in `WWW-Authenticate`, 503 when it is our side that cannot tell.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum_core::response::{IntoResponse, Response};
use brama_jose::JwsError;
use brama_protocol::bearer::{BearerError, Challenge, ErrorCode};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, StatusCode};

/// A request that is refused. Turns into the right response by itself.
#[derive(Clone)]
pub struct Rejection {
    reason: Reason,
    site: Arc<Site>,
}

/// What every challenge of this API says about itself.
#[derive(Debug, Default)]
pub(crate) struct Site {
    pub(crate) realm: Option<String>,
    pub(crate) resource_metadata: Option<String>,
}

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// No token in the `Authorization` header: 401, and the challenge has no `error` (RS-4).
    NoToken,
    /// Two `Authorization` headers, or one that is not a token: 400 `invalid_request` (RS-2).
    Malformed,
    /// The token is not good here: 401 `invalid_token`.
    Invalid(InvalidToken),
    /// The token is good but does not reach this far: 403 `insufficient_scope`.
    InsufficientScope {
        /// All scopes the route needs, separated by spaces (RS-4).
        required: String,
    },
    /// The keys of the issuer cannot be had right now, so nobody knows whether the token is good: 503.
    Unavailable {
        /// When it is worth trying again.
        retry_after: Duration,
    },
}

/// What is wrong with a token. The texts are shown to the client; none repeats anything the token says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidToken {
    /// Not a signed token of this kind, or the signature is wrong.
    #[error("{0}")]
    Jws(#[from] JwsError),
    /// Signed with an algorithm this API does not allow (TK-22).
    #[error("the signature algorithm is not allowed here")]
    AlgorithmNotAllowed,
    /// No key of the issuer has this id.
    #[error("the token is signed with an unknown key")]
    UnknownKey,
    /// A claim is missing or malformed (TK-2).
    #[error("a required claim is missing or malformed")]
    BadClaims,
    /// Another issuer (G-7).
    #[error("the token is from another issuer")]
    WrongIssuer,
    /// For another API (RS-3).
    #[error("the token is for another audience")]
    WrongAudience,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// Issued or valid in the future only: somebody's clock is wrong (G-8).
    #[error("the token is not valid yet")]
    NotYetValid,
    /// Bound to a key of the sender (`cnf`), so it is no bearer token (RS-10).
    #[error("the token is bound to a key and cannot be used as a bearer token")]
    SenderConstrained,
}

impl From<BearerError> for Reason {
    fn from(error: BearerError) -> Self {
        match error {
            BearerError::Missing => Self::NoToken,
            BearerError::Malformed => Self::Malformed,
        }
    }
}

impl Rejection {
    pub(crate) fn new(reason: Reason, site: &Arc<Site>) -> Self {
        Self { reason, site: Arc::clone(site) }
    }

    /// Why.
    #[must_use]
    pub fn reason(&self) -> &Reason {
        &self.reason
    }

    /// The status of the response: 400, 401, 403 or 503.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        let Some(challenge) = self.build_challenge("") else {
            return StatusCode::SERVICE_UNAVAILABLE;
        };
        StatusCode::from_u16(challenge.status()).unwrap_or(StatusCode::UNAUTHORIZED)
    }

    /// The value of `WWW-Authenticate`. `None` for [`Reason::Unavailable`]: another token would not help.
    #[must_use]
    pub fn challenge(&self) -> Option<String> {
        let description = self.reason.to_string();
        self.build_challenge(&description).map(|challenge| challenge.to_string())
    }

    fn build_challenge<'a>(&'a self, description: &'a str) -> Option<Challenge<'a>> {
        let mut challenge = Challenge::new();
        if let Some(realm) = &self.site.realm {
            challenge = challenge.realm(realm);
        }
        if let Some(url) = &self.site.resource_metadata {
            challenge = challenge.resource_metadata(url);
        }
        if let Some(code) = self.reason.code() {
            challenge = challenge.error(code).description(description);
        }
        match &self.reason {
            Reason::Unavailable { .. } => return None,
            Reason::InsufficientScope { required } => challenge = challenge.scope(required),
            Reason::NoToken | Reason::Malformed | Reason::Invalid(_) => {}
        }
        Some(challenge)
    }
}

impl Reason {
    fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::NoToken | Self::Unavailable { .. } => None,
            Self::Malformed => Some(ErrorCode::InvalidRequest),
            Self::Invalid(_) => Some(ErrorCode::InvalidToken),
            Self::InsufficientScope { .. } => Some(ErrorCode::InsufficientScope),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoToken => BearerError::Missing.fmt(f),
            Self::Malformed => BearerError::Malformed.fmt(f),
            Self::Invalid(invalid) => invalid.fmt(f),
            Self::InsufficientScope { .. } => f.write_str("the token lacks a required scope"),
            Self::Unavailable { .. } => f.write_str("the keys of the token issuer cannot be fetched right now"),
        }
    }
}

impl fmt::Debug for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Rejection").field(&self.reason).finish()
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(f)
    }
}

impl std::error::Error for Rejection {}

/// The header carries the protocol; the body repeats it for people, and never with the word `error` where none is due (RS-4).
impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        let mut body = serde_json::Map::new();
        let error = match &self.reason {
            Reason::Unavailable { .. } => Some("temporarily_unavailable"),
            reason => reason.code().map(ErrorCode::as_str),
        };
        if let Some(error) = error {
            body.insert("error".to_owned(), error.into());
        }
        body.insert("error_description".to_owned(), self.reason.to_string().into());
        let mut response = (self.status(), serde_json::Value::Object(body).to_string()).into_response();
        let mut set = |name: HeaderName, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                response.headers_mut().insert(name, value);
            }
        };
        set(CONTENT_TYPE, "application/json");
        set(CACHE_CONTROL, "no-store");
        if let Some(challenge) = self.challenge() {
            set(WWW_AUTHENTICATE, &challenge);
        }
        if let Reason::Unavailable { retry_after } = self.reason {
            let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
            set(RETRY_AFTER, &seconds.max(1).to_string());
        }
        response
    }
}
