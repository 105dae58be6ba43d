//! Where the database is, how it is reached, and why it is not.

use std::path::Path;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, Connection, Error, NoTls, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::hosts;
use crate::pool::describe;
use crate::{OpenError, Settings};

/// The oldest server that has all we use, as `server_version_num`.
const OLDEST: u32 = 140_000;

/// How long unanswered data may be on its way before the connection counts as broken.
const UNANSWERED: Duration = Duration::from_secs(10);

/// How long a farewell may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// What every connection starts with. Plans are made once and never for one value; each of our statements is answered
/// by a few look-ups in indexes, whatever the statistics say of a table that was empty a minute ago.
const OPTIONS: &str = "-c plan_cache_mode=force_generic_plan -c jit=off -c enable_seqscan=off -c enable_hashjoin=off \
     -c enable_mergejoin=off -c idle_in_transaction_session_timeout=60000";

/// With TLS or without.
#[derive(Clone)]
pub(crate) enum Connector {
    Plain(NoTls),
    Encrypted(MakeRustlsConnect),
}

/// The database of a URL.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) config: Config,
    pub(crate) connector: Connector,
    /// `host:port, …/database`: for people; holds no password.
    pub(crate) hosts: String,
}

impl Target {
    /// From the settings; nothing is connected yet.
    pub(crate) fn new(settings: &Settings) -> Result<Self, OpenError> {
        let mut config: Config = plain_ssl_mode(&settings.url).parse().map_err(|error: Error| OpenError::Failed {
            hosts: "of the given URL".to_owned(),
            why: describe(&error),
        })?;
        let hosts = named(&config);
        if config.get_target_session_attrs() == TargetSessionAttrs::Any {
            // Of several hosts, the primary; of one, an error that names the cause.
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        config.connect_timeout(settings.connect_timeout).keepalives_idle(UNANSWERED);
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(UNANSWERED);
        }
        if config.get_application_name().is_none() {
            config.application_name("brama");
        }
        let given = config.get_options().map(|options| format!("{options} ")).unwrap_or_default();
        let limit = settings.statement_timeout.as_millis();
        config.options(format!("{given}{OPTIONS} -c statement_timeout={limit}"));
        let connector = connector(&config, settings.ca_file.as_deref(), &hosts)?;
        Ok(Self { config, connector, hosts })
    }

    /// The same without a limit for statements: migrations take as long as the tables are large.
    pub(crate) fn patient(mut self) -> Self {
        let options = self.config.get_options().unwrap_or_default().to_owned();
        self.config.options(format!("{options} -c statement_timeout=0"));
        self
    }

    /// How long trying all hosts may take: reaching each, and its first words.
    pub(crate) fn patience(&self, settings: &Settings) -> Duration {
        let hosts = self.config.get_hosts().len().max(self.config.get_hostaddrs().len()).max(1);
        settings.connect_timeout.saturating_mul(2 * u32::try_from(hosts).unwrap_or(1))
    }

    /// A connection of its own, driven by a task that hands over what comes unasked.
    pub(crate) async fn connect(&self, heard: impl Fn() + Send + 'static) -> Result<(Client, Driven), Error> {
        match self.connector.clone() {
            Connector::Plain(tls) => {
                hosts::connect(&self.config, tls).await.map(|(client, on)| (client, drive(on, heard)))
            }
            Connector::Encrypted(tls) => {
                hosts::connect(&self.config, tls).await.map(|(client, on)| (client, drive(on, heard)))
            }
        }
    }

    /// A connection, with what hinders it told in our words. The server's version is checked.
    pub(crate) async fn open(&self, settings: &Settings) -> Result<(Client, Driven), OpenError> {
        let connecting = tokio::time::timeout(self.patience(settings), self.connect(|| {}));
        let (client, driven) = match connecting.await {
            Ok(connected) => connected.map_err(|error| refused(&error, self.hosts.clone()))?,
            Err(_) => {
                return Err(OpenError::Unreachable { hosts: self.hosts.clone(), why: "no answer in time".to_owned() });
            }
        };
        let row = client
            .query_one("SELECT current_setting('server_version_num')::bigint", &[])
            .await
            .map_err(|error| refused(&error, self.hosts.clone()))?;
        let found: i64 = row.try_get(0).map_err(|error| refused(&error, self.hosts.clone()))?;
        supported(u32::try_from(found).unwrap_or(0), &self.hosts)?;
        Ok((client, driven))
    }
}

/// The task behind a connection. It ends when the client is dropped or the connection breaks.
pub(crate) struct Driven(tokio::task::JoinHandle<()>);

impl Driven {
    /// The task, for a pool that looks after it.
    pub(crate) fn task(self) -> tokio::task::JoinHandle<()> {
        self.0
    }

    /// Wait until the connection is gone.
    pub(crate) async fn ended(self) {
        let _ = self.0.await;
    }

    /// Take leave of the server: it knows then that the connection is over.
    pub(crate) async fn close(self, client: Client) {
        drop(client);
        let _ = tokio::time::timeout(FAREWELL, self.ended()).await;
    }
}

fn drive<S>(mut connection: Connection<Socket, S>, heard: impl Fn() + Send + 'static) -> Driven
where
    S: tokio_postgres::tls::TlsStream + Unpin + Send + 'static,
{
    Driven(tokio::spawn(async move {
        while let Some(Ok(message)) = std::future::poll_fn(|context| connection.poll_message(context)).await {
            if matches!(message, tokio_postgres::AsyncMessage::Notification(_)) {
                heard();
            }
        }
    }))
}

fn supported(found: u32, hosts: &str) -> Result<(), OpenError> {
    if found >= OLDEST {
        return Ok(());
    }
    Err(OpenError::TooOldServer { hosts: hosts.to_owned(), found: found / 10_000, needed: OLDEST / 10_000 })
}

/// The library knows `disable`, `prefer` and `require`; we check the certificate whenever there is one, so that
/// `verify-ca` and `verify-full` say no more than `require`.
fn plain_ssl_mode(url: &str) -> String {
    // Not in the password.
    let (before, parameters) = match url.rfind('@').or_else(|| url.find("://")) {
        Some(end) => url.split_at(end),
        None => ("", url),
    };
    let parameters =
        parameters.replace("sslmode=verify-full", "sslmode=require").replace("sslmode=verify-ca", "sslmode=require");
    format!("{before}{parameters}")
}

fn named(config: &Config) -> String {
    let ports = config.get_ports();
    let port = |at: usize| ports.get(at).or_else(|| ports.first()).copied().unwrap_or(5432);
    let addresses = config.get_hostaddrs().iter().map(ToString::to_string);
    let names = config.get_hosts().iter().map(|host| match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(path) => path.display().to_string(),
    });
    let hosts: Vec<String> = if config.get_hosts().is_empty() { addresses.collect() } else { names.collect() };
    let hosts: Vec<String> = hosts.iter().enumerate().map(|(at, host)| format!("{host}:{}", port(at))).collect();
    format!("{}/{}", hosts.join(","), config.get_dbname().or(config.get_user()).unwrap_or_default())
}

fn connector(config: &Config, ca_file: Option<&Path>, hosts: &str) -> Result<Connector, OpenError> {
    let local = !config.get_hosts().is_empty() && config.get_hosts().iter().all(|host| matches!(host, Host::Unix(_)));
    if config.get_ssl_mode() == SslMode::Disable || local {
        return Ok(Connector::Plain(NoTls));
    }
    let tls = |why: String| OpenError::Tls { hosts: hosts.to_owned(), why };
    let mut roots = RootCertStore::empty();
    match ca_file {
        Some(path) => {
            let unusable = |error: &dyn std::fmt::Display| tls(format!("the CA file {}: {error}", path.display()));
            for certificate in CertificateDer::pem_file_iter(path).map_err(|error| unusable(&error))? {
                let certificate = certificate.map_err(|error| unusable(&error))?;
                roots.add(certificate).map_err(|error| unusable(&error))?;
            }
            if roots.is_empty() {
                return Err(unusable(&"it holds no certificate"));
            }
        }
        None => {
            // A machine without any is fine as long as the server offers no TLS.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| tls(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Connector::Encrypted(MakeRustlsConnect::new(config)))
}

/// A failed connection, in our words.
pub(crate) fn refused(error: &Error, hosts: String) -> OpenError {
    let why = describe(error);
    if let Some(code) = error.code() {
        return match *code {
            SqlState::INVALID_PASSWORD
            | SqlState::INVALID_AUTHORIZATION_SPECIFICATION
            | SqlState::INVALID_CATALOG_NAME
            | SqlState::INSUFFICIENT_PRIVILEGE => OpenError::Refused { hosts, why },
            SqlState::READ_ONLY_SQL_TRANSACTION => OpenError::NotWritable { hosts, why },
            SqlState::CANNOT_CONNECT_NOW | SqlState::ADMIN_SHUTDOWN | SqlState::CRASH_SHUTDOWN => {
                OpenError::Unreachable { hosts, why }
            }
            _ => OpenError::Failed { hosts, why },
        };
    }
    // The library tells its kinds apart by their texts alone.
    let kind = error.to_string();
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<std::io::Error>());
    match cause.map(std::io::Error::kind) {
        Some(std::io::ErrorKind::PermissionDenied) if kind.starts_with("error connecting") => {
            OpenError::NotWritable { hosts, why: "the server is a standby or set to read-only".to_owned() }
        }
        _ if kind.starts_with("error performing TLS") => OpenError::Tls { hosts, why },
        _ if kind.starts_with("invalid configuration") || kind.starts_with("authentication") => {
            OpenError::Refused { hosts, why }
        }
        _ if kind.starts_with("error connecting") || kind.starts_with("connection closed") || cause.is_some() => {
            OpenError::Unreachable { hosts, why }
        }
        _ => OpenError::Failed { hosts, why },
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn an_old_server_is_refused_by_its_number() {
        for found in [0, 90_624, 130_022, 139_999] {
            let error = supported(found, "h:1/d").unwrap_err();
            assert!(matches!(error, OpenError::TooOldServer { needed: 14, .. }), "{found}: {error}");
        }
        for found in [140_000, 150_014, 180_001] {
            assert!(supported(found, "h:1/d").is_ok(), "{found}");
        }
    }

    #[test]
    fn stricter_words_for_tls_are_understood_outside_the_password() {
        for (url, expected) in [
            ("postgres://u:p@h/d?sslmode=verify-full", "postgres://u:p@h/d?sslmode=require"),
            ("postgres://h/d?x=1&sslmode=verify-ca", "postgres://h/d?x=1&sslmode=require"),
            ("host=h sslmode=verify-full user=u", "host=h sslmode=require user=u"),
            ("postgres://u:sslmode=verify-ca@h/d", "postgres://u:sslmode=verify-ca@h/d"),
        ] {
            assert_eq!(plain_ssl_mode(url), expected);
        }
    }

    #[test]
    fn hosts_are_named_without_the_password() {
        for (url, expected) in [
            ("postgres://u:p@h1:1,h2:2/d", "h1:1,h2:2/d"),
            ("postgres://u:p@h1,h2:5432/d", "h1:5432,h2:5432/d"),
            ("host=/run/pg user=u password=p", "/run/pg:5432/u"),
            ("hostaddr=127.0.0.1 port=7 dbname=d password=p", "127.0.0.1:7/d"),
        ] {
            assert_eq!(named(&url.parse().unwrap()), expected);
        }
    }
}
