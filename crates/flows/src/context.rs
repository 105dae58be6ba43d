//! What every flow is given: one instant per request, and what stays from request to request.

use std::ops::Deref;
use std::sync::Arc;

use brama_protocol::client::ClientId;
use brama_protocol::device::UserCodeKey;
use brama_protocol::error::{INTERNAL, Refusal, STORAGE};
use brama_protocol::handle::Handle;
use brama_protocol::origin::Origin;
use brama_protocol::refresh_token::RefreshTokenKey;
use brama_store::client::ClientRecord;
use brama_store::throttle::LaneRule;
use brama_store::{Store, Unavailable};
use jiff::{SignedDuration, Timestamp};

use crate::backchannel::Backchannel;
use crate::catalog::{Catalog, CurrentCatalog};
use crate::client_auth::Memory;
use crate::csrf::CsrfKey;
use crate::dpop::Nonces;
use crate::keys::{Keyring, Sealer};
use crate::login::flood::FloodGate;
use crate::login::hashing::HashPool;
use crate::login::throttle::{Source, ThrottleKey};
use crate::outgoing::Outgoing;
use crate::register::RegistrationSettings;

/// Tells the time, at the edge only.
pub trait Clock: Send + Sync {
    /// This instant, UTC.
    fn now(&self) -> Timestamp;
}

/// The operating system has no random bytes for us.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("no random bytes")]
pub struct NoEntropy;

/// Gives unpredictable bytes. SK-6.
pub trait Entropy: Send + Sync {
    /// Fill the slice.
    ///
    /// # Errors
    /// [`NoEntropy`]; nothing may be made from what is in the slice then.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy>;
}

/// Lifetimes of sessions. SE-8.
#[derive(Clone, Copy, Debug)]
pub struct SessionSettings {
    /// Without use.
    pub idle: SignedDuration,
    /// Overall.
    pub absolute: SignedDuration,
    /// Without use, when the person asked to stay signed in.
    pub remember_idle: SignedDuration,
    /// Overall, likewise.
    pub remember_absolute: SignedDuration,
    /// Most live sessions of one user. SE-19.
    pub max_per_user: u32,
    /// How long a sign-in page may be used. A6.
    pub sign_in_ttl: SignedDuration,
}

/// Lifetimes of tokens.
#[derive(Clone, Copy, Debug)]
pub struct TokenSettings {
    /// Access tokens. A1.
    pub access: SignedDuration,
    /// Refresh tokens, which is the life of a grant. A2.
    pub refresh: SignedDuration,
    /// ID tokens. TK-13.
    pub id: SignedDuration,
    /// Authorization codes. AZ-28.
    pub code: SignedDuration,
    /// How long a replaced refresh token is answered with its successor. Design §5.
    pub refresh_window: SignedDuration,
}

/// Limits on guessing. TH-1.
#[derive(Clone, Debug)]
pub struct ThrottleSettings {
    /// One account.
    pub account: LaneRule,
    /// Failures of one address: IPv4 /32, IPv6 /64. TH-10.
    pub address: LaneRule,
    /// Requests of one address.
    pub address_requests: LaneRule,
    /// Failures of one network: IPv4 /24, IPv6 /48.
    pub network: LaneRule,
    /// Authorizations begun per minute, by an address or a session. TH-13.
    pub authorize_per_minute: u32,
}

/// What the operator decided.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The issuer, exactly. G-7.
    pub issuer: String,
    /// The issuer's origin.
    pub own_origin: Origin,
    /// The audience of tokens for which nobody named a resource.
    pub default_audience: String,
    /// Lifetimes of tokens.
    pub tokens: TokenSettings,
    /// Lifetimes of sessions.
    pub sessions: SessionSettings,
    /// Limits on guessing.
    pub throttle: ThrottleSettings,
    /// What apps that register themselves may be.
    pub registration: RegistrationSettings,
    /// Algorithms that the server signs with, as metadata lists them.
    pub signing_algorithms: Vec<&'static str>,
    /// Every client has to push its authorization requests. RFC 9126 §5; EP-6.
    pub require_pushed_authorization_requests: bool,
    /// DPoP proofs at the token endpoint and PAR need a nonce of this server. RFC 9449 §8; RS-12.
    pub dpop_nonce_required: bool,
    /// Shortest new password, code points. PW-1.
    pub password_min: usize,
}

/// Everything that stays.
pub struct Deployment {
    /// What the operator decided.
    pub settings: Settings,
    /// What we remember.
    pub store: Arc<dyn Store>,
    /// Keys that sign tokens, and clients.
    pub catalog: CurrentCatalog,
    /// Seals password hashes. PW-13.
    pub password_sealer: Sealer,
    /// Makes and knows refresh tokens.
    pub refresh_tokens: RefreshTokenKey,
    /// Makes and knows form tokens.
    pub csrf: CsrfKey,
    /// Names throttle counters.
    pub throttle_key: ThrottleKey,
    /// Knows the user codes of devices.
    pub user_codes: UserCodeKey,
    /// Makes and knows DPoP nonces.
    pub nonces: Nonces,
    /// Keeps floods of strangers away from the database.
    pub flood: FloodGate,
    /// Hashes passwords, so many at a time.
    pub hashing: HashPool,
    /// Wakes the delivery of logout tokens. LO-12.
    pub backchannel: Backchannel,
    /// What this node remembers of clients that authenticate.
    pub client_auth: Memory,
    /// The way to other servers.
    pub outgoing: Arc<dyn Outgoing>,
    /// Random bytes.
    pub entropy: Arc<dyn Entropy>,
}

/// One request: what stays, and its instant. All timestamps of an answer agree.
#[derive(Clone)]
pub struct Ctx {
    deployment: Arc<Deployment>,
    catalog: Arc<Catalog>,
    /// The instant of the request, read once at the edge.
    pub now: Timestamp,
    /// Where the request comes from; nothing for work that nobody asked for over the network.
    pub source: Option<Source>,
}

impl Ctx {
    /// A request that came at this instant.
    #[must_use]
    pub fn new(deployment: Arc<Deployment>, now: Timestamp) -> Self {
        Self { catalog: deployment.catalog.get(), deployment, now, source: None }
    }

    /// The same request, known to come from there.
    #[must_use]
    pub fn coming_from(self, source: Source) -> Self {
        Self { source: Some(source), ..self }
    }

    /// The catalog of this request.
    #[must_use]
    pub fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.catalog)
    }

    /// The same request with what is known of clients and keys at this moment; nothing: it has that already. See
    /// [`CurrentCatalog::is_newest`].
    ///
    /// # Errors
    /// The database does not answer, or keys in it cannot be read.
    pub async fn renewed(&self) -> Result<Option<Self>, Refusal> {
        let current = &self.deployment.catalog;
        if current.is_newest(&self.catalog, self.store.as_ref(), self.now).await? {
            return Ok(None);
        }
        let looked = current.look(self.store.as_ref(), self.now).await;
        looked.map_err(|error| Refusal::from(&STORAGE).with_detail(error.to_string()))?;
        Ok(Some(Self { catalog: current.get(), ..self.clone() }))
    }

    /// Keys that sign tokens.
    #[must_use]
    pub fn keyring(&self) -> &Keyring {
        &self.catalog.keyring
    }

    /// The client with this id, disabled ones too.
    ///
    /// # Errors
    /// The database did not answer.
    pub async fn client(&self, id: &ClientId) -> Result<Option<Arc<ClientRecord>>, Unavailable> {
        self.catalog.client(self.store.as_ref(), id).await
    }

    /// Enabled clients that list this origin, in order of id.
    ///
    /// # Errors
    /// The database did not answer.
    pub async fn clients_of_origin(&self, origin: &str) -> Result<Arc<Vec<Arc<ClientRecord>>>, Unavailable> {
        self.catalog.clients_of_origin(self.store.as_ref(), origin).await
    }

    /// `N` random bytes.
    ///
    /// # Errors
    /// `server_error` if there are none to be had.
    pub fn random<const N: usize>(&self) -> Result<[u8; N], Refusal> {
        let mut bytes = [0u8; N];
        self.entropy.fill(&mut bytes).map_err(|error| Refusal::from(&INTERNAL).with_detail(error.to_string()))?;
        Ok(bytes)
    }

    /// A new handle of any kind.
    ///
    /// # Errors
    /// As [`Ctx::random`].
    pub fn handle<K>(&self) -> Result<Handle<K>, Refusal> {
        self.random().map(Handle::from_random)
    }

    /// Whole seconds from now until then, at least 0, rounded up: what is stored is cut to milliseconds.
    #[must_use]
    pub fn seconds_until(&self, at: Timestamp) -> i64 {
        let millis = at.as_millisecond() - self.now.as_millisecond();
        millis.max(0).saturating_add(999) / 1000
    }

    /// The instant so far from now.
    ///
    /// # Errors
    /// `server_error` beyond the end of time.
    pub fn after(&self, duration: SignedDuration) -> Result<Timestamp, Refusal> {
        self.now.checked_add(duration).map_err(|error| Refusal::from(&INTERNAL).with_detail(error.to_string()))
    }
}

impl Deref for Ctx {
    type Target = Deployment;
    fn deref(&self) -> &Deployment {
        &self.deployment
    }
}
