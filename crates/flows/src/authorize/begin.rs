//! Taking an authorization request: checked, then stored with its challenge before the browser sees any page. B2.

use std::sync::Arc;

use brama_jose::Typ;
use brama_protocol::authorize::prompt::Prompt;
use brama_protocol::authorize::request::{self, AuthorizationRequest};
use brama_protocol::authorize::response::{AuthorizeError, Return};
use brama_protocol::error::{AUTHORIZE_CLIENT, ID_TOKEN_HINT, Refusal, TOO_MANY};
use brama_protocol::handle::{Handle, kind};
use brama_protocol::id::{AuthorizationId, SessionId, UserId};
use brama_protocol::oidc::id_token::IdTokenClaims;
use brama_protocol::parameters::Parameters;
use brama_store::authorization::{Asked, Authorization, AuthorizationState};
use brama_store::session::Session;

use crate::context::Ctx;
use crate::login::flood;
use crate::login::throttle::Source;

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

    fn admit(&self, ctx: &Ctx) -> Result<(), Refusal> {
        let most = ctx.settings.throttle.authorize_per_minute;
        match self.session {
            Some(session) => ctx.flood.admit_session(flood::Asked::Authorization, session, most, ctx.now),
            None if self.source.exempt => Ok(()),
            None => ctx.flood.admit_address(flood::Asked::Authorization, self.source.address, most, ctx.now),
        }
    }
}

/// Check and store a request. AZ-3: client, redirect URI, then the rest.
///
/// # Errors
/// [`AuthorizeError`] says who sees it.
pub async fn begin(
    ctx: &Ctx,
    parameters: &Parameters,
    browser: &Browser,
    starter: Starter,
) -> Result<Authorization, AuthorizeError> {
    let client_id = request::client_id(parameters).map_err(AuthorizeError::OnPage)?;
    let record = ctx.client(&client_id).await.map_err(|error| AuthorizeError::OnPage(error.into()))?;
    let Some(record) = record.filter(|record| record.client.enabled) else {
        let refusal =
            Refusal::from(&AUTHORIZE_CLIENT).with_detail(format!("client {client_id} is not registered or disabled"));
        return Err(AuthorizeError::OnPage(refusal));
    };
    let request = request::validate(parameters, &record.client, &ctx.settings.default_audience)?;
    let back = Return { redirect_uri: request.redirect_uri.clone(), state: request.state.clone() };
    store(ctx, request, browser, starter).await.map_err(|refusal| {
        // Told to the app, it would try again at once.
        if refusal.row == &TOO_MANY {
            AuthorizeError::OnPage(refusal)
        } else {
            AuthorizeError::BackToClient(Box::new(back), refusal)
        }
    })
}

async fn store(
    ctx: &Ctx,
    request: AuthorizationRequest,
    browser: &Browser,
    starter: Starter,
) -> Result<Authorization, Refusal> {
    let expected_user = match &request.id_token_hint {
        None => None,
        Some(hint) => Some(hinted_user(ctx, hint).ok_or(&ID_TOKEN_HINT)?),
    };
    let asked = Asked {
        client: request.client,
        back: Return { redirect_uri: request.redirect_uri, state: request.state },
        scope: request.scope,
        nonce: request.nonce,
        challenge: request.challenge,
        prompt: request.prompt,
        max_age: request.max_age,
        login_hint: request.login_hint,
        ui_locales: request.ui_locales,
        expected_user,
        resource: request.resource,
    };
    requested(ctx, asked, browser, starter).await
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
    requested(ctx, Asked { prompt, ..old.asked.clone() }, browser, starter).await
}

async fn requested(ctx: &Ctx, asked: Asked, browser: &Browser, starter: Starter) -> Result<Authorization, Refusal> {
    starter.admit(ctx)?;
    let new = Authorization {
        id: AuthorizationId::new(ctx.now, ctx.random()?),
        browser: browser.secret.hash(),
        asked,
        requested_at: ctx.now,
        expires_at: ctx.after(ctx.settings.sessions.sign_in_ttl)?,
        state: AuthorizationState::Requested { consented: None },
    };
    if starter.session.is_some() {
        ctx.store.request_authorization(new.clone()).await?;
    } else {
        let (store, row) = (Arc::clone(&ctx.store), new.clone());
        ctx.flood.write(async move { store.request_authorization(row).await }).await?;
    }
    Ok(new)
}
