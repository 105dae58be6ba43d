//! What arrives at the authorization endpoint and at the end of a session.

use brama_protocol::authorize::prompt::Prompt;
use brama_protocol::authorize::request::{Channel, Policy, client_id, validate};
use brama_protocol::authorize::response::{AuthorizeError, Return};
use brama_protocol::client::{Client, ClientType};
use brama_protocol::limits;
use brama_protocol::oidc::claims_request::{ClaimsRequest, NamedClaims};
use brama_protocol::oidc::logout::{LogoutRequest, post_logout_redirect};
use brama_protocol::parameters::Parameters;
use brama_protocol::redirect_uri::RegisteredRedirectUri;
use brama_protocol::scope::Scope;
use serde_json::Value;

use crate::token::{ISSUER, is_client_id};

const AUDIENCE: &str = "https://api.example.com";

/// Apps as they are registered: one in a browser, one for desktops, one that may leave PKCE out.
fn clients() -> Option<[Client; 3]> {
    let client = |client_type, uris: &[&str]| {
        let redirect_uris: Option<_> = uris.iter().map(|uri| RegisteredRedirectUri::parse(uri).ok()).collect();
        Some(Client {
            redirect_uris: redirect_uris?,
            post_logout_redirect_uris: vec![RegisteredRedirectUri::parse("https://app.example.com/bye?x=1").ok()?],
            scope: Scope::parse("openid profile email offline_access read write").ok()?,
            resources: vec!["https://orders.example.com/".to_owned()],
            ..Client::new("app".parse().ok()?, client_type)
        })
    };
    let web = client(ClientType::Web, &["https://app.example.com/cb", "https://app.example.com/cb?x=1"])?;
    Some([
        client(ClientType::Browser, &["https://app.example.com/cb"])?,
        client(ClientType::Native, &["http://127.0.0.1/cb", "com.example.app:/cb", "http://localhost/cb"])?,
        Client { danger_allow_missing_pkce: true, ..web },
    ])
}

/// AZ-3, AZ-4, AZ-15, AZ-23, AZ-33: an error goes back only to a registered address, with the `state` that came; what passes is
/// within the client's rights and the limits.
pub fn request(data: &[u8]) {
    let Ok(parameters) = Parameters::parse(data) else { return };
    if let Ok(id) = client_id(&parameters) {
        assert!(is_client_id(id.as_str()));
        assert_eq!(parameters.one("client_id"), Ok(Some(id.as_str())));
    }
    let clients = clients();
    assert!(clients.is_some(), "the clients of this test are unsound");
    for client in clients.iter().flatten() {
        for channel in [Channel::Front, Channel::Pushed] {
            let policy = Policy { default_audience: AUDIENCE, require_pushed: false };
            match validate(&parameters, client, policy, channel) {
                Err(AuthorizeError::OnPage(_)) => {}
                Err(AuthorizeError::BackToClient(back, refusal)) => {
                    check_return(&parameters, client, &back);
                    let answer = back.with_error(&refusal, ISSUER);
                    assert!(answer.is_error() && answer.url().starts_with(back.redirect_uri.as_str()));
                    check_answer(&back, &answer.parameters());
                }
                Ok(request) => {
                    check_return(&parameters, client, &request.back);
                    check_answer(&request.back, &request.back.with_code("c", ISSUER).parameters());
                    assert!(request.scope.scope().is_within(&client.scope));
                    assert!(request.challenge.is_some() || client.danger_allow_missing_pkce);
                    assert_eq!(parameters.one("response_type"), Ok(Some("code")));
                    assert!(request.nonce.as_ref().is_none_or(|nonce| nonce.len() <= limits::NONCE_BYTES));
                    assert!(request.id_token_hint.as_ref().is_none_or(|hint| hint.len() <= limits::JWT_BYTES));
                    assert!(request.login_hint.as_ref().is_none_or(|hint| hint.len() <= limits::LOGIN_HINT_BYTES));
                    assert!(request.resources.len() <= limits::RESOURCES);
                    let known = |uri: &str| uri == AUDIENCE || client.resources.iter().any(|known| known == uri);
                    assert!(request.resources.iter().all(known), "a resource that is not the client's");
                    assert!(request.claims.scopes().is_within(&client.scope));
                    assert!(!(request.prompt.none && request.prompt.login));
                    assert_eq!(Prompt::from_bits(request.prompt.to_bits()), request.prompt);
                }
            }
        }
    }
}

fn check_return(parameters: &Parameters, client: &Client, back: &Return) {
    let to = back.redirect_uri.as_str();
    let same = |uri: &RegisteredRedirectUri| uri.as_str() == to;
    let here =
        |host: &str| to.strip_prefix(host).is_some_and(|rest| rest.starts_with([':', '/', '?']) || rest.is_empty());
    let native = client.client_type == ClientType::Native
        && ["http://127.0.0.1", "http://[::1]", "http://localhost"].iter().any(|host| here(host));
    assert!(client.redirect_uris.iter().any(same) || native, "back to {to}");
    let state = parameters.one("state").ok().flatten().filter(|state| state.len() <= limits::STATE_BYTES);
    assert_eq!(back.state.as_deref(), state, "another state than came");
}

fn check_answer(back: &Return, parameters: &[(&str, &str)]) {
    let value = |name: &str| parameters.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
    assert_eq!(value("iss"), Some(ISSUER));
    assert_eq!(value("state"), back.state.as_deref());
}

/// OpenID Core §5.5: one JSON object of a bearable length; claims that it names and we have; stored and read back.
pub fn claims_request(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(request) = ClaimsRequest::parse(text) else { return };
    assert!(text.len() <= limits::CLAIMS_BYTES);
    assert!(text.trim_start().starts_with('{'));
    // What nobody asks about may be nested deeper than a `Value`.
    let Ok(json) = serde_json::from_str::<Value>(text) else { return };
    for (place, named) in [("id_token", &request.named.id_token), ("userinfo", &request.named.userinfo)] {
        for claim in named {
            assert!(
                json.get(place).and_then(|wishes| wishes.get(claim.as_str())).is_some(),
                "nobody asked for {claim:?}"
            );
        }
    }
    let stored = request.named.to_stored();
    assert_eq!(stored.is_none(), request.named.is_empty());
    assert_eq!(NamedClaims::from_stored(stored.as_deref()).as_ref(), Some(&request.named), "not read back");
    assert!(request.acr.is_none_or(|acr| !acr.values.is_empty()));
}

/// LO-1, LO-4: nobody is sent to an address that is not registered.
pub fn logout_request(data: &[u8]) {
    let Ok(parameters) = Parameters::parse(data) else { return };
    let Ok(request) = LogoutRequest::parse(&parameters) else { return };
    assert!(request.id_token_hint.as_ref().is_none_or(|hint| hint.len() <= limits::JWT_BYTES));
    assert!(request.client.as_ref().is_none_or(|client| is_client_id(client.as_str())));
    for client in clients().iter().flatten() {
        let to = post_logout_redirect(client, request.post_logout_redirect_uri.as_deref(), request.state.as_deref());
        if let Some(to) = to {
            assert_eq!(request.post_logout_redirect_uri.as_deref(), Some("https://app.example.com/bye?x=1"));
            assert!(to.starts_with("https://app.example.com/bye?x=1"));
            assert!(to.bytes().all(|byte| byte.is_ascii_graphic()), "a Location with other bytes");
        }
    }
    if let Ok(prompt) = Prompt::parse(parameters.one("prompt").ok().flatten()) {
        assert_eq!(Prompt::from_bits(prompt.to_bits()), prompt);
    }
}
