//! Whether there is room for a request. HTTP/2 and proxies put many people, or one person many times, on a connection,
//! so there the requests are counted and not only the connections. WH-13.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::{Request, StatusCode, Version, header};
use hyper::body::Incoming;
use hyper::service::service_fn;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::address::TrustedProxies;
use crate::front::Front;
use crate::serve::places::{Place, Places};
use crate::serve::pulse::Pulse;

/// What all connections share.
pub(super) struct House {
    proxies: TrustedProxies,
    requests: Arc<Semaphore>,
    per_address: Arc<Places>,
}

/// Room for one request, until this is dropped.
type Room = (Option<OwnedSemaphorePermit>, Option<Place>);

impl House {
    pub(super) fn new(proxies: TrustedProxies, requests: usize, per_address: usize) -> Self {
        let per_address = Arc::new(Places::new(per_address));
        Self { proxies, requests: Arc::new(Semaphore::new(requests)), per_address }
    }

    /// Whether the limits on connections of one address do not hold for it.
    pub(super) fn is_spared(&self, address: IpAddr) -> bool {
        self.proxies.is_exempt(address) || self.proxies.proxies.iter().any(|network| network.contains(&address))
    }

    /// A connection of HTTP/1.1 that comes straight from its client has one request at a time: it is counted already.
    fn admit<B>(&self, peer: IpAddr, request: &Request<B>) -> Result<Room, StatusCode> {
        let multiplexed = request.version() == Version::HTTP_2;
        let client = self.proxies.client(peer, request.headers());
        let all = if multiplexed {
            let permit = Arc::clone(&self.requests).try_acquire_owned();
            Some(permit.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?)
        } else {
            None
        };
        let its_own = if (multiplexed || client != peer.to_canonical()) && !self.is_spared(client) {
            Some(self.per_address.take(client, false).ok_or(StatusCode::TOO_MANY_REQUESTS)?)
        } else {
            None
        };
        Ok((all, its_own))
    }
}

/// What answers the requests of one connection.
pub(super) fn service(
    front: Arc<Front>,
    peer: SocketAddr,
    pulse: Arc<Pulse>,
    house: Arc<House>,
) -> impl hyper::service::Service<
    Request<Incoming>,
    Response = Response,
    Error = Infallible,
    Future = impl Future<Output = Result<Response, Infallible>> + Send + 'static,
> {
    service_fn(move |request: Request<Incoming>| {
        let in_flight = pulse.begin(request.version() == Version::HTTP_2);
        let room = house.admit(peer.ip(), &request);
        let front = Arc::clone(&front);
        async move {
            let _in_flight = in_flight;
            let _room = match room {
                Ok(room) => room,
                Err(status) => return Ok((status, [(header::RETRY_AFTER, "1")]).into_response()),
            };
            Ok(front.answer(peer, request.map(Body::new)).await)
        }
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn request(version: Version, forwarded: &str) -> Request<()> {
        let request = Request::builder().version(version).header("x-forwarded-for", forwarded);
        request.body(()).unwrap()
    }

    fn house() -> House {
        let proxies = vec!["10.0.0.0/8".parse().unwrap()];
        let exempt = vec!["192.0.2.9/32".parse().unwrap()];
        House::new(TrustedProxies { proxies, exempt }, 5, 2)
    }

    #[test]
    fn wh13_one_address_behind_a_proxy_has_so_many_requests_in_flight() {
        let house = house();
        let ask = |client: &str| house.admit([10, 0, 0, 1].into(), &request(Version::HTTP_11, client));
        let first = ask("192.0.2.1").unwrap();
        let _second = ask("192.0.2.1").unwrap();
        assert_eq!(ask("192.0.2.1").err(), Some(StatusCode::TOO_MANY_REQUESTS));
        let _another = ask("192.0.2.2").unwrap();
        let spared: Vec<_> = (0..9).map(|_| ask("192.0.2.9")).collect();
        assert!(spared.iter().all(Result::is_ok));
        drop(first);
        assert!(ask("192.0.2.1").is_ok());
    }

    #[test]
    fn wh13_streams_of_all_connections_are_counted_together() {
        let house = house();
        let ask = |last: u8| house.admit([192, 0, 2, last].into(), &request(Version::HTTP_2, ""));
        let _two = [ask(1).unwrap(), ask(1).unwrap()];
        assert_eq!(ask(1).err(), Some(StatusCode::TOO_MANY_REQUESTS));
        let _three = [ask(2).unwrap(), ask(2).unwrap(), ask(3).unwrap()];
        assert_eq!(ask(3).err(), Some(StatusCode::SERVICE_UNAVAILABLE));
        // Who has a connection each is counted by it.
        for _ in 0..9 {
            assert!(house.admit([192, 0, 2, 3].into(), &request(Version::HTTP_11, "")).is_ok());
        }
    }
}
