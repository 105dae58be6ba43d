//! The bounded hashing pool: Argon2id on its own threads, a queue with an end, a wait with an end. PW-12, PW-19.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use brama_protocol::error::{INTERNAL, OVERLOADED, Refusal};
use brama_protocol::password::Password;
use tokio::sync::oneshot;
use zeroize::Zeroizing;

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
    work: Box<dyn FnOnce(&Argon2<'static>) + Send>,
}

/// Hashes passwords on its own threads, never on those that answer requests.
pub struct HashPool {
    queue: SyncSender<Job>,
    params: Params,
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
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
        let (salt, nobody) = dummy.split_at_checked(16).unwrap_or_default();
        let dummy: PasswordHash = argon2.hash_password_with_salt(nobody, salt).map_err(|error| wrong(&error))?;
        let (queue, waiting) = sync_channel(settings.queue.max(1));
        let waiting = Arc::new(Mutex::new(waiting));
        for number in 0..settings.threads.max(1) {
            let (waiting, argon2) = (Arc::clone(&waiting), argon2.clone());
            std::thread::Builder::new()
                .name(format!("hash-{number}"))
                .spawn(move || serve(&waiting, &argon2, settings.wait))
                .map_err(|error| wrong(&error))?;
        }
        Ok(Self { queue, params, dummy: dummy.to_string() })
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
        let params = self.params.clone();
        self.run(move |argon2| {
            let hash = PasswordHash::new(&phc).map_err(|error| format!("a stored hash is unreadable: {error}"))?;
            let fits = argon2.verify_password(password.as_bytes(), &hash).is_ok();
            let current = hash.algorithm == Algorithm::Argon2id.ident()
                && Params::try_from(&hash).is_ok_and(|stored| {
                    stored.m_cost() == params.m_cost()
                        && stored.t_cost() == params.t_cost()
                        && stored.p_cost() == params.p_cost()
                });
            Ok(Verification { fits: fits && exists, outdated: !current })
        })
        .await
    }

    /// Hash a password with a fresh 16-byte salt. PW-12.
    ///
    /// # Errors
    /// As [`HashPool::verify`].
    pub async fn hash(&self, password: Arc<Password>, salt: [u8; 16]) -> Result<Zeroizing<String>, Refusal> {
        self.run(move |argon2| {
            let hash: PasswordHash = argon2
                .hash_password_with_salt(password.as_bytes(), &salt)
                .map_err(|error| format!("cannot hash: {error}"))?;
            Ok(Zeroizing::new(hash.to_string()))
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Argon2<'static>) -> Result<T, String> + Send + 'static,
    ) -> Result<T, Refusal> {
        let busy = || Refusal::from(&OVERLOADED).retry_after(2);
        let (answer, outcome) = oneshot::channel();
        let job = Job {
            enqueued: Instant::now(),
            work: Box::new(move |argon2| {
                // The caller may have gone: then there is nobody to tell.
                if !answer.is_closed() {
                    let _ = answer.send(work(argon2));
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

fn serve(waiting: &Mutex<Receiver<Job>>, argon2: &Argon2<'static>, longest: Duration) {
    loop {
        let next = {
            let Ok(waiting) = waiting.lock() else { return };
            waiting.recv()
        };
        let Ok(job) = next else { return };
        if job.enqueued.elapsed() <= longest {
            (job.work)(argon2);
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
