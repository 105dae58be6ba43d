//! What is sent, and what of an answer is taken. RG-25.

use std::sync::Arc;

use brama_flows::outgoing::{Outgoing as _, OutgoingError};
use brama_net::Fetcher;

use crate::support::{Names, Says, Server, answer, fetcher, here, json};

/// A fetcher and a server that answers so, at `http://app.localhost`.
async fn facing(says: Says) -> (Fetcher, Server) {
    let server = Server::start(None, says).await;
    let names = Arc::new(Names::default());
    names.lead("app.localhost", &[server.address]);
    (fetcher(&names, here(), None), server)
}

async fn get(says: Says, most_bytes: usize) -> Result<Vec<u8>, OutgoingError> {
    facing(says).await.0.get_json("http://app.localhost/jwks", most_bytes).await
}

#[track_caller]
fn assert_failed<T: std::fmt::Debug>(answer: &Result<T, OutgoingError>, why: &str) {
    assert!(matches!(answer, Err(OutgoingError::Failed(said)) if said.contains(why)), "{why}: {answer:?}");
}

#[tokio::test]
async fn a_document_is_asked_for_without_cookies_and_with_nothing_about_us() {
    let (fetcher, server) = facing(json("{\"keys\":[]}")).await;
    assert_eq!(fetcher.get_json("http://app.localhost/jwks?x=%20y", 11).await.unwrap(), b"{\"keys\":[]}");
    let request = server.requests().remove(0);
    let mut lines: Vec<_> = request.trim_end().split("\r\n").map(str::to_ascii_lowercase).collect();
    lines.sort();
    let agent = format!("user-agent: brama/{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(lines, ["accept: application/json", "get /jwks?x=%20y http/1.1", "host: app.localhost", &agent]);
}

#[tokio::test]
async fn a_form_is_posted_as_it_is_and_the_status_is_told_whatever_it_is() {
    for status in ["200 OK", "204 No Content", "302 Found", "400 Bad Request", "500 Internal Server Error", "599 X"] {
        let (fetcher, server) = facing(answer(status, "text/html", "<h1>")).await;
        let told = fetcher.post_form("http://app.localhost/logout", "logout_token=a.b.c").await.unwrap();
        assert_eq!(told.to_string(), status[..3]);
        let request = server.requests().remove(0).to_ascii_lowercase();
        assert!(request.starts_with("post /logout http/1.1\r\n"), "{request}");
        assert!(request.contains("\r\ncontent-type: application/x-www-form-urlencoded\r\n"), "{request}");
        assert!(request.ends_with("\r\n\r\nlogout_token=a.b.c"), "{request}");
    }
}

#[tokio::test]
async fn only_200_with_json_is_a_document() {
    for status in ["201 Created", "204 No Content", "304 Not Modified", "404 Not Found", "500 Internal Server Error"] {
        assert_failed(&get(answer(status, "application/json", ""), 1000).await, &status[..3]);
    }
    for media in ["text/html", "text/plain", "application/jsonp", "application/javascript", "json", "text/x+json", ""] {
        assert_failed(&get(answer("200 OK", media, "{}"), 1000).await, "JSON");
    }
    for media in ["application/json; charset=utf-8", "application/jwk-set+json", "Application/JSON"] {
        assert_eq!(get(answer("200 OK", media, "{}"), 1000).await.unwrap(), b"{}", "{media}");
    }
}

#[tokio::test]
async fn rg25_no_more_is_read_than_was_asked_for() {
    let body = "x".repeat(1001);
    assert_failed(&get(json(&body), 1000).await, "larger than 1000 bytes");
    assert_eq!(get(json(&body[..1000]), 1000).await.unwrap().len(), 1000);
    // Without a length, in chunks, and by one that never ends.
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
    let until_closed = format!("{head}\r\n{body}");
    assert_failed(&get(Says::Bytes(until_closed.into()), 1000).await, "larger than 1000 bytes");
    let chunk = format!("258\r\n{}\r\n", "x".repeat(0x258));
    let chunked = format!("{head}transfer-encoding: chunked\r\n\r\n{chunk}{chunk}0\r\n\r\n");
    assert_failed(&get(Says::Bytes(chunked.into()), 1000).await, "larger than 1000 bytes");
    assert_failed(&get(Says::ThenFloods(format!("{head}\r\n").into()), 100_000).await, "larger than 100000 bytes");
}

#[tokio::test]
async fn broken_and_oversized_headers_are_no_answer() {
    let long = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "x".repeat(40_000));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(500));
    let short = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{}".to_owned();
    for bytes in [String::new(), "x".to_owned(), "HTTP/9.9 1\r\n\r\n".to_owned(), long, many, short] {
        assert_failed(&get(Says::Bytes(bytes.clone().into()), 1000).await, "app.localhost");
        assert!(bytes.len() < 50_000);
    }
}

/// All at once, so that the limit is waited for once.
#[tokio::test]
async fn rg25_silence_and_drips_end_after_five_seconds() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n".to_vec();
    let says = [
        Says::ThenSilence(Vec::new()),
        Says::ThenSilence(head.clone()),
        Says::ThenDrips(head),
        Says::ThenDrips(b"HTTP/1.1 200 OK\r\nx: y".to_vec()),
    ];
    let mut waiting = tokio::task::JoinSet::new();
    for says in says {
        waiting.spawn(async {
            let (fetcher, server) = facing(says).await;
            assert_failed(&fetcher.get_json("http://app.localhost/", 1000).await, "no answer within 5s");
            assert_eq!(server.connections(), 1);
        });
    }
    waiting.spawn(async {
        let (fetcher, _server) = facing(Says::ThenSilence(Vec::new())).await;
        assert_failed(&fetcher.post_form("http://app.localhost/", "a=b").await, "no answer within 5s");
    });
    assert_eq!(waiting.join_all().await.len(), 5);
}
