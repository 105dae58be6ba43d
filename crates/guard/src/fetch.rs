//! A small HTTP client: GET and POST of a form, one answer, bounded in time and size, no redirects.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, USER_AGENT};
use http::{HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// Largest answer that is read.
const MAX_BODY_BYTES: usize = 256 * 1024;

/// From the first byte sent to the last received, all requests of one refresh together.
pub(crate) const TIME_LIMIT: Duration = Duration::from_secs(5);

/// Why the issuer could not be asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// No connection, or it broke.
    #[error("{uri}: no answer")]
    Connection {
        /// What was asked for.
        uri: Uri,
        /// The reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// All of it took longer than 5 seconds.
    #[error("no complete answer within 5 seconds")]
    TimedOut,
    /// Not 200. Redirects are not followed.
    #[error("{uri}: answered {status}")]
    Status {
        /// What was asked for.
        uri: Uri,
        /// The answer.
        status: StatusCode,
    },
    /// Not the JSON document that belongs there.
    #[error("{uri}: not the expected document")]
    Document {
        /// What was asked for.
        uri: Uri,
        /// The reason.
        source: serde_json::Error,
    },
    /// The metadata belong to another issuer, even if only a slash differs (G-7).
    #[error("{uri}: these are the metadata of another issuer")]
    WrongIssuer {
        /// What was asked for.
        uri: Uri,
    },
    /// `jwks_uri` or `introspection_endpoint` is neither `https` nor of the same origin as a loopback issuer.
    #[error("{uri}: neither keys nor answers are taken from there")]
    Elsewhere {
        /// The address given in the metadata.
        uri: Uri,
    },
    /// The issuer has no `introspection_endpoint`.
    #[error("{uri}: the metadata name no introspection endpoint")]
    NoIntrospection {
        /// Where the metadata are.
        uri: Uri,
    },
    /// The question could not be written: no random bytes, or no signature.
    #[error("the client assertion cannot be made")]
    Assertion,
    /// There is no tokio runtime to run in.
    #[error("no tokio runtime")]
    NoRuntime,
}

/// An answer with status 200.
pub(crate) struct Answer {
    pub(crate) cache_control: Option<String>,
    pub(crate) body: Bytes,
}

pub(crate) enum HttpClient {
    /// For an issuer on this machine.
    Plain(Client<HttpConnector, Full<Bytes>>),
    Tls(Client<HttpsConnector<HttpConnector>, Full<Bytes>>),
}

/// How many idle connections are kept for the next request.
#[derive(Clone, Copy)]
pub(crate) enum KeepAlive {
    /// Refreshes are minutes apart: a connection kept open would only be found dead.
    No,
    /// Introspection asks all the time.
    Yes,
}

impl KeepAlive {
    const fn connections(self) -> usize {
        match self {
            Self::No => 0,
            Self::Yes => 16,
        }
    }
}

impl HttpClient {
    pub(crate) fn plain(keep: KeepAlive) -> Self {
        Self::Plain(Client::builder(TokioExecutor::new()).pool_max_idle_per_host(keep.connections()).build_http())
    }

    /// Trusts the certificates of the operating system (or of `SSL_CERT_FILE`).
    pub(crate) fn tls(keep: KeepAlive) -> std::io::Result<Self> {
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let connector =
            HttpsConnectorBuilder::new().with_provider_and_native_roots(provider)?.https_only().enable_http1().build();
        Ok(Self::Tls(Client::builder(TokioExecutor::new()).pool_max_idle_per_host(keep.connections()).build(connector)))
    }

    pub(crate) async fn get(&self, uri: &Uri) -> Result<Answer, FetchError> {
        self.send(uri, Request::get(uri.clone()), Bytes::new()).await
    }

    /// The form is secret: it holds a token.
    pub(crate) async fn post_form(
        &self,
        uri: &Uri,
        authorization: Option<HeaderValue>,
        form: String,
    ) -> Result<Answer, FetchError> {
        let mut request = Request::post(uri.clone()).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(value) = authorization {
            request = request.header(AUTHORIZATION, value);
        }
        self.send(uri, request, form.into()).await
    }

    async fn send(&self, uri: &Uri, request: http::request::Builder, body: Bytes) -> Result<Answer, FetchError> {
        let broken =
            |source: Box<dyn std::error::Error + Send + Sync>| FetchError::Connection { uri: uri.clone(), source };
        let request = request
            .header(ACCEPT, "application/json")
            .header(USER_AGENT, concat!("brama-guard/", env!("CARGO_PKG_VERSION")))
            .body(Full::new(body))
            .map_err(|error| broken(error.into()))?;
        let response = match self {
            Self::Plain(client) => client.request(request).await,
            Self::Tls(client) => client.request(request).await,
        };
        let response = response.map_err(|error| broken(error.into()))?;
        let status = response.status();
        if status != StatusCode::OK {
            return Err(FetchError::Status { uri: uri.clone(), status });
        }
        let cache_control =
            response.headers().get(CACHE_CONTROL).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let body = Limited::new(response.into_body(), MAX_BODY_BYTES).collect().await.map_err(broken)?.to_bytes();
        Ok(Answer { cache_control, body })
    }
}
