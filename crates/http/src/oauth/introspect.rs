//! `/oauth2/introspect`. RFC 7662; EP-30 to EP-32.

use axum::response::Response;
use brama_flows::introspect::introspect;
use brama_protocol::error::Refusal;
use http::StatusCode;

use crate::app::App;
use crate::incoming::Incoming;
use crate::oauth::authorization;
use crate::respond::json;

/// Say what a token is worth. Parameters in the query are not read.
pub(crate) async fn post(_: &App, incoming: &Incoming) -> Result<Response, Refusal> {
    let parameters = incoming.form()?;
    Ok(json(StatusCode::OK, &introspect(&incoming.ctx, &authorization(incoming), &parameters).await?))
}
