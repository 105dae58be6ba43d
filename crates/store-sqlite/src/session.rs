//! Sessions.

use async_trait::async_trait;
use brama_protocol::handle::{HandleHash, kind};
use brama_protocol::id::{SessionId, UserId};
use brama_store::Unavailable;
use brama_store::audit::Event;
use brama_store::session::{BeginSession, Lifetime, NewSession, Session, SessionApp, Sessions};
use brama_store::user::User;
use jiff::Timestamp;
use rusqlite::{Connection, Row};

use crate::SqliteStore;
use crate::audit::{About, record};
use crate::column::{all, authentication, change, client_id, first, get, millis, timestamp};
use crate::user;

fn read(row: &Row<'_>) -> Result<Session, Unavailable> {
    let amr: String = get(row, "amr")?;
    Ok(Session {
        id: SessionId::from_bytes(get(row, "id")?),
        user: UserId::from_bytes(get(row, "user_id")?),
        authentication: authentication("session", get(row, "auth_time")?, &amr, get(row, "acr")?)?,
        lifetime: Lifetime {
            idle_seconds: get(row, "idle_seconds")?,
            expires_at: timestamp("session", get(row, "expires_at")?)?,
            persistent: get(row, "persistent")?,
        },
        created_at: timestamp("session", get(row, "created_at")?)?,
        last_seen_at: timestamp("session", get(row, "last_seen_at")?)?,
        device: get(row, "device")?,
    })
}

/// Sessions of a user that have not ended, idle ones too: apps signed in through them may still be so.
fn open_of(connection: &Connection, user: UserId, now: Timestamp) -> Result<Vec<Session>, Unavailable> {
    all(
        connection,
        "SELECT session.* FROM session JOIN user ON user.id = session.user_id AND user.epoch = session.epoch
         WHERE session.user_id = ?1 AND session.ended_at IS NULL AND session.expires_at > ?2
         ORDER BY session.last_seen_at DESC, session.id DESC",
        (user.as_bytes(), millis(now)),
        read,
    )
}

/// Whether some app's live grant hangs on the session.
fn has_grants(connection: &Connection, id: SessionId, now: Timestamp) -> Result<bool, Unavailable> {
    let found = first(
        connection,
        "SELECT 1 FROM app_grant WHERE session_id = ?1 AND revoked_at IS NULL AND expires_at > ?2 LIMIT 1",
        (id.as_bytes(), millis(now)),
        |_| Ok(()),
    )?;
    Ok(found.is_some())
}

/// End a session and revoke what hangs on it, offline access excepted. SE-16, LO-5. `false`: it had ended.
pub(crate) fn end(connection: &Connection, user: UserId, id: SessionId, now: Timestamp) -> Result<bool, Unavailable> {
    let ended = change(
        connection,
        "UPDATE session SET ended_at = ?3 WHERE id = ?1 AND user_id = ?2 AND ended_at IS NULL AND expires_at > ?3",
        (id.as_bytes(), user.as_bytes(), millis(now)),
    )?;
    if ended == 0 {
        return Ok(false);
    }
    change(
        connection,
        "UPDATE app_grant SET revoked_at = ?2 WHERE session_id = ?1 AND offline = 0 AND revoked_at IS NULL",
        (id.as_bytes(), millis(now)),
    )?;
    record(connection, now, Event::SignedOut, About { user: Some(user), session: Some(id), ..About::default() })?;
    Ok(true)
}

/// Whether a session has neither been ended nor reached its overall end: what grants and codes hang on. TE-23. Being
/// idle ends only the sign-in page's memory of the person, not what apps were given.
pub(crate) fn is_open(
    connection: &Connection,
    user: UserId,
    epoch: u32,
    id: SessionId,
    now: Timestamp,
) -> Result<bool, Unavailable> {
    let found = first(
        connection,
        "SELECT 1 FROM session WHERE id = ?1 AND user_id = ?2 AND epoch = ?3 AND ended_at IS NULL AND expires_at > ?4",
        (id.as_bytes(), user.as_bytes(), epoch, millis(now)),
        |_| Ok(()),
    )?;
    Ok(found.is_some())
}

/// Whether the session cookie is that of this session. Design §5: a bound sender.
pub(crate) fn is_cookie_of(
    connection: &Connection,
    id: SessionId,
    secret: HandleHash<kind::Session>,
    now: Timestamp,
) -> Result<bool, Unavailable> {
    let found = first(
        connection,
        "SELECT 1 FROM session WHERE id = ?1 AND secret = ?2 AND ended_at IS NULL AND expires_at > ?3",
        (id.as_bytes(), secret.as_bytes(), millis(now)),
        |_| Ok(()),
    )?;
    Ok(found.is_some())
}

/// At most one write a minute, decided by the statement; what is over stays over. SE-8.
pub(crate) fn touch(connection: &Connection, id: SessionId, now: Timestamp) -> Result<(), Unavailable> {
    change(
        connection,
        "UPDATE session SET last_seen_at = ?2
         WHERE id = ?1 AND last_seen_at <= ?2 - 60000 AND last_seen_at > ?2 - idle_seconds * 1000
             AND expires_at > ?2 AND ended_at IS NULL",
        (id.as_bytes(), millis(now)),
    )
    .map(drop)
}

/// The session of this browser that may be renewed: the same user's, not ended, not past its overall end.
fn renewable(connection: &Connection, new: &NewSession, now: Timestamp) -> Result<Option<SessionId>, Unavailable> {
    let Some(old) = new.replaces else { return Ok(None) };
    let old =
        first(connection, "SELECT * FROM session WHERE secret = ?1 AND ended_at IS NULL", [old.as_bytes()], |row| {
            Ok((read(row)?, get::<u32>(row, "epoch")?))
        })?;
    match old {
        Some((old, epoch)) if old.user == new.user && epoch == new.epoch && now < old.lifetime.expires_at => {
            Ok(Some(old.id))
        }
        Some((old, _)) => end(connection, old.user, old.id, now).map(|_| None),
        None => Ok(None),
    }
}

fn begin(connection: &Connection, new: &NewSession, now: Timestamp) -> Result<BeginSession, Unavailable> {
    if user::find_current(connection, new.user, new.epoch)?.is_none() {
        return Ok(BeginSession::AccountChanged);
    }
    let amr = new.authentication.amr.join(" ");
    let renewed = renewable(connection, new, now)?;
    if let Some(id) = renewed {
        change(
            connection,
            "UPDATE session SET secret = ?2, auth_time = ?3, amr = ?4, acr = ?5, idle_seconds = ?6, expires_at = ?7,
                 persistent = ?8, last_seen_at = ?9, device = ?10 WHERE id = ?1",
            (
                id.as_bytes(),
                new.secret.as_bytes(),
                millis(new.authentication.at),
                &amr,
                &new.authentication.acr,
                new.lifetime.idle_seconds,
                millis(new.lifetime.expires_at),
                new.lifetime.persistent,
                millis(now),
                &new.device,
            ),
        )?;
    } else {
        make_room(connection, new, now)?;
        change(
            connection,
            "INSERT INTO session (id, secret, user_id, epoch, auth_time, amr, acr, idle_seconds, expires_at, persistent,
                 created_at, last_seen_at, device)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11, ?12)",
            (
                new.id.as_bytes(),
                new.secret.as_bytes(),
                new.user.as_bytes(),
                new.epoch,
                millis(new.authentication.at),
                &amr,
                &new.authentication.acr,
                new.lifetime.idle_seconds,
                millis(new.lifetime.expires_at),
                new.lifetime.persistent,
                millis(now),
                &new.device,
            ),
        )?;
    }
    let id = renewed.unwrap_or(new.id);
    record(connection, now, Event::SignedIn, About { user: Some(new.user), session: Some(id), ..About::default() })?;
    let session = first(connection, "SELECT * FROM session WHERE id = ?1", [id.as_bytes()], read)?;
    session.map(BeginSession::Begun).ok_or_else(|| Unavailable::Failed("the session is gone".to_owned()))
}

/// End the longest idle sessions of the user until one more fits. SE-19.
fn make_room(connection: &Connection, new: &NewSession, now: Timestamp) -> Result<(), Unavailable> {
    let room = usize::try_from(new.max_per_user.saturating_sub(1)).unwrap_or(usize::MAX);
    for session in open_of(connection, new.user, now)?.into_iter().skip(room) {
        end(connection, new.user, session.id, now)?;
    }
    Ok(())
}

#[async_trait]
impl Sessions for SqliteStore {
    async fn begin_session(&self, new: NewSession, now: Timestamp) -> Result<BeginSession, Unavailable> {
        self.write(move |connection| begin(connection, &new, now)).await
    }

    async fn find_session(
        &self,
        secret: HandleHash<kind::Session>,
        now: Timestamp,
    ) -> Result<Option<(Session, User)>, Unavailable> {
        self.read(move |connection| {
            let found = first(
                connection,
                "SELECT * FROM session WHERE secret = ?1 AND ended_at IS NULL",
                [secret.as_bytes()],
                |row| Ok((read(row)?, get::<u32>(row, "epoch")?)),
            )?;
            let Some((session, epoch)) = found.filter(|(session, _)| session.is_live(now)) else { return Ok(None) };
            Ok(user::find_current(connection, session.user, epoch)?.map(|user| (session, user)))
        })
        .await
    }

    async fn touch_session(&self, id: SessionId, now: Timestamp) -> Result<(), Unavailable> {
        self.write(move |connection| touch(connection, id, now)).await
    }

    async fn sessions_of(&self, user: UserId, now: Timestamp) -> Result<Vec<Session>, Unavailable> {
        self.read(move |connection| {
            let mut shown = Vec::new();
            for session in open_of(connection, user, now)? {
                if session.is_live(now) || has_grants(connection, session.id, now)? {
                    shown.push(session);
                }
            }
            Ok(shown)
        })
        .await
    }

    async fn apps_of_sessions(&self, user: UserId, now: Timestamp) -> Result<Vec<SessionApp>, Unavailable> {
        self.read(move |connection| {
            all(
                connection,
                "SELECT DISTINCT session_id, client_id FROM app_grant
                 WHERE user_id = ?1 AND revoked_at IS NULL AND expires_at > ?2 ORDER BY session_id, client_id",
                (user.as_bytes(), millis(now)),
                |row| {
                    Ok(SessionApp {
                        session: SessionId::from_bytes(get(row, "session_id")?),
                        client: client_id("app_grant", get(row, "client_id")?)?,
                    })
                },
            )
        })
        .await
    }

    async fn end_session(&self, user: UserId, id: SessionId, now: Timestamp) -> Result<bool, Unavailable> {
        self.write(move |connection| end(connection, user, id, now)).await
    }

    async fn end_other_sessions(&self, user: UserId, keep: SessionId, now: Timestamp) -> Result<u32, Unavailable> {
        self.write(move |connection| {
            let mut ended = 0;
            for session in open_of(connection, user, now)?.into_iter().filter(|session| session.id != keep) {
                ended += u32::from(end(connection, user, session.id, now)?);
            }
            Ok(ended)
        })
        .await
    }

    async fn end_everything(&self, user: UserId, now: Timestamp) -> Result<(), Unavailable> {
        self.write(move |connection| {
            user::raise_epoch(connection, user, now)?;
            record(connection, now, Event::SignedOut, About { user: Some(user), ..About::default() })
        })
        .await
    }
}
