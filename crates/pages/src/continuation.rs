//! `/continue`: the page that sends the browser back to the app (WH-2).

use askama::Template;

use crate::RenderError;
use crate::assets;
use crate::chrome::{App, Chrome};
use crate::href;
use crate::text::{Html, MessageError, Value};

/// The page between our form and the app. `form-action 'self'` would stop a redirect that follows a form, so
/// this page answers 200 and goes on by script, by `<meta http-equiv=refresh>` without scripts, and by a link.
#[derive(Template)]
#[template(path = "continue.html")]
pub struct Continue<'a> {
    /// The frame of the page.
    pub chrome: Chrome<'a>,
    /// The app to go back to; none for a page of ours.
    pub app: Option<App<'a>>,
    /// The address to go to, with its parameters: the caller has matched it with a registered one (WH-17).
    pub target: &'a str,
}

impl Continue<'_> {
    /// Render the page as HTML.
    ///
    /// # Errors
    ///
    /// [`RenderError::Target`] when the target is neither an absolute URI of a harmless scheme nor a path here;
    /// [`RenderError::Template`] when a text is missing.
    pub fn render(&self) -> Result<String, RenderError> {
        if !href::may_go_to(self.target) {
            return Err(RenderError::Target);
        }
        Ok(Template::render(self)?)
    }

    fn title(&self) -> Result<String, MessageError> {
        self.chrome.title("continue-title", false)
    }

    fn heading(&self) -> Result<Html, MessageError> {
        match self.app {
            Some(app) => self.chrome.html("continue-heading", &[("app", Value::Words(app.name))]),
            None => self.chrome.t("continue-title"),
        }
    }

    fn script(&self) -> &'static str {
        assets::continue_script()
    }
}
