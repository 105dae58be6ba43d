//! Listening: HTTP/1.1 and HTTP/2 with every limit explicit, and a graceful end. WH-13.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use brama_protocol::limits;
use http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower::ServiceExt as _;

use crate::address::TrustedProxies;

/// How to serve.
pub struct Serving {
    /// Where connections come in.
    pub listener: TcpListener,
    /// What answers.
    pub router: Router,
    /// Addresses that may have more connections than others.
    pub proxies: TrustedProxies,
    /// How long requests in flight may take after the end was asked for.
    pub grace: Duration,
}

/// Connections per address. WH-13.
#[derive(Default)]
struct PerAddress(Mutex<HashMap<IpAddr, usize>>);

/// One connection's place; it is free again when this is dropped.
struct Place {
    counts: Arc<PerAddress>,
    address: IpAddr,
}

impl PerAddress {
    fn take(self: &Arc<Self>, address: IpAddr, spared: bool) -> Option<Place> {
        let mut counts = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let count = counts.entry(address).or_insert(0);
        if *count >= limits::CONNECTIONS_PER_ADDRESS && !spared {
            return None;
        }
        *count += 1;
        Some(Place { counts: Arc::clone(self), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.counts.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

/// Serve until `end` resolves, then let requests in flight finish within the grace time.
pub async fn serve(serving: Serving, end: impl Future<Output = ()>) {
    let Serving { listener, router, proxies, grace } = serving;
    let (graceful, all, counts) =
        (GracefulShutdown::new(), Arc::new(Semaphore::new(limits::CONNECTIONS)), Arc::default());
    tokio::pin!(end);
    loop {
        let (stream, peer) = tokio::select! {
            () = &mut end => break,
            accepted = accept(&listener, &all) => accepted,
        };
        let address = peer.ip().to_canonical();
        let spared = proxies.is_exempt(address) || proxies.proxies.iter().any(|network| network.contains(&address));
        let Some(place) = PerAddress::take(&counts, address, spared) else { continue };
        let Ok(permit) = Arc::clone(&all).try_acquire_owned() else { continue };
        let service = router.clone().map_request(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            request
        });
        let connection = builder()
            .serve_connection_with_upgrades(TokioIo::new(stream), TowerToHyperService::new(service))
            .into_owned();
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop((place, permit));
        });
    }
    drop(listener);
    if tokio::time::timeout(grace, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests were still in flight when the grace time ended");
    }
}

/// The next connection, when there is room for one. Running out of file descriptors is waited out.
async fn accept(listener: &TcpListener, all: &Semaphore) -> (TcpStream, SocketAddr) {
    loop {
        if let Ok(room) = all.acquire().await {
            drop(room);
        }
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Small answers must not wait for more to send.
                let _ = stream.set_nodelay(true);
                return (stream, peer);
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

fn builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(limits::HEADER_READ_SECONDS))
        .max_buf_size(limits::HEADER_BYTES)
        .max_headers(limits::HEADER_FIELDS)
        .keep_alive(true);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(limits::HEADER_BYTES).unwrap_or(u32::MAX))
        .max_concurrent_streams(limits::HTTP2_STREAMS)
        .max_pending_accept_reset_streams(limits::HTTP2_STREAMS as usize)
        .keep_alive_interval(Duration::from_secs(limits::KEEP_ALIVE_SECONDS / 2))
        .keep_alive_timeout(Duration::from_secs(limits::KEEP_ALIVE_SECONDS / 2));
    builder
}
