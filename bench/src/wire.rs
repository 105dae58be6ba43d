//! One kept-alive HTTP/1.1 connection that costs the generator as little as can be: requests are bytes made beforehand,
//! and of an answer only what is asked for is read.

use std::time::Duration;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Longest wait for an answer. A server that hangs is an error, not a slow one.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// No answer of an authorization server is longer.
const LONGEST: usize = 1 << 20;

/// Where a server is.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// Host and port to connect to.
    address: String,
    /// The `Host` of requests.
    pub(crate) authority: String,
}

impl Place {
    /// A server of this machine that calls itself `localhost`.
    pub(crate) fn local(port: u16) -> Self {
        Self { address: format!("127.0.0.1:{port}"), authority: format!("localhost:{port}") }
    }

    /// A server that is called as it is reached.
    pub(crate) fn named(authority: &str) -> Self {
        Self { address: authority.to_owned(), authority: authority.to_owned() }
    }
}

/// The connection.
pub(crate) struct Wire {
    stream: TcpStream,
    /// What was read; the answer begins at 0.
    buffer: Vec<u8>,
    /// Body of an answer in chunks, put together.
    joined: Vec<u8>,
}

/// An answer, as far as it was looked at.
#[derive(Clone, Copy)]
pub(crate) struct Answer<'a> {
    /// The status code.
    pub(crate) status: u16,
    head: &'a [u8],
    /// The whole body.
    pub(crate) body: &'a [u8],
}

/// How an answer tells its end.
enum Extent {
    Length(usize),
    Chunks,
}

/// The head of an answer.
struct Head {
    status: u16,
    length: usize,
    extent: Extent,
}

impl Wire {
    /// Connect.
    pub(crate) async fn open(place: &Place) -> anyhow::Result<Self> {
        let stream =
            TcpStream::connect(&place.address).await.with_context(|| format!("no connection to {}", place.address))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; 16 * 1024], joined: Vec::new() })
    }

    /// Send a request and read the whole answer.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<Answer<'_>> {
        self.stream.write_all(request).await?;
        let mut filled = 0;
        let mut head: Option<Head> = None;
        loop {
            if filled == self.buffer.len() {
                if filled >= LONGEST {
                    bail!("an answer is longer than {LONGEST} bytes");
                }
                self.buffer.resize(filled * 2, 0);
            }
            let free = self.buffer.get_mut(filled..).unwrap_or_default();
            let read = self.stream.read(free).await?;
            if read == 0 {
                bail!("the server closed the connection");
            }
            filled += read;
            let have = self.buffer.get(..filled).unwrap_or_default();
            if head.is_none() {
                head = Head::read(have)?;
            }
            let Some(Head { status, length, extent }) = &head else { continue };
            let body = have.get(*length..).unwrap_or_default();
            let whole = match extent {
                Extent::Length(wanted) => body.len() >= *wanted,
                Extent::Chunks => join(body, &mut self.joined)?,
            };
            if whole {
                let have = self.buffer.get(..filled).unwrap_or_default();
                let (head_bytes, body) = have.split_at_checked(*length).unwrap_or_default();
                let body = match extent {
                    Extent::Length(wanted) => body.get(..*wanted).unwrap_or_default(),
                    Extent::Chunks => &self.joined,
                };
                return Ok(Answer { status: *status, head: head_bytes, body });
            }
        }
    }

    /// Send a request; the answer must have this status. Nothing limits the wait: under load a timer for every request would
    /// be measured with it.
    pub(crate) async fn expect(&mut self, request: &[u8], status: u16) -> anyhow::Result<Answer<'_>> {
        let answer = self.exchange(request).await?;
        if answer.status != status {
            let line = request.split(|byte| *byte == b'\r').next().unwrap_or_default();
            let shown = line.split(|byte| *byte == b'?').next().unwrap_or_default();
            bail!("{}: {}: {}", String::from_utf8_lossy(shown), answer.status, String::from_utf8_lossy(answer.body));
        }
        Ok(answer)
    }

    /// As [`Wire::expect`], within [`PATIENCE`].
    pub(crate) async fn expect_soon(&mut self, request: &[u8], status: u16) -> anyhow::Result<Answer<'_>> {
        tokio::time::timeout(PATIENCE, self.expect(request, status)).await.context("no answer")?
    }
}

impl Head {
    /// Nothing while the head is incomplete.
    fn read(bytes: &[u8]) -> anyhow::Result<Option<Self>> {
        let mut fields = [httparse::EMPTY_HEADER; 64];
        let mut response = httparse::Response::new(&mut fields);
        let httparse::Status::Complete(length) = response.parse(bytes).context("this is not HTTP/1.1")? else {
            return Ok(None);
        };
        let status = response.code.context("no status")?;
        let mut extent = match status {
            204 | 304 => Some(Extent::Length(0)),
            _ => None,
        };
        for field in response.headers.iter() {
            if field.name.eq_ignore_ascii_case("content-length") {
                extent = Some(Extent::Length(std::str::from_utf8(field.value)?.trim().parse()?));
            } else if field.name.eq_ignore_ascii_case("transfer-encoding") {
                extent = Some(Extent::Chunks);
            }
        }
        Ok(Some(Self { status, length, extent: extent.context("an answer without a length")? }))
    }
}

/// Put chunks together (RFC 9112 §7.1). `false`: the last one is not there yet.
fn join(mut rest: &[u8], joined: &mut Vec<u8>) -> anyhow::Result<bool> {
    joined.clear();
    loop {
        let Ok(httparse::Status::Complete((at, size))) = httparse::parse_chunk_size(rest) else { return Ok(false) };
        let size = usize::try_from(size)?;
        let Some(chunk) = rest.get(at..at + size) else { return Ok(false) };
        if size == 0 {
            return Ok(rest.get(at..).is_some_and(|end| end.ends_with(b"\r\n")));
        }
        joined.extend_from_slice(chunk);
        let Some(next) = rest.get(at + size + 2..) else { return Ok(false) };
        rest = next;
    }
}

impl<'a> Answer<'a> {
    /// The values of a header field.
    pub(crate) fn all(&self, name: &'static str) -> impl Iterator<Item = &'a str> {
        let head = std::str::from_utf8(self.head).unwrap_or_default();
        head.split("\r\n").filter_map(move |line| {
            let (field, value) = line.split_once(':')?;
            field.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    /// `name=value` of the cookie whose name begins so.
    pub(crate) fn cookie(&self, name: &str) -> anyhow::Result<&'a str> {
        let mut pairs = self.all("set-cookie").filter_map(|cookie| cookie.split(';').next());
        pairs.find(|pair| pair.starts_with(name)).with_context(|| format!("no cookie {name}"))
    }

    /// A text of the JSON body.
    pub(crate) fn text(&self, member: &str) -> anyhow::Result<String> {
        let json: serde_json::Value = serde_json::from_slice(self.body)?;
        let text = json.get(member).and_then(serde_json::Value::as_str);
        Ok(text.with_context(|| format!("no {member}"))?.to_owned())
    }
}

/// A request in the making.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    head: String,
    body: String,
}

impl Request {
    /// Of any method, without a body.
    pub(crate) fn new(method: &str, place: &Place, target: &str) -> Self {
        Self { head: format!("{method} {target} HTTP/1.1\r\nhost: {}\r\n", place.authority), body: String::new() }
    }

    /// A `GET`.
    pub(crate) fn get(place: &Place, target: &str) -> Self {
        Self::new("GET", place, target)
    }

    /// A `POST` with a body.
    pub(crate) fn post(place: &Place, target: &str, media: &str, body: impl Into<String>) -> Self {
        let mut request = Self::new("POST", place, target).header("content-type", media);
        request.body = body.into();
        request
    }

    /// A form.
    pub(crate) fn form(place: &Place, target: &str, pairs: &[(&str, &str)]) -> Self {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        Self::post(place, target, "application/x-www-form-urlencoded", body)
    }

    /// With a header field.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.head.push_str(name);
        self.head.push_str(": ");
        self.head.push_str(value);
        self.head.push_str("\r\n");
        self
    }

    /// As a client that authenticates itself. RFC 6749 §2.3.1.
    pub(crate) fn basic(self, id: &str, secret: &str) -> Self {
        let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let pair = STANDARD.encode(format!("{}:{}", encode(id), encode(secret)));
        self.header("authorization", &format!("Basic {pair}"))
    }

    /// As a script of the server's own origin sends it.
    pub(crate) fn same_origin(self, place: &Place) -> Self {
        self.header("origin", &format!("http://{}", place.authority))
            .header("sec-fetch-site", "same-origin")
            .header("sec-fetch-mode", "cors")
            .header("sec-fetch-dest", "empty")
    }

    /// Its beginning up to the value of one more field, which the caller adds, with the empty line.
    pub(crate) fn unfinished(mut self, name: &str) -> String {
        self.head.push_str(name);
        self.head.push_str(": ");
        self.head
    }

    /// The bytes.
    pub(crate) fn bytes(self) -> Vec<u8> {
        let Self { mut head, body } = self;
        if head.starts_with("POST") {
            head.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        head.push_str(&body);
        head.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn chunks_are_joined_when_the_last_one_is_there() {
        let mut joined = Vec::new();
        for part in ["", "5\r\nhel", "5\r\nhello\r\n", "5\r\nhello\r\n0\r\n"] {
            assert!(!join(part.as_bytes(), &mut joined).unwrap(), "{part:?}");
        }
        assert!(join(b"5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n", &mut joined).unwrap());
        assert_eq!(joined, b"hello world");
    }

    #[test]
    fn an_answer_without_a_length_or_without_sense_is_refused() {
        assert!(Head::read(b"HTTP/1.1 200 OK\r\n").unwrap().is_none());
        assert!(Head::read(b"HTTP/1.1 200 OK\r\nserver: x\r\n\r\n").is_err());
        assert!(Head::read(b"SSH-2.0-x\r\n\r\n").is_err());
        assert!(Head::read(b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n").is_err());
        let none = Head::read(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap().unwrap();
        assert!(matches!(none.extent, Extent::Length(0)));
    }

    #[tokio::test]
    async fn answers_are_read_however_they_arrive() {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let place = Place::named(&listener.local_addr().unwrap().to_string());
        let served = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = [0u8; 512];
            assert!(stream.read(&mut asked).await.unwrap() > 0);
            for byte in b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Secure\r\nContent-Length: 9\r\n\r\n{\"b\":\"c\"}" {
                stream.write_all(&[*byte]).await.unwrap();
                stream.flush().await.unwrap();
            }
            assert!(stream.read(&mut asked).await.unwrap() > 0);
            stream.write_all(b"HTTP/1.1 503 Busy\r\ncontent-length: 4\r\n\r\nbusy").await.unwrap();
        });
        let mut wire = Wire::open(&place).await.unwrap();
        let request = Request::form(&place, "/x", &[("a b", "&")]).bytes();
        assert!(request.ends_with(b"content-length: 7\r\n\r\na+b=%26"));
        let answer = wire.exchange(&request).await.unwrap();
        assert_eq!((answer.status, answer.cookie("a").unwrap()), (200, "a=1"));
        assert_eq!(answer.text("b").unwrap(), "c");
        assert!(answer.cookie("z").is_err() && answer.text("z").is_err());
        let refused = wire.expect(&request, 200).await.err().unwrap().to_string();
        assert_eq!(refused, "POST /x HTTP/1.1: 503: busy");
        served.await.unwrap();
    }
}
