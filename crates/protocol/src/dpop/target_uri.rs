//! `htu`: comparing addresses. RFC 9449 §4.2, §4.3; RFC 3986 §6.2.2, §6.2.3.

use std::fmt;

use url::Url;

use super::HTU_BYTES;

/// An http or https address without query and fragment, in normal form: two that mean the same are equal.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TargetUri(String);

impl TargetUri {
    /// Read an absolute address. Query and fragment are left out; case of scheme and host, a default port, an empty path,
    /// dot segments and needless percent-encoding make no difference.
    ///
    /// `None` for what is no http or https URI, names a user, or is longer than [`HTU_BYTES`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        // The parser of browsers repairs what it is given (white space, backslashes); RFC 3986 knows none of that.
        if text.len() > HTU_BYTES || !text.bytes().all(is_uri_byte) {
            return None;
        }
        let has_authority = |scheme: &str| {
            text.split_at_checked(scheme.len()).is_some_and(|(start, rest)| {
                start.eq_ignore_ascii_case(scheme) && !rest.starts_with('/') && !rest.is_empty()
            })
        };
        if !has_authority("https://") && !has_authority("http://") {
            return None;
        }
        // Unreserved characters first: `%2e%2e` is a dot segment too.
        let mut url = Url::parse(&decode_unreserved(text)?).ok()?;
        if !url.username().is_empty() || url.password().is_some() {
            return None;
        }
        url.set_query(None);
        url.set_fragment(None);
        // A host that was percent-encoded may have become something that is no URI.
        let normal = String::from(url);
        normal.bytes().all(is_uri_byte).then_some(Self(normal))
    }

    /// The address of a path below a base such as `https://api.example.com` or `https://example.com/api`, both as configured
    /// and as requested. The base counts without a trailing slash, the path begins with one.
    #[must_use]
    pub fn below(base: &str, path: &str) -> Option<Self> {
        if !path.starts_with('/') {
            return None;
        }
        Self::parse(&format!("{}{path}", base.trim_end_matches('/')))
    }

    /// The normal form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TargetUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TargetUri({})", self.0)
    }
}

/// The characters of RFC 3986 §2.
const fn is_uri_byte(byte: u8) -> bool {
    is_unreserved(byte)
        || matches!(
            byte,
            b'%' | b':'
                | b'/'
                | b'?'
                | b'#'
                | b'['
                | b']'
                | b'@'
                | b'!'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b','
                | b';'
                | b'='
        )
}

const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Percent-encoding normal form, RFC 3986 §6.2.2.1 and §6.2.2.2: unreserved characters plain, the hex of others in capitals.
/// `None` for a `%` without two digits.
fn decode_unreserved(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        if character != '%' {
            out.push(character);
            continue;
        }
        let (high, low) = (rest.next()?.to_digit(16)?, rest.next()?.to_digit(16)?);
        let byte = u8::try_from(high * 16 + low).ok()?;
        if is_unreserved(byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rs_15_addresses_that_mean_the_same_are_equal() {
        for (one, other) in [
            ("HTTPS://Host:443/%7Euser", "https://host/~user"),
            ("https://host", "https://host/"),
            ("http://host:80/", "http://host/"),
            ("https://host:/a", "https://host/a"),
            ("https://host/a?query=1", "https://host/a"),
            ("https://host/a#fragment", "https://host/a"),
            ("https://host/a?", "https://host/a"),
            ("https://host/a/./b/../c", "https://host/a/c"),
            ("https://host/a/%2e%2E/c", "https://host/c"),
            ("https://host/%d0%b0", "https://host/%D0%B0"),
            ("https://host/%41", "https://host/A"),
            ("https://[2001:DB8::1]/", "https://[2001:db8::1]/"),
        ] {
            assert_eq!(TargetUri::parse(one).unwrap(), TargetUri::parse(other).unwrap(), "{one} {other}");
        }
    }

    #[test]
    fn rs_15_addresses_that_differ_stay_different() {
        for (one, other) in [
            ("https://host/a", "http://host/a"),
            ("https://host/a", "https://other/a"),
            ("https://host/a", "https://host.evil.example/a"),
            ("https://host/a", "https://host/a/"),
            ("https://host/a", "https://host/A"),
            ("https://host/a", "https://host:8443/a"),
            ("http://host:443/", "https://host/"),
            ("https://host/a%2Fb", "https://host/a/b"),
            ("https://host/a%3Fb", "https://host/a?b"),
            ("https://host/a;b", "https://host/a%3Bb"),
            ("https://host//a", "https://host/a"),
        ] {
            assert_ne!(TargetUri::parse(one).unwrap(), TargetUri::parse(other).unwrap(), "{one} {other}");
        }
    }

    #[test]
    fn what_is_no_address() {
        let long = format!("https://host/{}", "a".repeat(HTU_BYTES));
        for text in [
            "",
            "/a",
            "host/a",
            "//host/a",
            "https:host/a",
            "https:/host/a",
            "https:///host/a",
            "https://",
            "https:\\\\host/a",
            "https://host\\a",
            " https://host/a",
            "https://host/a ",
            "https://ho\tst/a",
            "https://host/a\n",
            "https://host/ключ",
            "https://хост/a",
            "https://user@host/a",
            "https://user:password@host/a",
            "https://host@evil.example/a",
            "https://host/%",
            "https://host/%zz",
            "https://host/%4",
            "https://host/<a>",
            "https://host:99999/",
            "ftp://host/a",
            "javascript:alert(1)",
            "file:///etc/passwd",
            long.as_str(),
        ] {
            assert_eq!(TargetUri::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_path_below_a_base() {
        let below = |base, path| TargetUri::below(base, path).map(|uri| uri.as_str().to_owned());
        assert_eq!(below("https://host", "/a").unwrap(), "https://host/a");
        assert_eq!(below("https://host/", "/a").unwrap(), "https://host/a");
        assert_eq!(below("https://Host:443/api/", "/a?b=c").unwrap(), "https://host/api/a");
        assert_eq!(below("https://host", "//evil.example/a").unwrap(), "https://host//evil.example/a");
        assert_eq!(below("https://host", "a"), None);
        assert_eq!(below("https://host", "@evil.example/"), None);
        assert_eq!(below("https://host", ".evil.example/"), None);
    }

    proptest! {
        #[test]
        fn normalising_twice_changes_nothing(text in "https?://[a-z.:0-9\\[\\]]{1,12}/[a-zA-Z0-9%~./;?#]{0,30}", other in "\\PC{0,60}") {
            let _ = TargetUri::parse(&other);
            if let Some(uri) = TargetUri::parse(&text) {
                prop_assert_eq!(TargetUri::parse(uri.as_str()), Some(uri));
            }
        }
    }
}
