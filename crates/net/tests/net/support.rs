//! Servers that answer as a test says, names that lead where a test says, and certificates.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use brama_net::{Fetcher, Policy, Resolve, Settings};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// What a server says, and how.
#[derive(Clone)]
pub(crate) enum Says {
    /// These bytes, then the end of the connection.
    Bytes(Vec<u8>),
    /// These bytes, then nothing more for ever.
    ThenSilence(Vec<u8>),
    /// These bytes, then one byte a second for ever.
    ThenDrips(Vec<u8>),
    /// These bytes, then more bytes as fast as they are taken, for ever.
    ThenFloods(Vec<u8>),
}

/// A JSON answer.
pub(crate) fn json(body: &str) -> Says {
    answer("200 OK", "application/json", body)
}

pub(crate) fn answer(status: &str, media: &str, body: &str) -> Says {
    let length = body.len();
    Says::Bytes(format!("HTTP/1.1 {status}\r\ncontent-type: {media}\r\ncontent-length: {length}\r\n\r\n{body}").into())
}

/// A server on this machine.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Plain, or with TLS.
    pub(crate) async fn start(tls: Option<&Identity>, says: Says) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = Self { address, connections: Arc::default(), requests: Arc::default() };
        let (connections, requests) = (Arc::clone(&server.connections), Arc::clone(&server.requests));
        let acceptor = tls.map(Identity::acceptor);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.fetch_add(1, Ordering::SeqCst);
                let (says, requests, acceptor) = (says.clone(), Arc::clone(&requests), acceptor.clone());
                tokio::spawn(async move {
                    match acceptor {
                        None => serve(stream, says, &requests).await,
                        Some(acceptor) => {
                            if let Ok(stream) = acceptor.accept(stream).await {
                                serve(stream, says, &requests).await;
                            }
                        }
                    }
                });
            }
        });
        server
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// What came, as text.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, says: Says, requests: &Mutex<Vec<String>>) {
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    while !is_whole(&seen) {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(count) => seen.extend(buffer.iter().take(count)),
        }
    }
    requests.lock().unwrap().push(String::from_utf8_lossy(&seen).into_owned());
    let (first, more) = match says {
        Says::Bytes(bytes) => (bytes, None),
        Says::ThenSilence(bytes) => (bytes, Some((Vec::new(), 3600))),
        Says::ThenDrips(bytes) => (bytes, Some((b" ".to_vec(), 1))),
        Says::ThenFloods(bytes) => (bytes, Some((vec![b' '; 4096], 0))),
    };
    if stream.write_all(&first).await.is_err() || stream.flush().await.is_err() {
        return;
    }
    while let Some((bytes, seconds)) = &more {
        if stream.write_all(bytes).await.is_err() || stream.flush().await.is_err() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_secs(*seconds)).await;
    }
    let _ = stream.shutdown().await;
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length =
        head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ").map(str::to_owned));
    length.is_none_or(|length| body.len() >= length.parse().unwrap())
}

/// Names, and what they lead to: one list of addresses for each time they are asked for, the last one from then on.
#[derive(Default)]
pub(crate) struct Names {
    lists: Mutex<HashMap<String, Vec<Vec<SocketAddr>>>>,
    asked: AtomicUsize,
}

impl Names {
    pub(crate) fn lead(&self, name: &str, addresses: &[SocketAddr]) {
        self.lists.lock().unwrap().entry(name.to_owned()).or_default().push(addresses.to_vec());
    }

    /// To an address whose port nobody listens at.
    pub(crate) fn lead_to(&self, name: &str, addresses: &[&str]) {
        let addresses: Vec<_> =
            addresses.iter().map(|address| SocketAddr::new(address.parse::<IpAddr>().unwrap(), 9)).collect();
        self.lead(name, &addresses);
    }

    /// How often anything was asked for.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Resolve for Names {
    async fn resolve(&self, host: &str, _port: u16) -> io::Result<Vec<SocketAddr>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut lists = self.lists.lock().unwrap();
        let list = lists.get_mut(host).ok_or_else(|| io::Error::other("no such name"))?;
        Ok(if list.len() > 1 { list.remove(0) } else { list.first().cloned().unwrap_or_default() })
    }
}

/// A fetcher that believes the certificates of `ca_file`.
pub(crate) fn fetcher(names: &Arc<Names>, policy: Policy, ca_file: Option<PathBuf>) -> Fetcher {
    Fetcher::resolving(Settings { policy, ca_file }, Arc::clone(names) as Arc<dyn Resolve>).unwrap()
}

/// As `brama dev` has it: this machine may be asked.
pub(crate) fn here() -> Policy {
    Policy { loopback: true, ..Policy::default() }
}

/// An authority of certificates.
pub(crate) struct Authority {
    folder: tempfile::TempDir,
}

/// A certificate and its key.
pub(crate) struct Identity {
    certificate: PathBuf,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let authority = Self { folder: tempfile::tempdir().unwrap() };
        make(&authority.file(), &["-subj", "/CN=authority"]);
        authority
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("authority.crt")
    }

    /// A certificate for these names, such as `DNS:shop.example.net`.
    pub(crate) fn certifies(&self, called: &str, names: &str, more: &[&str]) -> Identity {
        let certificate = self.folder.path().join(format!("{called}.crt"));
        let (by, key) = (self.file().display().to_string(), self.file().with_extension("key").display().to_string());
        let names = format!("subjectAltName={names}");
        let usual = [
            "-subj",
            "/CN=app",
            "-CA",
            by.as_str(),
            "-CAkey",
            key.as_str(),
            "-addext",
            names.as_str(),
            "-addext",
            "basicConstraints=critical,CA:FALSE",
        ];
        make(&certificate, &[&usual, more].concat());
        Identity { certificate }
    }
}

fn make(certificate: &Path, more: &[&str]) {
    let days = if more.contains(&"-not_after") || more.contains(&"-days") { &[][..] } else { &["-days", "2"][..] };
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
        .args(days)
        .args(more)
        .arg("-keyout")
        .arg(certificate.with_extension("key"))
        .arg("-out")
        .arg(certificate)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
}

impl Identity {
    fn acceptor(&self) -> TlsAcceptor {
        let certificates = vec![CertificateDer::from_pem_file(&self.certificate).unwrap()];
        let key = PrivateKeyDer::from_pem_file(self.certificate.with_extension("key")).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = builder.with_no_client_auth().with_single_cert(certificates, key).unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}
