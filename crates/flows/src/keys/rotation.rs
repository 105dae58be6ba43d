//! How signing keys come and go, without anyone doing anything. TK-21; design §6.
//!
//! Each algorithm has a key that signs and, from a moment after the first start on, the next one, which is published long
//! before it signs. So a rotation, planned or not, surprises nobody who fetched the keys in time. The key of an algorithm that
//! the operator names newly is published as long before access tokens are signed with it; see [`super::Keyring`].
//!
//! | state | published | signs | ends when |
//! | --- | --- | --- | --- |
//! | announced | yes | no | the active key is [`KeySettings::rotation`] old, and this one [`ANNOUNCED_FOR`] |
//! | active | yes | yes | its successor signs; of an algorithm that was switched off: it is [`KeySettings::rotation`] old |
//! | retired | yes | no | the last token it signed has run out |
//! | gone | no | no | never: its public half knows old ID tokens that come back as hints |

use brama_jose::{Algorithm, SigningKey};
use brama_store::SigningKeys;
use brama_store::signing_key::{KeyState, NewSigningKey, SigningKeyRecord};
use jiff::{SignedDuration, Timestamp};

use crate::context::Entropy;
use crate::keys::keyring::crypto;
use crate::keys::{KeyringError, Sealer};

/// Shortest time a key is published before it signs: two lives of the key set in a cache, and then some.
pub const ANNOUNCED_FOR: SignedDuration = SignedDuration::from_hours(1);
/// How much longer than its tokens live a key is published: for clocks that differ, and for a node that hears of its
/// retirement late.
const AFTERWARDS: SignedDuration = SignedDuration::from_hours(1);

/// What the operator decided about keys.
#[derive(Clone, Debug)]
pub struct KeySettings {
    /// Algorithms that the server signs with; the first signs access tokens.
    pub algorithms: Vec<Algorithm>,
    /// How long a key signs.
    pub rotation: SignedDuration,
    /// Longest life of anything that is signed.
    pub longest_life: SignedDuration,
}

impl KeySettings {
    /// The algorithm of access tokens.
    #[must_use]
    pub fn first(&self) -> Algorithm {
        self.algorithms.first().copied().unwrap_or(Algorithm::Es256)
    }
}

/// What a turn did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Turned {
    /// Keys that were announced.
    pub announced: Vec<String>,
    /// Keys that sign from now on.
    pub activated: Vec<String>,
    /// Keys that sign no more because their algorithm was switched off.
    pub retired: Vec<String>,
    /// Keys whose private half was erased.
    pub erased: Vec<String>,
}

fn row(kid: &str) -> String {
    format!("signing_key/sealed/{kid}")
}

/// The private key of a record.
pub(super) fn open(record: &SigningKeyRecord, sealer: &Sealer) -> Result<SigningKey, KeyringError> {
    let algorithm: Algorithm = record.alg.parse().map_err(crypto)?;
    let sealed = || KeyringError::Sealed { kid: record.kid.clone() };
    let der = sealer.open(&row(&record.kid), &record.sealed).map_err(|_| sealed())?;
    SigningKey::from_pkcs8(algorithm, &der).map_err(crypto)
}

/// Make a key and store it, unless another server has done so. Making an RSA key takes a noticeable part of a second, so
/// it is done beside the threads that answer requests.
async fn add(
    store: &(impl SigningKeys + ?Sized),
    sealer: &Sealer,
    entropy: &dyn Entropy,
    algorithm: Algorithm,
    active: bool,
    now: Timestamp,
) -> Result<String, KeyringError> {
    let made = tokio::task::spawn_blocking(move || SigningKey::generate(algorithm)).await.map_err(crypto)?;
    let key = made.map_err(crypto)?;
    let mut nonce = [0u8; 12];
    entropy.fill(&mut nonce).map_err(crypto)?;
    let sealed = sealer.seal(nonce, &row(key.kid()), key.to_pkcs8()).map_err(crypto)?;
    let (kid, alg) = (key.kid().to_owned(), algorithm.as_str().to_owned());
    store.add_signing_key(NewSigningKey { kid: kid.clone(), alg, sealed, active, created_at: now }).await?;
    Ok(kid)
}

/// Give every algorithm a key that signs: its announced one, or a new one. Two servers that start at once end up with the same keys.
///
/// # Errors
/// [`KeyringError`].
pub async fn first(
    store: &(impl SigningKeys + ?Sized),
    sealer: &Sealer,
    entropy: &dyn Entropy,
    settings: &KeySettings,
    now: Timestamp,
) -> Result<(), KeyringError> {
    let records = store.signing_keys().await?;
    for algorithm in &settings.algorithms {
        let active = |record: &SigningKeyRecord| {
            record.alg == algorithm.as_str() && matches!(record.state, KeyState::Active { .. })
        };
        if records.iter().any(active) {
            continue;
        }
        // An algorithm that was switched off for a while may have a key that everybody knows.
        let announced = |record: &&SigningKeyRecord| {
            record.alg == algorithm.as_str() && matches!(record.state, KeyState::Announced)
        };
        let ready = match records.iter().find(announced) {
            Some(record) => store.activate_signing_key(&record.kid, now).await?,
            None => false,
        };
        if !ready {
            add(store, sealer, entropy, *algorithm, true, now).await?;
        }
    }
    Ok(())
}

/// Announce, activate and erase what is due. Safe to do twice, and on several nodes at once.
///
/// # Errors
/// [`KeyringError`]; what was done until then stays done.
pub async fn turn(
    store: &(impl SigningKeys + ?Sized),
    sealer: &Sealer,
    entropy: &dyn Entropy,
    settings: &KeySettings,
    now: Timestamp,
) -> Result<Turned, KeyringError> {
    let mut turned = Turned::default();
    let records = store.signing_keys().await?;
    for algorithm in &settings.algorithms {
        let alg = algorithm.as_str();
        let of_alg = || records.iter().filter(|record| record.alg == alg);
        let Some(since) = of_alg().find_map(|record| match record.state {
            KeyState::Active { since } => Some(since),
            _ => None,
        }) else {
            continue;
        };
        let mut next = of_alg().find(|record| record.state == KeyState::Announced);
        if let Some(ready) = next
            && now.duration_since(since) >= settings.rotation
            && now.duration_since(ready.created_at) >= ANNOUNCED_FOR
            && store.activate_signing_key(&ready.kid, now).await?
        {
            turned.activated.push(ready.kid.clone());
            next = None;
        }
        if next.is_none() {
            turned.announced.push(add(store, sealer, entropy, *algorithm, false, now).await?);
        }
    }
    // Not before it would have been replaced: during an update of many nodes some still have the old configuration.
    for record in records.iter().filter(|record| settings.algorithms.iter().all(|kept| kept.as_str() != record.alg)) {
        let KeyState::Active { since } = record.state else { continue };
        if now.duration_since(since) >= settings.rotation && store.retire_signing_key(&record.kid, now).await? {
            turned.retired.push(record.kid.clone());
        }
    }
    for record in &records {
        let KeyState::Retired { since } = record.state else { continue };
        if now.duration_since(since) < settings.longest_life.saturating_add(AFTERWARDS) {
            continue;
        }
        let public = serde_json::to_string(open(record, sealer)?.public()).map_err(crypto)?;
        if store.erase_signing_key(&record.kid, &public).await? {
            turned.erased.push(record.kid.clone());
        }
    }
    Ok(turned)
}
