//! Redeeming a code. OAuth 2.1 §4.1.3; B5 to B7.

use brama_protocol::error::{
    CODE_OTHER_KEY, CODE_SPENT, CODE_UNKNOWN, DPOP_MISSING, GRANT_DEAD, GRANT_NOT_ALLOWED, Refusal,
};
use brama_protocol::handle::{Handle, kind};
use brama_protocol::id::GrantId;
use brama_protocol::pkce::Verifier;
use brama_store::authorization::Spend;
use brama_store::grant::NewGrant;

use crate::client_auth::AuthenticatedClient;
use crate::context::Ctx;
use crate::token::issue::Approval;
use crate::token::{SenderKey, Target};

/// A code and what has to fit it.
pub(crate) struct Redemption {
    pub(crate) code: Option<Handle<kind::AuthorizationCode>>,
    pub(crate) verifier: Option<Verifier>,
    pub(crate) redirect_uri: Option<String>,
    pub(crate) target: Target,
    pub(crate) sender: SenderKey,
}

/// Check the code against this client, redirect URI and verifier, then spend it: once, by one conditional statement.
pub(crate) async fn approve(
    ctx: &Ctx,
    client: &AuthenticatedClient,
    redemption: Redemption,
) -> Result<Approval, Refusal> {
    let Redemption { code, verifier, redirect_uri, target, sender } = redemption;
    let client = client.client();
    if !client.may_authorize() {
        return Err((&GRANT_NOT_ALLOWED).into());
    }
    let code = code.ok_or(&CODE_UNKNOWN)?;
    let found = ctx.store.find_code(code.hash()).await?.ok_or(&CODE_UNKNOWN)?;
    let reference = found.hash.reference();
    let checked = found
        .check(&client.id, redirect_uri.as_deref(), verifier.as_ref())
        .map_err(|row| Refusal::from(row).with_detail(format!("client {}, code {reference}", client.id)))?;
    let code = checked.code().clone();
    // TE-22: before the code is spent.
    match (code.asked.dpop_jkt, sender.key) {
        (Some(_), None) => return Err(Refusal::from(&DPOP_MISSING).with_detail(format!("code {reference}"))),
        (Some(asked), Some(key)) if asked != key => {
            return Err(Refusal::from(&CODE_OTHER_KEY).with_detail(format!("client {}, code {reference}", client.id)));
        }
        _ => {}
    }
    let resource = target.within(&code.asked.resources)?;
    let scope = code.scope();
    let offline = scope.scope().contains("offline_access");
    let new = NewGrant {
        id: GrantId::new(ctx.now, ctx.random()?),
        user: code.user,
        epoch: code.epoch,
        client: client.id.clone(),
        session: code.session,
        scope,
        resources: code.asked.resources.clone(),
        claims: code.claims(),
        authentication: code.authentication.clone(),
        offline,
        jkt: sender.binds(client),
        expires_at: ctx.after(ctx.settings.tokens.refresh)?,
    };
    match ctx.store.spend_code(checked, new, ctx.now).await? {
        Spend::Now(grant) => {
            Ok(Approval::First { grant, resource, nonce: code.asked.nonce, delivery: sender.delivery })
        }
        Spend::Already => {
            Err(Refusal::from(&CODE_SPENT).with_detail(format!("client {}, code {reference}: revoked", client.id)))
        }
        Spend::Expired => {
            Err(Refusal::from(&CODE_UNKNOWN).with_detail(format!("client {}, code {reference}: expired", client.id)))
        }
        Spend::Ended => Err((&GRANT_DEAD).into()),
    }
}
