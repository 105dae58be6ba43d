//! The server's own pages.

pub(crate) mod account;
pub(crate) mod consent;
pub(crate) mod continuation;
pub(crate) mod error;
pub(crate) mod sign_in;
pub(crate) mod signed_out;

use brama_flows::authorize::interact::{self, SignedIn};
use brama_protocol::error::Refusal;
use brama_protocol::id::AuthorizationId;
use brama_protocol::parameters::Parameters;

use crate::cookies;
use crate::incoming::Incoming;

/// Who is signed in in this browser.
pub(crate) async fn signed_in(incoming: &Incoming) -> Result<SignedIn, Refusal> {
    let cookies = incoming.cookies();
    interact::signed_in(&incoming.ctx, cookies.get(cookies::SESSION)).await
}

/// The authorization a page belongs to: its `tx` parameter.
pub(crate) fn tx(parameters: &Parameters) -> Option<AuthorizationId> {
    parameters.one("tx").ok().flatten().and_then(|text| text.parse().ok())
}
