//! The server: a deployment, its router, and what a test may do to it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use brama_flows::backchannel::{Backchannel, Round, deliver_due};
use brama_flows::catalog::CurrentCatalog;
use brama_flows::csrf::CsrfKey;
use brama_flows::dpop::Nonces;
use brama_flows::keys::rotation::Turned;
use brama_flows::keys::{KeySettings, MasterKey, Purpose, Sealer};
use brama_flows::login::flood::FloodGate;
use brama_flows::login::hashing::HashPool;
use brama_flows::login::throttle::ThrottleKey;
use brama_flows::outgoing::Outgoing;
use brama_flows::{Clock, Ctx, Deployment, Entropy as _};
use brama_http::{App, Front, Limits, Serving, TrustedProxies};
use brama_jose::{Algorithm, SigningKey};
use brama_postgres_cluster::Cluster;
use brama_protocol::device::UserCodeKey;
use brama_protocol::refresh_token::RefreshTokenKey;
use brama_store::Store;
use brama_store::signing_key::NewSigningKey;
use brama_store_postgres::{PostgresStore, Settings as PostgresSettings};
use brama_store_sqlite::{Settings as SqliteSettings, SqliteStore};
use http::Method;
use jiff::SignedDuration;
use tokio::net::TcpListener;

use crate::call::Call;
use crate::clock::TestClock;
use crate::entropy::SeededEntropy;
use crate::options::{Options, Storage, Way};
use crate::outgoing::World;
use crate::seeds;

/// The master key of all test servers.
pub const MASTER: [u8; 32] = *b"0123456789abcdefghijklmnopqrstuv";

/// A running server, in this process.
pub struct TestServer {
    /// What it shows as the time.
    pub clock: Arc<TestClock>,
    /// The servers of others.
    pub world: Arc<World>,
    /// Settings, store, keys.
    pub deployment: Arc<Deployment>,
    /// What the server remembers, for tests that look behind the scenes.
    pub store: Arc<dyn Store>,
    front: Front,
    proxies: TrustedProxies,
    limits: Limits,
    pub(crate) options: Options,
    database: Option<Database>,
    #[expect(dead_code, reason = "held: the folder goes with the server")]
    folder: Option<tempfile::TempDir>,
}

/// Keys are made once per process: an RSA key takes longer than most tests.
fn signing_keys() -> &'static [SigningKey; 2] {
    static KEYS: OnceLock<[SigningKey; 2]> = OnceLock::new();
    KEYS.get_or_init(|| [Algorithm::Es256, Algorithm::Rs256].map(|algorithm| SigningKey::generate(algorithm).unwrap()))
}

/// Where a server's database is, for tests that look into it.
#[derive(Debug)]
pub enum Database {
    /// A SQLite file.
    File(PathBuf),
    /// A PostgreSQL database, by its URL.
    Postgres(String),
}

/// A database, and what has to live as long as it.
struct Opened {
    store: Arc<dyn Store>,
    database: Option<Database>,
    folder: Option<tempfile::TempDir>,
}

async fn open_store(options: &Options) -> Opened {
    match std::env::var("BRAMA_TEST_DATABASE").as_deref() {
        Ok("postgres") => return open_postgres(options).await,
        Ok("sqlite") | Err(_) => {}
        Ok(other) => panic!("BRAMA_TEST_DATABASE is {other}; expected sqlite or postgres"),
    }
    match options.storage {
        Storage::Memory => Opened { store: Arc::new(SqliteStore::in_memory().unwrap()), database: None, folder: None },
        Storage::Disk => {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("brama.db");
            SqliteStore::migrate(&path, options.now).unwrap();
            let settings = SqliteSettings { path: path.clone(), group_commit_max: 64, readers: 2 };
            let store = Arc::new(SqliteStore::open(&settings).unwrap());
            Opened { store, database: Some(Database::File(path)), folder: Some(folder) }
        }
    }
}

/// A database of its own in the cluster of this process, copied from one that was migrated once.
async fn open_postgres(options: &Options) -> Opened {
    static TEMPLATE: tokio::sync::OnceCell<String> = tokio::sync::OnceCell::const_new();
    let template = TEMPLATE
        .get_or_init(async || {
            let url = Cluster::shared().create_database();
            PostgresStore::migrate(&postgres_settings(url.clone()), options.now).await.unwrap();
            url
        })
        .await;
    let url = Cluster::shared().create_database_from(template);
    let store = Arc::new(PostgresStore::open(&postgres_settings(url.clone())).await.unwrap());
    Opened { store, database: Some(Database::Postgres(url)), folder: None }
}

fn postgres_settings(url: String) -> PostgresSettings {
    let patience = Duration::from_secs(10);
    PostgresSettings {
        url,
        pool_max: 6,
        connect_timeout: patience,
        acquire_timeout: patience,
        statement_timeout: patience,
        ca_file: None,
    }
}

impl TestServer {
    /// A server as production runs it, with the users and clients of [`seeds`].
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// A server that differs in something.
    pub async fn with(change: impl FnOnce(&mut Options)) -> Self {
        let mut options = Options::default();
        change(&mut options);
        let Opened { store, database, folder } = open_store(&options).await;
        let sealer = Sealer::new(&MasterKey::new(MASTER).unwrap().derive(Purpose::SigningKeys).unwrap()).unwrap();
        for key in signing_keys() {
            let row = format!("signing_key/sealed/{}", key.kid());
            let record = NewSigningKey {
                kid: key.kid().to_owned(),
                alg: key.algorithm().as_str().to_owned(),
                sealed: sealer.seal([7; 12], &row, key.to_pkcs8()).unwrap(),
                active: true,
                created_at: options.now,
            };
            store.add_signing_key(record).await.unwrap();
        }
        let clock = Arc::new(TestClock::at(options.now));
        let server = Self::node(options.clone(), store, clock, Arc::new(World::default())).await;
        let server = Self { database, folder, ..server };
        if options.seeded {
            seeds::plant(&server, options.hashing.cost).await;
        }
        server
    }

    /// Another node of the same deployment: the same database and the same clock, and a memory of its own.
    pub async fn another_node(&self) -> Self {
        self.another_node_with(|_| {}).await
    }

    /// Another node, which was configured differently.
    pub async fn another_node_with(&self, change: impl FnOnce(&mut Options)) -> Self {
        let mut options = self.options.clone();
        change(&mut options);
        // Two nodes never have the same random bytes.
        options.seed = options.seed.wrapping_add(1_000_000);
        Self::node(options, Arc::clone(&self.store), Arc::clone(&self.clock), Arc::clone(&self.world)).await
    }

    /// One node; its keys are in the database.
    async fn node(options: Options, store: Arc<dyn Store>, clock: Arc<TestClock>, world: Arc<World>) -> Self {
        let kept = options.clone();
        let master = MasterKey::new(MASTER).unwrap();
        let derive = |purpose| master.derive(purpose).unwrap();
        let entropy = Arc::new(SeededEntropy::new(options.seed));
        let sealer = Sealer::new(&derive(Purpose::SigningKeys)).unwrap();
        let tokens = &options.settings.tokens;
        let keys = KeySettings {
            algorithms: options.settings.signing_algorithms.iter().map(|name| name.parse().unwrap()).collect(),
            rotation: SignedDuration::from_hours(90 * 24),
            longest_life: tokens.access.max(tokens.id),
        };
        let catalog = CurrentCatalog::load(store.as_ref(), sealer, keys, entropy.as_ref(), clock.now()).await.unwrap();
        let mut dummy = [0; 48];
        entropy.fill(&mut dummy).unwrap();
        let deployment = Arc::new(Deployment {
            settings: options.settings,
            store: Arc::clone(&store),
            catalog,
            password_sealer: Sealer::new(&derive(Purpose::Passwords)).unwrap(),
            refresh_tokens: RefreshTokenKey::new(&derive(Purpose::RefreshTokens)),
            csrf: CsrfKey::new(&derive(Purpose::Csrf)),
            throttle_key: ThrottleKey::new(&derive(Purpose::Throttle)),
            user_codes: UserCodeKey::new(&derive(Purpose::UserCodes)),
            nonces: Nonces::new(&derive(Purpose::DpopNonces)),
            flood: FloodGate::default(),
            client_auth: brama_flows::client_auth::Memory::default(),
            hashing: HashPool::start(options.hashing, dummy).unwrap(),
            backchannel: Backchannel::default(),
            outgoing: options.outgoing.map_or_else(|| Arc::clone(&world) as Arc<dyn Outgoing>, |Way(way)| way),
            entropy,
        });
        let shown = Arc::clone(&clock) as Arc<dyn Clock>;
        let app = App::new(Arc::clone(&deployment), shown, options.look, options.proxies.clone()).unwrap();
        let front = Front::new(Arc::new(app), axum::Router::new());
        Self {
            clock,
            world,
            deployment,
            store,
            front,
            proxies: options.proxies,
            limits: options.limits,
            options: kept,
            database: None,
            folder: None,
        }
    }

    /// The issuer, which is also the origin of all pages.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.deployment.settings.issuer
    }

    /// Host and port, as the `Host` header has them.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.issuer().split_once("://").unwrap().1
    }

    /// Take over changes of clients and keys, as a running server does within a second. A store that is away changes
    /// nothing.
    pub async fn keep_up(&self) {
        let _ = self.deployment.catalog.look(self.store.as_ref(), self.clock.now()).await;
    }

    /// Let signing keys come and go, as a running server does once a minute, and take the change over.
    pub async fn turn_keys(&self) -> Turned {
        let (store, entropy) = (self.store.as_ref(), self.deployment.entropy.as_ref());
        let turned = self.deployment.catalog.turn_keys(store, entropy, self.clock.now()).await.unwrap();
        self.keep_up().await;
        turned
    }

    /// Deliver the logout tokens that are due at this instant of the clock, as a running server does by itself.
    pub async fn tell_apps(&self) -> Round {
        deliver_due(&self.deployment, self.clock.as_ref()).await.unwrap()
    }

    /// The context of a request that comes now.
    #[must_use]
    pub fn ctx(&self) -> Ctx {
        Ctx::new(Arc::clone(&self.deployment), self.clock.now())
    }

    /// The server without its sockets.
    #[must_use]
    pub fn front(&self) -> &Front {
        &self.front
    }

    /// The database, of a server with [`Storage::Disk`].
    #[must_use]
    pub fn database(&self) -> &Database {
        self.database.as_ref().expect("a server on disk")
    }

    /// A request that no browser sends: no `Origin`, no Fetch Metadata.
    pub fn call(&self, method: Method, target: &str) -> Call<'_> {
        Call::new(self, method, target)
    }

    /// `GET` from no browser.
    pub fn get(&self, target: &str) -> Call<'_> {
        self.call(Method::GET, target)
    }

    /// `POST` from no browser.
    pub fn post(&self, target: &str) -> Call<'_> {
        self.call(Method::POST, target)
    }

    /// A server whose public URL is the loopback socket it serves on: for clients that fetch its documents themselves.
    pub async fn on_loopback(change: impl FnOnce(&mut Options)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let server = Self::with(|options| {
            options.issuer(&issuer);
            change(options);
        })
        .await;
        server.serve(listener);
        server
    }

    /// Serve on a loopback socket too, until the test ends. The `Host` header still has to be [`TestServer::authority`].
    pub async fn listen(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        self.serve(listener);
        address
    }

    fn serve(&self, listener: TcpListener) {
        let serving = Serving {
            listener,
            front: self.front.clone(),
            proxies: self.proxies.clone(),
            limits: self.limits,
            grace: Duration::from_secs(1),
        };
        tokio::spawn(brama_http::serve(serving, std::future::pending()));
    }
}
