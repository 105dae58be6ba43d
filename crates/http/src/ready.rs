//! Documents that are the same for everybody, kept as they were first answered: metadata and keys. WH-10.
//!
//! Only the plainest request gets one: `GET` without a query or a condition, under our own name. Its answer depends on
//! the route and on the catalog alone, so the answer to the first one is the answer to all of them until keys change.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use brama_flows::catalog::Catalog;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;

use crate::app::App;
use crate::respond::headers::REQUEST_ID;
use crate::routes::{Cache, Cors, Route};

/// The documents that were asked for, by the path of their route.
#[derive(Default)]
pub(crate) struct Documents(RwLock<HashMap<&'static str, Document>>);

struct Document {
    catalog: Arc<Catalog>,
    headers: HeaderMap,
    body: Bytes,
}

/// Whether the answer to this request would be the same for everybody.
pub(crate) fn is_plain(app: &App, rows: &[&'static Route], request: &Request<Body>) -> bool {
    let same_for_all = rows.iter().any(|row| {
        row.method == "GET" && row.cache == Cache::Minutes && row.cors == Cors::Any && row.path == request.uri().path()
    });
    let headers = request.headers();
    let mut hosts = headers.get_all(header::HOST).iter();
    let ours = match (request.uri().authority(), hosts.next(), hosts.next()) {
        (None, Some(host), None) => host.as_bytes() == app.authority.as_bytes(),
        _ => false,
    };
    same_for_all
        && ours
        && request.method() == Method::GET
        && request.uri().query().is_none()
        && !headers.contains_key(header::IF_NONE_MATCH)
        && !headers.contains_key(header::CONTENT_LENGTH)
        && !headers.contains_key(header::TRANSFER_ENCODING)
}

impl Documents {
    /// The answer that was kept, if nothing has changed since.
    pub(crate) fn get(&self, path: &'static str, catalog: &Arc<Catalog>, request_id: &HeaderValue) -> Option<Response> {
        let kept = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let document = kept.get(path).filter(|document| Arc::ptr_eq(&document.catalog, catalog))?;
        let mut response = Response::new(Body::from(document.body.clone()));
        *response.headers_mut() = document.headers.clone();
        response.headers_mut().insert(REQUEST_ID, request_id.clone());
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
        let document = Document { catalog, headers: parts.headers.clone(), body: body.clone() };
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(path, document);
        Response::from_parts(parts, Body::from(body))
    }
}
