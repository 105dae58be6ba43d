//! Listening: HTTP/1.1 and HTTP/2 with every limit explicit, and a graceful end. WH-13.
//!
//! A connection has deadlines of its own (`pulse`), a connection that takes nothing is cut (`stall`), an address has
//! only so many connections and requests (`places`), and the whole server only so many connections, never more than it
//! has file descriptors for (`descriptors`). When all are taken, new ones wait in the queue of the operating system
//! while connections without a request make room.

mod admission;
mod descriptors;
mod places;
mod pulse;
mod stall;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use brama_protocol::limits;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;

use crate::address::TrustedProxies;
use crate::front::Front;
use crate::serve::admission::House;
use crate::serve::places::Places;
use crate::serve::pulse::{Mood, Pulse};
use crate::serve::stall::Watched;

/// How to serve.
pub struct Serving {
    /// Where connections come in.
    pub listener: TcpListener,
    /// What answers.
    pub front: Front,
    /// Addresses that may have more connections than others.
    pub proxies: TrustedProxies,
    /// Limits on connections.
    pub limits: Limits,
    /// How long requests in flight may take after the end was asked for.
    pub grace: Duration,
}

/// Limits on connections. The default is the table of `brama_protocol::limits`.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Open connections of the whole server; the limit on file descriptors may lower it.
    pub connections: usize,
    /// Open connections of one address, and its requests in flight. Proxies and exempt addresses are spared.
    pub connections_per_address: usize,
    /// Time for the head of a request, from the accepted connection or from the head's first byte.
    pub header_read: Duration,
    /// Time a connection is kept without a request; an answer has to be taken within it too.
    pub keep_alive: Duration,
    /// Time a client may leave an answer on the way without taking any of it.
    pub write_stall: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: limits::CONNECTIONS,
            connections_per_address: limits::CONNECTIONS_PER_ADDRESS,
            header_read: Duration::from_secs(limits::HEADER_READ_SECONDS),
            keep_alive: Duration::from_secs(limits::KEEP_ALIVE_SECONDS),
            write_stall: Duration::from_secs(limits::WRITE_STALL_SECONDS),
        }
    }
}

/// Serve until `end` resolves, then let requests in flight finish within the grace time.
pub async fn serve(serving: Serving, end: impl Future<Output = ()>) {
    let Serving { listener, front, proxies, limits, grace } = serving;
    let front = Arc::new(front);
    let most = descriptors::room_for(limits.connections);
    let (mood, _) = watch::channel(Mood::Calm);
    let mut door = Door { listener, room: Arc::new(Semaphore::new(most)), most, mood, complained: None };
    let connections = Arc::new(Places::new(limits.connections_per_address));
    let house = Arc::new(House::new(proxies, most, limits.connections_per_address));
    tokio::pin!(end);
    loop {
        let (stream, peer, room) = tokio::select! {
            () = &mut end => break,
            accepted = door.accept() => accepted,
        };
        let address = peer.ip().to_canonical();
        let Some(place) = connections.take(address, house.is_spared(address)) else {
            turn_away(&stream);
            continue;
        };
        let (front, house, mood) = (Arc::clone(&front), Arc::clone(&house), door.mood.subscribe());
        tokio::spawn(async move {
            connection(stream, peer, front, house, limits, mood).await;
            drop((place, room));
        });
    }
    let Door { listener, mood, .. } = door;
    drop(listener);
    mood.send_replace(Mood::Ending);
    if tokio::time::timeout(grace, mood.closed()).await.is_err() {
        tracing::warn!("requests were still in flight when the grace time ended");
    }
}

/// One connection, from its first byte to its end.
async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    peer: SocketAddr,
    front: Arc<Front>,
    house: Arc<House>,
    limits: Limits,
    mood: watch::Receiver<Mood>,
) {
    let pulse = Arc::new(Pulse::new(limits));
    let stream = Watched::new(stream, Arc::clone(&pulse), limits.write_stall);
    let service = admission::service(front, peer, Arc::clone(&pulse), house);
    let builder = builder();
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    if let Err(error) = pulse::attend(connection, &pulse, mood).await {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// Where connections come in, as long as there is room.
struct Door {
    listener: TcpListener,
    room: Arc<Semaphore>,
    most: usize,
    mood: watch::Sender<Mood>,
    /// When something was last said about a full house: a flood must not fill the log as well.
    complained: Option<Instant>,
}

impl Door {
    /// The next connection, when there is room for one. Running out of file descriptors is waited out.
    async fn accept(&mut self) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
        loop {
            let permit = self.permit().await;
            match self.listener.accept().await {
                Ok((stream, peer)) => {
                    // Small answers must not wait for more to send.
                    let _ = stream.set_nodelay(true);
                    return (stream, peer, permit);
                }
                // That one has gone again; the next one need not wait for it.
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    self.make_room(&format!("cannot accept a connection: {error}"));
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }

    async fn permit(&mut self) -> OwnedSemaphorePermit {
        loop {
            if let Ok(permit) = Arc::clone(&self.room).try_acquire_owned() {
                if self.room.available_permits() > self.most / 8 {
                    self.change(Mood::Calm);
                }
                return permit;
            }
            self.make_room(&format!("all {} connections are taken; new ones wait", self.most));
            // Fair: whoever else waits has waited longer. The semaphore is never closed.
            drop(self.room.acquire().await);
        }
    }

    /// Connections without a request are asked to go.
    fn make_room(&mut self, why: &str) {
        self.change(Mood::Full);
        if self.complained.is_none_or(|at| at.elapsed() >= Duration::from_secs(10)) {
            self.complained = Some(Instant::now());
            tracing::warn!("{why}");
        }
    }

    fn change(&self, to: Mood) {
        self.mood.send_if_modified(|mood| std::mem::replace(mood, to) != to);
    }
}

/// Whether accepting failed because of the one who came.
fn is_of_one_connection(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Say that this address has enough connections. Nobody waits for it to be read.
fn turn_away(stream: &TcpStream) {
    let answer = b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let _ = stream.try_write(answer);
}

fn builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        // It would end idle connections too; `pulse` tells a slow head from none.
        .header_read_timeout(None)
        .max_buf_size(limits::HEADER_BYTES)
        .max_headers(limits::HEADER_FIELDS)
        .keep_alive(true);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(limits::HEADER_BYTES).unwrap_or(u32::MAX))
        .max_frame_size(limits::HTTP2_FRAME_BYTES)
        .initial_stream_window_size(limits::HTTP2_STREAM_WINDOW_BYTES)
        .initial_connection_window_size(limits::HTTP2_CONNECTION_WINDOW_BYTES)
        .max_send_buf_size(limits::HTTP2_STREAM_WINDOW_BYTES as usize)
        .max_concurrent_streams(limits::HTTP2_STREAMS)
        // Streams that are opened and reset at once cost work without being counted above. CVE-2023-44487.
        .max_pending_accept_reset_streams(limits::HTTP2_RESETS)
        .max_local_error_reset_streams(limits::HTTP2_RESETS)
        .keep_alive_interval(Duration::from_secs(limits::KEEP_ALIVE_SECONDS / 2))
        .keep_alive_timeout(Duration::from_secs(limits::KEEP_ALIVE_SECONDS / 2));
    builder
}

#[cfg(test)]
mod tests;
