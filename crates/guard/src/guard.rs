//! The guard itself: from a request to an [`AccessToken`] or a [`Rejection`].

use std::fmt;
use std::sync::Arc;

use brama_jose::{Algorithm, Typ, parse};
use brama_protocol::bearer;
use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::builder::GuardBuilder;
use crate::cache::TokenCache;
use crate::claims::{Claims, Expectations};
use crate::clock::Clock;
use crate::keys::{Keys, Lookup, Unavailable};
use crate::layer::GuardLayer;
use crate::rejection::{InvalidToken, Reason, Rejection, Site};
use crate::token::AccessToken;

/// Checks access tokens of one issuer for one API. Cheap to clone; clones share keys and cache.
#[derive(Clone)]
pub struct Guard(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) expectations: Expectations,
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) clock: Clock,
    pub(crate) keys: Keys,
    pub(crate) cache: Option<TokenCache>,
    pub(crate) site: Arc<Site>,
}

impl Guard {
    /// Begin with the issuer: exactly the text that stands in its metadata and tokens, a trailing slash included or not (G-7).
    pub fn builder(issuer: impl Into<String>) -> GuardBuilder {
        GuardBuilder::new(issuer.into())
    }

    pub(crate) fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    pub(crate) fn keys(&self) -> &Keys {
        &self.0.keys
    }

    /// A layer that lets only requests with a good token through.
    #[must_use]
    pub fn layer(&self) -> GuardLayer {
        GuardLayer::new(self.clone())
    }

    /// Check a request: its `Authorization` header (RS-1, RS-2), the token in it, and that it carries all these scopes (RS-4).
    /// What the layer does, for frameworks that know no tower.
    ///
    /// # Errors
    /// A [`Rejection`] that is the response to give.
    pub async fn authorize<S: AsRef<str>>(&self, headers: &HeaderMap, scopes: &[S]) -> Result<AccessToken, Rejection> {
        let token = bearer::token(headers.get_all(AUTHORIZATION)).map_err(|error| self.reject(error.into()))?;
        let token = self.verify(token).await?;
        if scopes.iter().all(|scope| token.has_scope(scope.as_ref())) {
            return Ok(token);
        }
        let required: Vec<&str> = scopes.iter().map(AsRef::as_ref).collect();
        Err(self.reject(Reason::InsufficientScope { required: required.join(" ") }))
    }

    /// Check a token: signature, kind, issuer, audience, times, required claims (RS-3).
    ///
    /// Needs a tokio runtime when keys have to be fetched; then it takes up to 5 seconds, otherwise microseconds.
    ///
    /// # Errors
    /// [`Reason::Invalid`] for a token that is not good, [`Reason::Unavailable`] when that cannot be known.
    pub async fn verify(&self, token: &str) -> Result<AccessToken, Rejection> {
        self.check(token).await.map_err(|reason| self.reject(reason))
    }

    async fn check(&self, token: &str) -> Result<AccessToken, Reason> {
        let inner = &*self.0;
        let now = inner.clock.now();
        // Long tokens are refused before they are hashed (G-9), and nonsense before anything is fetched for it.
        if token.len() > brama_jose::MAX_TOKEN_BYTES {
            return Err(InvalidToken::Jws(brama_jose::JwsError::TooLong).into());
        }
        let cached = inner.cache.as_ref().and_then(|cache| Some((cache, TokenCache::key(token)?)));
        if let Some((cache, key)) = &cached
            && let Some(entry) = cache.get(key)
        {
            let keys = inner.keys.current(now).await?;
            if let Some(token) = entry.if_good(keys.epoch, now) {
                return Ok(token);
            }
        }
        let unverified = parse(token).map_err(InvalidToken::from)?;
        if !Typ::AccessToken.accepts(unverified.header().typ()) {
            return Err(InvalidToken::Jws(brama_jose::JwsError::WrongTyp).into());
        }
        if !inner.algorithms.contains(&unverified.header().algorithm()) {
            return Err(InvalidToken::AlgorithmNotAllowed.into());
        }
        let kid = unverified.header().kid().ok_or(InvalidToken::UnknownKey)?;
        let keys = inner.keys.current(now).await?;
        let (key, epoch) = inner.keys.find(&keys, kid, now).await?;
        let verified = unverified.verify(&key, Typ::AccessToken).map_err(InvalidToken::from)?;
        let claims: Claims = verified.claims().map_err(|_| InvalidToken::BadClaims)?;
        inner.expectations.check(&claims, now)?;
        let dies = inner.expectations.dies(&claims);
        let token = AccessToken::new(claims, verified);
        if let Some((cache, key)) = cached {
            cache.put(key, token.clone(), epoch, dies);
        }
        Ok(token)
    }

    fn reject(&self, reason: Reason) -> Rejection {
        Rejection::new(reason, &self.0.site)
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("issuer", &self.0.expectations.issuer)
            .field("audiences", &self.0.expectations.audiences)
            .finish_non_exhaustive()
    }
}

impl From<InvalidToken> for Reason {
    fn from(invalid: InvalidToken) -> Self {
        Self::Invalid(invalid)
    }
}

impl From<Unavailable> for Reason {
    fn from(unavailable: Unavailable) -> Self {
        Self::Unavailable { retry_after: unavailable.retry_after }
    }
}

impl From<Lookup> for Reason {
    fn from(lookup: Lookup) -> Self {
        match lookup {
            Lookup::Unavailable(unavailable) => unavailable.into(),
            Lookup::UnknownKey => InvalidToken::UnknownKey.into(),
        }
    }
}
