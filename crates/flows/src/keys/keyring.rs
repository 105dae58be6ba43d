//! The keys of a running server: those that sign, those that are published, those that still know old hints. TK-20, TK-21,
//! TK-27. How they come and go is decided in [`super::rotation`].

use std::sync::Arc;

use brama_jose::{Algorithm, Jwk, JwkSet, SigningKey, Typ, VerifyingKey};
use brama_protocol::client::IdTokenAlgorithm;
use brama_protocol::error::{ID_TOKEN_KEY, INTERNAL, Refusal};
use brama_store::signing_key::{KeyState, SigningKeyRecord};
use brama_store::{SigningKeys, Unavailable};
use jiff::Timestamp;

use crate::keys::rotation::{self, ANNOUNCED_FOR};
use crate::keys::{KeySettings, Sealer};

/// The keys.
pub struct Keyring {
    /// One per algorithm, in the operator's order.
    active: Vec<Active>,
    verifying: Vec<Known>,
    jwks: Arc<[u8]>,
}

/// A key that signs.
struct Active {
    key: SigningKey,
    /// When it was made, if it signed from then on without having been announced: the first one of its algorithm.
    unannounced_since: Option<Timestamp>,
}

/// A public key of ours.
struct Known {
    kid: String,
    key: VerifyingKey,
    /// What it signed has run out. It knows ID tokens that come back as hints, and nothing else.
    gone: bool,
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
    /// An algorithm that is asked for has no key.
    #[error("there is no active {0} key")]
    NoKey(Algorithm),
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

/// The algorithm of the cryptographic library.
fn algorithm(chosen: IdTokenAlgorithm) -> Algorithm {
    match chosen {
        IdTokenAlgorithm::ES256 => Algorithm::Es256,
        IdTokenAlgorithm::EdDSA => Algorithm::EdDsa,
        IdTokenAlgorithm::RS256 => Algorithm::Rs256,
        IdTokenAlgorithm::PS256 => Algorithm::Ps256,
    }
}

impl Keyring {
    /// Read the keys. Only those of the operator's algorithms sign; others are known and published as long as they are there.
    ///
    /// # Errors
    /// [`KeyringError`].
    pub async fn read(
        store: &(impl SigningKeys + ?Sized),
        sealer: &Sealer,
        settings: &KeySettings,
    ) -> Result<Self, KeyringError> {
        let first = settings.first();
        let records = store.signing_keys().await?;
        let (mut active, mut verifying, mut published) = (Vec::new(), Vec::new(), Vec::new());
        for record in &records {
            if let (KeyState::Gone, Some(public)) = (record.state, &record.public) {
                let public: Jwk = serde_json::from_str(public).map_err(crypto)?;
                verifying.push(known(record, &public)?);
                continue;
            }
            let key = rotation::open(record, sealer)?;
            verifying.push(known(record, key.public())?);
            published.push(key.public().clone());
            if let KeyState::Active { since } = record.state
                && settings.algorithms.contains(&key.algorithm())
            {
                active.push(Active { unannounced_since: (since == record.created_at).then_some(since), key });
            }
        }
        let place = |one: &Active| settings.algorithms.iter().position(|named| *named == one.key.algorithm());
        active.sort_by_key(place);
        match active.first() {
            None => return Err(KeyringError::NoKey(first)),
            // A node with another configuration has retired it. What is left signs: a node that stopped here would not hear
            // of any other change of keys or clients either.
            Some(left) if left.key.algorithm() != first => {
                let (wanted, used) = (first.as_str(), left.key.algorithm().as_str());
                tracing::warn!(wanted, used, "the first of tokens.signing_algorithms has no key; do all nodes agree?");
            }
            Some(_) => {}
        }
        let jwks = serde_json::to_vec(&JwkSet { keys: published }).map_err(crypto)?.into();
        Ok(Self { active, verifying, jwks })
    }

    /// The JWK set, as JSON: keys that are announced, that sign, and whose tokens may still be current. TK-20.
    #[must_use]
    pub fn jwks(&self) -> Arc<[u8]> {
        Arc::clone(&self.jwks)
    }

    /// The key that signs access tokens: of the operator's first algorithm, but not before its key was published as long as
    /// any next key is, if there is another algorithm that signed until now. TK-21.
    ///
    /// # Errors
    /// `server_error`; there is always one.
    pub fn for_access_tokens(&self, now: Timestamp) -> Result<&SigningKey, Refusal> {
        let known =
            |one: &&Active| one.unannounced_since.is_none_or(|since| now.duration_since(since) >= ANNOUNCED_FOR);
        // Where none is known, the server is new; the one that is known soonest is not changed for another one then.
        let eldest = || self.active.iter().min_by_key(|one| one.unannounced_since);
        let chosen = self.active.iter().find(known).or_else(eldest);
        chosen.map(|one| &one.key).ok_or_else(|| (&INTERNAL).into())
    }

    /// The key that signs a client's ID tokens. TK-11.
    ///
    /// # Errors
    /// `unauthorized_client` when the operator has taken the algorithm away from a client that needs it.
    pub fn for_id_tokens(&self, chosen: IdTokenAlgorithm) -> Result<&SigningKey, Refusal> {
        let wanted = algorithm(chosen);
        self.active.iter().map(|one| &one.key).find(|key| key.algorithm() == wanted).ok_or_else(|| {
            let detail = format!("no key signs with {wanted}; add it to tokens.signing_algorithms");
            Refusal::from(&ID_TOKEN_KEY).with_detail(detail)
        })
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
        let known = self.verifying.iter().find(|known| known.kid == kid)?;
        if known.gone && typ != Typ::IdToken {
            return None;
        }
        unverified.verify(&known.key, typ).ok().map(OwnToken)
    }
}

fn known(record: &SigningKeyRecord, public: &Jwk) -> Result<Known, KeyringError> {
    let key = VerifyingKey::new(public).map_err(crypto)?;
    Ok(Known { kid: record.kid.clone(), key, gone: record.state == KeyState::Gone })
}

/// A failure of the library, or of what it was given.
pub(super) fn crypto(error: impl std::fmt::Display) -> KeyringError {
    KeyringError::Crypto(error.to_string())
}
