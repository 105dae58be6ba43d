//! `[throttle]`

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use ipnet::IpNet;
use schemars::JsonSchema;

use crate::duration::{hours, minutes};
use crate::reader::Reader;
use crate::rule::or;

/// How many attempts are allowed. All limits count; the strictest one decides.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Throttle {
    /// Failures for one account name within `account_window` before it has to wait: 30 s, then
    /// twice as long each time, up to one hour. Names that do not exist are counted too.
    pub account_free: u32,
    /// The window of `account_free`.
    #[schemars(with = "String")]
    pub account_window: Duration,
    /// Failures from one address (IPv4 /32, IPv6 /64) within `address_window`.
    pub address_failures: u32,
    /// The window of `address_failures` and `network_failures`.
    #[schemars(with = "String")]
    pub address_window: Duration,
    /// Sign-in requests per minute from one address, good or bad.
    pub address_requests_per_minute: u32,
    /// Sign-ins that may be started (`/oauth2/authorize`) per minute from one address by people who
    /// are not signed in, or by one session; one network (IPv4 /24, IPv6 /48) may start ten times as
    /// many. Beyond that a page says when to come back (429). Each node counts for itself.
    pub authorize_requests_per_minute: u32,
    /// Failures from one network (IPv4 /24, IPv6 /48) within `address_window`.
    pub network_failures: u32,
    /// Networks whose addresses are not counted; accounts still are. For load tests.
    #[schemars(with = "Vec<String>")]
    pub exempt_addresses: Vec<IpNet>,
}

const LOOPBACK: [IpNet; 2] = [
    IpNet::new_assert(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), 8),
    IpNet::new_assert(IpAddr::V6(Ipv6Addr::LOCALHOST), 128),
];

const NO_LIMIT: &str = "beyond that it is no limit";

impl Throttle {
    pub(crate) fn read(r: &mut Reader) -> Self {
        // The values of the table below TH-13.
        r.section("throttle", |s| Self {
            // TH-5: at 100 failures the password is disabled anyway.
            account_free: s.read("account_free", or(5).between(1, 100, NO_LIMIT)),
            account_window: s.read(
                "account_window",
                or(minutes(15)).between(minutes(1), hours(24), "shorter forgets, longer punishes"),
            ),
            address_failures: s.read("address_failures", or(30).between(1, 100_000, NO_LIMIT)),
            address_window: s.read(
                "address_window",
                or(minutes(10)).between(minutes(1), hours(24), "shorter forgets, longer punishes"),
            ),
            address_requests_per_minute: s.read("address_requests_per_minute", or(120).between(1, 100_000, NO_LIMIT)),
            authorize_requests_per_minute: s
                .read("authorize_requests_per_minute", or(300).between(1, 1_000_000, NO_LIMIT)),
            network_failures: s.read("network_failures", or(200).between(1, 1_000_000, NO_LIMIT)),
            // TH-10: empty by default.
            exempt_addresses: s
                .read("exempt_addresses", or(Vec::new()).in_dev(LOOPBACK.to_vec()).such_as(LOOPBACK.to_vec())),
        })
    }
}
