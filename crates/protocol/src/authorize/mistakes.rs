//! How other servers took redirect URIs from requests, for tests that plant their mistakes. In an ordinary build nothing of it
//! is left.

use brama_faults::{Fault, planted};

use crate::authorize::response::{AuthorizeError, ResponseMode, Return};
use crate::error::{self, Refusal};
use crate::parameters::Parameters;
use crate::redirect_uri::MatchedRedirectUri;

/// A redirect URI that is taken as it comes.
pub(super) fn unchecked(parameters: &Parameters, requested: Option<&str>) -> Option<MatchedRedirectUri> {
    let silent = parameters.one("prompt") == Ok(Some("none"));
    let taken = requested.filter(|_| planted(Fault::Redir10) && silent);
    taken.map(|text| MatchedRedirectUri::from_stored(text.to_owned()))
}

/// The error, told to a redirect URI that nobody has registered.
pub(super) fn told_to(requested: Option<&str>) -> Option<AuthorizeError> {
    planted(Fault::Openredir03).then(|| {
        let redirect_uri = MatchedRedirectUri::from_stored(requested.unwrap_or_default().to_owned());
        let back = Return { redirect_uri, mode: ResponseMode::Query, state: None };
        AuthorizeError::BackToClient(Box::new(back), Refusal::from(&error::AUTHORIZE_REDIRECT_URI))
    })
}
