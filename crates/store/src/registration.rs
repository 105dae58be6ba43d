//! Apps that register themselves: tokens that let them in, and what they need to come back. RFC 7591 §3; RFC 7592; RG-10,
//! RG-17.

use std::sync::Arc;

use async_trait::async_trait;
use brama_protocol::client::ClientId;
use brama_protocol::handle::{HandleHash, kind};
use brama_protocol::id::InitialAccessTokenId;
use jiff::{SignedDuration, Timestamp};

use crate::Unavailable;
use crate::client::ClientRecord;

/// A token that lets apps register themselves; its secret is stored as a hash only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitialAccessToken {
    /// What commands call it.
    pub id: InitialAccessTokenId,
    /// What the operator wrote down about it; may be empty.
    pub note: String,
    /// How many apps may still register with it.
    pub uses_left: u32,
    /// From when on it lets nobody in.
    pub expires_at: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
}

/// An app that wants to be registered.
#[derive(Clone, Debug)]
pub struct NewRegistration {
    /// What it is.
    pub record: ClientRecord,
    /// SHA-256 of the token that opens its registration from now on.
    pub token: HandleHash<kind::RegistrationAccessToken>,
    /// SHA-256 of the token that lets it in; nothing: registration is open.
    pub by: Option<HandleHash<kind::InitialAccessToken>>,
    /// Most apps that may be registered this way, this one included.
    pub most: u32,
    /// How long it stays without anybody using it; nothing: for ever.
    pub unused_life: Option<SignedDuration>,
}

/// What registering did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Register {
    /// It is there now, and the token that let it in has one use less.
    Registered,
    /// The token is unknown, expired or used up; nothing changed.
    TokenRefused,
    /// As many as may be are registered; nothing changed.
    Full,
    /// The id was taken; nothing changed.
    IdTaken,
}

/// A registration that its token has opened.
#[derive(Clone, Debug)]
pub struct Registration {
    /// What is registered, disabled or not.
    pub record: Arc<ClientRecord>,
    /// When the id was given.
    pub issued_at: Timestamp,
}

/// What an update does to the client's secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrets {
    /// They stay.
    Keep,
    /// It has none any more.
    Drop,
    /// It has this one alone.
    Only(HandleHash<kind::ClientSecret>),
}

/// A registration as its client wants it from now on.
#[derive(Clone, Debug)]
pub struct Replacement {
    /// What it is.
    pub record: ClientRecord,
    /// What becomes of its secrets; those of the record are not looked at.
    pub secrets: Secrets,
    /// SHA-256 of the token that has to open the registration.
    pub token: HandleHash<kind::RegistrationAccessToken>,
    /// Whether remembered consent goes, because people would not recognise the app. RG-28.
    pub forget: bool,
    /// How long it stays without anybody using it, from now on; nothing: for ever.
    pub unused_life: Option<SignedDuration>,
}

/// Registrations in the database.
#[async_trait]
pub trait Registrations: Send + Sync {
    /// Keep a new token.
    async fn add_initial_access_token(
        &self,
        token: InitialAccessToken,
        hash: HandleHash<kind::InitialAccessToken>,
    ) -> Result<(), Unavailable>;
    /// Tokens that are not swept yet, oldest first.
    async fn initial_access_tokens(&self) -> Result<Vec<InitialAccessToken>, Unavailable>;
    /// Remove a token; apps that it let in stay. `false`: there was none.
    async fn remove_initial_access_token(&self, id: InitialAccessTokenId) -> Result<bool, Unavailable>;
    /// Whether the token would let somebody in now. A hint: [`Registrations::register_client`] decides.
    async fn admits_registration(
        &self,
        hash: HandleHash<kind::InitialAccessToken>,
        now: Timestamp,
    ) -> Result<bool, Unavailable>;
    /// Register an app: the use of the token, the count and the client are one transaction, so that of many who share the
    /// last use one gets it.
    async fn register_client(&self, new: NewRegistration, now: Timestamp) -> Result<Register, Unavailable>;
    /// The registration that this token opens.
    async fn find_registration(
        &self,
        client: &ClientId,
        token: HandleHash<kind::RegistrationAccessToken>,
    ) -> Result<Option<Registration>, Unavailable>;
    /// Replace what is registered, if the token still opens it and the client is enabled; that counts as a use. `false`:
    /// nothing changed.
    async fn replace_registration(&self, new: Replacement) -> Result<bool, Unavailable>;
    /// Remove the client with everything that was given to it, if the token opens its registration and it is enabled.
    /// `false`: nothing changed.
    async fn remove_registration(
        &self,
        client: &ClientId,
        token: HandleHash<kind::RegistrationAccessToken>,
    ) -> Result<bool, Unavailable>;
}
