//! `brama serve`: from an empty folder to somebody who is signed in, and an end that loses nothing.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::support::{Browser, PASSWORD, Scratch};

/// These arguments, and the configuration file.
fn with_file<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    [arguments, &["-c", "brama.toml"]].concat()
}

#[tokio::test]
async fn x3_from_nothing_to_signed_in() {
    let scratch = Scratch::new();
    let (url, port) = (scratch.url(), scratch.port);
    scratch.run(&with_file(&["init", "--public-url", &url, "--data-dir", "data"])).succeeded();
    scratch.run(&with_file(&["check"])).succeeded().says(&[&url]);
    scratch.run(&with_file(&["migrate"])).succeeded();
    let user = with_file(&["user", "add", "olena", "--email", "olena@example.com", "--password-stdin", "--json"]);
    let user = scratch.pipe(&format!("{PASSWORD}\n"), &user).succeeded().keeps(PASSWORD).json();
    let callback = format!("{url}/callback");
    let client = ["client", "add", "shop", "--type", "browser", "--first-party", "--redirect-uri", &callback, "--json"];
    let client = scratch.run(&with_file(&client)).succeeded().json();
    assert_eq!(
        (&client["client_id"], &client["client_secret"]),
        (&"shop".into(), &serde_json::Value::Null),
        "{client}"
    );
    assert_eq!(client["origins"], serde_json::json!([url]), "origins are those of the redirect URIs");
    let web = ["client", "add", "back", "--type", "web", "--redirect-uri", "https://back.example.com/cb", "--json"];
    let web = scratch.run(&with_file(&web)).succeeded().json();
    let secret = web["client_secret"].as_str().expect("a secret, once").to_owned();
    let shown = scratch.run(&with_file(&["client", "show", "back"])).succeeded();
    shown.keeps(&secret);

    let listen = format!("127.0.0.1:{port}");
    let mut server = scratch.start(&with_file(&["serve", "--listen", &listen]));
    let document = server.wire().get("/.well-known/openid-configuration").await.expect(200);
    assert_eq!(document.text("issuer"), url, "G-7: exactly public_url");
    let mut browser = Browser::new(&scratch);
    let tokens = browser.login("olena@example.com", PASSWORD).await.unwrap().expect(200);
    let token = tokens.text("access_token");
    let bearer = format!("Bearer {token}");
    let me = server.wire().send(http::Method::GET, "/api/auth/me", &[("authorization", &bearer)], "").await.unwrap();
    assert_eq!(me.expect(200).text("sub"), user["sub"].as_str().unwrap());
    browser.rotate().await.unwrap().expect(200);
    browser.logout().await.unwrap().expect(204);
    assert_eq!(browser.rotate().await.unwrap().expect(401).text("error"), "login_required");
    // What only the development server has.
    for path in ["/demo", "/demo/config.json", "/api/protected-resource"] {
        server.wire().get(path).await.expect(404);
    }

    server.terminate();
    assert_eq!(server.wait(Duration::from_secs(10)).code(), Some(0));
    let log = server.log();
    for secret in [PASSWORD, &secret, &token, scratch.read("data/master.key").trim()] {
        assert!(!log.contains(secret), "LG-1: a secret is in the log");
    }
}

/// Half a sign-in is on its way when SIGTERM comes.
#[tokio::test]
async fn sigterm_answers_what_is_in_flight_and_nothing_new() {
    let scratch = Scratch::new().site("");
    scratch.add_user("olena");
    scratch.add_shop();
    let mut server = scratch.serve();
    let mut idle = server.wire();
    idle.get("/livez").await.expect(200);

    let body = serde_json::json!({ "username": "olena", "password": PASSWORD }).to_string();
    let (first, second) = body.split_at(10);
    let mut stream = TcpStream::connect(("127.0.0.1", scratch.port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let head = format!(
        "POST /api/auth/login HTTP/1.1\r\nHost: localhost:{}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        scratch.port,
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(first.as_bytes()).unwrap();
    // Long enough to be read: what is not read when the end comes is not in flight.
    std::thread::sleep(Duration::from_millis(300));
    server.terminate();

    let began = Instant::now();
    while TcpStream::connect(("127.0.0.1", scratch.port)).is_ok() {
        assert!(began.elapsed() < Duration::from_secs(10), "new connections are still taken");
        std::thread::sleep(Duration::from_millis(10));
    }
    stream.write_all(second.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("access_token"), "{answer}");
    // Neither the idle connection nor the finished one keeps it alive.
    assert_eq!(server.wait(Duration::from_secs(10)).code(), Some(0));
}

#[tokio::test]
async fn a_request_that_never_ends_is_given_up_after_the_grace_time() {
    let scratch = Scratch::new().site("");
    scratch.add_shop();
    let mut server = scratch.start(&["serve", "-c", "brama.toml", "--set", "server.shutdown_grace=1s"]);
    let mut stream = TcpStream::connect(("127.0.0.1", scratch.port)).unwrap();
    let head = format!(
        "POST /api/auth/login HTTP/1.1\r\nHost: localhost:{}\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{{",
        scratch.port
    );
    stream.write_all(head.as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    server.terminate();
    assert_eq!(server.wait(Duration::from_secs(10)).code(), Some(0));
    assert!(server.log().contains("still in flight"), "{}", server.log());
}
