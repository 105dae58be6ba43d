//! What people see and end of their own: sessions, and access of apps. SE-13, AZ-21.

use std::collections::BTreeMap;
use std::sync::Arc;

use brama_protocol::client::ClientId;
use brama_protocol::error::Refusal;
use brama_protocol::handle::{HandleHash, kind};
use brama_protocol::id::SessionId;
use brama_protocol::resource::Resources;
use brama_protocol::scope::Scope;
use brama_store::audit::{AuditRow, Event};
use brama_store::client::ClientRecord;
use brama_store::session::Session;
use brama_store::user::User;
use jiff::{SignedDuration, Timestamp};

use crate::context::Ctx;

/// A session and the names of the apps signed in through it.
pub struct SessionOverview {
    /// The session.
    pub session: Session,
    /// Names of apps.
    pub apps: Vec<String>,
}

/// The live sessions of a user, newest first.
///
/// # Errors
/// An unavailable store.
pub async fn sessions(ctx: &Ctx, user: &User) -> Result<Vec<SessionOverview>, Refusal> {
    let mut apps: BTreeMap<SessionId, Vec<String>> = BTreeMap::new();
    for app in ctx.store.apps_of_sessions(user.id, ctx.now).await? {
        let name = ctx.client(&app.client).await?.map(|record| record.client.name.clone());
        let names = apps.entry(app.session).or_default();
        names.push(name.unwrap_or_else(|| app.client.to_string()));
    }
    let sessions = ctx.store.sessions_of(user.id, ctx.now).await?;
    Ok(sessions
        .into_iter()
        .map(|session| SessionOverview { apps: apps.remove(&session.id).unwrap_or_default(), session })
        .collect())
}

/// What an app may do in the name of a user.
pub struct AppAccess {
    /// The app.
    pub client: ClientId,
    /// The app as it is registered.
    pub record: Option<Arc<ClientRecord>>,
    /// What it may do, by grants and remembered consent together.
    pub scope: Scope,
    /// For which resources; none: its default.
    pub resources: Resources,
    /// Since when.
    pub since: Timestamp,
    /// When it last used it; nothing: consent is remembered, but it holds no grant.
    pub used_at: Option<Timestamp>,
}

/// The apps that may do something in the name of a user, in order of name. AZ-21.
///
/// # Errors
/// An unavailable store.
pub async fn apps(ctx: &Ctx, user: &User) -> Result<Vec<AppAccess>, Refusal> {
    let mut apps: Vec<AppAccess> = Vec::new();
    for access in ctx.store.access_of(user.id, ctx.now).await? {
        match apps.iter_mut().find(|app| app.client == access.client) {
            Some(app) => {
                app.scope = app.scope.union(&access.scope);
                app.resources = app.resources.union(&access.resources);
                app.since = app.since.min(access.since);
                app.used_at = app.used_at.max(access.used_at);
            }
            None => apps.push(AppAccess {
                record: ctx.client(&access.client).await?,
                client: access.client,
                scope: access.scope,
                resources: access.resources,
                since: access.since,
                used_at: access.used_at,
            }),
        }
    }
    apps.sort_by_key(|app| {
        app.record.as_ref().map_or_else(|| app.client.to_string(), |record| record.client.name.clone())
    });
    Ok(apps)
}

/// Take an app everything that the user gave it. TE-30.
///
/// # Errors
/// An unavailable store.
pub async fn withdraw(ctx: &Ctx, user: &User, client: &ClientId) -> Result<(), Refusal> {
    ctx.store.withdraw_access(user.id, client, ctx.now).await?;
    Ok(())
}

/// What to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// One session.
    One(SessionId),
    /// All but this one.
    Others,
    /// All, with everything that was given to apps. SE-15.
    Everything,
}

/// End sessions of a user; `current` is the one that asks.
///
/// # Errors
/// An unavailable store.
pub async fn end(ctx: &Ctx, user: &User, current: SessionId, end: End) -> Result<(), Refusal> {
    match end {
        End::One(id) => ctx.store.end_session(user.id, id, ctx.now).await.map(drop)?,
        End::Others => ctx.store.end_other_sessions(user.id, current, ctx.now).await.map(drop)?,
        End::Everything => ctx.store.end_everything(user.id, ctx.now).await?,
    }
    ctx.backchannel.wake();
    Ok(())
}

/// End the session of a cookie that opens nothing any more, because it was idle for too long.
///
/// # Errors
/// An unavailable store.
pub async fn end_idle(ctx: &Ctx, cookie: HandleHash<kind::Session>) -> Result<(), Refusal> {
    ctx.store.end_session_of_cookie(cookie, ctx.now).await?;
    ctx.backchannel.wake();
    Ok(())
}

/// The newest sign of theft of the last 30 days, if any: a refresh token or code that came back. The user is told.
///
/// # Errors
/// An unavailable store.
pub async fn newest_alarm(ctx: &Ctx, user: &User) -> Result<Option<AuditRow>, Refusal> {
    let rows = ctx.store.audit_of_user(user.id, 100).await?;
    let month = SignedDuration::from_hours(30 * 24);
    Ok(rows.into_iter().find(|row| {
        matches!(row.event, Event::RefreshReused | Event::CodeReplayed) && ctx.now.duration_since(row.at) < month
    }))
}
