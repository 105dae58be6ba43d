//! The audit log: what happened to accounts, in rows that hold no secret.
//!
//! Operations write their own rows in their own transaction, so that a deed and its record are one.

use async_trait::async_trait;
use brama_protocol::client::ClientId;
use brama_protocol::id::{GrantId, SessionId, UserId};
use jiff::Timestamp;

use crate::Unavailable;

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A session began.
    SignedIn,
    /// A session was ended by its owner.
    SignedOut,
    /// An app was given tokens.
    GrantIssued,
    /// A superseded refresh token came back: the grant was revoked. TE-27.
    RefreshReused,
    /// A spent authorization code came back with everything right: its grant was revoked. AZ-30.
    CodeReplayed,
    /// A refresh token was revoked by its client, and so its grant. RFC 7009.
    GrantRevoked,
    /// An access token was revoked by its client. RFC 7009.
    TokenRevoked,
    /// A user took an app what it was given.
    AccessWithdrawn,
    /// An app has taken the message that a session of its user ended. LO-12.
    AppSignedOut,
    /// An app could not be told, or would not listen. LO-12.
    AppNotSignedOut,
    /// An account was made.
    UserAdded,
    /// A password was set.
    PasswordSet,
    /// An account was disabled or enabled.
    StatusChanged,
    /// A client was added or changed.
    ClientChanged,
    /// An announced signing key began to sign.
    SigningKeyActivated,
    /// A signing key was removed before its time.
    SigningKeyRemoved,
    /// A backup was restored: everything begun before has ended.
    Restored,
}

impl Event {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::SignedIn,
        Self::SignedOut,
        Self::GrantIssued,
        Self::RefreshReused,
        Self::CodeReplayed,
        Self::GrantRevoked,
        Self::TokenRevoked,
        Self::AccessWithdrawn,
        Self::AppSignedOut,
        Self::AppNotSignedOut,
        Self::UserAdded,
        Self::PasswordSet,
        Self::StatusChanged,
        Self::ClientChanged,
        Self::SigningKeyActivated,
        Self::SigningKeyRemoved,
        Self::Restored,
    ];

    /// The word in the database and in exports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SignedIn => "signed_in",
            Self::SignedOut => "signed_out",
            Self::GrantIssued => "grant_issued",
            Self::RefreshReused => "refresh_reused",
            Self::CodeReplayed => "code_replayed",
            Self::GrantRevoked => "grant_revoked",
            Self::TokenRevoked => "token_revoked",
            Self::AccessWithdrawn => "access_withdrawn",
            Self::AppSignedOut => "app_signed_out",
            Self::AppNotSignedOut => "app_not_signed_out",
            Self::UserAdded => "user_added",
            Self::PasswordSet => "password_set",
            Self::StatusChanged => "status_changed",
            Self::ClientChanged => "client_changed",
            Self::SigningKeyActivated => "signing_key_activated",
            Self::SigningKeyRemoved => "signing_key_removed",
            Self::Restored => "restored",
        }
    }

    /// From the word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.as_str() == word)
    }
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    /// Its place in the log: later rows have larger numbers.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub event: Event,
    /// To whom.
    pub user: Option<UserId>,
    /// Through which app.
    pub client: Option<ClientId>,
    /// In which session.
    pub session: Option<SessionId>,
    /// With which grant.
    pub grant: Option<GrantId>,
}

/// Reading the log.
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// The newest rows about a user, newest first, at most `limit`.
    async fn audit_of_user(&self, user: UserId, limit: u32) -> Result<Vec<AuditRow>, Unavailable>;
}
