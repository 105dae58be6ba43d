//! Taking a pushed authorization request: checked as at the authorization endpoint, then stored. RFC 9126; EP-1 to EP-7.

use std::sync::Arc;

use brama_protocol::authorize::request::{self, Channel};
use brama_protocol::authorize::response::AuthorizeError;
use brama_protocol::dpop::JwkThumbprint;
use brama_protocol::error::{DPOP_JKT, PUSHED_REQUEST_URI, Refusal};
use brama_protocol::handle::kind;
use brama_protocol::par::{CREDENTIALS, PushedResponse, request_uri};
use brama_protocol::parameters::Parameters;
use brama_store::par::PushedRequest;
use jiff::SignedDuration;

use crate::authorize::begin::{Starter, expected_user, policy};
use crate::client_auth::AuthenticatedClient;
use crate::context::Ctx;

/// How long a pushed request may be opened first. EP-3.
pub const LIFE: SignedDuration = SignedDuration::from_secs(90);

/// Check and store the request of a client that has authenticated itself. `key`: the one that a DPoP proof beside it has
/// shown; the code is bound to it as to a `dpop_jkt`. RFC 9449 §10.1.
///
/// # Errors
/// Every row of the authorization endpoint, answered to the client directly. EP-2.
pub async fn push(
    ctx: &Ctx,
    client: &AuthenticatedClient,
    parameters: &Parameters,
    key: Option<JwkThumbprint>,
    starter: Starter,
) -> Result<PushedResponse, Refusal> {
    let client = client.client();
    if parameters.all("request_uri").next().is_some() {
        return Err((&PUSHED_REQUEST_URI).into());
    }
    let checked = request::validate(parameters, client, policy(ctx), Channel::Pushed);
    let checked = checked.map_err(AuthorizeError::into_refusal)?;
    expected_user(ctx, &checked)?;
    let mut kept = parameters.without(CREDENTIALS);
    match (checked.dpop_jkt, key) {
        (Some(named), Some(shown)) if named != shown => return Err((&DPOP_JKT).into()),
        (None, Some(shown)) => {
            kept = kept.without(&["dpop_jkt"]).with("dpop_jkt", &shown.to_string());
        }
        (_, _) => {}
    }
    // A client that has proved who it is speaks for many people from one address.
    if !client.is_confidential() {
        starter.admit(ctx)?;
    }
    let handle = ctx.handle::<kind::PushedRequest>()?;
    let new = PushedRequest {
        handle: handle.hash(),
        client: client.id.clone(),
        parameters: kept.to_encoded(),
        created_at: ctx.now,
        expires_at: ctx.after(LIFE)?,
    };
    let store = Arc::clone(&ctx.store);
    ctx.flood.write(async move { store.push_request(new).await }).await?;
    Ok(PushedResponse { request_uri: request_uri(&handle), expires_in: LIFE.as_secs() })
}
