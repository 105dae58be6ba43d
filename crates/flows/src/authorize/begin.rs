//! Taking an authorization request: checked, then stored with its challenge before the browser sees any page. B2.

use std::sync::Arc;

use brama_faults::{Fault, planted};
use brama_jose::Typ;
use brama_protocol::authorize::prompt::Prompt;
use brama_protocol::authorize::request::{self, AuthorizationRequest, Channel, Policy};
use brama_protocol::authorize::response::{Answer, AuthorizeError, Return};
use brama_protocol::error::{AUTHORIZE_CLIENT, ID_TOKEN_HINT, LOGIN_REQUIRED, PUSHED_REQUEST, Refusal};
use brama_protocol::handle::{Handle, HandleHash, kind};
use brama_protocol::id::{AuthorizationId, SessionId, UserId};
use brama_protocol::oidc::id_token::IdTokenClaims;
use brama_protocol::par::{self, Named};
use brama_protocol::parameters::Parameters;
use brama_store::authorization::{Asked, Authorization, AuthorizationState};
use brama_store::client::ClientRecord;
use brama_store::par::Opening;
use brama_store::session::Session;

use crate::context::Ctx;
use crate::login::flood;
use crate::login::throttle::Source;
use crate::par::LIFE as PUSHED_LIFE;

/// The browser an authorization belongs to: the transaction cookie it has, or the one it is about to get.
#[derive(Debug)]
pub struct Browser {
    /// What the cookie carries.
    pub secret: Handle<kind::Browser>,
    /// Whether the cookie has to be set.
    pub new: bool,
}

impl Browser {
    /// The browser that sent this cookie, or a new one. A value we cannot read is not adopted. SE-4.
    ///
    /// # Errors
    /// No random bytes.
    pub fn of(ctx: &Ctx, cookie: Option<&str>) -> Result<Self, Refusal> {
        Ok(match cookie.and_then(Handle::parse) {
            Some(secret) => Self { secret, new: false },
            None => Self { secret: ctx.handle()?, new: true },
        })
    }
}

/// Who begins an authorization. Every one is a row, so there are so many a minute: for a session, or for an address
/// where nobody is signed in. TH-13.
#[derive(Clone, Copy, Debug)]
pub struct Starter {
    source: Source,
    session: Option<SessionId>,
}

impl Starter {
    /// Whoever this browser is signed in as, at this address.
    #[must_use]
    pub fn new(source: Source, session: Option<&Session>) -> Self {
        Self { source, session: session.map(|session| session.id) }
    }

    pub(crate) fn admit(&self, ctx: &Ctx) -> Result<(), Refusal> {
        let most = ctx.settings.throttle.authorize_per_minute;
        match self.session {
            Some(session) => ctx.flood.admit_session(flood::Asked::Authorization, session, most, ctx.now),
            None if self.source.exempt => Ok(()),
            None => ctx.flood.admit_address(flood::Asked::Authorization, self.source.address, most, ctx.now),
        }
    }
}

/// Why an authorization request was not taken. Standards §1.2.
#[derive(Debug)]
pub enum NotBegun {
    /// Our own page says so: nobody may be redirected.
    OnPage(Refusal),
    /// The app is told.
    Back {
        /// The app.
        client: Arc<ClientRecord>,
        /// What it is told.
        answer: Answer,
        /// Languages the person prefers, BCP 47.
        ui_locales: Option<String>,
        /// Why, for the log.
        refusal: Refusal,
    },
}

impl From<Refusal> for NotBegun {
    fn from(refusal: Refusal) -> Self {
        Self::OnPage(refusal)
    }
}

/// Check and store a request. AZ-3: client, redirect URI, then the rest. What was pushed rules over everything that comes
/// beside its `request_uri`. EP-4.
///
/// # Errors
/// [`NotBegun`] says who sees it.
pub async fn begin(
    ctx: &Ctx,
    parameters: &Parameters,
    browser: &Browser,
    starter: Starter,
) -> Result<Authorization, NotBegun> {
    let client_id = request::client_id(parameters)?;
    let record = ctx.client(&client_id).await.map_err(Refusal::from)?;
    let Some(record) = record.filter(|record| record.client.enabled) else {
        let refusal =
            Refusal::from(&AUTHORIZE_CLIENT).with_detail(format!("client {client_id} is not registered or disabled"));
        return Err(refusal.into());
    };
    let pushed = match par::named(parameters) {
        Some(Named::Pushed(handle)) => {
            starter.admit(ctx)?;
            Some(opened(ctx, &record, handle, browser).await?)
        }
        Some(Named::External) if planted(Fault::Ssrf01) => {
            let uri = parameters.one("request_uri").ok().flatten().unwrap_or_default();
            ctx.outgoing.get_json(uri, 1024).await.ok().and(None)
        }
        Some(Named::External) | None => None,
    };
    let (parameters, channel) = match &pushed {
        Some((_, parameters)) => (parameters, Channel::Pushed),
        None => (parameters, Channel::Front),
    };
    let back = |back: &Return, refusal: Refusal| NotBegun::Back {
        client: Arc::clone(&record),
        answer: back.with_error(&refusal, &ctx.settings.issuer),
        ui_locales: parameters.one("ui_locales").ok().flatten().map(ToOwned::to_owned),
        refusal,
    };
    let request = request::validate(parameters, &record.client, policy(ctx), channel).map_err(|error| match error {
        AuthorizeError::OnPage(refusal) => NotBegun::OnPage(refusal),
        AuthorizeError::BackToClient(to, refusal) => back(&to, refusal),
    })?;
    if pushed.is_none() {
        // Told to the app, it would try again at once.
        starter.admit(ctx)?;
    }
    let to = request.back.clone();
    let handle = pushed.as_ref().map(|(handle, _)| *handle);
    let stored = store(ctx, request, handle, browser, starter).await;
    stored.map_err(|refusal| back(&to, refusal))
}

/// What the operator decided for all clients.
pub(crate) fn policy(ctx: &Ctx) -> Policy<'_> {
    Policy {
        default_audience: &ctx.settings.default_audience,
        require_pushed: ctx.settings.require_pushed_authorization_requests,
    }
}

type Pushed = (HandleHash<kind::PushedRequest>, Parameters);

/// The request that a client pushed. It is never told to the client that there is none: whose redirect URI would that be?
async fn opened(
    ctx: &Ctx,
    record: &ClientRecord,
    handle: Option<Handle<kind::PushedRequest>>,
    browser: &Browser,
) -> Result<Pushed, Refusal> {
    let client = &record.client;
    let refused = |why: &str| {
        Refusal::from(&PUSHED_REQUEST).with_detail(format!("client {}: {why}", client.id)).about_app(&client.name)
    };
    let handle = handle.ok_or_else(|| refused("no handle"))?.hash();
    // A page that was loaded once lives on by itself, as every sign-in does: in the browser that loaded it. EP-5.
    let opening = Opening {
        browser: browser.secret.hash(),
        pushed_after: ctx.now.checked_sub(PUSHED_LIFE).unwrap_or(ctx.now),
        until: ctx.after(ctx.settings.sessions.sign_in_ttl)?,
    };
    let (store, id, now) = (Arc::clone(&ctx.store), client.id.clone(), ctx.now);
    let found = ctx.flood.write(async move { store.open_pushed_request(handle, &id, opening, now).await }).await?;
    let found = found.ok_or_else(|| refused("unknown, expired, used or another client's"))?;
    let parameters = Parameters::parse(found.as_bytes()).map_err(|_| refused("its parameters cannot be read"))?;
    Ok((handle, parameters))
}

async fn store(
    ctx: &Ctx,
    request: AuthorizationRequest,
    pushed: Option<HandleHash<kind::PushedRequest>>,
    browser: &Browser,
    starter: Starter,
) -> Result<Authorization, Refusal> {
    let asked = Asked {
        expected_user: expected_user(ctx, &request)?,
        client: request.client,
        back: request.back,
        scope: request.scope,
        nonce: request.nonce,
        challenge: request.challenge,
        dpop_jkt: request.dpop_jkt,
        prompt: request.prompt,
        max_age: request.max_age,
        login_hint: request.login_hint,
        ui_locales: request.ui_locales,
        acr: request.acr,
        claims: request.claims,
        resources: request.resources,
        pushed,
    };
    requested(ctx, asked, browser, starter).await
}

/// The person that the request insists on: by an ID token of ours, or by `sub` in `claims`. OpenID Core §3.1.2.1, §5.5.1.
pub(crate) fn expected_user(ctx: &Ctx, request: &AuthorizationRequest) -> Result<Option<UserId>, Refusal> {
    let hinted = match &request.id_token_hint {
        None => None,
        Some(hint) => Some(hinted_user(ctx, hint).ok_or(&ID_TOKEN_HINT)?),
    };
    let named = match &request.expected_sub {
        None => None,
        // Nobody has such a `sub`, so nobody can sign in as who is expected.
        Some(sub) => Some(sub.parse().map_err(|_| Refusal::from(&LOGIN_REQUIRED))?),
    };
    match (hinted, named) {
        (Some(hinted), Some(named)) if hinted != named => Err((&LOGIN_REQUIRED).into()),
        (hinted, named) => Ok(hinted.or(named)),
    }
}

/// The user of an ID token that we signed; it may have expired. OpenID Core §3.1.2.1.
fn hinted_user(ctx: &Ctx, hint: &str) -> Option<UserId> {
    let claims: IdTokenClaims = ctx.keyring().own(hint, Typ::IdToken)?.claims().ok()?;
    (claims.iss == ctx.settings.issuer).then(|| claims.sub.parse().ok()).flatten()
}

/// Begin an old request again for this browser: its sign-in page was too old, or was answered before. It keeps its
/// client, redirect URI, `state` and challenge, so the app finds what it expects. A6.
///
/// # Errors
/// An unavailable store; `too_many_attempts`.
pub async fn restart(
    ctx: &Ctx,
    old: &Authorization,
    browser: &Browser,
    starter: Starter,
) -> Result<Authorization, Refusal> {
    // Silence was asked of the first attempt; whoever stands before a page now is to see pages.
    let prompt = Prompt { none: false, ..old.asked.prompt };
    starter.admit(ctx)?;
    requested(ctx, Asked { prompt, ..old.asked.clone() }, browser, starter).await
}

async fn requested(ctx: &Ctx, asked: Asked, browser: &Browser, starter: Starter) -> Result<Authorization, Refusal> {
    let new = Authorization {
        id: AuthorizationId::new(ctx.now, ctx.random()?),
        browser: browser.secret.hash(),
        asked,
        requested_at: ctx.now,
        expires_at: ctx.after(ctx.settings.sessions.sign_in_ttl)?,
        state: AuthorizationState::Requested { consented: None, chosen: None },
    };
    if starter.session.is_some() {
        ctx.store.request_authorization(new.clone()).await?;
    } else {
        let (store, row) = (Arc::clone(&ctx.store), new.clone());
        ctx.flood.write(async move { store.request_authorization(row).await }).await?;
    }
    Ok(new)
}
