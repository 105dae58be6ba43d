//! What people see and end of their own: sessions. SE-13.

use std::collections::BTreeMap;

use brama_protocol::error::Refusal;
use brama_protocol::id::SessionId;
use brama_store::audit::{AuditRow, Event};
use brama_store::session::Session;
use brama_store::user::User;
use jiff::SignedDuration;

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
