//! `[registration]`

use std::time::Duration;

use schemars::JsonSchema;

use crate::duration::days;
use crate::problem::{Code, Problem};
use crate::reader::{Reader, Section};
use crate::rule::or;
use crate::value::{Raw, Setting, Shown, Wrong, choose, name_of, one_of};

/// Apps that register themselves over HTTP (RFC 7591). Off unless you say otherwise: apps of your own
/// are added with `brama client add` or `[[clients]]`, and none of this holds for them.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Registration {
    /// Who may register an app: `closed` (nobody, and the endpoint does not exist), `token` (whoever
    /// has an initial access token, made by `brama registration token add`) or `open` (everybody, but
    /// only public clients with the authorization code grant; people are told that nobody has checked
    /// the app).
    pub mode: RegistrationMode,
    /// The scopes that such apps may have.
    pub scopes: Vec<String>,
    /// The grants that such apps may have: `authorization_code`, `refresh_token` and, with
    /// `mode = "token"`, `client_credentials`.
    pub grants: Vec<String>,
    /// The hosts that their redirects may lead to: `app.example.com`, `*.example.com` for everything
    /// below it, `localhost` or `127.0.0.1` for apps on people's own machines, `com.example.app:` for a
    /// private-use scheme. Empty: any.
    pub redirect_hosts: Vec<String>,
    /// The most apps that may be registered this way.
    pub max_clients: u32,
    /// How long such an app stays that nobody uses. Apps with `client_credentials` stay.
    #[schemars(with = "String")]
    pub unused_client_ttl: Duration,
    /// How many apps may be registered within an hour from one address (IPv4 /32, IPv6 /64) where
    /// `mode = "open"`; from one network (IPv4 /24, IPv6 /48) ten times as many.
    pub per_address_per_hour: u32,
}

/// Who may register an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub enum RegistrationMode {
    /// Nobody.
    Closed,
    /// Whoever has an initial access token.
    Token,
    /// Everybody.
    Open,
}

const MODES: &[(&str, RegistrationMode)] =
    &[("closed", RegistrationMode::Closed), ("token", RegistrationMode::Token), ("open", RegistrationMode::Open)];

impl Setting for RegistrationMode {
    fn expected() -> String {
        one_of(MODES)
    }

    fn read(raw: &Raw) -> Result<Self, Wrong> {
        choose(raw, MODES)
    }

    fn show(&self) -> Shown {
        name_of(self, MODES)
    }
}

fn texts(values: &[&str]) -> Vec<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}

impl Registration {
    pub(crate) fn read(r: &mut Reader) -> Self {
        r.section("registration", |s| {
            let registration = Self {
                mode: s.read("mode", or(RegistrationMode::Closed)),
                scopes: s.read("scopes", or(texts(&["openid", "profile", "email", "offline_access"]))),
                grants: s.read("grants", or(texts(&["authorization_code", "refresh_token"]))),
                redirect_hosts: s.read(
                    "redirect_hosts",
                    or(Vec::new()).such_as(texts(&["*.example.com", "localhost", "127.0.0.1"])),
                ),
                max_clients: s.read("max_clients", or(1000).between(1, 100_000, "each one is a row and may be unused")),
                unused_client_ttl: s.read(
                    "unused_client_ttl",
                    or(days(30)).between(days(1), days(3650), "an app that is still being built needs a while"),
                ),
                per_address_per_hour: s
                    .read("per_address_per_hour", or(30).between(1, 10_000, "beyond that it is no limit")),
            };
            registration.check(s);
            registration
        })
    }

    fn check(&self, s: &mut Section<'_>) {
        if !s.sound(&["grants", "mode"]) {
            return;
        }
        let known = ["authorization_code", "refresh_token", "client_credentials"];
        if let Some(unknown) = self.grants.iter().find(|grant| !known.contains(&grant.as_str())) {
            let problem =
                Problem::new(Code::NotUnderstood, "`registration.grants` has a grant that no app may register")
                    .got(unknown.clone())
                    .expected("authorization_code, refresh_token or client_credentials")
                    .fix("grants = [\"authorization_code\", \"refresh_token\"]");
            s.refuse(&["grants"], problem);
        } else if self.mode == RegistrationMode::Open && self.grants.iter().any(|grant| grant == "client_credentials") {
            let what = "`registration.grants` gives strangers a grant of their own";
            let problem = Problem::new(Code::Contradiction, what)
                .got("client_credentials with mode = \"open\"")
                .expected("client_credentials only for holders of an initial access token")
                .fix("mode = \"token\", or remove client_credentials from grants");
            s.refuse(&["grants", "mode"], problem);
        }
    }
}
