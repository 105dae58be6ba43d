//! Tokens of ours that somebody brings back: to ask about them, to revoke them, to be let in.

use brama_jose::Typ;
use brama_protocol::access_token::AccessTokenClaims;
use brama_protocol::error::{Refusal, TOKEN_MISSING};
use brama_protocol::parameters::Parameters;
use brama_protocol::refresh_token::PresentedRefreshToken;
use brama_protocol::token::request::duplicate;
use brama_store::user::User;

use crate::context::Ctx;

/// A token that we made once. Whether it still counts is another question.
pub(crate) enum Issued {
    /// An access token; maybe expired.
    Access(Box<AccessTokenClaims>),
    /// A refresh token, of whatever age.
    Refresh(PresentedRefreshToken),
    /// An ID token or a logout token: nobody is let in with one.
    Other,
}

/// The `token` of an introspection or revocation request. Its `token_type_hint` may be wrong and tells nothing that the
/// token does not, so it is only read to see that it came once. RFC 7009 §2.1, RFC 7662 §2.1.
///
/// # Errors
/// `invalid_request` for a missing or repeated parameter.
pub(crate) fn presented(parameters: &Parameters) -> Result<&str, Refusal> {
    parameters.one("token_type_hint").map_err(duplicate)?;
    let token = parameters.one("token").map_err(duplicate)?;
    token.ok_or_else(|| Refusal::from(&TOKEN_MISSING).with_detail("token is missing"))
}

/// What this text is, if it carries our signature. EP-31: what it is said to be does not matter.
pub(crate) fn recognise(ctx: &Ctx, token: &str) -> Option<Issued> {
    if let Some(refresh) = ctx.refresh_tokens.open(token) {
        return Some(Issued::Refresh(refresh));
    }
    if let Some(own) = ctx.keyring().own(token, Typ::AccessToken) {
        let claims: AccessTokenClaims = own.claims().ok()?;
        return (claims.iss == ctx.settings.issuer).then(|| Issued::Access(Box::new(claims)));
    }
    let other = [Typ::IdToken, Typ::LogoutToken].into_iter().any(|typ| ctx.keyring().own(token, typ).is_some());
    other.then_some(Issued::Other)
}

/// What an access token stands on.
pub(crate) struct Standing {
    /// The person it speaks for; nobody for a machine's.
    pub(crate) user: Option<User>,
}

/// Whether an access token of ours counts at this instant: it has not expired, was not revoked, and its client, its grant
/// and its user are still what they were. Read from the database, so it holds at every node at once. EP-35, EP-42.
///
/// # Errors
/// The database did not answer.
pub(crate) async fn standing(ctx: &Ctx, claims: &AccessTokenClaims) -> Result<Option<Standing>, Refusal> {
    // We wrote the instant ourselves: no tolerance. G-8.
    if claims.exp <= ctx.now.as_second() {
        return Ok(None);
    }
    if let Some(grant) = claims.grant() {
        let found = ctx.store.find_grant_of_token(grant, &claims.jti, ctx.now).await?;
        return Ok(found.map(|(_, user)| Standing { user: Some(user) }));
    }
    let Ok(client) = claims.client_id.parse() else { return Ok(None) };
    let enabled = ctx.client(&client).await?.is_some_and(|record| record.client.enabled);
    let counts = enabled && !ctx.store.is_token_revoked(&claims.jti).await?;
    Ok(counts.then_some(Standing { user: None }))
}
