//! Pushed authorization requests.

use async_trait::async_trait;
use brama_protocol::client::ClientId;
use brama_protocol::handle::{HandleHash, kind};
use brama_store::Unavailable;
use brama_store::par::{Opening, PushedRequest, PushedRequests};
use jiff::Timestamp;

use crate::PostgresStore;
use crate::column::{get, millis};

#[async_trait]
impl PushedRequests for PostgresStore {
    async fn push_request(&self, new: PushedRequest) -> Result<(), Unavailable> {
        self.pool
            .change(
                "INSERT INTO par (handle, client_id, parameters, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)",
                &[
                    &new.handle.as_bytes().as_slice(),
                    &new.client.as_str(),
                    &new.parameters,
                    &millis(new.created_at),
                    &millis(new.expires_at),
                ],
            )
            .await
            .map(drop)
    }

    async fn open_pushed_request(
        &self,
        handle: HandleHash<kind::PushedRequest>,
        client: &ClientId,
        opening: Opening,
        now: Timestamp,
    ) -> Result<Option<String>, Unavailable> {
        let opened = self
            .pool
            .change(
                "UPDATE par SET expires_at = CASE WHEN opened THEN expires_at ELSE $4 END, opened = true
                 WHERE handle = $1 AND client_id = $2 AND expires_at > $3 AND answered_at IS NULL
                     AND (created_at > $5 OR EXISTS (SELECT 1 FROM \"authorization\" a
                         WHERE a.pushed = $1 AND a.browser = $6 AND a.expires_at > $3))
                 RETURNING parameters",
                &[
                    &handle.as_bytes().as_slice(),
                    &client.as_str(),
                    &millis(now),
                    &millis(opening.until),
                    &millis(opening.pushed_after),
                    &opening.browser.as_bytes().as_slice(),
                ],
            )
            .await?;
        opened.first().map(|row| get(row, "parameters")).transpose()
    }
}
