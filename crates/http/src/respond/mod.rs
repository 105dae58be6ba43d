//! Responses: the only place that writes an OAuth error, a redirect to a client, or the headers that protect a page.

pub(crate) mod client;
pub(crate) mod cors;
pub(crate) mod headers;
pub(crate) mod page;

use axum::response::{IntoResponse as _, Response};
use brama_faults::{Fault, planted};
use brama_flows::Ctx;
use brama_protocol::bearer::{self, Challenge, ErrorCode, Scheme};
use brama_protocol::dpop::NoncePurpose;
use brama_protocol::error::{
    CLIENT_UNAUTHENTICATED, DPOP_NONCE, NO_TOKEN, RESOURCE_NONCE, Refusal, SCOPE_SHORT, STORAGE, TOKEN_BINDING,
    TOKEN_MALFORMED,
};
use brama_protocol::metadata::DPOP_ALGORITHMS;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::app::App;
use crate::incoming::Incoming;
use crate::routes::Speech;

/// A JSON answer. The route adds its cache headers.
pub fn json<T: Serialize>(status: StatusCode, value: &T) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => (status, [(header::CONTENT_TYPE, "application/json")], body).into_response(),
        Err(error) => {
            tracing::error!(%error, "an answer cannot be written as JSON; this is a bug");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// A redirect after which the browser uses GET: never 307 or 308 on a way that may carry credentials. AZ-16, WH-3.
/// Nothing of our addresses is told to where it leads. WH-7.
pub fn see_other(target: &str) -> Response {
    match HeaderValue::from_str(target) {
        Ok(location) => (
            StatusCode::SEE_OTHER,
            [(header::LOCATION, location), (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"))],
        )
            .into_response(),
        Err(error) => {
            tracing::error!(%error, "a redirect target is no header value; this is a bug");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Add a cookie to a response.
pub(crate) fn set_cookie(response: &mut Response, cookie: &str) {
    if let Ok(value) = HeaderValue::from_str(cookie) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}

/// OAuth's error object. OAuth 2.1 §3.2.4.
#[derive(Serialize)]
struct OAuthError<'a> {
    error: &'a str,
    error_description: &'a str,
    error_uri: String,
}

/// Answer a refusal in the words of its route, and tell the operator what the other side is not told.
pub fn refusal(app: &App, incoming: &Incoming, speech: Speech, refusal: Refusal) -> Response {
    log(incoming, &refusal);
    let row = refusal.row;
    let status = status(incoming, speech, &refusal);
    let mut response = match speech {
        Speech::Page => {
            let mut page = page::error(app, incoming, status, &refusal);
            if !planted(Fault::Http05) {
                headers::of_page(page.headers_mut());
            }
            page
        }
        Speech::Plain => (status, format!("{} {}\n", row.id, row.description)).into_response(),
        Speech::OAuth | Speech::Bearer => json(
            status,
            &OAuthError {
                error: row.error,
                error_description: row.description,
                error_uri: format!("{}/error/{}", app.deployment.settings.issuer, row.id),
            },
        ),
    };
    let headers = response.headers_mut();
    if let Some(seconds) = refusal.retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    for challenge in challenges(incoming, speech, status, &refusal) {
        if let Ok(value) = HeaderValue::from_str(&challenge) {
            headers.append(header::WWW_AUTHENTICATE, value);
        }
    }
    match row {
        row if row == &DPOP_NONCE => dpop_nonce(&incoming.ctx, NoncePurpose::AuthorizationServer, headers),
        row if row == &RESOURCE_NONCE => dpop_nonce(&incoming.ctx, NoncePurpose::ProtectedResource, headers),
        _ => {}
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The row's status; `invalid_client` is 401 only where the client used the `Authorization` header (standards §2.3).
fn status(incoming: &Incoming, speech: Speech, refusal: &Refusal) -> StatusCode {
    let status = StatusCode::from_u16(refusal.row.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if speech == Speech::OAuth
        && refusal.row == &CLIENT_UNAUTHENTICATED
        && !incoming.headers.contains_key(header::AUTHORIZATION)
    {
        return StatusCode::BAD_REQUEST;
    }
    status
}

/// The challenge that belongs to a 401 or 403. RFC 9110 §15.5.2; RS-4; BB-13: never `Basic` where a person's browser asks.
fn challenge(speech: Speech, status: StatusCode, refusal: &Refusal) -> Option<String> {
    match (speech, status) {
        (Speech::OAuth, StatusCode::UNAUTHORIZED) => Some("Basic realm=\"brama\"".to_owned()),
        (Speech::Bearer, StatusCode::UNAUTHORIZED) => match refusal.row.error {
            "invalid_token" => {
                Some(Challenge::new().error(ErrorCode::InvalidToken).description(refusal.row.description).to_string())
            }
            _ => Some(Challenge::new().to_string()),
        },
        (Speech::Bearer, StatusCode::BAD_REQUEST) if refusal.row == &TOKEN_MALFORMED => {
            Some(Challenge::new().error(ErrorCode::InvalidRequest).to_string())
        }
        (Speech::Bearer, StatusCode::FORBIDDEN) if refusal.row == &SCOPE_SHORT => {
            Some(Challenge::new().error(ErrorCode::InsufficientScope).scope("openid").to_string())
        }
        _ => None,
    }
}

/// The challenges of a 401 or 403. Our protected resources take tokens of both schemes: the error stands in the one that was
/// used, and whoever brought nothing is told of both. RS-11.
fn challenges(incoming: &Incoming, speech: Speech, status: StatusCode, refusal: &Refusal) -> Vec<String> {
    let Some(bearer) = challenge(speech, status, refusal) else { return Vec::new() };
    if speech != Speech::Bearer || status != StatusCode::UNAUTHORIZED {
        return vec![bearer];
    }
    let algorithms = DPOP_ALGORITHMS.join(" ");
    let dpop = Challenge::dpop(&algorithms);
    let presented = bearer::presented(incoming.headers.get_all(header::AUTHORIZATION));
    match (presented.map(|presented| presented.scheme), refusal.row) {
        (Ok(Scheme::Dpop), row) => {
            let error = match row.error {
                "invalid_dpop_proof" => ErrorCode::InvalidDpopProof,
                "use_dpop_nonce" => ErrorCode::UseDpopNonce,
                _ => ErrorCode::InvalidToken,
            };
            vec![dpop.error(error).description(row.description).to_string(), Challenge::new().to_string()]
        }
        (_, row) if row == &TOKEN_BINDING || row == &NO_TOKEN => vec![bearer, dpop.to_string()],
        _ => vec![bearer],
    }
}

/// The newest nonce for proofs, once. RFC 9449 §8.
pub(crate) fn dpop_nonce(ctx: &Ctx, purpose: NoncePurpose, headers: &mut HeaderMap) {
    if let Ok(value) = HeaderValue::from_str(ctx.nonces.issue(purpose, ctx.now).as_str()) {
        headers.insert(HeaderName::from_static("dpop-nonce"), value);
    }
}

/// The request id leads to the line that names the route; the path itself may carry anything. LG-2.
fn log(incoming: &Incoming, refusal: &Refusal) {
    let row = refusal.row;
    let detail = refusal.detail.as_deref().unwrap_or_default();
    // Being busy is ordinary; a storage that fails is not, though both are 503.
    if row == &STORAGE || (row.status >= 500 && row.status != 503) {
        tracing::error!(code = row.id, error = row.error, detail, request = incoming.request_id);
    } else {
        tracing::info!(code = row.id, error = row.error, detail, request = incoming.request_id);
    }
}
