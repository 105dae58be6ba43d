//! The catalog in memory: signing keys and clients, so that a request asks the database only about people.
//!
//! A request works with one [`Catalog`] from beginning to end. When somebody changes a client or a key, on this node or
//! another, a new empty one takes its place within a second; requests in flight keep theirs, and what they still load
//! goes into theirs. Whether a client is enabled is decided again by every write that gives something to it.

use std::sync::{Arc, PoisonError, RwLock};

use brama_protocol::client::ClientId;
use brama_store::client::ClientRecord;
use brama_store::{Store, Unavailable};
use jiff::Timestamp;
use quick_cache::sync::Cache;

use crate::context::Entropy;
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
        Ok(Self { current: RwLock::new(Arc::new(Catalog::new(version, keyring))), sealer, keys })
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

    /// Whether this is the one that new requests get.
    #[must_use]
    pub fn is_current(&self, catalog: &Arc<Catalog>) -> bool {
        Arc::ptr_eq(&self.current.read().unwrap_or_else(PoisonError::into_inner), catalog)
    }

    /// Look whether somebody changed it, and take the change over. `true`: it had changed.
    ///
    /// # Errors
    /// [`KeyringError`]; the catalog stays as it was.
    pub async fn look(&self, store: &dyn Store) -> Result<bool, KeyringError> {
        let version = store.catalog_version().await?;
        if version == self.get().version {
            return Ok(false);
        }
        let next = Arc::new(Catalog::new(version, Keyring::read(store, &self.sealer, &self.keys).await?));
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = next;
        Ok(true)
    }

    /// Keep up with changes for as long as the process lives. Without the database the catalog stays as it was: keys
    /// and known clients go on being served.
    pub async fn follow(&self, store: &dyn Store) {
        loop {
            match self.look(store).await {
                Ok(false) => {}
                Ok(true) => tracing::debug!("clients or keys have changed"),
                Err(error) => tracing::warn!(%error, "cannot look for changes of clients and keys"),
            }
            store.catalog_hint().await;
        }
    }
}
