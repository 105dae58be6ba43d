//! The issuer: which addresses are acceptable, and how its keys are found. RFC 8414 §3, OIDC Discovery §4; G-1, G-7.

use std::net::IpAddr;
use std::time::Duration;

use brama_jose::JwkSet;
use http::Uri;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::fetch::{FetchError, HttpClient, TIME_LIMIT};

/// Bounds of how long keys count as fresh, whatever `Cache-Control` says; and the time when it says nothing.
const MIN_FRESH: Duration = Duration::from_secs(60);
const MAX_FRESH: Duration = Duration::from_secs(60 * 60);
const DEFAULT_FRESH: Duration = Duration::from_secs(5 * 60);

/// Why an issuer cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IssuerError {
    /// Not an absolute URL of scheme, host and path only (RFC 8414 §2).
    #[error("the issuer must be an https URL without query, fragment or user name")]
    NotAUrl,
    /// `http` is for this machine only (G-1).
    #[error("the issuer must use https; http is accepted for localhost only")]
    NotHttps,
}

/// What one refresh brings.
pub(crate) struct Fetched {
    pub(crate) keys: JwkSet,
    pub(crate) fresh_for: Duration,
}

pub(crate) struct Issuer {
    /// Exactly as configured: this text is compared with `iss` (G-7).
    name: String,
    uri: Uri,
    client: HttpClient,
}

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: Option<String>,
    introspection_endpoint: Option<String>,
}

/// Is this the URL of an issuer, and does it need TLS?
pub(crate) fn parse_issuer(name: &str) -> Result<(Uri, bool), IssuerError> {
    let uri: Uri = name.parse().map_err(|_| IssuerError::NotAUrl)?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(IssuerError::NotAUrl);
    };
    if name.contains(['?', '#']) || authority.as_str().contains('@') || authority.host().is_empty() {
        return Err(IssuerError::NotAUrl);
    }
    match scheme {
        "https" => Ok((uri, true)),
        "http" if is_loopback(authority.host()) => Ok((uri, false)),
        "http" => Err(IssuerError::NotHttps),
        _ => Err(IssuerError::NotAUrl),
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl Issuer {
    pub(crate) fn new(name: String, uri: Uri, client: HttpClient) -> Self {
        Self { name, uri, client }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Discover and fetch the keys. Both each time: it is rare and small, and an issuer may move its keys.
    pub(crate) async fn fetch(&self) -> Result<Fetched, FetchError> {
        tokio::time::timeout(TIME_LIMIT, self.fetch_unbounded()).await.map_err(|_| FetchError::TimedOut)?
    }

    async fn fetch_unbounded(&self) -> Result<Fetched, FetchError> {
        let (found_at, metadata) = self.discover().await?;
        let keys_uri = self.acceptable(metadata.jwks_uri.as_deref().unwrap_or_default(), found_at)?;
        let answer = self.client.get(&keys_uri).await?;
        let keys = read(&keys_uri, &answer.body)?;
        Ok(Fetched { keys, fresh_for: freshness(answer.cache_control.as_deref()) })
    }

    /// Where to ask about tokens (RFC 8414 §2).
    pub(crate) async fn introspection_endpoint(&self) -> Result<Uri, FetchError> {
        let discovered = tokio::time::timeout(TIME_LIMIT, self.discover()).await;
        let (found_at, metadata) = discovered.map_err(|_| FetchError::TimedOut)??;
        match metadata.introspection_endpoint {
            Some(endpoint) => self.acceptable(&endpoint, found_at),
            None => Err(FetchError::NoIntrospection { uri: found_at }),
        }
    }

    async fn discover(&self) -> Result<(Uri, Metadata), FetchError> {
        let [openid, oauth] = self.metadata_uris();
        let (uri, answer) = match self.client.get(&openid).await {
            Err(FetchError::Status { .. }) => {
                let answer = self.client.get(&oauth).await?;
                (oauth, answer)
            }
            answer => (openid, answer?),
        };
        let metadata: Metadata = read(&uri, &answer.body)?;
        if metadata.issuer != self.name {
            return Err(FetchError::WrongIssuer { uri });
        }
        Ok((uri, metadata))
    }

    fn acceptable(&self, address: &str, found_at: Uri) -> Result<Uri, FetchError> {
        match address.parse() {
            Ok(uri) if self.may_speak_to(&uri) => Ok(uri),
            uri => Err(FetchError::Elsewhere { uri: uri.unwrap_or(found_at) }),
        }
    }

    /// OIDC Discovery appends to the issuer's path (§4.1), RFC 8414 inserts before it (§3.1).
    fn metadata_uris(&self) -> [Uri; 2] {
        let path = self.uri.path().trim_end_matches('/');
        [format!("{path}/.well-known/openid-configuration"), format!("/.well-known/oauth-authorization-server{path}")]
            .map(|path| {
                let mut parts = self.uri.clone().into_parts();
                parts.path_and_query = path.parse().ok();
                Uri::from_parts(parts).unwrap_or_default()
            })
    }

    /// An `https` issuer may keep its keys and endpoints on any `https` host. One on this machine keeps them at its own origin.
    pub(crate) fn may_speak_to(&self, uri: &Uri) -> bool {
        match self.client {
            HttpClient::Tls(_) => uri.scheme_str() == Some("https"),
            HttpClient::Plain(_) => uri.scheme() == self.uri.scheme() && uri.authority() == self.uri.authority(),
        }
    }
}

fn read<T: DeserializeOwned>(uri: &Uri, body: &[u8]) -> Result<T, FetchError> {
    serde_json::from_slice(body).map_err(|source| FetchError::Document { uri: uri.clone(), source })
}

/// How long keys count as fresh (RFC 9111 §5.2.2), within our bounds: an issuer's mistake must neither flood it nor freeze us.
fn freshness(cache_control: Option<&str>) -> Duration {
    let mut fresh = DEFAULT_FRESH;
    for directive in cache_control.unwrap_or_default().split(',') {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        if name.trim().eq_ignore_ascii_case("max-age") {
            fresh = value.trim().trim_matches('"').parse().map_or(DEFAULT_FRESH, Duration::from_secs);
        } else if ["no-store", "no-cache"].iter().any(|no| name.trim().eq_ignore_ascii_case(no)) {
            return MIN_FRESH;
        }
    }
    fresh.clamp(MIN_FRESH, MAX_FRESH)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::fetch::KeepAlive;

    #[test]
    fn g_1_http_is_for_this_machine_only() {
        for issuer in
            ["http://id.example.com", "http://localhost.example.com", "http://192.168.0.1", "http://127.0.0.1.nip.io"]
        {
            assert_eq!(parse_issuer(issuer).unwrap_err(), IssuerError::NotHttps, "{issuer}");
        }
        for issuer in
            ["http://localhost:8420", "http://127.0.0.1:1", "http://127.9.9.9", "http://[::1]:8420", "http://LOCALHOST"]
        {
            assert!(!parse_issuer(issuer).unwrap().1, "{issuer}");
        }
        assert!(parse_issuer("https://id.example.com/tenant").unwrap().1);
    }

    #[test]
    fn g_7_an_issuer_is_scheme_host_and_path() {
        for issuer in [
            "",
            "id.example.com",
            "/path",
            "ftp://id.example.com",
            "https://",
            "https://id.example.com?x",
            "https://id.example.com#",
            "https://user@id.example.com",
            "https://id.example.com/a b",
            "mailto:a@example.com",
        ] {
            assert_eq!(parse_issuer(issuer).unwrap_err(), IssuerError::NotAUrl, "{issuer}");
        }
    }

    #[test]
    fn metadata_addresses_of_issuers_with_and_without_path() {
        for (name, expected) in [
            ("http://localhost:1", ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"]),
            ("http://localhost:1/", ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"]),
            (
                "http://localhost:1/a/b",
                ["/a/b/.well-known/openid-configuration", "/.well-known/oauth-authorization-server/a/b"],
            ),
        ] {
            let issuer = Issuer::new(name.to_owned(), parse_issuer(name).unwrap().0, HttpClient::plain(KeepAlive::No));
            assert_eq!(
                issuer.metadata_uris().map(|uri| uri.to_string()),
                expected.map(|path| format!("http://localhost:1{path}"))
            );
        }
    }

    #[test]
    fn keys_come_from_https_or_the_same_loopback_origin() {
        let local = Issuer::new(String::new(), "http://localhost:1".parse().unwrap(), HttpClient::plain(KeepAlive::No));
        assert!(local.may_speak_to(&"http://localhost:1/keys".parse().unwrap()));
        for uri in ["http://localhost:2/keys", "http://10.0.0.1/keys", "/keys", "https://localhost:1/keys"] {
            assert!(!local.may_speak_to(&uri.parse().unwrap()), "{uri}");
        }
    }

    #[test]
    fn tk_20_freshness_has_bounds() {
        for (header, seconds) in [
            (None, 300),
            (Some(""), 300),
            (Some("public, max-age=900"), 900),
            (Some("MAX-AGE=\"900\""), 900),
            (Some("max-age=0"), 60),
            (Some("max-age=-5"), 300),
            (Some("max-age=99999999999999999999"), 300),
            (Some("max-age=31536000, immutable"), 3600),
            (Some("max-age=900, no-store"), 60),
            (Some("no-cache"), 60),
        ] {
            assert_eq!(freshness(header), Duration::from_secs(seconds), "{header:?}");
        }
    }
}
