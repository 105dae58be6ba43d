//! One answer, with what tests ask of it.

use bytes::Bytes;
use cookie::Cookie;
use http::{HeaderMap, Method, StatusCode, header};
use serde_json::Value;

/// An answer of the server.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The method that was asked with.
    pub method: Method,
    /// The address that was asked.
    pub target: String,
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Reply {
    /// A header; a test fails if it came twice.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let all = self.headers_of(name);
        assert!(all.len() < 2, "{name} came {} times in {self}", all.len());
        all.first().copied()
    }

    /// All values of a header.
    #[must_use]
    pub fn headers_of(&self, name: &str) -> Vec<&str> {
        self.headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
    }

    /// All values of a list header, split at its commas.
    #[must_use]
    pub fn list(&self, name: &str) -> Vec<&str> {
        self.headers_of(name).into_iter().flat_map(|value| value.split(',')).map(str::trim).collect()
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {self}"))
    }

    /// A text member of the JSON body.
    #[must_use]
    pub fn member(&self, name: &str) -> String {
        self.json()[name].as_str().unwrap_or_else(|| panic!("no text {name} in {self}")).to_owned()
    }

    /// Fail unless it has this status.
    #[must_use]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{self}");
        self
    }

    /// Fail unless it is this OAuth error.
    #[must_use]
    pub fn expect_error(self, status: u16, error: &str) -> Self {
        assert_eq!((self.status.as_u16(), self.member("error").as_str()), (status, error), "{self}");
        self
    }

    /// Where it redirects to.
    #[must_use]
    pub fn location(&self) -> &str {
        assert!(self.status.is_redirection(), "{self}");
        self.header(header::LOCATION.as_str()).unwrap()
    }

    /// Its cookies, as they are set.
    #[must_use]
    pub fn set_cookies(&self) -> Vec<&str> {
        self.headers_of("set-cookie")
    }

    /// The cookie of this name, if it is set.
    #[must_use]
    pub fn set_cookie(&self, name: &str) -> Option<Cookie<'static>> {
        let parsed = self.set_cookies().into_iter().map(|text| Cookie::parse(text.to_owned()).unwrap());
        let mut found: Vec<_> = parsed.filter(|cookie| cookie.name() == name).collect();
        assert!(found.len() < 2, "{name} is set twice in {self}");
        found.pop()
    }

    /// The value of a cookie that is set, and not deleted.
    #[must_use]
    pub fn cookie_value(&self, name: &str) -> Option<String> {
        self.set_cookie(name).map(|cookie| cookie.value().to_owned()).filter(|value| !value.is_empty())
    }

    /// Whether a cookie is deleted.
    #[must_use]
    pub fn deletes_cookie(&self, name: &str) -> bool {
        self.set_cookie(name)
            .is_some_and(|cookie| cookie.value().is_empty() && cookie.max_age().is_some_and(|age| age.is_zero()))
    }
}

impl std::fmt::Display for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{} {} → {}", self.method, self.target, self.status)?;
        for (name, value) in &self.headers {
            writeln!(f, "{name}: {}", value.to_str().unwrap_or("(bytes)"))?;
        }
        let body: String = String::from_utf8_lossy(&self.body).chars().take(2000).collect();
        write!(f, "\n{body}")
    }
}
