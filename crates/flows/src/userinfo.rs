//! Who an access token speaks for: `/userinfo` and `/api/auth/me`. OpenID Core §5.3; EP-40 to EP-44.

use brama_faults::{Fault, planted};
use brama_jose::Typ;
use brama_protocol::access_token::AccessTokenClaims;
use brama_protocol::bearer::Scheme;
use brama_protocol::dpop::{BoundToken, Confirmation};
use brama_protocol::error::{Refusal, SCOPE_SHORT, TOKEN_BINDING, TOKEN_INVALID};
use brama_protocol::id::GrantId;
use brama_protocol::oidc::claims::{self, Person, PersonClaims, UserInfo};
use brama_protocol::oidc::claims_request::NamedClaims;
use brama_protocol::scope::Scope;
use brama_store::grant::Grant;
use brama_store::user::User;

use crate::context::Ctx;
use crate::dpop::{self, Proofs};

/// Which of the two asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// `/userinfo`: a token for this issuer with the scope `openid`. EP-40, EP-44.
    UserInfo,
    /// `/api/auth/me`: a token for the default audience will do as well, so that first-party apps can ask.
    Me,
}

/// An access token as it was sent.
pub struct Sent<'a> {
    /// The token.
    pub token: &'a str,
    /// As what.
    pub scheme: Scheme,
    /// The DPoP headers beside it.
    pub proofs: Proofs<'a>,
}

/// A person whose access token still stands. Only [`person`] makes it.
pub struct Bearer {
    user: User,
    scope: Scope,
    named: NamedClaims,
}

/// Check a token as a resource server does (RS-3), and that its grant still stands (EP-42).
///
/// # Errors
/// `invalid_token`, `insufficient_scope`, `invalid_dpop_proof`, `use_dpop_nonce`.
pub async fn person(ctx: &Ctx, sent: &Sent<'_>, resource: Resource) -> Result<Bearer, Refusal> {
    let token = sent.token;
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
    bound(ctx, sent, claims.cnf).await?;
    let grant = claims.jti.split_once('.').and_then(|(grant, _)| grant.parse::<GrantId>().ok());
    let grant = grant.ok_or_else(|| invalid("no person's token"))?;
    let Some((grant, user)) = ctx.store.find_grant_of_token(grant, &claims.jti, ctx.now).await? else {
        return Err(invalid("the grant has ended"));
    };
    let scope = Scope::parse(claims.scope.as_deref().unwrap_or_default()).map_err(|_| invalid("scope"))?;
    if resource == Resource::UserInfo && !scope.contains("openid") {
        return Err((&SCOPE_SHORT).into());
    }
    Ok(Bearer { user, scope, named: grant.claims })
}

/// A token is sent as what it is: a bound one with a proof of its key, one that is not as a bearer token. RS-10; BINDING-01.
async fn bound(ctx: &Ctx, sent: &Sent<'_>, confirmation: Option<Confirmation>) -> Result<(), Refusal> {
    match (sent.scheme, confirmation) {
        (Scheme::Bearer, None) => Ok(()),
        (Scheme::Bearer, Some(_)) if planted(Fault::Binding01) => Ok(()),
        (Scheme::Dpop, Some(Confirmation { jkt })) => {
            dpop::at_resource(ctx, &sent.proofs, BoundToken { text: sent.token, key: jkt }).await
        }
        (Scheme::Bearer, Some(_)) => Err(Refusal::from(&TOKEN_BINDING).with_detail("a bound token as a bearer token")),
        (Scheme::Dpop, None) => Err(Refusal::from(&TOKEN_BINDING).with_detail("the token is not bound")),
    }
}

impl Bearer {
    /// The claims that the token's scope opens, and those that `claims` asked for. OpenID Core §5.4, §5.5.
    #[must_use]
    pub fn claims(&self) -> UserInfo {
        let sub = self.user.id.to_string();
        claims::userinfo(&person_of(&self.user, &sub), &self.scope, &self.named.userinfo)
    }
}

fn person_of<'a>(user: &'a User, sub: &'a str) -> Person<'a> {
    Person {
        sub,
        username: &user.username,
        name: user.name.as_deref(),
        email: user.email.as_deref().map(|email| (email, user.email_verified)),
        locale: user.locale.as_deref(),
        updated_at: user.updated_at.as_second(),
    }
}

/// The claims that `claims` asked for in the ID token, as they are now. The account is looked up only if there are any.
///
/// # Errors
/// An unavailable store.
pub(crate) async fn named_in_id_token(ctx: &Ctx, grant: &Grant) -> Result<PersonClaims, Refusal> {
    let wanted = &grant.claims.id_token;
    if wanted.is_empty() {
        return Ok(PersonClaims::default());
    }
    let user = ctx.store.find_user(grant.user).await?;
    Ok(user.map(|user| claims::of(&person_of(&user, ""), wanted)).unwrap_or_default())
}
