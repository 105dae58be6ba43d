//! Remembered consent. AZ-22.

use async_trait::async_trait;
use brama_protocol::client::ClientId;
use brama_protocol::id::UserId;
use brama_protocol::scope::Scope;

use crate::Unavailable;

/// Consents in the database; they are written by `consent_authorization`.
#[async_trait]
pub trait Consents: Send + Sync {
    /// What the user allowed the client before.
    async fn find_consent(&self, user: UserId, client: &ClientId) -> Result<Option<Scope>, Unavailable>;
}
