//! A small HTTP client: GET, one answer, bounded in time and size, no redirects.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CACHE_CONTROL, USER_AGENT};
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// Largest answer that is read.
const MAX_BODY_BYTES: usize = 256 * 1024;

/// From the first byte sent to the last received, all requests of one refresh together.
pub(crate) const TIME_LIMIT: Duration = Duration::from_secs(5);

/// Why metadata or keys could not be had.
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
    /// `jwks_uri` is neither `https` nor of the same origin as a loopback issuer.
    #[error("{uri}: keys are not fetched from there")]
    KeysElsewhere {
        /// The address given in the metadata.
        uri: Uri,
    },
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
    Plain(Client<HttpConnector, Empty<Bytes>>),
    Tls(Client<HttpsConnector<HttpConnector>, Empty<Bytes>>),
}

impl HttpClient {
    pub(crate) fn plain() -> Self {
        Self::Plain(Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http())
    }

    /// Trusts the certificates of the operating system (or of `SSL_CERT_FILE`).
    pub(crate) fn tls() -> std::io::Result<Self> {
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let connector =
            HttpsConnectorBuilder::new().with_provider_and_native_roots(provider)?.https_only().enable_http1().build();
        // Refreshes are minutes apart: a connection kept open would only be found dead.
        Ok(Self::Tls(Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector)))
    }

    pub(crate) async fn get(&self, uri: &Uri) -> Result<Answer, FetchError> {
        let broken =
            |source: Box<dyn std::error::Error + Send + Sync>| FetchError::Connection { uri: uri.clone(), source };
        let request = Request::get(uri.clone())
            .header(ACCEPT, "application/json")
            .header(USER_AGENT, concat!("brama-guard/", env!("CARGO_PKG_VERSION")))
            .body(Empty::new())
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
