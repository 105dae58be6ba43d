//! Pushed authorization requests. RFC 9126; EP-1 to EP-7.

use async_trait::async_trait;
use brama_protocol::client::ClientId;
use brama_protocol::handle::{HandleHash, kind};
use jiff::Timestamp;

use crate::Unavailable;

/// A request that a client pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushedRequest {
    /// What its `request_uri` carries, hashed.
    pub handle: HandleHash<kind::PushedRequest>,
    /// Whose it is; nobody else may use it. EP-4.
    pub client: ClientId,
    /// Its parameters, form-encoded, without the client's credentials.
    pub parameters: String,
    /// When it came.
    pub created_at: Timestamp,
    /// Until when it may be opened first.
    pub expires_at: Timestamp,
}

/// A browser comes with a handle.
#[derive(Clone, Copy, Debug)]
pub struct Opening {
    /// The browser, by the hash of its transaction cookie.
    pub browser: HandleHash<kind::Browser>,
    /// A request that was pushed after this instant may be opened by any browser; an older one only by a browser in which an
    /// authorization came from it. EP-3.
    pub pushed_after: Timestamp,
    /// Until when the request is kept once it was opened.
    pub until: Timestamp,
}

/// Pushed requests in the database. One is answered once at most: [`approve_authorization`] and [`deny_authorization`] see
/// to that in the statement that answers.
///
/// [`approve_authorization`]: crate::Authorizations::approve_authorization
/// [`deny_authorization`]: crate::Authorizations::deny_authorization
#[async_trait]
pub trait PushedRequests: Send + Sync {
    /// Store a pushed request.
    async fn push_request(&self, new: PushedRequest) -> Result<(), Unavailable>;
    /// The parameters of a pushed request of this client that was not answered yet. The first time it is kept until
    /// [`Opening::until`]: what limits the handle is the first load alone, and a page may be loaded again in the browser that
    /// loaded it. EP-5. One conditional statement. Nothing: it is unknown, over, answered, another client's or another
    /// browser's.
    async fn open_pushed_request(
        &self,
        handle: HandleHash<kind::PushedRequest>,
        client: &ClientId,
        opening: Opening,
        now: Timestamp,
    ) -> Result<Option<String>, Unavailable>;
}
