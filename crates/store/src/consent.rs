//! Remembered consent, and what apps may do. AZ-21, AZ-22.

use async_trait::async_trait;
use brama_protocol::client::ClientId;
use brama_protocol::id::UserId;
use brama_protocol::resource::Resources;
use brama_protocol::scope::Scope;
use jiff::Timestamp;

use crate::Unavailable;

/// What a user allowed a client before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Consent {
    /// Scopes, those of claims asked for by name among them.
    pub scope: Scope,
    /// Resources.
    pub resources: Resources,
}

/// What an app may do in the name of a user: one for each live grant, and one for consent that is remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// The app.
    pub client: ClientId,
    /// What it may do.
    pub scope: Scope,
    /// For which resources; none: its default.
    pub resources: Resources,
    /// When it was given.
    pub since: Timestamp,
    /// When a grant was last used, as far as it is noted: given or refreshed. Nothing for remembered consent.
    pub used_at: Option<Timestamp>,
}

/// Consents in the database; they are written by `consent_authorization`.
#[async_trait]
pub trait Consents: Send + Sync {
    /// What the user allowed the client before.
    async fn find_consent(&self, user: UserId, client: &ClientId) -> Result<Option<Consent>, Unavailable>;
    /// What apps may do in the name of the user: live grants and remembered consent, in order of client.
    async fn access_of(&self, user: UserId, now: Timestamp) -> Result<Vec<Access>, Unavailable>;
    /// Take an app everything that the user gave it: consent, grants, offline ones too, and codes that are on their way. It
    /// is noted in the log. `false`: it had nothing. TE-30.
    async fn withdraw_access(&self, user: UserId, client: &ClientId, now: Timestamp) -> Result<bool, Unavailable>;
}
