//! Refreshing with a token in the body. OAuth 2.1 §4.3; design §5.

use brama_protocol::error::{
    REFRESH_EXPIRED, REFRESH_REUSED, REFRESH_REVOKED, REFRESH_SCOPE, REFRESH_UNKNOWN, Refusal,
};
use brama_protocol::scope::Scope;
use brama_store::grant::{Presentation, Presenter, Refreshed};

use crate::client_auth::AuthenticatedClient;
use crate::context::Ctx;
use crate::token::issue::Approval;

/// Judge the presented token and rotate it, unless the client authenticates itself (TE-25).
pub(crate) async fn approve(
    ctx: &Ctx,
    client: &AuthenticatedClient,
    token: &str,
    scope: Option<&Scope>,
) -> Result<Approval, Refusal> {
    let client = client.client();
    let token = ctx.refresh_tokens.open(token).ok_or(&REFRESH_UNKNOWN)?;
    let presenter =
        if client.client_type.is_confidential() { Presenter::ConfidentialClient } else { Presenter::PublicClient };
    if let Some(scope) = scope {
        within_grant(ctx, token.grant, scope).await?;
    }
    let presentation =
        Presentation { token, client: &client.id, presenter, window: ctx.settings.tokens.refresh_window };
    let grant = standing(ctx.store.rotate(presentation, ctx.now).await?, &client.id, token.grant)?;
    let scope = grant.scope.narrow(scope).ok_or(&REFRESH_SCOPE)?;
    Ok(Approval::Again { grant, scope })
}

/// A scope that goes too far is refused before the token is rotated: the client still has it afterwards. TE-28.
async fn within_grant(ctx: &Ctx, grant: brama_protocol::id::GrantId, scope: &Scope) -> Result<(), Refusal> {
    match ctx.store.find_grant(grant, ctx.now).await? {
        Some((grant, _)) if grant.scope.narrow(Some(scope)).is_none() => Err((&REFRESH_SCOPE).into()),
        _ => Ok(()),
    }
}

/// The grant after a refresh, or the row that says why there is none.
pub(crate) fn standing(
    refreshed: Refreshed,
    client: &brama_protocol::client::ClientId,
    grant: brama_protocol::id::GrantId,
) -> Result<Box<brama_store::grant::Grant>, Refusal> {
    let row = match refreshed {
        Refreshed::Stands { grant, .. } => return Ok(grant),
        Refreshed::Reused => {
            tracing::warn!(%client, %grant, "a superseded refresh token came back; its grant is revoked");
            &REFRESH_REUSED
        }
        Refreshed::Expired => &REFRESH_EXPIRED,
        Refreshed::Revoked => &REFRESH_REVOKED,
        Refreshed::Unknown => &REFRESH_UNKNOWN,
    };
    Err(Refusal::from(row).with_detail(format!("client {client}, grant {grant}")))
}
