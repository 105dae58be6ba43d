//! What may be asked: the text of an address, and where its name leads. RG-24.

use std::net::{IpAddr, SocketAddr};

use brama_faults::{Fault, planted};
use brama_flows::outgoing::OutgoingError;
use ipnet::IpNet;
use url::{Host, Url};

use crate::special::is_special;

/// Longest address that is asked, bytes.
const URL_BYTES: usize = 2048;

/// Exceptions that the operator made.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Special-purpose networks that may be asked nevertheless. Loopback is in none of them.
    pub allow_addresses: Vec<IpNet>,
    /// Hosts that may be asked without TLS, in lower case.
    pub allow_http: Vec<String>,
    /// Development: this machine may be asked, also without TLS.
    pub loopback: bool,
}

/// An address that may be asked, as far as its text tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// The host as names and certificates have it; an IPv6 address without brackets.
    pub(crate) host: String,
    /// The host, if it is an address already.
    pub(crate) literal: Option<IpAddr>,
    pub(crate) port: u16,
    /// `Host` of the request.
    pub(crate) authority: String,
    /// Path and query.
    pub(crate) path: String,
    pub(crate) tls: bool,
    /// Without TLS, and only because it leads to this machine.
    must_be_loopback: bool,
}

pub(crate) fn refused(why: impl Into<String>) -> OutgoingError {
    OutgoingError::Refused(why.into())
}

/// What stands between `://` and the path.
fn raw_authority(text: &str) -> &str {
    let rest = text.split_once("://").map_or("", |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

impl Policy {
    /// Read an address. Nothing that two readers could read differently is accepted: no userinfo, no fragment, no other
    /// spelling of a host or of an IP address than the usual one.
    pub(crate) fn read(&self, text: &str) -> Result<Target, OutgoingError> {
        if text.len() > URL_BYTES {
            return Err(refused("it is too long"));
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') {
            return Err(refused("it has characters that no address has"));
        }
        let url = Url::parse(text).map_err(|error| refused(error.to_string()))?;
        if url.fragment().is_some() {
            return Err(refused("it has a fragment"));
        }
        let (host, literal) = match url.host() {
            Some(Host::Domain(name)) => (name.to_owned(), None),
            Some(Host::Ipv4(address)) => (address.to_string(), Some(IpAddr::V4(address))),
            Some(Host::Ipv6(address)) => (address.to_string(), Some(IpAddr::V6(address))),
            None => return Err(refused("it has no host")),
        };
        let shown = url.host_str().unwrap_or_default();
        let port = url.port_or_known_default().filter(|port| *port != 0).ok_or_else(|| refused("it has no port"))?;
        // Userinfo, octal, hexadecimal and decimal addresses, percent escapes and the like differ from what was read.
        let raw = raw_authority(text).to_ascii_lowercase();
        if raw != shown && raw != format!("{shown}:{port}") {
            return Err(refused("its host is not written in the usual way"));
        }
        if shown.ends_with('.') {
            return Err(refused("its host ends in a dot"));
        }
        if let Some(address) = literal
            && !(is_special(address) && self.admits(address))
        {
            return Err(refused("its host is an IP address that is not in outgoing.allow_addresses"));
        }
        let tls = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(refused("it is not https")),
        };
        let plainly_allowed = self.allow_http.iter().any(|allowed| allowed == shown);
        let must_be_loopback = !tls && !plainly_allowed;
        if must_be_loopback && !self.loopback {
            return Err(refused("it is not https"));
        }
        let path = match url.query() {
            None => url.path().to_owned(),
            Some(query) => format!("{}?{query}", url.path()),
        };
        let authority = url.port().map_or_else(|| shown.to_owned(), |port| format!("{shown}:{port}"));
        Ok(Target { literal, port, authority, path, tls, must_be_loopback, host })
    }

    /// Whether a connection to this address may be opened.
    fn admits(&self, address: IpAddr) -> bool {
        // `0.0.0.0` and `::` lead to this machine too, and so does an IPv4 loopback address in IPv6 clothes.
        let plain = address.to_canonical();
        if plain.is_loopback() || plain.is_unspecified() {
            return self.loopback && address.is_loopback();
        }
        !is_special(address) || self.allow_addresses.iter().any(|net| net.contains(&plain))
    }

    /// Check all addresses that a name leads to: if one of them may not be asked, none is.
    pub(crate) fn check(&self, target: &Target, addresses: &[SocketAddr]) -> Result<(), OutgoingError> {
        if addresses.is_empty() {
            return Err(OutgoingError::Failed(format!("{} has no address", target.host)));
        }
        let admitted = |address: &SocketAddr| {
            let ip = address.ip();
            self.admits(ip) && (!target.must_be_loopback || ip.is_loopback())
        };
        if addresses.iter().all(admitted) || planted(Fault::Ssrf02) {
            return Ok(());
        }
        // Which address it is helps an operator and an attacker alike; the log is the operator's.
        let which: Vec<_> = addresses.iter().filter(|address| !admitted(address)).map(SocketAddr::ip).collect();
        Err(refused(format!("{} leads to {which:?}, which is not in outgoing.allow_addresses", target.host)))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn strict() -> Policy {
        Policy::default()
    }

    fn dev() -> Policy {
        Policy { loopback: true, ..Policy::default() }
    }

    fn internal() -> Policy {
        Policy {
            allow_addresses: vec!["10.0.0.0/8".parse().unwrap(), "::/0".parse().unwrap()],
            allow_http: vec!["keys.internal".to_owned()],
            loopback: false,
        }
    }

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 443)).collect()
    }

    #[test]
    fn rg24_what_is_read_is_what_is_asked() {
        let target = strict().read("HTTPS://Shop.Example.net/logout?x=1").unwrap();
        assert_eq!((target.host.as_str(), target.port, target.tls), ("shop.example.net", 443, true));
        assert_eq!((target.authority.as_str(), target.path.as_str()), ("shop.example.net", "/logout?x=1"));
        let target = strict().read("https://shop.example.net:8443").unwrap();
        assert_eq!(
            (target.authority.as_str(), target.path.as_str(), target.port),
            ("shop.example.net:8443", "/", 8443)
        );
        assert_eq!(strict().read("https://shop.example.net:443/").unwrap().authority, "shop.example.net");
    }

    #[test]
    fn rg24_ssrf06_other_spellings_of_hosts_and_addresses_are_refused_whatever_is_allowed() {
        let everything = Policy {
            allow_addresses: vec!["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()],
            allow_http: Vec::new(),
            loopback: true,
        };
        for host in [
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "0177.0.0.1",
            "017700000001",
            "127.1",
            "127.0.1",
            "0x7f.0x0.0x0.0x1",
            "127.0.0.01",
            "127.0.0.1.",
            "00127.0.0.1",
            "0",
            "1",
            "%31%32%37.0.0.1",
            "127%2e0.0.1",
            "①②⑦.0.0.1",
            "127。0。0。1",
            "[::0001]",
            "[0:0:0:0:0:0:0:1]",
            "[::127.0.0.1]",
            "[::ffff:127.0.0.1]",
            "[::1%25lo]",
            "[::1%lo]",
            "localhost.",
            "user@localhost",
            "user:pass@localhost",
            "@localhost",
            "localhost\\@shop.example.net",
            "shop.example.net\\",
            "exa\u{ad}mple.net",
            "ＬＯＣＡＬＨＯＳＴ",
            "shop.example.net:",
            "shop.example.net:0",
            "shop.example.net:99999",
            "shop.example.net:0443",
            "",
            " ",
            "[",
            "[]",
            "a b",
            "a\tb",
            "256.256.256.256",
            "1.2.3.4.5",
        ] {
            assert!(everything.read(&format!("https://{host}/x")).is_err(), "{host}");
        }
        for text in [
            "",
            "x",
            "/x",
            "//shop.example.net/x",
            "https:shop.example.net",
            "https:/shop.example.net/",
            "https:///x",
            "ftp://shop.example.net/",
            "file:///etc/passwd",
            "gopher://shop.example.net/",
            "data:,x",
            "javascript:1",
            "https://shop.example.net/#x",
            "https://shop.example.net/x#",
            "https://shop.example.net/a\nb",
            "\u{0}https://shop.example.net/",
            " https://shop.example.net/",
            "https://shop.example.net/\u{430}",
            &format!("https://shop.example.net/{}", "a".repeat(URL_BYTES)),
        ] {
            assert!(everything.read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn rg24_addresses_as_hosts_only_where_they_are_allowed() {
        for text in [
            "https://127.0.0.1/",
            "https://10.0.0.1/",
            "https://169.254.169.254/",
            "https://[::1]/",
            "https://[fd00::1]/",
            "https://1.1.1.1/",
            "https://[2606:4700::1111]/",
            "https://0.0.0.0/",
        ] {
            assert!(strict().read(text).is_err(), "{text}");
        }
        assert!(internal().read("https://10.0.0.1/").is_ok());
        assert!(internal().read("https://[fd00::1]:8443/").is_ok());
        for text in ["https://127.0.0.1/", "https://[::1]/", "https://[::]/", "https://11.0.0.1/"] {
            assert!(internal().read(text).is_err(), "{text}");
        }
        assert!(dev().read("https://127.0.0.1:1234/").is_ok() && dev().read("http://[::1]:1234/").is_ok());
        assert!(dev().read("https://10.0.0.1/").is_err() && dev().read("http://0.0.0.0/").is_err());
    }

    #[test]
    fn rg24_plain_http_only_to_listed_hosts_and_in_development_to_this_machine() {
        assert!(strict().read("http://shop.example.net/").is_err());
        assert!(internal().read("http://keys.internal/jwks").is_ok());
        assert!(internal().read("http://KEYS.internal:8080/jwks").is_ok());
        assert!(internal().read("http://other.internal/jwks").is_err());
        let here = dev().read("http://app.localhost:3000/").unwrap();
        assert!(dev().check(&here, &addresses(&["127.0.0.1", "::1"])).is_ok());
        assert!(dev().check(&here, &addresses(&["1.1.1.1"])).is_err());
        assert!(dev().check(&here, &addresses(&["127.0.0.1", "1.1.1.1"])).is_err());
    }

    #[test]
    fn rg24_one_address_that_may_not_be_asked_is_enough() {
        let target = strict().read("https://shop.example.net/").unwrap();
        assert!(strict().check(&target, &addresses(&["1.1.1.1", "2606:4700::1111"])).is_ok());
        assert!(matches!(strict().check(&target, &[]), Err(OutgoingError::Failed(_))));
        for bad in ["127.0.0.1", "::1", "10.1.2.3", "169.254.169.254", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "0.0.0.0"]
        {
            for list in [&[bad][..], &["1.1.1.1", bad], &[bad, "1.1.1.1"]] {
                assert!(
                    matches!(strict().check(&target, &addresses(list)), Err(OutgoingError::Refused(_))),
                    "{list:?}"
                );
            }
        }
    }

    #[test]
    fn rg24_an_allow_list_opens_what_it_names_and_never_this_machine() {
        let target = internal().read("https://shop.example.net/").unwrap();
        assert!(internal().check(&target, &addresses(&["10.1.2.3", "fd00::1", "1.1.1.1"])).is_ok());
        for bad in ["127.0.0.1", "::1", "0.0.0.0", "::", "::ffff:127.0.0.1", "192.168.0.1"] {
            assert!(internal().check(&target, &addresses(&[bad])).is_err(), "{bad}");
        }
    }
}
