//! The authorization response: where it goes, how, and what it always carries. OAuth 2.1 §4.1.2; RFC 9207.

use brama_faults::{Fault, planted};

use crate::error::Refusal;
use crate::redirect_uri::MatchedRedirectUri;

/// How an answer goes to the client. OAuth 2.0 Multiple Response Types §2.1; Form Post Response Mode; AZ-31.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResponseMode {
    /// In the query of the redirect URI.
    #[default]
    Query,
    /// As a form that the browser posts to it.
    FormPost,
}

impl ResponseMode {
    /// The modes that metadata lists.
    pub const SUPPORTED: &[&str] = &["query", "form_post"];

    /// Read a `response_mode`; nothing for one that is not offered. Nothing is ever put into a fragment. AZ-33.
    #[must_use]
    pub fn parse(text: Option<&str>) -> Option<Self> {
        match text {
            None | Some("query") => Some(Self::Query),
            Some("form_post") => Some(Self::FormPost),
            Some(_) => None,
        }
    }
}

/// Where an answer goes: the checked redirect URI, the way there and the client's own `state`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Return {
    /// The only thing that can be redirected to.
    pub redirect_uri: MatchedRedirectUri,
    /// The way there.
    pub mode: ResponseMode,
    /// Returned byte for byte. AZ-15.
    pub state: Option<String>,
}

/// An answer on its way to a client. Only [`Return`] makes it, so `iss` and `state` cannot be left out. No `Debug`: it may
/// carry a code.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    redirect_uri: MatchedRedirectUri,
    mode: ResponseMode,
    parameters: Vec<(&'static str, String)>,
    is_error: bool,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let what = if self.is_error { "error" } else { "code" };
        write!(f, "Answer({what} to {})", self.redirect_uri.as_str())
    }
}

impl Answer {
    /// The way it goes.
    #[must_use]
    pub fn mode(&self) -> ResponseMode {
        self.mode
    }

    /// Whether it tells of an error.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.is_error
    }

    /// Where it goes, without the answer.
    #[must_use]
    pub fn redirect_uri(&self) -> &MatchedRedirectUri {
        &self.redirect_uri
    }

    /// What it says.
    #[must_use]
    pub fn parameters(&self) -> Vec<(&str, &str)> {
        self.parameters.iter().map(|(name, value)| (*name, value.as_str())).collect()
    }

    /// The address with the answer in its query. AZ-33.
    #[must_use]
    pub fn url(&self) -> String {
        self.redirect_uri.with_parameters(&self.parameters())
    }
}

/// Who sees the error of an authorization request. Standards §1.2.
#[derive(Debug)]
pub enum AuthorizeError {
    /// The redirect URI is not known to be good: our own page, no redirect. OAuth 2.1 §4.1.2.1.
    OnPage(Refusal),
    /// The client is told, at a redirect URI that matched.
    BackToClient(Box<Return>, Refusal),
}

impl AuthorizeError {
    /// The refusal, for an endpoint that answers it directly. RFC 9126 §2.3.
    #[must_use]
    pub fn into_refusal(self) -> Refusal {
        match self {
            Self::OnPage(refusal) | Self::BackToClient(_, refusal) => refusal,
        }
    }
}

impl Return {
    /// The answer with a code. `iss` cannot be left out. RFC 9207 §2; AZ-14.
    #[must_use]
    pub fn with_code(&self, code: &str, issuer: &str) -> Answer {
        self.answer(vec![("code", code.to_owned())], issuer, false)
    }

    /// The answer with an error. `error_uri` names the error's page here. AZ-14, AZ-15.
    #[must_use]
    pub fn with_error(&self, refusal: &Refusal, issuer: &str) -> Answer {
        let row = refusal.row;
        let parameters = vec![
            ("error", row.error.to_owned()),
            ("error_description", row.description.to_owned()),
            ("error_uri", format!("{issuer}/error/{}", row.id)),
        ];
        self.answer(parameters, issuer, true)
    }

    fn answer(&self, mut parameters: Vec<(&'static str, String)>, issuer: &str, is_error: bool) -> Answer {
        if let Some(state) = &self.state {
            parameters.push(("state", state.clone()));
        }
        if !(planted(Fault::Mixup02) && is_error) {
            parameters.push(("iss", issuer.to_owned()));
        }
        Answer { redirect_uri: self.redirect_uri.clone(), mode: self.mode, parameters, is_error }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error;

    #[test]
    fn az14_az15_every_answer_carries_issuer_and_state() {
        for mode in [ResponseMode::Query, ResponseMode::FormPost] {
            let to = Return {
                redirect_uri: MatchedRedirectUri::from_stored("https://app.example.com/cb?x=1".to_owned()),
                mode,
                state: Some("a b&c=\u{e9}".to_owned()),
            };
            let code = to.with_code("CODE", "https://id.example.com");
            assert_eq!(
                code.url(),
                "https://app.example.com/cb?x=1&code=CODE&state=a+b%26c%3D%C3%A9&iss=https%3A%2F%2Fid.example.com"
            );
            assert_eq!(
                code.parameters(),
                [("code", "CODE"), ("state", "a b&c=\u{e9}"), ("iss", "https://id.example.com")]
            );
            assert!(!code.is_error() && code.mode() == mode && !format!("{code:?}").contains("CODE"));
            let refused = to.with_error(&Refusal::from(&error::DENIED), "https://id.example.com");
            let names: Vec<&str> = refused.parameters().iter().map(|(name, _)| *name).collect();
            assert_eq!(names, ["error", "error_description", "error_uri", "state", "iss"]);
            assert!(refused.is_error() && refused.url().contains("error=access_denied"));
            assert!(refused.url().contains("error_uri=https%3A%2F%2Fid.example.com%2Ferror%2FB2130"));
            let stateless = Return { state: None, ..to };
            assert!(!stateless.with_code("CODE", "https://id.example.com").url().contains("state="));
        }
    }

    #[test]
    fn az31_modes_that_are_not_offered() {
        for wrong in ["fragment", "jwt", "query.jwt", "form_post.jwt", "web_message", "Query", "query form_post", " "] {
            assert_eq!(ResponseMode::parse(Some(wrong)), None, "{wrong}");
        }
        assert_eq!(ResponseMode::parse(None), Some(ResponseMode::Query));
        for mode in ResponseMode::SUPPORTED {
            assert!(ResponseMode::parse(Some(mode)).is_some(), "{mode}");
        }
    }
}
