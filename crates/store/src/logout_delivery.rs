//! Telling apps that a session has ended. OpenID Back-Channel Logout 1.0; LO-10, LO-12.
//!
//! The list of apps to tell begins with the sign-in: giving a grant with the scope `openid` to a client that has a
//! `backchannel_logout` notes the client beside its session. Every operation that ends a session makes its notes due in the
//! same transaction, so no end is without its messages; those of a session that only time ended become due by themselves.
//! Whoever claims a due message delivers it and settles what came of it.

use async_trait::async_trait;
use brama_protocol::client::ClientId;
use brama_protocol::id::{SessionId, UserId};
use jiff::Timestamp;

use crate::Unavailable;

/// How it stands with the message of one session to one app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    /// It is to be sent, at the earliest then.
    Waiting {
        /// The next try.
        next_at: Timestamp,
    },
    /// The app has taken it.
    Delivered,
    /// The app says that it will not act on it. Back-Channel Logout §2.8.
    Refused,
    /// All tries were in vain.
    GivenUp,
}

impl DeliveryState {
    /// The next try, of one that waits: where it was claimed, the end of the claim.
    #[must_use]
    pub fn next_at(self) -> Option<Timestamp> {
        match self {
            Self::Waiting { next_at } => Some(next_at),
            Self::Delivered | Self::Refused | Self::GivenUp => None,
        }
    }

    /// The word for it in reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting { .. } => "waiting",
            Self::Delivered => "delivered",
            Self::Refused => "refused",
            Self::GivenUp => "given_up",
        }
    }
}

/// The message of one session that has ended to one app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogoutDelivery {
    /// The session that ended.
    pub session: SessionId,
    /// The app.
    pub client: ClientId,
    /// Whose session it was.
    pub user: UserId,
    /// When it ended.
    pub ended_at: Timestamp,
    /// Tries so far, one that is going on included.
    pub attempts: u32,
    /// How it stands.
    pub state: DeliveryState,
    /// What the last try came to, in words for the operator.
    pub answer: Option<String>,
}

/// What a try came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// The app has taken the message.
    Delivered,
    /// The app will not act on it.
    Refused,
    /// It was in vain: try again then.
    Again(Timestamp),
    /// Nothing was sent, and no try is counted: it is due then.
    Postponed(Timestamp),
    /// That was the last try.
    GivenUp,
}

/// Messages to apps in the database.
#[async_trait]
pub trait LogoutDeliveries: Send + Sync {
    /// Take at most `limit` messages that are due, each of them for one caller alone: it counts a try, and another caller
    /// may take it only after `until`, if it was not settled before. One conditional write.
    async fn claim_logouts(
        &self,
        limit: u32,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<LogoutDelivery>, Unavailable>;
    /// Say what the try of a claimed message came to; the end of it is noted in the audit log. `false`: somebody else has
    /// taken or settled it meanwhile, and nothing was changed.
    async fn settle_logout(
        &self,
        claimed: &LogoutDelivery,
        attempt: Attempt,
        answer: &str,
        now: Timestamp,
    ) -> Result<bool, Unavailable>;
    /// The newest messages to an app, at most `limit`.
    async fn logouts_to(&self, client: &ClientId, limit: u32) -> Result<Vec<LogoutDelivery>, Unavailable>;
}
