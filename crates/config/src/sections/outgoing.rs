//! `[outgoing]`

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use ipnet::IpNet;
use schemars::JsonSchema;

use crate::Profile;
use crate::problem::{Code, Problem};
use crate::reader::{Reader, Section};
use crate::rule::or;
use crate::value::{Raw, Setting, Shown, Wrong};

/// Requests of the server to the servers of apps: for their keys, and to tell them that somebody signed out. Public
/// addresses over https need nothing here.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Outgoing {
    /// Networks without public addresses where apps may be reached, such as `10.0.0.0/8`. Whoever
    /// may register an app can have requests sent there, so list no more than you need. This
    /// machine itself is asked by `brama dev` only.
    #[schemars(with = "Vec<String>")]
    pub allow_addresses: Vec<IpNet>,
    /// Hosts that may be asked without TLS. What comes from there can be changed by everybody on
    /// the way: keys of apps too.
    #[schemars(with = "Vec<String>")]
    pub allow_http: Vec<HostName>,
    /// A file with the certificates (PEM) of authorities that are believed beside those of the
    /// operating system.
    #[schemars(with = "Option<String>")]
    pub ca_file: Option<PathBuf>,
    /// Whether this machine itself may be asked: in development mode. It is no key.
    #[schemars(skip)]
    pub loopback: bool,
}

/// The name of a host, in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostName(String);

impl HostName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Setting for HostName {
    fn expected() -> String {
        "the name of a host such as \"keys.internal\"".to_owned()
    }

    fn read(raw: &Raw) -> Result<Self, Wrong> {
        let text = raw.text(&Self::expected())?.to_ascii_lowercase();
        let label = |label: &str| {
            !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        if text.len() <= 253 && text.split('.').all(label) {
            return Ok(Self(text));
        }
        let host = url::Url::parse(&text).ok().and_then(|url| url.host_str().map(ToOwned::to_owned));
        let better = host.filter(|host| host.split('.').all(label)).map(Shown::Quoted);
        Err(Wrong::new(Code::NotUnderstood, "holds no host name", Self::expected()).better(better))
    }

    fn show(&self) -> Shown {
        Shown::Quoted(self.0.clone())
    }
}

/// A private network, as an example.
const PRIVATE: IpNet = IpNet::new_assert(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 0)), 8);

/// This machine, in both families.
const LOOPBACK: [&str; 2] = ["127.0.0.0/8", "::1/128"];

impl Outgoing {
    pub(crate) fn read(r: &mut Reader) -> Self {
        r.section("outgoing", |s| Self {
            // RG-24: nothing by default.
            allow_addresses: s.read("allow_addresses", or(Vec::new()).such_as(vec![PRIVATE])),
            allow_http: s.read("allow_http", or(Vec::new()).such_as(vec![HostName("keys.internal".to_owned())])),
            ca_file: s.read_optional("ca_file", PathBuf::from("/etc/ssl/certs/apps-ca.pem")),
            loopback: s.profile() == Profile::Dev,
        })
    }

    /// An entry for this machine would be silently without effect.
    pub(crate) fn check(&self, s: &mut Section<'_>) {
        let loopback = LOOPBACK.map(|net| net.parse::<IpNet>());
        let is_loopback = |net: &&IpNet| loopback.iter().flatten().any(|own| own.contains(*net));
        if let Some(net) = self.allow_addresses.iter().find(is_loopback) {
            let problem = Problem::new(Code::LoopbackOnly, "`outgoing.allow_addresses` names this machine")
                .got(net.to_string())
                .expected("networks of other machines: requests to this one are made in development mode only")
                .fix("give the app an address in your network, or use `brama dev`");
            s.refuse(&["outgoing.allow_addresses"], problem);
        }
    }
}
