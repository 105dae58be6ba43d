//! The flags that describe an app, the same for `add` and `set`. A flag that is given counts, one that is not leaves things
//! as they are; an empty text (`--origin ''`) empties.

use std::path::PathBuf;

use clap::{ArgAction, Args};

use crate::client_form::ClientForm;
use crate::failure::{Failure, Trouble, USAGE};

/// What an app is.
#[derive(Debug, Default, Args)]
pub(crate) struct ClientFlags {
    /// Name that people see; the id if left out
    #[arg(long)]
    name: Option<String>,
    /// Where codes may be sent, exactly; may be repeated
    #[arg(long, value_name = "URI")]
    redirect_uri: Option<Vec<String>>,
    /// Where people may be sent after signing out; may be repeated
    #[arg(long, value_name = "URI")]
    post_logout_redirect_uri: Option<Vec<String>>,
    /// Origins whose scripts may call the server; those of the redirect URIs if left out
    #[arg(long, value_name = "ORIGIN")]
    origin: Option<Vec<String>>,
    /// Scope it may have; may be repeated; openid, profile and email if left out
    #[arg(long, value_name = "SCOPE")]
    scope: Option<Vec<String>>,
    /// Resource (API) it may ask tokens for, the first being its default; may be repeated
    #[arg(long, value_name = "URI")]
    resource: Option<Vec<String>>,
    /// It is ours: no consent page, and it may send passwords to /api/auth/login
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", action = ArgAction::Set)]
    first_party: Option<bool>,
    /// Where its refresh token goes: auto if left out
    #[arg(long, value_name = "WHERE", value_parser = ["auto", "cookie", "body"])]
    refresh_delivery: Option<String>,
    /// What signs its ID tokens: ES256 if left out
    #[arg(long, value_name = "ALG", value_parser = ["ES256", "RS256", "EdDSA", "PS256"])]
    id_token_alg: Option<String>,
    /// How it authenticates; what follows from its type if left out
    #[arg(long, value_name = "METHOD", value_parser = ["none", "client_secret", "client_secret_basic", "client_secret_post", "private_key_jwt"])]
    auth_method: Option<String>,
    /// The one algorithm of its assertions, for private_key_jwt
    #[arg(long, value_name = "ALG")]
    auth_signing_alg: Option<String>,
    /// File with its public keys, a JWK set
    #[arg(long, value_name = "FILE")]
    jwks: Option<PathBuf>,
    /// Address of its public keys
    #[arg(long, value_name = "URI")]
    jwks_uri: Option<String>,
    /// Grant it may use: authorization_code, refresh_token, client_credentials, device_code; may be repeated; what follows
    /// from its type if left out
    #[arg(long, value_name = "GRANT")]
    grant_type: Option<Vec<String>>,
    /// Resource it answers for as an API: it may introspect tokens that are for it; may be repeated
    #[arg(long, value_name = "URI")]
    serves: Option<Vec<String>>,
    /// It has to push its authorization requests (RFC 9126)
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", action = ArgAction::Set)]
    require_par: Option<bool>,
    /// Its tokens are always bound to a key (RFC 9449)
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", action = ArgAction::Set)]
    dpop_bound: Option<bool>,
    /// Oldest sign-in it accepts where a request names none
    #[arg(long, value_name = "SECONDS")]
    default_max_age: Option<String>,
    /// acr value where a request names none; may be repeated
    #[arg(long, value_name = "ACR")]
    default_acr_value: Option<Vec<String>>,
    /// Where it is told that a session ended (OpenID Back-Channel Logout)
    #[arg(long, value_name = "URI")]
    backchannel_logout_uri: Option<String>,
    /// It needs sid in logout tokens
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", action = ArgAction::Set)]
    backchannel_logout_session_required: Option<bool>,
    /// It may leave PKCE out: only for old clients and certification suites that authenticate
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", action = ArgAction::Set)]
    danger_allow_missing_pkce: Option<bool>,
    /// Its home page, shown to people
    #[arg(long, value_name = "URI")]
    client_uri: Option<String>,
    /// Its logo
    #[arg(long, value_name = "URI")]
    logo_uri: Option<String>,
    /// How it uses what it is told
    #[arg(long, value_name = "URI")]
    policy_uri: Option<String>,
    /// Its terms
    #[arg(long, value_name = "URI")]
    tos_uri: Option<String>,
    /// Who to write to about it; may be repeated
    #[arg(long, value_name = "ADDRESS")]
    contact: Option<Vec<String>>,
}

impl ClientFlags {
    /// Write what was given into a form.
    ///
    /// # Errors
    /// A file that cannot be read, a number that is none.
    pub(crate) fn write_into(self, form: &mut ClientForm) -> Result<(), Failure> {
        if self.name.is_some() {
            form.name = self.name;
        }
        for (given, part) in [
            (self.redirect_uri, &mut form.redirect_uris),
            (self.post_logout_redirect_uri, &mut form.post_logout_redirect_uris),
            (self.origin, &mut form.origins),
            (self.scope, &mut form.scopes),
            (self.resource, &mut form.resources),
            (self.grant_type, &mut form.grant_types),
            (self.serves, &mut form.serves),
            (self.default_acr_value, &mut form.default_acr_values),
            (self.contact, &mut form.links.contacts),
        ] {
            if let Some(given) = given {
                *part = given.into_iter().filter(|text| !text.is_empty()).collect();
            }
        }
        for (given, part) in [
            (self.first_party, &mut form.first_party),
            (self.require_par, &mut form.require_pushed_authorization_requests),
            (self.dpop_bound, &mut form.dpop_bound_access_tokens),
            (self.backchannel_logout_session_required, &mut form.backchannel_logout_session_required),
            (self.danger_allow_missing_pkce, &mut form.danger_allow_missing_pkce),
        ] {
            if let Some(given) = given {
                *part = given;
            }
        }
        for (given, part) in
            [(self.refresh_delivery, &mut form.refresh_delivery), (self.id_token_alg, &mut form.id_token_alg)]
        {
            if let Some(given) = given {
                *part = given;
            }
        }
        for (given, part) in [
            (self.auth_method, &mut form.auth_method),
            (self.auth_signing_alg, &mut form.auth_signing_alg),
            (self.backchannel_logout_uri, &mut form.backchannel_logout_uri),
            (self.client_uri, &mut form.links.client_uri),
            (self.logo_uri, &mut form.links.logo_uri),
            (self.policy_uri, &mut form.links.policy_uri),
            (self.tos_uri, &mut form.links.tos_uri),
        ] {
            if let Some(given) = given {
                *part = Some(given).filter(|text| !text.is_empty());
            }
        }
        if let Some(given) = self.default_max_age {
            form.default_max_age = seconds(&given)?;
        }
        keys(self.jwks, self.jwks_uri, form)
    }
}

/// Whole seconds; empty: none.
fn seconds(text: &str) -> Result<Option<u32>, Failure> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| {
        let what = format!("default_max_age: {text:?} is no number of seconds");
        Trouble::new("B5102", what, "write whole seconds, such as 3600").exit(USAGE).into()
    })
}

/// A file of keys takes the place of an address, and the other way round; both at once are refused by the form.
fn keys(file: Option<PathBuf>, uri: Option<String>, form: &mut ClientForm) -> Result<(), Failure> {
    if file.is_none() && uri.is_none() {
        return Ok(());
    }
    form.jwks_uri = uri.filter(|text| !text.is_empty());
    form.jwks = None;
    if let Some(path) = file.filter(|path| !path.as_os_str().is_empty()) {
        form.jwks = Some(read_keys(&path)?);
    }
    Ok(())
}

/// The JWK set of a file.
///
/// # Errors
/// The file cannot be read.
pub(crate) fn read_keys(path: &std::path::Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map(|text| text.trim().to_owned()).map_err(|error| {
        let what = format!("the keys in {} cannot be read: {error}", path.display());
        Trouble::new("B5107", what, "name a file with a JWK set: {\"keys\": [ … ]}").exit(USAGE).into()
    })
}
