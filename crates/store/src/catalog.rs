//! The catalog: clients and signing keys, which change rarely and which every node keeps in memory.

use async_trait::async_trait;

use crate::Unavailable;

/// How a node notices that somebody changed the catalog: another node, or an administration command.
#[async_trait]
pub trait Catalog: Send + Sync {
    /// A number that grows with every change of a client or of a signing key, in the transaction of that change.
    async fn catalog_version(&self) -> Result<u64, Unavailable>;
    /// Wait until looking at [`Catalog::catalog_version`] again is worth it: a notification, or a while without one. It
    /// never waits longer than half a second where no notification can come.
    async fn catalog_hint(&self);
}
