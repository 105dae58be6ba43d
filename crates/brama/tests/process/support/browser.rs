//! A browser, as far as these tests need one: cookies, and the headers that Chromium sends.

use std::collections::BTreeMap;

use http::{Method, header};

use super::{Answer, Lost, Scratch, Wire};

/// A browser with a page of the app open.
pub(crate) struct Browser {
    wire: Wire,
    origin: String,
    site: &'static str,
    /// Its cookies for the server.
    pub(crate) jar: BTreeMap<String, String>,
}

impl Browser {
    /// With a page of the server's own origin open.
    pub(crate) fn new(scratch: &Scratch) -> Self {
        Self::over(Wire::new(scratch.port), scratch.url())
    }

    /// With a page of this origin open, which is the server's own, whichever way it is reached.
    pub(crate) fn over(wire: Wire, origin: String) -> Self {
        Self { wire, origin, site: "same-origin", jar: BTreeMap::new() }
    }

    /// With a page of another origin of the same site open.
    pub(crate) fn at(scratch: &Scratch, origin: &str) -> Self {
        Self { wire: Wire::new(scratch.port), origin: origin.to_owned(), site: "same-site", jar: BTreeMap::new() }
    }

    /// `fetch` with JSON.
    pub(crate) async fn fetch(&mut self, method: Method, target: &str, json: &str) -> Result<Answer, Lost> {
        let (origin, site) = (self.origin.clone(), self.site);
        let mut headers = vec![
            ("origin", origin.as_str()),
            ("sec-fetch-site", site),
            ("sec-fetch-mode", "cors"),
            ("sec-fetch-dest", "empty"),
        ];
        if !json.is_empty() {
            headers.push(("content-type", "application/json"));
        }
        self.send(method, target, headers, json).await
    }

    /// Follow a link that somebody typed.
    pub(crate) async fn navigate(&mut self, target: &str) -> Answer {
        let headers = vec![
            ("accept", "text/html"),
            ("sec-fetch-site", "none"),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
        ];
        self.send(Method::GET, target, headers, "").await.expect("an answer")
    }

    /// Send a request with the cookies, and keep those that come back.
    pub(crate) async fn send(
        &mut self,
        method: Method,
        target: &str,
        mut headers: Vec<(&str, &str)>,
        body: &str,
    ) -> Result<Answer, Lost> {
        let cookies: Vec<String> = self.jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = cookies.join("; ");
        if !cookies.is_empty() {
            headers.push(("cookie", &cookies));
        }
        let answer = self.wire.send(method, target, &headers, body).await?;
        for cookie in answer.headers.get_all(header::SET_COOKIE) {
            let (pair, attributes) = cookie.to_str().unwrap().split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if attributes.contains("Max-Age=0") {
                self.jar.remove(name);
            } else {
                self.jar.insert(name.to_owned(), value.to_owned());
            }
        }
        Ok(answer)
    }

    /// A4.
    pub(crate) async fn login(&mut self, name: &str, password: &str) -> Result<Answer, Lost> {
        let json = serde_json::json!({ "username": name, "password": password }).to_string();
        self.fetch(Method::POST, "/api/auth/login", &json).await
    }

    /// A6 by `POST`.
    pub(crate) async fn rotate(&mut self) -> Result<Answer, Lost> {
        self.fetch(Method::POST, "/api/auth/refresh", "").await
    }

    /// A6 by `GET`.
    pub(crate) async fn look(&mut self) -> Result<Answer, Lost> {
        self.fetch(Method::GET, "/api/auth/refresh", "").await
    }

    /// A8.
    pub(crate) async fn logout(&mut self) -> Result<Answer, Lost> {
        self.fetch(Method::POST, "/api/auth/logout", "").await
    }
}
