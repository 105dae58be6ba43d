//! `/account`: who am I, where am I signed in, and how to end it (T3, SE-13).

use askama::Template;

use crate::RenderError;
use crate::assets;
use crate::chrome::Chrome;
use crate::moment;
use crate::text::{Html, MessageError, Value};

/// The account page. Forms: `POST /account/sessions/end` with `session=<handle>`, `all_others=1` or `all=1`, and
/// `POST /account/sign-out`; each with `csrf`.
#[derive(Template)]
#[template(path = "account.html")]
pub struct Account<'a> {
    /// The frame of the page.
    pub chrome: Chrome<'a>,
    /// The token against forged requests (WH-11).
    pub csrf: &'a str,
    /// The name to greet with; the user name when there is no other.
    pub name: &'a str,
    /// The user name.
    pub username: &'a str,
    /// The address of the account.
    pub email: Option<&'a str>,
    /// The live sessions, the current one first.
    pub sessions: &'a [SessionCard<'a>],
    /// What the last form has done.
    pub notice: Option<AccountNotice>,
}

/// A session on the account page.
#[derive(Clone)]
pub struct SessionCard<'a> {
    /// What names the session in a form; not its secret id.
    pub handle: &'a str,
    /// The device in coarse words, such as "Firefox on Linux".
    pub device_label: &'a str,
    /// When it began: RFC 3339, UTC.
    pub signed_in_at: &'a str,
    /// When it was last used: RFC 3339, UTC.
    pub last_seen_at: &'a str,
    /// Whether this page was asked for with it.
    pub is_current: bool,
    /// How the person signed in: an `amr` value (RFC 8176), such as `pwd`.
    pub method: &'a str,
    /// The names of the apps signed in through it.
    pub apps: Vec<String>,
}

/// What a form of the account page has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountNotice {
    /// One session has ended.
    SessionEnded,
    /// The other sessions have ended.
    OthersEnded {
        /// How many.
        count: u32,
    },
    /// The session had ended before.
    AlreadyEnded,
    /// A key of an app was used twice, so its access was cut off: somebody may have copied it.
    TokenTheft,
}

impl Account<'_> {
    /// Whether the notice is a warning.
    fn is_warning(&self) -> bool {
        self.notice == Some(AccountNotice::TokenTheft)
    }

    /// Render the page as HTML.
    ///
    /// # Errors
    ///
    /// [`RenderError::Template`] when a text is missing.
    pub fn render(&self) -> Result<String, RenderError> {
        Ok(Template::render(self)?)
    }

    fn title(&self) -> Result<String, MessageError> {
        self.chrome.title("account-title", false)
    }

    fn script(&self) -> &'static str {
        assets::times_script()
    }

    fn notice_text(&self) -> Result<Option<Html>, MessageError> {
        match self.notice {
            None => Ok(None),
            Some(AccountNotice::SessionEnded) => self.chrome.t("account-notice-ended").map(Some),
            Some(AccountNotice::OthersEnded { count }) => {
                self.chrome.html("account-notice-others-ended", &[("count", Value::Count(count))]).map(Some)
            }
            Some(AccountNotice::AlreadyEnded) => self.chrome.t("account-notice-gone").map(Some),
            Some(AccountNotice::TokenTheft) => self.chrome.t("account-notice-theft").map(Some),
        }
    }

    fn count(&self) -> Result<Html, MessageError> {
        let count = u32::try_from(self.sessions.len()).unwrap_or(u32::MAX);
        self.chrome.html("account-sessions-count", &[("count", Value::Count(count))])
    }

    fn moment(&self, rfc3339: &str) -> Result<Html, MessageError> {
        moment::words(&self.chrome, rfc3339)
    }

    fn method(&self, session: &SessionCard<'_>) -> Result<Html, MessageError> {
        match session.method {
            "pwd" => self.chrome.t("account-method-password"),
            other => self.chrome.html("account-method-other", &[("method", Value::Words(other))]),
        }
    }

    /// What the button says to those who cannot see which card it stands in.
    fn end_name(&self, session: &SessionCard<'_>) -> Result<String, MessageError> {
        self.chrome.plain("account-session-end-name", &[("device", Value::Words(session.device_label))])
    }

    fn has_others(&self) -> bool {
        self.sessions.iter().any(|session| !session.is_current)
    }
}
