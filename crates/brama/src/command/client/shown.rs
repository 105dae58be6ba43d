//! What is shown of an app: everything but its secrets, by the names of RFC 7591 and its neighbours.

use brama_protocol::client::{Client, ClientKeys};
use brama_protocol::redirect_uri::RegisteredRedirectUri;
use brama_store::client::ClientRecord;
use serde_json::{Map, Value, json};

fn texts(uris: &[RegisteredRedirectUri]) -> Vec<&str> {
    uris.iter().map(RegisteredRedirectUri::as_str).collect()
}

/// What the app is.
fn client(client: &Client) -> Map<String, Value> {
    let (jwks, jwks_uri) = match &client.keys {
        ClientKeys::None => (None, None),
        ClientKeys::Jwks(text) => (serde_json::from_str::<Value>(text).ok(), None),
        ClientKeys::JwksUri(uri) => (None, Some(uri)),
    };
    let logout = client.backchannel_logout.as_ref();
    let links = &client.links;
    let shown = json!({
        "client_id": client.id.as_str(),
        "client_name": client.name,
        "type": client.client_type.as_str(),
        "redirect_uris": texts(&client.redirect_uris),
        "post_logout_redirect_uris": texts(&client.post_logout_redirect_uris),
        "origins": client.origins.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "scope": client.scope.to_string(),
        "resources": client.resources,
        "serves": client.serves,
        "first_party": client.first_party,
        "refresh_delivery": client.refresh_delivery,
        "id_token_signed_response_alg": client.id_token_alg.as_str(),
        "token_endpoint_auth_method": client.auth_method.as_str(),
        "token_endpoint_auth_signing_alg": client.auth_signing_alg,
        "jwks": jwks,
        "jwks_uri": jwks_uri,
        "grant_types": client.grant_types.iter().map(|grant| grant.as_str()).collect::<Vec<_>>(),
        "require_pushed_authorization_requests": client.require_pushed_authorization_requests,
        "dpop_bound_access_tokens": client.dpop_bound_access_tokens,
        "default_max_age": client.default_max_age,
        "default_acr_values": client.default_acr_values,
        "backchannel_logout_uri": logout.map(|logout| &logout.uri),
        "backchannel_logout_session_required": logout.is_some_and(|logout| logout.session_required),
        "danger_allow_missing_pkce": client.danger_allow_missing_pkce,
        "client_uri": links.client_uri,
        "logo_uri": links.logo_uri,
        "policy_uri": links.policy_uri,
        "tos_uri": links.tos_uri,
        "contacts": links.contacts,
        "registered_by": client.registrar,
        "enabled": client.enabled,
    });
    match shown {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// What is known of an app.
pub(crate) fn describe(record: &ClientRecord) -> Value {
    let mut shown = client(&record.client);
    shown.insert("client_secrets".to_owned(), record.secrets.len().into());
    shown.insert("created_at".to_owned(), record.created_at.to_string().into());
    shown.insert("updated_at".to_owned(), record.updated_at.to_string().into());
    Value::Object(shown)
}

/// The parts in which two apps differ.
pub(crate) fn differences(found: &Client, wanted: &Client) -> Vec<String> {
    let (found, wanted) = (client(found), client(wanted));
    wanted.into_iter().filter(|(name, value)| found.get(name) != Some(value)).map(|(name, _)| name).collect()
}
