//! Documents that are the same for everybody, kept as they were first answered: metadata and keys. WH-10.
//!
//! Only the plainest request gets one: `GET` without a query or a condition, under our own name. Its answer depends on
//! the route and on the catalog alone, so the answer to the first one is the answer to all of them until keys change.

use std::sync::{Arc, PoisonError, RwLock};

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use brama_faults::{Fault, planted};
use brama_flows::catalog::Catalog;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;

use crate::app::App;
use crate::respond::headers::REQUEST_ID;
use crate::routes::{Cache, Cors, Route};

/// The documents that were asked for: a handful, so that looking through them costs less than hashing a path.
#[derive(Default)]
pub(crate) struct Documents(RwLock<Vec<Document>>);

struct Document {
    path: &'static str,
    catalog: Arc<Catalog>,
    headers: HeaderMap,
    body: Bytes,
}

/// Whether nothing in this request could make its answer differ from that to others.
fn is_plain(app: &App, request: &Request<Body>) -> bool {
    let headers = request.headers();
    let mut hosts = headers.get_all(header::HOST).iter();
    let ours = match (request.uri().authority(), hosts.next(), hosts.next()) {
        (None, Some(host), None) => host.as_bytes() == app.authority.as_bytes() || planted(Fault::Host03),
        _ => false,
    };
    let unlike = [header::IF_NONE_MATCH, header::CONTENT_LENGTH, header::TRANSFER_ENCODING];
    ours && request.method() == Method::GET
        && request.uri().query().is_none()
        && !unlike.iter().any(|name| headers.contains_key(name))
}

/// Whether the answer to this request may be kept.
pub(crate) fn may_be_kept(app: &App, rows: &[&'static Route], request: &Request<Body>) -> bool {
    let for_all = |row: &&Route| row.method == "GET" && row.cache == Cache::Minutes && row.cors == Cors::Any;
    // A path with a parameter is no document.
    rows.iter().any(|row| for_all(row) && row.path == request.uri().path()) && is_plain(app, request)
}

impl Documents {
    /// The answer that was kept, if nothing has changed since.
    pub(crate) fn get(&self, app: &App, request: &Request<Body>) -> Option<Response> {
        let kept = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let document = kept.iter().find(|document| document.path == request.uri().path())?;
        if !is_plain(app, request) || !app.deployment.catalog.is_current(&document.catalog) {
            return None;
        }
        let mut response = Response::new(Body::from(document.body.clone()));
        *response.headers_mut() = document.headers.clone();
        response.headers_mut().insert(REQUEST_ID, app.request_ids.next().1);
        Some(response)
    }

    /// Keep an answer, and give it back.
    pub(crate) async fn keep(&self, path: &'static str, catalog: Arc<Catalog>, response: Response) -> Response {
        if response.status() != StatusCode::OK {
            return response;
        }
        let (parts, body) = response.into_parts();
        // It is in memory already: no body of a document is a stream.
        let Ok(body) = body.collect().await else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
        let body = body.to_bytes();
        // Room for the name of the request, so that a copy does not have to grow.
        let mut headers = parts.headers.clone();
        headers.insert(REQUEST_ID, HeaderValue::from_static("-"));
        let document = Document { path, catalog, headers, body: body.clone() };
        let mut kept = self.0.write().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|document| document.path != path);
        kept.push(document);
        Response::from_parts(parts, Body::from(body))
    }
}
