//! Making the authorization code and storing its hash with everything it is bound to. B4; AZ-27, AZ-28.

use brama_protocol::error::Refusal;
use brama_protocol::handle::{Handle, kind};
use brama_store::authorization::{Approve, Authorization, NewCode};

use crate::authorize::interact::Approval;
use crate::context::Ctx;

/// Issue a code. Nothing: the authorization waits no longer.
///
/// # Errors
/// An unavailable store.
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
        expires_at: ctx.after(ctx.settings.tokens.code)?,
    };
    Ok(match ctx.store.approve_authorization(authorization.id, new, ctx.now).await? {
        Approve::Issued => Some(code),
        Approve::NotWaiting => None,
    })
}
