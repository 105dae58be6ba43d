//! Messages to apps about sessions that have ended.

use async_trait::async_trait;
use brama_protocol::client::ClientId;
use brama_protocol::id::{SessionId, UserId};
use brama_store::Unavailable;
use brama_store::audit::Event;
use brama_store::grant::NewGrant;
use brama_store::logout_delivery::{Attempt, DeliveryState, LogoutDeliveries, LogoutDelivery};
use jiff::Timestamp;
use rusqlite::{Connection, Row};

use crate::SqliteStore;
use crate::audit::{About, record};
use crate::column::{Cells, all, change, client_id, corrupt, first, millis, timestamp};

/// The columns of [`read`].
macro_rules! delivery_columns {
    () => {
        "session_id, client_id, user_id, ended_at, attempts, status, next_at, answer"
    };
}

fn read(row: &Row<'_>) -> Result<LogoutDelivery, Unavailable> {
    let mut cells = Cells::of(row);
    Ok(LogoutDelivery {
        session: SessionId::from_bytes(cells.take()?),
        client: client_id("logout_delivery", cells.take()?)?,
        user: UserId::from_bytes(cells.take()?),
        ended_at: timestamp("logout_delivery", cells.take()?)?,
        attempts: cells.take()?,
        state: {
            let (status, next_at): (i64, Option<i64>) = (cells.take()?, cells.take()?);
            match (status, next_at) {
                (2, Some(next_at)) => DeliveryState::Waiting { next_at: timestamp("logout_delivery", next_at)? },
                (3, None) => DeliveryState::Delivered,
                (4, None) => DeliveryState::Refused,
                (5, None) => DeliveryState::GivenUp,
                (other, _) => return Err(corrupt("logout_delivery", format!("status {other}"))),
            }
        },
        answer: cells.take()?,
    })
}

/// Note a client that is given an ID token beside its session, if it wants to be told of its end. LO-10.
pub(crate) fn note(connection: &Connection, new: &NewGrant) -> Result<(), Unavailable> {
    if !new.scope.scope().contains("openid") {
        return Ok(());
    }
    change(
        connection,
        "INSERT INTO logout_delivery (session_id, client_id, user_id, status, next_at, attempts)
         SELECT session.id, client.id, session.user_id, 1, session.expires_at, 0 FROM session JOIN client
         WHERE session.id = ?1 AND client.id = ?2 AND client.metadata ->> '$.backchannel_logout' IS NOT NULL
         ON CONFLICT (session_id, client_id) DO UPDATE SET status = 1, next_at = excluded.next_at, ended_at = NULL,
             attempts = 0, settled_at = NULL, answer = NULL WHERE logout_delivery.status > 2",
        (new.session.as_bytes(), new.client.as_str()),
    )
    .map(drop)
}

/// A session ends: its apps are to be told. In the transaction of the end. LO-10.
pub(crate) fn due_of_session(connection: &Connection, session: SessionId, now: Timestamp) -> Result<(), Unavailable> {
    change(
        connection,
        "UPDATE logout_delivery SET status = 2, next_at = ?2, ended_at = ?2 WHERE session_id = ?1 AND status = 1",
        (session.as_bytes(), millis(now)),
    )
    .map(drop)
}

/// All sessions of a user end, likewise.
pub(crate) fn due_of_user(connection: &Connection, user: UserId, now: Timestamp) -> Result<(), Unavailable> {
    change(
        connection,
        "UPDATE logout_delivery SET status = 2, next_at = ?2, ended_at = ?2 WHERE user_id = ?1 AND status = 1",
        (user.as_bytes(), millis(now)),
    )
    .map(drop)
}

fn is_any_due(connection: &Connection, now: Timestamp) -> Result<bool, Unavailable> {
    let sql = "SELECT 1 FROM logout_delivery WHERE next_at <= ?1 LIMIT 1";
    Ok(first(connection, sql, [millis(now)], |_| Ok(()))?.is_some())
}

/// What of `due` is a session that goes on, because it was renewed, waits for its new end.
fn claim(
    connection: &Connection,
    limit: u32,
    until: Timestamp,
    now: Timestamp,
) -> Result<Vec<LogoutDelivery>, Unavailable> {
    let due = all(
        connection,
        "SELECT d.session_id, d.client_id,
             CASE WHEN d.status = 1 AND session.ended_at IS NULL AND session.expires_at > ?1 THEN session.expires_at END
         FROM logout_delivery d LEFT JOIN session ON session.id = d.session_id
         WHERE d.next_at <= ?1 ORDER BY d.next_at LIMIT ?2",
        (millis(now), limit),
        |row| {
            let mut cells = Cells::of(row);
            Ok((cells.take::<[u8; 16]>()?, cells.take::<String>()?, cells.take::<Option<i64>>()?))
        },
    )?;
    let mut claimed = Vec::new();
    for (session, client, goes_on_until) in due {
        if let Some(end) = goes_on_until {
            let sql = "UPDATE logout_delivery SET next_at = ?3 WHERE session_id = ?1 AND client_id = ?2";
            change(connection, sql, (session, client, end))?;
            continue;
        }
        let sql = concat!(
            "UPDATE logout_delivery SET status = 2, next_at = ?3, ended_at = ifnull(ended_at, ?4), attempts = attempts + 1
             WHERE session_id = ?1 AND client_id = ?2 RETURNING ",
            delivery_columns!()
        );
        claimed.extend(first(connection, sql, (session, client, millis(until), millis(now)), read)?);
    }
    Ok(claimed)
}

fn settle(
    connection: &Connection,
    claimed: &LogoutDelivery,
    attempt: Attempt,
    answer: &str,
    now: Timestamp,
) -> Result<bool, Unavailable> {
    let (status, next_at, event) = match attempt {
        Attempt::Again(at) | Attempt::Postponed(at) => (2, Some(millis(at)), None),
        Attempt::Delivered => (3, None, Some(Event::AppSignedOut)),
        Attempt::Refused => (4, None, Some(Event::AppNotSignedOut)),
        Attempt::GivenUp => (5, None, Some(Event::AppNotSignedOut)),
    };
    let settled = change(
        connection,
        "UPDATE logout_delivery SET status = ?4, next_at = ?5, settled_at = CASE WHEN ?4 > 2 THEN ?6 END, answer = ?7,
             attempts = attempts - ?8
         WHERE session_id = ?1 AND client_id = ?2 AND status = 2 AND attempts = ?3 AND next_at IS ?9",
        (
            claimed.session.as_bytes(),
            claimed.client.as_str(),
            claimed.attempts,
            status,
            next_at,
            millis(now),
            answer,
            i64::from(matches!(attempt, Attempt::Postponed(_))),
            claimed.state.next_at().map(millis),
        ),
    )?;
    if let Some(event) = event.filter(|_| settled > 0) {
        let about = About {
            user: Some(claimed.user),
            client: Some(&claimed.client),
            session: Some(claimed.session),
            ..About::default()
        };
        record(connection, now, event, about)?;
    }
    Ok(settled > 0)
}

#[async_trait]
impl LogoutDeliveries for SqliteStore {
    async fn claim_logouts(
        &self,
        limit: u32,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<LogoutDelivery>, Unavailable> {
        // Mostly nothing is due, and the writer need not be asked.
        if !self.read(move |connection| is_any_due(connection, now)).await? {
            return Ok(Vec::new());
        }
        self.write(move |connection| claim(connection, limit, until, now)).await
    }

    async fn settle_logout(
        &self,
        claimed: &LogoutDelivery,
        attempt: Attempt,
        answer: &str,
        now: Timestamp,
    ) -> Result<bool, Unavailable> {
        let (claimed, answer) = (claimed.clone(), answer.to_owned());
        self.write(move |connection| settle(connection, &claimed, attempt, &answer, now)).await
    }

    async fn logouts_to(&self, client: &ClientId, limit: u32) -> Result<Vec<LogoutDelivery>, Unavailable> {
        let client = client.clone();
        self.read(move |connection| {
            let sql = concat!(
                "SELECT ",
                delivery_columns!(),
                " FROM logout_delivery WHERE client_id = ?1 AND ended_at IS NOT NULL
                 ORDER BY ended_at DESC, session_id DESC LIMIT ?2"
            );
            all(connection, sql, (client.as_str(), limit), read)
        })
        .await
    }
}
