//! `[server]`

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;
use schemars::JsonSchema;

use crate::duration::{minutes, seconds};
use crate::reader::Reader;
use crate::rule::or;

/// The listener.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Server {
    /// The address and port to listen on, plain HTTP. A proxy in front of it speaks TLS.
    /// `brama dev` accepts loopback addresses only.
    #[schemars(with = "String")]
    pub listen: SocketAddr,
    /// The proxies whose `X-Forwarded-For` header is believed; from everybody else it is not looked
    /// at. Without the right entry all people share the address of the proxy, and its limits.
    #[schemars(with = "Vec<String>")]
    pub trust_proxy: Vec<IpNet>,
    /// The most connections at the same time. When all are taken, new ones wait while idle ones are
    /// closed. Never more than the process may open files (`LimitNOFILE` of systemd), less 128.
    pub max_connections: usize,
    /// The most connections of one address (IPv4 /32, IPv6 /64), and the most requests in flight of
    /// one address behind a proxy or in HTTP/2. Beyond that the answer is 429. `trust_proxy` and
    /// `throttle.exempt_addresses` are spared.
    pub max_connections_per_address: usize,
    /// How long a connection is kept without a request. Longer than the proxy in front keeps its
    /// idle connections, so that it never uses one that is just being closed.
    #[schemars(with = "String")]
    pub keep_alive: Duration,
    /// How long requests in flight may take after the order to stop.
    #[schemars(with = "String")]
    pub shutdown_grace: Duration,
}

/// A proxy on the same machine, as an example.
const LOCAL_PROXY: IpNet = IpNet::new_assert(IpAddr::V4(Ipv4Addr::LOCALHOST), 32);

impl Server {
    pub(crate) fn read(r: &mut Reader) -> Self {
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 8420));
        r.section("server", |s| Self {
            listen: s.read("listen", or(listen)),
            // WH-15: empty by default.
            trust_proxy: s.read("trust_proxy", or(Vec::new()).such_as(vec![LOCAL_PROXY])),
            max_connections: s.read(
                "max_connections",
                or(4096).between(16, 1_000_000, "each one may need 100 KiB when many are hostile"),
            ),
            // WH-13.
            max_connections_per_address: s
                .read("max_connections_per_address", or(100).between(1, 1_000_000, "beyond that it is no limit")),
            keep_alive: s.read(
                "keep_alive",
                or(seconds(60)).between(seconds(1), minutes(60), "idle connections take the place of others"),
            ),
            shutdown_grace: s
                .read("shutdown_grace", or(seconds(30)).between(seconds(0), minutes(10), "a stop has to end")),
        })
    }
}
