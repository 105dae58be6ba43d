//! What the operator allows apps that register themselves. RFC 7591 §5; RG-10; RFC 9700 §4.11.2.

use url::Url;

use crate::client::{AuthMethod, GrantType};
use crate::redirect_uri::RegisteredRedirectUri;
use crate::scope::Scope;

/// Who may register an app over HTTP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Nobody: the endpoint does not exist.
    #[default]
    Closed,
    /// Whoever has an initial access token. RFC 7591 §3.
    Token,
    /// Everybody: public clients with the code grant alone.
    Open,
}

/// What may be registered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Who may.
    pub mode: Mode,
    /// Scopes that may be registered.
    pub scopes: Scope,
    /// Grants that may be registered; in [`Mode::Open`] only those that people give.
    pub grants: Vec<GrantType>,
    /// Where redirects may lead; empty: anywhere.
    pub redirect_hosts: Vec<HostRule>,
}

/// One place where redirects may lead: `app.example.com`, `*.example.com` for everything below, or a private-use scheme
/// with its colon, `com.example.app:`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostRule(Rule);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    Host(String),
    Below(String),
    Scheme(String),
}

impl HostRule {
    /// Read a rule as an operator writes it. Nothing if it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(scheme) = text.strip_suffix(':') {
            let fits =
                scheme.contains('.') && Url::parse(&format!("{scheme}:/")).is_ok_and(|url| url.scheme() == scheme);
            return fits.then(|| Self(Rule::Scheme(scheme.to_owned())));
        }
        let (below, host) = match text.strip_prefix("*.") {
            Some(host) => (true, host),
            None => (false, text),
        };
        // As a URL has it: small letters, Punycode, no port.
        let parsed = Url::parse(&format!("https://{host}/")).ok()?;
        if parsed.host_str() != Some(host) || parsed.port().is_some() || host.contains('*') {
            return None;
        }
        Some(Self(if below { Rule::Below(format!(".{host}")) } else { Rule::Host(host.to_owned()) }))
    }

    fn admits(&self, url: &Url) -> bool {
        let host = match url.scheme() {
            "https" | "http" => url.host_str(),
            _ => None,
        };
        match (&self.0, host) {
            (Rule::Host(listed), Some(host)) => listed == host,
            (Rule::Below(suffix), Some(host)) => host.ends_with(suffix.as_str()),
            (Rule::Scheme(listed), None) => listed == url.scheme(),
            _ => false,
        }
    }
}

impl Policy {
    /// Whether redirects of this address may be registered.
    #[must_use]
    pub fn admits(&self, uri: &RegisteredRedirectUri) -> bool {
        self.redirect_hosts.is_empty()
            || Url::parse(uri.as_str()).is_ok_and(|url| self.redirect_hosts.iter().any(|rule| rule.admits(&url)))
    }

    /// Whether this grant may be registered. Devices are the operator's: their page names the app, and nobody would know
    /// who asks. In the open mode nobody acts for itself. RG-10.
    #[must_use]
    pub fn allows(&self, grant: GrantType) -> bool {
        let ever = match grant {
            GrantType::AuthorizationCode | GrantType::RefreshToken => true,
            GrantType::ClientCredentials => self.mode == Mode::Token,
            GrantType::DeviceCode => false,
        };
        ever && self.grants.contains(&grant)
    }

    /// Whether this way of authentication may be registered. RG-10: strangers get public clients only.
    #[must_use]
    pub fn offers(&self, method: AuthMethod) -> bool {
        match method {
            AuthMethod::None => true,
            AuthMethod::ClientSecretBasic | AuthMethod::ClientSecretPost | AuthMethod::PrivateKeyJwt => {
                self.mode == Mode::Token
            }
            AuthMethod::ClientSecret => false,
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn rg10_hosts_are_compared_whole() {
        for wrong in [
            "",
            "*",
            "*.",
            "*.*",
            "a.example:8080",
            "a.example/cb",
            "https://a.example",
            "A.example",
            "scheme:",
            "a b",
            "u@a.example",
        ] {
            assert_eq!(HostRule::parse(wrong), None, "{wrong}");
        }
        let policy = |rules: &[&str]| Policy {
            redirect_hosts: rules.iter().map(|rule| HostRule::parse(rule).unwrap()).collect(),
            ..Policy::default()
        };
        let admits = |rules: &[&str], uri: &str| policy(rules).admits(&RegisteredRedirectUri::parse(uri).unwrap());
        assert!(admits(&[], "https://anywhere.example/cb"));
        assert!(admits(&["a.example"], "https://a.example:8443/cb"));
        assert!(admits(&["*.a.example"], "https://x.y.a.example/cb"));
        assert!(admits(&["localhost"], "http://localhost:3000/cb"));
        assert!(admits(&["com.example.app:"], "com.example.app:/cb"));
        for (rule, uri) in [
            ("a.example", "https://b.example/cb"),
            ("a.example", "https://a.example.evil.test/cb"),
            ("a.example", "https://evil.test/a.example"),
            ("a.example", "https://x.a.example/cb"),
            ("a.example", "com.example.app://a.example/cb"),
            ("*.a.example", "https://a.example/cb"),
            ("*.a.example", "https://xa.example/cb"),
            ("com.example.app:", "com.example.other:/cb"),
            ("com.example.app:", "https://com.example.app/cb"),
        ] {
            assert!(!admits(&[rule], uri), "{rule} {uri}");
        }
    }

    #[test]
    fn rg10_strangers_get_no_grant_of_their_own() {
        let all = Policy { grants: GrantType::ALL.to_vec(), ..Policy::default() };
        let (token, open) = (Policy { mode: Mode::Token, ..all.clone() }, Policy { mode: Mode::Open, ..all });
        assert!(token.allows(GrantType::ClientCredentials) && !open.allows(GrantType::ClientCredentials));
        assert!(token.offers(AuthMethod::ClientSecretBasic) && !open.offers(AuthMethod::ClientSecretBasic));
        assert!(!token.allows(GrantType::DeviceCode) && !open.allows(GrantType::DeviceCode));
        assert!(open.allows(GrantType::AuthorizationCode) && open.allows(GrantType::RefreshToken));
        assert!(!Policy { grants: vec![], ..token }.allows(GrantType::AuthorizationCode));
    }
}
