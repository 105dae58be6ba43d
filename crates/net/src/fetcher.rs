//! One request and its answer. RG-24, RG-25.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use brama_faults::{Fault, planted};
use brama_flows::outgoing::{Outgoing, OutgoingError};
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HOST, LOCATION, USER_AGENT};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::task::JoinSet;

use crate::connect::{Trust, UnusableCa, connect};
use crate::limits::{Limits, Purpose};
use crate::policy::{Policy, Target};
use crate::resolve::{Resolve, System};

/// From asking for a place to the last byte of the answer. RG-25, LO-12.
const TOTAL_LIMIT: Duration = Duration::from_secs(5);

/// Most bytes of the header of an answer, and of what is read ahead of its body.
const HEADER_BYTES: usize = 16 * 1024;

/// Who asks.
const AGENT: &str = concat!("brama/", env!("CARGO_PKG_VERSION"));

/// How the fetcher is set up.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// What may be asked beside public hosts over https.
    pub policy: Policy,
    /// Certificates (PEM) that are believed beside those of the operating system.
    pub ca_file: Option<PathBuf>,
}

/// Asks other servers, whoever chose the address.
pub struct Fetcher {
    policy: Policy,
    trust: Trust,
    resolver: Arc<dyn Resolve>,
    limits: Limits,
}

impl std::fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fetcher").field("policy", &self.policy).finish_non_exhaustive()
    }
}

impl Fetcher {
    /// A fetcher that resolves names as the operating system does.
    ///
    /// # Errors
    /// [`UnusableCa`].
    pub fn new(settings: Settings) -> Result<Self, UnusableCa> {
        Self::resolving(settings, Arc::new(System))
    }

    /// The same with names resolved by somebody else.
    ///
    /// # Errors
    /// [`UnusableCa`].
    pub fn resolving(settings: Settings, resolver: Arc<dyn Resolve>) -> Result<Self, UnusableCa> {
        let mut policy = settings.policy;
        policy.allow_http.iter_mut().for_each(|host| host.make_ascii_lowercase());
        Ok(Self { policy, trust: Trust::new(settings.ca_file.as_deref())?, resolver, limits: Limits::new() })
    }

    /// Send one request on a connection of its own and hand the answer to `read` while the connection lives.
    async fn ask<T>(
        &self,
        url: &str,
        purpose: Purpose,
        request: impl FnOnce(http::request::Builder) -> Result<Request<Full<Bytes>>, http::Error>,
        read: impl AsyncFnOnce(&Target, Response<Incoming>) -> Result<T, OutgoingError>,
    ) -> Result<T, OutgoingError> {
        let target = self.policy.read(url)?;
        let _pass = self.limits.pass(&target.host, purpose).await?;
        let asking = async {
            let stream = connect(&self.policy, self.resolver.as_ref(), &self.trust, &target).await?;
            let broken = |error: hyper::Error| failed(&target, error);
            let handshake = http1::Builder::new().max_buf_size(HEADER_BYTES).handshake(TokioIo::new(stream));
            let (mut sender, connection) = handshake.await.map_err(broken)?;
            // Ends with this request, however it ends.
            let mut driven = JoinSet::new();
            driven.spawn(connection);
            let builder =
                Request::builder().uri(&target.path).header(HOST, &target.authority).header(USER_AGENT, AGENT);
            let request = request(builder).map_err(|error| failed(&target, error))?;
            let answer = sender.send_request(request).await.map_err(broken)?;
            read(&target, answer).await
        };
        let answer = tokio::time::timeout(TOTAL_LIMIT, asking).await;
        let answer = answer.unwrap_or_else(|_| Err(failed(&target, format_args!("no answer within {TOTAL_LIMIT:?}"))));
        if let Err(error) = &answer {
            tracing::debug!(%error, host = target.host, "another server was asked in vain");
        }
        answer
    }
}

fn failed(target: &Target, why: impl std::fmt::Display) -> OutgoingError {
    OutgoingError::Failed(format!("{}: {why}", target.host))
}

/// `application/json`, or a type with the suffix `+json`. RFC 8259, RFC 6839 §3.1.
fn is_json(answer: &Response<Incoming>) -> bool {
    let value = answer.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    media == "application/json" || (media.starts_with("application/") && media.ends_with("+json"))
}

#[async_trait]
impl Outgoing for Fetcher {
    async fn get_json(&self, url: &str, most_bytes: usize) -> Result<Vec<u8>, OutgoingError> {
        let request =
            |builder: http::request::Builder| builder.header(ACCEPT, "application/json").body(Full::default());
        let read = async |target: &Target, answer: Response<Incoming>| {
            if answer.status() != StatusCode::OK {
                let to = answer.headers().get(LOCATION).and_then(|to| to.to_str().ok());
                if let Some(to) = to.filter(|_| planted(Fault::Ssrf04)) {
                    return self.get_json(to, most_bytes).await;
                }
                // Redirects too: the address that was checked is the one that is asked.
                return Err(failed(target, format_args!("answered {}", answer.status().as_u16())));
            }
            if !is_json(&answer) {
                return Err(failed(target, "the answer is not JSON"));
            }
            let body = Limited::new(answer.into_body(), most_bytes).collect().await.map_err(|error| {
                if error.is::<LengthLimitError>() {
                    failed(target, format_args!("the answer is larger than {most_bytes} bytes"))
                } else {
                    failed(target, error)
                }
            })?;
            Ok(body.to_bytes().to_vec())
        };
        self.ask(url, Purpose::Document, request, read).await
    }

    async fn post_form(&self, url: &str, form: &str) -> Result<u16, OutgoingError> {
        let form = Bytes::copy_from_slice(form.as_bytes());
        let request = |builder: http::request::Builder| {
            builder.method(Method::POST).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(Full::new(form))
        };
        self.ask(url, Purpose::Message, request, async |_, answer| Ok(answer.status().as_u16())).await
    }
}
