//! Why a request is not let in, and how that is said: RS-4 to RS-7 and RS-11 in `WWW-Authenticate`, 503 when it is our side that
//! cannot tell.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum_core::response::{IntoResponse, Response};
use brama_jose::JwsError;
use brama_protocol::bearer::{BearerError, Challenge, ErrorCode, Scheme};
use brama_protocol::dpop::{Nonce, ProofError};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

/// RFC 9449 §8.1.
pub(crate) static DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// A request that is refused. Turns into the right response by itself.
#[derive(Clone)]
pub struct Rejection(Box<Inner>);

#[derive(Clone)]
struct Inner {
    reason: Reason,
    site: Arc<Site>,
    context: Context,
}

/// What is known about the request when it is refused.
#[derive(Clone, Debug, Default)]
pub(crate) struct Context {
    /// The scheme that was used: the error goes into its challenge (RS-11).
    pub(crate) scheme: Option<Scheme>,
    /// All scopes that the route needs.
    pub(crate) scope: Option<String>,
    /// Bearer tokens are no use here.
    pub(crate) dpop_only: bool,
    /// For the next proof (RS-12).
    pub(crate) nonce: Option<Nonce>,
}

/// What every challenge of this API says about itself.
#[derive(Debug, Default)]
pub(crate) struct Site {
    pub(crate) realm: Option<String>,
    pub(crate) resource_metadata: Option<String>,
    /// Names of the algorithms of proofs, when this API knows DPoP.
    pub(crate) dpop_algs: Option<String>,
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
    /// The DPoP proof is not good: 401 `invalid_dpop_proof` (RS-11).
    InvalidProof(ProofError),
    /// The DPoP proof needs the nonce that the answer carries: 401 `use_dpop_nonce` (RS-12).
    UseDpopNonce,
    /// The token is good but does not reach this far: 403 `insufficient_scope`.
    InsufficientScope {
        /// All scopes the route needs, separated by spaces (RS-4).
        required: String,
    },
    /// The user has to sign in again or more strongly: 401 `insufficient_user_authentication` (RS-7; RFC 9470 §3).
    InsufficientUserAuthentication {
        /// The classes of which one is needed, separated by spaces.
        acr_values: Option<String>,
        /// How long ago the user may have signed in.
        max_age: Option<Duration>,
    },
    /// The issuer or the memory of used proofs cannot be asked right now, so nobody knows whether the token is good: 503.
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
    /// The issuer says that it is not active (RFC 7662 §2.2): unknown, expired, revoked, or none of our business.
    #[error("the token is not active")]
    Inactive,
    /// Bound to a key of the sender and sent as a bearer token (RS-10).
    #[error("the token is bound to a key and cannot be used as a bearer token")]
    SenderConstrained,
    /// Bound to something that this guard cannot check, such as a TLS certificate.
    #[error("the token is bound in a way that is not supported here")]
    UnknownBinding,
    /// Not bound to a key, and sent under the scheme `DPoP` (RS-10).
    #[error("the token is not bound to a key")]
    NotBound,
    /// Bound to another key than the one that signed the proof (RS-11).
    #[error("the token is bound to another key")]
    WrongKey,
    /// Only tokens that are bound to a key are accepted here.
    #[error("only tokens bound to a key are accepted here")]
    DpopRequired,
}

impl From<BearerError> for Reason {
    fn from(error: BearerError) -> Self {
        match error {
            BearerError::Missing => Self::NoToken,
            BearerError::Malformed => Self::Malformed,
        }
    }
}

impl From<InvalidToken> for Reason {
    fn from(invalid: InvalidToken) -> Self {
        Self::Invalid(invalid)
    }
}

impl Rejection {
    pub(crate) fn new(reason: Reason, site: &Arc<Site>, context: Context) -> Self {
        Self(Box::new(Inner { reason, site: Arc::clone(site), context }))
    }

    /// Why.
    #[must_use]
    pub fn reason(&self) -> &Reason {
        &self.0.reason
    }

    /// The status of the response: 400, 401, 403 or 503.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match (&self.0.reason, self.0.reason.code()) {
            (Reason::Unavailable { .. }, _) => StatusCode::SERVICE_UNAVAILABLE,
            (_, Some(code)) => StatusCode::from_u16(code.status()).unwrap_or(StatusCode::UNAUTHORIZED),
            (_, None) => StatusCode::UNAUTHORIZED,
        }
    }

    /// The values of `WWW-Authenticate`, one header each: `Bearer`, `DPoP`, or both. The error is in the challenge of the scheme
    /// that was used (RS-11). None for [`Reason::Unavailable`]: another token would not help.
    #[must_use]
    pub fn challenges(&self) -> Vec<String> {
        let Inner { reason, site, context } = &*self.0;
        if matches!(reason, Reason::Unavailable { .. }) {
            return Vec::new();
        }
        let bearer = (!context.dpop_only || site.dpop_algs.is_none()).then(Challenge::new);
        let offered = [
            bearer.map(|challenge| (Scheme::Bearer, challenge)),
            site.dpop_algs.as_deref().map(|algs| (Scheme::Dpop, Challenge::dpop(algs))),
        ];
        let used = context.scheme.filter(|used| offered.iter().flatten().any(|(scheme, _)| scheme == used));
        let used = used.or(offered.iter().flatten().next().map(|(scheme, _)| *scheme));
        let description = reason.to_string();
        let complete = |(scheme, challenge)| self.complete(challenge, &description, Some(scheme) == used).to_string();
        offered.into_iter().flatten().map(complete).collect()
    }

    fn complete<'a>(&'a self, mut challenge: Challenge<'a>, description: &'a str, used: bool) -> Challenge<'a> {
        let Inner { reason, site, context } = &*self.0;
        if let Some(realm) = &site.realm {
            challenge = challenge.realm(realm);
        }
        if let Some(url) = &site.resource_metadata {
            challenge = challenge.resource_metadata(url);
        }
        let Some(code) = reason.code() else {
            // What to ask for in the first place.
            return context.scope.as_deref().map_or(challenge, |scope| challenge.scope(scope));
        };
        if !used {
            return challenge;
        }
        challenge = challenge.error(code).description(description);
        match reason {
            Reason::InsufficientScope { required } if !required.is_empty() => challenge.scope(required),
            Reason::InsufficientUserAuthentication { acr_values, max_age } => {
                if let Some(acr_values) = acr_values {
                    challenge = challenge.acr_values(acr_values);
                }
                if let Some(max_age) = max_age {
                    challenge = challenge.max_age(max_age.as_secs());
                }
                context.scope.as_deref().map_or(challenge, |scope| challenge.scope(scope))
            }
            _ => challenge,
        }
    }

    /// All headers of the response: challenges, `DPoP-Nonce`, `Retry-After`, `Cache-Control`, and the type of [`body`](Self::body).
    #[must_use]
    pub fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        for value in self.challenges().iter().filter_map(|challenge| HeaderValue::from_str(challenge).ok()) {
            headers.append(WWW_AUTHENTICATE, value);
        }
        if let Some(nonce) = self.0.context.nonce.as_ref().and_then(|nonce| HeaderValue::from_str(nonce.as_str()).ok())
        {
            headers.insert(&DPOP_NONCE, nonce);
        }
        if let Reason::Unavailable { retry_after } = self.0.reason {
            let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        headers
    }

    /// JSON that repeats the challenge for people, and never with the word `error` where none is due (RS-4).
    #[must_use]
    pub fn body(&self) -> String {
        let mut body = serde_json::Map::new();
        let error = match &self.0.reason {
            Reason::Unavailable { .. } => Some("temporarily_unavailable"),
            reason => reason.code().map(ErrorCode::as_str),
        };
        if let Some(error) = error {
            body.insert("error".to_owned(), error.into());
        }
        body.insert("error_description".to_owned(), self.0.reason.to_string().into());
        serde_json::Value::Object(body).to_string()
    }
}

impl Reason {
    fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::NoToken | Self::Unavailable { .. } => None,
            Self::Malformed => Some(ErrorCode::InvalidRequest),
            Self::Invalid(_) => Some(ErrorCode::InvalidToken),
            Self::InvalidProof(_) => Some(ErrorCode::InvalidDpopProof),
            Self::UseDpopNonce => Some(ErrorCode::UseDpopNonce),
            Self::InsufficientScope { .. } => Some(ErrorCode::InsufficientScope),
            Self::InsufficientUserAuthentication { .. } => Some(ErrorCode::InsufficientUserAuthentication),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoToken => BearerError::Missing.fmt(f),
            Self::Malformed => BearerError::Malformed.fmt(f),
            Self::Invalid(invalid) => invalid.fmt(f),
            Self::InvalidProof(proof) => proof.fmt(f),
            Self::UseDpopNonce => ProofError::BadNonce.fmt(f),
            Self::InsufficientScope { .. } => f.write_str("the token lacks a required scope"),
            Self::InsufficientUserAuthentication { .. } => {
                f.write_str("the user has to sign in again, or in a stronger way")
            }
            Self::Unavailable { .. } => f.write_str("whether the token is good cannot be found out right now"),
        }
    }
}

impl fmt::Debug for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Rejection").field(&self.0.reason).finish()
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.reason.fmt(f)
    }
}

impl std::error::Error for Rejection {}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        (self.status(), self.headers(), self.body()).into_response()
    }
}
