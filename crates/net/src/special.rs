//! Addresses that are no public host: the special-purpose registries of IANA (RFC 6890 and what was added since),
//! multicast, and all IPv6 space that is not global unicast. RG-24.
//!
//! A row in doubt is in the table: nobody serves keys or takes logout tokens on a protocol-assignment address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use brama_faults::{Fault, planted};

/// A network: its first address and the length of its prefix.
type Net<A> = (A, u8);

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Net<Ipv4Addr> {
    (Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(a: u16, b: u16, c: u16, prefix: u8) -> Net<Ipv6Addr> {
    (Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), prefix)
}

/// IANA IPv4 Special-Purpose Address Registry, and multicast.
const IPV4: [Net<Ipv4Addr>; 17] = [
    v4(0, 0, 0, 0, 8),       // this network, RFC 791
    v4(10, 0, 0, 0, 8),      // private use, RFC 1918
    v4(100, 64, 0, 0, 10),   // shared address space (CGNAT), RFC 6598
    v4(127, 0, 0, 0, 8),     // loopback, RFC 1122
    v4(169, 254, 0, 0, 16),  // link local, and the metadata services of clouds, RFC 3927
    v4(172, 16, 0, 0, 12),   // private use, RFC 1918
    v4(192, 0, 0, 0, 24),    // IETF protocol assignments, RFC 6890
    v4(192, 0, 2, 0, 24),    // documentation, RFC 5737
    v4(192, 31, 196, 0, 24), // AS112, RFC 7535
    v4(192, 52, 193, 0, 24), // AMT, RFC 7450
    v4(192, 88, 99, 0, 24),  // 6to4 relays, RFC 7526
    v4(192, 168, 0, 0, 16),  // private use, RFC 1918
    v4(192, 175, 48, 0, 24), // AS112, RFC 7534
    v4(198, 18, 0, 0, 15),   // benchmarking, RFC 2544
    v4(198, 51, 100, 0, 24), // documentation, RFC 5737
    v4(203, 0, 113, 0, 24),  // documentation, RFC 5737
    v4(224, 0, 0, 0, 3),     // multicast (RFC 5771), reserved (RFC 1112) and broadcast (RFC 919): 224/4 and 240/4
];

/// What IANA gives out as global unicast, RFC 4291 §2.4. Outside of it are loopback, unspecified, IPv4-mapped
/// (`::ffff:0:0/96`), the translation prefixes `64:ff9b::/96` and `64:ff9b:1::/48`, discard-only, segment routing
/// (`5f00::/16`), unique local (`fc00::/7`), link local, site local and multicast.
const IPV6_GLOBAL: Net<Ipv6Addr> = v6(0x2000, 0, 0, 3);

/// IANA IPv6 Special-Purpose Address Registry, as far as it lies within [`IPV6_GLOBAL`].
const IPV6: [Net<Ipv6Addr>; 5] = [
    v6(0x2001, 0, 0, 23), // IETF protocol assignments: Teredo, benchmarking, AMT, AS112, ORCHID, drones
    v6(0x2001, 0xdb8, 0, 32), // documentation, RFC 3849
    v6(0x2002, 0, 0, 16), // 6to4, RFC 3056
    v6(0x2620, 0x4f, 0x8000, 48), // AS112, RFC 7534
    v6(0x3fff, 0, 0, 20), // documentation, RFC 9637
];

fn within4((net, prefix): Net<Ipv4Addr>, address: Ipv4Addr) -> bool {
    (net.to_bits() ^ address.to_bits()).leading_zeros() >= u32::from(prefix)
}

fn within6((net, prefix): Net<Ipv6Addr>, address: Ipv6Addr) -> bool {
    (net.to_bits() ^ address.to_bits()).leading_zeros() >= u32::from(prefix)
}

/// Whether an address has a special purpose, so that no stranger's name may lead there.
#[must_use]
pub fn is_special(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => IPV4.into_iter().any(|net| within4(net, address)),
        IpAddr::V6(address) if planted(Fault::Ssrf06) && address.to_ipv4().is_some() => false,
        IpAddr::V6(address) => !within6(IPV6_GLOBAL, address) || IPV6.into_iter().any(|net| within6(net, address)),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    fn special(text: &str) -> bool {
        is_special(text.parse().unwrap())
    }

    #[test]
    fn rg24_every_row_from_its_first_to_its_last_address_and_no_further() {
        // First and last address of each network, and the public neighbours before and behind it.
        for (first, last, before, behind) in [
            ("0.0.0.0", "0.255.255.255", None, Some("1.0.0.0")),
            ("10.0.0.0", "10.255.255.255", Some("9.255.255.255"), Some("11.0.0.0")),
            ("100.64.0.0", "100.127.255.255", Some("100.63.255.255"), Some("100.128.0.0")),
            ("127.0.0.0", "127.255.255.255", Some("126.255.255.255"), Some("128.0.0.0")),
            ("169.254.0.0", "169.254.255.255", Some("169.253.255.255"), Some("169.255.0.0")),
            ("172.16.0.0", "172.31.255.255", Some("172.15.255.255"), Some("172.32.0.0")),
            ("192.0.0.0", "192.0.0.255", Some("191.255.255.255"), Some("192.0.1.0")),
            ("192.0.2.0", "192.0.2.255", Some("192.0.1.255"), Some("192.0.3.0")),
            ("192.31.196.0", "192.31.196.255", Some("192.31.195.255"), Some("192.31.197.0")),
            ("192.52.193.0", "192.52.193.255", Some("192.52.192.255"), Some("192.52.194.0")),
            ("192.88.99.0", "192.88.99.255", Some("192.88.98.255"), Some("192.88.100.0")),
            ("192.168.0.0", "192.168.255.255", Some("192.167.255.255"), Some("192.169.0.0")),
            ("192.175.48.0", "192.175.48.255", Some("192.175.47.255"), Some("192.175.49.0")),
            ("198.18.0.0", "198.19.255.255", Some("198.17.255.255"), Some("198.20.0.0")),
            ("198.51.100.0", "198.51.100.255", Some("198.51.99.255"), Some("198.51.101.0")),
            ("203.0.113.0", "203.0.113.255", Some("203.0.112.255"), Some("203.0.114.0")),
            ("224.0.0.0", "255.255.255.255", Some("223.255.255.255"), None),
            ("::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", None, Some("2000::")),
            ("2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", Some("2000:ffff::1"), Some("2001:200::")),
            ("2001:db8::", "2001:db8:ffff:ffff::ffff", Some("2001:db7:ffff::1"), Some("2001:db9::")),
            ("2002::", "2002:ffff:ffff::ffff", Some("2001:ffff::1"), Some("2003::")),
            ("2620:4f:8000::", "2620:4f:8000:ffff::ffff", Some("2620:4f:7fff::1"), Some("2620:4f:8001::")),
            ("3fff::", "3fff:fff:ffff::ffff", Some("3ffe:ffff::1"), Some("3fff:1000::")),
            ("4000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Some("3fff:ffff::1"), None),
        ] {
            assert!(special(first) && special(last), "{first} {last}");
            for public in [before, behind].into_iter().flatten() {
                assert!(!special(public), "{public}, beside {first}");
            }
        }
    }

    #[test]
    fn rg24_the_addresses_that_attacks_use() {
        for address in [
            "127.0.0.1",
            "10.0.0.1",
            "192.168.1.1",
            "172.16.0.1",
            "169.254.169.254",
            "100.100.100.200",
            "0.0.0.0",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::a00:1",
            "2002:7f00:1::",
            "2001:0:7f00:1::",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "100::1",
            "5f00::1",
        ] {
            assert!(special(address), "{address}");
        }
        for address in ["1.1.1.1", "93.184.215.14", "2606:4700::1111", "2a00:1450:4001::1"] {
            assert!(!special(address), "{address}");
        }
    }

    proptest! {
        /// What the standard library calls private, loopback and so on is in the table, whatever its bits.
        #[test]
        fn rg24_nothing_that_the_standard_library_knows_is_missing(bits in any::<u32>(), wide in any::<u128>()) {
            let four = Ipv4Addr::from_bits(bits);
            if four.is_private() || four.is_loopback() || four.is_link_local() || four.is_broadcast()
                || four.is_documentation() || four.is_multicast() || four.is_unspecified() {
                prop_assert!(is_special(four.into()));
            }
            prop_assert!(is_special(four.to_ipv6_mapped().into()));
            prop_assert!(is_special(four.to_ipv6_compatible().into()));
            let six = Ipv6Addr::from_bits(wide);
            if six.is_multicast() || six.is_loopback() || six.is_unicast_link_local() || six.is_unique_local() {
                prop_assert!(is_special(six.into()));
            }
        }
    }
}
