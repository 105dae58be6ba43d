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
            shutdown_grace: s
                .read("shutdown_grace", or(seconds(30)).between(seconds(0), minutes(10), "a stop has to end")),
        })
    }
}
