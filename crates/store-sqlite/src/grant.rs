//! Grants.

mod mistakes;

use async_trait::async_trait;
use brama_faults::{Fault, planted};
use brama_protocol::client::ClientId;
use brama_protocol::dpop::JwkThumbprint;
use brama_protocol::handle::HandleHash;
use brama_protocol::id::{GrantId, SessionId, UserId};
use brama_protocol::resource::Resources;
use brama_store::Unavailable;
use brama_store::audit::Event;
use brama_store::grant::{
    GaveBack, Grant, Grants, Judgement, Lineage, NewGrant, Presentation, Presenter, Refreshed, Verdict, bound_after,
    judge_sender,
};
use brama_store::user::User;
use jiff::Timestamp;
use rusqlite::Connection;

use crate::SqliteStore;
use crate::audit::{About, record};
use crate::column::{
    Cells, authentication, change, client_id, corrupt, first, granted, millis, named_claims, timestamp,
};
use crate::user::{self, user_columns};
use crate::{client, logout_delivery, session};

fn generation(number: i64) -> Result<u64, Unavailable> {
    u64::try_from(number).map_err(|error| corrupt("app_grant", error))
}

/// The columns of [`read`].
macro_rules! grant_columns {
    () => {
        "app_grant.id, app_grant.user_id, app_grant.epoch, app_grant.client_id, app_grant.session_id, app_grant.scope, \
         app_grant.resource, app_grant.claims, app_grant.auth_time, app_grant.amr, app_grant.acr, app_grant.offline, app_grant.jkt, \
         app_grant.lasting, \
         app_grant.created_at, app_grant.expires_at, app_grant.generation, app_grant.predecessor, \
         app_grant.rotated_at, app_grant.revoked_at IS NOT NULL"
    };
}

/// A grant, and whether it was revoked.
fn read(cells: &mut Cells<'_, '_>) -> Result<(Grant, bool), Unavailable> {
    let grant = Grant {
        id: GrantId::from_bytes(cells.take()?),
        user: UserId::from_bytes(cells.take()?),
        epoch: cells.take()?,
        client: client_id("app_grant", cells.take()?)?,
        session: SessionId::from_bytes(cells.take()?),
        scope: granted("app_grant", &cells.take::<String>()?)?,
        resources: Resources::from_stored(cells.take::<Option<String>>()?.as_deref()),
        claims: named_claims("app_grant", cells.take::<Option<String>>()?.as_deref())?,
        authentication: {
            let (at, amr, acr): (i64, String, String) = (cells.take()?, cells.take()?, cells.take()?);
            authentication("app_grant", at, &amr, acr)?
        },
        offline: cells.take()?,
        jkt: cells.take::<Option<[u8; 32]>>()?.map(JwkThumbprint::from_bytes),
        lasting: cells.take()?,
        created_at: timestamp("app_grant", cells.take()?)?,
        expires_at: timestamp("app_grant", cells.take()?)?,
        lineage: Lineage {
            generation: generation(cells.take()?)?,
            predecessor: cells.take::<Option<i64>>()?.map(generation).transpose()?,
            rotated_at: timestamp("app_grant", cells.take()?)?,
        },
    };
    Ok((grant, cells.take()?))
}

/// Store a new grant; nothing if its user, epoch or session has ended. TE-23.
pub(crate) fn give(connection: &Connection, new: &NewGrant, now: Timestamp) -> Result<Option<Grant>, Unavailable> {
    if user::find_current(connection, new.user, new.epoch)?.is_none()
        || !session::is_open(connection, new.user, new.epoch, new.session, now)?
        || !client::is_enabled(connection, &new.client)?
    {
        return Ok(None);
    }
    logout_delivery::note(connection, new)?;
    let lasting = session::is_persistent(connection, new.session)?;
    insert(connection, new, lasting, now)
}

/// The same for a grant that no session carries, not even in the beginning: that of a device. RFC 8628.
pub(crate) fn give_offline(
    connection: &Connection,
    new: &NewGrant,
    now: Timestamp,
) -> Result<Option<Grant>, Unavailable> {
    let account_stands = user::find_current(connection, new.user, new.epoch)?.is_some() || planted(Fault::Revoke03);
    if !account_stands || !client::is_enabled(connection, &new.client)? {
        return Ok(None);
    }
    insert(connection, new, false, now)
}

fn insert(
    connection: &Connection,
    new: &NewGrant,
    lasting: bool,
    now: Timestamp,
) -> Result<Option<Grant>, Unavailable> {
    change(
        connection,
        "INSERT INTO app_grant (id, user_id, epoch, client_id, session_id, scope, resource, auth_time, amr, acr, offline,
             lasting, created_at, expires_at, generation, rotated_at, jkt, claims)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?16, ?12, ?13, 0, ?12, ?14, ?15)",
        (
            new.id.as_bytes(),
            new.user.as_bytes(),
            new.epoch,
            new.client.as_str(),
            new.session.as_bytes(),
            new.scope.scope().to_string(),
            new.resources.to_stored(),
            millis(new.authentication.at),
            new.authentication.amr.join(" "),
            &new.authentication.acr,
            new.offline,
            millis(now),
            millis(new.expires_at),
            new.jkt.as_ref().map(JwkThumbprint::as_bytes),
            new.claims.to_stored(),
            lasting,
        ),
    )?;
    let about =
        About { user: Some(new.user), client: Some(&new.client), session: Some(new.session), grant: Some(new.id) };
    record(connection, now, Event::GrantIssued, about)?;
    Ok(find(connection, new.id)?.map(|(grant, _)| grant))
}

fn find(connection: &Connection, id: GrantId) -> Result<Option<(Grant, bool)>, Unavailable> {
    let sql = concat!("SELECT ", grant_columns!(), " FROM app_grant WHERE id = ?1");
    first(connection, sql, [id.as_bytes()], |row| read(&mut Cells::of(row)))
}

/// Revoke a grant because of a replay or a wish, and say so in the log. `false`: it was revoked before.
pub(crate) fn revoke_for(
    connection: &Connection,
    grant: &Grant,
    event: Event,
    now: Timestamp,
) -> Result<bool, Unavailable> {
    let revoked = change(
        connection,
        "UPDATE app_grant SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL",
        (grant.id.as_bytes(), millis(now)),
    )?;
    if revoked == 0 {
        return Ok(false);
    }
    let about = About {
        user: Some(grant.user),
        client: Some(&grant.client),
        session: Some(grant.session),
        grant: Some(grant.id),
    };
    record(connection, now, event, about)?;
    Ok(true)
}

/// Revoke whatever a code gave. AZ-30.
pub(crate) fn revoke_replayed(connection: &Connection, id: GrantId, now: Timestamp) -> Result<(), Unavailable> {
    if let Some((grant, _)) = find(connection, id)? {
        revoke_for(connection, &grant, Event::CodeReplayed, now)?;
    }
    Ok(())
}

/// A presentation that may outlive the caller's borrow.
struct Presented {
    presentation: brama_protocol::refresh_token::PresentedRefreshToken,
    client: brama_protocol::client::ClientId,
    presenter: Presenter,
    jkt: Option<JwkThumbprint>,
    window: jiff::SignedDuration,
}

impl From<Presentation<'_>> for Presented {
    fn from(from: Presentation<'_>) -> Self {
        Self {
            presentation: from.token,
            client: from.client.clone(),
            presenter: from.presenter,
            jkt: from.jkt,
            window: from.window,
        }
    }
}

impl Presented {
    fn as_presentation(&self) -> Presentation<'_> {
        Presentation {
            token: self.presentation,
            client: &self.client,
            presenter: self.presenter,
            jkt: self.jkt,
            window: self.window,
        }
    }
}

/// A grant and what it stands on, in one look.
struct Standing {
    grant: Grant,
    revoked: bool,
    user: User,
    client_enabled: bool,
    /// Its session, unless that has ended.
    session: Option<OpenSession>,
}

/// What a grant needs of its session.
struct OpenSession {
    secret: [u8; 32],
    last_seen: i64,
}

impl Standing {
    fn find(connection: &Connection, id: GrantId, now: Timestamp) -> Result<Option<Self>, Unavailable> {
        first(
            connection,
            concat!(
                "SELECT ",
                grant_columns!(),
                ", client.enabled, session.secret, session.last_seen_at, ",
                user_columns!(),
                " FROM app_grant
                 JOIN user ON user.id = app_grant.user_id
                 JOIN client ON client.id = app_grant.client_id
                 LEFT JOIN session ON session.id = app_grant.session_id AND session.user_id = app_grant.user_id
                     AND session.epoch = app_grant.epoch AND session.ended_at IS NULL AND session.expires_at > ?2
                 WHERE app_grant.id = ?1"
            ),
            (id.as_bytes(), millis(now)),
            |row| {
                let mut cells = Cells::of(row);
                let (grant, revoked) = read(&mut cells)?;
                let client_enabled = cells.take()?;
                let (secret, last_seen): (Option<[u8; 32]>, Option<i64>) = (cells.take()?, cells.take()?);
                let session = secret.zip(last_seen).map(|(secret, last_seen)| OpenSession { secret, last_seen });
                Ok(Self { grant, revoked, user: user::read(&mut cells)?, client_enabled, session })
            },
        )
    }

    /// Whether it stands on something: its client, its account and, unless it is for offline use, its session. TE-23.
    fn stands(&self) -> bool {
        self.client_enabled
            && (self.grant.offline || self.session.is_some())
            && user::is_current(&self.user, self.grant.epoch)
    }
}

/// A grant that stands, with its user.
pub(crate) fn find_live(
    connection: &Connection,
    id: GrantId,
    now: Timestamp,
) -> Result<Option<(Grant, User)>, Unavailable> {
    let found = Standing::find(connection, id, now)?;
    let live = found.filter(|found| !found.revoked && found.grant.expires_at > now && found.stands());
    Ok(live.map(|found| (found.grant, found.user)))
}

/// The checks that come before the rule of rotation. TE-23, TE-24.
fn standing(
    connection: &Connection,
    presented: &Presented,
    now: Timestamp,
) -> Result<Result<Standing, Refreshed>, Unavailable> {
    let found = Standing::find(connection, presented.presentation.grant, now)?;
    let Some(found) = found.filter(|found| found.grant.client == presented.client) else {
        return Ok(Err(Refreshed::Unknown));
    };
    if found.revoked {
        return Ok(Err(Refreshed::Revoked));
    }
    if found.grant.expires_at <= now {
        return Ok(Err(Refreshed::Expired));
    }
    Ok(if found.stands() { Ok(found) } else { Err(Refreshed::Revoked) })
}

fn judgement(presented: &Presented, standing: &Standing, now: Timestamp) -> Judgement {
    let of_session = match (presented.presenter, &standing.session) {
        (Presenter::Cookie { session: Some(secret) }, Some(session)) => {
            secret == HandleHash::from_bytes(session.secret)
        }
        _ => false,
    };
    judge_sender(&standing.grant, &presented.as_presentation(), of_session, now)
}

fn rotate(connection: &Connection, presented: &Presented, now: Timestamp) -> Result<Refreshed, Unavailable> {
    let mut standing = match standing(connection, presented, now)? {
        Ok(standing) => standing,
        Err(refused) => return Ok(refused),
    };
    match judgement(presented, &standing, now) {
        Judgement::Verdict(Verdict::Rotate(next) | Verdict::Replace(next)) => {
            let jkt = bound_after(&standing.grant, &presented.as_presentation());
            if !advance(connection, &standing.grant, next, jkt)? {
                return Err(Unavailable::Failed("the grant changed under the write lock".to_owned()));
            }
            (standing.grant.lineage, standing.grant.jkt) = (next, jkt);
        }
        Judgement::Verdict(Verdict::Again) => {}
        Judgement::OtherKey => return Ok(Refreshed::OtherKey),
        Judgement::Verdict(Verdict::Reuse) if planted(Fault::Refresh03) => return Ok(Refreshed::Reused),
        Judgement::Verdict(Verdict::Reuse) => {
            revoke_for(connection, &standing.grant, Event::RefreshReused, now)?;
            return Ok(Refreshed::Reused);
        }
    }
    if matches!(presented.presenter, Presenter::Cookie { .. })
        && standing.session.as_ref().is_some_and(|session| session::is_touch_due(session.last_seen, now))
    {
        session::touch(connection, standing.grant.session, now)?;
    }
    Ok(Refreshed::Stands { grant: Box::new(standing.grant), user: Box::new(standing.user) })
}

/// The conditional write: it holds only if the row is what the rule has seen.
fn advance(
    connection: &Connection,
    grant: &Grant,
    next: Lineage,
    jkt: Option<JwkThumbprint>,
) -> Result<bool, Unavailable> {
    let number = |generation: u64| i64::try_from(generation).map_err(|error| corrupt("app_grant", error));
    let changed = change(
        connection,
        "UPDATE app_grant SET generation = ?3, predecessor = ?4, rotated_at = ?5, jkt = ?6
         WHERE id = ?1 AND generation = ?2 AND revoked_at IS NULL",
        (
            grant.id.as_bytes(),
            number(grant.lineage.generation)?,
            number(next.generation)?,
            next.predecessor.map(number).transpose()?,
            millis(next.rotated_at),
            jkt.as_ref().map(JwkThumbprint::as_bytes),
        ),
    )?;
    Ok(changed == 1)
}

#[async_trait]
impl Grants for SqliteStore {
    async fn give_grant(&self, new: NewGrant, now: Timestamp) -> Result<Option<Grant>, Unavailable> {
        self.write(move |connection| give(connection, &new, now)).await
    }

    async fn rotate(&self, presentation: Presentation<'_>, now: Timestamp) -> Result<Refreshed, Unavailable> {
        if let Some(refreshed) = mistakes::check_then_update(self, presentation, now).await? {
            return Ok(refreshed);
        }
        let presented = Presented::from(presentation);
        self.write(move |connection| rotate(connection, &presented, now)).await
    }

    async fn look(&self, presentation: Presentation<'_>, now: Timestamp) -> Result<Refreshed, Unavailable> {
        let presented = Presented::from(presentation);
        self.read(move |connection| {
            let standing = match standing(connection, &presented, now)? {
                Ok(standing) => standing,
                Err(refused) => return Ok(refused),
            };
            Ok(match judgement(&presented, &standing, now) {
                Judgement::OtherKey => Refreshed::OtherKey,
                Judgement::Verdict(Verdict::Reuse) => Refreshed::Revoked,
                Judgement::Verdict(Verdict::Rotate(_) | Verdict::Again | Verdict::Replace(_)) => {
                    Refreshed::Stands { grant: Box::new(standing.grant), user: Box::new(standing.user) }
                }
            })
        })
        .await
    }

    async fn find_grant(&self, id: GrantId, now: Timestamp) -> Result<Option<(Grant, User)>, Unavailable> {
        self.read(move |connection| find_live(connection, id, now)).await
    }

    async fn revoke_grant(&self, id: GrantId, client: &ClientId, now: Timestamp) -> Result<GaveBack, Unavailable> {
        let client = client.clone();
        self.write(move |connection| match find(connection, id)? {
            Some((grant, _)) if grant.client != client => Ok(GaveBack::Foreign),
            Some((grant, _)) if revoke_for(connection, &grant, Event::GrantRevoked, now)? => Ok(GaveBack::Revoked),
            _ => Ok(GaveBack::Nothing),
        })
        .await
    }

    async fn sign_out_grant(&self, id: GrantId, now: Timestamp) -> Result<bool, Unavailable> {
        self.write(move |connection| {
            let Some((grant, revoked)) = find(connection, id)? else { return Ok(false) };
            let ended = session::end(connection, grant.user, grant.session, now)?;
            change(
                connection,
                "UPDATE app_grant SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL",
                (id.as_bytes(), millis(now)),
            )?;
            Ok(ended || !revoked)
        })
        .await
    }
}
