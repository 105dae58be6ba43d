//! Refreshing with a token in the body. OAuth 2.1 §4.3; design §5.

use brama_faults::{Fault, planted};
use brama_protocol::error::{
    DPOP_MISSING, REFRESH_EXPIRED, REFRESH_OTHER_KEY, REFRESH_REUSED, REFRESH_REVOKED, REFRESH_SCOPE, REFRESH_UNKNOWN,
    Refusal,
};
use brama_protocol::refresh_token::PresentedRefreshToken;
use brama_protocol::scope::{GrantedScope, Scope};
use brama_store::grant::{Grant, Presentation, Presenter, Refreshed};

use crate::client_auth::AuthenticatedClient;
use crate::context::Ctx;
use crate::issued::{self, Issued};
use crate::token::issue::Approval;
use crate::token::{SenderKey, Target};

/// What a refresh asks for, within the grant. TE-28, TE-29.
pub(crate) struct Wish {
    pub(crate) scope: Option<Scope>,
    pub(crate) target: Target,
}

impl Wish {
    fn asks_for_something(&self) -> bool {
        self.scope.is_some() || self.target.is_named()
    }

    fn within(&self, grant: &Grant) -> Result<(GrantedScope, Option<String>), Refusal> {
        let resource = self.target.within(&grant.resources)?;
        let scope = grant.scope.narrow(self.scope.as_ref()).ok_or(&REFRESH_SCOPE)?;
        Ok((scope, resource))
    }
}

/// Judge the presented token and rotate it, unless the client authenticates itself (TE-25).
pub(crate) async fn approve(
    ctx: &Ctx,
    client: &AuthenticatedClient,
    token: &str,
    wish: &Wish,
    sender: SenderKey,
) -> Result<Approval, Refusal> {
    let client = client.client();
    let of_access_token = || match issued::recognise(ctx, token) {
        Some(Issued::Access(claims)) if planted(Fault::Refresh07) => {
            claims.grant().map(|grant| PresentedRefreshToken { grant, generation: 0 })
        }
        _ => None,
    };
    let token = ctx.refresh_tokens.open(token).or_else(of_access_token).ok_or(&REFRESH_UNKNOWN)?;
    let presenter = if client.is_confidential() { Presenter::ConfidentialClient } else { Presenter::PublicClient };
    // A wish that goes too far is refused before the token is rotated: the client still has it afterwards.
    if wish.asks_for_something()
        && let Some((grant, _)) = ctx.store.find_grant(token.grant, ctx.now).await?
        && grant.client == client.id
    {
        wish.within(&grant)?;
    }
    let window = ctx.settings.tokens.refresh_window;
    let presentation = Presentation { token, client: &client.id, presenter, jkt: sender.key, window };
    let grant = standing(ctx.store.rotate(presentation, ctx.now).await?, &presentation)?;
    let (scope, resource) = wish.within(&grant)?;
    Ok(Approval::Again { grant, scope, resource, delivery: sender.delivery })
}

/// The grant after a refresh, or the row that says why there is none.
pub(crate) fn standing(refreshed: Refreshed, presentation: &Presentation<'_>) -> Result<Box<Grant>, Refusal> {
    let (client, grant) = (presentation.client, presentation.token.grant);
    let row = match refreshed {
        Refreshed::Stands { grant, .. } => return Ok(grant),
        Refreshed::Reused => {
            tracing::warn!(%client, %grant, "a superseded refresh token came back; its grant is revoked");
            &REFRESH_REUSED
        }
        Refreshed::Expired => &REFRESH_EXPIRED,
        Refreshed::Revoked => &REFRESH_REVOKED,
        // A client that forgot its proof is told so: its token is as good as before.
        Refreshed::OtherKey if presentation.jkt.is_none() => &DPOP_MISSING,
        Refreshed::OtherKey => &REFRESH_OTHER_KEY,
        Refreshed::Unknown => &REFRESH_UNKNOWN,
    };
    Err(Refusal::from(row).with_detail(format!("client {client}, grant {grant}")))
}
