//! The cookies of one browser for one host. RFC 6265bis §5.

use cookie::{Cookie, SameSite};
use jiff::{SignedDuration, Timestamp};

/// A kept cookie.
#[derive(Clone, Debug)]
struct Kept {
    name: String,
    value: String,
    strict: bool,
    expires: Option<Timestamp>,
}

/// A cookie jar that knows `__Host-`, `SameSite` and `Max-Age`.
#[derive(Clone, Debug, Default)]
pub struct Jar(Vec<Kept>);

impl Jar {
    /// Take what an answer sets.
    pub(crate) fn take(&mut self, set_cookies: &[&str], now: Timestamp) {
        for text in set_cookies {
            let cookie = Cookie::parse((*text).to_owned()).unwrap();
            self.0.retain(|kept| kept.name != cookie.name());
            let age = cookie.max_age().map(|age| SignedDuration::from_secs(age.whole_seconds()));
            if age.is_some_and(|age| age <= SignedDuration::ZERO) {
                continue;
            }
            self.0.push(Kept {
                name: cookie.name().to_owned(),
                value: cookie.value().to_owned(),
                strict: cookie.same_site() == Some(SameSite::Strict),
                expires: age.map(|age| now.checked_add(age).unwrap()),
            });
        }
    }

    /// The `Cookie` header of a request; `cross_site`: nothing, or whether it is a top-level navigation by GET.
    pub(crate) fn header(&self, cross_site: Option<bool>, now: Timestamp) -> Option<String> {
        let sent =
            self.0.iter().filter(|kept| kept.expires.is_none_or(|expires| now < expires)).filter(
                |kept| match cross_site {
                    None => true,
                    Some(navigation) => navigation && !kept.strict,
                },
            );
        let pairs: Vec<String> = sent.map(|kept| format!("{}={}", kept.name, kept.value)).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    /// The value of a cookie.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|kept| kept.name == name).map(|kept| kept.value.as_str())
    }

    /// Put a cookie in, or replace its value: what a test plants.
    pub fn plant(&mut self, name: &str, value: &str) {
        self.0.retain(|kept| kept.name != name);
        let strict = name.starts_with("__Host-brama_rt_");
        self.0.push(Kept { name: name.to_owned(), value: value.to_owned(), strict, expires: None });
    }

    /// Throw a cookie away.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|kept| kept.name != name);
    }

    /// The names, in the order they came.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        self.0.iter().map(|kept| kept.name.as_str()).collect()
    }

    /// Close the browser: what has no `Max-Age` is gone.
    pub fn restart(&mut self) {
        self.0.retain(|kept| kept.expires.is_some());
    }
}
