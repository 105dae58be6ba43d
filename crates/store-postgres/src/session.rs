//! Sessions.

use async_trait::async_trait;
use brama_protocol::handle::{HandleHash, kind};
use brama_protocol::id::{SessionId, UserId};
use brama_store::Unavailable;
use brama_store::audit::Event;
use brama_store::session::{BeginSession, Lifetime, NewSession, Session, SessionApp, Sessions};
use brama_store::user::User;
use jiff::Timestamp;
use tokio_postgres::Row;

use crate::PostgresStore;
use crate::audit::{About, record};
use crate::column::{authentication, bytes, client_id, get, instant, millis, number};
use crate::pool::{Fault, Param, Pool, Transaction};
use crate::user::{self, ACTIVE, read_user, user_columns};

/// The columns of a session `s`, under names that no other table of a join has.
macro_rules! session_columns {
    () => {
        "s.id AS s_id, s.user_id AS s_user_id, s.auth_time AS s_auth_time, s.amr AS s_amr, s.acr AS s_acr, \
         s.idle_seconds AS s_idle_seconds, s.expires_at AS s_expires_at, s.persistent AS s_persistent, \
         s.created_at AS s_created_at, s.last_seen_at AS s_last_seen_at, s.device AS s_device"
    };
}

/// Whether the use of a session `s` at this instant is to be noted: at most once a minute, and what is over stays
/// over. SE-8.
macro_rules! use_is_due {
    ($now:literal) => {
        concat!(
            "s.last_seen_at <= ",
            $now,
            " - 60000 AND s.last_seen_at > ",
            $now,
            " - s.idle_seconds * 1000 AND s.expires_at > ",
            $now,
            " AND s.ended_at IS NULL"
        )
    };
}
pub(crate) use use_is_due;

fn read(row: &Row) -> Result<Session, Unavailable> {
    Ok(Session {
        id: SessionId::from_bytes(bytes("session", row, "s_id")?),
        user: UserId::from_bytes(bytes("session", row, "s_user_id")?),
        authentication: authentication("session", get(row, "s_auth_time")?, get(row, "s_amr")?, get(row, "s_acr")?)?,
        lifetime: Lifetime {
            idle_seconds: number("session", row, "s_idle_seconds")?,
            expires_at: instant("session", row, "s_expires_at")?,
            persistent: get(row, "s_persistent")?,
        },
        created_at: instant("session", row, "s_created_at")?,
        last_seen_at: instant("session", row, "s_last_seen_at")?,
        device: get(row, "s_device")?,
    })
}

/// Sessions of a user that have not ended, idle ones too: apps signed in through them may still be so. `granted`: some
/// app's live grant hangs on it.
const OPEN: &str = concat!(
    "SELECT ",
    session_columns!(),
    r#", EXISTS (SELECT 1 FROM app_grant g WHERE g.session_id = s.id AND g.revoked_at IS NULL AND g.expires_at > $2) AS granted
     FROM session s JOIN "user" u ON u.id = s.user_id AND u.epoch = s.epoch
     WHERE s.user_id = $1 AND s.ended_at IS NULL AND s.expires_at > $2
     ORDER BY s.last_seen_at DESC, s.id DESC"#
);

/// End a session, revoke what hangs on it, offline access excepted, and let its apps be told. SE-16, LO-5, LO-10.
/// `false`: it had ended.
pub(crate) async fn end(transaction: &Transaction, user: UserId, id: SessionId, now: Timestamp) -> Result<bool, Fault> {
    Ok(end_all(transaction, user, &[id], now).await? > 0)
}

/// The same for several sessions of a user; how many ended.
async fn end_all(transaction: &Transaction, user: UserId, ids: &[SessionId], now: Timestamp) -> Result<u32, Fault> {
    let ids: Vec<&[u8]> = ids.iter().map(|id| id.as_bytes().as_slice()).collect();
    if ids.is_empty() {
        return Ok(0);
    }
    // The lock waits for grants that are being given in them, so that the second statement sees those too.
    let locked = transaction
        .all(
            "SELECT id, expires_at > $3 AS open FROM session WHERE id = ANY($1) AND user_id = $2 AND ended_at IS NULL
             ORDER BY id FOR UPDATE",
            &[&ids, &user.as_bytes().as_slice(), &millis(now)],
        )
        .await?;
    let ending = locked.iter().map(|row| get::<&[u8]>(row, "id")).collect::<Result<Vec<_>, _>>()?;
    if ending.is_empty() {
        return Ok(0);
    }
    transaction
        .change(
            "WITH ended AS (
                 UPDATE session SET ended_at = $3 WHERE id = ANY($1)
             ), revoked AS (
                 UPDATE app_grant g SET revoked_at = $3
                 FROM (SELECT id FROM app_grant WHERE session_id = ANY($1) AND NOT offline AND revoked_at IS NULL
                       ORDER BY id FOR NO KEY UPDATE) live
                 WHERE g.id = live.id
             ), due AS (
                 UPDATE logout_delivery SET status = 2, next_at = $3, ended_at = $3
                 WHERE session_id = ANY($1) AND status = 1
             )
             INSERT INTO audit (at, event, user_id, session_id)
             SELECT $3::bigint, $4::text, $2::bytea, id FROM unnest($1::bytea[]) AS id",
            &[&ending, &user.as_bytes().as_slice(), &millis(now), &Event::SignedOut.as_str()],
        )
        .await?;
    // What was past its end is ended for good, in case a clock is set back, and does not count.
    let open = locked.iter().map(|row| get::<bool>(row, "open")).collect::<Result<Vec<_>, _>>()?;
    Ok(u32::try_from(open.into_iter().filter(|open| *open).count()).unwrap_or(u32::MAX))
}

/// Note the use of a session beside a deed that has locked a grant. Whoever holds the session's lock ends it, renews it
/// or notes its use: it is not waited for.
pub(crate) async fn touch_unless_locked(transaction: &Transaction, id: SessionId, now: Timestamp) -> Result<(), Fault> {
    let sql = concat!(
        "UPDATE session SET last_seen_at = $2 WHERE id IN (SELECT s.id FROM session s WHERE s.id = $1 AND ",
        use_is_due!("$2::bigint"),
        " FOR NO KEY UPDATE SKIP LOCKED)"
    );
    transaction.change(sql, &[&id.as_bytes().as_slice(), &millis(now)]).await.map(drop)
}

/// The session of this browser that may be renewed: the same user's, not ended, not past its overall end.
async fn renewable(transaction: &Transaction, new: &NewSession, now: Timestamp) -> Result<Option<SessionId>, Fault> {
    let Some(old) = new.replaces else { return Ok(None) };
    let old = transaction
        .first(
            concat!(
                "SELECT ",
                session_columns!(),
                ", s.epoch FROM session s WHERE s.secret = $1 AND s.ended_at IS NULL FOR UPDATE"
            ),
            &[&old.as_bytes().as_slice()],
        )
        .await?;
    let Some(row) = old else { return Ok(None) };
    let (old, epoch) = (read(&row)?, get::<i64>(&row, "epoch")?);
    if old.user == new.user && epoch == i64::from(new.epoch) && now < old.lifetime.expires_at {
        return Ok(Some(old.id));
    }
    end(transaction, old.user, old.id, now).await?;
    Ok(None)
}

/// The lock on the account lets sign-ins of one user happen one after the other: each counts the sessions before it.
async fn begin(pool: &Pool, new: &NewSession, now: Timestamp) -> Result<BeginSession, Fault> {
    let transaction = pool.begin().await?;
    if !user::lock_current(&transaction, new.user, new.epoch).await? {
        transaction.commit().await?;
        return Ok(BeginSession::AccountChanged);
    }
    let renewed = renewable(&transaction, new, now).await?;
    let id = renewed.unwrap_or(new.id);
    let amr = new.authentication.amr.join(" ");
    let written: &[Param<'_>] = &[
        &id.as_bytes().as_slice(),
        &new.secret.as_bytes().as_slice(),
        &new.user.as_bytes().as_slice(),
        &i64::from(new.epoch),
        &millis(new.authentication.at),
        &amr,
        &new.authentication.acr,
        &i64::from(new.lifetime.idle_seconds),
        &millis(new.lifetime.expires_at),
        &new.lifetime.persistent,
        &millis(now),
        &new.device,
    ];
    let sql = if renewed.is_some() {
        concat!(
            "UPDATE session s SET secret = $2, auth_time = $5, amr = $6, acr = $7, idle_seconds = $8, expires_at = $9,
                 persistent = $10, last_seen_at = $11, device = $12
             WHERE s.id = $1 AND s.user_id = $3 AND s.epoch = $4 RETURNING ",
            session_columns!()
        )
    } else {
        make_room(&transaction, new, now).await?;
        concat!(
            "INSERT INTO session AS s (id, secret, user_id, epoch, auth_time, amr, acr, idle_seconds, expires_at,
                 persistent, created_at, last_seen_at, device)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, $12) RETURNING ",
            session_columns!()
        )
    };
    let row = transaction.first(sql, written).await?;
    let row = row.ok_or_else(|| Unavailable::Failed("the session changed under its lock".to_owned()))?;
    let session = read(&row)?;
    let about = About { user: Some(new.user), session: Some(id), ..About::default() };
    record(&transaction, now, Event::SignedIn, about).await?;
    transaction.commit().await?;
    Ok(BeginSession::Begun(session))
}

/// End the longest idle sessions of the user until one more fits. SE-19.
async fn make_room(transaction: &Transaction, new: &NewSession, now: Timestamp) -> Result<(), Fault> {
    let room = usize::try_from(new.max_per_user.saturating_sub(1)).unwrap_or(usize::MAX);
    let open = transaction.all(OPEN, &[&new.user.as_bytes().as_slice(), &millis(now)]).await?;
    let surplus = open.iter().skip(room).map(read).map(|session| Ok(session?.id)).collect::<Result<Vec<_>, Fault>>()?;
    end_all(transaction, new.user, &surplus, now).await.map(drop)
}

async fn end_one(pool: &Pool, user: UserId, id: SessionId, now: Timestamp) -> Result<bool, Fault> {
    let transaction = pool.begin().await?;
    let ended = end(&transaction, user, id, now).await?;
    transaction.commit().await?;
    Ok(ended)
}

async fn end_of_cookie(pool: &Pool, secret: HandleHash<kind::Session>, now: Timestamp) -> Result<bool, Fault> {
    let transaction = pool.begin().await?;
    let sql = "SELECT user_id, id FROM session WHERE secret = $1 AND ended_at IS NULL";
    let found = transaction.first(sql, &[&secret.as_bytes().as_slice()]).await?;
    let ended = match found {
        Some(row) => {
            let user = UserId::from_bytes(bytes("session", &row, "user_id")?);
            end(&transaction, user, SessionId::from_bytes(bytes("session", &row, "id")?), now).await?
        }
        None => false,
    };
    transaction.commit().await?;
    Ok(ended)
}

async fn end_others(pool: &Pool, user: UserId, keep: SessionId, now: Timestamp) -> Result<u32, Fault> {
    let transaction = pool.begin().await?;
    // No session of the user begins meanwhile.
    let locked = r#"SELECT 1 FROM "user" WHERE id = $1 FOR NO KEY UPDATE"#;
    transaction.all(locked, &[&user.as_bytes().as_slice()]).await?;
    let open = transaction.all(OPEN, &[&user.as_bytes().as_slice(), &millis(now)]).await?;
    let open = open.iter().map(|row| Ok(read(row)?.id)).collect::<Result<Vec<_>, Fault>>()?;
    let others: Vec<SessionId> = open.into_iter().filter(|id| *id != keep).collect();
    let ended = end_all(&transaction, user, &others, now).await?;
    transaction.commit().await?;
    Ok(ended)
}

async fn end_everything(pool: &Pool, user: UserId, now: Timestamp) -> Result<(), Fault> {
    let transaction = pool.begin().await?;
    user::raise_epoch(&transaction, user, now).await?;
    record(&transaction, now, Event::SignedOut, About { user: Some(user), ..About::default() }).await?;
    transaction.commit().await
}

#[async_trait]
impl Sessions for PostgresStore {
    async fn begin_session(&self, new: NewSession, now: Timestamp) -> Result<BeginSession, Unavailable> {
        self.pool.write(|| begin(&self.pool, &new, now)).await
    }

    async fn find_session(
        &self,
        secret: HandleHash<kind::Session>,
        now: Timestamp,
    ) -> Result<Option<(Session, User)>, Unavailable> {
        let found = self
            .pool
            .first(
                concat!(
                    "SELECT ",
                    session_columns!(),
                    ", ",
                    user_columns!(),
                    r#" FROM session s JOIN "user" u ON u.id = s.user_id AND u.epoch = s.epoch AND u.status = $2
                     WHERE s.secret = $1 AND s.ended_at IS NULL"#
                ),
                &[&secret.as_bytes().as_slice(), &ACTIVE],
            )
            .await?;
        let Some(row) = found else { return Ok(None) };
        let session = read(&row)?;
        Ok(if session.is_live(now) { Some((session, read_user(&row)?)) } else { None })
    }

    async fn touch_session(&self, id: SessionId, now: Timestamp) -> Result<(), Unavailable> {
        let sql = concat!("UPDATE session s SET last_seen_at = $2 WHERE s.id = $1 AND ", use_is_due!("$2::bigint"));
        self.pool.change(sql, &[&id.as_bytes().as_slice(), &millis(now)]).await.map(drop)
    }

    async fn sessions_of(&self, user: UserId, now: Timestamp) -> Result<Vec<Session>, Unavailable> {
        let mut shown = Vec::new();
        for row in self.pool.all(OPEN, &[&user.as_bytes().as_slice(), &millis(now)]).await? {
            let session = read(&row)?;
            if session.is_live(now) || get(&row, "granted")? {
                shown.push(session);
            }
        }
        Ok(shown)
    }

    async fn apps_of_sessions(&self, user: UserId, now: Timestamp) -> Result<Vec<SessionApp>, Unavailable> {
        let rows = self
            .pool
            .all(
                "SELECT DISTINCT session_id, client_id FROM app_grant
                 WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > $2 ORDER BY session_id, client_id",
                &[&user.as_bytes().as_slice(), &millis(now)],
            )
            .await?;
        rows.iter()
            .map(|row| {
                Ok(SessionApp {
                    session: SessionId::from_bytes(bytes("app_grant", row, "session_id")?),
                    client: client_id("app_grant", get(row, "client_id")?)?,
                })
            })
            .collect()
    }

    async fn end_session(&self, user: UserId, id: SessionId, now: Timestamp) -> Result<bool, Unavailable> {
        self.pool.write(|| end_one(&self.pool, user, id, now)).await
    }

    async fn session_of_cookie(
        &self,
        secret: HandleHash<kind::Session>,
    ) -> Result<Option<(SessionId, UserId)>, Unavailable> {
        let sql = "SELECT id, user_id FROM session WHERE secret = $1 AND ended_at IS NULL";
        let found = self.pool.first(sql, &[&secret.as_bytes().as_slice()]).await?;
        let id = |row: &Row, column| bytes("session", row, column);
        found
            .map(|row| Ok((SessionId::from_bytes(id(&row, "id")?), UserId::from_bytes(id(&row, "user_id")?))))
            .transpose()
    }

    async fn end_session_of_cookie(
        &self,
        secret: HandleHash<kind::Session>,
        now: Timestamp,
    ) -> Result<bool, Unavailable> {
        self.pool.write(|| end_of_cookie(&self.pool, secret, now)).await
    }

    async fn end_other_sessions(&self, user: UserId, keep: SessionId, now: Timestamp) -> Result<u32, Unavailable> {
        self.pool.write(|| end_others(&self.pool, user, keep, now)).await
    }

    async fn end_everything(&self, user: UserId, now: Timestamp) -> Result<(), Unavailable> {
        self.pool.write(|| end_everything(&self.pool, user, now)).await
    }
}
