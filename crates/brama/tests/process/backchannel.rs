//! An app is told that a session has ended: by the real program, over TLS, also after `kill -9`. LO-12, RG-24.

use std::collections::VecDeque;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http::Method;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::support::{Browser, Scratch, Server};

/// An app's server: it notes what is posted, and answers what it is told to, 200 in the end.
struct App {
    port: u16,
    posted: Arc<Mutex<Vec<String>>>,
}

impl App {
    /// With a certificate for `localhost` by the authority in `ca.crt` of the folder.
    async fn start(scratch: &Scratch, answers: &[u16]) -> Self {
        certify(scratch);
        let certificates = vec![CertificateDer::from_pem_file(scratch.path("app.crt")).unwrap()];
        let key = PrivateKeyDer::from_pem_file(scratch.path("app.key")).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config =
            rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_no_client_auth().with_single_cert(certificates, key).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let app = Self { port: listener.local_addr().unwrap().port(), posted: Arc::default() };
        let (posted, mut answers) = (Arc::clone(&app.posted), VecDeque::from(answers.to_vec()));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let (mut seen, mut buffer) = (Vec::new(), [0; 4096]);
                while !String::from_utf8_lossy(&seen).contains("logout_token=") {
                    let count = stream.read(&mut buffer).await.unwrap();
                    seen.extend(&buffer[..count]);
                }
                posted.lock().unwrap().push(String::from_utf8(seen).unwrap());
                let answer = format!("HTTP/1.1 {} X\r\ncontent-length: 0\r\n\r\n", answers.pop_front().unwrap_or(200));
                stream.write_all(answer.as_bytes()).await.unwrap();
                let _ = stream.shutdown().await;
            }
        });
        app
    }

    /// Wait until so many messages have come.
    async fn wait_for(&self, count: usize, server: &Server) {
        let began = Instant::now();
        while self.posted.lock().unwrap().len() < count {
            assert!(began.elapsed() < Duration::from_secs(60), "nothing was posted:\n{}", server.log());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// An authority, and a certificate for `localhost`.
fn certify(scratch: &Scratch) {
    let make = |name: &str, more: &[&str]| {
        let made = Command::new("openssl")
            .current_dir(scratch.folder())
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"])
            .args(["-keyout", &format!("{name}.key"), "-out", &format!("{name}.crt")])
            .args(more)
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
    };
    make("ca", &["-subj", "/CN=authority"]);
    let names = ["-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"];
    make("app", &[&["-subj", "/CN=app", "-CA", "ca.crt", "-CAkey", "ca.key"], &names[..]].concat());
}

/// `brama dev` that believes `ca.crt`; user name and password of its account.
fn dev(scratch: &Scratch) -> (Server, String, String) {
    let listen = format!("127.0.0.1:{}", scratch.port);
    let server = scratch.start(&["dev", "--listen", &listen, "--set", "outgoing.ca_file=ca.crt"]);
    let banner = server.wait_for("Ready in ");
    let line = banner.lines().find_map(|line| line.trim().strip_prefix("user name: ")).expect("a user name");
    let (name, password) = line.split_once(" · password: ").expect("a password");
    let (name, password) = (name.to_owned(), password.to_owned());
    (server, name, password)
}

/// Sign in to the app `shop` and out again. The server learns of a new app within a second.
async fn in_and_out(scratch: &Scratch, name: &str, password: &str) {
    let json = serde_json::json!({"username": name, "password": password, "client_id": "shop"}).to_string();
    let began = Instant::now();
    loop {
        let mut browser = Browser::new(scratch);
        let answer = browser.fetch(Method::POST, "/api/auth/login", &json).await.unwrap();
        if answer.status == 200 {
            browser.logout().await.unwrap().expect(204);
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "{answer:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Wait until the report says so.
async fn wait_for_report(scratch: &Scratch, text: &str) -> String {
    let began = Instant::now();
    loop {
        let report = scratch.run(&["client", "deliveries", "shop"]).succeeded().stdout;
        if report.contains(text) {
            return report;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "no {text:?} in {report}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn lo12_an_app_is_told_over_tls_and_again_after_kill_9() {
    let scratch = Scratch::new();
    let app = App::start(&scratch, &[204, 503]).await;
    let (server, name, password) = dev(&scratch);
    let (callback, uri) = (format!("{}/shop", scratch.url()), format!("https://localhost:{}/logout", app.port));
    let registration = ["client", "add", "shop", "--type", "browser", "--first-party", "--redirect-uri", &callback];
    scratch.run(&[&registration[..], &["--backchannel-logout-uri", &uri]].concat()).succeeded();

    in_and_out(&scratch, &name, &password).await;
    app.wait_for(1, &server).await;
    let report = wait_for_report(&scratch, "delivered").await;
    assert!(report.contains("answered 204"), "{report}");

    // The second time the app is not well, and then the server is not either.
    in_and_out(&scratch, &name, &password).await;
    app.wait_for(2, &server).await;
    wait_for_report(&scratch, "answered 503; next try").await;
    server.kill();
    let (server, ..) = dev(&scratch);
    app.wait_for(3, &server).await;
    let report = wait_for_report(&scratch, "2 tries  answered 200").await;
    assert_eq!(report.matches("delivered").count(), 2, "{report}");
    let json = scratch.run(&["client", "deliveries", "shop", "--limit", "1", "--json"]).succeeded().json();
    assert_eq!(
        (&json["state"], &json["attempts"], &json["next_attempt_at"]),
        (&"delivered".into(), &2.into(), &().into())
    );

    for request in app.posted.lock().unwrap().iter() {
        assert!(request.starts_with("POST /logout HTTP/1.1\r\n"), "{request}");
        let token = request.split_once("logout_token=").unwrap().1;
        // What the log says of it is not the token.
        assert_eq!(token.split('.').count(), 3, "{request}");
        assert!(!server.log().contains(token), "LG-1");
    }
}

#[test]
fn the_report_of_an_app_that_nobody_knows_or_that_hears_nothing() {
    let scratch = Scratch::new().site("");
    scratch.run(&["client", "deliveries", "nobody", "-c", "brama.toml"]).refused(
        1,
        "B5101",
        &["nobody", "brama client list"],
    );
    scratch.add_shop();
    let ended = scratch.run(&["client", "deliveries", "shop", "-c", "brama.toml"]).succeeded();
    assert!(ended.stdout.is_empty() && ended.stderr.contains("backchannel_logout_uri"), "{ended:?}");
}

#[test]
fn rg24_an_authority_that_cannot_be_read_stops_the_start() {
    let scratch = Scratch::new().site("\n[outgoing]\nca_file = \"ca.pem\"\n");
    scratch.run(&["serve", "-c", "brama.toml"]).refused(2, "B1214", &["ca.pem", "outgoing.ca_file"]);
}
