//! Access tokens that were revoked before their time.

use async_trait::async_trait;
use brama_protocol::id::GrantId;
use brama_store::Unavailable;
use brama_store::audit::Event;
use brama_store::grant::Grant;
use brama_store::revoked_token::{RevokedToken, RevokedTokens};
use brama_store::user::User;
use jiff::Timestamp;

use crate::PostgresStore;
use crate::column::millis;
use crate::grant;

#[async_trait]
impl RevokedTokens for PostgresStore {
    async fn revoke_token(&self, token: RevokedToken, now: Timestamp) -> Result<bool, Unavailable> {
        let listed = self
            .pool
            .change(
                "WITH listed AS (
                     INSERT INTO revoked_token (jti, expires_at) VALUES ($1, $2) ON CONFLICT (jti) DO NOTHING RETURNING jti
                 )
                 INSERT INTO audit (at, event, user_id, client_id, session_id, grant_id)
                 SELECT $3::bigint, $4, g.user_id, $5, g.session_id, $6::bytea
                 FROM listed LEFT JOIN app_grant g ON g.id = $6 RETURNING 1",
                &[
                    &token.jti,
                    &millis(token.expires_at),
                    &millis(now),
                    &Event::TokenRevoked.as_str(),
                    &token.client.as_str(),
                    &token.grant.as_ref().map(|id| id.as_bytes().as_slice()),
                ],
            )
            .await?;
        Ok(!listed.is_empty())
    }

    async fn is_token_revoked(&self, jti: &str) -> Result<bool, Unavailable> {
        Ok(self.pool.first("SELECT 1 FROM revoked_token WHERE jti = $1", &[&jti]).await?.is_some())
    }

    async fn find_grant_of_token(
        &self,
        grant: GrantId,
        jti: &str,
        now: Timestamp,
    ) -> Result<Option<(Grant, User)>, Unavailable> {
        grant::find_of_token(&self.pool, grant, jti, now).await
    }
}
