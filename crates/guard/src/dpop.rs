//! DPoP at an API: RFC 9449 §4.3, §7, §9; standards §4.2, RS-10 to RS-15. The rules are in `brama_protocol::dpop`; here they meet
//! a request.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use brama_jose::{Algorithm, verify_with_embedded_key};
use brama_protocol::dpop::{
    BoundToken, Expected, JwkThumbprint, Nonce, NonceKey, NoncePurpose, NonceRule, Proof, ProofError, Signed,
    TargetUri, VerifiedProof, proof_header,
};
use http::{HeaderMap, HeaderName, Method};
use jiff::Timestamp;

use crate::builder::BuildError;
use crate::clock::Instant;
use crate::issuer::parse_issuer;
use crate::random;
use crate::rejection::{InvalidToken, Reason};
use crate::replay::{InMemoryReplays, ReplayStore};

/// The header of a proof, lower case as in HTTP/2.
static PROOF: HeaderName = HeaderName::from_static("dpop");

/// So much may the clocks of nodes that share a memory differ.
const CLOCKS_DIFFER: Duration = Duration::from_secs(60);

/// Settings for tokens that are bound to a key of their client (RFC 9449). For [`GuardBuilder::dpop`](crate::GuardBuilder::dpop).
///
/// ```
/// use brama_guard::{Dpop, Guard};
///
/// # fn main() -> Result<(), brama_guard::BuildError> {
/// let guard = Guard::builder("https://id.example.com")
///     .audience("https://api.example.com")
///     .dpop(Dpop::at("https://api.example.com").required())
///     .build()?;
/// # Ok(())
/// # }
/// ```
#[must_use]
pub struct Dpop {
    public_url: String,
    required: bool,
    algorithms: Vec<Algorithm>,
    nonces: Nonces,
    replays: Arc<dyn ReplayStore>,
}

enum Nonces {
    Off,
    Random,
    Shared(Box<NonceKey>),
}

impl Dpop {
    /// The public URL of this API: what clients put before the path that this program sees. `htu` of a proof is compared with
    /// it and never with `Host` or `X-Forwarded-*`, which a sender can write (RS-15).
    ///
    /// `https://api.example.com`, or with a path if a proxy takes it away: `https://example.com/api`.
    pub fn at(public_url: impl Into<String>) -> Self {
        Self {
            public_url: public_url.into(),
            required: false,
            algorithms: Algorithm::ALL.to_vec(),
            nonces: Nonces::Off,
            replays: Arc::new(InMemoryReplays::default()),
        }
    }

    /// Refuse bearer tokens. Default: bound tokens need a proof, others are accepted as `Bearer`.
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// The algorithms that proofs may be signed with. Default: ES256, EdDSA, RS256, PS256.
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.algorithms = algorithms.into_iter().collect();
        self
    }

    /// Demand a nonce of this API in every proof (RFC 9449 §9): a proof made in advance is worth nothing, and clocks of clients do
    /// not matter. The key is made at start, so no proof of before a restart is good after it; for several nodes see
    /// [`nonce_key`](Self::nonce_key).
    pub fn require_nonce(mut self) -> Self {
        self.nonces = Nonces::Random;
        self
    }

    /// The same with a key of 32 secret random bytes that all nodes of this API share, so that each honours the nonces of the others.
    pub fn nonce_key(mut self, key: &[u8; 32]) -> Self {
        self.nonces = Nonces::Shared(Box::new(NonceKey::new(key, NoncePurpose::ProtectedResource)));
        self
    }

    /// Where used proofs are remembered. Default: in this process ([`InMemoryReplays`]), until it ends; several nodes should share one.
    pub fn replays(mut self, store: impl ReplayStore) -> Self {
        self.replays = Arc::new(store);
        self
    }

    pub(crate) fn build(self) -> Result<DpopChecks, BuildError> {
        parse_issuer(&self.public_url).map_err(BuildError::PublicUrl)?;
        if self.algorithms.is_empty() {
            return Err(BuildError::NoAlgorithm);
        }
        let nonces = match self.nonces {
            Nonces::Off => None,
            Nonces::Random => Some(NonceKey::new(&random::bytes()?, NoncePurpose::ProtectedResource)),
            Nonces::Shared(key) => Some(*key),
        };
        Ok(DpopChecks {
            public_url: self.public_url,
            required: self.required,
            algorithms: self.algorithms,
            nonces,
            replays: self.replays,
        })
    }
}

impl fmt::Debug for Dpop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dpop")
            .field("public_url", &self.public_url)
            .field("required", &self.required)
            .finish_non_exhaustive()
    }
}

pub(crate) struct DpopChecks {
    public_url: String,
    pub(crate) required: bool,
    pub(crate) algorithms: Vec<Algorithm>,
    nonces: Option<NonceKey>,
    replays: Arc<dyn ReplayStore>,
}

/// What a proof is compared with.
pub(crate) struct Sent<'a> {
    pub(crate) method: &'a Method,
    /// The whole path below the public URL.
    pub(crate) path: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) token: &'a str,
    /// The key that the token is bound to.
    pub(crate) key: JwkThumbprint,
}

impl DpopChecks {
    /// The names of the algorithms as they stand in challenges and metadata (RS-11).
    pub(crate) fn algorithm_names(&self) -> Vec<&'static str> {
        self.algorithms.iter().map(|algorithm| algorithm.as_str()).collect()
    }

    /// The nonce to answer with, when nonces are on.
    pub(crate) fn nonce(&self, now: Instant) -> Option<Nonce> {
        self.nonces.as_ref().map(|key| key.issue(timestamp(now)))
    }

    /// Every check of RFC 9449 §4.3. Gives the nonce that the client has to be told for the next time, if it does not know it.
    pub(crate) async fn check(&self, sent: &Sent<'_>, now: Instant) -> Result<Option<Nonce>, Reason> {
        let jws = proof_header(sent.headers.get_all(&PROOF))?.ok_or(ProofError::Missing)?;
        let proof = Proof::read(jws, |jws| {
            let signed = verify_with_embedded_key(jws, &self.algorithms)?;
            let key = JwkThumbprint::parse(signed.thumbprint()).ok_or(brama_jose::JwsError::BadEmbeddedKey)?;
            Ok::<_, brama_jose::JwsError>(Signed { key, claims: signed.claims()? })
        })?;
        let now = timestamp(now);
        let url = TargetUri::below(&self.public_url, sent.path).ok_or(ProofError::WrongUrl)?;
        let client_knows = match (&self.nonces, proof.nonce()) {
            (Some(key), Some(nonce)) => key.is_newest(nonce, now),
            _ => false,
        };
        let checked = proof.check(&Expected {
            method: sent.method.as_str(),
            url: &url,
            now,
            access_token: Some(BoundToken { text: sent.token, key: sent.key }),
            nonce: self.nonces.as_ref().map_or(NonceRule::Off, NonceRule::Required),
        })?;
        let until = SystemTime::from(checked.replay_until()) + CLOCKS_DIFFER;
        let first = self.replays.first_use(&checked.replay_key(), until, SystemTime::from(now)).await;
        let first = first.map_err(|error| {
            tracing::warn!(%error, "a request with a DPoP proof cannot be decided");
            Reason::Unavailable { retry_after: Duration::from_secs(1) }
        })?;
        let _: VerifiedProof = checked.first_use(first)?;
        Ok(self.nonces.as_ref().filter(|_| !client_knows).map(|key| key.issue(now)))
    }
}

fn timestamp(now: Instant) -> Timestamp {
    i64::try_from(now.as_millis())
        .ok()
        .and_then(|millis| Timestamp::from_millisecond(millis).ok())
        .unwrap_or(Timestamp::MAX)
}

impl From<ProofError> for Reason {
    fn from(error: ProofError) -> Self {
        match error {
            ProofError::BadNonce => Self::UseDpopNonce,
            // The proof is fine: it is the binding of the token that is not (RS-11).
            ProofError::WrongKey => Self::Invalid(InvalidToken::WrongKey),
            error => Self::InvalidProof(error),
        }
    }
}
