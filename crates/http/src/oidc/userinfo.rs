//! `/userinfo` and `/api/auth/me`. OpenID Core §5.3; EP-40; RS-1 to RS-4.

use axum::response::Response;
use brama_flows::userinfo::{Resource, person};
use brama_protocol::bearer::{self, BearerError};
use brama_protocol::error::{NO_TOKEN, Refusal, TOKEN_MALFORMED};
use http::{StatusCode, header};

use crate::app::App;
use crate::incoming::Incoming;
use crate::respond::json;

/// `GET` and `POST /userinfo`.
pub(crate) async fn userinfo(_: &App, incoming: &Incoming) -> Result<Response, Refusal> {
    answer(incoming, Resource::UserInfo).await
}

/// `GET /api/auth/me`.
pub(crate) async fn me(_: &App, incoming: &Incoming) -> Result<Response, Refusal> {
    answer(incoming, Resource::Me).await
}

async fn answer(incoming: &Incoming, resource: Resource) -> Result<Response, Refusal> {
    let token = bearer::token(incoming.headers.get_all(header::AUTHORIZATION)).map_err(|error| match error {
        BearerError::Missing => Refusal::from(&NO_TOKEN),
        BearerError::Malformed => Refusal::from(&TOKEN_MALFORMED),
    })?;
    let person = person(&incoming.ctx, token, resource).await?;
    Ok(json(StatusCode::OK, &person.claims()))
}
