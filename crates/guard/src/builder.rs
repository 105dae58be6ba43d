//! Settings of a guard.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use brama_jose::Algorithm;

use crate::cache::TokenCache;
use crate::claims::Expectations;
use crate::clock::Clock;
use crate::dpop::Dpop;
use crate::fetch::{FetchError, HttpClient, KeepAlive};
use crate::guard::{Guard, Inner, Judge};
use crate::introspection::{Introspection, Introspector};
use crate::issuer::{Issuer, IssuerError, parse_issuer};
use crate::keys::Keys;
use crate::random::NoRandomness;
use crate::rejection::Site;
use crate::resource_metadata::{ResourceMetadata, is_absolute};

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
    /// From [`GuardBuilder::resource_metadata`] or a link in [`ResourceMetadata`]: not an absolute `http` or `https` URL.
    #[error("addresses of and in the resource metadata must be absolute URLs")]
    ResourceMetadata,
    /// The identifier of a resource is no `https` URL, or has a query or fragment (RFC 9728 §1.2).
    #[error("the resource identifier must be an https URL without query, fragment or user name")]
    Resource,
    /// `offline_access` is between client and server (RS-22).
    #[error("offline_access is no scope of a resource")]
    OfflineAccess,
    /// From [`Dpop::at`]: not the public URL of an API.
    #[error("the public URL of the API is not acceptable")]
    PublicUrl(#[source] IssuerError),
    /// No key for nonces can be made.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// The operating system has no certificates to trust, so no `https` issuer can be reached.
    #[error("no trusted root certificates found")]
    NoRootCertificates(#[source] std::io::Error),
    /// From [`GuardBuilder::build_and_warm`]: the keys could not be fetched, or the introspection endpoint not be found.
    #[error("the issuer cannot be asked")]
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
    realm: Option<String>,
    metadata_url: Option<String>,
    resource: Option<ResourceMetadata>,
    dpop: Option<Dpop>,
    introspection: Option<Introspection>,
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
            realm: None,
            metadata_url: None,
            resource: None,
            dpop: None,
            introspection: None,
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
        self.realm = Some(realm.into());
        self
    }

    /// Accept tokens that are bound to a key, with a proof for every request (RFC 9449). Default: they are refused.
    pub fn dpop(mut self, dpop: Dpop) -> Self {
        self.dpop = Some(dpop);
        self
    }

    /// Ask the issuer about every token instead of checking signatures (RFC 7662). Default: tokens are JWTs and checked here.
    pub fn introspection(mut self, introspection: Introspection) -> Self {
        self.introspection = Some(introspection);
        self
    }

    /// Publish metadata of this API (RFC 9728): [`Guard::metadata`] is the route, and challenges name its address (RS-5). The
    /// resource becomes an [`audience`](Self::audience).
    pub fn resource(mut self, metadata: ResourceMetadata) -> Self {
        self.resource = Some(metadata);
        self
    }

    /// Where clients find the metadata of this API when somebody else publishes them; put into challenges (RS-5). Default: that of
    /// [`resource`](Self::resource), otherwise none.
    pub fn resource_metadata(mut self, url: impl Into<String>) -> Self {
        self.metadata_url = Some(url.into());
        self
    }

    /// How many good tokens are remembered, so that the signature of each is checked once, or the issuer asked once in a while. Default 10,000; 0 remembers none.
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
    pub fn build(mut self) -> Result<Guard, BuildError> {
        let (uri, tls) = parse_issuer(&self.issuer)?;
        self.audiences.retain(|audience| !audience.is_empty());
        self.audiences.extend(self.resource.as_ref().map(|resource| resource.resource().to_owned()));
        if self.audiences.is_empty() {
            return Err(BuildError::NoAudience);
        }
        if self.algorithms.is_empty() {
            return Err(BuildError::NoAlgorithm);
        }
        if self.leeway > MAX_LEEWAY {
            return Err(BuildError::Leeway);
        }
        if self.metadata_url.as_deref().is_some_and(|url| !is_absolute(url)) {
            return Err(BuildError::ResourceMetadata);
        }
        let dpop = self.dpop.map(Dpop::build).transpose()?;
        let in_metadata = dpop.as_ref().map(|dpop| (dpop.algorithm_names(), dpop.required));
        let metadata = self.resource.map(|resource| resource.build(&self.issuer, in_metadata)).transpose()?;
        let client = |keep| if tls { HttpClient::tls(keep) } else { Ok(HttpClient::plain(keep)) };
        let issuer =
            Issuer::new(self.issuer.clone(), uri, client(KeepAlive::No).map_err(BuildError::NoRootCertificates)?);
        let judge = match self.introspection {
            Some(introspection) => {
                let client = client(KeepAlive::Yes).map_err(BuildError::NoRootCertificates)?;
                Judge::Issuer(Box::new(Introspector::new(introspection, issuer, client, self.clock.clone())))
            }
            None => Judge::Keys {
                keys: Keys::new(issuer, self.algorithms.clone(), self.clock.clone()),
                algorithms: self.algorithms,
            },
        };
        let site = Site {
            realm: self.realm,
            resource_metadata: self.metadata_url.or(metadata.as_ref().map(|metadata| metadata.url().to_owned())),
            dpop_algs: dpop.as_ref().map(|dpop| dpop.algorithm_names().join(" ")),
        };
        Ok(Guard::new(Inner {
            expectations: Expectations { issuer: self.issuer, audiences: self.audiences, leeway: self.leeway },
            judge,
            clock: self.clock,
            cache: (self.cached_tokens > 0).then(|| TokenCache::new(self.cached_tokens)),
            dpop,
            metadata,
            site: Arc::new(site),
        }))
    }

    /// Build it and fetch the keys (or find the introspection endpoint), so that the first request does not wait and a wrong issuer shows at start.
    ///
    /// # Errors
    /// As [`build`](Self::build), and [`BuildError::Keys`] when the issuer does not answer as it should.
    pub async fn build_and_warm(self) -> Result<Guard, BuildError> {
        let guard = self.build()?;
        guard.warm().await?;
        Ok(guard)
    }
}
