//! The keys that sign tokens: one per algorithm, made at the first start, sealed with the master key. TK-20, TK-27.

use std::sync::Arc;

use brama_jose::{Algorithm, JwkSet, SigningKey, Typ, VerifyingKey};
use brama_protocol::client::IdTokenAlgorithm;
use brama_protocol::error::{INTERNAL, Refusal};
use brama_store::signing_key::SigningKeyRecord;
use brama_store::{SigningKeys, Unavailable};
use jiff::Timestamp;

use crate::context::Entropy;
use crate::keys::Sealer;

/// The keys of a running server.
pub struct Keyring {
    es256: SigningKey,
    rs256: SigningKey,
    verifying: Vec<(String, VerifyingKey)>,
    jwks: Arc<[u8]>,
}

/// Why the server has no keys.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// The database did not answer.
    #[error(transparent)]
    Store(#[from] Unavailable),
    /// A stored key does not open: it was sealed with another master key.
    #[error("the signing key {kid} does not open with this master key")]
    Sealed {
        /// Which.
        kid: String,
    },
    /// The cryptographic library refused.
    #[error("cannot make or read a signing key: {0}")]
    Crypto(String),
}

/// A token that carries our own signature, of one kind. Nothing else about it is checked yet.
pub struct OwnToken(brama_jose::Verified);

impl OwnToken {
    /// Its claims.
    ///
    /// # Errors
    /// Claims that do not have the expected members.
    pub fn claims<T: serde::de::DeserializeOwned>(&self) -> Result<T, brama_jose::JwsError> {
        self.0.claims()
    }
}

fn row(kid: &str) -> String {
    format!("signing_key/sealed/{kid}")
}

impl Keyring {
    /// Load the keys, making those that are missing. Two servers that start at once end up with the same keys.
    ///
    /// # Errors
    /// [`KeyringError`].
    pub async fn load(
        store: &(impl SigningKeys + ?Sized),
        sealer: &Sealer,
        entropy: &dyn Entropy,
        now: Timestamp,
    ) -> Result<Self, KeyringError> {
        let crypto = |error: &dyn std::fmt::Display| KeyringError::Crypto(error.to_string());
        let mut records = store.signing_keys().await?;
        for algorithm in [Algorithm::Es256, Algorithm::Rs256] {
            if records.iter().any(|record| record.alg == algorithm.as_str()) {
                continue;
            }
            let key = SigningKey::generate(algorithm).map_err(|error| crypto(&error))?;
            let mut nonce = [0u8; 12];
            entropy.fill(&mut nonce).map_err(|error| crypto(&error))?;
            let sealed = sealer.seal(nonce, &row(key.kid()), key.to_pkcs8()).map_err(|error| crypto(&error))?;
            let kid = key.kid().to_owned();
            let alg = algorithm.as_str().to_owned();
            store.add_first_signing_key(SigningKeyRecord { kid, alg, sealed, created_at: now }).await?;
            records = store.signing_keys().await?;
        }
        Self::open(&records, sealer)
    }

    /// Read the keys again, after somebody changed them.
    ///
    /// # Errors
    /// [`KeyringError`].
    pub async fn read(store: &(impl SigningKeys + ?Sized), sealer: &Sealer) -> Result<Self, KeyringError> {
        Self::open(&store.signing_keys().await?, sealer)
    }

    fn open(records: &[SigningKeyRecord], sealer: &Sealer) -> Result<Self, KeyringError> {
        let crypto = |error: &dyn std::fmt::Display| KeyringError::Crypto(error.to_string());
        let mut keys = Vec::new();
        for record in records {
            let algorithm: Algorithm = record.alg.parse().map_err(|error| crypto(&error))?;
            let sealed = || KeyringError::Sealed { kid: record.kid.clone() };
            let der = sealer.open(&row(&record.kid), &record.sealed).map_err(|_| sealed())?;
            keys.push(SigningKey::from_pkcs8(algorithm, &der).map_err(|error| crypto(&error))?);
        }
        Self::of(keys).map_err(|error| KeyringError::Crypto(error.to_owned()))
    }

    fn of(mut keys: Vec<SigningKey>) -> Result<Self, &'static str> {
        let mut verifying = Vec::new();
        for key in &keys {
            let public = VerifyingKey::new(key.public()).map_err(|_| "a public key is unusable")?;
            verifying.push((key.kid().to_owned(), public));
        }
        let set = JwkSet { keys: keys.iter().map(|key| key.public().clone()).collect() };
        let jwks = serde_json::to_vec(&set).map_err(|_| "the key set cannot be written")?;
        // The newest of each algorithm signs.
        let mut newest = |algorithm| {
            let index = keys.iter().rposition(|key| key.algorithm() == algorithm)?;
            Some(keys.remove(index))
        };
        Ok(Self {
            es256: newest(Algorithm::Es256).ok_or("there is no ES256 key")?,
            rs256: newest(Algorithm::Rs256).ok_or("there is no RS256 key")?,
            verifying,
            jwks: jwks.into(),
        })
    }

    /// The JWK set, as JSON. TK-20.
    #[must_use]
    pub fn jwks(&self) -> Arc<[u8]> {
        Arc::clone(&self.jwks)
    }

    /// The key that signs access tokens.
    #[must_use]
    pub fn for_access_tokens(&self) -> &SigningKey {
        &self.es256
    }

    /// The key that signs a client's ID tokens. TK-11.
    #[must_use]
    pub fn for_id_tokens(&self, algorithm: IdTokenAlgorithm) -> &SigningKey {
        match algorithm {
            IdTokenAlgorithm::ES256 => &self.es256,
            IdTokenAlgorithm::RS256 => &self.rs256,
        }
    }

    /// Sign claims.
    ///
    /// # Errors
    /// `server_error` if the library refuses.
    pub fn sign(key: &SigningKey, typ: Typ, claims: &impl serde::Serialize) -> Result<String, Refusal> {
        key.sign(typ, claims).map_err(|error| Refusal::from(&INTERNAL).with_detail(error.to_string()))
    }

    /// Check that a token of this kind carries our signature. Nothing for any other token. TK-22, TK-25.
    #[must_use]
    pub fn own(&self, token: &str, typ: Typ) -> Option<OwnToken> {
        let unverified = brama_jose::parse(token).ok()?;
        let kid = unverified.header().kid()?;
        let (_, key) = self.verifying.iter().find(|(known, _)| known == kid)?;
        unverified.verify(key, typ).ok().map(OwnToken)
    }
}
