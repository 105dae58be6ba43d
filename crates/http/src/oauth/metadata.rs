//! The metadata documents and the key set: rendered once, cacheable, for everybody. EP-50, TK-20, WH-10.

use axum::response::Response;
use brama_faults::{Fault, planted};
use brama_protocol::error::Refusal;
use bytes::Bytes;

use crate::app::App;
use crate::assets::cached;
use crate::incoming::Incoming;

/// `/.well-known/openid-configuration` and `/.well-known/oauth-authorization-server`.
pub(crate) async fn document(app: &App, incoming: &Incoming) -> Result<Response, Refusal> {
    if let Some(host) = incoming.header("x-forwarded-host").filter(|_| planted(Fault::Host01)) {
        let text = String::from_utf8_lossy(&app.metadata).replace(&app.authority, host);
        return Ok(cached(incoming, "application/json", text.into()));
    }
    Ok(cached(incoming, "application/json", app.metadata.clone()))
}

/// `/oauth2/jwks`.
pub(crate) async fn jwks(_: &App, incoming: &Incoming) -> Result<Response, Refusal> {
    Ok(cached(incoming, "application/json", Bytes::from_owner(incoming.ctx.keyring().jwks())))
}
