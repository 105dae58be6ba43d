//! `/account/apps`: which apps may do what, and how to withdraw it (AZ-21).

use askama::Template;

use crate::RenderError;
use crate::assets;
use crate::chrome::Chrome;
use crate::consent::permission;
use crate::moment;
use crate::text::{Html, MessageError, Value};

/// The page of apps with access. Forms: `POST /account/apps/withdraw` with `client` and `csrf`.
#[derive(Template)]
#[template(path = "apps.html")]
pub struct AccountApps<'a> {
    /// The frame of the page.
    pub chrome: Chrome<'a>,
    /// The token against forged requests (WH-11).
    pub csrf: &'a str,
    /// The apps, in order of name.
    pub apps: &'a [AppCard<'a>],
    /// Whether access has just been withdrawn.
    pub withdrawn: bool,
}

/// An app on the page.
#[derive(Clone)]
pub struct AppCard<'a> {
    /// Its `client_id`, for the form.
    pub id: &'a str,
    /// Its name.
    pub name: &'a str,
    /// The host people know it by; empty where it has none.
    pub domain: &'a str,
    /// Whether the operator has checked who runs it.
    pub verified: bool,
    /// What it may do.
    pub scopes: Vec<&'a str>,
    /// The resources it may use.
    pub resources: Vec<&'a str>,
    /// Since when: RFC 3339, UTC.
    pub since: &'a str,
    /// When it last used it: RFC 3339, UTC; nothing: it has no access now and would be given it without asking.
    pub used_at: Option<&'a str>,
}

impl AccountApps<'_> {
    /// Render the page as HTML.
    ///
    /// # Errors
    ///
    /// [`RenderError::Template`] when a text is missing.
    pub fn render(&self) -> Result<String, RenderError> {
        Ok(Template::render(self)?)
    }

    fn title(&self) -> Result<String, MessageError> {
        self.chrome.title("apps-title", false)
    }

    fn script(&self) -> &'static str {
        assets::times_script()
    }

    fn moment(&self, rfc3339: &str) -> Result<Html, MessageError> {
        moment::words(&self.chrome, rfc3339)
    }

    fn permission(&self, scope: &str) -> Result<Html, MessageError> {
        permission(&self.chrome, scope)
    }

    /// What the button says to those who cannot see which card it stands in.
    fn withdraw_name(&self, app: &AppCard<'_>) -> Result<String, MessageError> {
        self.chrome.plain("apps-withdraw-name", &[("app", Value::Words(app.name))])
    }
}
