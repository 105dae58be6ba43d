//! The authorization response: where it goes and what it always carries. OAuth 2.1 §4.1.2; RFC 9207.

use crate::error::Refusal;
use crate::redirect_uri::MatchedRedirectUri;

/// Where an answer goes: the checked redirect URI and the client's own `state`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Return {
    /// The only thing that can be redirected to.
    pub redirect_uri: MatchedRedirectUri,
    /// Returned byte for byte. AZ-15.
    pub state: Option<String>,
}

/// Who sees the error of an authorization request. Standards §1.2.
#[derive(Debug)]
pub enum AuthorizeError {
    /// The redirect URI is not known to be good: our own page, no redirect. OAuth 2.1 §4.1.2.1.
    OnPage(Refusal),
    /// The client is told, at a redirect URI that matched.
    BackToClient(Box<Return>, Refusal),
}

impl Return {
    /// The redirect with a code. `iss` cannot be left out. RFC 9207 §2; AZ-14.
    #[must_use]
    pub fn with_code(&self, code: &str, issuer: &str) -> String {
        self.redirect(&[("code", code)], issuer)
    }

    /// The redirect with an error. `error_uri` names the error's page here. AZ-14, AZ-15.
    #[must_use]
    pub fn with_error(&self, refusal: &Refusal, issuer: &str) -> String {
        let uri = format!("{issuer}/error/{}", refusal.row.id);
        self.redirect(
            &[("error", refusal.row.error), ("error_description", refusal.row.description), ("error_uri", &uri)],
            issuer,
        )
    }

    fn redirect(&self, parameters: &[(&str, &str)], issuer: &str) -> String {
        let mut all = parameters.to_vec();
        if let Some(state) = &self.state {
            all.push(("state", state));
        }
        all.push(("iss", issuer));
        self.redirect_uri.with_parameters(&all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error;

    #[test]
    fn az14_az15_every_answer_carries_issuer_and_state() {
        let to = Return {
            redirect_uri: MatchedRedirectUri::from_stored("https://app.example.com/cb?x=1".to_owned()),
            state: Some("a b&c=\u{e9}".to_owned()),
        };
        assert_eq!(
            to.with_code("CODE", "https://id.example.com"),
            "https://app.example.com/cb?x=1&code=CODE&state=a+b%26c%3D%C3%A9&iss=https%3A%2F%2Fid.example.com"
        );
        let refused = to.with_error(&Refusal::from(&error::DENIED), "https://id.example.com");
        assert!(refused.contains("error=access_denied") && refused.contains("&iss=") && refused.contains("&state="));
        assert!(refused.contains("error_uri=https%3A%2F%2Fid.example.com%2Ferror%2FB2130"));
        let stateless = Return { state: None, ..to };
        assert!(!stateless.with_code("CODE", "https://id.example.com").contains("state="));
    }
}
