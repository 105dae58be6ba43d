//! Who an access token speaks for: `/userinfo` and `/api/auth/me`. OpenID Core §5.3; EP-40 to EP-44.

use brama_jose::Typ;
use brama_protocol::access_token::AccessTokenClaims;
use brama_protocol::error::{Refusal, SCOPE_SHORT, TOKEN_INVALID};
use brama_protocol::id::GrantId;
use brama_protocol::oidc::claims::{Person, UserInfo, userinfo};
use brama_protocol::scope::Scope;
use brama_store::user::User;

use crate::context::Ctx;

/// Which of the two asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// `/userinfo`: a token for this issuer with the scope `openid`. EP-40, EP-44.
    UserInfo,
    /// `/api/auth/me`: a token for the default audience will do as well, so that first-party apps can ask.
    Me,
}

/// A person whose access token still stands. Only [`person`] makes it.
pub struct Bearer {
    user: User,
    sub: String,
    scope: Scope,
}

/// Check a token as a resource server does (RS-3), and that its grant still stands (EP-42).
///
/// # Errors
/// `invalid_token`, `insufficient_scope`.
pub async fn person(ctx: &Ctx, token: &str, resource: Resource) -> Result<Bearer, Refusal> {
    let invalid = |why: &str| Refusal::from(&TOKEN_INVALID).with_detail(why.to_owned());
    let own =
        ctx.keyring().own(token, Typ::AccessToken).ok_or_else(|| invalid("not an access token of this server"))?;
    let claims: AccessTokenClaims = own.claims().map_err(|_| invalid("claims"))?;
    let audience = claims.aud.contains(&ctx.settings.issuer)
        || (resource == Resource::Me && claims.aud.contains(&ctx.settings.default_audience));
    if claims.iss != ctx.settings.issuer || !audience {
        return Err(invalid("issuer or audience"));
    }
    // We wrote the instant ourselves: no tolerance. G-8.
    if claims.exp <= ctx.now.as_second() {
        return Err(invalid("expired"));
    }
    let grant = claims.jti.split_once('.').and_then(|(grant, _)| grant.parse::<GrantId>().ok());
    let grant = grant.ok_or_else(|| invalid("no person's token"))?;
    let Some((_, user)) = ctx.store.find_grant(grant, ctx.now).await? else {
        return Err(invalid("the grant has ended"));
    };
    let scope = Scope::parse(claims.scope.as_deref().unwrap_or_default()).map_err(|_| invalid("scope"))?;
    if resource == Resource::UserInfo && !scope.contains("openid") {
        return Err((&SCOPE_SHORT).into());
    }
    Ok(Bearer { sub: user.id.to_string(), user, scope })
}

impl Bearer {
    /// The claims that the token's scope opens.
    #[must_use]
    pub fn claims(&self) -> UserInfo<'_> {
        let user = &self.user;
        let person = Person {
            sub: &self.sub,
            username: &user.username,
            name: user.name.as_deref(),
            email: user.email.as_deref().map(|email| (email, user.email_verified)),
            locale: user.locale.as_deref(),
            updated_at: user.updated_at.as_second(),
        };
        userinfo(&person, &self.scope)
    }
}
