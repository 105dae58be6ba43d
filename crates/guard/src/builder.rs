//! Settings of a guard.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use brama_jose::Algorithm;
use http::Uri;

use crate::cache::TokenCache;
use crate::claims::Expectations;
use crate::clock::Clock;
use crate::fetch::{FetchError, HttpClient};
use crate::guard::{Guard, Inner};
use crate::issuer::{Issuer, IssuerError, parse_issuer};
use crate::keys::Keys;
use crate::rejection::Site;

/// Tolerance for `exp` unless set (G-8), and the most it may be.
const DEFAULT_LEEWAY: Duration = Duration::from_secs(30);
const MAX_LEEWAY: Duration = Duration::from_secs(60);

/// About 1 to 2 KiB each.
const DEFAULT_CACHED_TOKENS: usize = 10_000;

/// Why a guard cannot be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The issuer is not acceptable.
    #[error(transparent)]
    Issuer(#[from] IssuerError),
    /// Nothing was passed to [`GuardBuilder::audience`]: any token of the issuer would do, whatever API it is for (RS-3).
    #[error("an audience is needed: the identifier of this API, as it stands in the `aud` of its tokens")]
    NoAudience,
    /// No algorithm is left.
    #[error("at least one signature algorithm is needed")]
    NoAlgorithm,
    /// More than 60 seconds.
    #[error("the leeway must be at most 60 seconds")]
    Leeway,
    /// Not an absolute `http` or `https` URL.
    #[error("the address of the resource metadata must be an absolute URL")]
    ResourceMetadata,
    /// The operating system has no certificates to trust, so no `https` issuer can be reached.
    #[error("no trusted root certificates found")]
    NoRootCertificates(#[source] std::io::Error),
    /// From [`GuardBuilder::build_and_warm`]: the keys could not be fetched.
    #[error("the keys of the issuer cannot be fetched")]
    Keys(#[from] FetchError),
}

/// Settings of a [`Guard`]. From [`Guard::builder`]; only [`audience`](Self::audience) has no default.
#[must_use]
pub struct GuardBuilder {
    issuer: String,
    audiences: Vec<String>,
    algorithms: Vec<Algorithm>,
    leeway: Duration,
    cached_tokens: usize,
    clock: Clock,
    site: Site,
}

impl GuardBuilder {
    pub(crate) fn new(issuer: String) -> Self {
        Self {
            issuer,
            audiences: Vec::new(),
            algorithms: Algorithm::ALL.to_vec(),
            leeway: DEFAULT_LEEWAY,
            cached_tokens: DEFAULT_CACHED_TOKENS,
            clock: Clock::system(),
            site: Site::default(),
        }
    }

    /// The identifier of this API, compared exactly with `aud`. An API with several names may call this several times.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// Allow these signature algorithms only (TK-22). Default: all four that Brama signs with.
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.algorithms = algorithms.into_iter().collect();
        self
    }

    /// How long after `exp` a token is still accepted, for clocks that differ. Default 30 seconds, at most 60 (G-8).
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// The `realm` of challenges. Default: none.
    pub fn realm(mut self, realm: impl Into<String>) -> Self {
        self.site.realm = Some(realm.into());
        self
    }

    /// Where clients find the metadata of this API, RFC 9728; put into challenges (RS-5). Default: none.
    pub fn resource_metadata(mut self, url: impl Into<String>) -> Self {
        self.site.resource_metadata = Some(url.into());
        self
    }

    /// How many verified tokens are remembered, so that the signature of each is checked once. Default 10,000; 0 remembers none.
    pub fn cached_tokens(mut self, count: usize) -> Self {
        self.cached_tokens = count;
        self
    }

    /// Where "now" comes from; for tests.
    pub fn clock(mut self, now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.clock = Clock::new(now);
        self
    }

    /// Build it. Touches no network: keys are fetched with the first token.
    ///
    /// # Errors
    /// [`BuildError`] for settings that cannot work.
    pub fn build(self) -> Result<Guard, BuildError> {
        let (uri, tls) = parse_issuer(&self.issuer)?;
        if self.audiences.iter().all(String::is_empty) {
            return Err(BuildError::NoAudience);
        }
        if self.algorithms.is_empty() {
            return Err(BuildError::NoAlgorithm);
        }
        if self.leeway > MAX_LEEWAY {
            return Err(BuildError::Leeway);
        }
        if self.site.resource_metadata.as_deref().is_some_and(|url| !is_absolute(url)) {
            return Err(BuildError::ResourceMetadata);
        }
        let client = if tls { HttpClient::tls().map_err(BuildError::NoRootCertificates)? } else { HttpClient::plain() };
        let issuer = Issuer::new(self.issuer.clone(), uri, client);
        Ok(Guard::new(Inner {
            expectations: Expectations { issuer: self.issuer, audiences: self.audiences, leeway: self.leeway },
            keys: Keys::new(issuer, self.algorithms.clone(), self.clock.clone()),
            algorithms: self.algorithms,
            clock: self.clock,
            cache: (self.cached_tokens > 0).then(|| TokenCache::new(self.cached_tokens)),
            site: Arc::new(self.site),
        }))
    }

    /// Build it and fetch the keys, so that the first request does not wait and a wrong issuer shows at start.
    ///
    /// # Errors
    /// As [`build`](Self::build), and [`BuildError::Keys`] when the issuer does not answer as it should.
    pub async fn build_and_warm(self) -> Result<Guard, BuildError> {
        let guard = self.build()?;
        guard.keys().warm().await?;
        Ok(guard)
    }
}

fn is_absolute(url: &str) -> bool {
    url.parse::<Uri>().is_ok_and(|uri| uri.authority().is_some() && matches!(uri.scheme_str(), Some("http" | "https")))
}
