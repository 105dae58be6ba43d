//! The dispatcher: what an authorization needs next, decided from stored state alone. OpenID Core §3.1.2.3, §3.1.2.4.

use std::sync::Arc;

use brama_faults::{Fault, planted};
use brama_protocol::acr::{Level, Strength};
use brama_protocol::authorize::prompt::is_fresh_enough;
use brama_protocol::authorize::response::Answer;
use brama_protocol::client::{Client, ClientType};
use brama_protocol::error::{
    ACCOUNT_SELECTION_REQUIRED, ACR_UNMET, AUTHORIZE_CLIENT, CONSENT_REQUIRED, DENIED, INTERACTION_REQUIRED,
    LOGIN_REQUIRED, Refusal, Row, SIGN_IN_GONE,
};
use brama_protocol::handle::{Handle, kind};
use brama_protocol::id::AuthorizationId;
use brama_protocol::redirect_uri::MatchedRedirectUri;
use brama_protocol::scope::Scope;
use brama_protocol::username::NameKey;
use brama_store::authorization::{Asked, Authorization, AuthorizationState};
use brama_store::client::ClientRecord;
use brama_store::consent::Consent;
use brama_store::session::Session;
use brama_store::user::User;

use crate::authorize::begin::{Browser, Starter, restart};
use crate::authorize::issue_code;
use crate::context::Ctx;
use crate::login::level;

/// Who is signed in in this browser.
pub type SignedIn = Option<(Session, User)>;

/// What comes next.
#[derive(Debug)]
pub enum Next {
    /// The person has to show who they are.
    SignIn {
        /// There is a session, but the app wants a fresh or stronger sign-in, or another user.
        again: bool,
    },
    /// The person has to say which account.
    ChooseAccount,
    /// The person has to allow it.
    Consent,
    /// Everything is there. Only [`decide`] makes an [`Approval`].
    Issue(Box<Approval>),
    /// The client is told why not.
    Refuse(&'static Row),
}

/// A live session of the right user, fresh and strong enough, with consent: what a code may be issued for.
#[derive(Debug)]
pub struct Approval {
    session: Session,
    user: User,
    granted: Scope,
    remembered: Option<Consent>,
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

    /// What is allowed, of [`Asked::disclosed`].
    #[must_use]
    pub fn granted(&self) -> &Scope {
        &self.granted
    }

    /// What the user allowed before, if nothing else allows it.
    #[must_use]
    pub fn remembered(&self) -> Option<&Consent> {
        self.remembered.as_ref()
    }
}

/// Decide. Pure: `remembered` is what the user allowed this client before, `reachable` the highest level that the user can
/// sign in with.
#[must_use]
pub fn decide(
    ctx: &Ctx,
    authorization: &Authorization,
    client: &Client,
    signed_in: SignedIn,
    remembered: &Consent,
    reachable: Level,
) -> Next {
    let asked = &authorization.asked;
    let AuthorizationState::Requested { consented, chosen } = &authorization.state else {
        return Next::Refuse(&DENIED);
    };
    let silent = asked.prompt.none;
    let Some((session, user)) = signed_in else {
        return if silent { Next::Refuse(&LOGIN_REQUIRED) } else { Next::SignIn { again: false } };
    };
    let expected = asked.expected_user.is_none_or(|expected| expected == user.id);
    let signed_in_at = session.authentication.at;
    let fresh = is_fresh_enough(asked.prompt, asked.max_age, signed_in_at, authorization.requested_at, ctx.now);
    if !expected || !fresh {
        return if silent { Next::Refuse(&LOGIN_REQUIRED) } else { Next::SignIn { again: true } };
    }
    // Who signed in for this very request has said which account.
    if asked.prompt.select_account && signed_in_at < authorization.requested_at && *chosen != Some(user.id) {
        return Next::ChooseAccount;
    }
    match asked.acr.judge(level::of(&session.authentication), reachable) {
        Strength::Enough => {}
        Strength::StepUp(_) if silent => return Next::Refuse(&INTERACTION_REQUIRED),
        Strength::StepUp(_) => return Next::SignIn { again: true },
        Strength::Unmet => return Next::Refuse(&ACR_UNMET),
    }
    let just_now =
        consented.as_ref().filter(|consented| consented.user == user.id).map(|given| (given.scope.clone(), None));
    let just_signed_in = signed_in_at >= authorization.requested_at;
    let before = || if asked.prompt.consent { None } else { allowed_before(asked, client, remembered, just_signed_in) };
    match just_now.or_else(before) {
        None if silent => Next::Refuse(&CONSENT_REQUIRED),
        None => Next::Consent,
        // After consent: an app that was allowed nothing does not learn who is signed in by guessing names.
        Some(_) if silent && asked.login_hint.as_deref().is_some_and(|hint| !names(&user, hint)) => {
            Next::Refuse(&ACCOUNT_SELECTION_REQUIRED)
        }
        Some((granted, remembered)) => Next::Issue(Box::new(Approval { session, user, granted, remembered })),
    }
}

/// What may be given without asking: everything, to our own apps and to those that were allowed all of it before. AZ-22.
///
/// Access that outlives the session is given to a web app only with consent of its own, our own apps included; without one
/// it is left out. OpenID Core §11.
///
/// Beside it what is remembered, if that decided.
fn allowed_before(
    asked: &Asked,
    client: &Client,
    remembered: &Consent,
    just_signed_in: bool,
) -> Option<(Scope, Option<Consent>)> {
    let disclosed = asked.disclosed();
    // A port or a scheme of this machine is anybody's: our own app is believed there to be itself only by somebody who has
    // just seen its name above the sign-in form. RFC 8252 §8.6.
    let itself = client.client_type != ClientType::Native || asked.back.redirect_uri.is_assured() || just_signed_in;
    let ours = client.first_party && itself;
    let offline: Scope = ["offline_access"].into_iter().collect();
    let outlives = client.client_type == ClientType::Web && disclosed.contains("offline_access");
    if ours && !outlives {
        return Some((disclosed, None));
    }
    if client.remembers_consent() && disclosed.is_within(&remembered.for_all(&asked.resources)) {
        return Some((disclosed, Some(remembered.clone())));
    }
    if planted(Fault::Client06) && asked.prompt.none {
        return Some((disclosed, None));
    }
    ours.then(|| (disclosed.without(&offline), None))
}

/// Whether a hint names this account.
fn names(user: &User, hint: &str) -> bool {
    let hint = NameKey::of(hint);
    hint == NameKey::of(&user.username) || user.email.as_deref().is_some_and(|email| hint == NameKey::of(email))
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
    if let Some(why) = no_longer_allowed(ctx, &found.asked, &client.client) {
        let detail = format!("client {}: {why} is not registered any more", client.client.id);
        return Err(Refusal::from(&SIGN_IN_GONE).with_detail(detail).about_app(&client.client.name));
    }
    let elsewhere = found.browser != browser.secret.hash() && !planted(Fault::Code08);
    let restarted = if elsewhere || found.expires_at <= ctx.now {
        Restart::TooOld
    } else if found.state == AuthorizationState::Answered {
        Restart::Answered
    } else {
        return Ok(Some(Opened { authorization: found, client, restarted: None }));
    };
    let authorization = restart(ctx, &found, browser, starter).await?;
    Ok(Some(Opened { authorization, client, restarted: Some(restarted) }))
}

/// What of a stored request its client may not ask any more: its registration may have changed since. Without this, a request
/// that is begun again and again would outlive the redirect URI that the operator took away. AZ-3, AZ-4.
fn no_longer_allowed(ctx: &Ctx, asked: &Asked, client: &Client) -> Option<&'static str> {
    let uri = asked.back.redirect_uri.as_str();
    if MatchedRedirectUri::find(Some(uri), &client.redirect_uris, client.client_type, false).is_err()
        && !planted(Fault::Redir09)
    {
        return Some("its redirect URI");
    }
    if !asked.scope.scope().is_within(&client.scope) {
        return Some("a part of its scope");
    }
    let own = |resource: &str| {
        resource == ctx.settings.default_audience || client.resources.iter().any(|registered| registered == resource)
    };
    if !asked.resources.iter().all(own) {
        return Some("a resource");
    }
    let exempt = (client.danger_allow_missing_pkce || planted(Fault::Code03)) && client.is_confidential();
    let exempt = exempt || planted(Fault::Code01);
    (asked.challenge.is_none() && !exempt).then_some("leaving PKCE out")
}

/// Where the browser goes now.
#[derive(Debug)]
pub enum Step {
    /// To the sign-in page of this authorization.
    SignIn(AuthorizationId),
    /// To the page of this authorization that asks for the account.
    ChooseAccount(AuthorizationId),
    /// To the consent page of this authorization.
    Consent(AuthorizationId),
    /// Back to the app, with a code or an error.
    Back(Answer),
}

/// Decide and act: the one way from any page onwards.
///
/// # Errors
/// `invalid_request_uri` if the pushed request was answered before; an unavailable store.
pub async fn proceed(
    ctx: &Ctx,
    authorization: &Authorization,
    client: &Client,
    signed_in: SignedIn,
) -> Result<Step, Refusal> {
    let remembered = match &signed_in {
        Some((_, user)) if may_matter(authorization, client) => ctx.store.find_consent(user.id, &client.id).await?,
        _ => Consent::default(),
    };
    let reachable = signed_in.as_ref().map_or(Level::One, |(_, user)| level::reachable(user));
    let back = &authorization.asked.back;
    match decide(ctx, authorization, client, signed_in, &remembered, reachable) {
        Next::SignIn { .. } => Ok(Step::SignIn(authorization.id)),
        Next::ChooseAccount => Ok(Step::ChooseAccount(authorization.id)),
        Next::Consent => Ok(Step::Consent(authorization.id)),
        Next::Refuse(row) => Ok(Step::Back(back.with_error(&row.into(), &ctx.settings.issuer))),
        Next::Issue(approval) => match issue_code::issue(ctx, authorization, &approval).await? {
            Some(code) => Ok(Step::Back(back.with_code(&code.to_wire(), &ctx.settings.issuer))),
            // What was allowed before was changed, the session ended, or another tab answered, in this very moment.
            None if approval.remembered().is_some() && authorization.asked.prompt.none => {
                Ok(Step::Back(back.with_error(&(&CONSENT_REQUIRED).into(), &ctx.settings.issuer)))
            }
            None if approval.remembered().is_some() => Ok(Step::Consent(authorization.id)),
            // The session ended, or another tab answered, in this very moment.
            None if authorization.asked.prompt.none => {
                Ok(Step::Back(back.with_error(&(&LOGIN_REQUIRED).into(), &ctx.settings.issuer)))
            }
            None => Ok(Step::SignIn(authorization.id)),
        },
    }
}

/// What the consent page need not ask again, of what it asks: the part that was allowed before. Nothing where the app wants to
/// be asked again, and for another resource. AZ-22.
///
/// # Errors
/// An unavailable store.
pub async fn allowed_in_part(
    ctx: &Ctx,
    authorization: &Authorization,
    client: &Client,
    user: &User,
) -> Result<Scope, Refusal> {
    let asked = &authorization.asked;
    if asked.prompt.consent || !client.remembers_consent() {
        return Ok(Scope::default());
    }
    let before = ctx.store.find_consent(user.id, &client.id).await?;
    Ok(asked.disclosed().intersection(&before.for_all(&asked.resources)))
}

/// Whether what was allowed before can change anything: not for our own apps, but for offline access.
fn may_matter(authorization: &Authorization, client: &Client) -> bool {
    !client.first_party || authorization.asked.scope.scope().contains("offline_access")
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
