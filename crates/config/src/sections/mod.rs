//! The settings, one file per section. The doc comments are the reference people read.

mod clients;
mod database;
mod log;
mod oauth;
mod outgoing;
mod pages;
mod passwords;
mod registration;
mod secrets;
mod server;
mod sessions;
mod throttle;
mod tokens;

use std::path::PathBuf;

use ipnet::IpNet;
use schemars::JsonSchema;

pub use clients::Client;
pub use database::Database;
pub use log::{Log, LogFormat, LogLevel};
pub use oauth::OAuth;
pub use outgoing::{HostName, Outgoing};
pub use pages::{Locale, Pages};
pub use passwords::Passwords;
pub use registration::{Registration, RegistrationMode};
pub use secrets::Secrets;
pub use server::Server;
pub use sessions::Sessions;
pub use throttle::Throttle;
pub use tokens::{DpopNonce, SigningAlgorithm, Tokens};

use crate::Profile;
use crate::problem::{Code, Problem};
use crate::reader::{Reader, Section};
use crate::rule::{or, required};
use crate::urls::PublicUrl;

/// Everything Brama can be told. Only `public_url` has no default.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[schemars(deny_unknown_fields, title = "Brama configuration")]
pub struct Config {
    /// The address people see. It is the issuer of every token, exactly as written here: changing
    /// it later signs everybody out. No path, no slash at the end.
    #[schemars(with = "String")]
    pub public_url: PublicUrl,
    /// The folder of everything that is kept: the database and the master key, unless they are put
    /// elsewhere. A relative path starts at the folder the server is started in.
    #[schemars(with = "String")]
    pub data_dir: PathBuf,
    /// The listener.
    pub server: Server,
    /// Where accounts, sessions and grants are stored.
    pub database: Database,
    /// The key that protects everything stored.
    pub secrets: Secrets,
    /// How long tokens live, and for whom they are.
    pub tokens: Tokens,
    /// How long people stay signed in.
    pub sessions: Sessions,
    /// What a password must be, and how it is hashed.
    pub passwords: Passwords,
    /// How many attempts are allowed.
    pub throttle: Throttle,
    /// Requests of the server to the servers of apps.
    pub outgoing: Outgoing,
    /// What every app has to do.
    pub oauth: OAuth,
    /// Apps that register themselves.
    pub registration: Registration,
    /// What the sign-in pages say.
    pub pages: Pages,
    /// What is written to the log.
    pub log: Log,
    /// Applications declared in the file, one `[[clients]]` for each.
    pub clients: Vec<Client>,
}

impl Config {
    pub(crate) fn read(r: &mut Reader) -> Self {
        let server = Server::read(r);
        let local = PublicUrl::localhost(server.listen.port());
        let (public_url, data_dir) = r.top(|s| {
            (
                s.read("public_url", required(PublicUrl::example()).in_dev(local)),
                s.read("data_dir", or(PathBuf::from("/var/lib/brama")).in_dev("./.brama".into())),
            )
        });
        let config = Self {
            database: Database::read(r, &data_dir),
            secrets: Secrets::read(r, &data_dir),
            tokens: Tokens::read(r, &public_url),
            sessions: Sessions::read(r),
            passwords: Passwords::read(r),
            throttle: Throttle::read(r),
            outgoing: Outgoing::read(r),
            oauth: OAuth::read(r),
            registration: Registration::read(r),
            pages: Pages::read(r),
            log: Log::read(r),
            clients: Client::read_all(r),
            public_url,
            data_dir,
            server,
        };
        r.top(|s| config.check(s));
        config
    }

    /// What only several sections together can tell.
    fn check(&self, s: &mut Section<'_>) {
        self.outgoing.check(s);
        if s.profile() == Profile::Dev {
            self.check_dev(s);
        } else if s.sound(&["public_url", "server.trust_proxy"])
            && self.public_url.is_https()
            && self.server.trust_proxy.is_empty()
        {
            let what = "`server.trust_proxy` is empty, so everybody seems to come from the proxy";
            let problem = Problem::new(Code::ProxyNotTrusted, what)
                .expected("the proxy that speaks TLS for public_url: limits count by address")
                .fix("trust_proxy = [\"127.0.0.1\"] below [server], with the address of your proxy");
            s.warn(&["server.trust_proxy", "public_url"], problem);
        }
        let lists = [
            ("server.trust_proxy", &self.server.trust_proxy, "may claim any address"),
            ("throttle.exempt_addresses", &self.throttle.exempt_addresses, "may guess without end"),
            (
                "outgoing.allow_addresses",
                &self.outgoing.allow_addresses,
                "who registers an app can have anything asked",
            ),
        ];
        for (key, nets, harm) in lists {
            if let Some(net) = nets.iter().find(|net: &&IpNet| net.prefix_len() == 0) {
                let what = format!("`{key}` contains the whole internet: everybody {harm}");
                let problem = Problem::new(Code::WholeInternet, what)
                    .got(net.to_string())
                    .expected("the addresses you mean")
                    .fix("list single networks such as \"10.0.0.0/8\"");
                s.warn(&[key], problem);
            }
        }
    }

    /// Development mode has a known demo user: nobody else may reach it.
    fn check_dev(&self, s: &mut Section<'_>) {
        if !s.sound(&["server.listen"]) {
            return;
        }
        let listen = self.server.listen;
        if !listen.ip().is_loopback() {
            let problem = Problem::new(Code::LoopbackOnly, "development mode answers on this machine only")
                .got(listen.to_string())
                .expected("a loopback address: the demo accounts are no secret")
                .fix(format!("listen on 127.0.0.1:{}, or use `brama serve`", listen.port()));
            s.refuse(&["server.listen"], problem);
        }
        if listen.port() == 0 && s.is_default("public_url") {
            let problem =
                Problem::new(Code::Contradiction, "`public_url` cannot follow a port that the system chooses")
                    .got(listen.to_string())
                    .expected("a port, or a public_url: tokens carry it")
                    .fix("listen on 127.0.0.1:8420, or set public_url too");
            s.refuse(&["server.listen"], problem);
        }
    }
}
