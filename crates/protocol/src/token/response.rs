//! The token response. OAuth 2.1 §3.2.3.

use std::fmt;

use serde::Serialize;

/// What a client gets. TE-40.
#[derive(Serialize)]
pub struct TokenResponse<'a> {
    /// The access token.
    pub access_token: &'a str,
    /// `Bearer`.
    pub token_type: &'static str,
    /// Lifetime of the access token, seconds.
    pub expires_in: i64,
    /// What was granted, always said.
    pub scope: &'a str,
    /// Absent where the refresh token goes into a cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<&'a str>,
    /// Present for OpenID requests. OpenID Core §3.1.3.3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token: Option<&'a str>,
}

/// Without the tokens.
impl fmt::Debug for TokenResponse<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("TokenResponse");
        shown.field("token_type", &self.token_type).field("expires_in", &self.expires_in).field("scope", &self.scope);
        shown.finish_non_exhaustive()
    }
}
