//! The dispatcher: what an authorization needs next, decided from stored state alone. OpenID Core §3.1.2.3, §3.1.2.4.

use std::sync::Arc;

use brama_protocol::authorize::prompt::is_fresh_enough;
use brama_protocol::client::Client;
use brama_protocol::error::{AUTHORIZE_CLIENT, CONSENT_REQUIRED, DENIED, LOGIN_REQUIRED, Refusal, Row};
use brama_protocol::handle::{Handle, kind};
use brama_protocol::id::AuthorizationId;
use brama_protocol::scope::Scope;
use brama_store::authorization::{Authorization, AuthorizationState};
use brama_store::client::ClientRecord;
use brama_store::session::Session;
use brama_store::user::User;

use crate::authorize::begin::{Browser, Starter, restart};
use crate::authorize::issue_code;
use crate::context::Ctx;

/// Who is signed in in this browser.
pub type SignedIn = Option<(Session, User)>;

/// What comes next.
#[derive(Debug)]
pub enum Next {
    /// The person has to show who they are.
    SignIn {
        /// There is a session, but the app wants a fresh sign-in or another user.
        again: bool,
    },
    /// The person has to allow it.
    Consent,
    /// Everything is there. Only [`decide`] makes an [`Approval`].
    Issue(Box<Approval>),
    /// The client is told why not.
    Refuse(&'static Row),
}

/// A live session of the right user, fresh enough, with consent: what a code may be issued for.
#[derive(Debug)]
pub struct Approval {
    session: Session,
    user: User,
}

impl Approval {
    /// The session.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Its user.
    #[must_use]
    pub fn user(&self) -> &User {
        &self.user
    }
}

/// Decide. Pure: `remembered` is what the user allowed this client before.
#[must_use]
pub fn decide(
    ctx: &Ctx,
    authorization: &Authorization,
    client: &Client,
    signed_in: SignedIn,
    remembered: Option<&Scope>,
) -> Next {
    let asked = &authorization.asked;
    let AuthorizationState::Requested { consented } = authorization.state else { return Next::Refuse(&DENIED) };
    let silent = asked.prompt.none;
    let Some((session, user)) = signed_in else {
        return if silent { Next::Refuse(&LOGIN_REQUIRED) } else { Next::SignIn { again: false } };
    };
    let expected = asked.expected_user.is_none_or(|expected| expected == user.id);
    let fresh =
        is_fresh_enough(asked.prompt, asked.max_age, session.authentication.at, authorization.requested_at, ctx.now);
    if !expected || !fresh {
        return if silent { Next::Refuse(&LOGIN_REQUIRED) } else { Next::SignIn { again: true } };
    }
    // Consent for this very request, our own app, or what was allowed before (AZ-22).
    let just_now = consented == Some(user.id);
    let before = client.remembers_consent() && remembered.is_some_and(|allowed| asked.scope.scope().is_within(allowed));
    if just_now || (!asked.prompt.consent && (client.first_party || before)) {
        return Next::Issue(Box::new(Approval { session, user }));
    }
    if silent { Next::Refuse(&CONSENT_REQUIRED) } else { Next::Consent }
}

/// An authorization as a page of ours meets it.
#[derive(Debug)]
pub struct Opened {
    /// The authorization; another one than the address names if that was too old or another browser's.
    pub authorization: Authorization,
    /// Its client.
    pub client: Arc<ClientRecord>,
    /// Whether it was begun again, and why. A6.
    pub restarted: Option<Restart>,
}

/// Why an authorization was begun again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    /// Its page was too old, or belongs to another browser.
    TooOld,
    /// It was answered before: a form sent twice, or a step back.
    Answered,
}

/// Open the authorization that a page address names. One of another browser, one that ran out and one that was answered
/// are begun again with the same app, so that no page is a dead end. A6.
///
/// # Errors
/// `invalid_client` when its client is gone; `too_many_attempts` when it would have to be begun again; an unavailable store. Nothing: there is no such authorization any more.
pub async fn open(
    ctx: &Ctx,
    id: AuthorizationId,
    browser: &Browser,
    starter: Starter,
) -> Result<Option<Opened>, Refusal> {
    let Some(found) = ctx.store.find_authorization(id).await? else { return Ok(None) };
    let client = ctx.client(&found.asked.client).await?.filter(|record| record.client.enabled);
    let client = client.ok_or(&AUTHORIZE_CLIENT)?;
    let restarted = if found.browser != browser.secret.hash() || found.expires_at <= ctx.now {
        Restart::TooOld
    } else if found.state == AuthorizationState::Answered {
        Restart::Answered
    } else {
        return Ok(Some(Opened { authorization: found, client, restarted: None }));
    };
    let authorization = restart(ctx, &found, browser, starter).await?;
    Ok(Some(Opened { authorization, client, restarted: Some(restarted) }))
}

/// Where the browser goes now.
#[derive(Debug)]
pub enum Step {
    /// To the sign-in page of this authorization.
    SignIn(AuthorizationId),
    /// To the consent page of this authorization.
    Consent(AuthorizationId),
    /// Back to the app, with a code or an error.
    Back(String),
}

/// Decide and act: the one way from any page onwards.
///
/// # Errors
/// An unavailable store.
pub async fn proceed(
    ctx: &Ctx,
    authorization: &Authorization,
    client: &Client,
    signed_in: SignedIn,
) -> Result<Step, Refusal> {
    let remembered = match &signed_in {
        Some((_, user)) if !client.first_party => ctx.store.find_consent(user.id, &client.id).await?,
        _ => None,
    };
    let back = &authorization.asked.back;
    match decide(ctx, authorization, client, signed_in, remembered.as_ref()) {
        Next::SignIn { .. } => Ok(Step::SignIn(authorization.id)),
        Next::Consent => Ok(Step::Consent(authorization.id)),
        Next::Refuse(row) => Ok(Step::Back(back.with_error(&row.into(), &ctx.settings.issuer))),
        Next::Issue(approval) => match issue_code::issue(ctx, authorization, &approval).await? {
            Some(code) => Ok(Step::Back(back.with_code(&code.to_wire(), &ctx.settings.issuer))),
            // The session ended, or another tab answered, in this very moment.
            None => Ok(Step::SignIn(authorization.id)),
        },
    }
}

/// The live session behind a session cookie; its use is noted once a minute. SE-8.
///
/// # Errors
/// An unavailable store.
pub async fn signed_in(ctx: &Ctx, cookie: Option<&str>) -> Result<SignedIn, Refusal> {
    let Some(secret) = cookie.and_then(Handle::<kind::Session>::parse) else { return Ok(None) };
    let found = ctx.store.find_session(secret.hash(), ctx.now).await?;
    if let Some((session, _)) = &found
        && ctx.now.duration_since(session.last_seen_at) >= jiff::SignedDuration::from_mins(1)
    {
        ctx.store.touch_session(session.id, ctx.now).await?;
    }
    Ok(found)
}
