//! What a test may change before the server starts.

use std::sync::Arc;
use std::time::Duration;

use brama_flows::Settings;
use brama_flows::context::{SessionSettings, ThrottleSettings, TokenSettings};
use brama_flows::login::hashing::{Cost, PoolSettings};
use brama_flows::outgoing::Outgoing;
use brama_flows::register::RegistrationSettings;
use brama_http::{Limits, Look, TrustedProxies};
use brama_pages::Locale;
use brama_protocol::client::GrantType;
use brama_protocol::origin::Origin;
use brama_protocol::registration::policy::{Mode, Policy};
use brama_protocol::scope::Scope;
use brama_store::throttle::{LaneRule, Penalty};
use jiff::{SignedDuration, Timestamp};

/// Where the database is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// In memory.
    Memory,
    /// In a file of a folder that goes with the server: for tests that look at rows or want readers beside the writer.
    Disk,
}

/// Another way to the servers of others than the test's own [`crate::World`].
#[derive(Clone)]
pub struct Way(pub Arc<dyn Outgoing>);

impl std::fmt::Debug for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Way(..)")
    }
}

/// Everything that can differ. The defaults are those of production, but for cheap password hashes.
#[derive(Clone, Debug)]
pub struct Options {
    /// What the operator decided.
    pub settings: Settings,
    /// How pages look.
    pub look: Look,
    /// Who may speak for others' addresses.
    pub proxies: TrustedProxies,
    /// Limits on connections.
    pub limits: Limits,
    /// Where the database is.
    pub storage: Storage,
    /// The hashing pool.
    pub hashing: PoolSettings,
    /// The way to the servers of others; nothing: [`crate::World`].
    pub outgoing: Option<Way>,
    /// Where randomness begins.
    pub seed: u64,
    /// When the test begins.
    pub now: Timestamp,
    /// Whether no answer may lead to an address that no app has registered ([`crate::invariants::strays`]). Tests that look
    /// themselves where answers lead switch it off, so that it is they who see it.
    pub strays_are_seen: bool,
    /// Whether [`crate::seeds`] puts users and clients into the database.
    pub seeded: bool,
}

impl Options {
    /// Another public URL.
    pub fn issuer(&mut self, issuer: &str) {
        issuer.clone_into(&mut self.settings.issuer);
        self.settings.own_origin = Origin::parse(issuer).unwrap();
        self.settings.default_audience = format!("{issuer}/api");
    }

    /// Hash passwords at the real cost. PW-12.
    pub fn real_hashing(&mut self) {
        self.hashing.cost = Cost { memory_kib: 19_456, iterations: 2, parallelism: 1 };
    }

    /// A pool in which nothing begins before it has waited too long: whatever reaches the hasher is answered 503, so
    /// that a test sees what does. PW-20.
    pub fn no_hashing(&mut self) {
        self.hashing.wait = Duration::ZERO;
    }

    /// No limits on addresses: for tests that send hundreds of requests about something else.
    pub fn unlimited_addresses(&mut self) {
        let throttle = &mut self.settings.throttle;
        for lane in [&mut throttle.address, &mut throttle.address_requests, &mut throttle.network] {
            lane.free = u32::MAX;
        }
        throttle.authorize_per_minute = u32::MAX;
    }
}

impl Default for Options {
    fn default() -> Self {
        let (minutes, hours) = (SignedDuration::from_mins, SignedDuration::from_hours);
        let lane = |free, window, penalty| LaneRule { free, window, penalty };
        let issuer = "https://id.example.com";
        Self {
            settings: Settings {
                issuer: issuer.to_owned(),
                own_origin: Origin::parse(issuer).unwrap(),
                default_audience: format!("{issuer}/api"),
                tokens: TokenSettings {
                    access: minutes(15),
                    refresh: hours(7 * 24),
                    id: minutes(5),
                    code: minutes(1),
                    refresh_window: minutes(1),
                },
                sessions: SessionSettings {
                    idle: hours(12),
                    absolute: hours(7 * 24),
                    remember_idle: hours(14 * 24),
                    remember_absolute: hours(30 * 24),
                    max_per_user: 50,
                    sign_in_ttl: minutes(30),
                },
                throttle: ThrottleSettings {
                    account: lane(5, minutes(15), Penalty::Doubling),
                    address: lane(30, minutes(10), Penalty::RestOfWindow),
                    address_requests: lane(120, minutes(1), Penalty::RestOfWindow),
                    network: lane(200, minutes(10), Penalty::RestOfWindow),
                    authorize_per_minute: 300,
                },
                signing_algorithms: vec!["ES256", "RS256"],
                dpop_nonce_required: false,
                registration: RegistrationSettings {
                    policy: Policy {
                        mode: Mode::Closed,
                        scopes: Scope::parse("openid profile email offline_access").unwrap(),
                        grants: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
                        redirect_hosts: Vec::new(),
                    },
                    most: 1000,
                    unused_life: hours(30 * 24),
                    per_hour: 30,
                    own_names: vec!["Brama".to_owned()],
                },
                require_pushed_authorization_requests: false,
                password_min: 15,
            },
            look: Look { site_name: "Brama".to_owned(), default_locale: Locale::En, support_url: None, dev: false },
            proxies: TrustedProxies::default(),
            limits: Limits::default(),
            storage: Storage::Memory,
            hashing: PoolSettings {
                cost: Cost { memory_kib: 8, iterations: 1, parallelism: 1 },
                threads: 1,
                queue: 4096,
                wait: Duration::from_secs(60),
            },
            outgoing: None,
            seed: 1,
            now: "2026-06-01T08:00:00Z".parse().unwrap(),
            strays_are_seen: true,
            seeded: true,
        }
    }
}
