//! Sessions.

use async_trait::async_trait;
use brama_faults::{Fault, planted};
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
use crate::column::{Cells, all, authentication, change, client_id, first, get, millis, timestamp};
use crate::logout_delivery;
use crate::user::{self, user_columns};

/// The columns of [`read`].
macro_rules! session_columns {
    () => {
        "session.id, session.user_id, session.auth_time, session.amr, session.acr, session.idle_seconds, \
         session.expires_at, session.persistent, session.created_at, session.last_seen_at, session.device"
    };
}

fn read(cells: &mut Cells<'_, '_>) -> Result<Session, Unavailable> {
    Ok(Session {
        id: SessionId::from_bytes(cells.take()?),
        user: UserId::from_bytes(cells.take()?),
        authentication: {
            let (at, amr, acr): (i64, String, String) = (cells.take()?, cells.take()?, cells.take()?);
            authentication("session", at, &amr, acr)?
        },
        lifetime: Lifetime {
            idle_seconds: cells.take()?,
            expires_at: timestamp("session", cells.take()?)?,
            persistent: cells.take()?,
        },
        created_at: timestamp("session", cells.take()?)?,
        last_seen_at: timestamp("session", cells.take()?)?,
        device: cells.take()?,
    })
}

fn read_row(row: &Row<'_>) -> Result<Session, Unavailable> {
    read(&mut Cells::of(row))
}

/// Sessions of a user that have not ended, idle ones too: apps signed in through them may still be so.
fn open_of(connection: &Connection, user: UserId, now: Timestamp) -> Result<Vec<Session>, Unavailable> {
    all(
        connection,
        concat!(
            "SELECT ",
            session_columns!(),
            " FROM session JOIN user ON user.id = session.user_id AND user.epoch = session.epoch
             WHERE session.user_id = ?1 AND session.ended_at IS NULL AND session.expires_at > ?2
             ORDER BY session.last_seen_at DESC, session.id DESC"
        ),
        (user.as_bytes(), millis(now)),
        read_row,
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

/// End a session, revoke what hangs on it, offline access excepted, and let its apps be told. SE-16, LO-5, LO-10. `false`:
/// it was over.
pub(crate) fn end(connection: &Connection, user: UserId, id: SessionId, now: Timestamp) -> Result<bool, Unavailable> {
    let ended = first(
        connection,
        "UPDATE session SET ended_at = ?3 WHERE id = ?1 AND user_id = ?2 AND ended_at IS NULL RETURNING expires_at > ?3",
        (id.as_bytes(), user.as_bytes(), millis(now)),
        |row| Cells::of(row).take::<bool>(),
    )?;
    let Some(was_open) = ended else { return Ok(false) };
    change(
        connection,
        "UPDATE app_grant SET revoked_at = ?2 WHERE session_id = ?1 AND offline = 0 AND revoked_at IS NULL",
        (id.as_bytes(), millis(now)),
    )?;
    logout_delivery::due_of_session(connection, id, now)?;
    record(connection, now, Event::SignedOut, About { user: Some(user), session: Some(id), ..About::default() })?;
    Ok(was_open)
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

/// Whether it is worth asking [`touch`] to write.
pub(crate) fn is_touch_due(last_seen: i64, now: Timestamp) -> bool {
    last_seen <= millis(now).saturating_sub(60_000)
}

/// At most one write a minute, decided by the statement; what is over stays over. SE-8.
pub(crate) fn touch(connection: &Connection, id: SessionId, now: Timestamp) -> Result<(), Unavailable> {
    if planted(Fault::Revoke05) {
        change(connection, "UPDATE session SET ended_at = NULL WHERE id = ?1", [id.as_bytes()])?;
    }
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
    let sql =
        concat!("SELECT ", session_columns!(), ", session.epoch FROM session WHERE secret = ?1 AND ended_at IS NULL");
    let old = first(connection, sql, [old.as_bytes()], |row| {
        let mut cells = Cells::of(row);
        Ok((read(&mut cells)?, cells.take::<u32>()?))
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
    let sql = concat!("SELECT ", session_columns!(), " FROM session WHERE id = ?1");
    let session = first(connection, sql, [id.as_bytes()], read_row)?;
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

/// Whether the cookie of a session lasts beyond the browser.
pub(crate) fn is_persistent(connection: &Connection, id: SessionId) -> Result<bool, Unavailable> {
    let sql = "SELECT persistent FROM session WHERE id = ?1";
    Ok(first(connection, sql, [id.as_bytes()], |row| get(row, "persistent"))?.unwrap_or(false))
}

/// The session of a cookie, and its user, if nobody has ended it.
fn of_cookie(
    connection: &Connection,
    secret: HandleHash<kind::Session>,
) -> Result<Option<(SessionId, UserId)>, Unavailable> {
    let sql = "SELECT id, user_id FROM session WHERE secret = ?1 AND ended_at IS NULL";
    first(connection, sql, [secret.as_bytes()], |row| {
        let mut cells = Cells::of(row);
        Ok((SessionId::from_bytes(cells.take()?), UserId::from_bytes(cells.take()?)))
    })
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
                concat!(
                    "SELECT ",
                    session_columns!(),
                    ", session.epoch, ",
                    user_columns!(),
                    " FROM session JOIN user ON user.id = session.user_id
                     WHERE session.secret = ?1 AND session.ended_at IS NULL"
                ),
                [secret.as_bytes()],
                |row| {
                    let mut cells = Cells::of(row);
                    Ok((read(&mut cells)?, cells.take::<u32>()?, user::read(&mut cells)?))
                },
            )?;
            let live = found.filter(|(session, epoch, user)| session.is_live(now) && user::is_current(user, *epoch));
            Ok(live.map(|(session, _, user)| (session, user)))
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

    async fn session_of_cookie(
        &self,
        secret: HandleHash<kind::Session>,
    ) -> Result<Option<(SessionId, UserId)>, Unavailable> {
        self.read(move |connection| of_cookie(connection, secret)).await
    }

    async fn end_session_of_cookie(
        &self,
        secret: HandleHash<kind::Session>,
        now: Timestamp,
    ) -> Result<bool, Unavailable> {
        self.write(move |connection| {
            of_cookie(connection, secret)?.map_or(Ok(false), |(id, user)| end(connection, user, id, now))
        })
        .await
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
