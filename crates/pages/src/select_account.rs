//! `/select-account`: with which account (OpenID Connect `prompt=select_account`).

use askama::Template;

use crate::RenderError;
use crate::chrome::{App, Chrome};
use crate::text::{Html, MessageError, Value};

/// The account chooser. Its form posts `tx`, `csrf` and `decision` (`continue`, `another` or `sign_out`) to
/// `/select-account`.
#[derive(Template)]
#[template(path = "select-account.html")]
pub struct SelectAccount<'a> {
    /// The frame of the page.
    pub chrome: Chrome<'a>,
    /// The app to go on to.
    pub app: App<'a>,
    /// The name of the person; the user name when there is no other.
    pub name: &'a str,
    /// The user name.
    pub username: &'a str,
    /// The id of the authorization.
    pub tx: &'a str,
    /// The token against forged requests (WH-11).
    pub csrf: &'a str,
}

impl SelectAccount<'_> {
    /// Render the page as HTML.
    ///
    /// # Errors
    ///
    /// [`RenderError::Template`] when a text is missing.
    pub fn render(&self) -> Result<String, RenderError> {
        Ok(Template::render(self)?)
    }

    fn title(&self) -> Result<String, MessageError> {
        self.chrome.title("select-account-title", false)
    }

    fn destination(&self) -> Result<Html, MessageError> {
        let app = self.app;
        self.chrome.html("sign-in-to-app", &[("app", Value::Words(app.name)), ("domain", Value::Words(app.domain))])
    }

    fn go_on(&self) -> Result<Html, MessageError> {
        self.chrome.html("select-account-continue", &[("name", Value::Words(self.name))])
    }
}
