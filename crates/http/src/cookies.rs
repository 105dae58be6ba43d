//! Cookies: their names and attributes, in one place. Standards §8.2, SE-1, BB-4, BB-5.
//!
//! All are `__Host-`: `Secure`, `Path=/`, no `Domain`, so no sibling subdomain can set or read them. Browsers and curl
//! treat `http://localhost` as secure enough for that.

use brama_faults::{Fault, planted};
use brama_protocol::client::ClientId;
use brama_protocol::handle::{Handle, kind};
use brama_protocol::refresh_token::RefreshToken;
use cookie::time::Duration;
use cookie::{Cookie, SameSite};
use http::{HeaderMap, header};

/// The session of a browser at this server. `Lax`: `/oauth2/authorize` is reached by cross-site navigation.
pub(crate) const SESSION: &str = "__Host-brama_session";
/// Ties sign-in pages and requests to one browser. `Lax` for the same reason.
pub(crate) const BROWSER: &str = "__Host-brama_tx";
/// The chosen language.
pub(crate) const LANGUAGE: &str = "__Host-brama_lang";
/// Beginning of the name of refresh cookies; the client id follows. `Strict`: no navigation ever needs it.
pub(crate) const REFRESH: &str = "__Host-brama_rt_";

/// The cookies of a request. A name that came twice is treated as absent: one of them was tossed in. BB-5.
pub struct Cookies(Vec<(String, String)>);

impl Cookies {
    /// Read the `Cookie` headers. What is no pair, or no text, is left out.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let texts = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let pairs = texts
            .flat_map(Cookie::split_parse)
            .filter_map(Result::ok)
            .map(|cookie| (cookie.name().to_owned(), cookie.value().to_owned()))
            .collect();
        Self(pairs)
    }

    /// The value of a cookie that came once.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut found = self.0.iter().filter(|(key, _)| key == name);
        match (found.next(), found.next()) {
            (Some((_, value)), None) => Some(value),
            (Some((_, value)), Some(_)) if planted(Fault::Http07) => Some(value),
            (None, _) if planted(Fault::Http06) => {
                let bare = name.strip_prefix("__Host-")?;
                self.0.iter().find(|(key, _)| key == bare).map(|(_, value)| value.as_str())
            }
            _ => None,
        }
    }

    /// The refresh cookies: client and value.
    pub fn refresh(&self) -> impl Iterator<Item = (ClientId, &str)> {
        self.0.iter().filter_map(|(name, _)| {
            let client: ClientId = name.strip_prefix(REFRESH)?.parse().ok()?;
            self.get(name).map(|value| (client, value))
        })
    }
}

fn base(name: String, value: String, same_site: SameSite) -> Cookie<'static> {
    Cookie::build((name, value)).path("/").secure(true).http_only(true).same_site(same_site).build()
}

fn lasting(mut cookie: Cookie<'static>, seconds: Option<i64>) -> String {
    if let Some(seconds) = seconds {
        cookie.set_max_age(Duration::seconds(seconds));
    }
    cookie.to_string()
}

/// Set the session cookie. `seconds`: only for "keep me signed in"; otherwise it ends with the browser. SE-9.
pub(crate) fn session(secret: &Handle<kind::Session>, seconds: Option<i64>) -> String {
    lasting(base(SESSION.to_owned(), secret.to_wire(), SameSite::Lax), seconds)
}

/// Set the transaction cookie for as long as a sign-in page may be used.
pub(crate) fn browser(secret: &Handle<kind::Browser>, seconds: i64) -> String {
    lasting(base(BROWSER.to_owned(), secret.to_wire(), SameSite::Lax), Some(seconds))
}

/// Set the refresh cookie of a client. `seconds`: as long as its grant lives (A2), where its session outlives the browser
/// too; otherwise it ends with the browser. SE-9.
pub(crate) fn refresh(client: &ClientId, token: &RefreshToken, seconds: Option<i64>) -> String {
    lasting(base(format!("{REFRESH}{client}"), token.as_str().to_owned(), SameSite::Strict), seconds)
}

/// Remember the chosen language for a year. It says nothing secret, but scripts need not read it either.
pub(crate) fn language(value: &str) -> String {
    lasting(base(LANGUAGE.to_owned(), value.to_owned(), SameSite::Lax), Some(365 * 86_400))
}

/// Delete a cookie: every attribute is repeated. BB-5, SE-18.
pub(crate) fn delete(name: &str) -> String {
    let same_site = if name.starts_with(REFRESH) { SameSite::Strict } else { SameSite::Lax };
    lasting(base(name.to_owned(), String::new(), same_site), Some(0))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn bb4_se1_attributes_byte_for_byte() {
        let secret = Handle::from_random([0; 32]);
        let wire = "A".repeat(43);
        assert_eq!(
            session(&secret, None),
            format!("__Host-brama_session={wire}; HttpOnly; SameSite=Lax; Secure; Path=/")
        );
        let secret = Handle::from_random([0; 32]);
        assert_eq!(
            browser(&secret, 1800),
            format!("__Host-brama_tx={wire}; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=1800")
        );
        assert_eq!(
            delete("__Host-brama_rt_shop"),
            "__Host-brama_rt_shop=; HttpOnly; SameSite=Strict; Secure; Path=/; Max-Age=0"
        );
    }

    #[test]
    fn bb5_a_name_that_came_twice_is_absent() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, "a=1; b=2; __Host-brama_rt_x=t; __Host-brama_rt_y=1".parse().unwrap());
        headers.append(header::COOKIE, "a=1; __Host-brama_rt_y=2".parse().unwrap());
        let cookies = Cookies::of(&headers);
        assert_eq!((cookies.get("a"), cookies.get("b")), (None, Some("2")));
        let refresh: Vec<_> = cookies.refresh().map(|(client, value)| (client.to_string(), value)).collect();
        assert_eq!(refresh, [("x".to_owned(), "t")]);
    }
}
