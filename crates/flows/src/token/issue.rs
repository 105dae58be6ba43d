//! The only place that mints tokens. RFC 9068; OpenID Core §2; design §6.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use brama_jose::Typ;
use brama_protocol::access_token::{AccessTokenClaims, Audience};
use brama_protocol::client::Client;
use brama_protocol::error::Refusal;
use brama_protocol::oidc::id_token::{IdTokenClaims, at_hash};
use brama_protocol::refresh_token::RefreshToken;
use brama_protocol::scope::GrantedScope;
use brama_store::grant::Grant;
use jiff::SignedDuration;

use crate::context::Ctx;
use crate::keys::Keyring;
use crate::token::Delivery;

/// What may be minted, and why. Only the grants and first-party sign-in make it.
pub enum Approval {
    /// The first tokens of a grant.
    First {
        /// The grant.
        grant: Box<Grant>,
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

/// Mint what was approved for this client.
///
/// # Errors
/// `server_error` if there is no randomness or no signature to be had.
pub fn issue(ctx: &Ctx, client: &Client, approval: Approval) -> Result<Minted, Refusal> {
    match approval {
        Approval::First { grant, nonce, delivery } => {
            let scope = grant.scope.clone();
            let (access_token, expires_in) = access_token(ctx, client, &grant, &scope)?;
            let id_token = id_token(ctx, client, &grant, &scope, nonce, &access_token)?;
            Ok(minted(ctx, &grant, scope, access_token, expires_in, id_token, delivery))
        }
        Approval::Again { grant, scope, delivery } => {
            let (access_token, expires_in) = access_token(ctx, client, &grant, &scope)?;
            // A refreshed ID token has no nonce. TE-31.
            let id_token = id_token(ctx, client, &grant, &scope, None, &access_token)?;
            Ok(minted(ctx, &grant, scope, access_token, expires_in, id_token, delivery))
        }
        Approval::Cookie { grant } => {
            let scope = grant.scope.clone();
            let (access_token, expires_in) = access_token(ctx, client, &grant, &scope)?;
            Ok(minted(ctx, &grant, scope, access_token, expires_in, None, Delivery::Cookie))
        }
        Approval::Machine { scope, resource } => machine(ctx, client, &scope, resource.as_deref()),
    }
}

fn minted(
    ctx: &Ctx,
    grant: &Grant,
    scope: GrantedScope,
    access_token: String,
    expires_in: i64,
    id_token: Option<String>,
    delivery: Delivery,
) -> Minted {
    let refresh_token =
        (delivery != Delivery::None).then(|| ctx.refresh_tokens.token(grant.id, grant.lineage.generation));
    Minted {
        access_token,
        expires_in,
        scope: scope.scope().to_string(),
        refresh_token,
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
fn access_token(ctx: &Ctx, client: &Client, grant: &Grant, scope: &GrantedScope) -> Result<(String, i64), Refusal> {
    let life =
        ctx.settings.tokens.access.min(grant.expires_at.duration_since(ctx.now)).max(SignedDuration::from_secs(1));
    let resource = grant.resource.as_deref();
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
    };
    Ok((Keyring::sign(ctx.keyring().for_access_tokens(), Typ::AccessToken, &claims)?, life.as_secs()))
}

fn audience(ctx: &Ctx, client: &Client, resource: Option<&str>, openid: bool) -> Audience {
    let default = client.resources.first().map_or(ctx.settings.default_audience.as_str(), String::as_str);
    Audience::of(resource, default, &ctx.settings.issuer, openid)
}

fn scope_claim(scope: &GrantedScope) -> Option<String> {
    (!scope.scope().is_empty()).then(|| scope.scope().to_string())
}

fn id_token(
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
        at_hash: Some(at_hash(access_token)),
        sid: Some(grant.session.to_string()),
    };
    Keyring::sign(ctx.keyring().for_id_tokens(client.id_token_alg), Typ::IdToken, &claims).map(Some)
}

/// A machine's token: `sub` is the client, and nothing speaks of a sign-in. TE-32, TE-33.
fn machine(ctx: &Ctx, client: &Client, scope: &GrantedScope, resource: Option<&str>) -> Result<Minted, Refusal> {
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
    };
    Ok(Minted {
        access_token: Keyring::sign(ctx.keyring().for_access_tokens(), Typ::AccessToken, &claims)?,
        expires_in: life.as_secs(),
        scope: scope.scope().to_string(),
        refresh_token: None,
        delivery: Delivery::None,
        cookie_seconds: None,
        id_token: None,
    })
}
