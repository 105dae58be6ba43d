//! The connection: to an address that was checked, with TLS for the name that was asked for. RG-24.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use brama_flows::outgoing::OutgoingError;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;

use crate::policy::{Policy, Target};
use crate::resolve::Resolve;

/// From the first question to the resolver to the end of the TLS handshake. RG-25.
const CONNECT_LIMIT: Duration = Duration::from_secs(3);

/// Addresses of one name that are tried.
const ADDRESSES: usize = 4;

/// A file with certificates that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the certificates in {path} cannot be used: {why}")]
pub struct UnusableCa {
    /// The file.
    pub path: String,
    /// What is wrong.
    pub why: String,
}

/// A connection, encrypted or not.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Whom to believe: what the operating system believes, and the operator's own authority.
pub(crate) struct Trust {
    own: Vec<CertificateDer<'static>>,
    /// Made when it is first needed: reading the certificates of the system takes longer than a start should.
    config: OnceCell<Arc<ClientConfig>>,
}

impl Trust {
    pub(crate) fn new(ca_file: Option<&Path>) -> Result<Self, UnusableCa> {
        let own = match ca_file {
            None => Vec::new(),
            Some(path) => read(path).map_err(|why| UnusableCa { path: path.display().to_string(), why })?,
        };
        Ok(Self { own, config: OnceCell::new() })
    }

    async fn config(&self) -> Result<Arc<ClientConfig>, OutgoingError> {
        let config = self.config.get_or_try_init(|| async {
            let own = self.own.clone();
            let made = tokio::task::spawn_blocking(move || config(own)).await;
            made.unwrap_or_else(|error| Err(error.to_string())).map(Arc::new)
        });
        config.await.map(Arc::clone).map_err(OutgoingError::Failed)
    }
}

/// The certificates of a PEM file, each of them fit to be believed.
fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| error.to_string())?;
    let certificates: Vec<_> = certificates.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
    let mut roots = RootCertStore::empty();
    for certificate in &certificates {
        roots.add(certificate.clone()).map_err(|error| error.to_string())?;
    }
    if certificates.is_empty() { Err("it holds none".to_owned()) } else { Ok(certificates) }
}

fn config(own: Vec<CertificateDer<'static>>) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    let of_system = rustls_native_certs::load_native_certs();
    for error in &of_system.errors {
        tracing::warn!(%error, "a certificate of the operating system cannot be read");
    }
    roots.add_parsable_certificates(of_system.certs);
    roots.add_parsable_certificates(own);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let mut config = builder.map_err(|error| error.to_string())?.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn failed(target: &Target, why: impl std::fmt::Display) -> OutgoingError {
    OutgoingError::Failed(format!("{}: {why}", target.host))
}

/// Resolve once, check every address, connect to one of exactly these.
pub(crate) async fn connect(
    policy: &Policy,
    resolver: &dyn Resolve,
    trust: &Trust,
    target: &Target,
) -> Result<Box<dyn Stream>, OutgoingError> {
    let connecting = async {
        let addresses = match target.literal {
            Some(address) => vec![SocketAddr::new(address, target.port)],
            None => {
                let found = resolver.resolve(&target.host, target.port).await;
                found.map_err(|error| failed(target, format_args!("its name cannot be resolved: {error}")))?
            }
        };
        policy.check(target, &addresses)?;
        let stream = open(target, &addresses).await?;
        let _ = stream.set_nodelay(true);
        if !target.tls {
            return Ok(Box::new(stream) as Box<dyn Stream>);
        }
        let name = ServerName::try_from(target.host.clone()).map_err(|error| failed(target, error))?;
        let connector = TlsConnector::from(trust.config().await?);
        let secured = connector.connect(name, stream).await.map_err(|error| failed(target, error))?;
        Ok(Box::new(secured) as Box<dyn Stream>)
    };
    let connected = tokio::time::timeout(CONNECT_LIMIT, connecting).await;
    connected.unwrap_or_else(|_| Err(failed(target, format_args!("no connection within {CONNECT_LIMIT:?}"))))
}

/// The first address that answers. One that is silent leaves time for the others.
async fn open(target: &Target, addresses: &[SocketAddr]) -> Result<TcpStream, OutgoingError> {
    let tried = addresses.len().clamp(1, ADDRESSES);
    let each = CONNECT_LIMIT / (u32::try_from(tried).unwrap_or(1) + 1);
    let mut last = failed(target, "no address answers");
    for address in addresses.iter().take(tried) {
        match tokio::time::timeout(each, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = failed(target, error),
            Err(_) => last = failed(target, "no answer to the connection"),
        }
    }
    Err(last)
}
