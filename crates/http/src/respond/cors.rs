//! Cross-origin resource sharing: one listed origin, echoed; never a pattern, never `null`. BB-12, WH-9, TE-41.

use axum::response::{IntoResponse as _, Response};
use brama_faults::{Fault, planted};
use brama_flows::Ctx;
use brama_protocol::error::{METHOD_NOT_ALLOWED, Refusal};
use brama_protocol::origin::Origin;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::app::App;
use crate::incoming::Incoming;
use crate::respond;
use crate::routes::{Cors, Route};

/// Request headers that scripts may send.
const REQUEST_HEADERS: &str = "Authorization, Content-Type, DPoP";
/// Response headers that scripts may read. S3.
const RESPONSE_HEADERS: &str = "DPoP-Nonce, WWW-Authenticate, Retry-After, Date";

/// Whether some enabled client lists the origin. The store being away means no.
async fn is_listed(ctx: &Ctx, origin: &Origin) -> bool {
    ctx.clients_of_origin(origin.as_str()).await.is_ok_and(|clients| !clients.is_empty())
}

async fn grant(ctx: &Ctx, cors: Cors, origin: Option<&Origin>, headers: &mut HeaderMap) -> bool {
    if cors == Cors::Any {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        return true;
    }
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    let Some(origin) = origin else { return false };
    if !is_listed(ctx, origin).await && !planted(Fault::Http01) {
        return false;
    }
    let Ok(echoed) = HeaderValue::from_str(origin.as_str()) else { return false };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, echoed);
    if cors == Cors::ListedWithCredentials {
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
    true
}

/// Headers of an answer. `origin`: none when the request was refused because of where it came from.
pub(crate) async fn answer(ctx: &Ctx, row: &Route, origin: Option<&Origin>, headers: &mut HeaderMap) {
    if row.cors == Cors::None {
        return;
    }
    if grant(ctx, row.cors, origin, headers).await && row.cors != Cors::Any {
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(RESPONSE_HEADERS));
    }
    if row.cors == Cors::ListedWithCredentials {
        headers.append(header::VARY, HeaderValue::from_static("Cookie, Sec-Fetch-Site"));
    }
}

/// Answer `OPTIONS`: a preflight is unauthenticated and grants nothing by itself. An address without CORS knows no
/// `OPTIONS` at all. AZ-2.
pub(crate) async fn preflight(app: &App, incoming: &Incoming, rows: &[&'static Route]) -> Response {
    let wanted = incoming.header("access-control-request-method");
    let row = rows.iter().find(|row| row.cors != Cors::None && Some(row.method) == wanted);
    let Some(row) = row else {
        let speech = rows.first().map_or(crate::routes::Speech::Page, |row| row.speech);
        let mut response = respond::refusal(app, incoming, speech, Refusal::from(&METHOD_NOT_ALLOWED));
        respond::headers::allow(rows, response.headers_mut());
        return response;
    };
    let mut response = StatusCode::NO_CONTENT.into_response();
    let origin = incoming.header("origin").and_then(Origin::parse);
    let headers = response.headers_mut();
    if grant(&incoming.ctx, row.cors, origin.as_ref(), headers).await {
        let methods: Vec<&str> = rows.iter().map(|row| row.method).collect();
        if let Ok(methods) = HeaderValue::from_str(&methods.join(", ")) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
        }
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(REQUEST_HEADERS));
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    }
    response
}
