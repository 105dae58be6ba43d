//! Grants.

use async_trait::async_trait;
use brama_protocol::id::{GrantId, SessionId, UserId};
use brama_store::Unavailable;
use brama_store::audit::Event;
use brama_store::grant::{
    Grant, Grants, Lineage, NewGrant, Presentation, Presenter, Refreshed, SenderBinding, Verdict, judge,
};
use brama_store::user::User;
use jiff::Timestamp;
use rusqlite::{Connection, Row};

use crate::SqliteStore;
use crate::audit::{About, record};
use crate::column::{authentication, change, client_id, corrupt, first, get, granted, millis, timestamp};
use crate::{client, session, user};

fn generation(number: i64) -> Result<u64, Unavailable> {
    u64::try_from(number).map_err(|error| corrupt("app_grant", error))
}

fn read(row: &Row<'_>) -> Result<(Grant, bool), Unavailable> {
    let (amr, scope): (String, String) = (get(row, "amr")?, get(row, "scope")?);
    let grant = Grant {
        id: GrantId::from_bytes(get(row, "id")?),
        user: UserId::from_bytes(get(row, "user_id")?),
        epoch: get(row, "epoch")?,
        client: client_id("app_grant", get(row, "client_id")?)?,
        session: SessionId::from_bytes(get(row, "session_id")?),
        scope: granted("app_grant", &scope)?,
        resource: get(row, "resource")?,
        authentication: authentication("app_grant", get(row, "auth_time")?, &amr, get(row, "acr")?)?,
        offline: get(row, "offline")?,
        lasting: get(row, "lasting")?,
        created_at: timestamp("app_grant", get(row, "created_at")?)?,
        expires_at: timestamp("app_grant", get(row, "expires_at")?)?,
        lineage: Lineage {
            generation: generation(get(row, "generation")?)?,
            predecessor: get::<Option<i64>>(row, "predecessor")?.map(generation).transpose()?,
            rotated_at: timestamp("app_grant", get(row, "rotated_at")?)?,
        },
    };
    Ok((grant, get::<Option<i64>>(row, "revoked_at")?.is_some()))
}

/// Store a new grant; nothing if its user, epoch or session has ended. TE-23.
pub(crate) fn give(connection: &Connection, new: &NewGrant, now: Timestamp) -> Result<Option<Grant>, Unavailable> {
    if user::find_current(connection, new.user, new.epoch)?.is_none()
        || !session::is_open(connection, new.user, new.epoch, new.session, now)?
        || !client::is_enabled(connection, &new.client)?
    {
        return Ok(None);
    }
    change(
        connection,
        "INSERT INTO app_grant (id, user_id, epoch, client_id, session_id, scope, resource, auth_time, amr, acr, offline,
             lasting, created_at, expires_at, generation, rotated_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11,
             (SELECT persistent FROM session WHERE id = ?5), ?12, ?13, 0, ?12)",
        (
            new.id.as_bytes(),
            new.user.as_bytes(),
            new.epoch,
            new.client.as_str(),
            new.session.as_bytes(),
            new.scope.scope().to_string(),
            new.resource.as_deref(),
            millis(new.authentication.at),
            new.authentication.amr.join(" "),
            &new.authentication.acr,
            new.offline,
            millis(now),
            millis(new.expires_at),
        ),
    )?;
    let about =
        About { user: Some(new.user), client: Some(&new.client), session: Some(new.session), grant: Some(new.id) };
    record(connection, now, Event::GrantIssued, about)?;
    Ok(find(connection, new.id)?.map(|(grant, _)| grant))
}

fn find(connection: &Connection, id: GrantId) -> Result<Option<(Grant, bool)>, Unavailable> {
    first(connection, "SELECT * FROM app_grant WHERE id = ?1", [id.as_bytes()], read)
}

/// Revoke a grant because of a replay, and say so in the log. `false`: it was revoked before.
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
    window: jiff::SignedDuration,
}

impl From<Presentation<'_>> for Presented {
    fn from(from: Presentation<'_>) -> Self {
        Self { presentation: from.token, client: from.client.clone(), presenter: from.presenter, window: from.window }
    }
}

/// The checks that come before the rule of rotation. TE-23, TE-24.
fn standing(
    connection: &Connection,
    presented: &Presented,
    now: Timestamp,
) -> Result<Result<(Grant, User), Refreshed>, Unavailable> {
    let Some((grant, revoked)) = find(connection, presented.presentation.grant)? else {
        return Ok(Err(Refreshed::Unknown));
    };
    if grant.client != presented.client {
        return Ok(Err(Refreshed::Unknown));
    }
    if revoked {
        return Ok(Err(Refreshed::Revoked));
    }
    if grant.expires_at <= now {
        return Ok(Err(Refreshed::Expired));
    }
    match basis(connection, &grant, now)? {
        Some(user) => Ok(Ok((grant, user))),
        None => Ok(Err(Refreshed::Revoked)),
    }
}

/// What a grant stands on: its client, its account and, unless it is for offline use, its session. TE-23.
fn basis(connection: &Connection, grant: &Grant, now: Timestamp) -> Result<Option<User>, Unavailable> {
    let stands = client::is_enabled(connection, &grant.client)?
        && (grant.offline || session::is_open(connection, grant.user, grant.epoch, grant.session, now)?);
    if stands { user::find_current(connection, grant.user, grant.epoch) } else { Ok(None) }
}

fn verdict(
    connection: &Connection,
    presented: &Presented,
    grant: &Grant,
    now: Timestamp,
) -> Result<Verdict, Unavailable> {
    let binding = match presented.presenter {
        Presenter::Cookie { session: Some(secret) }
            if session::is_cookie_of(connection, grant.session, secret, now)? =>
        {
            SenderBinding::Bound
        }
        // A confidential client keeps its token, so it never waits for a successor whose answer was lost. TE-25.
        Presenter::Cookie { .. } | Presenter::PublicClient | Presenter::ConfidentialClient => SenderBinding::None,
    };
    let generation = presented.presentation.generation;
    Ok(match (presented.presenter, judge(grant.lineage, generation, binding, presented.window, now)) {
        // A client that authenticates itself keeps its token. TE-25.
        (Presenter::ConfidentialClient, Verdict::Rotate(_)) => Verdict::Again,
        (_, verdict) => verdict,
    })
}

fn rotate(connection: &Connection, presented: &Presented, now: Timestamp) -> Result<Refreshed, Unavailable> {
    let (mut grant, user) = match standing(connection, presented, now)? {
        Ok(standing) => standing,
        Err(refused) => return Ok(refused),
    };
    match verdict(connection, presented, &grant, now)? {
        Verdict::Rotate(next) | Verdict::Replace(next) => {
            if !advance(connection, &grant, next)? {
                return Err(Unavailable::Failed("the grant changed under the write lock".to_owned()));
            }
            grant.lineage = next;
        }
        Verdict::Again => {}
        Verdict::Reuse => {
            revoke_for(connection, &grant, Event::RefreshReused, now)?;
            return Ok(Refreshed::Reused);
        }
    }
    if matches!(presented.presenter, Presenter::Cookie { .. }) {
        session::touch(connection, grant.session, now)?;
    }
    Ok(Refreshed::Stands { grant: Box::new(grant), user: Box::new(user) })
}

/// The conditional write: it holds only if the row is what the rule has seen.
fn advance(connection: &Connection, grant: &Grant, next: Lineage) -> Result<bool, Unavailable> {
    let number = |generation: u64| i64::try_from(generation).map_err(|error| corrupt("app_grant", error));
    let changed = change(
        connection,
        "UPDATE app_grant SET generation = ?3, predecessor = ?4, rotated_at = ?5
         WHERE id = ?1 AND generation = ?2 AND revoked_at IS NULL",
        (
            grant.id.as_bytes(),
            number(grant.lineage.generation)?,
            number(next.generation)?,
            next.predecessor.map(number).transpose()?,
            millis(next.rotated_at),
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
        let presented = Presented::from(presentation);
        self.write(move |connection| rotate(connection, &presented, now)).await
    }

    async fn look(&self, presentation: Presentation<'_>, now: Timestamp) -> Result<Refreshed, Unavailable> {
        let presented = Presented::from(presentation);
        self.read(move |connection| {
            let (grant, user) = match standing(connection, &presented, now)? {
                Ok(standing) => standing,
                Err(refused) => return Ok(refused),
            };
            Ok(match verdict(connection, &presented, &grant, now)? {
                Verdict::Reuse => Refreshed::Revoked,
                Verdict::Rotate(_) | Verdict::Again | Verdict::Replace(_) => {
                    Refreshed::Stands { grant: Box::new(grant), user: Box::new(user) }
                }
            })
        })
        .await
    }

    async fn find_grant(&self, id: GrantId, now: Timestamp) -> Result<Option<(Grant, User)>, Unavailable> {
        self.read(move |connection| {
            let Some((grant, false)) = find(connection, id)? else { return Ok(None) };
            if grant.expires_at <= now {
                return Ok(None);
            }
            Ok(basis(connection, &grant, now)?.map(|user| (grant, user)))
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
