//! Whose request it is: the peer, or what a trusted proxy says. WH-15, TH-10.

use std::net::IpAddr;

use brama_faults::{Fault, planted};
use http::HeaderMap;
use ipnet::IpNet;

/// Networks whose `X-Forwarded-For` is believed, and networks that the limits on addresses spare.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies {
    /// Proxies of ours. Empty: forwarding headers are not looked at.
    pub proxies: Vec<IpNet>,
    /// Spared by the limits on addresses.
    pub exempt: Vec<IpNet>,
}

impl TrustedProxies {
    /// The address a request comes from: from right to left the first one that is no proxy of ours. Anything unreadable
    /// ends the walk at the last address we know.
    #[must_use]
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let trusted = |address: &IpAddr| self.proxies.iter().any(|network| network.contains(address));
        let peer = peer.to_canonical();
        if !trusted(&peer) {
            return peer;
        }
        let mut known = peer;
        let fields = headers.get_all("x-forwarded-for").iter();
        let smuggled = headers.get_all("x_forwarded_for").iter().filter(|_| planted(Fault::Http03));
        // By bytes: what a stranger wrote in front must not take away what our proxy wrote behind it.
        let fields: Vec<&[u8]> = fields.chain(smuggled).map(|value| value.as_bytes()).collect();
        for hop in fields.join(&b","[..]).rsplit(|byte| *byte == b',') {
            let Some(address) = std::str::from_utf8(hop).ok().and_then(|hop| hop.trim().parse::<IpAddr>().ok()) else {
                break;
            };
            known = address.to_canonical();
            if !trusted(&known) {
                break;
            }
        }
        known
    }

    /// Whether the limits on addresses spare it.
    #[must_use]
    pub fn is_exempt(&self, address: IpAddr) -> bool {
        self.exempt.iter().any(|network| network.contains(&address))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn client(proxies: &[&str], peer: &str, forwarded: &[&str]) -> String {
        let proxies =
            TrustedProxies { proxies: proxies.iter().map(|net| net.parse().unwrap()).collect(), exempt: vec![] };
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", http::HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        proxies.client(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn wh15_only_a_trusted_proxy_is_believed() {
        assert_eq!(client(&[], "192.0.2.1", &["198.51.100.1"]), "192.0.2.1");
        assert_eq!(client(&["10.0.0.0/8"], "192.0.2.1", &["198.51.100.1"]), "192.0.2.1");
        assert_eq!(client(&["10.0.0.0/8"], "10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(client(&["10.0.0.0/8"], "::ffff:10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
    }

    #[test]
    fn wh15_right_to_left_to_the_first_stranger() {
        let net = &["10.0.0.0/8"];
        assert_eq!(client(net, "10.0.0.1", &["203.0.113.9, 198.51.100.1, 10.0.0.2"]), "198.51.100.1");
        assert_eq!(client(net, "10.0.0.1", &["203.0.113.9", "198.51.100.1"]), "198.51.100.1");
        for garbage in ["unknown", "_obf", "198.51.100.1:80", ""] {
            assert_eq!(client(net, "10.0.0.1", &[&format!("203.0.113.9, {garbage}")]), "10.0.0.1", "{garbage}");
        }
        assert_eq!(client(net, "10.0.0.1", &["2001:db8::1"]), "2001:db8::1");
        // What a stranger sends before it does not hide it, be it no text at all.
        for garbage in ["\u{ff}", "203.0.113.1, \u{e9}", ",,,"] {
            let forwarded = format!("{garbage}, 198.51.100.1, 10.0.0.2");
            assert_eq!(client(net, "10.0.0.1", &[&forwarded]), "198.51.100.1", "{garbage}");
            assert_eq!(client(net, "10.0.0.1", &[garbage, "198.51.100.1"]), "198.51.100.1", "{garbage}");
        }
    }
}
