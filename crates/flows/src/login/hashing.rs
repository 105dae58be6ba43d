//! The bounded hashing pool: Argon2id on its own threads, a queue with an end, a wait with an end. PW-12, PW-19.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use brama_protocol::error::{INTERNAL, OVERLOADED, Refusal};
use brama_protocol::password::Password;
use tokio::sync::oneshot;
use zeroize::Zeroizing;

/// Length of a tag, bytes. PW-12.
const TAG: usize = 32;

/// Cost of a hash. PW-12.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Memory, KiB.
    pub memory_kib: u32,
    /// Passes.
    pub iterations: u32,
    /// Lanes.
    pub parallelism: u32,
}

/// How much may be hashed at once.
#[derive(Clone, Copy, Debug)]
pub struct PoolSettings {
    /// Cost of new hashes.
    pub cost: Cost,
    /// Hashes at the same time.
    pub threads: usize,
    /// Hashes that may wait.
    pub queue: usize,
    /// Longest wait before the work begins.
    pub wait: Duration,
}

/// What verifying came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verification {
    /// Whether the password fits.
    pub fits: bool,
    /// Whether the hash was made with other parameters than today's. PW-14.
    pub outdated: bool,
}

struct Job {
    enqueued: Instant,
    work: Box<dyn FnOnce(&mut Bench) + Send>,
}

/// What one hashing thread works with. The memory of a hash is kept from one to the next: 19 MiB that are freed and
/// asked for again cost page faults, and allocators are slow to give them back.
struct Bench {
    params: Params,
    memory: Vec<Block>,
}

impl Bench {
    fn new(params: Params) -> Self {
        Self { params, memory: Vec::new() }
    }

    /// Argon2id of a password, 32 bytes.
    fn argon2id(&mut self, params: Params, password: &[u8], salt: &[u8]) -> Result<[u8; TAG], String> {
        let blocks = params.block_count();
        if self.memory.len() < blocks {
            self.memory.resize(blocks, Block::new());
        }
        let memory = self.memory.get_mut(..blocks).unwrap_or_default();
        let mut tag = [0u8; TAG];
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into_with_memory(password, salt, &mut tag, memory)
            .map_err(|error| format!("cannot hash: {error}"))?;
        Ok(tag)
    }

    /// The PHC string of a password with today's parameters.
    fn phc(&mut self, password: &[u8], salt: &[u8]) -> Result<String, String> {
        let params = self.params.clone();
        let tag = self.argon2id(params.clone(), password, salt)?;
        let unfit = |error: &dyn std::fmt::Display| format!("cannot write a PHC string: {error}");
        let hash = PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(&params).map_err(|error| unfit(&error))?,
            salt: Some(Salt::new(salt).map_err(|error| unfit(&error))?),
            hash: Some(Output::new(&tag).map_err(|error| unfit(&error))?),
        };
        Ok(hash.to_string())
    }

    /// Whether a password fits a PHC string of ours. Tags are compared in constant time. PW-23.
    fn verify(&mut self, password: &[u8], phc: &str) -> Result<Verification, String> {
        let unreadable = |what: &str| format!("a stored hash is unreadable: {what}");
        let hash = PasswordHash::new(phc).map_err(|error| unreadable(&error.to_string()))?;
        let ours = hash.algorithm == Algorithm::Argon2id.ident() && hash.version == Some(Version::V0x13.into());
        let (Some(salt), Some(tag), true) = (hash.salt, hash.hash, ours) else {
            return Err(unreadable("not argon2id v19"));
        };
        let params = Params::try_from(&hash).map_err(|error| unreadable(&error.to_string()))?;
        let cost = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost());
        let outdated = cost(&params) != cost(&self.params);
        let computed = self.argon2id(params, password, &salt)?;
        let fits = aws_lc_rs::constant_time::verify_slices_are_equal(&computed, tag.as_bytes()).is_ok();
        Ok(Verification { fits, outdated })
    }
}

/// Hashes passwords on its own threads, never on those that answer requests.
pub struct HashPool {
    queue: SyncSender<Job>,
    /// What is verified when there is nothing to verify, so that it takes as long. PW-22.
    dummy: String,
}

/// The pool cannot be started.
#[derive(Debug, thiserror::Error)]
#[error("the password hashing pool cannot start: {0}")]
pub struct CannotStart(String);

impl HashPool {
    /// Start the threads. `dummy`: 48 random bytes for the hash of nobody's password.
    ///
    /// # Errors
    /// [`CannotStart`] for parameters outside Argon2's range or when there are no threads.
    pub fn start(settings: PoolSettings, dummy: [u8; 48]) -> Result<Self, CannotStart> {
        let wrong = |error: &dyn std::fmt::Display| CannotStart(error.to_string());
        let cost = settings.cost;
        let params =
            Params::new(cost.memory_kib, cost.iterations, cost.parallelism, Some(32)).map_err(|error| wrong(&error))?;
        let (salt, nobody) = dummy.split_at_checked(16).unwrap_or_default();
        let dummy = Bench::new(params.clone()).phc(nobody, salt).map_err(CannotStart)?;
        let (queue, waiting) = sync_channel(settings.queue.max(1));
        let waiting = Arc::new(Mutex::new(waiting));
        for number in 0..settings.threads.max(1) {
            let (waiting, bench) = (Arc::clone(&waiting), Bench::new(params.clone()));
            std::thread::Builder::new()
                .name(format!("hash-{number}"))
                .spawn(move || serve(&waiting, bench, settings.wait))
                .map_err(|error| wrong(&error))?;
        }
        Ok(Self { queue, dummy })
    }

    /// Verify a password against a PHC string, or against nobody's (same work) where there is none. PW-21, PW-22.
    ///
    /// # Errors
    /// `temporarily_unavailable` with `Retry-After` when the queue is full or the wait too long: nothing was hashed.
    pub async fn verify(
        &self,
        password: Arc<Password>,
        phc: Option<Zeroizing<String>>,
    ) -> Result<Verification, Refusal> {
        let exists = phc.is_some();
        let phc = phc.unwrap_or_else(|| Zeroizing::new(self.dummy.clone()));
        self.run(move |bench| {
            let found = bench.verify(password.as_bytes(), &phc)?;
            Ok(Verification { fits: found.fits && exists, ..found })
        })
        .await
    }

    /// Hash a password with a fresh 16-byte salt. PW-12.
    ///
    /// # Errors
    /// As [`HashPool::verify`].
    pub async fn hash(&self, password: Arc<Password>, salt: [u8; 16]) -> Result<Zeroizing<String>, Refusal> {
        self.run(move |bench| bench.phc(password.as_bytes(), &salt).map(Zeroizing::new)).await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Bench) -> Result<T, String> + Send + 'static,
    ) -> Result<T, Refusal> {
        let busy = || Refusal::from(&OVERLOADED).retry_after(2);
        let (answer, outcome) = oneshot::channel();
        let job = Job {
            enqueued: Instant::now(),
            work: Box::new(move |bench| {
                // The caller may have gone: then there is nobody to tell.
                if !answer.is_closed() {
                    let _ = answer.send(work(bench));
                }
            }),
        };
        self.queue.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => busy(),
            TrySendError::Disconnected(_) => Refusal::from(&INTERNAL).with_detail("the hashing threads are gone"),
        })?;
        match outcome.await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(why)) => Err(Refusal::from(&INTERNAL).with_detail(why)),
            // The job was dropped unrun: it had waited too long.
            Err(_) => Err(busy()),
        }
    }
}

fn serve(waiting: &Mutex<Receiver<Job>>, mut bench: Bench, longest: Duration) {
    loop {
        let next = {
            let Ok(waiting) = waiting.lock() else { return };
            waiting.recv()
        };
        let Ok(job) = next else { return };
        if job.enqueued.elapsed() <= longest {
            (job.work)(&mut bench);
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn pool(threads: usize, queue: usize, wait: Duration) -> HashPool {
        let cost = Cost { memory_kib: 1024, iterations: 1, parallelism: 1 };
        HashPool::start(PoolSettings { cost, threads, queue, wait }, [5; 48]).unwrap()
    }

    fn password(text: &str) -> Arc<Password> {
        Arc::new(Password::parse(text).unwrap())
    }

    #[tokio::test]
    async fn pw12_argon2id_phc_strings() {
        let pool = pool(1, 4, Duration::from_secs(2));
        let phc = pool.hash(password("correct horse"), [1; 16]).await.unwrap();
        assert!(phc.starts_with("$argon2id$v=19$m=1024,t=1,p=1$"), "{}", *phc);
        let verify = |text: &'static str, phc: &Zeroizing<String>| pool.verify(password(text), Some(phc.clone()));
        assert!(verify("correct horse", &phc).await.unwrap().fits);
        assert!(!verify("correct horsf", &phc).await.unwrap().fits);
        // Different only after byte 72: not cut off as bcrypt would.
        let long = "x".repeat(72);
        let phc = pool.hash(password(&format!("{long}a")), [1; 16]).await.unwrap();
        assert!(!pool.verify(password(&format!("{long}b")), Some(phc)).await.unwrap().fits);
    }

    #[tokio::test]
    async fn pw14_other_parameters_are_outdated() {
        let old = "$argon2id$v=19$m=512,t=1,p=1$AQEBAQEBAQEBAQEBAQEBAQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        let found = pool(1, 4, Duration::from_secs(2))
            .verify(password("x"), Some(Zeroizing::new(old.to_owned())))
            .await
            .unwrap();
        assert_eq!(found, Verification { fits: false, outdated: true });
    }

    #[tokio::test]
    async fn pw22_nobody_has_no_password() {
        let nobody = String::from_utf8(vec![5; 32]).unwrap();
        assert!(!pool(1, 4, Duration::from_secs(2)).verify(password(&nobody), None).await.unwrap().fits);
    }

    #[tokio::test]
    async fn pw19_a_full_queue_refuses_at_once_and_hashes_nothing() {
        let pool = Arc::new(pool(1, 2, Duration::from_secs(2)));
        let attempts: Vec<_> = (0..32)
            .map(|_| {
                let pool = Arc::clone(&pool);
                tokio::spawn(async move { pool.verify(password("x"), None).await })
            })
            .collect();
        let mut refused = 0;
        for attempt in attempts {
            if let Err(refusal) = attempt.await.unwrap() {
                assert_eq!((refusal.row.status, refusal.retry_after), (503, Some(2)));
                refused += 1;
            }
        }
        assert!(refused > 0);
    }

    #[tokio::test]
    async fn pw19_who_waited_too_long_is_refused() {
        let pool = pool(1, 8, Duration::ZERO);
        let refusal = pool.verify(password("x"), None).await.unwrap_err();
        assert_eq!(refusal.row.status, 503);
    }
}
