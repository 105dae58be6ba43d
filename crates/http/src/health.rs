//! `/livez` and `/readyz`: for load balancers, under any host name. Design §9.

use axum::response::{IntoResponse as _, Response};
use brama_protocol::error::Refusal;

use crate::app::App;
use crate::incoming::Incoming;

/// The process answers.
pub(crate) async fn live(_: &App, _: &Incoming) -> Result<Response, Refusal> {
    Ok("ok\n".into_response())
}

/// The process and its storage answer.
pub(crate) async fn ready(app: &App, _: &Incoming) -> Result<Response, Refusal> {
    app.deployment.store.signing_keys().await?;
    Ok("ok\n".into_response())
}
