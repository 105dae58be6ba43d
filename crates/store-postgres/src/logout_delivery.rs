//! Messages to apps about sessions that have ended.

use async_trait::async_trait;
use brama_protocol::client::ClientId;
use brama_protocol::id::{SessionId, UserId};
use brama_store::Unavailable;
use brama_store::audit::Event;
use brama_store::logout_delivery::{Attempt, DeliveryState, LogoutDeliveries, LogoutDelivery};
use jiff::Timestamp;
use tokio_postgres::Row;

use crate::PostgresStore;
use crate::column::{bytes, client_id, corrupt, get, instant, millis, number, timestamp};
use crate::pool::{Fault, Transaction};

/// The columns of [`read`], of a message `d`.
macro_rules! delivery_columns {
    () => {
        "d.session_id, d.client_id, d.user_id, d.ended_at, d.attempts, d.status, d.next_at, d.answer"
    };
}

/// For a grant in `given`: note the client beside its session, if it gets ID tokens and wants to be told of the session's
/// end. LO-10.
macro_rules! note {
    () => {
        "listed AS (
             INSERT INTO logout_delivery AS d (session_id, client_id, user_id, status, next_at, attempts)
             SELECT given.session_id, given.client_id, given.user_id, 1, s.expires_at, 0
             FROM given JOIN session s ON s.id = given.session_id JOIN client c ON c.id = given.client_id
             WHERE 'openid' = ANY (string_to_array(given.scope, ' '))
                 AND c.metadata::json ->> 'backchannel_logout' IS NOT NULL
             ON CONFLICT (session_id, client_id) DO UPDATE SET status = 1, next_at = excluded.next_at, ended_at = NULL,
                 attempts = 0, settled_at = NULL, answer = NULL WHERE d.status > 2
         )"
    };
}
pub(crate) use note;

fn read(row: &Row) -> Result<LogoutDelivery, Unavailable> {
    Ok(LogoutDelivery {
        session: SessionId::from_bytes(bytes("logout_delivery", row, "session_id")?),
        client: client_id("logout_delivery", get(row, "client_id")?)?,
        user: UserId::from_bytes(bytes("logout_delivery", row, "user_id")?),
        ended_at: instant("logout_delivery", row, "ended_at")?,
        attempts: number("logout_delivery", row, "attempts")?,
        state: match (get::<i64>(row, "status")?, get::<Option<i64>>(row, "next_at")?) {
            (2, Some(next_at)) => DeliveryState::Waiting { next_at: timestamp("logout_delivery", next_at)? },
            (3, None) => DeliveryState::Delivered,
            (4, None) => DeliveryState::Refused,
            (5, None) => DeliveryState::GivenUp,
            (other, _) => return Err(corrupt("logout_delivery", format!("status {other}"))),
        },
        answer: get(row, "answer")?,
    })
}

/// All sessions of a user end: their apps are to be told. In the transaction of the end; [`crate::session`] does the same
/// for single sessions. LO-10.
pub(crate) async fn due_of_user(transaction: &Transaction, user: &[u8], now: i64) -> Result<(), Fault> {
    let sql = "UPDATE logout_delivery SET status = 2, next_at = $2, ended_at = $2 WHERE user_id = $1 AND status = 1";
    transaction.change(sql, &[&user, &now]).await.map(drop)
}

#[async_trait]
impl LogoutDeliveries for PostgresStore {
    async fn claim_logouts(
        &self,
        limit: u32,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<LogoutDelivery>, Unavailable> {
        // A session that goes on, because it was renewed, waits for its new end. Whoever else claims at this moment takes
        // other rows.
        let sql = concat!(
            "WITH due AS (
                 SELECT session_id, client_id FROM logout_delivery WHERE next_at <= $1
                 ORDER BY next_at LIMIT $2 FOR UPDATE SKIP LOCKED
             ), judged AS (
                 SELECT due.session_id, due.client_id, s.expires_at AS goes_on_until
                 FROM due LEFT JOIN session s ON s.id = due.session_id AND s.ended_at IS NULL AND s.expires_at > $1
             ), renewed AS (
                 UPDATE logout_delivery d SET next_at = judged.goes_on_until FROM judged
                 WHERE d.session_id = judged.session_id AND d.client_id = judged.client_id AND d.status = 1
                     AND judged.goes_on_until IS NOT NULL
             )
             UPDATE logout_delivery d
             SET status = 2, next_at = $3, ended_at = coalesce(d.ended_at, $1), attempts = d.attempts + 1
             FROM judged WHERE d.session_id = judged.session_id AND d.client_id = judged.client_id
                 AND (d.status = 2 OR judged.goes_on_until IS NULL)
             RETURNING ",
            delivery_columns!()
        );
        let claimed = self.pool.change(sql, &[&millis(now), &i64::from(limit), &millis(until)]).await?;
        claimed.iter().map(read).collect()
    }

    async fn settle_logout(
        &self,
        claimed: &LogoutDelivery,
        attempt: Attempt,
        answer: &str,
        now: Timestamp,
    ) -> Result<bool, Unavailable> {
        let (status, next_at, event) = match attempt {
            Attempt::Again(at) | Attempt::Postponed(at) => (2_i64, Some(millis(at)), None),
            Attempt::Delivered => (3, None, Some(Event::AppSignedOut)),
            Attempt::Refused => (4, None, Some(Event::AppNotSignedOut)),
            Attempt::GivenUp => (5, None, Some(Event::AppNotSignedOut)),
        };
        let settled = self
            .pool
            .change(
                "WITH settled AS (
                     UPDATE logout_delivery SET status = $4::bigint, next_at = $5, answer = $7,
                         settled_at = CASE WHEN $4::bigint > 2 THEN $6::bigint END, attempts = attempts - $9
                     WHERE session_id = $1 AND client_id = $2 AND status = 2 AND attempts = $3
                         AND next_at IS NOT DISTINCT FROM $10
                     RETURNING session_id, client_id, user_id
                 ), noted AS (
                     INSERT INTO audit (at, event, user_id, client_id, session_id)
                     SELECT $6::bigint, $8::text, user_id, client_id, session_id FROM settled WHERE $8::text IS NOT NULL
                 )
                 SELECT 1 FROM settled",
                &[
                    &claimed.session.as_bytes().as_slice(),
                    &claimed.client.as_str(),
                    &i64::from(claimed.attempts),
                    &status,
                    &next_at,
                    &millis(now),
                    &answer,
                    &event.map(Event::as_str),
                    &i64::from(matches!(attempt, Attempt::Postponed(_))),
                    &claimed.state.next_at().map(millis),
                ],
            )
            .await?;
        Ok(!settled.is_empty())
    }

    async fn logouts_to(&self, client: &ClientId, limit: u32) -> Result<Vec<LogoutDelivery>, Unavailable> {
        let sql = concat!(
            "SELECT ",
            delivery_columns!(),
            " FROM logout_delivery d WHERE d.client_id = $1 AND d.ended_at IS NOT NULL
             ORDER BY d.ended_at DESC, d.session_id DESC LIMIT $2"
        );
        let rows = self.pool.all(sql, &[&client.as_str(), &i64::from(limit)]).await?;
        rows.iter().map(read).collect()
    }
}
