//! Signing keys, sealed with the master key, and the life of one: announced, active, retired, gone. Design §6; TK-21.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::Unavailable;

/// Where a signing key stands. Each algorithm has at most one announced and one active key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// Published so that everybody knows it before it signs.
    Announced,
    /// It signs.
    Active {
        /// Since when.
        since: Timestamp,
    },
    /// It signs no more, but what it signed may still be current.
    Retired {
        /// Since when.
        since: Timestamp,
    },
    /// Nothing that it signed is current. Its private half is erased; the public one still knows old ID tokens that come
    /// back as a hint.
    Gone,
}

/// A signing key as stored.
#[derive(Clone)]
pub struct SigningKeyRecord {
    /// Its id: the thumbprint of the public key. RFC 7638.
    pub kid: String,
    /// `ES256`, `RS256`, …
    pub alg: String,
    /// Where it stands.
    pub state: KeyState,
    /// The private key (PKCS#8), sealed; empty when it is gone.
    pub sealed: Vec<u8>,
    /// The public key, a JWK as JSON text; there when the private one is gone.
    pub public: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl SigningKeyRecord {
    /// A record from its columns.
    ///
    /// # Errors
    /// Columns that fit no state.
    pub fn from_columns(
        kid: String,
        alg: String,
        sealed: Vec<u8>,
        public: Option<String>,
        created_at: Timestamp,
        times: (Option<Timestamp>, Option<Timestamp>),
    ) -> Result<Self, Unavailable> {
        let state = match (times, sealed.is_empty()) {
            ((None, None), false) => KeyState::Announced,
            ((Some(since), None), false) => KeyState::Active { since },
            ((Some(_), Some(since)), false) => KeyState::Retired { since },
            ((Some(_), Some(_)), true) if public.is_some() => KeyState::Gone,
            _ => return Err(crate::stored::corrupt("signing_key", format!("{alg} {kid}"))),
        };
        Ok(Self { kid, alg, state, sealed, public, created_at })
    }
}

impl std::fmt::Debug for SigningKeyRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKeyRecord({} {} {:?})", self.alg, self.kid, self.state)
    }
}

/// A key that is to be stored: announced, or active from the start.
#[derive(Clone)]
pub struct NewSigningKey {
    /// Its id: the thumbprint of the public key. RFC 7638.
    pub kid: String,
    /// `ES256`, `RS256`, …
    pub alg: String,
    /// The private key (PKCS#8), sealed.
    pub sealed: Vec<u8>,
    /// Whether it signs at once: the first key of its algorithm does.
    pub active: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

impl std::fmt::Debug for NewSigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NewSigningKey({} {})", self.alg, self.kid)
    }
}

/// What removing a key did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemoveKey {
    /// It is gone; if it was the active one, the announced one has taken its place.
    Removed,
    /// There is none with this id.
    NotThere,
    /// It is the active one, and no other is announced: nothing changed.
    NoSuccessor,
}

/// Signing keys in the database, and the check value that ties a database to its master key.
#[async_trait]
pub trait SigningKeys: Send + Sync {
    /// All keys, oldest first.
    async fn signing_keys(&self) -> Result<Vec<SigningKeyRecord>, Unavailable>;
    /// Store a key unless its algorithm has one in that state: of two servers that do it at once, one wins.
    async fn add_signing_key(&self, key: NewSigningKey) -> Result<(), Unavailable>;
    /// Let the announced key with this id sign from now on; the active one of its algorithm retires. `false`: it is not
    /// announced; nothing changed. TK-21.
    async fn activate_signing_key(&self, kid: &str, now: Timestamp) -> Result<bool, Unavailable>;
    /// Let an active key sign no more, though no other takes its place: its algorithm is switched off. `false`: it is not
    /// active; nothing changed.
    async fn retire_signing_key(&self, kid: &str, now: Timestamp) -> Result<bool, Unavailable>;
    /// Erase the private half of a retired key and keep the public one (a JWK as JSON text). `false`: it is not retired.
    async fn erase_signing_key(&self, kid: &str, public: &str) -> Result<bool, Unavailable>;
    /// Remove a key at once, whatever its state: for one that is known to others. What it signed is worth nothing then.
    async fn remove_signing_key(&self, kid: &str, now: Timestamp) -> Result<RemoveKey, Unavailable>;
    /// The check value of the master key this database was made with; `offered` is stored if there was none. SK-1.
    async fn master_key_check(&self, offered: [u8; 32]) -> Result<[u8; 32], Unavailable>;
}
