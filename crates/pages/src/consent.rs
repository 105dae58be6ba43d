//! `/consent`: who asks, what for, for how long, and how to withdraw (T1, UX-7, AZ-21).

use askama::Template;

use crate::RenderError;
use crate::chrome::{App, Chrome};
use crate::href;
use crate::text::{Html, MessageError, Value};

/// The consent page. Its form posts `tx`, `csrf` and `decision` (`allow`, `deny` or `allow_chosen`, and then what was chosen
/// as `scope`) to `/consent`.
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
    /// The scopes asked for that were not allowed before.
    pub scopes: &'a [&'a str],
    /// The scopes asked for that were allowed before.
    pub before: &'a [&'a str],
    /// The resources the app wants to use.
    pub resources: &'a [&'a str],
    /// How the app says it uses what it is told, and its terms: addresses.
    pub policy_uri: Option<&'a str>,
    /// Its terms.
    pub tos_uri: Option<&'a str>,
    /// Whether part of it was to be allowed, and nothing was chosen.
    pub chosen_nothing: bool,
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

    fn permission(&self, scope: &str) -> Result<Html, MessageError> {
        permission(&self.chrome, scope)
    }

    /// What can be left out. Who the person is cannot: there would be nothing to sign in with.
    fn optional(&self) -> Vec<&str> {
        self.scopes.iter().copied().filter(|scope| *scope != "openid").collect()
    }

    fn has_choice(&self) -> bool {
        !self.optional().is_empty() && self.scopes.len() + self.before.len() > 1
    }

    /// What the app says about itself: id of the words, and address.
    fn links(&self) -> Vec<(&'static str, &str)> {
        [("consent-policy", self.policy_uri), ("consent-terms", self.tos_uri)]
            .into_iter()
            .filter_map(|(words, url)| Some((words, url.filter(|url| href::may_link_to(url))?)))
            .collect()
    }

    /// A grant ends with the session unless the app asks for `offline_access` (OpenID Connect Core §11, TE-30).
    fn outlives_session(&self) -> bool {
        self.scopes.iter().chain(self.before).any(|scope| *scope == "offline_access")
    }

    fn duration(&self) -> Result<Html, MessageError> {
        if self.outlives_session() {
            self.chrome.t("consent-lasts-offline")
        } else {
            self.chrome.t("consent-lasts-session")
        }
    }
}

/// What a scope lets the app do. A scope we have no words for is shown by its name.
pub(crate) fn permission(chrome: &Chrome<'_>, scope: &str) -> Result<Html, MessageError> {
    match scope {
        "openid" => chrome.t("scope-openid"),
        "profile" => chrome.t("scope-profile"),
        "email" => chrome.t("scope-email"),
        "offline_access" => chrome.t("scope-offline-access"),
        other => chrome.html("scope-other", &[("scope", Value::Words(other))]),
    }
}
