//! The metadata documents: exactly what works, no more. RFC 8414; OpenID Discovery 1.0; EP-50 to EP-52.

use serde::Serialize;

use crate::acr;
use crate::authorize::prompt;
use crate::authorize::response::ResponseMode;
use crate::client::GrantType;
use crate::client_assertion;
use crate::oidc::claims;
use crate::token::request::grant_types;

/// How clients prove who they are, wherever they do. TE-3 to TE-11.
const AUTH_METHODS: &[&str] = &["none", "client_secret_basic", "client_secret_post", "private_key_jwt"];
/// The same where naming oneself is not enough. EP-30.
const CONFIDENTIAL_AUTH_METHODS: &[&str] = &["client_secret_basic", "client_secret_post", "private_key_jwt"];

/// Both metadata documents; their content is the same. EP-50.
#[derive(Debug, Serialize)]
pub struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    pushed_authorization_request_endpoint: String,
    require_pushed_authorization_requests: bool,
    device_authorization_endpoint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_endpoint: Option<String>,
    jwks_uri: String,
    userinfo_endpoint: String,
    end_session_endpoint: String,
    backchannel_logout_supported: bool,
    backchannel_logout_session_supported: bool,
    scopes_supported: &'static [&'static str],
    response_types_supported: &'static [&'static str],
    response_modes_supported: &'static [&'static str],
    grant_types_supported: [&'static str; GrantType::ALL.len()],
    // MCP clients stop without it. AZ-26.
    code_challenge_methods_supported: &'static [&'static str],
    token_endpoint_auth_methods_supported: &'static [&'static str],
    token_endpoint_auth_signing_alg_values_supported: &'static [&'static str],
    introspection_endpoint: String,
    introspection_endpoint_auth_methods_supported: &'static [&'static str],
    introspection_endpoint_auth_signing_alg_values_supported: &'static [&'static str],
    revocation_endpoint: String,
    revocation_endpoint_auth_methods_supported: &'static [&'static str],
    revocation_endpoint_auth_signing_alg_values_supported: &'static [&'static str],
    dpop_signing_alg_values_supported: [&'static str; DPOP_ALGORITHMS.len()],
    subject_types_supported: &'static [&'static str],
    id_token_signing_alg_values_supported: Vec<&'static str>,
    acr_values_supported: &'static [&'static str],
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

/// What DPoP proofs may be signed with. RFC 9449 §5.1; RS-14.
pub const DPOP_ALGORITHMS: [&str; 4] = ["ES256", "EdDSA", "RS256", "PS256"];

/// What differs from one deployment to another.
#[derive(Clone, Copy, Debug)]
pub struct Offer<'a> {
    /// The issuer, exactly.
    pub issuer: &'a str,
    /// Algorithms that it signs ID tokens with.
    pub signing_algorithms: &'a [&'static str],
    /// Whether apps may register themselves. RG-10.
    pub registration: bool,
    /// Whether every authorization request has to be pushed. EP-6.
    pub require_pushed_authorization_requests: bool,
}

impl Metadata {
    /// The document of a server. G-7: every URL begins with the configured issuer.
    #[must_use]
    pub fn of(offer: &Offer<'_>) -> Self {
        let issuer = offer.issuer;
        let at = |path: &str| format!("{issuer}{path}");
        Self {
            issuer: issuer.to_owned(),
            authorization_endpoint: at("/oauth2/authorize"),
            token_endpoint: at("/oauth2/token"),
            pushed_authorization_request_endpoint: at("/oauth2/par"),
            require_pushed_authorization_requests: offer.require_pushed_authorization_requests,
            device_authorization_endpoint: at("/oauth2/device_authorization"),
            registration_endpoint: offer.registration.then(|| at("/oauth2/register")),
            jwks_uri: at("/oauth2/jwks"),
            userinfo_endpoint: at("/userinfo"),
            end_session_endpoint: at("/oauth2/logout"),
            backchannel_logout_supported: true,
            backchannel_logout_session_supported: true,
            scopes_supported: &["openid", "profile", "email", "offline_access"],
            response_types_supported: &["code"],
            response_modes_supported: ResponseMode::SUPPORTED,
            grant_types_supported: grant_types(),
            code_challenge_methods_supported: &["S256"],
            token_endpoint_auth_methods_supported: AUTH_METHODS,
            token_endpoint_auth_signing_alg_values_supported: client_assertion::ALGORITHMS,
            introspection_endpoint: at("/oauth2/introspect"),
            introspection_endpoint_auth_methods_supported: CONFIDENTIAL_AUTH_METHODS,
            introspection_endpoint_auth_signing_alg_values_supported: client_assertion::ALGORITHMS,
            revocation_endpoint: at("/oauth2/revoke"),
            revocation_endpoint_auth_methods_supported: AUTH_METHODS,
            revocation_endpoint_auth_signing_alg_values_supported: client_assertion::ALGORITHMS,
            dpop_signing_alg_values_supported: DPOP_ALGORITHMS,
            subject_types_supported: &["public"],
            id_token_signing_alg_values_supported: offer.signing_algorithms.to_vec(),
            acr_values_supported: acr::SUPPORTED,
            claims_supported: claims::SUPPORTED,
            claim_types_supported: &["normal"],
            ui_locales_supported: &["uk", "en"],
            prompt_values_supported: prompt::SUPPORTED,
            authorization_response_iss_parameter_supported: true,
            claims_parameter_supported: true,
            request_parameter_supported: false,
            request_uri_parameter_supported: false,
        }
    }
}
