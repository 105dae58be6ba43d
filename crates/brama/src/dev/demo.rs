//! `/demo`: a single-page app on the SDK, and its API `/api/protected-resource` behind the guard crate. Both are written
//! as an app and an API of somebody else would be: they know the server only by its URL.

use std::time::Duration;

use axum::extract::Path;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use brama_config::Config;
use brama_guard::{AccessToken, Guard};
use rust_embed::RustEmbed;

use crate::dev::seed::{CLIENT, DemoAccount};
use crate::failure::{Failure, Trouble};

#[derive(RustEmbed)]
#[folder = "../../web/demo"]
#[include = "*.html"]
#[include = "*.css"]
#[include = "*.js"]
struct Files;

/// The policy of the demo app: its own files only.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

/// The routes of the demo.
pub(crate) fn router(config: &Config, account: &DemoAccount) -> Result<Router, Failure> {
    let issuer = config.public_url.as_str();
    // One machine has one clock: expiry is seen at once, which is what `--access-token-ttl 5s` is for.
    let guard = Guard::builder(issuer).audience(config.tokens.default_audience.as_str()).leeway(Duration::ZERO).build();
    let guard = guard
        .map_err(|error| Trouble::new("B1213", error.to_string(), "look at public_url and tokens.default_audience"))?;
    let settings = serde_json::json!({
        "issuer": issuer,
        "clientId": CLIENT,
        "username": account.username,
        "password": account.password,
        "accessTokenTtl": config.tokens.access_token_ttl.as_secs(),
    });
    Ok(Router::new()
        .route("/api/protected-resource", get(protected_resource).layer(guard.layer()))
        .route("/demo", get(async || page()))
        .route("/demo/callback", get(async || page()))
        .route("/demo/config.json", get(async move || ([(header::CACHE_CONTROL, "no-store")], Json(settings))))
        .route("/demo/{file}", get(async |Path(name): Path<String>| file(&name))))
}

/// A protected resource. A5.
async fn protected_resource(token: AccessToken) -> impl IntoResponse {
    let expires_at = token.expires_at().duration_since(std::time::UNIX_EPOCH).map(|since| since.as_secs()).ok();
    let body = serde_json::json!({
        "message": "This is the protected resource.",
        "sub": token.subject(),
        "client_id": token.client_id(),
        "scope": token.scope(),
        "expires_at": expires_at,
    });
    ([(header::CACHE_CONTROL, "no-store")], Json(body))
}

fn page() -> Response {
    file("index.html")
}

fn file(name: &str) -> Response {
    let media = match name.rsplit_once('.') {
        Some((_, "html")) => "text/html; charset=utf-8",
        Some((_, "css")) => "text/css; charset=utf-8",
        Some((_, "js")) => "text/javascript; charset=utf-8",
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    let Some(found) = Files::get(name) else { return StatusCode::NOT_FOUND.into_response() };
    let headers = [
        (header::CONTENT_TYPE, media),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-cache"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    (headers, found.data.into_owned()).into_response()
}
