//! `/sign-out` asks, `/signed-out` confirms.

use askama::Template;

use crate::RenderError;
use crate::chrome::{App, Chrome};
use crate::href;
use crate::text::{Html, MessageError, Value};

/// The question before signing out, asked when an app wants it without proof that it knows the session
/// (OpenID Connect RP-Initiated Logout §2). Its form posts `csrf` and `fields` to `/sign-out`.
#[derive(Template)]
#[template(path = "sign-out.html")]
pub struct SignOut<'a> {
    /// The frame of the page.
    pub chrome: Chrome<'a>,
    /// The app that asks to sign out; none when the person came by itself.
    pub app: Option<App<'a>>,
    /// The token against forged requests (WH-11).
    pub csrf: &'a str,
    /// What the form sends along, such as `client_id` and `state`.
    pub fields: &'a [(&'a str, &'a str)],
    /// The account whose session would end.
    pub username: &'a str,
}

impl SignOut<'_> {
    /// Render the page as HTML.
    ///
    /// # Errors
    ///
    /// [`RenderError::Template`] when a text is missing.
    pub fn render(&self) -> Result<String, RenderError> {
        Ok(Template::render(self)?)
    }

    fn title(&self) -> Result<String, MessageError> {
        self.chrome.title("sign-out-title", false)
    }

    fn heading(&self) -> Result<Html, MessageError> {
        self.chrome.html("sign-out-heading", &[("site", Value::Words(self.chrome.site_name))])
    }

    fn asked_by(&self, app: &App<'_>) -> Result<Html, MessageError> {
        self.chrome.html("sign-out-from-app", &[("app", Value::Words(app.name)), ("domain", Value::Words(app.domain))])
    }

    fn signed_in_as(&self) -> Result<Html, MessageError> {
        self.chrome.html("sign-out-as", &[("username", Value::Words(self.username))])
    }
}

/// The session has ended.
#[derive(Template)]
#[template(path = "signed-out.html")]
pub struct SignedOut<'a> {
    /// The frame of the page.
    pub chrome: Chrome<'a>,
    /// The app the person came from.
    pub app: Option<App<'a>>,
    /// The way back: `https:`, `http:` or a path. Other addresses are not shown.
    pub back_url: Option<&'a str>,
}

impl SignedOut<'_> {
    /// Render the page as HTML.
    ///
    /// # Errors
    ///
    /// [`RenderError::Template`] when a text is missing.
    pub fn render(&self) -> Result<String, RenderError> {
        Ok(Template::render(self)?)
    }

    fn title(&self) -> Result<String, MessageError> {
        self.chrome.title("signed-out-title", false)
    }

    fn back(&self) -> Option<&str> {
        self.back_url.filter(|url| href::may_link_to(url))
    }

    fn back_words(&self) -> Result<Html, MessageError> {
        match self.app {
            Some(app) => self.chrome.html("signed-out-back", &[("app", Value::Words(app.name))]),
            None => self.chrome.t("signed-out-back-plain"),
        }
    }
}
