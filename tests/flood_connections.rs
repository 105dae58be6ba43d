//! Too many connections and requests of one address, by real sockets. WH-13.

use std::net::SocketAddr;

use brama_testkit::{Options, TestServer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const GET: &[u8] = b"GET /oauth2/jwks HTTP/1.1\r\nHost: id.example.com\r\n\r\n";

async fn listening(change: impl FnOnce(&mut Options)) -> (TestServer, SocketAddr) {
    let server = TestServer::with(|options| {
        options.limits.connections_per_address = 3;
        change(options);
    })
    .await;
    let address = server.listen().await;
    (server, address)
}

/// Ask on a connection; the first line of the answer, or nothing where it was closed.
async fn ask(stream: &mut TcpStream, request: &[u8]) -> String {
    let _ = stream.write_all(request).await;
    let mut heard = [0; 4096];
    let length = stream.read(&mut heard).await.unwrap_or(0);
    String::from_utf8_lossy(&heard[..length]).lines().next().unwrap_or_default().to_owned()
}

async fn connected(address: SocketAddr, count: usize) -> Vec<TcpStream> {
    let mut streams = Vec::new();
    for _ in 0..count {
        let mut stream = TcpStream::connect(address).await.unwrap();
        assert_eq!(ask(&mut stream, GET).await, "HTTP/1.1 200 OK");
        streams.push(stream);
    }
    streams
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wh13_an_address_has_so_many_connections() {
    let (_server, address) = listening(|_| {}).await;
    let mut open = connected(address, 3).await;
    for _ in 0..20 {
        let mut more = TcpStream::connect(address).await.unwrap();
        let mut heard = Vec::new();
        let _ = more.read_to_end(&mut heard).await;
        let text = String::from_utf8_lossy(&heard);
        assert!(text.starts_with("HTTP/1.1 429 ") && text.contains("retry-after: 1"), "{text}");
    }
    // Those that are open go on, and one that ends makes room.
    assert_eq!(ask(&mut open[0], GET).await, "HTTP/1.1 200 OK");
    drop(open.pop());
    loop {
        let mut again = TcpStream::connect(address).await.unwrap();
        match ask(&mut again, GET).await.as_str() {
            "HTTP/1.1 200 OK" => break,
            // Not yet noticed.
            other => assert!(other.is_empty() || other.starts_with("HTTP/1.1 429 "), "{other}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wh13_proxies_and_exempt_addresses_have_more() {
    let loopback = "127.0.0.0/8";
    let (_server, address) = listening(|options| options.proxies.exempt = vec![loopback.parse().unwrap()]).await;
    connected(address, 10).await;
    let (_server, address) = listening(|options| options.proxies.proxies = vec![loopback.parse().unwrap()]).await;
    connected(address, 10).await;
}

/// Requests whose bodies do not come, through a proxy: one client cannot have all of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wh13_a_client_behind_a_proxy_has_so_many_requests_in_flight() {
    let (_server, address) = listening(|options| options.proxies.proxies = vec!["127.0.0.0/8".parse().unwrap()]).await;
    let from = |client: &str| {
        format!(
            "POST /oauth2/token HTTP/1.1\r\nHost: id.example.com\r\nX-Forwarded-For: {client}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nExpect: 100-continue\r\nContent-Length: 100\r\n\r\n"
        )
    };
    let mut waiting = Vec::new();
    for _ in 0..3 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // The handler reads the body: it is in flight.
        assert_eq!(ask(&mut stream, from("192.0.2.1").as_bytes()).await, "HTTP/1.1 100 Continue");
        waiting.push(stream);
    }
    let mut fourth = TcpStream::connect(address).await.unwrap();
    assert_eq!(ask(&mut fourth, from("192.0.2.1").as_bytes()).await, "HTTP/1.1 429 Too Many Requests");
    let mut another = TcpStream::connect(address).await.unwrap();
    assert_eq!(ask(&mut another, from("192.0.2.2").as_bytes()).await, "HTTP/1.1 100 Continue");
}
