//! Dynamic client registration.

use brama_protocol::client::{AuthMethod, Client, ClientId, GrantType};
use brama_protocol::limits;
use brama_protocol::redirect_uri::RegisteredRedirectUri;
use brama_protocol::registration::metadata::{Beside, ClientInformation, ClientMetadata};
use brama_protocol::registration::policy::{HostRule, Mode, Policy};
use brama_protocol::registration::{check, name};
use brama_protocol::scope::Scope;
use serde_json::Value;

const ALGORITHMS: &[&str] = &["ES256", "EdDSA", "RS256", "PS256"];

fn policies() -> Option<[Policy; 2]> {
    let open = Policy {
        mode: Mode::Open,
        scopes: Scope::parse("openid profile email read").ok()?,
        grants: GrantType::ALL.to_vec(),
        redirect_hosts: vec![],
    };
    let limited = vec![HostRule::parse("*.example.com")?, HostRule::parse("com.example.app:")?];
    Some([Policy { mode: Mode::Token, redirect_hosts: limited, ..open.clone() }, open])
}

/// RG-10 to RG-13, RG-25: whoever registers gets no more than the policy allows and no client whose parts do not fit; what the
/// answer says describes the very same client.
pub fn metadata(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if data.len() > limits::REGISTRATION_BODY_BYTES || !text.trim_start().starts_with('{') {
        return;
    }
    let policies = policies();
    assert!(policies.is_some(), "the policies of this test are unsound");
    for policy in policies.iter().flatten() {
        let Some(client) = propose(text, policy) else { continue };
        assert!(client.scope.is_within(&policy.scopes));
        assert!(client.grant_types.iter().all(|grant| policy.allows(*grant)));
        assert!(policy.offers(client.auth_method));
        assert!(policy.mode == Mode::Token || client.auth_method == AuthMethod::None);
        assert!(client.redirect_uris.len() <= limits::REGISTERED_REDIRECT_URIS);
        assert!(client.redirect_uris.iter().all(|uri| policy.admits(uri)));
        assert!(client.redirect_uris.iter().all(|uri| RegisteredRedirectUri::parse(uri.as_str()).as_ref() == Ok(uri)));
        assert!(name::check(&client.name).is_ok());
        assert!(!client.first_party && !client.danger_allow_missing_pkce && client.serves.is_empty());
        assert!(check(client.clone()).is_ok(), "its parts do not fit");
        let beside = Beside { issuer: crate::token::ISSUER, issued_at: 0, secret: None, token: "t" };
        let mut answer = serde_json::to_value(ClientInformation::of(&client, &beside)).unwrap_or_default();
        if let Some(members) = answer.as_object_mut() {
            members.retain(|name, _| {
                !name.starts_with("registration_")
                    && !name.starts_with("client_secret")
                    && !name.starts_with("client_id")
            });
        }
        let again = propose(&answer.to_string(), policy);
        assert_eq!(again.as_ref(), Some(&client), "the answer describes another client: {answer}");
    }
    let json: Value = serde_json::from_str(text).unwrap_or_default();
    if let Some(name) = json.get("client_name").and_then(Value::as_str) {
        let skeleton = name::skeleton(name);
        assert_eq!(name::skeleton(&skeleton), skeleton, "a skeleton has a skeleton");
    }
}

fn propose(text: &str, policy: &Policy) -> Option<Client> {
    let metadata: ClientMetadata = serde_json::from_str(text).ok()?;
    let id: ClientId = "registered".parse().ok()?;
    metadata.propose(id, policy, ALGORITHMS).ok().map(|proposed| proposed.into_client())
}
