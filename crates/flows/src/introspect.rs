//! Introspection: what a token is worth, told to those who may know. RFC 7662; EP-30 to EP-32.
//!
//! An API sees access tokens that are for one of the resources it answers for (`serves`), a client its own tokens; for
//! everybody else a token is as unknown as one that never was. Signed answers (RFC 9701) would be made from the same
//! [`Introspection`].

use brama_faults::{Fault, planted};
use brama_protocol::access_token::AccessTokenClaims;
use brama_protocol::client::Client;
use brama_protocol::error::{CLIENT_UNAUTHENTICATED, INTROSPECTION_TOO_MANY, INTROSPECTION_UNAUTHENTICATED, Refusal};
use brama_protocol::introspection::{Introspection, RefreshTokenFacts};
use brama_protocol::parameters::Parameters;
use brama_protocol::refresh_token::PresentedRefreshToken;
use brama_protocol::scope::Scope;
use brama_protocol::token::request::Credentials;
use brama_store::grant::{Grant, Presentation, Presenter, Refreshed};

use crate::client_auth::{AuthenticatedClient, authenticate};
use crate::context::Ctx;
use crate::issued::{self, Issued};
use crate::login::flood::Asked;

/// Questions about tokens that were never ours, of one client in a minute. More of them are refused; questions about
/// tokens of ours, dead ones too, are never, so that whoever sends an API garbage keeps it from no real one.
const FOREIGN_PER_MINUTE: u32 = 600;

/// Answer an introspection request.
///
/// # Errors
/// `invalid_client` for whoever does not authenticate, public clients included; `invalid_request` without a token.
pub async fn introspect(ctx: &Ctx, authorization: &[&str], parameters: &Parameters) -> Result<Introspection, Refusal> {
    let client = caller(ctx, authorization, parameters).await?;
    let client = client.client();
    let presented = issued::presented(parameters)?;
    let answer = match issued::recognise(ctx, presented) {
        Some(Issued::Access(claims)) => of_access_token(ctx, client, *claims).await?,
        Some(Issued::Refresh(token)) => of_refresh_token(ctx, client, token).await?,
        Some(Issued::Other) => None,
        None => {
            ctx.flood
                .admit_client(Asked::Introspection, &client.id, FOREIGN_PER_MINUTE, ctx.now)
                .map_err(|refusal| Refusal { row: &INTROSPECTION_TOO_MANY, ..refusal })?;
            None
        }
    };
    Ok(answer.unwrap_or_else(Introspection::inactive))
}

/// Nobody asks anonymously, and naming oneself is not enough: 401. EP-30; RFC 7662 §2.1, §2.3.
async fn caller(ctx: &Ctx, authorization: &[&str], parameters: &Parameters) -> Result<AuthenticatedClient, Refusal> {
    let outcome = match Credentials::parse(authorization, parameters) {
        Ok(credentials) => authenticate(ctx, &credentials).await,
        Err(refusal) => Err(refusal),
    };
    match outcome {
        Ok(client) if client.client().is_confidential() => Ok(client),
        Ok(client) => {
            let detail = format!("{} is a public client", client.client().id);
            Err(Refusal::from(&INTROSPECTION_UNAUTHENTICATED).with_detail(detail))
        }
        Err(refusal) if refusal.row == &CLIENT_UNAUTHENTICATED => {
            Err(Refusal { row: &INTROSPECTION_UNAUTHENTICATED, ..refusal })
        }
        Err(refusal) => Err(refusal),
    }
}

/// Nothing: it does not count, or not for this client.
async fn of_access_token(
    ctx: &Ctx,
    client: &Client,
    claims: AccessTokenClaims,
) -> Result<Option<Introspection>, Refusal> {
    let may_know =
        claims.client_id == client.id.as_str() || client.serves.iter().any(|resource| claims.aud.contains(resource));
    let told_too_much =
        planted(Fault::Audiss04) && !client.serves.is_empty() || planted(Fault::Audiss07) && client.serves.is_empty();
    if !may_know && !told_too_much {
        return Ok(None);
    }
    if planted(Fault::Revoke08) && claims.exp > ctx.now.as_second() {
        return Ok(Some(Introspection::access(claims, None)));
    }
    let Some(standing) = issued::standing(ctx, &claims).await? else { return Ok(None) };
    let username = standing.user.filter(|_| opens_profile(claims.scope.as_deref())).map(|user| user.username);
    Ok(Some(Introspection::access(claims, username)))
}

/// A name is personal data: only where the person let the token have it. RFC 7662 §5.
fn opens_profile(scope: Option<&str>) -> bool {
    scope.is_some_and(|scope| Scope::parse(scope).is_ok_and(|scope| scope.contains("profile")))
}

/// Its own client alone may know: it counts as the token endpoint would say now. EP-32.
async fn of_refresh_token(
    ctx: &Ctx,
    client: &Client,
    token: PresentedRefreshToken,
) -> Result<Option<Introspection>, Refusal> {
    let window = ctx.settings.tokens.refresh_window;
    // Only confidential clients come this far, and theirs are bound to no key. TE-25.
    let presenter = Presenter::ConfidentialClient;
    let presentation = Presentation { token, client: &client.id, presenter, jkt: None, window };
    match ctx.store.look(presentation, ctx.now).await? {
        Refreshed::Stands { grant, .. } => Ok(Some(Introspection::refresh(facts(ctx, &grant)))),
        _ => Ok(None),
    }
}

fn facts(ctx: &Ctx, grant: &Grant) -> RefreshTokenFacts {
    RefreshTokenFacts {
        iss: ctx.settings.issuer.clone(),
        sub: grant.user.to_string(),
        client_id: grant.client.to_string(),
        scope: grant.scope.scope().to_string(),
        exp: grant.expires_at.as_second(),
        iat: grant.created_at.as_second(),
        auth_time: grant.authentication.at.as_second(),
        acr: grant.authentication.acr.clone(),
    }
}
