//! What a handler reads of a request: the body within its limit, parameters decoded once, headers that came once.

use std::net::IpAddr;

use brama_faults::{Fault, planted};
use brama_flows::Ctx;
use brama_flows::dpop::Proofs;
use brama_flows::login::device;
use brama_flows::login::session::BrowserFacts;
use brama_flows::login::throttle::Source;
use brama_protocol::cookie_endpoint::Provenance;
use brama_protocol::error::{BAD_ENCODING, COOKIE_CONTENT_TYPE, COOKIE_JSON, Refusal, Row, TOKEN_CONTENT_TYPE};
use brama_protocol::handle::{Handle, HandleHash, kind};
use brama_protocol::parameters::Parameters;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use serde::de::DeserializeOwned;

use crate::cookies::Cookies;

/// A value that no rule admits: what a header that came twice counts as.
const TWICE: &str = "\n";

/// One request.
pub struct Incoming {
    /// Its instant, and everything that stays.
    pub ctx: Ctx,
    /// Its method.
    pub method: Method,
    /// Its path.
    pub path: String,
    /// Its query, still encoded.
    pub query: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, within the limit of its route.
    pub body: Bytes,
    /// Where it comes from.
    pub source: Source,
    /// Its name in logs and on error pages.
    pub request_id: String,
    /// The nonce of this response's scripts. WH-1.
    pub nonce: String,
}

impl Incoming {
    /// The address it comes from.
    #[must_use]
    pub fn address(&self) -> IpAddr {
        self.source.address
    }

    /// The value of a header that may come once; a repeated or unreadable one counts as a value that nothing admits.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.get_all(name).iter();
        let first = found.next()?;
        match (first.to_str(), found.next()) {
            (Ok(value), None) => Some(value),
            _ => Some(TWICE),
        }
    }

    /// The parameters of the query.
    ///
    /// # Errors
    /// Broken encoding. WH-14.
    pub fn query(&self) -> Result<Parameters, Refusal> {
        Parameters::parse(self.query.as_bytes()).map_err(|_| (&BAD_ENCODING).into())
    }

    /// The parameters of a form body. TE-1.
    ///
    /// # Errors
    /// Another content type; broken encoding.
    pub fn form(&self) -> Result<Parameters, Refusal> {
        if self.media_type() != Some("application/x-www-form-urlencoded") {
            return Err((&TOKEN_CONTENT_TYPE).into());
        }
        let encoded = if planted(Fault::Http04) {
            [self.body.as_ref(), b"&", self.query.as_bytes()].concat().into()
        } else {
            self.body.clone()
        };
        Parameters::parse(&encoded).map_err(|_| (&BAD_ENCODING).into())
    }

    /// The JSON body of a cookie endpoint.
    ///
    /// # Errors
    /// Another content type; JSON that does not have the expected members.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        self.json_object(&COOKIE_CONTENT_TYPE, &COOKIE_JSON)
    }

    /// The JSON body, with the rows of whoever reads it: for another content type, and for JSON that does not have the
    /// expected members.
    ///
    /// # Errors
    /// One of the two rows.
    pub fn json_object<T: DeserializeOwned>(
        &self,
        content_type: &'static Row,
        malformed: &'static Row,
    ) -> Result<T, Refusal> {
        if self.media_type() != Some("application/json") {
            return Err(content_type.into());
        }
        // serde reads structs from arrays too; an object is what was agreed on.
        if self.body.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
            return Err(Refusal::from(malformed).with_detail("not an object"));
        }
        // What serde says may repeat what was sent, a password for one: only where it went wrong is told.
        serde_json::from_slice(&self.body).map_err(|error| {
            Refusal::from(malformed).with_detail(format!("line {} column {}", error.line(), error.column()))
        })
    }

    /// The JSON body, or nothing when there is no body.
    ///
    /// # Errors
    /// As [`Incoming::json`].
    pub fn json_or_empty<T: DeserializeOwned>(&self) -> Result<Option<T>, Refusal> {
        if self.body.is_empty() { Ok(None) } else { self.json().map(Some) }
    }

    fn media_type(&self) -> Option<&str> {
        let value = self.header(header::CONTENT_TYPE.as_str())?;
        let (media, _) = value.split_once(';').unwrap_or((value, ""));
        let media = media.trim();
        ["application/json", "application/x-www-form-urlencoded"]
            .into_iter()
            .find(|known| media.eq_ignore_ascii_case(known))
    }

    /// What it says about where it comes from.
    #[must_use]
    pub fn provenance(&self) -> Provenance<'_> {
        Provenance {
            origin: self.header("origin"),
            site: self.header("sec-fetch-site"),
            mode: self.header("sec-fetch-mode"),
            dest: self.header("sec-fetch-dest"),
            purpose: self.header("sec-purpose").or_else(|| self.header("purpose")),
        }
    }

    /// Its DPoP headers, and what a proof in them has to be about.
    #[must_use]
    pub fn proofs(&self) -> Proofs<'_> {
        let headers = self.headers.get_all("dpop").iter().map(HeaderValue::as_bytes).collect();
        Proofs { headers, method: self.method.as_str(), path: &self.path }
    }

    pub(crate) fn cookies(&self) -> Cookies {
        Cookies::of(&self.headers)
    }

    /// The hash of the session cookie.
    #[must_use]
    pub fn session_hash(&self) -> Option<HandleHash<kind::Session>> {
        let cookies = self.cookies();
        cookies.get(crate::cookies::SESSION).and_then(Handle::<kind::Session>::parse).map(|secret| secret.hash())
    }

    /// What a new session remembers of the browser.
    #[must_use]
    pub fn browser_facts(&self) -> BrowserFacts {
        BrowserFacts {
            device: device::label(self.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok())),
            session: self.session_hash(),
        }
    }

    /// Whether no browser sent it: neither Fetch Metadata nor a wish for HTML.
    #[must_use]
    pub fn is_no_browser(&self) -> bool {
        let wants_html = self.headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
        self.provenance().is_no_browser() && !wants_html.is_some_and(|accept| accept.contains("text/html"))
    }
}
