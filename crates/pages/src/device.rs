//! `/device`: typing the code that another device shows, and deciding about it (RFC 8628 §3.3; EP-21, EP-23, UX-8).

use askama::Template;

use crate::RenderError;
use crate::chrome::{App, Chrome};
use crate::consent::permission;
use crate::moment;
use crate::text::{Html, MessageError, Value};

/// The page with the field for the code. Its form posts `csrf` and `user_code` to `/device`.
#[derive(Template)]
#[template(path = "device.html")]
pub struct DeviceCode<'a> {
    /// The frame of the page.
    pub chrome: Chrome<'a>,
    /// The token against forged requests (WH-11).
    pub csrf: &'a str,
    /// What stands in the field: what was typed, or what the link brought along.
    pub user_code: &'a str,
    /// What went wrong with the last try.
    pub problem: Option<DeviceProblem>,
}

/// What went wrong with a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceProblem {
    /// Nothing was typed.
    Empty,
    /// No device waits with this code, or it was typed elsewhere first.
    Wrong,
    /// Too many wrong codes.
    TooMany {
        /// How long to wait, in seconds; shown in minutes, rounded up.
        wait_seconds: u32,
    },
    /// The code ran out while the page was open.
    Expired,
}

impl DeviceCode<'_> {
    /// Render the page as HTML.
    ///
    /// # Errors
    ///
    /// [`RenderError::Template`] when a text is missing.
    pub fn render(&self) -> Result<String, RenderError> {
        Ok(Template::render(self)?)
    }

    fn title(&self) -> Result<String, MessageError> {
        self.chrome.title("device-title", self.problem.is_some())
    }

    /// The words of the summary; those about the field stand beside it too.
    fn problem_text(&self) -> Result<Option<Html>, MessageError> {
        Ok(Some(match self.problem {
            None => return Ok(None),
            Some(DeviceProblem::Empty) => self.chrome.t("device-empty")?,
            Some(DeviceProblem::Wrong) => self.chrome.t("device-wrong")?,
            Some(DeviceProblem::Expired) => self.chrome.t("device-expired")?,
            Some(DeviceProblem::TooMany { wait_seconds }) => {
                let minutes = wait_seconds.div_ceil(60).max(1);
                self.chrome.html("device-too-many", &[("minutes", Value::Count(minutes))])?
            }
        }))
    }

    /// Whether the field is what is wrong.
    fn field_is_wrong(&self) -> bool {
        matches!(self.problem, Some(DeviceProblem::Empty | DeviceProblem::Wrong))
    }
}

/// The question. Its form posts `csrf`, `user_code` and `decision` (`allow` or `deny`) to `/device/confirm`.
#[derive(Template)]
#[template(path = "device-confirm.html")]
pub struct DeviceConfirm<'a> {
    /// The frame of the page.
    pub chrome: Chrome<'a>,
    /// The token against forged requests (WH-11).
    pub csrf: &'a str,
    /// The code to compare, as the device shows it.
    pub user_code: &'a str,
    /// The app that asks; a device has no address of its own, so only its name is shown.
    pub app: App<'a>,
    /// The account that would be used.
    pub username: &'a str,
    /// The scopes asked for.
    pub scopes: &'a [&'a str],
    /// The resources asked for.
    pub resources: &'a [&'a str],
    /// The address the device asked from.
    pub address: &'a str,
    /// Whether that is where this browser is too.
    pub same_address: bool,
    /// When it asked, RFC 3339 in UTC.
    pub requested_at: &'a str,
}

impl DeviceConfirm<'_> {
    /// Render the page as HTML.
    ///
    /// # Errors
    ///
    /// [`RenderError::Template`] when a text is missing.
    pub fn render(&self) -> Result<String, RenderError> {
        Ok(Template::render(self)?)
    }

    fn title(&self) -> Result<String, MessageError> {
        self.chrome.title("device-confirm-title", false)
    }

    fn heading(&self) -> Result<Html, MessageError> {
        self.chrome.html("device-confirm-heading", &[("app", Value::Words(self.app.name))])
    }

    fn moment(&self) -> Result<Html, MessageError> {
        moment::words(&self.chrome, self.requested_at)
    }

    fn permission(&self, scope: &str) -> Result<Html, MessageError> {
        permission(&self.chrome, scope)
    }
}

/// What became of it: the person may put this browser away.
#[derive(Template)]
#[template(path = "device-done.html")]
pub struct DeviceDone<'a> {
    /// The frame of the page.
    pub chrome: Chrome<'a>,
    /// Whether access was allowed.
    pub allowed: bool,
}

impl DeviceDone<'_> {
    /// Render the page as HTML.
    ///
    /// # Errors
    ///
    /// [`RenderError::Template`] when a text is missing.
    pub fn render(&self) -> Result<String, RenderError> {
        Ok(Template::render(self)?)
    }

    fn title(&self) -> Result<String, MessageError> {
        self.chrome.title(if self.allowed { "device-allowed-title" } else { "device-denied-title" }, false)
    }

    fn heading(&self) -> Result<Html, MessageError> {
        self.chrome.t(if self.allowed { "device-allowed-title" } else { "device-denied-title" })
    }

    fn text(&self) -> Result<Html, MessageError> {
        self.chrome.t(if self.allowed { "device-allowed-text" } else { "device-denied-text" })
    }
}
