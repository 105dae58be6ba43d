//! Access tokens that were revoked before their time.

use async_trait::async_trait;
use brama_protocol::id::GrantId;
use brama_store::Unavailable;
use brama_store::audit::Event;
use brama_store::grant::Grant;
use brama_store::revoked_token::{RevokedToken, RevokedTokens};
use brama_store::user::User;
use jiff::Timestamp;
use rusqlite::Connection;

use crate::SqliteStore;
use crate::column::{change, first, millis};
use crate::grant;

fn is_revoked(connection: &Connection, jti: &str) -> Result<bool, Unavailable> {
    let found = first(connection, "SELECT 1 FROM revoked_token WHERE jti = ?1", [jti], |_| Ok(()))?;
    Ok(found.is_some())
}

#[async_trait]
impl RevokedTokens for SqliteStore {
    async fn revoke_token(&self, token: RevokedToken, now: Timestamp) -> Result<bool, Unavailable> {
        self.write(move |connection| {
            let listed = change(
                connection,
                "INSERT INTO revoked_token (jti, expires_at) VALUES (?1, ?2) ON CONFLICT (jti) DO NOTHING",
                (&token.jti, millis(token.expires_at)),
            )?;
            if listed == 0 {
                return Ok(false);
            }
            change(
                connection,
                "INSERT INTO audit (at, event, user_id, client_id, session_id, grant_id)
                 SELECT ?1, ?2, app_grant.user_id, ?3, app_grant.session_id, ?4
                 FROM (SELECT 1) LEFT JOIN app_grant ON app_grant.id = ?4",
                (
                    millis(now),
                    Event::TokenRevoked.as_str(),
                    token.client.as_str(),
                    token.grant.as_ref().map(GrantId::as_bytes),
                ),
            )?;
            Ok(true)
        })
        .await
    }

    async fn is_token_revoked(&self, jti: &str) -> Result<bool, Unavailable> {
        let jti = jti.to_owned();
        self.read(move |connection| is_revoked(connection, &jti)).await
    }

    async fn find_grant_of_token(
        &self,
        grant: GrantId,
        jti: &str,
        now: Timestamp,
    ) -> Result<Option<(Grant, User)>, Unavailable> {
        let jti = jti.to_owned();
        self.read(
            move |connection| {
                if is_revoked(connection, &jti)? { Ok(None) } else { grant::find_live(connection, grant, now) }
            },
        )
        .await
    }
}
