//! Which addresses may stand in a link. The caller has validated them; this is the second lock (WH-18).

/// Schemes that run code or show content as if it were ours.
const REFUSED: [&str; 8] = ["javascript", "data", "vbscript", "blob", "file", "about", "filesystem", "view-source"];

/// An address the browser may be sent to: an absolute URI, custom schemes of apps included (RFC 8252 §7.1),
/// or a path here.
pub(crate) fn may_go_to(address: &str) -> bool {
    if !plain_characters(address) {
        return false;
    }
    match address.split_once(':') {
        Some((scheme, rest)) if is_scheme(scheme) => {
            !rest.is_empty() && !REFUSED.iter().any(|refused| refused.eq_ignore_ascii_case(scheme))
        }
        _ => is_path(address),
    }
}

/// An address for a link that people press: the web, a mail address, or a path here.
pub(crate) fn may_link_to(address: &str) -> bool {
    plain_characters(address)
        && (is_path(address)
            || address.split_once(':').is_some_and(|(scheme, rest)| {
                !rest.is_empty() && ["https", "http", "mailto"].iter().any(|known| known.eq_ignore_ascii_case(scheme))
            }))
}

/// An address that a form may be posted to: the web.
pub(crate) fn may_post_to(address: &str) -> bool {
    plain_characters(address)
        && address.split_once("://").is_some_and(|(scheme, rest)| {
            !rest.is_empty() && ["https", "http"].iter().any(|known| known.eq_ignore_ascii_case(scheme))
        })
}

/// Browsers drop tabs and line ends inside addresses, which would hide a scheme.
fn plain_characters(address: &str) -> bool {
    !address.chars().any(|c| c.is_control() || c.is_whitespace())
}

/// A scheme as in RFC 3986 §3.1.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

/// A path on this server; `//host` and `/\host` would leave it.
fn is_path(text: &str) -> bool {
    text.starts_with('/') && !text.starts_with("//") && !text.starts_with("/\\")
}

#[cfg(test)]
mod tests {
    use super::{may_go_to, may_link_to};

    /// WH-18: an address that would run code is refused in every disguise.
    #[test]
    fn wh18_code_is_no_address() {
        for address in [
            "",
            "javascript:alert(1)",
            "JaVaScRiPt:alert(1)",
            "java\nscript:alert(1)",
            "\tjavascript:alert(1)",
            " javascript:alert(1)",
            "data:text/html,x",
            "vbscript:x",
            "blob:https://a/b",
            "file:///etc",
            "about:blank",
            "view-source:https://a",
            "//evil.example",
            "/\\evil.example",
            "evil",
            ":x",
            "app:",
            "1app://x",
        ] {
            assert!(!may_go_to(address), "{address:?}");
            assert!(!may_link_to(address), "{address:?}");
        }
        assert!(!may_link_to("app://callback"));
    }

    #[test]
    fn web_apps_native_apps_and_paths_are_addresses() {
        for address in [
            "https://shop.example/cb?code=a&state=b",
            "http://127.0.0.1:4000/cb",
            "com.example.app:/cb",
            "app://cb",
            "/account",
        ] {
            assert!(may_go_to(address), "{address:?}");
        }
        for address in ["https://help.example/", "mailto:help@example.ua", "/help"] {
            assert!(may_link_to(address), "{address:?}");
        }
    }
}
