//! `/sign-in`: user name and password on one page (F3), naming the app (T1).

use askama::Template;

use crate::RenderError;
use crate::assets;
use crate::chrome::{App, Chrome};
use crate::text::{Html, MessageError, Value};

/// The sign-in page. Its form posts `tx`, `csrf`, `username`, `password` and `remember` to `/sign-in`.
#[derive(Template)]
#[template(path = "sign-in.html")]
pub struct SignIn<'a> {
    /// The frame of the page.
    pub chrome: Chrome<'a>,
    /// The app to go on to; none when a person signs in to the account page.
    pub app: Option<App<'a>>,
    /// The id of the authorization the sign-in belongs to.
    pub tx: &'a str,
    /// The token against forged requests (WH-11).
    pub csrf: &'a str,
    /// What was typed as user name; kept over every problem (A3, A6). The password never is.
    pub username: &'a str,
    /// What went wrong with the last try.
    pub problem: Option<SignInProblem>,
    /// Whether the box "keep me signed in" is ticked.
    pub remember: bool,
}

/// What went wrong with a sign-in, or why the page is shown again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignInProblem {
    /// No user name was typed.
    EmptyUsername,
    /// No password was typed.
    EmptyPassword,
    /// Nothing was typed.
    EmptyBoth,
    /// User name and password do not belong together. The page does not say which is wrong (T2).
    WrongPair,
    /// Too many tries.
    TooMany {
        /// How long to wait, in seconds; shown in minutes, rounded up.
        wait_seconds: u32,
    },
    /// The form was too old. The user name is kept (A6).
    Expired,
    /// No problem: the app wants to know that it is still the same person (OpenID Connect `prompt=login`, `max_age`).
    Reauthenticate,
    /// The server has more sign-ins than it can check.
    Overloaded,
}

/// A line of the problem summary.
struct Line {
    /// The `id` of the field it speaks of.
    field: Option<&'static str>,
    text: Html,
}

const USERNAME: &str = "username";
const PASSWORD: &str = "password";

impl SignIn<'_> {
    /// Render the page as HTML.
    ///
    /// # Errors
    ///
    /// [`RenderError::Template`] when a text is missing.
    pub fn render(&self) -> Result<String, RenderError> {
        Ok(Template::render(self)?)
    }

    fn title(&self) -> Result<String, MessageError> {
        self.chrome.title("sign-in-title", self.failed())
    }

    fn failed(&self) -> bool {
        self.problem.is_some_and(|problem| problem != SignInProblem::Reauthenticate)
    }

    fn script(&self) -> &'static str {
        assets::sign_in_script()
    }

    fn destination(&self) -> Result<Html, MessageError> {
        match self.app {
            Some(app) => self
                .chrome
                .html("sign-in-to-app", &[("app", Value::Words(app.name)), ("domain", Value::Words(app.domain))]),
            None => self.chrome.t("sign-in-to-account"),
        }
    }

    /// The words of the summary; the same words stand beside the fields.
    fn lines(&self) -> Result<Vec<Line>, MessageError> {
        let line = |field, id| Ok(Line { field, text: self.chrome.t(id)? });
        Ok(match self.problem {
            None | Some(SignInProblem::Reauthenticate) => Vec::new(),
            Some(SignInProblem::EmptyUsername) => {
                vec![line(Some(USERNAME), "sign-in-empty-username")?]
            }
            Some(SignInProblem::EmptyPassword) => {
                vec![line(Some(PASSWORD), "sign-in-empty-password")?]
            }
            Some(SignInProblem::EmptyBoth) => {
                vec![line(Some(USERNAME), "sign-in-empty-username")?, line(Some(PASSWORD), "sign-in-empty-password")?]
            }
            Some(SignInProblem::WrongPair) => vec![line(Some(USERNAME), "sign-in-wrong-pair")?],
            Some(SignInProblem::TooMany { wait_seconds }) => {
                let minutes = wait_seconds.div_ceil(60).max(1);
                let text = self.chrome.html("sign-in-too-many", &[("minutes", Value::Count(minutes))])?;
                vec![Line { field: None, text }]
            }
            Some(SignInProblem::Expired) => vec![line(None, "sign-in-expired")?],
            Some(SignInProblem::Overloaded) => vec![line(None, "sign-in-overloaded")?],
        })
    }

    fn reauthenticate(&self) -> Result<Option<Html>, MessageError> {
        if self.problem != Some(SignInProblem::Reauthenticate) {
            return Ok(None);
        }
        let text = match self.app {
            Some(app) => self.chrome.html("sign-in-reauthenticate", &[("app", Value::Words(app.name))]),
            None => self.chrome.t("sign-in-reauthenticate-account"),
        };
        text.map(Some)
    }

    fn username_error(&self) -> Result<Option<Html>, MessageError> {
        match self.problem {
            Some(SignInProblem::EmptyUsername | SignInProblem::EmptyBoth) => {
                self.chrome.t("sign-in-empty-username").map(Some)
            }
            Some(SignInProblem::WrongPair) => self.chrome.t("sign-in-wrong-pair").map(Some),
            _ => Ok(None),
        }
    }

    fn password_error(&self) -> Result<Option<Html>, MessageError> {
        match self.problem {
            Some(SignInProblem::EmptyPassword | SignInProblem::EmptyBoth) => {
                self.chrome.t("sign-in-empty-password").map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Both fields may be the wrong one; the words stand at the first.
    fn wrong_pair(&self) -> bool {
        self.problem == Some(SignInProblem::WrongPair)
    }

    /// What `aria-describedby` of the password names, in reading order.
    fn password_described_by(&self) -> &'static str {
        match self.problem {
            Some(SignInProblem::WrongPair) => "username-error layout-hint",
            Some(SignInProblem::EmptyPassword | SignInProblem::EmptyBoth) => "password-error",
            _ => "",
        }
    }
}
