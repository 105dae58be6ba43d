//! Polling with a device code. RFC 8628 §3.4, §3.5; TE-34, EP-22.

use std::sync::Arc;

use brama_protocol::client::Registrar;
use brama_protocol::dpop::JwkThumbprint;
use brama_protocol::error::{
    AUTHORIZATION_PENDING, DEVICE_DENIED, DEVICE_EXPIRED, DEVICE_SPENT, DEVICE_UNKNOWN, GRANT_DEAD, GRANT_NOT_ALLOWED,
    Refusal, SLOW_DOWN,
};
use brama_protocol::handle::{Handle, kind};
use brama_protocol::id::{GrantId, SessionId};
use brama_protocol::oidc::claims_request::NamedClaims;
use brama_protocol::pkce::Verifier;
use brama_store::device::{CheckedDeviceCode, DeviceApproval, DeviceState, SpendDevice};
use brama_store::grant::NewGrant;

use crate::client_auth::AuthenticatedClient;
use crate::context::Ctx;
use crate::token::issue::Approval;
use crate::token::{SenderKey, Target};

/// A poll.
pub(crate) struct Poll {
    pub(crate) code: Option<Handle<kind::DeviceCode>>,
    pub(crate) verifier: Option<Verifier>,
    pub(crate) target: Target,
    pub(crate) sender: SenderKey,
}

/// Check the code against this client and verifier; if somebody has allowed it, spend it: once, by one conditional statement.
pub(crate) async fn approve(ctx: &Ctx, client: &AuthenticatedClient, poll: Poll) -> Result<Approval, Refusal> {
    let Poll { code, verifier, target, sender } = poll;
    let client = client.client();
    if client.registrar != Registrar::Operator {
        return Err((&GRANT_NOT_ALLOWED).into());
    }
    let code = code.ok_or(&DEVICE_UNKNOWN)?;
    let found = ctx.store.find_device_code(code.hash()).await?.ok_or(&DEVICE_UNKNOWN)?;
    let reference = found.hash.reference();
    let refused = |row| Refusal::from(row).with_detail(format!("client {}, device code {reference}", client.id));
    let checked = found.check(&client.id, verifier.as_ref()).map_err(refused)?;
    let approval = match &checked.code().state {
        DeviceState::Redeemed => return Err(refused(&DEVICE_SPENT)),
        DeviceState::Denied => return Err(refused(&DEVICE_DENIED)),
        _ if checked.code().asked.expires_at <= ctx.now => return Err(refused(&DEVICE_EXPIRED)),
        DeviceState::Pending => return Err(refused(pending(ctx, &checked).await?)),
        DeviceState::Approved(approval) => approval.clone(),
    };
    let resource = target.within(&checked.code().asked.resources)?;
    let new = grant(ctx, &checked, approval, sender.binds(client))?;
    match ctx.store.spend_device_code(checked, new, ctx.now).await? {
        SpendDevice::Now(grant) => Ok(Approval::First { grant, resource, nonce: None, delivery: sender.delivery }),
        SpendDevice::Already => Err(refused(&DEVICE_SPENT)),
        SpendDevice::NotApproved => Err(refused(&DEVICE_EXPIRED)),
        SpendDevice::Ended => Err(refused(&GRANT_DEAD)),
    }
}

/// Nobody has decided. A poll beside another one is as early as one that comes too early.
async fn pending(ctx: &Ctx, checked: &CheckedDeviceCode) -> Result<&'static brama_protocol::error::Row, Refusal> {
    let (next, too_early) = checked.code().pace.polled(ctx.now);
    let (store, polled, now) = (Arc::clone(&ctx.store), checked.clone(), ctx.now);
    let noted = ctx.flood.write(async move { store.note_device_poll(&polled, next, now).await }).await?;
    Ok(if too_early || !noted { &SLOW_DOWN } else { &AUTHORIZATION_PENDING })
}

/// What the device gets. It was allowed in the session of another browser, and signing out there says nothing about the device:
/// its grant names a session of its own, which nobody else is in. It ends by its own time, by revocation, and with the account's
/// epoch.
fn grant(
    ctx: &Ctx,
    checked: &CheckedDeviceCode,
    approval: DeviceApproval,
    jkt: Option<JwkThumbprint>,
) -> Result<NewGrant, Refusal> {
    let asked = &checked.code().asked;
    Ok(NewGrant {
        id: GrantId::new(ctx.now, ctx.random()?),
        user: approval.user,
        epoch: approval.epoch,
        client: asked.client.clone(),
        session: SessionId::new(ctx.now, ctx.random()?),
        scope: asked.scope.clone(),
        resources: asked.resources.clone(),
        claims: NamedClaims::default(),
        authentication: approval.authentication,
        offline: true,
        jkt,
        expires_at: ctx.after(ctx.settings.tokens.refresh)?,
    })
}
