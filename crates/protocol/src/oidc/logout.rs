//! RP-initiated logout: the request. OpenID RP-Initiated Logout 1.0 §2.

use std::fmt;

use brama_faults::{Fault, planted};

use crate::client::{Client, ClientId};
use crate::limits;
use crate::parameters::{Duplicate, Parameters};

/// What an app asks when it sends a person here to sign out. LO-1.
#[derive(Clone, Default)]
pub struct LogoutRequest {
    /// An ID token we issued, unverified; it may have expired.
    pub id_token_hint: Option<String>,
    /// What such a token said, as our own redirect carries it on.
    pub carried_hint: Option<String>,
    /// Whom the app means: a name, an address, or the id of the user or of the session.
    pub logout_hint: Option<String>,
    /// The app, if it names itself.
    pub client: Option<ClientId>,
    /// Where to go afterwards; trusted only after [`post_logout_redirect`].
    pub post_logout_redirect_uri: Option<String>,
    /// Returned with the redirect.
    pub state: Option<String>,
    /// Languages the person prefers.
    pub ui_locales: Option<String>,
}

/// Without the hints: one is a token, the other names a person.
impl fmt::Debug for LogoutRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("LogoutRequest");
        shown.field("client", &self.client).field("post_logout_redirect_uri", &self.post_logout_redirect_uri);
        shown.finish_non_exhaustive()
    }
}

impl LogoutRequest {
    /// Read the parameters of a logout request. Values that are too long or no client id count as absent: the person
    /// can sign out all the same.
    ///
    /// # Errors
    /// [`Duplicate`].
    pub fn parse(parameters: &Parameters) -> Result<Self, Duplicate> {
        let short =
            |name, bytes| Ok(parameters.one(name)?.filter(|value: &&str| value.len() <= bytes).map(ToOwned::to_owned));
        Ok(Self {
            id_token_hint: short("id_token_hint", limits::JWT_BYTES)?,
            carried_hint: short("carried_hint", limits::LOGIN_HINT_BYTES)?,
            logout_hint: short("logout_hint", limits::LOGIN_HINT_BYTES)?,
            client: parameters.one("client_id")?.and_then(|text| text.parse().ok()),
            post_logout_redirect_uri: short("post_logout_redirect_uri", limits::REDIRECT_URI_BYTES)?,
            state: short("state", limits::STATE_BYTES)?,
            ui_locales: short("ui_locales", limits::LOGIN_HINT_BYTES)?,
        })
    }
}

/// Where to send the person after signing out: only an exactly registered URI of a known client. LO-4.
#[must_use]
pub fn post_logout_redirect(client: &Client, requested: Option<&str>, state: Option<&str>) -> Option<String> {
    let requested = requested?;
    if planted(Fault::Openredir01) && requested.starts_with('/') {
        return Some(requested.to_owned());
    }
    client.post_logout_redirect_uris.iter().find(|uri| uri.as_str() == requested)?;
    let to = crate::redirect_uri::MatchedRedirectUri::from_stored(requested.to_owned());
    Some(match state {
        None => requested.to_owned(),
        Some(state) => to.with_parameters(&[("state", state)]),
    })
}
