//! One request, built header by header, straight into the router.

use std::net::{IpAddr, SocketAddr};

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, header};
use http_body_util::BodyExt as _;
use serde_json::Value;

use crate::invariants;
use crate::reply::Reply;
use crate::server::TestServer;

/// A request that is being built.
#[must_use]
pub struct Call<'a> {
    server: &'a TestServer,
    method: Method,
    target: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    host: Option<String>,
    body: Bytes,
    peer: SocketAddr,
    unaware: bool,
}

impl<'a> Call<'a> {
    pub(crate) fn new(server: &'a TestServer, method: Method, target: &str) -> Self {
        Self {
            target: target.strip_prefix(server.issuer()).unwrap_or(target).to_owned(),
            host: Some(server.authority().to_owned()),
            headers: Vec::new(),
            body: Bytes::new(),
            peer: SocketAddr::from(([192, 0, 2, 10], 40_000)),
            unaware: false,
            server,
            method,
        }
    }

    /// Add a header; the same name may be added again.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.parse().unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap()));
        self
    }

    /// Add a header if there is a value for it.
    pub fn maybe(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.header(name, value),
            None => self,
        }
    }

    /// The headers of a script on a page of this origin.
    pub fn script(self, origin: &str, site: &str) -> Self {
        self.header("origin", origin)
            .header("sec-fetch-site", site)
            .header("sec-fetch-mode", "cors")
            .header("sec-fetch-dest", "empty")
    }

    /// Another `Host`; nothing: none at all.
    pub fn host(mut self, host: Option<&str>) -> Self {
        self.host = host.map(ToOwned::to_owned);
        self
    }

    /// Another peer.
    pub fn peer(mut self, address: &str) -> Self {
        self.peer = SocketAddr::from((address.parse::<IpAddr>().unwrap(), 40_000));
        self
    }

    /// To a node that has not heard yet of the last changes of clients and keys.
    pub fn unaware(mut self) -> Self {
        self.unaware = true;
        self
    }

    /// `Authorization: Bearer`.
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// `Authorization: Basic`, both halves taken as they are.
    pub fn basic(self, id: &str, secret: &str) -> Self {
        let pair = STANDARD.encode(format!("{id}:{secret}"));
        self.header("authorization", &format!("Basic {pair}"))
    }

    /// A `Cookie` header.
    pub fn cookie(self, pairs: &str) -> Self {
        self.header("cookie", pairs)
    }

    /// A form body.
    pub fn form(self, fields: &[(&str, &str)]) -> Self {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.body("application/x-www-form-urlencoded", body)
    }

    /// A JSON body.
    pub fn json(self, value: &Value) -> Self {
        self.body("application/json", value.to_string())
    }

    /// Any body with its content type.
    pub fn body(self, content_type: &str, body: impl Into<Bytes>) -> Self {
        let mut call = self.header(header::CONTENT_TYPE.as_str(), content_type);
        call.body = body.into();
        call
    }

    /// A body without a content type.
    pub fn bare_body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Send it, and check what must hold for every answer.
    pub async fn send(self) -> Reply {
        let https = self.server.issuer().starts_with("https:");
        let server = self.server;
        let form = self.body.clone();
        let reply = self.send_unchecked().await;
        invariants::check(&reply, https);
        if server.options.strays_are_seen {
            let strays = invariants::strays(server, &reply, &form).await;
            assert!(strays.is_empty(), "no app has registered {strays:?}: {reply}");
        }
        reply
    }

    /// Send it; nothing is checked.
    pub async fn send_unchecked(self) -> Reply {
        let mut request =
            Request::builder().method(self.method.clone()).uri(&self.target).body(Body::from(self.body)).unwrap();
        if let Some(host) = self.host {
            request.headers_mut().insert(header::HOST, host.parse().unwrap());
        }
        for (name, value) in self.headers {
            request.headers_mut().append(name, value);
        }
        if !self.unaware {
            self.server.keep_up().await;
        }
        let response = self.server.front().answer(self.peer, request).await;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Reply { method: self.method, target: self.target, status: parts.status, headers: parts.headers, body }
    }
}
