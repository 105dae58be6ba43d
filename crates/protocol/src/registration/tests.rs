#![expect(clippy::unwrap_used, reason = "tests")]
use super::*;
use crate::client::{BackchannelLogout, ClientId};
use crate::redirect_uri::RegisteredRedirectUri;

const JWKS: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;

fn client(client_type: ClientType) -> Client {
    let id: ClientId = "app".parse().unwrap();
    let mut client = Client::new(id, client_type);
    if client.may_use(GrantType::AuthorizationCode) {
        client.redirect_uris = vec![RegisteredRedirectUri::parse("https://app.example.com/cb").unwrap()];
    }
    client
}

fn part(client: Client) -> Option<Part> {
    check(client).err().map(|why| why.part)
}

#[test]
fn rg1_every_type_fits_as_it_comes() {
    for kind in [ClientType::Browser, ClientType::Web, ClientType::Native, ClientType::Service, ClientType::Device] {
        let made = client(kind);
        assert_eq!(check(made.clone()).unwrap().into_client(), made);
    }
}

/// RG-2: each line breaks one rule, and the part that is named is the one to change.
#[test]
fn rg2_what_does_not_fit_is_refused() {
    let (web, browser, native, service, device) = (
        client(ClientType::Web),
        client(ClientType::Browser),
        client(ClientType::Native),
        client(ClientType::Service),
        client(ClientType::Device),
    );
    let code = GrantType::AuthorizationCode;
    let both = vec![code, GrantType::ClientCredentials];
    let logout = |uri: &str| Some(BackchannelLogout { uri: uri.to_owned(), session_required: false });
    let keys = |text: &str| ClientKeys::Jwks(text.to_owned());
    let signs = Client { auth_method: AuthMethod::PrivateKeyJwt, ..web.clone() };
    for (wrong, expected) in [
        (Client { grant_types: vec![], ..web.clone() }, Part::GrantTypes),
        (Client { redirect_uris: vec![], ..web.clone() }, Part::RedirectUris),
        (Client { redirect_uris: web.redirect_uris.clone(), ..device.clone() }, Part::RedirectUris),
        (Client { redirect_uris: web.redirect_uris.clone(), ..service.clone() }, Part::RedirectUris),
        (Client { grant_types: vec![GrantType::RefreshToken], ..device.clone() }, Part::GrantTypes),
        (Client { grant_types: both.clone(), ..native.clone() }, Part::GrantTypes),
        (Client { grant_types: both.clone(), auth_method: AuthMethod::None, ..web.clone() }, Part::GrantTypes),
        (
            Client { require_pushed_authorization_requests: true, ..device.clone() },
            Part::RequirePushedAuthorizationRequests,
        ),
        (Client { danger_allow_missing_pkce: true, ..browser.clone() }, Part::DangerAllowMissingPkce),
        (Client { danger_allow_missing_pkce: true, ..native.clone() }, Part::DangerAllowMissingPkce),
        (Client { danger_allow_missing_pkce: true, ..service.clone() }, Part::DangerAllowMissingPkce),
        (signs.clone(), Part::Jwks),
        (Client { keys: keys("{}"), ..signs.clone() }, Part::Jwks),
        (Client { keys: keys("[]"), ..signs.clone() }, Part::Jwks),
        (Client { keys: keys(r#"{"keys":[]}"#), ..signs.clone() }, Part::Jwks),
        (Client { keys: keys(r#"{"keys":[{"kty":"oct","k":"AA"}]}"#), ..signs.clone() }, Part::Jwks),
        (Client { keys: keys(&JWKS.replace("\"kty\"", "\"d\":\"AA\",\"kty\"")), ..signs.clone() }, Part::Jwks),
        (
            Client { keys: ClientKeys::JwksUri("http://app.example.com/jwks".to_owned()), ..signs.clone() },
            Part::JwksUri,
        ),
        (
            Client { keys: ClientKeys::JwksUri("https://u@app.example.com/jwks".to_owned()), ..signs.clone() },
            Part::JwksUri,
        ),
        (Client { keys: ClientKeys::JwksUri("file:///etc/passwd".to_owned()), ..signs.clone() }, Part::JwksUri),
        (Client { auth_signing_alg: Some("ES256".to_owned()), ..web.clone() }, Part::AuthSigningAlg),
        (Client { keys: keys(JWKS), auth_signing_alg: Some("none".to_owned()), ..signs.clone() }, Part::AuthSigningAlg),
        (
            Client { keys: keys(JWKS), auth_signing_alg: Some("HS256".to_owned()), ..signs.clone() },
            Part::AuthSigningAlg,
        ),
        (Client { auth_method: AuthMethod::ClientSecretPost, ..browser.clone() }, Part::AuthMethod),
        (Client { auth_method: AuthMethod::None, grant_types: vec![], ..service.clone() }, Part::GrantTypes),
        (Client { refresh_delivery: RefreshDelivery::Body, ..browser.clone() }, Part::RefreshDelivery),
        (Client { first_party: true, ..service.clone() }, Part::Type),
        (Client { first_party: true, ..device.clone() }, Part::FirstParty),
        (Client { resources: vec!["/api".to_owned()], ..web.clone() }, Part::Resources),
        (Client { resources: vec!["https://api.example.com/#x".to_owned()], ..web.clone() }, Part::Resources),
        (Client { serves: vec!["mailto:x@example.com".to_owned()], ..web.clone() }, Part::Serves),
        (Client { serves: vec!["https://api.example.com".to_owned()], ..browser.clone() }, Part::Serves),
        (Client { default_acr_values: vec!["a b".to_owned()], ..web.clone() }, Part::DefaultAcrValues),
        (
            Client { backchannel_logout: logout("http://app.example.com/logout"), ..web.clone() },
            Part::BackchannelLogoutUri,
        ),
        (
            Client { backchannel_logout: logout("https://app.example.com/#x"), ..web.clone() },
            Part::BackchannelLogoutUri,
        ),
        (Client { backchannel_logout: logout("/logout"), ..web.clone() }, Part::BackchannelLogoutUri),
        (Client { name: "a\u{202e}b".to_owned(), ..web.clone() }, Part::Name),
    ] {
        assert_eq!(part(wrong.clone()), Some(expected), "{wrong:?}");
    }
    for right in [
        Client { grant_types: both, ..web.clone() },
        Client { keys: keys(JWKS), auth_signing_alg: Some("ES256".to_owned()), ..signs.clone() },
        Client { keys: ClientKeys::JwksUri("https://app.example.com/jwks".to_owned()), ..signs },
        Client { danger_allow_missing_pkce: true, ..web.clone() },
        Client { serves: vec!["https://api.example.com".to_owned()], ..service },
        Client { backchannel_logout: logout("https://app.example.com/logout?x=1"), ..web.clone() },
        Client { backchannel_logout: logout("http://127.0.0.1:4000/logout"), ..web },
    ] {
        assert_eq!(part(right.clone()), None, "{right:?}");
    }
}

#[test]
fn rg2_inline_keys_and_their_address_exclude_each_other() {
    let (jwks, uri) = (Some(JWKS.to_owned()), Some("https://app.example.com/jwks".to_owned()));
    assert_eq!(keys(None, None), Ok(ClientKeys::None));
    assert!(matches!(keys(jwks.clone(), None), Ok(ClientKeys::Jwks(_))));
    assert!(matches!(keys(None, uri.clone()), Ok(ClientKeys::JwksUri(_))));
    assert_eq!(keys(jwks, uri).unwrap_err().part, Part::JwksUri);
}

/// REDIR-08, RG-15: links are clicked too.
#[test]
fn redir08_a_link_is_https_and_nothing_else() {
    for wrong in [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        " javascript:alert(1)",
        "java\tscript:alert(1)",
        "javascript&colon;alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "http://app.example.com/",
        "https://u:p@app.example.com/",
        "https://app.example.com/ x",
        "https://app.example.com/\r\n",
        "https:\\\\app.example.com",
        "https:app.example.com/",
        "https:///app.example.com/",
        "//app.example.com",
        "",
    ] {
        for at in 0..4 {
            let mut made = client(ClientType::Web);
            let links = &mut made.links;
            let members = [&mut links.client_uri, &mut links.logo_uri, &mut links.policy_uri, &mut links.tos_uri];
            for (member, link) in members.into_iter().enumerate() {
                *link = Some(if member == at { wrong } else { "https://app.example.com/" }.to_owned());
            }
            assert!(check(made).is_err(), "{wrong:?}");
        }
    }
}
