//! Signing keys, sealed with the master key. Design §6.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::Unavailable;

/// A signing key as stored.
#[derive(Clone)]
pub struct SigningKeyRecord {
    /// Its id: the thumbprint of the public key. RFC 7638.
    pub kid: String,
    /// `ES256`, `RS256`, …
    pub alg: String,
    /// The private key (PKCS#8), sealed.
    pub sealed: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl std::fmt::Debug for SigningKeyRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKeyRecord({} {})", self.alg, self.kid)
    }
}

/// Signing keys in the database, and the check value that ties a database to its master key.
#[async_trait]
pub trait SigningKeys: Send + Sync {
    /// All keys, oldest first.
    async fn signing_keys(&self) -> Result<Vec<SigningKeyRecord>, Unavailable>;
    /// Store a key unless one of its algorithm exists: of two servers that start at once, one wins.
    async fn add_first_signing_key(&self, key: SigningKeyRecord) -> Result<(), Unavailable>;
    /// The check value of the master key this database was made with; `offered` is stored if there was none. SK-1.
    async fn master_key_check(&self, offered: [u8; 32]) -> Result<[u8; 32], Unavailable>;
}
