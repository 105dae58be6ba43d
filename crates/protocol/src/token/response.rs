//! The token response. OAuth 2.1 §3.2.3.

use serde::Serialize;

/// What a client gets. TE-40.
#[derive(Debug, Serialize)]
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
