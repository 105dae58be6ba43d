//! Where a request ends, as the server and a proxy in front of it see it.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use brama_testkit::TestServer;

use crate::sockets::{exchange, status};

/// A request whose length has two readings, with a second one inside.
struct Ambiguous {
    what: &'static str,
    text: String,
}

/// What a proxy in front and a server behind have read differently somewhere.
fn corpus() -> Vec<Ambiguous> {
    const INSIDE: &str = "GET /smuggled HTTP/1.1\r\nHost: id.example.com\r\n\r\n";
    let mut found = Vec::new();
    let mut add = |what, headers: &str, body: &str| {
        let head = "POST /oauth2/token HTTP/1.1\r\nHost: id.example.com\r\n\
                    Content-Type: application/x-www-form-urlencoded\r\n";
        found.push(Ambiguous { what, text: format!("{head}{headers}\r\n{body}") });
    };
    let chunked = format!("0\r\n\r\n{INSIDE}");
    let length = chunked.len();
    // CL.TE and TE.CL.
    add("length, then chunked", &format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n"), &chunked);
    add("chunked, then length", &format!("Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n"), &chunked);
    add(
        "a short length, and a chunk",
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        &format!("{:x}\r\n{INSIDE}\r\n0\r\n\r\n", INSIDE.len()),
    );
    // A coding that only one of two knows: whoever takes the length reads all as a body.
    for coding in [
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: identity, chunked",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: chunked;x=y",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding:\tchunked",
        "Transfer-Encoding: \u{b}chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
        "Transfer-Encoding: x\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding:",
        "Transfer-Encoding : chunked",
        " Transfer-Encoding: chunked",
        "X: y\r\n Transfer-Encoding: chunked",
        "X: y\nTransfer-Encoding: chunked",
        "X: y\rTransfer-Encoding: chunked",
        "Transfer-Encoding\r\n: chunked",
        "Transfer-Encoding\0: chunked",
        "Transfer-Encoding: chunked\0",
    ] {
        add(coding, &format!("Content-Length: {length}\r\n{coding}\r\n"), &chunked);
    }
    // Lengths.
    for lengths in [
        "Content-Length: 0\r\nContent-Length: 57",
        "Content-Length: 57\r\nContent-Length: 0",
        "Content-Length: 0, 57",
        "Content-Length: +0",
        "Content-Length: -0",
        "Content-Length: -1",
        "Content-Length: 0x0",
        "Content-Length: 0_0",
        "Content-Length: 0.0",
        "Content-Length: 0 57",
        "Content-Length: \"0\"",
        "Content-Length:",
        "Content-Length: 18446744073709551616",
        "Content-Length: 99999999999999999999999999",
        "Content-Length : 0",
        "Content-Length: 0\r\n 57",
    ] {
        add(lengths, &format!("{lengths}\r\n"), INSIDE);
    }
    // Chunks.
    for (what, chunks) in [
        ("a size that overflows", "10000000000000000\r\nx\r\n0\r\n\r\n"),
        ("a size that overflows to zero", "100000000000000000000000000000000\r\n\r\n"),
        ("a size with 0x", "0x0\r\n\r\n"),
        ("a size with a sign", "+0\r\n\r\n"),
        ("a negative size", "-1\r\n\r\n"),
        ("a size with an underscore", "0_0\r\n\r\n"),
        ("no size", "\r\n\r\n"),
        ("a size ended by LF", "0\n\n"),
        ("a size ended by CR", "0\r\r"),
        ("a chunk without its end", "1\r\nx0\r\n\r\n"),
        ("an extension with LF", "0;a\nb\r\n\r\n"),
        ("a size after a space", " 0\r\n\r\n"),
    ] {
        add(what, "Transfer-Encoding: chunked\r\n", &format!("{chunks}{INSIDE}"));
    }
    let old = "POST /oauth2/token HTTP/1.0\r\nHost: id.example.com\r\nConnection: keep-alive\r\n";
    found.push(Ambiguous {
        what: "chunked in HTTP/1.0",
        text: format!("{old}Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n\r\n{chunked}"),
    });
    found
}

/// Lenient lengths let a second request through. Each of the corpus has one answer at most, and what is inside has none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_02_an_ambiguous_length_hides_no_second_request() {
    let server = TestServer::start().await;
    let address = server.listen().await;
    // The request inside is one that would be answered.
    let plain = exchange(address, b"GET /smuggled HTTP/1.1\r\nHost: id.example.com\r\nConnection: close\r\n\r\n").await;
    assert_eq!(status(&plain), "404");
    for Ambiguous { what, text } in corpus() {
        let answer = exchange(address, text.as_bytes()).await;
        assert!(answer.matches("HTTP/1.1 ").count() <= 1, "{what:?}: {answer}");
        assert!(!answer.contains(" 404 "), "{what:?}: {answer}");
        // Refused for its length, or read as one request without a client.
        assert!(matches!(status(&answer), "400" | "411" | "413" | "closed"), "{what:?}: {answer}");
    }
}

/// nginx in front of the server, until it is dropped.
struct Nginx {
    child: Child,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Nginx {
    async fn before(server: SocketAddr) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let temporary =
            ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].iter().fold(String::new(), |mut all, name| {
                let _ = write!(all, "{name}_temp_path {name};");
                all
            });
        let configuration = format!(
            "daemon off; master_process off; pid nginx.pid; error_log stderr; events {{}}
             http {{ access_log off; {temporary}
               upstream brama {{ server {server}; keepalive 4; }}
               server {{ listen 127.0.0.1:{port}; client_max_body_size 1m;
                 location / {{ proxy_pass http://brama; proxy_http_version 1.1; proxy_set_header Connection \"\";
                   proxy_request_buffering off; proxy_set_header Host id.example.com; }} }} }}"
        );
        std::fs::write(folder.path().join("nginx.conf"), configuration).unwrap();
        let installed = ["/usr/sbin/nginx", "/usr/local/sbin/nginx"].into_iter().find(|path| Path::new(path).is_file());
        let mut command = Command::new(installed.unwrap_or("nginx"));
        command.arg("-p").arg(folder.path()).args(["-c", "nginx.conf"]).stderr(Stdio::null());
        let child = command.spawn().unwrap_or_else(|error| {
            panic!("nginx is needed, and `cargo xtask test` installs it: apt-get install nginx-light ({error})")
        });
        let mut nginx = Self { child, address: SocketAddr::from(([127, 0, 0, 1], port)), _folder: folder };
        while tokio::net::TcpStream::connect(nginx.address).await.is_err() {
            assert!(nginx.child.try_wait().unwrap().is_none(), "nginx does not start");
            tokio::task::yield_now().await;
        }
        nginx
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The same with the proxy of our guides in front, which keeps its connections to the server: after each of the corpus the
/// next askers get their own answers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_02_nginx_in_front_and_the_server_agree_where_a_request_ends() {
    let server = TestServer::start().await;
    let nginx = Nginx::before(server.listen().await).await;
    for Ambiguous { what, text } in corpus() {
        // What nginx takes for two requests are two requests of the same sender.
        exchange(nginx.address, text.as_bytes()).await;
        for (path, wanted) in [("/livez", "200"), ("/oauth2/token", "405"), ("/livez", "200")] {
            let request = format!("GET {path} HTTP/1.1\r\nHost: id.example.com\r\nConnection: close\r\n\r\n");
            let next = exchange(nginx.address, request.as_bytes()).await;
            assert_eq!(status(&next), wanted, "{path} after {what:?}: {next}");
        }
    }
}
