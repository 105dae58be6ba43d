//! A problem that is not the person's: what happened, what to do, code and request id for support (WH-20).

use askama::Template;

use crate::RenderError;
use crate::chrome::Chrome;
use crate::href;
use crate::text::{Html, MessageError, Value};

/// The page of a problem. The caller chooses the status that goes with it.
#[derive(Template)]
#[template(path = "error.html")]
pub struct ErrorPage<'a> {
    /// The frame of the page.
    pub chrome: Chrome<'a>,
    /// What happened.
    pub kind: ErrorKind<'a>,
    /// The code of the problem, such as `B2104`.
    pub code: &'a str,
    /// The id of the request, to be found in the log.
    pub request_id: &'a str,
    /// What a developer wants to know; shown only when [`Chrome::dev`] is set, whatever stands here (WH-20).
    pub detail: Option<&'a str>,
    /// What the app is told too: the `error_description`, in English. No secret, no detail.
    pub explanation: Option<&'a str>,
    /// The way back: `https:`, `http:` or a path. Other addresses are not shown.
    pub back_url: Option<&'a str>,
}

/// What happened, in the words of the person who sees the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind<'a> {
    /// A known app sent an authorization request that cannot be answered to it (OAuth 2.1 §4.1.2.1).
    AppLinkWrong {
        /// The name of the app.
        app: &'a str,
    },
    /// The request names no app we know.
    UnknownApp,
    /// The request cannot be read.
    BadRequest,
    /// There is no such page.
    NotFound,
    /// The account may not see the page.
    Forbidden,
    /// The page does not answer this method.
    MethodNotAllowed,
    /// The request is larger than the limits (WH-13).
    TooLarge,
    /// The request came under another host name (WH-16).
    WrongHost,
    /// Too many requests.
    TooMany,
    /// The server cannot answer at the moment.
    Unavailable,
    /// A mistake of ours.
    Internal,
    /// The form was too old or already used (A6).
    StaleForm,
}

impl ErrorPage<'_> {
    /// Render the page as HTML.
    ///
    /// # Errors
    ///
    /// [`RenderError::Template`] when a text is missing.
    pub fn render(&self) -> Result<String, RenderError> {
        Ok(Template::render(self)?)
    }

    fn title(&self) -> Result<String, MessageError> {
        self.chrome.title(self.texts().0, true)
    }

    fn heading(&self) -> Result<Html, MessageError> {
        self.chrome.t(self.texts().0)
    }

    fn advice(&self) -> Result<Html, MessageError> {
        let id = self.texts().1;
        match self.kind {
            ErrorKind::AppLinkWrong { app } => {
                self.chrome.html(id, &[("app", Value::Words(app)), ("code", Value::Words(self.code))])
            }
            _ => self.chrome.t(id),
        }
    }

    /// The texts: what happened, what to do.
    fn texts(&self) -> (&'static str, &'static str) {
        match self.kind {
            ErrorKind::AppLinkWrong { .. } => ("error-app-link-title", "error-app-link-text"),
            ErrorKind::UnknownApp => ("error-unknown-app-title", "error-unknown-app-text"),
            ErrorKind::BadRequest => ("error-bad-request-title", "error-bad-request-text"),
            ErrorKind::NotFound => ("error-not-found-title", "error-not-found-text"),
            ErrorKind::Forbidden => ("error-forbidden-title", "error-forbidden-text"),
            ErrorKind::MethodNotAllowed => ("error-method-title", "error-method-text"),
            ErrorKind::TooLarge => ("error-too-large-title", "error-too-large-text"),
            ErrorKind::WrongHost => ("error-wrong-host-title", "error-wrong-host-text"),
            ErrorKind::TooMany => ("error-too-many-title", "error-too-many-text"),
            ErrorKind::Unavailable => ("error-unavailable-title", "error-unavailable-text"),
            ErrorKind::Internal => ("error-internal-title", "error-internal-text"),
            ErrorKind::StaleForm => ("error-stale-form-title", "error-stale-form-text"),
        }
    }

    fn shown_detail(&self) -> Option<&str> {
        self.detail.filter(|_| self.chrome.dev)
    }

    fn back(&self) -> Option<&str> {
        self.back_url.filter(|url| href::may_link_to(url))
    }
}
