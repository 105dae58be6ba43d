//! `/oauth2/par`. RFC 9126; EP-1 to EP-3.

use axum::response::Response;
use brama_flows::client_auth::authenticate;
use brama_flows::{dpop, par};
use brama_protocol::error::Refusal;
use brama_protocol::token::request::Credentials;
use http::StatusCode;

use crate::app::App;
use crate::incoming::Incoming;
use crate::oauth::authorization;
use crate::pages::starter;
use crate::respond::json;

/// Take a pushed request. Parameters in the query are not read.
pub(crate) async fn post(_: &App, incoming: &Incoming) -> Result<Response, Refusal> {
    let parameters = incoming.form()?;
    let ctx = &incoming.ctx;
    let credentials = Credentials::parse(&authorization(incoming), &parameters)?;
    let client = authenticate(ctx, &credentials).await?;
    // RS-14: a proof binds the code to its key, as `dpop_jkt` does.
    let key = dpop::at_server(ctx, &incoming.proofs()).await?;
    let pushed = par::push(ctx, &client, &parameters, key, starter(incoming, &None)).await?;
    Ok(json(StatusCode::CREATED, &pushed))
}
