//! A machine acting for itself. OAuth 2.1 §4.2; TE-32.

use brama_protocol::client::GrantType;
use brama_protocol::error::{AUTHORIZE_SCOPE, CLIENT_UNAUTHENTICATED, GRANT_NOT_ALLOWED, Refusal};
use brama_protocol::scope::{GrantedScope, Scope};

use crate::client_auth::AuthenticatedClient;
use crate::context::Ctx;
use crate::token::Target;
use crate::token::issue::Approval;

/// Scopes that speak of a person.
const OF_A_PERSON: &[&str] = &["openid", "profile", "email", "offline_access"];

/// Nothing is written for a machine's token, so no write decides again whether its client is enabled and its secret counts: what
/// this node knows of it has to be as new as the database.
async fn stands(ctx: &Ctx, client: &AuthenticatedClient) -> Result<(), Refusal> {
    if ctx.is_current().await? {
        return Ok(());
    }
    match ctx.store.find_client(&client.client().id).await? {
        Some(found) if client.is_unchanged(&found) => Ok(()),
        _ => Err(Refusal::from(&CLIENT_UNAUTHENTICATED).with_detail("it was changed in this moment")),
    }
}

/// Grant a service what it may have: no person, so no refresh token, no ID token and none of their scopes.
pub(crate) async fn approve(
    ctx: &Ctx,
    client: &AuthenticatedClient,
    scope: Option<&Scope>,
    target: Target,
) -> Result<Approval, Refusal> {
    stands(ctx, client).await?;
    let client = client.client();
    if !client.is_confidential() || !client.may_use(GrantType::ClientCredentials) {
        return Err((&GRANT_NOT_ALLOWED).into());
    }
    let impersonal: Vec<&str> = client.scope.iter().filter(|token| !OF_A_PERSON.contains(token)).collect();
    let allowed = Scope::parse(&impersonal.join(" ")).map_err(|_| Refusal::from(&AUTHORIZE_SCOPE))?;
    let scope: GrantedScope = Scope::granted(scope, &allowed).ok_or(&AUTHORIZE_SCOPE)?;
    Ok(Approval::Machine { scope, resource: target.named() })
}
