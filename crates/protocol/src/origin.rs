//! Web origins: scheme, host and port, compared whole. RFC 6454; BB-12.

use std::fmt;

use url::Url;

/// One http or https origin in its serialized form, as browsers send it: `https://app.example.com`, no path, the
/// default port left out.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin(String);

impl Origin {
    /// Read an origin that an operator wrote or a browser sent. Anything that is not already in serialized form is
    /// refused, `null` included, so that comparison is equality of text. BB-12.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let origin = Self::of(&url)?;
        // A star is a legal host character and never what anybody means.
        (origin.0 == text && !text.contains('*')).then_some(origin)
    }

    /// The origin of a URL; nothing for schemes other than http and https.
    #[must_use]
    pub fn of(url: &Url) -> Option<Self> {
        matches!(url.scheme(), "http" | "https").then(|| Self(url.origin().ascii_serialization()))
    }

    /// The serialized form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `scheme` and `host` without the port.
    fn scheme_and_host(&self) -> (&str, &str) {
        let (scheme, authority) = self.0.split_once("://").unwrap_or(("", ""));
        let host = match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
            _ => authority,
        };
        (scheme, host)
    }

    /// Whether scheme and host are equal, whatever the port: the part of "same site" that needs no list of public
    /// suffixes. HTML, "schemelessly same site".
    #[must_use]
    pub fn same_host(&self, other: &Self) -> bool {
        self.scheme_and_host() == other.scheme_and_host()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn bb12_only_serialized_origins() {
        for wrong in [
            "null",
            "",
            "*",
            "https://a.example/",
            "https://A.example",
            "https://a.example:443",
            "https://a.example/x",
            "https://u@a.example",
            "ftp://a.example",
            "a.example",
            "https://*.example",
            "https://a.example https://b.example",
        ] {
            assert_eq!(Origin::parse(wrong), None, "{wrong}");
        }
        for right in ["https://a.example", "http://localhost:8420", "http://[::1]:8420", "https://a.example:8443"] {
            assert!(Origin::parse(right).is_some(), "{right}");
        }
    }

    #[test]
    fn same_host_ignores_the_port_only() {
        let origin = |text| Origin::parse(text).unwrap();
        assert!(origin("http://localhost:1").same_host(&origin("http://localhost:2")));
        assert!(origin("http://[::1]:1").same_host(&origin("http://[::1]")));
        assert!(!origin("http://localhost:1").same_host(&origin("https://localhost:1")));
        assert!(!origin("http://localhost").same_host(&origin("http://localhost.evil.example")));
    }
}
