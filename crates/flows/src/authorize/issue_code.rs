//! Making the authorization code and storing its hash with everything it is bound to. B4; AZ-27, AZ-28.

use brama_protocol::error::{PUSHED_REQUEST, Refusal};
use brama_protocol::handle::{Handle, kind};
use brama_store::authorization::{Approve, Authorization, NewCode};

use crate::authorize::interact::Approval;
use crate::context::Ctx;

/// Issue a code. Nothing: the authorization waits no longer.
///
/// # Errors
/// `invalid_request_uri` if the pushed request was answered before (EP-5); an unavailable store.
pub async fn issue(
    ctx: &Ctx,
    authorization: &Authorization,
    approval: &Approval,
) -> Result<Option<Handle<kind::AuthorizationCode>>, Refusal> {
    let code = ctx.handle::<kind::AuthorizationCode>()?;
    let new = NewCode {
        code: code.hash(),
        user: approval.user().id,
        epoch: approval.user().epoch,
        session: approval.session().id,
        authentication: approval.session().authentication.clone(),
        granted: approval.granted().clone(),
        remembered: approval.remembered().cloned(),
        expires_at: ctx.after(ctx.settings.tokens.code)?,
    };
    match ctx.store.approve_authorization(authorization.id, new, ctx.now).await? {
        Approve::Issued => Ok(Some(code)),
        Approve::NotWaiting => Ok(None),
        Approve::PushedRequestSpent => Err(Refusal::from(&PUSHED_REQUEST).with_detail("answered before")),
    }
}
