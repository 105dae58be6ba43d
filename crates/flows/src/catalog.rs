//! The catalog in memory: signing keys and clients, so that a request asks the database only about people.
//!
//! A request works with one [`Catalog`] from beginning to end. When somebody changes a client or a key, on this node or
//! another, a new empty one takes its place within a second; requests in flight keep theirs, and what they still load
//! goes into theirs. Whether a client is enabled is decided again by every write that gives something to it.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use brama_protocol::client::ClientId;
use brama_store::client::ClientRecord;
use brama_store::{Store, Unavailable};
use jiff::{SignedDuration, Timestamp};
use quick_cache::sync::Cache;
use tokio::sync::Mutex;

use crate::context::{Clock, Entropy};
use crate::keys::rotation::{self, Turned};
use crate::keys::{KeySettings, Keyring, KeyringError, Sealer};

/// Most clients, and most origins, that are kept. Ids and origins that nobody registered are kept too: asking for one
/// again and again costs the database nothing.
const KEPT: usize = 10_000;

type Clients = Arc<Vec<Arc<ClientRecord>>>;

/// Keys and clients as of one version.
pub struct Catalog {
    version: u64,
    /// Keys that sign tokens.
    pub keyring: Keyring,
    by_id: Cache<ClientId, Option<Arc<ClientRecord>>>,
    by_origin: Cache<String, Clients>,
}

impl Catalog {
    fn new(version: u64, keyring: Keyring) -> Self {
        Self { version, keyring, by_id: Cache::new(KEPT), by_origin: Cache::new(KEPT) }
    }

    /// The client with this id, disabled ones too.
    ///
    /// # Errors
    /// The database did not answer.
    pub async fn client(&self, store: &dyn Store, id: &ClientId) -> Result<Option<Arc<ClientRecord>>, Unavailable> {
        self.by_id.get_or_insert_async(id, store.find_client(id)).await
    }

    /// Enabled clients that list this origin, in order of id.
    ///
    /// # Errors
    /// The database did not answer.
    pub async fn clients_of_origin(&self, store: &dyn Store, origin: &str) -> Result<Clients, Unavailable> {
        let load = async { store.clients_of_origin(origin).await.map(Arc::new) };
        self.by_origin.get_or_insert_async(origin, load).await
    }
}

/// The catalog that new requests get.
pub struct CurrentCatalog {
    current: RwLock<Arc<Catalog>>,
    sealer: Sealer,
    keys: KeySettings,
    newest: Newest,
}

/// How long a request that could do without the database waits for it.
const PATIENCE: Duration = Duration::from_millis(250);
/// After the database did not answer, nobody waits for it for so long.
const PAUSE: SignedDuration = SignedDuration::from_secs(1);
/// While the database is away, what a node knows counts for so long: a fail-over is not noticed, and a node that is cut off for
/// good does not serve for ever what others have switched off.
const KNOWN_FOR: SignedDuration = SignedDuration::from_mins(1);

/// The version in the database, asked for once by all who want to know at the same time. REVOKE-02.
struct Newest {
    /// How many have begun to ask.
    begun: AtomicU64,
    /// The last answer, and the number of the asking that it answers.
    answer: Mutex<(u64, u64)>,
    /// When the database last answered, and when it last did not: milliseconds since 1970.
    answered: AtomicI64,
    failed: AtomicI64,
}

impl Newest {
    fn new(version: u64, now: Timestamp) -> Self {
        Self {
            begun: AtomicU64::new(0),
            answer: Mutex::new((0, version)),
            answered: AtomicI64::new(now.as_millisecond()),
            failed: AtomicI64::new(i64::MIN),
        }
    }

    /// Note whether the database answers.
    fn note<T>(&self, answer: &Result<T, Unavailable>, now: Timestamp) {
        let noted = if answer.is_ok() { &self.answered } else { &self.failed };
        noted.fetch_max(now.as_millisecond(), Ordering::Relaxed);
    }

    /// Whether it did not answer when it was asked last.
    fn was_away(&self) -> bool {
        self.failed.load(Ordering::Relaxed) > self.answered.load(Ordering::Relaxed)
    }

    fn within(noted: &AtomicI64, limit: SignedDuration, now: Timestamp) -> bool {
        let age = now.as_millisecond().saturating_sub(noted.load(Ordering::Relaxed));
        i128::from(age) < limit.as_millis()
    }

    /// The version at this moment or later: an asking that began before does not count.
    async fn version(&self, store: &dyn Store) -> Result<u64, Unavailable> {
        let before = self.begun.load(Ordering::SeqCst);
        let mut answer = self.answer.lock().await;
        if answer.0 <= before {
            let asking = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
            *answer = (asking, store.catalog_version().await?);
        }
        Ok(answer.1)
    }
}

impl CurrentCatalog {
    /// Load the keys, making those that are missing.
    ///
    /// # Errors
    /// [`KeyringError`].
    pub async fn load(
        store: &dyn Store,
        sealer: Sealer,
        keys: KeySettings,
        entropy: &dyn Entropy,
        now: Timestamp,
    ) -> Result<Self, KeyringError> {
        rotation::first(store, &sealer, entropy, &keys, now).await?;
        // The version first: what is read after it is at least as new.
        let version = store.catalog_version().await?;
        let keyring = Keyring::read(store, &sealer, &keys).await?;
        Ok(Self {
            current: RwLock::new(Arc::new(Catalog::new(version, keyring))),
            sealer,
            keys,
            newest: Newest::new(version, now),
        })
    }

    /// Let signing keys come and go as they are due. TK-21.
    ///
    /// # Errors
    /// [`KeyringError`].
    pub async fn turn_keys(
        &self,
        store: &dyn Store,
        entropy: &dyn Entropy,
        now: Timestamp,
    ) -> Result<Turned, KeyringError> {
        rotation::turn(store, &self.sealer, entropy, &self.keys, now).await
    }

    /// The catalog as this node knows it.
    #[must_use]
    pub fn get(&self) -> Arc<Catalog> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether nobody has changed a client or a key since this one was read: not even in this moment, on another node. While the
    /// database is away, what was known a minute ago counts.
    ///
    /// # Errors
    /// The database has not answered for longer than that.
    pub async fn is_newest(&self, catalog: &Catalog, store: &dyn Store, now: Timestamp) -> Result<bool, Unavailable> {
        let away = self.newest.was_away() && Newest::within(&self.newest.failed, PAUSE, now);
        let answer = if away {
            Err(Unavailable::Busy)
        } else {
            let asked = tokio::time::timeout(PATIENCE, self.newest.version(store)).await;
            let answer = asked.unwrap_or(Err(Unavailable::Busy));
            self.newest.note(&answer, now);
            answer
        };
        match answer {
            Ok(version) => Ok(version == catalog.version),
            Err(_) if Newest::within(&self.newest.answered, KNOWN_FOR, now) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Whether this is the one that new requests get.
    #[must_use]
    pub fn is_current(&self, catalog: &Arc<Catalog>) -> bool {
        Arc::ptr_eq(&self.current.read().unwrap_or_else(PoisonError::into_inner), catalog)
    }

    /// Look whether somebody changed it, and take the change over. `true`: it had changed.
    ///
    /// # Errors
    /// [`KeyringError`]; the catalog stays as it was.
    pub async fn look(&self, store: &dyn Store, now: Timestamp) -> Result<bool, KeyringError> {
        let answer = store.catalog_version().await;
        self.newest.note(&answer, now);
        let version = answer?;
        if version == self.get().version {
            return Ok(false);
        }
        let next = Arc::new(Catalog::new(version, Keyring::read(store, &self.sealer, &self.keys).await?));
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = next;
        Ok(true)
    }

    /// Keep up with changes for as long as the process lives. Without the database the catalog stays as it was: keys
    /// and known clients go on being served.
    pub async fn follow(&self, store: &dyn Store, clock: &dyn Clock) {
        loop {
            match self.look(store, clock.now()).await {
                Ok(false) => {}
                Ok(true) => tracing::debug!("clients or keys have changed"),
                Err(error) => tracing::warn!(%error, "cannot look for changes of clients and keys"),
            }
            store.catalog_hint().await;
        }
    }
}
