//! Sessions: browsers that are signed in at this server. SE-1 to SE-19.

use async_trait::async_trait;
use brama_protocol::client::ClientId;
use brama_protocol::handle::{HandleHash, kind};
use brama_protocol::id::{SessionId, UserId};
use jiff::Timestamp;

use crate::Unavailable;
use crate::user::User;

/// How a person proved who they are. RFC 8176.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authentication {
    /// When, by active sign-in; unchanged by refresh. TK-5.
    pub at: Timestamp,
    /// `amr` values, such as `pwd`.
    pub amr: Vec<String>,
    /// `acr` value.
    pub acr: String,
}

/// How long a session may live. SE-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// Without being used, seconds.
    pub idle_seconds: u32,
    /// Overall end.
    pub expires_at: Timestamp,
    /// Whether the cookie outlives the browser: "keep me signed in". SE-9.
    pub persistent: bool,
}

/// A session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The public handle: lists and the `sid` claim show it, the cookie does not. SE-3.
    pub id: SessionId,
    /// Whose it is.
    pub user: UserId,
    /// How it began.
    pub authentication: Authentication,
    /// How long it lives.
    pub lifetime: Lifetime,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_seen_at: Timestamp,
    /// A coarse name of browser and system, for its owner.
    pub device: String,
}

impl Session {
    /// Whether the session counts at this instant. SE-8; the epoch and the account are checked by the look-up itself.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        let idle = jiff::SignedDuration::from_secs(i64::from(self.lifetime.idle_seconds));
        now < self.lifetime.expires_at && now.duration_since(self.last_seen_at) < idle
    }
}

/// A session that begins with a proof of who the person is.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Its public handle; not used when a session of the same user is renewed.
    pub id: SessionId,
    /// What the cookie carries, hashed.
    pub secret: HandleHash<kind::Session>,
    /// Whose it is.
    pub user: UserId,
    /// The epoch of the account when the password was checked: if it was raised meanwhile, nothing begins. SE-14.
    pub epoch: u32,
    /// How the person proved it.
    pub authentication: Authentication,
    /// How long it may live.
    pub lifetime: Lifetime,
    /// A coarse name of browser and system.
    pub device: String,
    /// The session this browser had before.
    pub replaces: Option<HandleHash<kind::Session>>,
    /// Most live sessions of one user; the longest idle ends. SE-19.
    pub max_per_user: u32,
}

/// What beginning a session did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BeginSession {
    /// The session, new or renewed.
    Begun(Session),
    /// The account was disabled or its epoch raised since the password was checked.
    AccountChanged,
}

/// An app that was signed in to through a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionApp {
    /// The session.
    pub session: SessionId,
    /// The app.
    pub client: ClientId,
}

/// Sessions in the database.
#[async_trait]
pub trait Sessions: Send + Sync {
    /// Begin a session. If this browser had one of the same user, that one is renewed under a new secret (SE-5, SE-12):
    /// apps signed in through it stay so. One of another user ends, with all that hangs on it (SE-7). One transaction.
    async fn begin_session(&self, new: NewSession, now: Timestamp) -> Result<BeginSession, Unavailable>;
    /// The live session behind a cookie and its user; an ended, expired, idle or outdated one is none.
    async fn find_session(
        &self,
        secret: HandleHash<kind::Session>,
        now: Timestamp,
    ) -> Result<Option<(Session, User)>, Unavailable>;
    /// Note that a session was used; at most one write a minute, decided inside the statement. SE-8.
    async fn touch_session(&self, id: SessionId, now: Timestamp) -> Result<(), Unavailable>;
    /// Live sessions of a user, newest first.
    async fn sessions_of(&self, user: UserId, now: Timestamp) -> Result<Vec<Session>, Unavailable>;
    /// Which apps hold live grants of which of the user's sessions.
    async fn apps_of_sessions(&self, user: UserId, now: Timestamp) -> Result<Vec<SessionApp>, Unavailable>;
    /// End one session of a user and revoke its grants, except those given for offline use. SE-16, LO-5. One that is
    /// past its end is ended too: a clock may be set back.
    /// `false`: the user has no such session, or it was past its end or ended already.
    async fn end_session(&self, user: UserId, id: SessionId, now: Timestamp) -> Result<bool, Unavailable>;
    /// Which session a cookie is of, and whose, as long as nobody has ended it. One that was idle for too long is found
    /// too: it opens nothing any more, but what apps were given through it still stands and can be ended.
    async fn session_of_cookie(
        &self,
        secret: HandleHash<kind::Session>,
    ) -> Result<Option<(SessionId, UserId)>, Unavailable>;
    /// End the session behind a cookie, likewise, however long it was idle. `false`: there is none that was not over.
    async fn end_session_of_cookie(
        &self,
        secret: HandleHash<kind::Session>,
        now: Timestamp,
    ) -> Result<bool, Unavailable>;
    /// End all sessions of a user but one, likewise. Returns how many ended.
    async fn end_other_sessions(&self, user: UserId, keep: SessionId, now: Timestamp) -> Result<u32, Unavailable>;
    /// Sign out everywhere: raise the epoch, which ends sessions, grants, codes and offline access alike. SE-15.
    async fn end_everything(&self, user: UserId, now: Timestamp) -> Result<(), Unavailable>;
}
