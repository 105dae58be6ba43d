//! The verified token, as handlers see it.

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum_core::extract::FromRequestParts;
use axum_core::response::{IntoResponse, Response};
use brama_jose::Verified;
use brama_protocol::access_token::Audience;
use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::claims::{Binding, Claims, NumericDate};
use crate::clock::Instant;

/// An access token that passed every check. There is no other way to get one, so a handler that has it is authorised.
///
/// In axum it is an extractor for routes behind [`Guard::layer`](crate::Guard::layer). Cheap to clone.
#[derive(Clone)]
pub struct AccessToken(Arc<Checked>);

struct Checked {
    claims: Claims,
    source: Source,
}

/// Where the claims stand in full.
enum Source {
    Jwt(Verified),
    Introspection(Bytes),
}

impl AccessToken {
    /// Only the guard makes one, of claims it has checked.
    pub(crate) fn of_jwt(claims: Claims, verified: Verified) -> Self {
        Self(Arc::new(Checked { claims, source: Source::Jwt(verified) }))
    }

    /// The same of an introspection response.
    pub(crate) fn of_introspection(claims: Claims, response: Bytes) -> Self {
        Self(Arc::new(Checked { claims, source: Source::Introspection(response) }))
    }

    /// Who acts: the id of the user, or of the client itself where no user is involved (`sub`).
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.0.claims.sub
    }

    /// The app the token was issued to (`client_id`).
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.0.claims.client_id
    }

    /// The server that issued it (`iss`).
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.0.claims.iss
    }

    /// The resources it opens (`aud`); this API is one of them.
    #[must_use]
    pub fn audiences(&self) -> &[String] {
        match &self.0.claims.aud {
            Audience::One(one) => std::slice::from_ref(one),
            Audience::Many(many) => many,
        }
    }

    /// The granted scopes as one text, separated by spaces; empty when there are none.
    #[must_use]
    pub fn scope(&self) -> &str {
        &self.0.claims.scope
    }

    /// The granted scopes one by one.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        self.scope().split(' ').filter(|scope| !scope.is_empty())
    }

    /// Whether this very scope was granted.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes().any(|granted| granted == scope)
    }

    /// Whether the token is bound to a key (RFC 9449). If so, the sender of this request has proved that it holds the key.
    #[must_use]
    pub fn is_bound(&self) -> bool {
        matches!(self.binding(), Binding::Key(_))
    }

    /// The SHA-256 thumbprint of the key that the token is bound to (`cnf.jkt`, RFC 7638), base64url.
    #[must_use]
    pub fn key_thumbprint(&self) -> Option<String> {
        match self.binding() {
            Binding::Key(key) => Some(key.to_string()),
            Binding::Bearer | Binding::Other => None,
        }
    }

    pub(crate) fn binding(&self) -> Binding {
        self.0.claims.binding
    }

    pub(crate) fn auth_instant(&self) -> Option<Instant> {
        self.0.claims.auth_time.map(|date| date.0)
    }

    /// The id of this token (`jti`), for logs and deny lists. Empty when introspection does not tell it.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.0.claims.jti
    }

    /// When it was issued (`iat`).
    #[must_use]
    pub fn issued_at(&self) -> SystemTime {
        system_time(self.0.claims.iat)
    }

    /// When it expires (`exp`), without leeway.
    #[must_use]
    pub fn expires_at(&self) -> SystemTime {
        system_time(self.0.claims.exp)
    }

    /// When the user signed in (`auth_time`). `None`: no user is involved, or the server does not say.
    #[must_use]
    pub fn authenticated_at(&self) -> Option<SystemTime> {
        self.0.claims.auth_time.map(system_time)
    }

    /// How strong that sign-in was (`acr`).
    #[must_use]
    pub fn acr(&self) -> Option<&str> {
        self.0.claims.acr.as_deref()
    }

    /// By which means (`amr`, RFC 8176).
    #[must_use]
    pub fn amr(&self) -> &[String] {
        &self.0.claims.amr
    }

    /// The session at the server (`sid`).
    #[must_use]
    pub fn session_id(&self) -> Option<&str> {
        self.0.claims.sid.as_deref()
    }

    /// All claims in a form of your own, for those this crate does not know; with introspection the whole response.
    #[must_use]
    pub fn claims<T: DeserializeOwned>(&self) -> Option<T> {
        match &self.0.source {
            Source::Jwt(verified) => verified.claims().ok(),
            Source::Introspection(response) => serde_json::from_slice(response).ok(),
        }
    }
}

fn system_time(date: NumericDate) -> SystemTime {
    UNIX_EPOCH + date.0
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessToken")
            .field("subject", &self.subject())
            .field("client_id", &self.client_id())
            .field("scope", &self.scope())
            .finish_non_exhaustive()
    }
}

/// A handler asks for an [`AccessToken`], but its route is not behind [`Guard::layer`](crate::Guard::layer). Answers 500: a mistake
/// in the program must not look like a mistake of the caller, and must not open the route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this route asks for an access token but no guard layer checks one")]
pub struct NotGuarded;

impl IntoResponse for NotGuarded {
    fn into_response(self) -> Response {
        tracing::error!("{self}");
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
}

impl<S: Sync> FromRequestParts<S> for AccessToken {
    type Rejection = NotGuarded;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        parts.extensions.get::<Self>().cloned().ok_or(NotGuarded)
    }
}
