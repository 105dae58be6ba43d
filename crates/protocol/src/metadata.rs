//! The metadata documents: exactly what works, no more. RFC 8414; OpenID Discovery 1.0; EP-50 to EP-52.

use serde::Serialize;

use crate::authorize::prompt;
use crate::oidc::claims;
use crate::token::request::GRANT_TYPES;

/// Both metadata documents; their content is the same. EP-50.
#[derive(Debug, Serialize)]
pub struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    userinfo_endpoint: String,
    end_session_endpoint: String,
    scopes_supported: &'static [&'static str],
    response_types_supported: &'static [&'static str],
    response_modes_supported: &'static [&'static str],
    grant_types_supported: &'static [&'static str],
    code_challenge_methods_supported: &'static [&'static str],
    token_endpoint_auth_methods_supported: &'static [&'static str],
    subject_types_supported: &'static [&'static str],
    id_token_signing_alg_values_supported: &'static [&'static str],
    claims_supported: &'static [&'static str],
    claim_types_supported: &'static [&'static str],
    ui_locales_supported: &'static [&'static str],
    prompt_values_supported: &'static [&'static str],
    authorization_response_iss_parameter_supported: bool,
    claims_parameter_supported: bool,
    request_parameter_supported: bool,
    // The default of this one would be true. EP-52.
    request_uri_parameter_supported: bool,
}

impl Metadata {
    /// The document of an issuer. G-7: every URL begins with the configured issuer.
    #[must_use]
    pub fn of(issuer: &str) -> Self {
        let at = |path: &str| format!("{issuer}{path}");
        Self {
            issuer: issuer.to_owned(),
            authorization_endpoint: at("/oauth2/authorize"),
            token_endpoint: at("/oauth2/token"),
            jwks_uri: at("/oauth2/jwks"),
            userinfo_endpoint: at("/userinfo"),
            end_session_endpoint: at("/oauth2/logout"),
            scopes_supported: &["openid", "profile", "email", "offline_access"],
            response_types_supported: &["code"],
            response_modes_supported: &["query"],
            grant_types_supported: GRANT_TYPES,
            code_challenge_methods_supported: &["S256"],
            token_endpoint_auth_methods_supported: &["none", "client_secret_basic", "client_secret_post"],
            subject_types_supported: &["public"],
            id_token_signing_alg_values_supported: &["ES256", "RS256"],
            claims_supported: claims::SUPPORTED,
            claim_types_supported: &["normal"],
            ui_locales_supported: &["uk", "en"],
            prompt_values_supported: prompt::SUPPORTED,
            authorization_response_iss_parameter_supported: true,
            claims_parameter_supported: false,
            request_parameter_supported: false,
            request_uri_parameter_supported: false,
        }
    }
}
