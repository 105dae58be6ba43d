//! `/oauth2/token`. OAuth 2.1 §3.2; TE-1, TE-40.

use axum::response::Response;
use brama_flows::token::{self, Delivery, TokenRequest};
use brama_protocol::dpop::NoncePurpose;
use brama_protocol::error::Refusal;
use brama_protocol::token::request::Credentials;
use brama_protocol::token::response::TokenResponse;
use http::StatusCode;

use crate::app::App;
use crate::cookies;
use crate::incoming::Incoming;
use crate::oauth::authorization;
use crate::respond::{self, json, set_cookie};

/// Answer a token request. Parameters in the query are not read.
pub(crate) async fn post(_: &App, incoming: &Incoming) -> Result<Response, Refusal> {
    let parameters = incoming.form()?;
    let headers = authorization(incoming);
    let request = TokenRequest {
        authorization: &headers,
        parameters: &parameters,
        provenance: incoming.provenance(),
        proofs: incoming.proofs(),
    };
    let minted = token::token(&incoming.ctx, &request).await?;
    let refresh = minted.refresh_token.as_ref();
    let mut response = json(
        StatusCode::OK,
        &TokenResponse {
            access_token: &minted.access_token,
            token_type: minted.token_type,
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
    if incoming.ctx.settings.dpop_nonce_required && minted.token_type != "Bearer" {
        // The next one, so that the next request need not be sent twice. RFC 9449 §8.2.
        respond::dpop_nonce(&incoming.ctx, NoncePurpose::AuthorizationServer, response.headers_mut());
    }
    Ok(response)
}
