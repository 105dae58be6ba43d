//! What only a real connection shows: limits of the head, broken framing, pipelining. WH-13, WH-14.

use std::net::SocketAddr;
use std::time::Duration;

use brama_testkit::TestServer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Send bytes, read until the server closes or half a second passes.
pub(crate) async fn exchange(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // A server that has seen enough closes before it has read everything.
    let _ = stream.write_all(request).await;
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_millis(500), stream.read_to_end(&mut answer));
    let _ = read.await;
    String::from_utf8_lossy(&answer).into_owned()
}

fn head(extra: &str) -> Vec<u8> {
    format!("GET /livez HTTP/1.1\r\nHost: id.example.com\r\n{extra}Connection: close\r\n\r\n").into_bytes()
}

pub(crate) fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("closed")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wh13_heads_have_an_end() {
    let server = TestServer::start().await;
    let address = server.listen().await;
    assert_eq!(status(&exchange(address, &head("")).await), "200");
    let many: String = (0..100).map(|number| format!("x-{number}: y\r\n")).collect();
    let large = format!("x: {}\r\n", "y".repeat(40_000));
    let huge = format!("x: {}\r\n", "y".repeat(1 << 20));
    for extra in [many, large, huge] {
        let answer = exchange(address, &head(&extra)).await;
        assert!(matches!(status(&answer), "400" | "431" | "closed"), "{answer}");
    }
    let long = format!("GET /livez?{} HTTP/1.1\r\nHost: id.example.com\r\n\r\n", "a".repeat(100_000));
    let answer = exchange(address, long.as_bytes()).await;
    assert!(matches!(status(&answer), "400" | "414" | "431" | "closed"), "{answer}");
    // Others are still served.
    assert_eq!(status(&exchange(address, &head("")).await), "200");
}

/// HOST-02: two `Host` headers, none. HTTP-02.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wh14_broken_framing_is_refused() {
    let server = TestServer::start().await;
    let address = server.listen().await;
    let post = |extra: &str, body: &str| {
        format!(
            "POST /api/auth/login HTTP/1.1\r\nHost: id.example.com\r\nContent-Type: application/json\r\n{extra}\r\n{body}"
        )
    };
    for request in [
        post("Content-Length: 5\r\nContent-Length: 6\r\n", "{}"),
        post("Content-Length: -1\r\n", "{}"),
        post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\nGET /x HTTP/1.1\r\n\r\n"),
        post("Transfer-Encoding: chunked\r\n", "zz\r\n"),
        "GET /livez HTTP/1.1\r\nHost: id.example.com\r\nx y: z\r\n\r\n".to_owned(),
        "GET /livez HTTP/1.1\r\nHost: id.example.com\r\nx: a\u{0}b\r\n\r\n".to_owned(),
        "GET /sign-in HTTP/1.1\r\nHost: id.example.com\r\nHost: evil.example\r\nConnection: close\r\n\r\n".to_owned(),
        "GET /sign-in HTTP/1.1\r\nConnection: close\r\n\r\n".to_owned(),
        "\u{16}\u{3}\u{1}".to_owned(),
        "GARBAGE\r\n\r\n".to_owned(),
    ] {
        let answer = exchange(address, request.as_bytes()).await;
        assert!(matches!(status(&answer), "400" | "413" | "421" | "closed"), "{request:?}: {answer}");
        assert!(!answer.contains("evil.example") && !answer.contains("access_token"), "{answer}");
    }
    assert_eq!(status(&exchange(address, &head("")).await), "200");
}

/// HOST-02: the absolute form of the request line.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wh16_an_absolute_address_names_the_host() {
    let server = TestServer::start().await;
    let address = server.listen().await;
    let ask = |target: &str, host: &str| {
        format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").into_bytes()
    };
    let at = |target: &str| format!("{target}/oauth2/jwks");
    assert_eq!(status(&exchange(address, &ask("/oauth2/jwks", "id.example.com")).await), "200");
    let answer = exchange(address, &ask(&at("http://evil.example"), "id.example.com")).await;
    assert_eq!(status(&answer), "421", "{answer}");
    let answer = exchange(address, &ask("/oauth2/jwks", "evil.example")).await;
    assert_eq!(status(&answer), "421", "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wh13_a_large_body_is_not_read_to_its_end() {
    let server = TestServer::start().await;
    let address = server.listen().await;
    let body = "a".repeat(10 << 20);
    let request = format!(
        "POST /oauth2/token HTTP/1.1\r\nHost: id.example.com\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let answer = exchange(address, request.as_bytes()).await;
    assert!(matches!(status(&answer), "413" | "closed"), "{}", answer.chars().take(300).collect::<String>());
}
