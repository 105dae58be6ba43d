//! From names to addresses.

use std::io;
use std::net::SocketAddr;

use async_trait::async_trait;

/// Looks names up. Asked once per request: what it answers is checked, and then connected to.
#[async_trait]
pub trait Resolve: Send + Sync {
    /// All addresses of a host.
    ///
    /// # Errors
    /// The name is unknown, or nobody could be asked.
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>>;
}

/// The resolver of the operating system.
#[derive(Clone, Copy, Debug)]
pub struct System;

#[async_trait]
impl Resolve for System {
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host((host, port)).await?.collect())
    }
}
