//! The audit log.

use async_trait::async_trait;
use brama_protocol::client::ClientId;
use brama_protocol::id::{GrantId, SessionId, UserId};
use brama_store::Unavailable;
use brama_store::audit::{AuditLog, AuditRow, Event};
use jiff::Timestamp;
use rusqlite::Connection;

use crate::SqliteStore;
use crate::column::{all, change, client_id, corrupt, get, millis, timestamp};

/// What a row is about.
#[derive(Clone, Copy, Default)]
pub(crate) struct About<'a> {
    pub(crate) user: Option<UserId>,
    pub(crate) client: Option<&'a ClientId>,
    pub(crate) session: Option<SessionId>,
    pub(crate) grant: Option<GrantId>,
}

/// Add a row in the transaction of the deed.
pub(crate) fn record(
    connection: &Connection,
    now: Timestamp,
    event: Event,
    about: About<'_>,
) -> Result<(), Unavailable> {
    change(
        connection,
        "INSERT INTO audit (at, event, user_id, client_id, session_id, grant_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        (
            millis(now),
            event.as_str(),
            about.user.as_ref().map(UserId::as_bytes),
            about.client.map(ClientId::as_str),
            about.session.as_ref().map(SessionId::as_bytes),
            about.grant.as_ref().map(GrantId::as_bytes),
        ),
    )
    .map(drop)
}

#[async_trait]
impl AuditLog for SqliteStore {
    async fn audit_of_user(&self, user: UserId, limit: u32) -> Result<Vec<AuditRow>, Unavailable> {
        self.read(move |connection| {
            all(
                connection,
                "SELECT number, at, event, client_id, session_id, grant_id FROM audit WHERE user_id = ?1 ORDER BY number DESC LIMIT ?2",
                (user.as_bytes(), limit),
                |row| {
                    let event: String = get(row, "event")?;
                    let number: i64 = get(row, "number")?;
                    Ok(AuditRow {
                        number: u64::try_from(number).map_err(|error| corrupt("audit", error))?,
                        at: timestamp("audit", get(row, "at")?)?,
                        event: Event::parse(&event).ok_or_else(|| corrupt("audit", event))?,
                        user: Some(user),
                        client: get::<Option<String>>(row, "client_id")?.map(|id| client_id("audit", id)).transpose()?,
                        session: get::<Option<[u8; 16]>>(row, "session_id")?.map(SessionId::from_bytes),
                        grant: get::<Option<[u8; 16]>>(row, "grant_id")?.map(GrantId::from_bytes),
                    })
                },
            )
        })
        .await
    }
}
