//! Remembered consent, and what apps may do. AZ-21, AZ-22.

use std::collections::BTreeMap;

use async_trait::async_trait;
use brama_protocol::client::ClientId;
use brama_protocol::id::UserId;
use brama_protocol::resource::Resources;
use brama_protocol::scope::Scope;
use jiff::Timestamp;

use crate::Unavailable;
use crate::stored::{corrupt, scope};

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

    /// This and, for each of these resources, that scope.
    #[must_use]
    pub fn and(mut self, resources: &Resources, scope: &Scope) -> Self {
        for resource in resources.or_default() {
            let before = self.0.entry(resource.to_owned()).or_default();
            *before = before.union(scope);
        }
        self
    }

    /// Everything that was allowed for one resource or another.
    #[must_use]
    pub fn scope(&self) -> Scope {
        self.0.values().fold(Scope::default(), |all, one| all.union(one))
    }

    /// The resources that were named.
    #[must_use]
    pub fn resources(&self) -> Resources {
        self.0.keys().filter(|resource| !resource.is_empty()).map(String::as_str).collect()
    }

    /// Whether nothing was allowed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// For its column: the same consent is always the same text.
    #[must_use]
    pub fn to_stored(&self) -> String {
        let texts = self.0.iter().map(|(resource, scope)| (resource.clone(), scope.to_string().into()));
        serde_json::Value::Object(texts.collect()).to_string()
    }

    /// From its column. Nothing in it: a version of before wrote the row, and what it means is not known.
    ///
    /// # Errors
    /// It is no consent.
    pub fn from_stored(text: Option<&str>) -> Result<Self, Unavailable> {
        let Some(text) = text else { return Ok(Self::default()) };
        let texts: BTreeMap<String, String> = serde_json::from_str(text).map_err(|error| corrupt("consent", error))?;
        let read = texts.into_iter().map(|(resource, text)| Ok((resource, scope("consent", &text)?)));
        read.collect::<Result<_, Unavailable>>().map(Self)
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
