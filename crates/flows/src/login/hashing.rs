//! The bounded hashing pool: Argon2id on its own threads, a queue with an end, a wait with an end. PW-12, PW-19.

mod argon2id;

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use brama_protocol::error::{INTERNAL, OVERLOADED, Refusal};
use brama_protocol::password::Password;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use zeroize::Zeroizing;

use self::argon2id::{Bench, Benches};

/// After so long without a password to hash, the memory for hashing goes back to the system.
const REST: Duration = Duration::from_secs(10);

/// Niceness of hashing threads: about a tenth of a processor that others of this server want too.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

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

/// Hashes passwords on its own threads, never on those that answer requests.
pub struct HashPool {
    queue: SyncSender<Job>,
    /// As many as are hashed and wait.
    places: Arc<Semaphore>,
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
    /// [`CannotStart`] for parameters outside Argon2's range, when there are no threads, and on a CPU on which hashes
    /// come out wrong.
    pub fn start(settings: PoolSettings, dummy: [u8; 48]) -> Result<Self, CannotStart> {
        let wrong = |error: &dyn std::fmt::Display| CannotStart(error.to_string());
        let today = argon2id::params(settings.cost).map_err(CannotStart)?;
        let (salt, nobody) = dummy.split_at_checked(16).unwrap_or_default();
        argon2id::check(&today, nobody, salt).map_err(CannotStart)?;
        let dummy = Bench::new(today.clone()).phc(nobody, salt).map_err(CannotStart)?;
        let (queue, waiting) = sync_channel(settings.queue.max(1));
        let waiting = Arc::new(Mutex::new(waiting));
        let benches = Arc::new(Benches::new(today));
        for number in 0..settings.threads.max(1) {
            let (waiting, benches) = (Arc::clone(&waiting), Arc::clone(&benches));
            std::thread::Builder::new()
                .name(format!("hash-{number}"))
                .spawn(move || {
                    stand_back();
                    serve(&waiting, &benches, settings.wait, REST);
                })
                .map_err(|error| wrong(&error))?;
        }
        let places = Arc::new(Semaphore::new(settings.threads.max(1).saturating_add(settings.queue.max(1))));
        Ok(Self { queue, places, dummy })
    }

    /// A place in the pool or its queue, until it is dropped. Who is about to sign in takes it before the database is
    /// asked anything: beyond what can be hashed, a sign-in costs nothing. PW-20.
    ///
    /// # Errors
    /// `temporarily_unavailable` with `Retry-After` when all are taken.
    pub fn place(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        Arc::clone(&self.places).try_acquire_owned().map_err(|_| busy())
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

fn busy() -> Refusal {
    Refusal::from(&OVERLOADED).retry_after(2)
}

/// Let the threads that answer requests go first whenever both want a processor. A hash is milliseconds of pure
/// computing; behind a few of them, a refresh of microseconds would wait as long. Niceness is a thread's own on Linux.
fn stand_back() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(NICE) {
        tracing::debug!(%error, "hashing threads have the same priority as all others");
    }
}

/// Work until the pool is gone. Of all threads one waits for the next job, the others wait for its place.
fn serve(waiting: &Mutex<Receiver<Job>>, benches: &Benches, longest: Duration, rest: Duration) {
    loop {
        let next = {
            let Ok(waiting) = waiting.lock() else { return };
            waiting.recv_timeout(rest)
        };
        match next {
            Ok(job) if job.enqueued.elapsed() <= longest => {
                let mut bench = benches.take();
                (job.work)(&mut bench);
                benches.put_back(bench);
            }
            Ok(_) => {}
            Err(RecvTimeoutError::Timeout) => benches.clear(),
            Err(RecvTimeoutError::Disconnected) => return,
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

    #[test]
    fn pw20_there_are_places_for_those_at_work_and_those_who_wait() {
        let pool = pool(2, 3, Duration::from_secs(2));
        let mut places: Vec<_> = (0..5).map(|_| pool.place().unwrap()).collect();
        let refusal = pool.place().unwrap_err();
        assert_eq!((refusal.row.status, refusal.retry_after), (503, Some(2)));
        places.pop();
        assert!(pool.place().is_ok());
    }

    #[tokio::test]
    async fn pw19_who_waited_too_long_is_refused() {
        let pool = pool(1, 8, Duration::ZERO);
        let refusal = pool.verify(password("x"), None).await.unwrap_err();
        assert_eq!(refusal.row.status, 503);
    }

    #[tokio::test]
    async fn pw19_memory_goes_back_when_there_is_nothing_to_hash() {
        let today = argon2id::params(Cost { memory_kib: 1024, iterations: 1, parallelism: 1 }).unwrap();
        let benches = Arc::new(Benches::new(today));
        let mut bench = benches.take();
        bench.phc(b"password", b"somesalt").unwrap();
        benches.put_back(bench);
        assert_eq!(benches.kept_blocks(), 1024);
        let (queue, waiting) = sync_channel(1);
        let thread = {
            let benches = Arc::clone(&benches);
            std::thread::spawn(move || {
                serve(&Mutex::new(waiting), &benches, Duration::from_secs(60), Duration::from_millis(10));
            })
        };
        let begun = Instant::now();
        while benches.kept_blocks() > 0 && begun.elapsed() < Duration::from_secs(60) {
            std::thread::yield_now();
        }
        assert_eq!(benches.kept_blocks(), 0);
        // And the thread still works.
        let (hashed, outcome) = oneshot::channel();
        let work = Box::new(|bench: &mut Bench| hashed.send(bench.phc(b"password", b"somesalt")).unwrap());
        queue.send(Job { enqueued: Instant::now(), work }).unwrap();
        assert!(outcome.await.unwrap().is_ok());
        drop(queue);
        thread.join().unwrap();
    }
}
