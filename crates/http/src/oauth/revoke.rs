//! `/oauth2/revoke`. RFC 7009; EP-34, EP-35.

use axum::response::{IntoResponse as _, Response};
use brama_flows::revoke::revoke;
use brama_protocol::error::Refusal;
use http::StatusCode;

use crate::app::App;
use crate::incoming::Incoming;
use crate::oauth::authorization;

/// Take a token back. The status says all there is to say. Parameters in the query are not read.
pub(crate) async fn post(_: &App, incoming: &Incoming) -> Result<Response, Refusal> {
    let parameters = incoming.form()?;
    revoke(&incoming.ctx, &authorization(incoming), &parameters).await?;
    Ok(StatusCode::OK.into_response())
}
