//! Remembered consent, and what apps may do. AZ-21, AZ-22.

use std::collections::BTreeMap;

use async_trait::async_trait;
use brama_protocol::client::ClientId;
use brama_protocol::id::UserId;
use brama_protocol::resource::Resources;
use brama_protocol::scope::Scope;
use jiff::Timestamp;

use crate::Unavailable;

/// What a user allowed a client before: scopes, those of claims asked for by name among them, for each resource of its own.
/// What was allowed for one resource says nothing about another. AZ-22.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Consent(BTreeMap<String, Scope>);

impl Consent {
    /// What was allowed for every one of these resources, or for the client's default where none is named.
    #[must_use]
    pub fn for_all(&self, resources: &Resources) -> Scope {
        let mut allowed = resources.or_default().map(|resource| self.0.get(resource).cloned().unwrap_or_default());
        let first = allowed.next().unwrap_or_default();
        allowed.fold(first, |all, one| all.intersection(&one))
    }

    /// Whether nothing was allowed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// From rows: the resource, or the empty text of [`Resources::or_default`], and what is allowed for it.
impl FromIterator<(String, Scope)> for Consent {
    fn from_iter<I: IntoIterator<Item = (String, Scope)>>(rows: I) -> Self {
        Self(rows.into_iter().collect())
    }
}

/// What an app may do in the name of a user: one for each live grant, and for each consent that is remembered.
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
    async fn find_consent(&self, user: UserId, client: &ClientId) -> Result<Consent, Unavailable>;
    /// What apps may do in the name of the user: live grants and remembered consent, in order of client.
    async fn access_of(&self, user: UserId, now: Timestamp) -> Result<Vec<Access>, Unavailable>;
    /// Take an app everything that the user gave it: consent, grants, offline ones too, and codes that are on their way. It
    /// is noted in the log. `false`: it had nothing. TE-30.
    async fn withdraw_access(&self, user: UserId, client: &ClientId, now: Timestamp) -> Result<bool, Unavailable>;
}
