//! How values of the protocol are stored, in every backend alike: rows are copied from one to another as they are.

use brama_protocol::acr::AcrRequest;
use brama_protocol::authorize::response::ResponseMode;
use brama_protocol::client::{
    AuthMethod, BackchannelLogout, Client, ClientId, ClientKeys, ClientLinks, ClientType, GrantType, IdTokenAlgorithm,
    RefreshDelivery, Registrar,
};
use brama_protocol::oidc::claims_request::NamedClaims;
use brama_protocol::origin::Origin;
use brama_protocol::redirect_uri::RegisteredRedirectUri;
use brama_protocol::scope::{GrantedScope, Scope};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Unavailable;
use crate::session::Authentication;

/// A value that fits no state.
#[must_use]
pub fn corrupt(table: &'static str, why: impl std::fmt::Display) -> Unavailable {
    Unavailable::Corrupt { table, why: why.to_string() }
}

/// An instant as it is stored: milliseconds since 1970, UTC.
#[must_use]
pub fn millis(at: Timestamp) -> i64 {
    at.as_millisecond()
}

/// An instant from its column.
///
/// # Errors
/// Beyond the range of time.
pub fn timestamp(table: &'static str, millis: i64) -> Result<Timestamp, Unavailable> {
    Timestamp::from_millisecond(millis).map_err(|error| corrupt(table, error))
}

/// A client's id from its column.
///
/// # Errors
/// It is no id.
pub fn client_id(table: &'static str, text: String) -> Result<ClientId, Unavailable> {
    ClientId::try_from(text).map_err(|error| corrupt(table, error))
}

/// A scope from its column.
///
/// # Errors
/// It is no scope.
pub fn scope(table: &'static str, text: &str) -> Result<Scope, Unavailable> {
    Scope::parse(text).map_err(|error| corrupt(table, error))
}

/// A scope that was granted, from its column.
///
/// # Errors
/// It is no scope.
pub fn granted(table: &'static str, text: &str) -> Result<GrantedScope, Unavailable> {
    scope(table, text).map(GrantedScope::from_stored)
}

/// Claims by name, from their column.
///
/// # Errors
/// It is no list of claims.
pub fn named_claims(table: &'static str, text: Option<&str>) -> Result<NamedClaims, Unavailable> {
    NamedClaims::from_stored(text).ok_or_else(|| corrupt(table, "claims"))
}

/// What is asked of the strength of a sign-in, from its columns; values stand between spaces.
#[must_use]
pub fn acr_request(values: Option<&str>, essential: bool) -> AcrRequest {
    let values = values.unwrap_or_default().split(' ').filter(|value| !value.is_empty());
    AcrRequest { values: values.map(ToOwned::to_owned).collect(), essential }
}

/// How an answer goes to the client, from its column.
///
/// # Errors
/// It is no mode.
pub fn response_mode(table: &'static str, number: i64) -> Result<ResponseMode, Unavailable> {
    match number {
        0 => Ok(ResponseMode::Query),
        1 => Ok(ResponseMode::FormPost),
        other => Err(corrupt(table, format!("response_mode {other}"))),
    }
}

/// How an answer goes to the client, for its column.
#[must_use]
pub fn response_mode_number(mode: ResponseMode) -> i64 {
    match mode {
        ResponseMode::Query => 0,
        ResponseMode::FormPost => 1,
    }
}

/// How a person proved who they are, from its three columns; `amr` values stand between spaces.
///
/// # Errors
/// An instant beyond the range of time.
pub fn authentication(
    table: &'static str,
    auth_time: i64,
    amr: &str,
    acr: String,
) -> Result<Authentication, Unavailable> {
    Ok(Authentication {
        at: timestamp(table, auth_time)?,
        amr: amr.split(' ').filter(|value| !value.is_empty()).map(ToOwned::to_owned).collect(),
        acr,
    })
}

/// The JSON of a client's `metadata` column. Fields added later have a default, so that old rows stay readable.
#[derive(Serialize, Deserialize)]
struct Metadata {
    name: String,
    #[serde(rename = "type")]
    client_type: ClientType,
    redirect_uris: Vec<RegisteredRedirectUri>,
    post_logout_redirect_uris: Vec<RegisteredRedirectUri>,
    origins: Vec<String>,
    scope: String,
    first_party: bool,
    refresh_delivery: RefreshDelivery,
    id_token_alg: IdTokenAlgorithm,
    resources: Vec<String>,
    /// Absent in rows of before: what follows from the type.
    auth_method: Option<AuthMethod>,
    #[serde(default)]
    auth_signing_alg: Option<String>,
    #[serde(default)]
    keys: ClientKeys,
    /// Likewise.
    grant_types: Option<Vec<GrantType>>,
    #[serde(default)]
    serves: Vec<String>,
    #[serde(default)]
    require_pushed_authorization_requests: bool,
    #[serde(default)]
    dpop_bound_access_tokens: bool,
    #[serde(default)]
    default_max_age: Option<u32>,
    #[serde(default)]
    default_acr_values: Vec<String>,
    #[serde(default)]
    backchannel_logout: Option<BackchannelLogout>,
    #[serde(default)]
    danger_allow_missing_pkce: bool,
    #[serde(default)]
    links: ClientLinks,
    #[serde(default)]
    registrar: Registrar,
}

/// What a client is, but for its id and whether it is enabled, as JSON.
///
/// # Errors
/// It cannot be written as JSON.
pub fn client_to_json(client: &Client) -> Result<String, Unavailable> {
    serde_json::to_string(&Metadata {
        name: client.name.clone(),
        client_type: client.client_type,
        redirect_uris: client.redirect_uris.clone(),
        post_logout_redirect_uris: client.post_logout_redirect_uris.clone(),
        origins: client.origins.iter().map(ToString::to_string).collect(),
        scope: client.scope.to_string(),
        first_party: client.first_party,
        refresh_delivery: client.refresh_delivery,
        id_token_alg: client.id_token_alg,
        resources: client.resources.clone(),
        auth_method: Some(client.auth_method),
        auth_signing_alg: client.auth_signing_alg.clone(),
        keys: client.keys.clone(),
        grant_types: Some(client.grant_types.clone()),
        serves: client.serves.clone(),
        require_pushed_authorization_requests: client.require_pushed_authorization_requests,
        dpop_bound_access_tokens: client.dpop_bound_access_tokens,
        default_max_age: client.default_max_age,
        default_acr_values: client.default_acr_values.clone(),
        backchannel_logout: client.backchannel_logout.clone(),
        danger_allow_missing_pkce: client.danger_allow_missing_pkce,
        links: client.links.clone(),
        registrar: client.registrar,
    })
    .map_err(|error| corrupt("client", error))
}

/// A client from its columns.
///
/// # Errors
/// The JSON does not say what a client is.
pub fn client_from_json(id: ClientId, json: &str, enabled: bool) -> Result<Client, Unavailable> {
    let metadata: Metadata = serde_json::from_str(json).map_err(|error| corrupt("client", error))?;
    let origin = |text: &String| Origin::parse(text).ok_or_else(|| corrupt("client", format!("origin {text}")));
    Ok(Client {
        id,
        name: metadata.name,
        client_type: metadata.client_type,
        redirect_uris: metadata.redirect_uris,
        post_logout_redirect_uris: metadata.post_logout_redirect_uris,
        origins: metadata.origins.iter().map(origin).collect::<Result<_, _>>()?,
        scope: scope("client", &metadata.scope)?,
        first_party: metadata.first_party,
        refresh_delivery: metadata.refresh_delivery,
        id_token_alg: metadata.id_token_alg,
        resources: metadata.resources,
        auth_method: metadata.auth_method.unwrap_or_else(|| metadata.client_type.auth_method()),
        auth_signing_alg: metadata.auth_signing_alg,
        keys: metadata.keys,
        grant_types: metadata.grant_types.unwrap_or_else(|| metadata.client_type.grant_types()),
        serves: metadata.serves,
        require_pushed_authorization_requests: metadata.require_pushed_authorization_requests,
        dpop_bound_access_tokens: metadata.dpop_bound_access_tokens,
        default_max_age: metadata.default_max_age,
        default_acr_values: metadata.default_acr_values,
        backchannel_logout: metadata.backchannel_logout,
        danger_allow_missing_pkce: metadata.danger_allow_missing_pkce,
        links: metadata.links,
        registrar: metadata.registrar,
        enabled,
    })
}
