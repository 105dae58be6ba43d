//! HTTP/1.1 connections, opened again when they are gone.

use bytes::Bytes;
use http::{HeaderMap, Method, Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// No complete answer came: whether the request was heard is not known.
#[derive(Debug)]
pub(crate) struct Lost;

/// A complete answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// The body as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// A member of the JSON body, as text.
    #[track_caller]
    pub(crate) fn text(&self, member: &str) -> String {
        self.json()[member].as_str().unwrap_or_else(|| panic!("no {member}: {self:?}")).to_owned()
    }

    /// A header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// It has this status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }
}

/// A way to the server: one connection to each of its nodes.
pub(crate) struct Wire {
    /// The name it is asked under.
    authority: String,
    nodes: Vec<Node>,
    /// Whose turn it is.
    turn: usize,
}

struct Node {
    port: u16,
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl Wire {
    pub(crate) fn new(port: u16) -> Self {
        Self::among(&[port], port)
    }

    /// Every request goes to the next of these ports; the server's own address names `own`.
    pub(crate) fn among(ports: &[u16], own: u16) -> Self {
        let nodes = ports.iter().map(|port| Node { port: *port, sender: None }).collect();
        Self { authority: format!("localhost:{own}"), nodes, turn: 0 }
    }

    /// Send a request and read the whole answer.
    pub(crate) async fn send(
        &mut self,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Answer, Lost> {
        let mut request = Request::builder()
            .method(method)
            .uri(target)
            .header(header::HOST, &self.authority)
            .body(Full::new(Bytes::from(body.to_owned())))
            .unwrap();
        for (name, value) in headers {
            let name = header::HeaderName::from_bytes(name.as_bytes()).unwrap();
            request.headers_mut().append(name, value.parse().unwrap());
        }
        let turn = self.turn;
        self.turn = (turn + 1) % self.nodes.len();
        self.nodes[turn].exchange(request).await.map_err(|_| Lost)
    }

    /// `GET` without anything else.
    pub(crate) async fn get(&mut self, target: &str) -> Answer {
        self.send(Method::GET, target, &[], "").await.expect("an answer")
    }
}

impl Node {
    /// After a failure the connection is gone.
    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, Box<dyn std::error::Error>> {
        let open = self.sender.take().filter(|sender| !sender.is_closed());
        let mut sender = match open {
            Some(sender) => sender,
            None => {
                let stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
                stream.set_nodelay(true)?;
                let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
                tokio::spawn(connection);
                sender
            }
        };
        sender.ready().await?;
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        self.sender = Some(sender);
        Ok(Answer { status: head.status.as_u16(), headers: head.headers, body })
    }
}
