//! `/oauth2/token`. OAuth 2.1 §3.2; TE-1, TE-40.

use axum::response::Response;
use brama_flows::token::{self, Delivery};
use brama_protocol::error::Refusal;
use brama_protocol::token::request::Credentials;
use brama_protocol::token::response::TokenResponse;
use http::{StatusCode, header};

use crate::app::App;
use crate::cookies;
use crate::incoming::Incoming;
use crate::respond::{json, set_cookie};

/// Answer a token request. Parameters in the query are not read.
pub(crate) async fn post(_: &App, incoming: &Incoming) -> Result<Response, Refusal> {
    let parameters = incoming.form()?;
    let headers: Vec<&str> = incoming
        .headers
        .get_all(header::AUTHORIZATION)
        .iter()
        .map(|value| value.to_str().unwrap_or_default())
        .collect();
    let minted = token::token(&incoming.ctx, &headers, &parameters, &incoming.provenance()).await?;
    let refresh = minted.refresh_token.as_ref();
    let mut response = json(
        StatusCode::OK,
        &TokenResponse {
            access_token: &minted.access_token,
            token_type: "Bearer",
            expires_in: minted.expires_in,
            scope: &minted.scope,
            refresh_token: refresh.filter(|_| minted.delivery == Delivery::Body).map(|token| token.as_str()),
            id_token: minted.id_token.as_deref(),
        },
    );
    if let (Delivery::Cookie, Some(token)) = (minted.delivery, refresh) {
        let client = Credentials::parse(&headers, &parameters)?.client().clone();
        set_cookie(&mut response, &cookies::refresh(&client, token, minted.cookie_seconds));
    }
    Ok(response)
}
