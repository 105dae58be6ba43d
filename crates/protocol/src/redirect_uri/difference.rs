//! How a redirect URI that was refused differs from what is registered: for the operator's log, never for the other side.

use std::fmt;

use url::Url;

use super::RegisteredRedirectUri;

/// A refused redirect URI beside the registered one that is most like it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference<'a> {
    requested: &'a str,
    closest: Option<&'a RegisteredRedirectUri>,
}

/// Find the registered address that is most like the one of a request: the one that shares most with it at both ends.
#[must_use]
pub fn difference<'a>(requested: &'a str, registered: &'a [RegisteredRedirectUri]) -> Difference<'a> {
    let shared = |uri: &&RegisteredRedirectUri| {
        let begin = common(requested.chars(), uri.as_str().chars());
        let rest = requested.chars().count().min(uri.as_str().chars().count()).saturating_sub(begin);
        let end = common(requested.chars().rev(), uri.as_str().chars().rev()).min(rest);
        (begin + end, begin)
    };
    Difference { requested, closest: registered.iter().max_by_key(shared) }
}

/// How many characters two texts share from where they begin.
fn common(a: impl Iterator<Item = char>, b: impl Iterator<Item = char>) -> usize {
    a.zip(b).take_while(|(a, b)| a == b).count()
}

impl Difference<'_> {
    /// The command that registers the address, if it can be registered and lies at a host that the client has already. An
    /// address elsewhere is more likely somebody's attempt than the operator's slip, and no log should talk people into it.
    #[must_use]
    pub fn fix(&self, client: &str) -> Option<String> {
        let host = |text: &str| Url::parse(text).ok().and_then(|url| url.host_str().map(ToOwned::to_owned));
        RegisteredRedirectUri::parse(self.requested).ok()?;
        let (wanted, known) = (host(self.requested)?, host(self.closest?.as_str())?);
        // In single quotes a shell takes everything as it is, but for the quote itself.
        let quoted = self.requested.replace('\'', r"'\''");
        (wanted == known).then(|| format!("brama client set {client} --add-redirect-uri '{quoted}'"))
    }
}

/// One line: got, closest, and where they part, counted in characters from 1.
impl fmt::Display for Difference<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "got {:?}", self.requested)?;
        let Some(closest) = self.closest.map(RegisteredRedirectUri::as_str) else {
            return f.write_str("; none is registered");
        };
        let begin = common(self.requested.chars(), closest.chars());
        let (got, wanted) = (rest(self.requested, begin), rest(closest, begin));
        write!(f, "; closest {closest:?}; they differ from character {} on: ", begin + 1)?;
        match (got.is_empty(), wanted.is_empty()) {
            (_, true) => write!(f, "{got:?} is too much"),
            (true, false) => write!(f, "{wanted:?} is missing"),
            (false, false) => write!(f, "{got:?} instead of {wanted:?}"),
        }
    }
}

/// What follows after so many characters, shortened.
fn rest(text: &str, begin: usize) -> String {
    /// Most characters that are shown.
    const MOST: usize = 40;
    let mut shown: String = text.chars().skip(begin).take(MOST).collect();
    if text.chars().count() > begin.saturating_add(MOST) {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn registered(texts: &[&str]) -> Vec<RegisteredRedirectUri> {
        texts.iter().map(|text| RegisteredRedirectUri::parse(text).unwrap()).collect()
    }

    #[test]
    fn az4_a_difference_is_told_character_by_character() {
        let known =
            registered(&["https://app.example.com/callback", "http://localhost:5173/callback", "com.example.app:/cb"]);
        for (got, expected) in [
            (
                "http://localhost:5173/callback/",
                r#"got "http://localhost:5173/callback/"; closest "http://localhost:5173/callback"; they differ from character 31 on: "/" is too much"#,
            ),
            (
                "https://app.example.com/callbac",
                r#"got "https://app.example.com/callbac"; closest "https://app.example.com/callback"; they differ from character 32 on: "k" is missing"#,
            ),
            (
                "https://app.example.com/Callback",
                r#"got "https://app.example.com/Callback"; closest "https://app.example.com/callback"; they differ from character 25 on: "Callback" instead of "callback""#,
            ),
            (
                "http://app.example.com/callback",
                r#"got "http://app.example.com/callback"; closest "https://app.example.com/callback"; they differ from character 5 on: "://app.example.com/callback" instead of "s://app.example.com/callback""#,
            ),
            (
                "com.example.app://cb",
                r#"got "com.example.app://cb"; closest "com.example.app:/cb"; they differ from character 18 on: "/cb" instead of "cb""#,
            ),
        ] {
            assert_eq!(difference(got, &known).to_string(), expected);
        }
        assert_eq!(difference("x", &[]).to_string(), r#"got "x"; none is registered"#);
    }

    /// Whatever comes, the line stays one line, and nothing in it acts on a terminal.
    #[test]
    fn az12_the_line_is_one_line() {
        let known = registered(&["https://app.example.com/callback"]);
        let long = format!("https://app.example.com/{}", "x".repeat(5000));
        for hostile in ["a\r\nb", "\u{1b}[2J", "\u{202e}", "", "é\u{0}", &long] {
            let line = difference(hostile, &known).to_string();
            assert!(!line.chars().any(|c| c.is_control() || c == '\u{202e}'), "{line:?}");
        }
    }

    #[test]
    fn a_fix_is_offered_for_a_slip_and_not_for_an_attempt() {
        let known = registered(&["https://app.example.com/callback", "http://localhost:5173/callback"]);
        let fix = |got: &str| difference(got, &known).fix("shop");
        assert_eq!(
            fix("http://localhost:5173/callback/").unwrap(),
            "brama client set shop --add-redirect-uri 'http://localhost:5173/callback/'"
        );
        assert_eq!(
            fix("https://app.example.com/it's;rm").unwrap(),
            r"brama client set shop --add-redirect-uri 'https://app.example.com/it'\''s;rm'"
        );
        for attempt in [
            "https://evil.example/callback",
            "https://app.example.com.evil.example/callback",
            "https://app.example.com@evil.example/callback",
            "https://app.example.com/callback#x",
            "javascript:alert(1)",
            "https://app.example.com/a b",
            "/callback",
            "",
        ] {
            assert_eq!(fix(attempt), None, "{attempt}");
        }
        assert_eq!(difference("https://app.example.com/callback", &[]).fix("shop"), None);
    }
}
