//! The server's own pages.

pub(crate) mod account;
pub(crate) mod apps;
pub(crate) mod consent;
pub(crate) mod continuation;
pub(crate) mod device;
pub(crate) mod error;
mod mistakes;
pub(crate) mod select_account;
pub(crate) mod sign_in;
pub(crate) mod signed_out;
mod visit;

use axum::response::Response;
use brama_flows::authorize::begin::Starter;
use brama_flows::authorize::interact::{self, SignedIn};
use brama_protocol::error::Refusal;
use brama_protocol::id::AuthorizationId;
use brama_protocol::parameters::Parameters;

use crate::cookies;
use crate::incoming::Incoming;
use crate::respond::set_cookie;

/// Who is signed in in this browser.
pub(crate) async fn signed_in(incoming: &Incoming) -> Result<SignedIn, Refusal> {
    let cookies = incoming.cookies();
    interact::signed_in(&incoming.ctx, cookies.get(cookies::SESSION)).await
}

/// Who begins an authorization with this request.
pub(crate) fn starter(incoming: &Incoming, signed_in: &SignedIn) -> Starter {
    Starter::new(incoming.source, signed_in.as_ref().map(|(session, _)| session))
}

/// Delete a session cookie behind which there is no session: an id that we do not know is never adopted. SE-4.
pub(crate) fn forget_unknown(incoming: &Incoming, mut response: Response) -> Response {
    if incoming.cookies().get(cookies::SESSION).is_some() {
        set_cookie(&mut response, &cookies::delete(cookies::SESSION));
    }
    response
}

/// The authorization a page belongs to: its `tx` parameter.
pub(crate) fn tx(parameters: &Parameters) -> Option<AuthorizationId> {
    parameters.one("tx").ok().flatten().and_then(|text| text.parse().ok())
}
