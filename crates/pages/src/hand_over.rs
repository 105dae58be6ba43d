//! The other ways back to an app: a form that is posted to it, and a page that asks before.

use askama::Template;

use crate::RenderError;
use crate::assets;
use crate::chrome::{App, Chrome};
use crate::href;
use crate::text::{Html, MessageError, Value};

/// The page that posts an answer to the app (OAuth 2.0 Form Post Response Mode §2, AZ-32): by script, and with a button
/// without scripts.
#[derive(Template)]
#[template(path = "form-post.html")]
pub struct FormPost<'a> {
    /// The frame of the page.
    pub chrome: Chrome<'a>,
    /// The app to go back to.
    pub app: App<'a>,
    /// The address of the app: the caller has matched it with a registered one (WH-17).
    pub action: &'a str,
    /// What it is told.
    pub fields: &'a [(&'a str, &'a str)],
}

impl FormPost<'_> {
    /// Render the page as HTML.
    ///
    /// # Errors
    ///
    /// [`RenderError::Target`] when the address is not one of the web; [`RenderError::Template`] when a text is missing.
    pub fn render(&self) -> Result<String, RenderError> {
        if !href::may_post_to(self.action) {
            return Err(RenderError::Target);
        }
        Ok(Template::render(self)?)
    }

    fn title(&self) -> Result<String, MessageError> {
        self.chrome.title("continue-title", false)
    }

    fn heading(&self) -> Result<Html, MessageError> {
        self.chrome.html("continue-heading", &[("app", Value::Words(self.app.name))])
    }

    fn script(&self) -> &'static str {
        assets::form_post_script()
    }
}

/// How a person goes on from [`Leave`].
#[derive(Clone, Copy)]
pub enum Way<'a> {
    /// By a link.
    Link(&'a str),
    /// By a form.
    Form {
        /// The address of the app.
        action: &'a str,
        /// What it is told.
        fields: &'a [(&'a str, &'a str)],
    },
}

/// The page before an app that registered itself is told of an error: nobody is sent there unasked (AZ-13). No script and
/// no refresh; it names the host that comes next.
#[derive(Template)]
#[template(path = "leave.html")]
pub struct Leave<'a> {
    /// The frame of the page.
    pub chrome: Chrome<'a>,
    /// The app, and the host that comes next.
    pub app: App<'a>,
    /// How to go on.
    pub way: Way<'a>,
    /// The code of the error, such as `B2118`.
    pub code: &'a str,
}

impl Leave<'_> {
    /// Render the page as HTML.
    ///
    /// # Errors
    ///
    /// [`RenderError::Target`] when the address is no harmless one; [`RenderError::Template`] when a text is missing.
    pub fn render(&self) -> Result<String, RenderError> {
        let harmless = match self.way {
            Way::Link(target) => href::may_go_to(target),
            Way::Form { action, .. } => href::may_post_to(action),
        };
        if !harmless {
            return Err(RenderError::Target);
        }
        Ok(Template::render(self)?)
    }

    fn title(&self) -> Result<String, MessageError> {
        self.chrome.title("leave-title", true)
    }

    fn text(&self) -> Result<Html, MessageError> {
        self.chrome
            .html("leave-text", &[("app", Value::Words(self.app.name)), ("domain", Value::Words(self.app.domain))])
    }

    fn go_on(&self) -> Result<Html, MessageError> {
        self.chrome.html("leave-go-on", &[("domain", Value::Words(self.app.domain))])
    }
}
