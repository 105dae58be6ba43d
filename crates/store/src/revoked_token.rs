//! Access tokens that were revoked before their time: a deny list of their ids. RFC 7009 §2.1; EP-35, TK-9.

use async_trait::async_trait;
use brama_protocol::client::ClientId;
use brama_protocol::id::GrantId;
use jiff::Timestamp;

use crate::Unavailable;
use crate::grant::Grant;
use crate::user::User;

/// An access token that shall not count any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevokedToken {
    /// Its `jti`.
    pub jti: String,
    /// Its expiry: until then it has to be known.
    pub expires_at: Timestamp,
    /// The client it was issued to.
    pub client: ClientId,
    /// The grant it came from; none for a machine's.
    pub grant: Option<GrantId>,
}

/// The deny list in the database. What is on it is refused by every node from its next look on.
#[async_trait]
pub trait RevokedTokens: Send + Sync {
    /// Put a token on the list, and note it in the log beside it. `false`: it was there.
    async fn revoke_token(&self, token: RevokedToken, now: Timestamp) -> Result<bool, Unavailable>;
    /// Whether a token is on the list.
    async fn is_token_revoked(&self, jti: &str) -> Result<bool, Unavailable>;
    /// The grant a token came from, with its user, if the grant stands ([`crate::Grants::find_grant`]) and the token is
    /// not on the list: one look for both. EP-42.
    async fn find_grant_of_token(
        &self,
        grant: GrantId,
        jti: &str,
        now: Timestamp,
    ) -> Result<Option<(Grant, User)>, Unavailable>;
}
