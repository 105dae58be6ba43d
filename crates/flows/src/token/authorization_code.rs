//! Redeeming a code. OAuth 2.1 §4.1.3; B5 to B7.

use brama_protocol::error::{CODE_SPENT, CODE_UNKNOWN, GRANT_DEAD, GRANT_NOT_ALLOWED, Refusal};
use brama_protocol::handle::{Handle, kind};
use brama_protocol::id::GrantId;
use brama_protocol::pkce::Verifier;
use brama_store::authorization::Spend;
use brama_store::grant::NewGrant;

use crate::client_auth::AuthenticatedClient;
use crate::context::Ctx;
use crate::token::issue::Approval;
use crate::token::{Delivery, Target};

/// A code and what has to fit it.
pub(crate) struct Redemption {
    pub(crate) code: Option<Handle<kind::AuthorizationCode>>,
    pub(crate) verifier: Verifier,
    pub(crate) redirect_uri: Option<String>,
    pub(crate) target: Target,
    pub(crate) delivery: Delivery,
}

/// Check the code against this client, redirect URI and verifier, then spend it: once, by one conditional statement.
pub(crate) async fn approve(
    ctx: &Ctx,
    client: &AuthenticatedClient,
    redemption: Redemption,
) -> Result<Approval, Refusal> {
    let Redemption { code, verifier, redirect_uri, target, delivery } = redemption;
    let client = client.client();
    if !client.may_authorize() {
        return Err((&GRANT_NOT_ALLOWED).into());
    }
    let code = code.ok_or(&CODE_UNKNOWN)?;
    let found = ctx.store.find_code(code.hash()).await?.ok_or(&CODE_UNKNOWN)?;
    let reference = found.hash.reference();
    let checked = found
        .check(&client.id, redirect_uri.as_deref(), &verifier)
        .map_err(|row| Refusal::from(row).with_detail(format!("client {}, code {reference}", client.id)))?;
    let code = checked.code().clone();
    target.within(code.asked.resource.as_deref())?;
    let offline = code.asked.scope.scope().contains("offline_access");
    let new = NewGrant {
        id: GrantId::new(ctx.now, ctx.random()?),
        user: code.user,
        epoch: code.epoch,
        client: client.id.clone(),
        session: code.session,
        scope: code.asked.scope.clone(),
        resource: code.asked.resource.clone(),
        authentication: code.authentication.clone(),
        offline,
        expires_at: ctx.after(ctx.settings.tokens.refresh)?,
    };
    match ctx.store.spend_code(checked, new, ctx.now).await? {
        Spend::Now(grant) => Ok(Approval::First { grant, nonce: code.asked.nonce, delivery }),
        Spend::Already => {
            Err(Refusal::from(&CODE_SPENT).with_detail(format!("client {}, code {reference}: revoked", client.id)))
        }
        Spend::Expired => {
            Err(Refusal::from(&CODE_UNKNOWN).with_detail(format!("client {}, code {reference}: expired", client.id)))
        }
        Spend::Ended => Err((&GRANT_DEAD).into()),
    }
}
