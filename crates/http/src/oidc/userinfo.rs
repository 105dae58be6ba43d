//! `/userinfo` and `/api/auth/me`. OpenID Core §5.3; EP-40; RS-1 to RS-4, RS-10.

use axum::response::Response;
use brama_flows::userinfo::{Resource, Sent, person};
use brama_protocol::bearer::{self, BearerError, Presented, Scheme};
use brama_protocol::error::{NO_TOKEN, Refusal, TOKEN_MALFORMED};
use http::{StatusCode, header};

use crate::app::App;
use crate::incoming::Incoming;
use crate::respond::json;

/// `GET /userinfo`.
pub(crate) async fn get(_: &App, incoming: &Incoming) -> Result<Response, Refusal> {
    answer(incoming, header_token(incoming)?, Resource::UserInfo).await
}

/// `POST /userinfo`: here alone the token may be in a form, and never in two places. OpenID Core §5.3.1; RS-1, RS-2.
pub(crate) async fn post(_: &App, incoming: &Incoming) -> Result<Response, Refusal> {
    let form = if incoming.body.is_empty() { None } else { incoming.form().ok() };
    let in_form = match &form {
        Some(form) => form.one("access_token").map_err(|_| Refusal::from(&TOKEN_MALFORMED))?,
        None => None,
    };
    match (in_form, incoming.headers.contains_key(header::AUTHORIZATION)) {
        (Some(_), true) => Err((&TOKEN_MALFORMED).into()),
        (Some(token), false) => answer(incoming, Presented { scheme: Scheme::Bearer, token }, Resource::UserInfo).await,
        (None, _) => answer(incoming, header_token(incoming)?, Resource::UserInfo).await,
    }
}

/// `GET /api/auth/me`.
pub(crate) async fn me(_: &App, incoming: &Incoming) -> Result<Response, Refusal> {
    answer(incoming, header_token(incoming)?, Resource::Me).await
}

fn header_token(incoming: &Incoming) -> Result<Presented<'_>, Refusal> {
    bearer::presented(incoming.headers.get_all(header::AUTHORIZATION)).map_err(|error| match error {
        BearerError::Missing => Refusal::from(&NO_TOKEN),
        BearerError::Malformed => Refusal::from(&TOKEN_MALFORMED),
    })
}

async fn answer(incoming: &Incoming, presented: Presented<'_>, resource: Resource) -> Result<Response, Refusal> {
    let sent = Sent { token: presented.token, scheme: presented.scheme, proofs: incoming.proofs() };
    let person = person(&incoming.ctx, &sent, resource).await?;
    Ok(json(StatusCode::OK, &person.claims()))
}
