//! Several hosts: the first one that answers and takes writes.
//!
//! The library asks one after the other and waits for each without end once it has taken the connection. A primary that
//! hangs would keep everybody from the one that took over.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, Connection, Error, Socket};

/// How long the next host waits for the one before it. RFC 8305 §8.
const HEAD_START: Duration = Duration::from_millis(250);

/// A connection to the first host that will have us. The others are asked beside it if it is silent, and after it if it
/// refuses.
pub(crate) async fn connect<T>(config: &Config, tls: T) -> Result<(Client, Connection<Socket, T::Stream>), Error>
where
    T: MakeTlsConnect<Socket> + Clone + Send + 'static,
    T::Stream: Send + 'static,
    T::TlsConnect: Send,
    <T::TlsConnect as tokio_postgres::tls::TlsConnect<Socket>>::Future: Send,
{
    let hosts = apart(config);
    let last = hosts.len().saturating_sub(1);
    if last == 0 {
        return config.connect(tls).await;
    }
    let mut asked = JoinSet::new();
    let mut refusals = Vec::new();
    for (place, host) in hosts.into_iter().enumerate() {
        let tls = tls.clone();
        asked.spawn(async move { (place, host.connect(tls).await) });
        let patience = if place == last { Duration::MAX } else { HEAD_START };
        // Silence is no answer: the next one is asked.
        while let Ok(Some(answer)) = tokio::time::timeout(patience, asked.join_next()).await {
            match answer {
                Ok((_, Ok(connected))) => return Ok(connected),
                Ok((place, Err(error))) => refusals.push((place, error)),
                // Nobody ends these tasks but us.
                Err(_) => {}
            }
            if place != last {
                break;
            }
        }
    }
    // The last host's, as the library has it.
    match refusals.into_iter().max_by_key(|(place, _)| *place) {
        Some((_, error)) => Err(error),
        None => config.connect(tls).await,
    }
}

/// A configuration for each host.
fn apart(config: &Config) -> Vec<Config> {
    let (hosts, addresses, ports) = (config.get_hosts(), config.get_hostaddrs(), config.get_ports());
    let port = |place: usize| ports.get(place).or(ports.first()).copied();
    (0..hosts.len().max(addresses.len()))
        .map(|place| {
            let mut alone = Config::new();
            if let Some(host) = hosts.get(place) {
                match host {
                    tokio_postgres::config::Host::Tcp(name) => alone.host(name),
                    tokio_postgres::config::Host::Unix(path) => alone.host_path(path),
                };
            }
            if let Some(address) = addresses.get(place) {
                alone.hostaddr(*address);
            }
            if let Some(port) = port(place) {
                alone.port(port);
            }
            everything_else(config, &mut alone);
            alone
        })
        .collect()
}

fn everything_else(from: &Config, to: &mut Config) {
    if let Some(user) = from.get_user() {
        to.user(user);
    }
    if let Some(password) = from.get_password() {
        to.password(password);
    }
    if let Some(database) = from.get_dbname() {
        to.dbname(database);
    }
    if let Some(options) = from.get_options() {
        to.options(options);
    }
    if let Some(name) = from.get_application_name() {
        to.application_name(name);
    }
    if let Some(limit) = from.get_connect_timeout() {
        to.connect_timeout(*limit);
    }
    if let Some(limit) = from.get_tcp_user_timeout() {
        to.tcp_user_timeout(*limit);
    }
    if let Some(interval) = from.get_keepalives_interval() {
        to.keepalives_interval(interval);
    }
    if let Some(retries) = from.get_keepalives_retries() {
        to.keepalives_retries(retries);
    }
    to.keepalives(from.get_keepalives())
        .keepalives_idle(from.get_keepalives_idle())
        .ssl_mode(from.get_ssl_mode())
        .ssl_negotiation(from.get_ssl_negotiation())
        .channel_binding(from.get_channel_binding())
        .target_session_attrs(from.get_target_session_attrs());
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    /// Whatever a URL can say holds for each of its hosts.
    #[test]
    fn hosts_are_taken_apart_and_nothing_is_lost() {
        let tail = "/d?options=-c%20x%3Dy&application_name=a&sslmode=require&channel_binding=require&connect_timeout=7\
                    &tcp_user_timeout=8&keepalives=0&keepalives_idle=9&keepalives_interval=11&keepalives_retries=12\
                    &target_session_attrs=read-write&sslnegotiation=direct";
        let apart_of = |url: &str| apart(&url.parse().unwrap());
        let one = |url: &str| -> Config { format!("postgres://u:p@{url}{tail}").parse().unwrap() };
        assert_eq!(apart_of(&format!("postgres://u:p@h1:1,h2:2{tail}")), [one("h1:1"), one("h2:2")]);
        let both = |hosts: &str| apart_of(&format!("user=u {hosts}"));
        let alone = |host: &str| -> Config { format!("user=u {host}").parse().unwrap() };
        assert_eq!(both("host=h1,/run port=7"), [alone("host=h1 port=7"), alone("host=/run port=7")]);
        assert_eq!(
            both("host=h1,h2 hostaddr=127.0.0.1,::1 port=7,8"),
            [alone("host=h1 hostaddr=127.0.0.1 port=7"), alone("host=h2 hostaddr=::1 port=8")]
        );
        assert_eq!(both("hostaddr=127.0.0.1"), [alone("hostaddr=127.0.0.1")]);
    }
}
