//! `/oauth2/register` and `/oauth2/register/{client_id}`. RFC 7591 §3; RFC 7592 §2; RG-10 to RG-17.

use axum::response::{IntoResponse as _, Response};
use brama_flows::register::{self, Told};
use brama_protocol::bearer::{self, BearerError};
use brama_protocol::error::{REGISTRATION_JSON, Refusal, TOKEN_MALFORMED};
use brama_protocol::registration::metadata::{Beside, ClientInformation, ClientMetadata};
use http::{StatusCode, header};

use crate::app::App;
use crate::incoming::Incoming;
use crate::respond::json;

/// Register an app. The token is looked at before the body: a stranger learns nothing of the rules.
pub(crate) async fn post(app: &App, incoming: &Incoming) -> Result<Response, Refusal> {
    let admitted = register::admit(&incoming.ctx, incoming.source, token(incoming)?).await?;
    let told = register::register(&incoming.ctx, admitted, metadata(incoming)?).await?;
    Ok(information(app, StatusCode::CREATED, &told))
}

/// Read a registration.
pub(crate) async fn get(app: &App, incoming: &Incoming) -> Result<Response, Refusal> {
    let opened = open(incoming).await?;
    Ok(information(app, StatusCode::OK, &opened.told()))
}

/// Replace a registration.
pub(crate) async fn put(app: &App, incoming: &Incoming) -> Result<Response, Refusal> {
    let opened = open(incoming).await?;
    let told = register::update(&incoming.ctx, opened, metadata(incoming)?).await?;
    Ok(information(app, StatusCode::OK, &told))
}

/// Remove a registration.
pub(crate) async fn delete(_: &App, incoming: &Incoming) -> Result<Response, Refusal> {
    register::remove(&incoming.ctx, open(incoming).await?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn open(incoming: &Incoming) -> Result<register::Opened, Refusal> {
    let client = incoming.path.strip_prefix("/oauth2/register/").unwrap_or_default();
    register::open(&incoming.ctx, incoming.source, client, token(incoming)?).await
}

/// The token of the header, if there is one. RFC 6750 §2.1: nowhere else.
fn token(incoming: &Incoming) -> Result<Option<&str>, Refusal> {
    match bearer::token(incoming.headers.get_all(header::AUTHORIZATION)) {
        Ok(token) => Ok(Some(token)),
        Err(BearerError::Missing) => Ok(None),
        Err(BearerError::Malformed) => Err((&TOKEN_MALFORMED).into()),
    }
}

fn metadata(incoming: &Incoming) -> Result<ClientMetadata, Refusal> {
    incoming.json_object(&REGISTRATION_JSON, &REGISTRATION_JSON)
}

fn information(app: &App, status: StatusCode, told: &Told) -> Response {
    let (secret, token) = (told.secret.as_ref().map(|secret| secret.to_wire()), told.token.to_wire());
    let beside = Beside {
        issuer: &app.deployment.settings.issuer,
        issued_at: told.issued_at.as_second(),
        secret: secret.as_deref(),
        token: &token,
    };
    json(status, &ClientInformation::of(&told.client, &beside))
}
