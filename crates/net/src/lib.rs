//! The one way out of the server: requests to addresses that clients chose. RG-24, RG-25; museum class SSRF.
//!
//! [`Fetcher`] implements [`brama_flows::outgoing::Outgoing`]. For every request it
//!
//! 1. reads the address in the one way that has one meaning ([`Policy`]): https, no userinfo, no other spelling of a host
//!    or of an IP address than the usual one;
//! 2. waits for a place, and counts: per host and for all together;
//! 3. resolves the name once and checks *all* addresses against the [special-purpose registries](special);
//! 4. connects to one of these very addresses, and verifies the certificate for the name;
//! 5. sends one request, follows no redirect, keeps no cookie, asks no proxy;
//! 6. reads no more than it was told to, and nothing after 5 seconds.

mod connect;
mod fetcher;
mod limits;
mod policy;
mod resolve;
pub mod special;

pub use connect::UnusableCa;
pub use fetcher::{Fetcher, Settings};
pub use policy::Policy;
pub use resolve::{Resolve, System};
