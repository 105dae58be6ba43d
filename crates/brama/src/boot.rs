//! From a configuration to a deployment: open the store, check the master key, load the signing keys, start the pool.

use std::sync::Arc;
use std::time::Duration;

use brama_config::{Config, DatabaseUrl, DpopNonce, Locale, RegistrationMode, SigningAlgorithm};
use brama_flows::backchannel::{Backchannel, deliver_due};
use brama_flows::catalog::CurrentCatalog;
use brama_flows::context::{SessionSettings, ThrottleSettings, TokenSettings};
use brama_flows::csrf::CsrfKey;
use brama_flows::dpop::Nonces;
use brama_flows::keys::rotation::Turned;
use brama_flows::keys::{KeySettings, MasterKey, Purpose, Sealer};
use brama_flows::login::flood::FloodGate;
use brama_flows::login::hashing::{Cost, HashPool, PoolSettings};
use brama_flows::login::throttle::ThrottleKey;
use brama_flows::register::RegistrationSettings;
use brama_flows::{Ctx, Deployment, Entropy, Settings};
use brama_http::{App, Front, Limits, Look, Serving, TrustedProxies};
use brama_jose::Algorithm;
use brama_net::{Fetcher, Policy};
use brama_protocol::client::GrantType;
use brama_protocol::device::UserCodeKey;
use brama_protocol::origin::Origin;
use brama_protocol::refresh_token::RefreshTokenKey;
use brama_protocol::registration::policy::{self, HostRule, Mode};
use brama_protocol::scope::Scope;
use brama_store::lease::{Job, NodeId};
use brama_store::throttle::{LaneRule, Penalty};
use brama_store::{Store, Unavailable};
use jiff::SignedDuration;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::database;
use crate::edge::{self, SystemClock, SystemEntropy};
use crate::failure::{Failure, Trouble, USAGE};
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
        registration: registration(config)?,
        require_pushed_authorization_requests: config.oauth.require_pushed_authorization_requests,
        signing_algorithms: config.tokens.signing_algorithms.iter().map(|algorithm| algorithm.as_str()).collect(),
        dpop_nonce_required: config.tokens.dpop_nonce == DpopNonce::Required,
        password_min: usize::try_from(config.passwords.min_length).unwrap_or(usize::MAX),
        issuer,
        own_origin,
    })
}

/// What apps that register themselves may be. RG-10.
pub(crate) fn registration(config: &Config) -> Result<RegistrationSettings, Failure> {
    let section = &config.registration;
    let wrong = |key: &str, text: &str, fix: &str| {
        Failure::from(Trouble::new("B1012", format!("registration.{key}: {text:?} cannot stand"), fix).exit(USAGE))
    };
    let scopes = section.scopes.join(" ");
    let rule = |text: &String| {
        let fix = "write a host such as app.example.com, *.example.com, or a scheme such as com.example.app:";
        HostRule::parse(text).ok_or_else(|| wrong("redirect_hosts", text, fix))
    };
    Ok(RegistrationSettings {
        policy: policy::Policy {
            mode: match section.mode {
                RegistrationMode::Closed => Mode::Closed,
                RegistrationMode::Token => Mode::Token,
                RegistrationMode::Open => Mode::Open,
            },
            scopes: Scope::parse(&scopes).map_err(|_| wrong("scopes", &scopes, "list scopes, such as openid"))?,
            grants: GrantType::ALL
                .into_iter()
                .filter(|grant| section.grants.iter().any(|name| name == grant.as_str()))
                .collect(),
            redirect_hosts: section.redirect_hosts.iter().map(rule).collect::<Result<_, _>>()?,
        },
        most: section.max_clients,
        unused_life: signed(section.unused_client_ttl),
        per_hour: section.per_address_per_hour,
        own_names: vec![config.pages.site_name.clone()],
    })
}

/// What signs, and for how long.
fn keys(config: &Config) -> KeySettings {
    let tokens = &config.tokens;
    let algorithm = |algorithm: &SigningAlgorithm| match algorithm {
        SigningAlgorithm::Es256 => Algorithm::Es256,
        SigningAlgorithm::EdDsa => Algorithm::EdDsa,
        SigningAlgorithm::Rs256 => Algorithm::Rs256,
        SigningAlgorithm::Ps256 => Algorithm::Ps256,
    };
    KeySettings {
        algorithms: tokens.signing_algorithms.iter().map(algorithm).collect(),
        rotation: signed(tokens.key_rotation),
        longest_life: signed(tokens.access_token_ttl.max(tokens.id_token_ttl)),
    }
}

/// The way to the servers of apps. RG-24.
fn fetcher(config: &Config) -> Result<Fetcher, Failure> {
    let outgoing = &config.outgoing;
    let policy = Policy {
        allow_addresses: outgoing.allow_addresses.clone(),
        allow_http: outgoing.allow_http.iter().map(|host| host.as_str().to_owned()).collect(),
        loopback: outgoing.loopback,
    };
    let settings = brama_net::Settings { policy, ca_file: outgoing.ca_file.clone() };
    Fetcher::new(settings).map_err(|error| {
        let fix = "set outgoing.ca_file to a PEM file with the certificate of the authority";
        Trouble::new("B1214", error.to_string(), fix).exit(USAGE).into()
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
    let catalog =
        CurrentCatalog::load(store.as_ref(), sealer_of_keys, keys(config), entropy.as_ref(), edge::now()).await?;
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
        user_codes: UserCodeKey::new(&*derive(master, Purpose::UserCodes)?),
        nonces: Nonces::new(&*derive(master, Purpose::DpopNonces)?),
        flood: FloodGate::default(),
        client_auth: brama_flows::client_auth::Memory::default(),
        hashing,
        backchannel: Backchannel::default(),
        outgoing: Arc::new(fetcher(config)?),
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
    tokio::spawn(async move { followed.catalog.follow(followed.store.as_ref(), &SystemClock).await });
    tokio::spawn(keep_swept(Arc::clone(deployment), NodeId(node)));
    tokio::spawn(keep_apps_told(Arc::clone(deployment)));
    tokio::spawn(keep_keys(Arc::clone(deployment), NodeId(node)));
    Ok(())
}

/// How long a node keeps a piece of scheduled work before another one may take over, if it is gone.
const LEASE: SignedDuration = SignedDuration::from_secs(150);

/// Take or renew the lease of a job. `false`: another node does it.
async fn hold(deployment: &Deployment, job: Job, node: NodeId) -> Result<bool, Unavailable> {
    let now = edge::now();
    deployment.store.take_lease(job, node, now.checked_add(LEASE).unwrap_or(now), now).await
}

/// Let signing keys come and go as they are due, looked at once a minute; of many nodes one does it. TK-21.
async fn keep_keys(deployment: Arc<Deployment>, node: NodeId) {
    let mut minute = tokio::time::interval(Duration::from_secs(60));
    loop {
        minute.tick().await;
        match hold(&deployment, Job::Keys, node).await {
            Ok(true) => {}
            Ok(false) => continue,
            Err(error) => {
                tracing::warn!(%error, "signing keys were not looked at");
                continue;
            }
        }
        let (store, entropy) = (deployment.store.as_ref(), deployment.entropy.as_ref());
        match deployment.catalog.turn_keys(store, entropy, edge::now()).await {
            Ok(Turned { announced, activated, retired, erased }) => {
                if !announced.is_empty() {
                    tracing::debug!(kids = ?announced, "the next signing keys are published");
                }
                if !activated.is_empty() {
                    tracing::info!(kids = ?activated, "new keys sign from now on");
                }
                if !retired.is_empty() {
                    tracing::info!(kids = ?retired, "keys of algorithms that are switched off sign no more");
                }
                if !erased.is_empty() {
                    tracing::info!(kids = ?erased, "the private halves of old signing keys are erased");
                }
            }
            Err(error) => tracing::error!(%error, "signing keys cannot be rotated"),
        }
    }
}

/// Tell apps of sessions that have ended: at once when this node ended one, and every few seconds for the others. A round
/// that waits for slow apps does not hold the next one up.
async fn keep_apps_told(deployment: Arc<Deployment>) {
    /// Rounds at the same time.
    const ROUNDS: usize = 4;
    let rounds = Arc::new(Semaphore::new(ROUNDS));
    loop {
        let _ = tokio::time::timeout(Duration::from_secs(5), deployment.backchannel.woken()).await;
        let Ok(place) = Arc::clone(&rounds).acquire_owned().await else { return };
        let deployment = Arc::clone(&deployment);
        tokio::spawn(async move {
            if let Err(error) = deliver_due(&deployment, &SystemClock).await {
                tracing::warn!(%error, "apps were not told of sessions that have ended");
            }
            drop(place);
        });
    }
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
    loop {
        if !hold(deployment, Job::Sweep, node).await? {
            tracing::debug!("another node sweeps");
            return Ok(());
        }
        let swept = deployment.store.sweep(edge::now(), ROWS).await?;
        tracing::debug!(?swept);
        let of_each = [
            swept.authorizations,
            swept.pushed_requests,
            swept.sessions,
            swept.grants,
            swept.devices,
            swept.throttles,
            swept.replays,
            swept.revoked_tokens,
            swept.logout_deliveries,
            swept.initial_access_tokens,
            swept.unused_clients,
            swept.audit,
        ];
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
