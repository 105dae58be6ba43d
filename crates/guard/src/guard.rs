//! The guard itself: from a request to an [`AccessToken`] or a [`Rejection`].

use std::fmt;
use std::sync::Arc;

use brama_jose::{Algorithm, JwsError, MAX_TOKEN_BYTES, Typ, parse};
use brama_protocol::bearer::{self, BearerError, Presented, Scheme};
use brama_protocol::dpop::Nonce;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Method, Uri};

use crate::builder::GuardBuilder;
use crate::cache::TokenCache;
use crate::claims::{Binding, Claims, Expectations};
use crate::clock::{Clock, Instant};
use crate::dpop::{DpopChecks, Sent};
use crate::fetch::FetchError;
use crate::introspection::Introspector;
use crate::keys::{Keys, Lookup, Unavailable};
use crate::layer::GuardLayer;
use crate::rejection::{Context, InvalidToken, Reason, Rejection, Site};
use crate::requirements::Requirements;
use crate::resource_metadata::MetadataRoute;
use crate::token::AccessToken;

/// Checks access tokens of one issuer for one API. Cheap to clone; clones share keys and caches.
#[derive(Clone)]
pub struct Guard(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) expectations: Expectations,
    pub(crate) clock: Clock,
    pub(crate) judge: Judge,
    pub(crate) cache: Option<TokenCache>,
    pub(crate) dpop: Option<DpopChecks>,
    pub(crate) metadata: Option<MetadataRoute>,
    pub(crate) site: Arc<Site>,
}

/// Who says whether a token is good.
pub(crate) enum Judge {
    /// We do, with the keys of the issuer (RFC 9068 §4).
    Keys { keys: Keys, algorithms: Vec<Algorithm> },
    /// The issuer does (RFC 7662).
    Issuer(Box<Introspector>),
}

/// A request, as far as the guard looks at it.
pub(crate) struct Incoming<'a> {
    pub(crate) method: &'a Method,
    /// What was taken from the path before.
    pub(crate) nested_at: &'a str,
    pub(crate) path: &'a str,
    pub(crate) headers: &'a HeaderMap,
}

/// A request that may pass.
pub(crate) struct Admitted {
    pub(crate) token: AccessToken,
    /// For the `DPoP-Nonce` header of the answer.
    pub(crate) next_nonce: Option<Nonce>,
}

impl Guard {
    /// Begin with the issuer: exactly the text that stands in its metadata and tokens, a trailing slash included or not (G-7).
    pub fn builder(issuer: impl Into<String>) -> GuardBuilder {
        GuardBuilder::new(issuer.into())
    }

    pub(crate) fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    pub(crate) async fn warm(&self) -> Result<(), FetchError> {
        match &self.0.judge {
            Judge::Keys { keys, .. } => keys.warm().await,
            Judge::Issuer(introspector) => introspector.warm().await,
        }
    }

    /// Is this the same guard, or a clone of it?
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// A layer that lets only requests with a good token through.
    #[must_use]
    pub fn layer(&self) -> GuardLayer {
        GuardLayer::new(self.clone())
    }

    /// The route of the metadata of this API, when [`GuardBuilder::resource`] set them (RFC 9728).
    #[must_use]
    pub fn metadata(&self) -> Option<&MetadataRoute> {
        self.0.metadata.as_ref()
    }

    /// Check a request: its `Authorization` header (RS-1, RS-2), the token in it (RS-3), and the DPoP proof of a bound token
    /// (RS-10). What the layer does, for frameworks that know no tower.
    ///
    /// The path is the whole path below the public URL of [`Dpop::at`](crate::Dpop::at); scheme and host of `uri` are not looked at
    /// (RS-15).
    ///
    /// # Errors
    /// A [`Rejection`] that is the response to give.
    pub async fn check(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<AccessToken, Rejection> {
        self.check_for(&Requirements::new(), method, uri, headers).await
    }

    /// The same for a route that asks for more (RS-4, RS-7).
    ///
    /// # Errors
    /// A [`Rejection`] that is the response to give.
    pub async fn check_for(
        &self,
        requirements: &Requirements,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<AccessToken, Rejection> {
        let incoming = Incoming { method, nested_at: "", path: uri.path(), headers };
        self.admit(&incoming, requirements).await.map(|admitted| admitted.token)
    }

    /// Ask more of a token that passed already, from inside a handler: for a payment above some sum, say.
    ///
    /// # Errors
    /// A [`Rejection`] with the challenge (RS-4, RS-7).
    pub fn demand(&self, token: &AccessToken, requirements: &Requirements) -> Result<(), Rejection> {
        let inner = &*self.0;
        requirements.check(token, inner.clock.now(), inner.expectations.leeway).map_err(|reason| {
            let scheme = if token.is_bound() { Scheme::Dpop } else { Scheme::Bearer };
            self.reject(reason, requirements, Some(scheme), inner.clock.now())
        })
    }

    /// The value for the `DPoP-Nonce` header of an answer, when proofs need nonces (RFC 9449 §8.2, §9). The layer sends it by itself;
    /// with [`check`](Self::check) put it on every answer to a bound token.
    #[must_use]
    pub fn dpop_nonce(&self) -> Option<HeaderValue> {
        let nonce = self.0.dpop.as_ref()?.nonce(self.0.clock.now())?;
        HeaderValue::from_str(nonce.as_str()).ok()
    }

    /// Check a bearer token that came by another way than a header, such as the first message of a WebSocket: signature, kind, issuer,
    /// audience, times, required claims (RS-3). One that is bound to a key is refused: nothing proves who sent it.
    ///
    /// Needs a tokio runtime when keys have to be fetched; then it takes up to 5 seconds, otherwise microseconds.
    ///
    /// # Errors
    /// [`Reason::Invalid`] for a token that is not good, [`Reason::Unavailable`] when that cannot be known.
    pub async fn verify(&self, token: &str) -> Result<AccessToken, Rejection> {
        let now = self.0.clock.now();
        let result = match self.judge(token, now).await {
            Ok(token) if token.binding() == Binding::Bearer => Ok(token),
            Ok(_) => Err(InvalidToken::SenderConstrained.into()),
            Err(reason) => Err(reason),
        };
        result.map_err(|reason| self.reject(reason, &Requirements::new(), Some(Scheme::Bearer), now))
    }

    pub(crate) async fn admit(
        &self,
        incoming: &Incoming<'_>,
        requirements: &Requirements,
    ) -> Result<Admitted, Rejection> {
        let now = self.0.clock.now();
        let presented = self.presented(incoming);
        let scheme = presented.ok().map(|presented| presented.scheme);
        let result = async {
            let presented = presented?;
            let admitted = self.pass(incoming, presented, now).await?;
            if !admitted.token.is_bound() && self.requires_dpop() {
                return Err(InvalidToken::DpopRequired.into());
            }
            requirements.check(&admitted.token, now, self.0.expectations.leeway)?;
            Ok(admitted)
        };
        result.await.map_err(|reason| self.reject(reason, requirements, scheme, now))
    }

    /// The token of a request (RS-1, RS-2). An API that does not know DPoP does not know the scheme either.
    fn presented<'a>(&self, incoming: &Incoming<'a>) -> Result<Presented<'a>, BearerError> {
        match bearer::presented(incoming.headers.get_all(AUTHORIZATION))? {
            Presented { scheme: Scheme::Dpop, .. } if self.0.dpop.is_none() => Err(BearerError::Missing),
            presented => Ok(presented),
        }
    }

    /// Scheme, binding and proof have to agree (RS-10).
    async fn pass(&self, incoming: &Incoming<'_>, presented: Presented<'_>, now: Instant) -> Result<Admitted, Reason> {
        let token = self.judge(presented.token, now).await?;
        match (presented.scheme, token.binding(), &self.0.dpop) {
            (Scheme::Bearer, Binding::Bearer, _) => Ok(Admitted { token, next_nonce: None }),
            (Scheme::Dpop, Binding::Key(key), Some(dpop)) => {
                let path = [incoming.nested_at, incoming.path].concat();
                let sent = Sent {
                    method: incoming.method,
                    path: &path,
                    headers: incoming.headers,
                    token: presented.token,
                    key,
                };
                let next_nonce = dpop.check(&sent, now).await?;
                Ok(Admitted { token, next_nonce })
            }
            (Scheme::Bearer, _, _) => Err(InvalidToken::SenderConstrained.into()),
            (Scheme::Dpop, _, _) => Err(InvalidToken::NotBound.into()),
        }
    }

    /// Is the token good, whoever sent it?
    async fn judge(&self, token: &str, now: Instant) -> Result<AccessToken, Reason> {
        // Long tokens are refused before they are hashed (G-9).
        if token.len() > MAX_TOKEN_BYTES {
            return Err(InvalidToken::Jws(JwsError::TooLong).into());
        }
        match &self.0.judge {
            Judge::Keys { keys, algorithms } => self.judge_by_keys(keys, algorithms, token, now).await,
            Judge::Issuer(introspector) => self.judge_by_issuer(introspector, token, now).await,
        }
    }

    async fn judge_by_keys(
        &self,
        keys: &Keys,
        algorithms: &[Algorithm],
        token: &str,
        now: Instant,
    ) -> Result<AccessToken, Reason> {
        let inner = &*self.0;
        let cached = inner.cache.as_ref().and_then(|cache| Some((cache, TokenCache::key(token)?)));
        if let Some((cache, key)) = &cached
            && let Some(entry) = cache.get(key)
        {
            let set = keys.current(now).await?;
            if let Some(token) = entry.if_good(set.epoch, now) {
                return Ok(token);
            }
        }
        // Nonsense is refused before anything is fetched for it.
        let unverified = parse(token).map_err(InvalidToken::from)?;
        if !Typ::AccessToken.accepts(unverified.header().typ()) {
            return Err(InvalidToken::Jws(JwsError::WrongTyp).into());
        }
        if !algorithms.contains(&unverified.header().algorithm()) {
            return Err(InvalidToken::AlgorithmNotAllowed.into());
        }
        let kid = unverified.header().kid().ok_or(InvalidToken::UnknownKey)?;
        let set = keys.current(now).await?;
        let (key, epoch) = keys.find(&set, kid, now).await?;
        let verified = unverified.verify(&key, Typ::AccessToken).map_err(InvalidToken::from)?;
        let claims: Claims = verified.claims().map_err(|_| InvalidToken::BadClaims)?;
        if claims.jti.is_empty() {
            return Err(InvalidToken::BadClaims.into());
        }
        inner.expectations.check(&claims, now)?;
        let dies = inner.expectations.dies(&claims);
        let token = AccessToken::of_jwt(claims, verified);
        if let Some((cache, key)) = cached {
            cache.put(key, token.clone(), epoch, dies);
        }
        Ok(token)
    }

    async fn judge_by_issuer(
        &self,
        introspector: &Introspector,
        token: &str,
        now: Instant,
    ) -> Result<AccessToken, Reason> {
        let inner = &*self.0;
        let cached = inner.cache.as_ref().and_then(|cache| Some((cache, TokenCache::key(token)?)));
        if let Some((cache, key)) = &cached
            && let Some(token) = cache.get(key).and_then(|entry| entry.if_good(0, now))
        {
            return Ok(token);
        }
        let (claims, response) = introspector.ask(token, &inner.expectations.issuer).await?;
        // The answer took its time.
        let now = inner.clock.now();
        inner.expectations.check(&claims, now)?;
        let dies = inner.expectations.dies(&claims).min(now + introspector.remember());
        let token = AccessToken::of_introspection(claims, response);
        if let Some((cache, key)) = cached {
            cache.put(key, token.clone(), 0, dies);
        }
        Ok(token)
    }

    fn requires_dpop(&self) -> bool {
        self.0.dpop.as_ref().is_some_and(|dpop| dpop.required)
    }

    fn reject(&self, reason: Reason, requirements: &Requirements, scheme: Option<Scheme>, now: Instant) -> Rejection {
        let nonce = match reason {
            Reason::UseDpopNonce => self.0.dpop.as_ref().and_then(|dpop| dpop.nonce(now)),
            _ => None,
        };
        let context = Context {
            scheme,
            scope: requirements.scope_text(),
            dpop_only: requirements.needs_dpop() || self.requires_dpop(),
            nonce,
        };
        Rejection::new(reason, &self.0.site, context)
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
