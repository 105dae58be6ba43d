//! Files: style and scripts of the pages, and the browser SDK. WH-10.

use std::borrow::Cow;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};

use axum::response::{IntoResponse as _, Response};
use brama_protocol::error::{NOT_FOUND, Refusal};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use rust_embed::RustEmbed;

use crate::app::App;
use crate::incoming::Incoming;

/// The modules of the SDK, as they stand in the repository.
#[derive(RustEmbed)]
#[folder = "../../sdk/browser"]
#[include = "*.js"]
#[include = "*/*.js"]
#[include = "errors.html"]
#[exclude = "test/*"]
#[exclude = "tools/*"]
#[exclude = "node_modules/*"]
struct Sdk;

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.') {
        Some((_, "js")) => "text/javascript; charset=utf-8",
        Some((_, "css")) => "text/css; charset=utf-8",
        Some((_, "html")) => "text/html; charset=utf-8",
        Some((_, "svg")) => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

/// A body with its `ETag`: 304 when the other side has it already.
pub(crate) fn cached(incoming: &Incoming, media: &'static str, body: Bytes) -> Response {
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    let tag = format!("\"{:016x}\"", hasher.finish());
    let known = incoming.header(header::IF_NONE_MATCH.as_str());
    let mut response = if known.is_some_and(|known| known.split(',').any(|one| matches(one.trim(), &tag))) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, media)], body).into_response()
    };
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// Weak comparison: a proxy that compressed the answer has made the tag a weak one. RFC 9110 §13.1.2.
fn matches(known: &str, tag: &str) -> bool {
    known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag
}

/// `/assets/…`: the address has the hash of what it names.
pub(crate) async fn page_asset(_: &App, incoming: &Incoming) -> Result<Response, Refusal> {
    let found = brama_pages::assets().find(|asset| asset.path == incoming.path).ok_or(&NOT_FOUND)?;
    Ok(cached(incoming, found.content_type, Bytes::from_static(found.body)))
}

/// `/favicon.ico`, which browsers ask for where no page names an icon.
pub(crate) async fn icon(_: &App, incoming: &Incoming) -> Result<Response, Refusal> {
    let icon = brama_pages::icon();
    Ok(cached(incoming, icon.content_type, Bytes::from_static(icon.body)))
}

/// `/sdk/brama.js` and the modules it imports.
pub(crate) async fn sdk(_: &App, incoming: &Incoming) -> Result<Response, Refusal> {
    let name = incoming.path.strip_prefix("/sdk/").unwrap_or_default();
    let file = Sdk::get(name).ok_or(&NOT_FOUND)?;
    let body = match file.data {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => Bytes::from(bytes),
    };
    Ok(cached(incoming, content_type(name), body))
}
