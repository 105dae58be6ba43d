//! From a configuration to a deployment: open the store, check the master key, load the signing keys, start the pool.

use std::sync::Arc;
use std::time::Duration;

use brama_config::{Config, DatabaseUrl, Locale};
use brama_flows::catalog::CurrentCatalog;
use brama_flows::context::{SessionSettings, ThrottleSettings, TokenSettings};
use brama_flows::csrf::CsrfKey;
use brama_flows::keys::{MasterKey, Purpose, Sealer};
use brama_flows::login::flood::FloodGate;
use brama_flows::login::hashing::{Cost, HashPool, PoolSettings};
use brama_flows::login::throttle::ThrottleKey;
use brama_flows::outgoing::NoWayOut;
use brama_flows::{Ctx, Deployment, Entropy, Settings};
use brama_http::{App, Front, Limits, Look, Serving, TrustedProxies};
use brama_protocol::origin::Origin;
use brama_protocol::refresh_token::RefreshTokenKey;
use brama_store::lease::{Job, NodeId};
use brama_store::throttle::{LaneRule, Penalty};
use brama_store::{Store, Unavailable};
use jiff::SignedDuration;
use zeroize::Zeroizing;

use crate::database;
use crate::edge::{self, SystemClock, SystemEntropy};
use crate::failure::{Failure, Trouble};
use crate::master_key;

/// The master key. It is made only together with a new database: an old one without its key is lost, not re-keyed.
pub(crate) async fn master_key(config: &Config) -> Result<MasterKey, Failure> {
    let path = &config.secrets.key_file;
    if !path.exists() && database::is_new(config).await? {
        return master_key::create(path);
    }
    master_key::read(path)
}

fn derive(master: &MasterKey, purpose: Purpose) -> Result<Zeroizing<[u8; 32]>, Failure> {
    master.derive(purpose).ok_or_else(|| {
        Trouble::new("B1302", format!("cannot derive the key for {purpose:?}"), "report this as a bug").into()
    })
}

fn sealer(master: &MasterKey, purpose: Purpose) -> Result<Sealer, Failure> {
    let key = derive(master, purpose)?;
    Sealer::new(&key).map_err(|error| Trouble::new("B1302", error.to_string(), "report this as a bug").into())
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

fn settings(config: &Config) -> Result<Settings, Failure> {
    let issuer = config.public_url.as_str().to_owned();
    let own_origin = Origin::parse(&issuer).ok_or_else(|| {
        let what = format!("public_url {issuer} is not the origin of a server");
        Trouble::new("B1012", what, "write scheme, host and port only, such as https://id.example.com")
    })?;
    let throttle = &config.throttle;
    let lane = |free, window, penalty| LaneRule { free, window, penalty };
    let window = signed(throttle.address_window);
    Ok(Settings {
        default_audience: config.tokens.default_audience.clone(),
        tokens: TokenSettings {
            access: signed(config.tokens.access_token_ttl),
            refresh: signed(config.tokens.refresh_token_ttl),
            id: signed(config.tokens.id_token_ttl),
            code: signed(config.tokens.authorization_code_ttl),
            refresh_window: signed(config.tokens.refresh_window),
        },
        sessions: SessionSettings {
            idle: signed(config.sessions.idle),
            absolute: signed(config.sessions.absolute),
            remember_idle: signed(config.sessions.remember_idle),
            remember_absolute: signed(config.sessions.remember_absolute),
            max_per_user: config.sessions.max_per_user,
            sign_in_ttl: signed(config.sessions.sign_in_ttl),
        },
        throttle: ThrottleSettings {
            account: lane(throttle.account_free, signed(throttle.account_window), Penalty::Doubling),
            address: lane(throttle.address_failures, window, Penalty::RestOfWindow),
            address_requests: lane(
                throttle.address_requests_per_minute,
                SignedDuration::from_secs(60),
                Penalty::RestOfWindow,
            ),
            network: lane(throttle.network_failures, window, Penalty::RestOfWindow),
            authorize_per_minute: throttle.authorize_requests_per_minute,
        },
        password_min: usize::try_from(config.passwords.min_length).unwrap_or(usize::MAX),
        issuer,
        own_origin,
    })
}

/// The first write of a start fails when another process holds the write lock.
fn first_write(config: &Config, error: Unavailable) -> Failure {
    match error {
        Unavailable::Failed(why) if why.contains("locked") => match &config.database.url {
            DatabaseUrl::Sqlite(path) => brama_store_sqlite::OpenError::Locked { path: path.clone() }.into(),
            DatabaseUrl::Postgres(_) => Unavailable::Failed(why).into(),
        },
        other => other.into(),
    }
}

/// Put a deployment together.
pub(crate) async fn deployment(
    config: &Config,
    store: Arc<dyn Store>,
    master: &MasterKey,
) -> Result<Arc<Deployment>, Failure> {
    let check = *derive(master, Purpose::Check)?;
    let stored = store.master_key_check(check).await.map_err(|error| first_write(config, error))?;
    if stored != check {
        let what = format!("the master key {} is not the one of this database", config.secrets.key_file.display());
        let fix = "set secrets.key_file to the key that was made with this database";
        return Err(Trouble::new("B1302", what, fix).into());
    }
    let entropy = Arc::new(SystemEntropy);
    let sealer_of_keys = sealer(master, Purpose::SigningKeys)?;
    let catalog = CurrentCatalog::load(store.as_ref(), sealer_of_keys, entropy.as_ref(), edge::now()).await?;
    let mut dummy = [0u8; 48];
    entropy.fill(&mut dummy).map_err(|error| Trouble::new("B1302", error.to_string(), "start again"))?;
    let passwords = &config.passwords;
    let pool = PoolSettings {
        cost: Cost {
            memory_kib: passwords.argon2_memory_kib,
            iterations: passwords.argon2_iterations,
            parallelism: passwords.argon2_parallelism,
        },
        threads: passwords.hash_threads,
        queue: passwords.hash_queue,
        wait: passwords.hash_wait,
    };
    let hashing = HashPool::start(pool, dummy).map_err(|error| {
        Trouble::new("B1208", error.to_string(), "look at [passwords] and at the memory of this machine")
    })?;
    Ok(Arc::new(Deployment {
        settings: settings(config)?,
        store,
        catalog,
        password_sealer: sealer(master, Purpose::Passwords)?,
        refresh_tokens: RefreshTokenKey::new(&*derive(master, Purpose::RefreshTokens)?),
        csrf: CsrfKey::new(&*derive(master, Purpose::Csrf)?),
        throttle_key: ThrottleKey::new(&*derive(master, Purpose::Throttle)?),
        flood: FloodGate::default(),
        hashing,
        outgoing: Arc::new(NoWayOut),
        entropy,
    }))
}

/// A request of the command line: this instant, this deployment.
pub(crate) fn ctx(deployment: &Arc<Deployment>) -> Ctx {
    Ctx::new(Arc::clone(deployment), edge::now())
}

/// What the HTTP face is given.
pub(crate) fn app(config: &Config, deployment: Arc<Deployment>, dev: bool) -> Result<Arc<App>, Failure> {
    let look = Look {
        site_name: config.pages.site_name.clone(),
        default_locale: match config.pages.default_locale {
            Locale::Uk => brama_pages::Locale::Uk,
            Locale::En => brama_pages::Locale::En,
        },
        support_url: config.pages.support_url.clone(),
        dev,
    };
    let app = App::new(deployment, Arc::new(SystemClock), look, proxies(config));
    app.map(Arc::new).map_err(|why| Trouble::new("B1012", why, "set public_url to the address people see").into())
}

/// How the listener serves.
pub(crate) fn serving(config: &Config, listener: tokio::net::TcpListener, front: Front) -> Serving {
    let server = &config.server;
    let limits = Limits {
        connections: server.max_connections,
        connections_per_address: server.max_connections_per_address,
        keep_alive: server.keep_alive,
        ..Limits::default()
    };
    Serving { listener, front, proxies: proxies(config), limits, grace: server.shutdown_grace }
}

/// Who may speak for others' addresses.
pub(crate) fn proxies(config: &Config) -> TrustedProxies {
    TrustedProxies { proxies: config.server.trust_proxy.clone(), exempt: config.throttle.exempt_addresses.clone() }
}

/// Everything that goes on beside requests, until the process ends: keeping up with changes of clients and keys, and
/// sweeping.
pub(crate) fn keep_up(deployment: &Arc<Deployment>) -> Result<(), Failure> {
    let mut node = [0u8; 16];
    SystemEntropy.fill(&mut node).map_err(|error| Trouble::new("B1302", error.to_string(), "start again"))?;
    let followed = Arc::clone(deployment);
    tokio::spawn(async move { followed.catalog.follow(followed.store.as_ref()).await });
    tokio::spawn(keep_swept(Arc::clone(deployment), NodeId(node)));
    Ok(())
}

/// Sweep what is over, once a minute; of many nodes one does it. A sweep that fails is tried again a minute later.
async fn keep_swept(deployment: Arc<Deployment>, node: NodeId) {
    let mut minute = tokio::time::interval(Duration::from_secs(60));
    loop {
        minute.tick().await;
        if let Err(error) = sweep(&deployment, node).await {
            tracing::warn!(%error, "sweeping failed");
        }
    }
}

/// Sweep in small steps until nothing is left to go, for as long as the lease is ours.
async fn sweep(deployment: &Deployment, node: NodeId) -> Result<(), Unavailable> {
    /// Rows of each kind per step, so that nobody waits long behind one.
    const ROWS: u32 = 500;
    /// How long a node keeps the work before another one may take over, if it is gone.
    const LEASE: SignedDuration = SignedDuration::from_secs(150);
    loop {
        let now = edge::now();
        let until = now.checked_add(LEASE).unwrap_or(now);
        if !deployment.store.take_lease(Job::Sweep, node, until, now).await? {
            tracing::debug!("another node sweeps");
            return Ok(());
        }
        let swept = deployment.store.sweep(now, ROWS).await?;
        tracing::debug!(?swept);
        let of_each = [swept.authorizations, swept.sessions, swept.grants, swept.throttles, swept.audit];
        if of_each.iter().all(|rows| *rows < u64::from(ROWS)) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Bind the listener, with an explanation where it cannot be had.
pub(crate) async fn listen(config: &Config) -> Result<tokio::net::TcpListener, Failure> {
    let address = config.server.listen;
    tokio::net::TcpListener::bind(address).await.map_err(|error| {
        let what = format!("cannot listen on {address}: {error}");
        let fix = match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                let next = address.port().saturating_add(1);
                format!(
                    "stop the other process (`ss -ltnp 'sport = :{}'`), or use --listen {}:{next}",
                    address.port(),
                    address.ip()
                )
            }
            std::io::ErrorKind::PermissionDenied => {
                "use a port above 1023 behind a proxy, or grant CAP_NET_BIND_SERVICE to the binary".to_owned()
            }
            _ => "use --listen with an address of this machine".to_owned(),
        };
        Trouble::new("B1101", what, fix).into()
    })
}
