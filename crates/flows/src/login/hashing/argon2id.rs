//! Argon2id on one thread, and its PHC strings. PW-12, PW-14, PW-23.
//!
//! Two implementations are at hand: `argon2-rust` hashes, because it has code for each kind of CPU and keeps its
//! memory; RustCrypto's `argon2` reads and writes PHC strings, and is what the other is checked against before the
//! first password is hashed. The reasons stand in `docs/explanation/password-hashing.md`.

use std::sync::{Mutex, PoisonError};

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Params, ParamsBuilder, Version};
use argon2_rust as fast;
use zeroize::Zeroizing;

use super::{Cost, Verification};

/// Length of a tag, bytes. PW-12.
const TAG: usize = 32;

/// Memory of the check at start, KiB per lane: enough for every kind of step, too little to be felt.
const CHECK_KIB_PER_LANE: u32 = 64;

type Tag = Zeroizing<[u8; TAG]>;

/// Argon2's own terms for a cost.
pub(super) fn params(cost: Cost) -> Result<Params, String> {
    Params::new(cost.memory_kib, cost.iterations, cost.parallelism, Some(TAG)).map_err(|error| error.to_string())
}

/// What one hash works with. Its memory is kept from one hash to the next, because 19 MiB that are freed and asked for
/// again cost page faults. It is wiped after every hash.
pub(super) struct Bench {
    today: Params,
    hasher: fast::Hasher,
}

impl Bench {
    pub(super) fn new(today: Params) -> Self {
        let hasher =
            fast::Argon2::new(fast::Algorithm::Argon2id, fast::Version::V0x13, fast::Params::default()).hasher();
        Self { today, hasher }
    }

    /// Argon2id of a password, 32 bytes. All lanes are computed on this thread.
    fn argon2id(&mut self, params: &Params, password: &[u8], salt: &[u8]) -> Result<Tag, String> {
        let unfit = |error: fast::Error| format!("cannot hash: {error}");
        let costs = fast::Params::builder()
            .memory(fast::params::Memory::kib(params.m_cost().into()))
            .passes(params.t_cost())
            .lanes(params.p_cost())
            .threads(1)
            .tag_len(fast::params::TagLen::bytes(TAG as u64))
            .build()
            .map_err(unfit)?;
        self.hasher.set_argon2(fast::Argon2::new(fast::Algorithm::Argon2id, fast::Version::V0x13, costs));
        let mut tag = Tag::default();
        self.hasher.hash_into_with_ad(password, salt, &[], params.data(), tag.as_mut()).map_err(unfit)?;
        Ok(tag)
    }

    /// The PHC string of a password with today's parameters.
    pub(super) fn phc(&mut self, password: &[u8], salt: &[u8]) -> Result<String, String> {
        let today = self.today.clone();
        let tag = self.argon2id(&today, password, salt)?;
        let unfit = |error: &dyn std::fmt::Display| format!("cannot write a PHC string: {error}");
        let hash = PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(&today).map_err(|error| unfit(&error))?,
            salt: Some(Salt::new(salt).map_err(|error| unfit(&error))?),
            hash: Some(Output::new(tag.as_ref()).map_err(|error| unfit(&error))?),
        };
        Ok(hash.to_string())
    }

    /// Whether a password fits a PHC string of ours. Tags are compared in constant time. PW-23.
    pub(super) fn verify(&mut self, password: &[u8], phc: &str) -> Result<Verification, String> {
        let unreadable = |what: &str| format!("a stored hash is unreadable: {what}");
        let hash = PasswordHash::new(phc).map_err(|error| unreadable(&error.to_string()))?;
        let ours = hash.algorithm == Algorithm::Argon2id.ident() && hash.version == Some(Version::V0x13.into());
        let (Some(salt), Some(tag), true) = (hash.salt, hash.hash, ours) else {
            return Err(unreadable("not argon2id v19"));
        };
        if tag.as_bytes().len() != TAG {
            return Err(unreadable("the tag is not 32 bytes long"));
        }
        let params = Params::try_from(&hash).map_err(|error| unreadable(&error.to_string()))?;
        let cost = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost());
        let outdated = cost(&params) != cost(&self.today);
        let computed = self.argon2id(&params, password, &salt)?;
        let fits = aws_lc_rs::constant_time::verify_slices_are_equal(computed.as_ref(), tag.as_bytes()).is_ok();
        Ok(Verification { fits, outdated })
    }
}

/// The benches that nobody works at: as many as hashes ran at the same time.
pub(super) struct Benches {
    today: Params,
    free: Mutex<Vec<Bench>>,
}

impl Benches {
    pub(super) fn new(today: Params) -> Self {
        Self { today, free: Mutex::default() }
    }

    /// The bench that was used last, because it is the most likely to be in the caches.
    pub(super) fn take(&self) -> Bench {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        free.unwrap_or_else(|| Bench::new(self.today.clone()))
    }

    /// Keep a bench for the next hash, unless a hash of higher cost than today's made it grow.
    pub(super) fn put_back(&self, bench: Bench) {
        if bench.hasher.reserved_blocks() <= self.today.block_count() {
            self.free.lock().unwrap_or_else(PoisonError::into_inner).push(bench);
        }
    }

    /// Give the memory of all free benches back to the system.
    pub(super) fn clear(&self) {
        let free = std::mem::take(&mut *self.free.lock().unwrap_or_else(PoisonError::into_inner));
        drop(free);
    }

    #[cfg(test)]
    pub(super) fn kept_blocks(&self) -> usize {
        self.free
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .map(|bench| bench.hasher.reserved_blocks())
            .sum()
    }
}

/// Check the hashing code that was chosen for this CPU: its tag of random input equals RustCrypto's.
pub(super) fn check(today: &Params, password: &[u8], salt: &[u8]) -> Result<(), String> {
    let mut bench = Bench::new(today.clone());
    check_against(today, password, salt, |params| bench.argon2id(params, password, salt))
}

fn check_against(
    today: &Params,
    password: &[u8],
    salt: &[u8],
    ours: impl FnOnce(&Params) -> Result<Tag, String>,
) -> Result<(), String> {
    let small = ParamsBuilder::new()
        .m_cost(CHECK_KIB_PER_LANE.saturating_mul(today.p_cost()))
        .t_cost(today.t_cost())
        .p_cost(today.p_cost())
        .output_len(TAG)
        .build()
        .map_err(|error| error.to_string())?;
    let tag = ours(&small)?;
    let mut expected = Tag::default();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, small)
        .hash_password_into(password, salt, expected.as_mut())
        .map_err(|error| error.to_string())?;
    let backend = fast::detected_backend();
    aws_lc_rs::constant_time::verify_slices_are_equal(tag.as_ref(), expected.as_ref())
        .map_err(|_| format!("the Argon2id code for {backend} computes wrong tags on this CPU"))
}

#[cfg(test)]
mod tests;
