//! Taking an authorization request: checked, then stored with its challenge before the browser sees any page. B2.

use brama_jose::Typ;
use brama_protocol::authorize::prompt::Prompt;
use brama_protocol::authorize::request::{self, AuthorizationRequest};
use brama_protocol::authorize::response::{AuthorizeError, Return};
use brama_protocol::error::{AUTHORIZE_CLIENT, ID_TOKEN_HINT, Refusal};
use brama_protocol::handle::{Handle, kind};
use brama_protocol::id::{AuthorizationId, UserId};
use brama_protocol::oidc::id_token::IdTokenClaims;
use brama_protocol::parameters::Parameters;
use brama_store::authorization::{Asked, Authorization, AuthorizationState};

use crate::context::Ctx;

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

/// Check and store a request. AZ-3: client, redirect URI, then the rest.
///
/// # Errors
/// [`AuthorizeError`] says who sees it.
pub async fn begin(ctx: &Ctx, parameters: &Parameters, browser: &Browser) -> Result<Authorization, AuthorizeError> {
    let client_id = request::client_id(parameters).map_err(AuthorizeError::OnPage)?;
    let record = ctx.client(&client_id).await.map_err(|error| AuthorizeError::OnPage(error.into()))?;
    let Some(record) = record.filter(|record| record.client.enabled) else {
        let refusal =
            Refusal::from(&AUTHORIZE_CLIENT).with_detail(format!("client {client_id} is not registered or disabled"));
        return Err(AuthorizeError::OnPage(refusal));
    };
    let request = request::validate(parameters, &record.client, &ctx.settings.default_audience)?;
    let back = Return { redirect_uri: request.redirect_uri.clone(), state: request.state.clone() };
    store(ctx, request, browser).await.map_err(|refusal| AuthorizeError::BackToClient(Box::new(back), refusal))
}

async fn store(ctx: &Ctx, request: AuthorizationRequest, browser: &Browser) -> Result<Authorization, Refusal> {
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
    requested(ctx, asked, browser).await
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
/// An unavailable store.
pub async fn restart(ctx: &Ctx, old: &Authorization, browser: &Browser) -> Result<Authorization, Refusal> {
    // Silence was asked of the first attempt; whoever stands before a page now is to see pages.
    let prompt = Prompt { none: false, ..old.asked.prompt };
    requested(ctx, Asked { prompt, ..old.asked.clone() }, browser).await
}

async fn requested(ctx: &Ctx, asked: Asked, browser: &Browser) -> Result<Authorization, Refusal> {
    let new = Authorization {
        id: AuthorizationId::new(ctx.now, ctx.random()?),
        browser: browser.secret.hash(),
        asked,
        requested_at: ctx.now,
        expires_at: ctx.after(ctx.settings.sessions.sign_in_ttl)?,
        state: AuthorizationState::Requested { consented: None },
    };
    ctx.store.request_authorization(new.clone()).await?;
    Ok(new)
}
