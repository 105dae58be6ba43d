//! One HTTP/1.1 connection, kept alive.

use anyhow::{Context as _, bail};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// The connection.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    host: HeaderValue,
}

/// A whole answer.
pub(crate) struct Answer {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// A text of the JSON body.
    pub(crate) fn text(&self, member: &str) -> anyhow::Result<String> {
        let json: serde_json::Value = serde_json::from_slice(&self.body)?;
        let text = json.get(member).and_then(serde_json::Value::as_str);
        Ok(text.with_context(|| format!("no {member}"))?.to_owned())
    }

    /// The value of the cookie whose name begins so, with its name.
    pub(crate) fn cookie(&self, name: &str) -> anyhow::Result<String> {
        let cookies = self.headers.get_all(header::SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
        let pairs = cookies.filter_map(|cookie| cookie.split(';').next());
        let pair = pairs.into_iter().find(|pair| pair.starts_with(name));
        Ok(pair.with_context(|| format!("no cookie {name}"))?.to_owned())
    }
}

/// A request, ready to be sent again and again.
#[derive(Clone)]
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Outgoing {
    pub(crate) fn get(target: impl Into<String>) -> Self {
        Self { method: Method::GET, target: target.into(), headers: HeaderMap::new(), body: Bytes::new() }
    }

    pub(crate) fn post(target: impl Into<String>, media: &'static str, body: impl Into<Bytes>) -> Self {
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(media))]);
        Self { method: Method::POST, target: target.into(), headers, body: body.into() }
    }

    pub(crate) fn form(target: &str, pairs: &[(&str, &str)]) -> Self {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        Self::post(target, "application/x-www-form-urlencoded", body)
    }

    pub(crate) fn header(mut self, name: header::HeaderName, value: &str) -> anyhow::Result<Self> {
        self.headers.insert(name, value.parse()?);
        Ok(self)
    }
}

impl Connection {
    /// Connect to a port of this machine.
    pub(crate) async fn open(port: u16) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self { sender, host: format!("localhost:{port}").parse()? })
    }

    /// Send a request and read the whole answer, which must have this status.
    pub(crate) async fn send(&mut self, outgoing: &Outgoing, status: StatusCode) -> anyhow::Result<Answer> {
        let mut request = Request::new(Full::new(outgoing.body.clone()));
        *request.method_mut() = outgoing.method.clone();
        *request.uri_mut() = outgoing.target.parse()?;
        *request.headers_mut() = outgoing.headers.clone();
        request.headers_mut().insert(header::HOST, self.host.clone());
        self.sender.ready().await?;
        let (head, body) = self.sender.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        if head.status != status {
            bail!("{} {}: {}: {}", outgoing.method, outgoing.target, head.status, String::from_utf8_lossy(&body));
        }
        Ok(Answer { headers: head.headers, body })
    }
}
