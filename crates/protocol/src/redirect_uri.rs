//! Redirect URIs: what may be registered and what matches. RFC 9700 §4.1.3; OAuth 2.1 §2.3, §8.4.2.

mod difference;
mod mistakes;

use std::fmt;

use brama_faults::{Fault, planted};
pub use difference::{Difference, difference};
use serde::{Deserialize, Serialize};
use url::{Host, Url};

use crate::client::ClientType;
use crate::limits;
use crate::origin::Origin;

/// A redirect URI as the client registered it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RegisteredRedirectUri(String);

/// Parameters of authorization responses. RFC 6749 §4.1.2; RFC 9207; OpenID Connect Core, Session Management.
const ANSWERS: [&str; 11] = [
    "access_token",
    "code",
    "error",
    "error_description",
    "error_uri",
    "expires_in",
    "id_token",
    "iss",
    "session_state",
    "state",
    "token_type",
];

/// Why a redirect URI cannot be registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// Longer than [`limits::REDIRECT_URI_BYTES`], or with control characters, spaces or backslashes.
    Characters,
    /// It has a star, which would be compared as a star: there are no patterns. AZ-4.
    Star,
    /// Not an absolute URI.
    NotAbsolute,
    /// It has a fragment. OAuth 2.1 §2.3.
    Fragment,
    /// It has a user name or a password.
    UserInfo,
    /// `http` for a host that is not this machine. G-1.
    PlainHttp,
    /// A scheme that browsers run or open themselves.
    Scheme,
    /// Its query has a parameter that answers carry.
    AnswerInQuery,
    /// A private-use scheme without a period. OAuth 2.1 §8.4.3; AZ-8.
    PrivateSchemeWithoutPeriod,
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Characters => "it is too long or has control characters, spaces or backslashes",
            Self::Star => "there are no wildcards: register each address as it is",
            Self::NotAbsolute => "it is not an absolute URI such as https://app.example.com/callback",
            Self::Fragment => "it has a fragment (#…)",
            Self::UserInfo => "it has a user name or password before the host",
            Self::PlainHttp => "http is only for localhost, 127.0.0.1 and [::1]; use https",
            Self::Scheme => "this scheme is not allowed for redirects",
            Self::AnswerInQuery => "its query has a parameter that answers carry, such as code, state or iss",
            Self::PrivateSchemeWithoutPeriod => {
                "a private-use scheme needs a period, such as com.example.app:/callback"
            }
        })
    }
}

impl std::error::Error for Unusable {}

impl RegisteredRedirectUri {
    /// Check a URI that is to be registered. AZ-7, AZ-8.
    ///
    /// # Errors
    /// [`Unusable`] says what is wrong.
    pub fn parse(text: &str) -> Result<Self, Unusable> {
        if text.len() > limits::REDIRECT_URI_BYTES || !text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\') {
            return Err(Unusable::Characters);
        }
        if text.contains('*') {
            return Err(Unusable::Star);
        }
        let url = Url::parse(text).map_err(|_| Unusable::NotAbsolute)?;
        if text.contains('#') {
            return Err(Unusable::Fragment);
        }
        if planted(Fault::Redir08) && !["javascript:", "data:"].iter().any(|scheme| text.starts_with(scheme)) {
            return Ok(Self(text.to_owned()));
        }
        // An answer that carries a parameter twice is read one way here and another way there. REDIR-14.
        if url.query_pairs().any(|(name, _)| ANSWERS.contains(&name.as_ref())) {
            return Err(Unusable::AnswerInQuery);
        }
        match url.scheme() {
            "https" | "http" => {
                // Parsers add the slashes that are missing; a browser that is redirected there takes it for a path of ours.
                if !has_authority(text, &url) {
                    return Err(Unusable::NotAbsolute);
                }
                if !url.username().is_empty() || url.password().is_some() || text.contains('@') {
                    return Err(Unusable::UserInfo);
                }
                if url.scheme() == "http" && !is_this_machine(&url) {
                    return Err(Unusable::PlainHttp);
                }
            }
            "javascript" | "data" | "file" | "vbscript" | "blob" | "about" | "ws" | "wss" | "ftp" | "filesystem" => {
                return Err(Unusable::Scheme);
            }
            private if !private.contains('.') => return Err(Unusable::PrivateSchemeWithoutPeriod),
            _ => {}
        }
        Ok(Self(text.to_owned()))
    }

    /// The registered text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The origin, for http and https.
    #[must_use]
    pub fn origin(&self) -> Option<Origin> {
        Url::parse(&self.0).ok().and_then(|url| Origin::of(&url))
    }

    /// Whether the identity of whoever receives the redirect is assured by the web: https. AZ-22.
    #[must_use]
    pub fn is_assured(&self) -> bool {
        self.0.starts_with("https://")
    }

    /// Exact comparison; for loopback addresses any port. AZ-4, AZ-5, AZ-6.
    fn matches(&self, requested: &str, client_type: ClientType) -> bool {
        self.0 == requested
            || same_but_port(&self.0, requested, client_type)
            || mistakes::match_loosely(self, requested)
    }
}

impl TryFrom<String> for RegisteredRedirectUri {
    type Error = Unusable;
    fn try_from(text: String) -> Result<Self, Unusable> {
        Self::parse(&text)
    }
}

impl From<RegisteredRedirectUri> for String {
    fn from(uri: RegisteredRedirectUri) -> Self {
        uri.0
    }
}

/// Whether exactly two slashes follow the scheme, as the text has it.
pub(crate) fn has_authority(text: &str, url: &Url) -> bool {
    let rest = text.get(url.scheme().len()..).and_then(|rest| rest.strip_prefix("://"));
    rest.is_some_and(|rest| !rest.starts_with('/'))
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// The loopback exception, on the text itself: prefix, optional port, rest. OAuth 2.1 §8.4.2; AZ-5. `localhost` only
/// for native clients; AZ-6.
fn same_but_port(registered: &str, requested: &str, client_type: ClientType) -> bool {
    let hosts: &[&str] = match client_type {
        ClientType::Native => &["http://127.0.0.1", "http://[::1]", "http://localhost"],
        _ => &["http://127.0.0.1", "http://[::1]"],
    };
    hosts.iter().any(|host| match (rest_without_port(registered, host), rest_without_port(requested, host)) {
        (Some(registered), Some(requested)) => registered == requested,
        _ => false,
    })
}

fn rest_without_port<'a>(uri: &'a str, host: &str) -> Option<&'a str> {
    let rest = uri.strip_prefix(host)?;
    let rest = match rest.strip_prefix(':') {
        None => rest,
        Some(after) => {
            let end = after.bytes().position(|b| !b.is_ascii_digit()).unwrap_or(after.len());
            let (port, rest) = after.split_at_checked(end)?;
            match mistakes::behind_the_port(after) {
                Some(rest) => rest,
                None if port.parse::<u16>().is_ok() => rest,
                None => return None,
            }
        }
    };
    // Directly behind host and port the path begins: `127.0.0.1.evil.example` has no rest.
    (rest.is_empty() || rest.starts_with('/') || rest.starts_with('?')).then_some(rest)
}

/// A redirect URI that one of the client's registered ones matches: the only thing that can be redirected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatchedRedirectUri(String);

/// Why no redirect URI could be taken from a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoMatch {
    /// Absent where it has to be there. AZ-9.
    Missing,
    /// None of the registered ones.
    Unregistered,
}

impl MatchedRedirectUri {
    /// Find the redirect URI of a request among the registered ones. AZ-4 to AZ-9.
    ///
    /// `may_be_absent`: the request is not an OpenID one, so that a client with a single, non-loopback registration may
    /// leave it out.
    ///
    /// # Errors
    /// [`NoMatch`]; the caller then shows its own page and never redirects.
    pub fn find(
        requested: Option<&str>,
        registered: &[RegisteredRedirectUri],
        client_type: ClientType,
        may_be_absent: bool,
    ) -> Result<Self, NoMatch> {
        match (requested, registered) {
            (Some(requested), _) => registered
                .iter()
                .any(|uri| uri.matches(requested, client_type))
                .then(|| Self(requested.to_owned()))
                .ok_or(NoMatch::Unregistered),
            (None, [only]) if may_be_absent && !only.0.starts_with("http:") => Ok(Self(only.0.clone())),
            (None, _) => Err(NoMatch::Missing),
        }
    }

    /// From an authorization that was stored after [`MatchedRedirectUri::find`] had passed.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The URI as the request had it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host people should recognise, or the private-use scheme. T1, AZ-21.
    #[must_use]
    pub fn host(&self) -> String {
        match Url::parse(&self.0) {
            Ok(url) => url.host_str().map_or_else(|| url.scheme().to_owned(), ToOwned::to_owned),
            Err(_) => String::new(),
        }
    }

    /// Whether the identity of whoever receives the redirect is assured by the web: https. AZ-22.
    #[must_use]
    pub fn is_assured(&self) -> bool {
        self.0.starts_with("https://")
    }

    /// Whether browsers may post a form to it: https, or http to this machine. AZ-32.
    #[must_use]
    pub fn takes_forms(&self) -> bool {
        match Url::parse(&self.0) {
            Ok(url) => url.scheme() == "https" || (url.scheme() == "http" && is_this_machine(&url)),
            Err(_) => false,
        }
    }

    /// Append response parameters to the query; a registered query is kept, nothing goes into a fragment. AZ-33.
    #[must_use]
    pub fn with_parameters(&self, parameters: &[(&str, &str)]) -> String {
        let separator = match self.0.split_once('?') {
            None => "?",
            Some((_, "")) => "",
            Some(_) => "&",
        };
        let mut encoded = form_urlencoded::Serializer::new(String::new());
        encoded.extend_pairs(parameters);
        format!("{}{separator}{}", self.0, encoded.finish())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn find(requested: &str, registered: &str, client_type: ClientType) -> Result<MatchedRedirectUri, NoMatch> {
        let registered = RegisteredRedirectUri::parse(registered).unwrap();
        MatchedRedirectUri::find(Some(requested), &[registered], client_type, false)
    }

    #[test]
    fn az7_az8_what_cannot_be_registered() {
        for (text, why) in [
            ("https://app.example.com/*", Unusable::Star),
            ("/callback", Unusable::NotAbsolute),
            ("app.example.com/cb", Unusable::NotAbsolute),
            ("https:app.example.com/cb", Unusable::NotAbsolute),
            ("https:/app.example.com/cb", Unusable::NotAbsolute),
            ("https:///app.example.com/cb", Unusable::NotAbsolute),
            ("http:127.0.0.1/cb", Unusable::NotAbsolute),
            ("https://app.example.com/cb?code=fixed", Unusable::AnswerInQuery),
            ("https://app.example.com/cb?tenant=a&st%61te=", Unusable::AnswerInQuery),
            ("com.example.app:/cb?iss=x", Unusable::AnswerInQuery),
            ("https://app.example.com/cb#x", Unusable::Fragment),
            ("https://app.example.com/cb#", Unusable::Fragment),
            ("https://user@app.example.com/cb", Unusable::UserInfo),
            ("https://app.example.com@evil.example/cb", Unusable::UserInfo),
            ("http://app.example.com/cb", Unusable::PlainHttp),
            ("http://localhost.evil.example/cb", Unusable::PlainHttp),
            ("http://0.0.0.0/cb", Unusable::PlainHttp),
            ("javascript:alert(1)", Unusable::Scheme),
            ("data:text/html,x", Unusable::Scheme),
            ("file:///etc/passwd", Unusable::Scheme),
            ("blob:https://a.example/x", Unusable::Scheme),
            ("myapp:/cb", Unusable::PrivateSchemeWithoutPeriod),
            ("https://app.example.com/c b", Unusable::Characters),
            ("https://app.example.com/\r\nSet-Cookie:x", Unusable::Characters),
            ("https://app.example.com\\@evil.example/", Unusable::Characters),
            ("https://аpp.example.com/cb", Unusable::Characters),
        ] {
            assert_eq!(RegisteredRedirectUri::parse(text), Err(why), "{text}");
        }
        for text in [
            "https://app.example.com/cb",
            "https://app.example.com/cb?x=1",
            "http://127.0.0.1/cb",
            "http://[::1]:80/cb",
            "http://localhost:3000/cb",
            "com.example.app:/cb",
        ] {
            assert!(RegisteredRedirectUri::parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn az4_only_the_exact_text_matches() {
        let registered = "https://app.example.com/cb?x=1";
        for wrong in [
            "https://app.example.com/cb?x=1/extra",
            "https://app.example.com/cb/../cb?x=1",
            "https://app.example.com/cb/?x=1",
            "https://APP.example.com/cb?x=1",
            "https://app.example.com/CB?x=1",
            "https://app.example.com/cb?x=1&y=2",
            "https://app.example.com/%63b?x=1",
            "https://app.example.com/cb%2e?x=1",
            "https://u@app.example.com/cb?x=1",
            "https://app.example.com\\/cb?x=1",
            "https://app.example.com:443/cb?x=1",
            "https://app.example.com:8443/cb?x=1",
            "https://app.example.com/cb?x=1#",
            "https://app.example.com/cb?x=1\r\n",
            "https://xn--pp-7ka.example.com/cb?x=1",
            "http://app.example.com/cb?x=1",
            "//app.example.com/cb?x=1",
            "https://app.example.com/cb",
            "",
        ] {
            assert_eq!(find(wrong, registered, ClientType::Web), Err(NoMatch::Unregistered), "{wrong}");
        }
        assert!(find(registered, registered, ClientType::Web).is_ok());
    }

    #[test]
    fn az5_loopback_addresses_match_any_port() {
        for (registered, requested) in [
            ("http://127.0.0.1/cb", "http://127.0.0.1:51004/cb"),
            ("http://127.0.0.1:3000/cb", "http://127.0.0.1/cb"),
            ("http://[::1]/cb?x", "http://[::1]:1/cb?x"),
        ] {
            assert!(find(requested, registered, ClientType::Web).is_ok(), "{requested}");
        }
        for (registered, requested) in [
            ("http://127.0.0.1/cb", "http://127.0.0.1:51004/cb2"),
            ("http://127.0.0.1/cb", "https://127.0.0.1:51004/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1.evil.example/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:80@evil.example/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:/cb@evil"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:99999/cb"),
            ("http://127.0.0.1/cb", "http://[::1]/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.2/cb"),
            ("http://[::1]/cb", "http://127.0.0.1/cb"),
        ] {
            assert!(find(requested, registered, ClientType::Native).is_err(), "{requested}");
        }
    }

    #[test]
    fn az6_localhost_has_a_free_port_for_native_clients_only() {
        assert!(find("http://localhost:5000/cb", "http://localhost/cb", ClientType::Native).is_ok());
        assert!(find("http://localhost:5000/cb", "http://localhost/cb", ClientType::Web).is_err());
        assert!(find("http://localhost:5000/cb", "http://localhost/cb", ClientType::Browser).is_err());
        assert!(find("http://localhost.evil.tld/cb", "http://localhost/cb", ClientType::Native).is_err());
        assert!(find("https://localhost:5000/cb", "https://localhost/cb", ClientType::Native).is_err());
    }

    #[test]
    fn az9_when_it_may_be_left_out() {
        let one = [RegisteredRedirectUri::parse("https://app.example.com/cb").unwrap()];
        let two = [one[0].clone(), RegisteredRedirectUri::parse("https://app.example.com/cb2").unwrap()];
        let loopback = [RegisteredRedirectUri::parse("http://127.0.0.1/cb").unwrap()];
        let find = |registered: &[_], may| MatchedRedirectUri::find(None, registered, ClientType::Web, may);
        assert!(find(&one, true).is_ok());
        assert_eq!(find(&one, false), Err(NoMatch::Missing));
        assert_eq!(find(&two, true), Err(NoMatch::Missing));
        assert_eq!(find(&loopback, true), Err(NoMatch::Missing));
        assert_eq!(find(&[], true), Err(NoMatch::Missing));
    }

    #[test]
    fn az33_parameters_are_appended_to_the_query() {
        let uri = |text: &str| MatchedRedirectUri::from_stored(text.to_owned());
        let parameters = [("code", "a b"), ("state", "\"><x&=#")];
        let tail = "code=a+b&state=%22%3E%3Cx%26%3D%23";
        assert_eq!(uri("https://a.example/cb").with_parameters(&parameters), format!("https://a.example/cb?{tail}"));
        assert_eq!(
            uri("https://a.example/cb?x=1").with_parameters(&parameters),
            format!("https://a.example/cb?x=1&{tail}")
        );
        assert_eq!(uri("https://a.example/cb?").with_parameters(&parameters), format!("https://a.example/cb?{tail}"));
        assert_eq!(uri("com.example.app:/cb").with_parameters(&parameters), format!("com.example.app:/cb?{tail}"));
    }
}
