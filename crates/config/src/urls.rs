//! Addresses: the issuer, the database, the audience and the support page.

use std::fmt;
use std::path::{Path, PathBuf};

use url::{Host, Url};

use crate::problem::Code;
use crate::value::{Raw, Setting, Shown, Wrong, shown};

/// The address people see and the issuer of every token, exactly (RFC 8414 §2; G-7, EP-51).
///
/// An origin: `https`, or `http` for a loopback host; no path, query, fragment or trailing slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl(String);

impl PublicUrl {
    /// The text, as it stands in tokens and metadata.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether browsers reach it over TLS.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https://")
    }

    pub(crate) fn example() -> Self {
        Self("https://id.example.com".to_owned())
    }

    /// What `brama dev` answers to on `port`.
    pub(crate) fn localhost(port: u16) -> Self {
        match port {
            80 => Self("http://localhost".to_owned()),
            port => Self(format!("http://localhost:{port}")),
        }
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

impl Setting for PublicUrl {
    fn expected() -> String {
        "an https address without path, query and trailing slash (http only for a loopback host)".to_owned()
    }

    fn read(raw: &Raw) -> Result<Self, Wrong> {
        let text = raw.text(&Self::expected())?;
        let wrong = |what: &str, better: Option<String>| {
            Err(Wrong::new(Code::NotUnderstood, what, Self::expected()).better(better.map(Shown::Quoted)))
        };
        let Some(url) = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "https" | "http")) else {
            let with_scheme = Url::parse(&format!("https://{text}"))
                .ok()
                .filter(|url| !text.contains("://") && url.host_str().is_some_and(|h| h.contains('.')))
                .map(|url| url.origin().ascii_serialization());
            return wrong("is not a web address", with_scheme);
        };
        let origin = url.origin().ascii_serialization();
        if url.scheme() == "http" && !is_loopback(&url) {
            let secure = origin.replacen("http://", "https://", 1);
            return wrong("must be https", Some(secure));
        }
        let what = if !url.username().is_empty() || url.password().is_some() {
            "contains a user name"
        } else if url.query().is_some() {
            "has a query"
        } else if url.fragment().is_some() {
            "has a fragment"
        } else if url.path() != "/" {
            "has a path, which this version cannot serve"
        } else if text.ends_with('/') {
            "ends with a slash"
        } else if text != origin {
            "is not written the way browsers send it"
        } else {
            return Ok(Self(origin));
        };
        wrong(what, Some(origin))
    }

    fn show(&self) -> Shown {
        Shown::Quoted(self.0.clone())
    }
}

/// Where the data is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// A SQLite file of this machine.
    Sqlite(PathBuf),
    /// PostgreSQL, for one node or many.
    Postgres(PostgresUrl),
}

/// The URL of a PostgreSQL database. It may hold a password, so it prints without it.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl(String);

impl PostgresUrl {
    /// The URL with its password: for the driver only.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&self.0))
    }
}

impl DatabaseUrl {
    pub(crate) fn inside(data_dir: &Path) -> Self {
        Self::Sqlite(data_dir.join("brama.db"))
    }

    /// A URL as people write it on the command line or in the file.
    ///
    /// # Errors
    /// What is wrong with it, without its password.
    pub fn parse(text: &str) -> Result<Self, String> {
        Self::read(&Raw::Words(text.to_owned())).map_err(|wrong| format!("{} {}", shown(text), wrong.what))
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) => write!(f, "{url}"),
        }
    }
}

fn sqlite(rest: &str, expected: &str) -> Result<DatabaseUrl, Wrong> {
    let wrong = |what: &str| Wrong::new(Code::NotUnderstood, what, expected);
    // "sqlite:///abs" is how other tools write an absolute path.
    let path = match rest.strip_prefix("//") {
        Some(absolute) if absolute.starts_with('/') => absolute,
        Some(relative) => {
            let better = Shown::Quoted(format!("sqlite:{relative}"));
            return Err(wrong("has two slashes before a relative path").better(Some(better)));
        }
        None => rest,
    };
    if path.trim().is_empty() {
        return Err(wrong("names no file"));
    }
    if path == ":memory:" {
        let what = "keeps everything in memory, so all accounts would be lost at every stop";
        return Err(Wrong::new(Code::NotInThisVersion, what, expected));
    }
    if path.contains('?') || path.chars().any(char::is_control) {
        let better = path.split_once('?').map(|(path, _)| Shown::Quoted(format!("sqlite:{path}")));
        return Err(wrong("has options; there are none").better(better));
    }
    Ok(DatabaseUrl::Sqlite(PathBuf::from(path)))
}

/// The driver judges the rest; what is checked here are the mistakes that its messages would not explain.
fn postgres(text: &str, rest: &str, expected: &str) -> Result<DatabaseUrl, Wrong> {
    let wrong = |what: &str| Err(Wrong::new(Code::NotUnderstood, what, expected));
    let Some(rest) = rest.strip_prefix("//") else { return wrong("has no // after its scheme") };
    if rest.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return wrong("has a space or a line break in it");
    }
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let database = place.split_once('/').map_or("", |(_, database)| database);
    let named = |name: &str| query.split('&').any(|pair| pair.split_once('=').is_some_and(|(key, _)| key == name));
    if database.is_empty() && !named("dbname") {
        return wrong("names no database: write it after the host, as in postgres://brama@db.internal/brama");
    }
    Ok(DatabaseUrl::Postgres(PostgresUrl(text.to_owned())))
}

impl Setting for DatabaseUrl {
    fn expected() -> String {
        "\"sqlite:\" and the path of a file, or \"postgres://user@host/database\"".to_owned()
    }

    fn read(raw: &Raw) -> Result<Self, Wrong> {
        let expected = Self::expected();
        let text = raw.text(&expected)?;
        let Some((scheme, rest)) = text.split_once(':') else {
            let better = (!text.trim().is_empty()).then(|| Shown::Quoted(format!("sqlite:{text}")));
            return Err(Wrong::new(Code::NotUnderstood, "has no scheme", expected).better(better));
        };
        match scheme {
            "sqlite" => sqlite(rest, &expected),
            "postgres" | "postgresql" => postgres(text, rest, &expected),
            _ => Err(Wrong::new(Code::NotUnderstood, "names a database that does not exist here", expected)),
        }
    }

    fn show(&self) -> Shown {
        Shown::Quoted(self.to_string())
    }
}

/// An absolute URI without fragment (RFC 8707 §2), kept exactly as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Audience(pub(crate) String);

impl Setting for Audience {
    fn expected() -> String {
        "an absolute URI without fragment such as \"https://api.example.com\"".to_owned()
    }

    fn read(raw: &Raw) -> Result<Self, Wrong> {
        let text = raw.text(&Self::expected())?;
        let wrong = |what: &str| Err(Wrong::new(Code::NotUnderstood, what, Self::expected()));
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) || Url::parse(text).is_err() {
            return wrong("is not an absolute URI");
        }
        match text.split_once('#') {
            Some((before, _)) => Err(Wrong::new(Code::NotUnderstood, "has a fragment", Self::expected())
                .better(Some(Shown::Quoted(before.to_owned())))),
            None => Ok(Self(text.to_owned())),
        }
    }

    fn show(&self) -> Shown {
        Shown::Quoted(self.0.clone())
    }
}

/// Where a page sends people who need help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SupportUrl(pub(crate) String);

impl Setting for SupportUrl {
    fn expected() -> String {
        "an address that begins with https:// or mailto:".to_owned()
    }

    fn read(raw: &Raw) -> Result<Self, Wrong> {
        let text = raw.text(&Self::expected())?;
        let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "https" | "mailto"));
        let clean = !text.chars().any(|c| c.is_whitespace() || c.is_control());
        if let Some(url) = url.filter(|_| clean) {
            return Ok(Self(url.to_string()));
        }
        let mail = text.contains('@') && !text.contains(':') && clean;
        Err(Wrong::new(Code::NotUnderstood, "is not an address for a link", Self::expected())
            .better(mail.then(|| Shown::Quoted(format!("mailto:{text}")))))
    }

    fn show(&self) -> Shown {
        Shown::Quoted(self.0.clone())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]
    use super::*;

    fn issuer(text: &str) -> Result<PublicUrl, (String, Option<String>)> {
        PublicUrl::read(&Raw::Text(text.to_owned()))
            .map_err(|wrong| (wrong.what, wrong.better.map(|better| better.words())))
    }

    #[test]
    fn ep_51_an_issuer_is_an_origin_exactly() {
        let id = Some("https://id.example.ua");
        let cases = [
            ("id.example.ua", "is not a web address", id),
            ("nonsense", "is not a web address", None),
            ("ftp://id.example.ua", "is not a web address", None),
            ("http://id.example.ua", "must be https", id),
            ("http://localhost.example.ua", "must be https", Some("https://localhost.example.ua")),
            ("https://id.example.ua/", "ends with a slash", id),
            ("https://id.example.ua/auth", "has a path, which this version cannot serve", id),
            ("https://id.example.ua?x=1", "has a query", id),
            ("https://id.example.ua#x", "has a fragment", id),
            ("https://u:p@id.example.ua", "contains a user name", id),
            ("https://ID.example.ua", "is not written the way browsers send it", id),
            ("https://id.example.ua:443", "is not written the way browsers send it", id),
            ("https://ід.укр", "is not written the way browsers send it", Some("https://xn--d1a1e.xn--j1amh")),
            (" https://id.example.ua", "is not written the way browsers send it", id),
            ("http://127.1:8420", "is not written the way browsers send it", Some("http://127.0.0.1:8420")),
        ];
        for (text, what, better) in cases {
            let wrong = Err((what.to_owned(), better.map(str::to_owned)));
            assert_eq!(issuer(text), wrong, "{text}");
        }
    }

    #[test]
    fn g_1_http_is_for_loopback_hosts_only() {
        for text in [
            "https://id.example.ua",
            "https://id.example.ua:8443",
            "http://localhost:8420",
            "http://shop.localhost:8420",
            "http://127.0.0.1:8420",
            "http://[::1]:8420",
        ] {
            assert_eq!(issuer(text).map(|url| url.0), Ok(text.to_owned()));
        }
    }

    fn database(text: &str) -> Result<DatabaseUrl, (Code, String)> {
        DatabaseUrl::read(&Raw::Text(text.to_owned())).map_err(|wrong| (wrong.code, wrong.what))
    }

    #[test]
    fn databases_that_do_not_exist_are_refused() {
        let cases = [
            ("postgres:brama", Code::NotUnderstood),
            ("postgres://u:p@db", Code::NotUnderstood),
            ("postgres://u:p@db/", Code::NotUnderstood),
            ("postgres://u:p@db/brama\n", Code::NotUnderstood),
            ("sqlite::memory:", Code::NotInThisVersion),
            ("mysql://db/brama", Code::NotUnderstood),
            ("/var/lib/brama/brama.db", Code::NotUnderstood),
            ("sqlite:", Code::NotUnderstood),
            ("sqlite://brama.db", Code::NotUnderstood),
            ("sqlite:brama.db?mode=ro", Code::NotUnderstood),
        ];
        for (text, code) in cases {
            assert_eq!(database(text).map_err(|(code, _)| code), Err(code), "{text}");
        }
        assert_eq!(database("sqlite:brama.db"), Ok(DatabaseUrl::Sqlite("brama.db".into())));
        assert_eq!(database("sqlite:///var/brama.db"), Ok(DatabaseUrl::Sqlite("/var/brama.db".into())));
    }

    #[test]
    fn the_password_of_a_database_is_not_printed() {
        for text in
            ["postgres://u:geheim@db:5432,db2/brama?sslmode=require", "postgresql://db/?dbname=b&password=geheim"]
        {
            let url = database(text).unwrap();
            for printed in [format!("{url}"), format!("{url:?}"), url.show().toml()] {
                assert!(!printed.contains("geheim"), "{printed}");
            }
            let DatabaseUrl::Postgres(url) = url else { panic!("{text}") };
            assert_eq!(url.reveal(), text);
        }
    }
}
