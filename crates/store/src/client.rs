//! Clients and their secrets.

use std::sync::Arc;

use async_trait::async_trait;
use brama_protocol::client::{Client, ClientId};
use brama_protocol::handle::{HandleHash, kind};
use jiff::Timestamp;

use crate::Unavailable;

/// A client as stored: what it is, and the hashes of its secrets (at most two, so that one can be replaced without a
/// gap; TE-9).
#[derive(Clone, Debug)]
pub struct ClientRecord {
    /// What it is.
    pub client: Client,
    /// SHA-256 of each secret, the newest last.
    pub secrets: Vec<HandleHash<kind::ClientSecret>>,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What adding a client did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddClient {
    /// It is there now.
    Added,
    /// Its id was taken; nothing changed.
    IdTaken,
}

/// What changing a client did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeClient {
    /// It is as wanted now.
    Changed,
    /// Somebody else changed it meanwhile; nothing changed.
    ChangedMeanwhile,
    /// There is none.
    Unknown,
}

/// What adding a secret did. TE-9.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddSecret {
    /// It opens from now on, beside the one that was there.
    Added,
    /// There are two already; nothing changed.
    TwoAlready,
    /// There is no such client.
    Unknown,
}

/// Clients in the database.
#[async_trait]
pub trait Clients: Send + Sync {
    /// The client with this id, disabled ones too.
    async fn find_client(&self, id: &ClientId) -> Result<Option<Arc<ClientRecord>>, Unavailable>;
    /// Enabled clients that list this origin, in order of id.
    async fn clients_of_origin(&self, origin: &str) -> Result<Vec<Arc<ClientRecord>>, Unavailable>;
    /// All clients in order of id.
    async fn list_clients(&self) -> Result<Vec<Arc<ClientRecord>>, Unavailable>;
    /// Add a client whose id is free. One conditional insert.
    async fn add_client(&self, record: ClientRecord) -> Result<AddClient, Unavailable>;
    /// Put a client, whether it existed or not: how configuration declares clients. Secrets already stored stay, but for
    /// all but the newest two.
    async fn declare_client(&self, record: ClientRecord) -> Result<(), Unavailable>;
    /// Change what a client is; its secrets stay, unless its way of authentication has none any more. `was`: its [`ClientRecord::updated_at`] as the caller saw it, so that of
    /// two changes at once neither is lost unseen.
    async fn change_client(&self, client: Client, was: Timestamp, now: Timestamp) -> Result<ChangeClient, Unavailable>;
    /// Give a client a secret beside the one it has. At most two count.
    async fn add_client_secret(
        &self,
        id: &ClientId,
        secret: HandleHash<kind::ClientSecret>,
        now: Timestamp,
    ) -> Result<AddSecret, Unavailable>;
    /// End all secrets of a client but the newest. How many ended; nothing: there is no such client.
    async fn retire_client_secrets(&self, id: &ClientId, now: Timestamp) -> Result<Option<u32>, Unavailable>;
    /// Remove a client and everything that was given to it. `false`: there was none.
    async fn remove_client(&self, id: &ClientId) -> Result<bool, Unavailable>;
}
