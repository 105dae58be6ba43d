//! The only place that mints tokens. RFC 9068; OpenID Core §2; design §6.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use brama_faults::{Fault, planted};
use brama_jose::Typ;
use brama_protocol::access_token::{AccessTokenClaims, Audience};
use brama_protocol::client::{Client, GrantType};
use brama_protocol::dpop::{Confirmation, JwkThumbprint};
use brama_protocol::error::{GRANT_DEAD, Refusal};
use brama_protocol::id::{SessionId, UserId};
use brama_protocol::oidc::id_token::{IdTokenClaims, at_hash};
use brama_protocol::oidc::logout_token::{Events, LIFE_SECONDS, LogoutTokenClaims};
use brama_protocol::refresh_token::RefreshToken;
use brama_protocol::scope::GrantedScope;
use brama_store::grant::Grant;
use jiff::SignedDuration;

use crate::context::Ctx;
use crate::keys::Keyring;
use crate::token::{Delivery, Target};
use crate::userinfo;

/// What may be minted, and why. Only the grants and first-party sign-in make it.
pub enum Approval {
    /// The first tokens of a grant.
    First {
        /// The grant.
        grant: Box<Grant>,
        /// What the access token is for; nothing: the default.
        resource: Option<String>,
        /// Of the authorization request.
        nonce: Option<String>,
        /// Where the refresh token goes.
        delivery: Delivery,
    },
    /// Tokens of a grant that was refreshed by a token in the body.
    Again {
        /// The grant.
        grant: Box<Grant>,
        /// What the access token is narrowed to.
        scope: GrantedScope,
        /// What it is for; nothing: the default.
        resource: Option<String>,
        /// Where the refresh token goes.
        delivery: Delivery,
    },
    /// Tokens of a grant that was refreshed by its cookie.
    Cookie {
        /// The grant.
        grant: Box<Grant>,
    },
    /// A machine's token.
    Machine {
        /// What it may do.
        scope: GrantedScope,
        /// What it is for.
        resource: Option<String>,
    },
}

/// Tokens, fresh from the mint. `Debug` prints none of them.
pub struct Minted {
    /// The access token.
    pub access_token: String,
    /// How it is sent: `Bearer` or `DPoP`.
    pub token_type: &'static str,
    /// Its life, seconds.
    pub expires_in: i64,
    /// What it allows.
    pub scope: String,
    /// The refresh token, if the grant has one to give.
    pub refresh_token: Option<RefreshToken>,
    /// Where the refresh token goes.
    pub delivery: Delivery,
    /// How long its cookie is kept, seconds; nothing: until the browser is closed. SE-9.
    pub cookie_seconds: Option<i64>,
    /// The ID token, for OpenID requests.
    pub id_token: Option<String>,
}

impl std::fmt::Debug for Minted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Minted({}, {} s)", self.scope, self.expires_in)
    }
}

/// Whom tokens are minted for.
#[derive(Clone, Copy)]
pub struct Holder<'a> {
    /// The client.
    pub client: &'a Client,
    /// The key that it has proved to hold, to which its access tokens are bound then. RFC 9449 §5; TK-7.
    pub key: Option<JwkThumbprint>,
}

impl Holder<'_> {
    fn confirmation(&self) -> Option<Confirmation> {
        self.key.map(|jkt| Confirmation { jkt })
    }

    fn token_type(&self) -> &'static str {
        if self.key.is_some() { "DPoP" } else { "Bearer" }
    }
}

/// Mint what was approved for this client.
///
/// # Errors
/// `invalid_grant` when the client may not have any of the granted scope any more; `server_error` if there is no randomness or
/// no signature to be had.
pub async fn issue(ctx: &Ctx, holder: Holder<'_>, approval: Approval) -> Result<Minted, Refusal> {
    // What the client was registered for may have become less since the grant was given.
    let allowed = |scope: &GrantedScope| {
        let left = scope.limited_to(&holder.client.scope);
        if left.scope().is_empty() && !scope.scope().is_empty() { Err(Refusal::from(&GRANT_DEAD)) } else { Ok(left) }
    };
    match approval {
        Approval::First { grant, resource, nonce, delivery } => {
            let scope = if planted(Fault::Revoke09) { grant.scope.clone() } else { allowed(&grant.scope)? };
            let access = access_token(ctx, holder, &grant, resource.as_deref(), &scope)?;
            let id_token = id_token(ctx, holder.client, &grant, &scope, nonce, &access.text).await?;
            Ok(minted(ctx, holder, &grant, access, id_token, delivery))
        }
        Approval::Again { grant, scope, resource, delivery } => {
            let scope = if planted(Fault::Refresh04) { scope } else { allowed(&scope)? };
            let access = access_token(ctx, holder, &grant, resource.as_deref(), &scope)?;
            // A refreshed ID token has no nonce. TE-31.
            let id_token = id_token(ctx, holder.client, &grant, &scope, None, &access.text).await?;
            Ok(minted(ctx, holder, &grant, access, id_token, delivery))
        }
        Approval::Cookie { grant } => {
            let scope = allowed(&grant.scope)?;
            let resource = Target::unnamed(ctx, holder.client).within(&grant.resources)?;
            let access = access_token(ctx, holder, &grant, resource.as_deref(), &scope)?;
            Ok(minted(ctx, holder, &grant, access, None, Delivery::Cookie))
        }
        Approval::Machine { scope, resource } => machine(ctx, holder, &scope, resource.as_deref()),
    }
}

/// A signed access token.
struct AccessToken {
    text: String,
    expires_in: i64,
    scope: String,
}

fn minted(
    ctx: &Ctx,
    holder: Holder<'_>,
    grant: &Grant,
    access: AccessToken,
    id_token: Option<String>,
    delivery: Delivery,
) -> Minted {
    // TE-37: none for a client that could do nothing with it.
    let refreshes = delivery != Delivery::None && holder.client.may_use(GrantType::RefreshToken);
    Minted {
        access_token: access.text,
        token_type: holder.token_type(),
        expires_in: access.expires_in,
        scope: access.scope,
        refresh_token: refreshes.then(|| ctx.refresh_tokens.token(grant.id, grant.lineage.generation)),
        delivery,
        cookie_seconds: grant.lasting.then(|| ctx.seconds_until(grant.expires_at)),
        id_token,
    }
}

/// 16 random bytes in base64url: what makes a `jti` unique.
fn unique(ctx: &Ctx) -> Result<String, Refusal> {
    ctx.random::<16>().map(|bytes| URL_SAFE_NO_PAD.encode(bytes))
}

/// An access token for a person. It never outlives its grant. TK-1 to TK-5.
fn access_token(
    ctx: &Ctx,
    holder: Holder<'_>,
    grant: &Grant,
    resource: Option<&str>,
    scope: &GrantedScope,
) -> Result<AccessToken, Refusal> {
    let client = holder.client;
    let life =
        ctx.settings.tokens.access.min(grant.expires_at.duration_since(ctx.now)).max(SignedDuration::from_secs(1));
    let claims = AccessTokenClaims {
        iss: ctx.settings.issuer.clone(),
        sub: grant.user.to_string(),
        aud: audience(ctx, client, resource, scope.scope().contains("openid")),
        exp: ctx.now.as_second() + life.as_secs(),
        iat: ctx.now.as_second(),
        jti: format!("{}.{}", grant.id, unique(ctx)?),
        client_id: client.id.to_string(),
        scope: scope_claim(scope),
        auth_time: Some(grant.authentication.at.as_second()),
        acr: Some(grant.authentication.acr.clone()),
        amr: Some(grant.authentication.amr.clone()),
        sid: Some(grant.session.to_string()),
        cnf: holder.confirmation(),
    };
    Ok(AccessToken {
        text: Keyring::sign(ctx.keyring().for_access_tokens(ctx.now)?, Typ::AccessToken, &claims)?,
        expires_in: life.as_secs(),
        scope: scope.scope().to_string(),
    })
}

fn audience(ctx: &Ctx, client: &Client, resource: Option<&str>, openid: bool) -> Audience {
    let default = client.resources.first().map_or(ctx.settings.default_audience.as_str(), String::as_str);
    Audience::of(resource, default, &ctx.settings.issuer, openid)
}

fn scope_claim(scope: &GrantedScope) -> Option<String> {
    (!scope.scope().is_empty()).then(|| scope.scope().to_string())
}

async fn id_token(
    ctx: &Ctx,
    client: &Client,
    grant: &Grant,
    scope: &GrantedScope,
    nonce: Option<String>,
    access_token: &str,
) -> Result<Option<String>, Refusal> {
    if !scope.scope().contains("openid") {
        return Ok(None);
    }
    let claims = IdTokenClaims {
        iss: ctx.settings.issuer.clone(),
        sub: grant.user.to_string(),
        aud: Audience::One(client.id.to_string()),
        exp: ctx.now.as_second() + ctx.settings.tokens.id.as_secs(),
        iat: ctx.now.as_second(),
        auth_time: Some(grant.authentication.at.as_second()),
        nonce,
        acr: Some(grant.authentication.acr.clone()),
        amr: Some(grant.authentication.amr.clone()),
        at_hash: Some(at_hash(access_token, client.id_token_alg)),
        sid: Some(grant.session.to_string()),
        person: userinfo::named_in_id_token(ctx, grant).await?,
    };
    Keyring::sign(ctx.keyring().for_id_tokens(client.id_token_alg)?, Typ::IdToken, &claims).map(Some)
}

/// The token that tells an app of the end of a session; good for one try. It is signed as the client's ID tokens are, and
/// has no `nonce`. LO-11.
///
/// # Errors
/// `server_error` if there is no randomness or no signature to be had.
pub(crate) fn logout_token(ctx: &Ctx, client: &Client, user: UserId, session: SessionId) -> Result<String, Refusal> {
    let claims = LogoutTokenClaims {
        iss: ctx.settings.issuer.clone(),
        sub: user.to_string(),
        aud: Audience::One(client.id.to_string()),
        iat: ctx.now.as_second(),
        exp: ctx.now.as_second() + LIFE_SECONDS,
        jti: unique(ctx)?,
        sid: session.to_string(),
        events: Events::default(),
    };
    Keyring::sign(ctx.keyring().for_id_tokens(client.id_token_alg)?, Typ::LogoutToken, &claims)
}

/// A machine's token: `sub` is the client, and nothing speaks of a sign-in. TE-32, TE-33.
fn machine(ctx: &Ctx, holder: Holder<'_>, scope: &GrantedScope, resource: Option<&str>) -> Result<Minted, Refusal> {
    let client = holder.client;
    let life = ctx.settings.tokens.access;
    let claims = AccessTokenClaims {
        iss: ctx.settings.issuer.clone(),
        sub: client.id.to_string(),
        aud: audience(ctx, client, resource, false),
        exp: ctx.now.as_second() + life.as_secs(),
        iat: ctx.now.as_second(),
        jti: unique(ctx)?,
        client_id: client.id.to_string(),
        scope: scope_claim(scope),
        auth_time: None,
        acr: None,
        amr: None,
        sid: None,
        cnf: holder.confirmation(),
    };
    Ok(Minted {
        access_token: Keyring::sign(ctx.keyring().for_access_tokens(ctx.now)?, Typ::AccessToken, &claims)?,
        token_type: holder.token_type(),
        expires_in: life.as_secs(),
        scope: scope.scope().to_string(),
        refresh_token: None,
        delivery: Delivery::None,
        cookie_seconds: None,
        id_token: None,
    })
}
