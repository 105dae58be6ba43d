//! The audit log.

use async_trait::async_trait;
use brama_protocol::client::ClientId;
use brama_protocol::id::{GrantId, SessionId, UserId};
use brama_store::Unavailable;
use brama_store::audit::{AuditLog, AuditRow, Event};
use jiff::Timestamp;
use tokio_postgres::Row;

use crate::PostgresStore;
use crate::column::{client_id, corrupt, get, instant, maybe_bytes, millis, number};
use crate::pool::{Fault, Transaction};

/// What a row is about.
#[derive(Clone, Copy, Default)]
pub(crate) struct About<'a> {
    pub(crate) user: Option<UserId>,
    pub(crate) client: Option<&'a ClientId>,
    pub(crate) session: Option<SessionId>,
    pub(crate) grant: Option<GrantId>,
}

/// Add a row in the transaction of the deed.
pub(crate) async fn record(
    transaction: &Transaction,
    now: Timestamp,
    event: Event,
    about: About<'_>,
) -> Result<(), Fault> {
    transaction
        .change(
            "INSERT INTO audit (at, event, user_id, client_id, session_id, grant_id) VALUES ($1, $2, $3, $4, $5, $6)",
            &[
                &millis(now),
                &event.as_str(),
                &about.user.as_ref().map(|id| id.as_bytes().as_slice()),
                &about.client.map(ClientId::as_str),
                &about.session.as_ref().map(|id| id.as_bytes().as_slice()),
                &about.grant.as_ref().map(|id| id.as_bytes().as_slice()),
            ],
        )
        .await
        .map(drop)
}

fn read(row: &Row, user: UserId) -> Result<AuditRow, Unavailable> {
    let event: &str = get(row, "event")?;
    Ok(AuditRow {
        number: number("audit", row, "number")?,
        at: instant("audit", row, "at")?,
        event: Event::parse(event).ok_or_else(|| corrupt("audit", event))?,
        user: Some(user),
        client: get::<Option<String>>(row, "client_id")?.map(|id| client_id("audit", id)).transpose()?,
        session: maybe_bytes("audit", row, "session_id")?.map(SessionId::from_bytes),
        grant: maybe_bytes("audit", row, "grant_id")?.map(GrantId::from_bytes),
    })
}

#[async_trait]
impl AuditLog for PostgresStore {
    async fn audit_of_user(&self, user: UserId, limit: u32) -> Result<Vec<AuditRow>, Unavailable> {
        let rows = self
            .pool
            .all(
                "SELECT number, at, event, client_id, session_id, grant_id FROM audit WHERE user_id = $1
                 ORDER BY number DESC LIMIT $2",
                &[&user.as_bytes().as_slice(), &i64::from(limit)],
            )
            .await?;
        rows.iter().map(|row| read(row, user)).collect()
    }
}
