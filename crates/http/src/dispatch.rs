//! From the table to answers: what every request goes through, in this order. BB-7, WH-11 to WH-16.
//!
//! host → length → method (CORS preflight) → Fetch Metadata and origin → body within its limit → handler → headers.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use brama_faults::{Fault, planted};
use brama_flows::Ctx;
use brama_flows::login::throttle::Source;
use brama_protocol::error::{
    BAD_BODY, FORM_NOT_OURS, INTERNAL, METHOD_NOT_ALLOWED, NOT_A_FETCH, NOT_FOUND, Refusal, STORAGE_BUSY,
    TARGET_TOO_LONG, TOO_LARGE, TOO_SLOW, WRONG_HOST,
};
use brama_protocol::limits;
use brama_protocol::origin::Origin;
use bytes::Bytes;
use http::request::Parts;
use http::{Extensions, HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, Version, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use tower_http::compression::{CompressionLayer, Predicate};

use crate::app::App;
use crate::incoming::Incoming;
use crate::ready;
use crate::respond;
use crate::routes::{Cache, Csrf, ROUTES, Route, Speech};

/// All rows of one address.
type Rows = Arc<Vec<&'static Route>>;

/// The router of the table.
pub(crate) fn router(app: &Arc<App>) -> Router {
    let mut by_path: BTreeMap<&'static str, Vec<&'static Route>> = BTreeMap::new();
    for route in ROUTES {
        by_path.entry(route.path).or_default().push(route);
    }
    let mut router = Router::new();
    for (path, rows) in by_path {
        let (app, rows): (_, Rows) = (Arc::clone(app), Arc::new(rows));
        let files = rows.iter().any(|row| row.speech == Speech::Plain && row.cache != Cache::NoStore);
        let answer = any(move |ConnectInfo(peer): ConnectInfo<SocketAddr>, request: Request<Body>| {
            let (app, rows) = (Arc::clone(&app), Arc::clone(&rows));
            async move { exchange(&app, path, &rows, peer, request).await }
        });
        router = router.route(path, if files { answer.layer(compression()) } else { answer });
    }
    let nothing = Arc::clone(app);
    router = router.fallback(move |ConnectInfo(peer): ConnectInfo<SocketAddr>, request: Request<Body>| {
        let app = Arc::clone(&nothing);
        async move { exchange(&app, "(none)", &Vec::new(), peer, request).await }
    });
    router.layer(tower_http::catch_panic::CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| {
        tracing::error!(code = INTERNAL.id, "a panic was caught; this is a bug");
        (StatusCode::INTERNAL_SERVER_ERROR, "server_error").into_response()
    }))
}

/// Style, scripts and pictures are compressed. Pages are not: beside what a request brings they carry form tokens, and
/// the size of the answer would tell an eavesdropper about them (BREACH).
fn compression() -> CompressionLayer<impl Predicate> {
    CompressionLayer::new().compress_when(|_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions| {
        let media = headers.get(header::CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
        media.starts_with(b"text/css") || media.starts_with(b"text/javascript") || media.starts_with(b"image/svg")
    })
}

/// One request, from its first byte to its answer. The log line names the route's template, never the query. LG-2.
async fn exchange(
    app: &App,
    template: &'static str,
    rows: &[&'static Route],
    peer: SocketAddr,
    request: Request<Body>,
) -> Response {
    let began = Instant::now();
    let ctx = app.begin();
    let (request_id, named) = app.request_ids.next();
    let for_everybody = ready::may_be_kept(app, rows, &request).then(|| ctx.catalog());
    let (parts, body) = request.into_parts();
    if planted(Fault::Leak03) {
        tracing::info!(target: "brama::access", query = parts.uri.query(), request = request_id);
    }
    let method = parts.method.clone();
    // In a box: what a handler keeps while it waits would be moved again and again by the layers around it.
    let mut response = Box::pin(answer(app, ctx, rows, peer, parts, body, &request_id)).await;
    respond::headers::everywhere(app, &named, response.headers_mut());
    if let Some(catalog) = for_everybody {
        response = app.documents.keep(template, catalog, response).await;
    }
    let (status, ms) = (response.status().as_u16(), u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX));
    if response.headers().get(header::CACHE_CONTROL).is_some_and(|value| value.as_bytes().starts_with(b"public")) {
        // Documents that are the same for everybody say little and come often.
        tracing::debug!(target: "brama::access", %method, route = template, status, ms, request = request_id);
    } else {
        tracing::info!(target: "brama::access", %method, route = template, status, ms, request = request_id);
    }
    response
}

/// Everything the rows of an address have in common before a method is chosen.
async fn answer(
    app: &App,
    ctx: Ctx,
    rows: &[&'static Route],
    peer: SocketAddr,
    parts: Parts,
    body: Body,
    request_id: &str,
) -> Response {
    let speech = rows.first().map_or_else(|| speech_of_nothing(parts.uri.path()), |row| row.speech);
    // Only pages have scripts.
    let nonce = match speech {
        Speech::Page => STANDARD.encode(ctx.random::<16>().unwrap_or_default()),
        Speech::OAuth | Speech::Bearer | Speech::Plain => String::new(),
    };
    let address = app.proxies.client(peer.ip(), &parts.headers);
    let source = Source { address, exempt: app.proxies.is_exempt(address) };
    let mut incoming = Incoming {
        source,
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        request_id: request_id.to_owned(),
        method: parts.method.clone(),
        headers: parts.headers,
        body: Bytes::new(),
        nonce,
        ctx: ctx.coming_from(source),
    };
    let health = speech == Speech::Plain && matches!(incoming.path.as_str(), "/livez" | "/readyz");
    let refuse = |incoming: &Incoming, refusal: Refusal| respond::refusal(app, incoming, speech, refusal);
    if !health && !is_for_us(app, &parts.uri, &incoming.headers) {
        return refuse(&incoming, Refusal::from(&WRONG_HOST).with_detail(format!("expected {}", app.authority)));
    }
    if rows.is_empty() {
        return refuse(&incoming, (&NOT_FOUND).into());
    }
    if parts.uri.path_and_query().is_some_and(|target| target.as_str().len() > limits::REQUEST_TARGET_BYTES) {
        return refuse(&incoming, (&TARGET_TOO_LONG).into());
    }
    if incoming.method == Method::OPTIONS {
        return respond::cors::preflight(app, &incoming, rows).await;
    }
    let Some(row) = row_for(rows, &incoming.method) else {
        let mut response = refuse(&incoming, (&METHOD_NOT_ALLOWED).into());
        respond::headers::allow(rows, response.headers_mut());
        return response;
    };
    let outcome = match guard(app, row, &incoming) {
        Err(refusal) => Err(refusal),
        Ok(()) => match read(body, row.body).await {
            Err(refusal) => Err(refusal),
            Ok(bytes) => {
                incoming.body = bytes;
                Ok(())
            }
        },
    };
    let origin = incoming.header("origin").and_then(Origin::parse);
    let (mut response, readable) = match outcome {
        Err(refusal) => (refuse(&incoming, refusal), false),
        Ok(()) => run(app, row, &incoming).await,
    };
    respond::headers::of_route(row, response.headers_mut());
    respond::cors::answer(&incoming.ctx, row, origin.as_ref().filter(|_| readable), response.headers_mut()).await;
    response
}

/// How an address that does not exist is answered: machines get JSON.
fn speech_of_nothing(path: &str) -> Speech {
    let machine = ["/api/", "/oauth2/", "/.well-known/"].iter().any(|prefix| path.starts_with(prefix));
    if machine { Speech::OAuth } else { Speech::Page }
}

/// Run the handler within its time. The flag says whether the answer may be read from another origin: a request whose
/// origin was refused gets no CORS headers. BB-12.
async fn run(app: &App, row: &Route, incoming: &Incoming) -> (Response, bool) {
    let time = Duration::from_secs(limits::REQUEST_SECONDS);
    let outcome = match tokio::time::timeout(time, (row.handler)(app, incoming)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Refusal::from(&STORAGE_BUSY).retry_after(5).with_detail("the handler ran out of time")),
    };
    match outcome {
        Ok(response) => (response, true),
        Err(refusal) => {
            let readable = refusal.row.error != NOT_A_FETCH.error;
            (respond::refusal(app, incoming, row.speech, refusal), readable)
        }
    }
}

/// `HEAD` only where an answer is the same for everybody; on cookie endpoints and pages that act it is refused, although
/// frameworks like to treat it as `GET`. BB-8.
fn row_for(rows: &[&'static Route], method: &Method) -> Option<&'static Route> {
    let wanted = if method == Method::HEAD { "GET" } else { method.as_str() };
    let row = rows.iter().find(|row| row.method == wanted).copied()?;
    let head_is_fine = row.cache != Cache::NoStore || row.speech == Speech::Plain;
    (method != Method::HEAD || head_is_fine).then_some(row)
}

/// `Host` is the configured one, whatever else it says is never used. WH-16.
pub(crate) fn is_for_us(app: &App, uri: &Uri, headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    let named = match (uri.authority(), hosts.next(), hosts.next()) {
        (Some(authority), _, _) => Some(authority.as_str()),
        (None, Some(host), None) => host.to_str().ok(),
        (None, _, _) => None,
    };
    named.is_some_and(|host| {
        host.eq_ignore_ascii_case(&app.authority) || planted(Fault::Host02) && host.starts_with(&app.authority)
    })
}

/// Fetch Metadata and origin, before a body or a cookie is read. WH-11, WH-12, BB-7.
fn guard(app: &App, row: &Route, incoming: &Incoming) -> Result<(), Refusal> {
    let from = incoming.provenance();
    match row.csrf {
        Csrf::Safe | Csrf::NoCookies | Csrf::CrossSiteForm => Ok(()),
        Csrf::CookieEndpoint => from.admit(&app.deployment.settings.own_origin).map(drop),
        Csrf::Navigation => {
            let navigates =
                matches!(from.mode, None | Some("navigate")) && matches!(from.dest, None | Some("document"));
            let ours = matches!(from.site, None | Some("same-origin" | "none"));
            if from.purpose.is_none() && (navigates || ours) { Ok(()) } else { Err((&NOT_A_FETCH).into()) }
        }
        Csrf::Form => {
            let own = app.deployment.settings.own_origin.as_str();
            let ours = match from.site {
                Some(site) => site == "same-origin",
                None => from.origin == Some(own) || from.is_no_browser(),
            };
            // The token of the form is the handler's to check: it knows the cookie.
            if ours && from.origin.is_none_or(|origin| origin == own) { Ok(()) } else { Err((&FORM_NOT_OURS).into()) }
        }
    }
}

async fn read(body: Body, limit: usize) -> Result<Bytes, Refusal> {
    let collected = Limited::new(body, limit).collect();
    match tokio::time::timeout(Duration::from_secs(limits::BODY_READ_SECONDS), collected).await {
        Err(_) => Err((&TOO_SLOW).into()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err((&TOO_LARGE).into()),
        Ok(Err(error)) => Err(Refusal::from(&BAD_BODY).with_detail(error.to_string())),
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
    }
}
