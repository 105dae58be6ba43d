//! `/consent`: who asks, what for, for how long, and how to withdraw (T1, UX-7, AZ-21).

use askama::Template;

use crate::RenderError;
use crate::chrome::{App, Chrome};
use crate::text::{Html, MessageError, Value};

/// The consent page. Its form posts `tx`, `csrf` and `decision` (`allow` or `deny`) to `/consent`.
#[derive(Template)]
#[template(path = "consent.html")]
pub struct Consent<'a> {
    /// The frame of the page.
    pub chrome: Chrome<'a>,
    /// The app that asks.
    pub app: App<'a>,
    /// Whether the operator has checked who runs the app; if not, the page says so.
    pub client_verified: bool,
    /// The host the answer goes to, or the scheme of a native app.
    pub redirect_host: &'a str,
    /// The account that would be used.
    pub username: &'a str,
    /// The scopes asked for, in the order of the request.
    pub scopes: &'a [&'a str],
    /// The id of the authorization.
    pub tx: &'a str,
    /// The token against forged requests (WH-11).
    pub csrf: &'a str,
}

impl Consent<'_> {
    /// Render the page as HTML.
    ///
    /// # Errors
    ///
    /// [`RenderError::Template`] when a text is missing.
    pub fn render(&self) -> Result<String, RenderError> {
        Ok(Template::render(self)?)
    }

    fn title(&self) -> Result<String, MessageError> {
        self.chrome.title("consent-title", false)
    }

    fn heading(&self) -> Result<Html, MessageError> {
        self.chrome.html("consent-heading", &[("app", Value::Words(self.app.name))])
    }

    fn unverified(&self) -> Result<Html, MessageError> {
        self.chrome.html("consent-unverified", &[("domain", Value::Words(self.app.domain))])
    }

    /// What a scope lets the app do. A scope we have no words for is shown by its name.
    fn permission(&self, scope: &str) -> Result<Html, MessageError> {
        match scope {
            "openid" => self.chrome.t("scope-openid"),
            "profile" => self.chrome.t("scope-profile"),
            "email" => self.chrome.t("scope-email"),
            "offline_access" => self.chrome.t("scope-offline-access"),
            other => self.chrome.html("scope-other", &[("scope", Value::Words(other))]),
        }
    }

    /// A grant ends with the session unless the app asks for `offline_access` (OpenID Connect Core §11, TE-30).
    fn outlives_session(&self) -> bool {
        self.scopes.contains(&"offline_access")
    }

    fn duration(&self) -> Result<Html, MessageError> {
        if self.outlives_session() {
            self.chrome.html("consent-lasts-offline", &[("site", Value::Words(self.chrome.site_name))])
        } else {
            self.chrome.t("consent-lasts-session")
        }
    }
}
