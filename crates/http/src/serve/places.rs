//! How much of something one address has. WH-13, TH-10.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts by address: an IPv4 address, or the /64 network that one subscriber has in IPv6.
pub(super) struct Places {
    most: usize,
    counts: Mutex<HashMap<IpAddr, usize>>,
}

/// One place; it is free again when this is dropped.
pub(super) struct Place {
    places: Arc<Places>,
    address: IpAddr,
}

impl Places {
    pub(super) fn new(most: usize) -> Self {
        Self { most, counts: Mutex::default() }
    }

    /// A place for this address, unless it has all it may have. Who is spared gets one in any case.
    pub(super) fn take(self: &Arc<Self>, address: IpAddr, spared: bool) -> Option<Place> {
        let address = subscriber(address);
        let mut counts = self.lock();
        let count = counts.get(&address).copied().unwrap_or(0);
        if count >= self.most && !spared {
            return None;
        }
        counts.insert(address, count.saturating_add(1));
        Some(Place { places: Arc::clone(self), address })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.places.lock();
        if let Some(count) = counts.get_mut(&self.address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

fn subscriber(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn wh13_an_address_has_so_many_places_and_gets_them_back() {
        let places = Arc::new(Places::new(2));
        let take = |address: &str| places.take(address.parse().unwrap(), false);
        let first = take("192.0.2.1").unwrap();
        let _second = take("192.0.2.1").unwrap();
        assert!(take("192.0.2.1").is_none());
        assert!(places.take("192.0.2.1".parse().unwrap(), true).is_some(), "spared");
        assert!(take("192.0.2.2").is_some(), "another address");
        drop(first);
        assert!(take("192.0.2.1").is_some());
    }

    #[test]
    fn th10_a_subscriber_has_a_whole_network_of_ipv6() {
        let places = Arc::new(Places::new(1));
        let take = |address: &str| places.take(address.parse().unwrap(), false);
        let _first = take("2001:db8:1:2::1").unwrap();
        assert!(take("2001:db8:1:2:ffff::9").is_none());
        assert!(take("2001:db8:1:3::1").is_some());
    }

    #[test]
    fn nothing_stays_of_who_has_gone() {
        let places = Arc::new(Places::new(1));
        for last in 0..=255 {
            assert!(places.take(IpAddr::from([192, 0, 2, last]), false).is_some());
        }
        assert!(places.lock().is_empty());
    }
}
