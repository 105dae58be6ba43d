#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
use serde_json::json;

use super::*;
use crate::error;
use crate::registration::policy::HostRule;

fn policy(mode: Mode) -> Policy {
    Policy {
        mode,
        scopes: Scope::parse("openid profile email offline_access").unwrap(),
        grants: vec![GrantType::AuthorizationCode, GrantType::RefreshToken, GrantType::ClientCredentials],
        redirect_hosts: Vec::new(),
    }
}

fn propose_under(policy: &Policy, metadata: Value) -> Result<Client, &'static Row> {
    let metadata: ClientMetadata = serde_json::from_value(metadata).unwrap();
    let proposed = metadata.propose("app".parse().unwrap(), policy, &["ES256", "RS256"]);
    proposed.map(Proposed::into_client).map_err(|refusal| refusal.row)
}

fn propose(metadata: Value) -> Result<Client, &'static Row> {
    propose_under(&policy(Mode::Token), metadata)
}

fn with(member: &str, value: Value) -> Value {
    let mut metadata = json!({ "redirect_uris": ["https://app.example.com/cb"] });
    metadata[member] = value;
    metadata
}

#[test]
fn rg12_the_defaults_are_those_of_the_rfc() {
    let client = propose(json!({ "redirect_uris": ["https://app.example.com/cb"] })).unwrap();
    assert_eq!(client.auth_method, AuthMethod::ClientSecretBasic);
    assert_eq!(client.grant_types, [GrantType::AuthorizationCode]);
    assert_eq!((client.client_type, client.id_token_alg), (ClientType::Web, IdTokenAlgorithm::RS256));
    assert_eq!((client.name.as_str(), client.registrar), ("app.example.com", Registrar::Itself));
    assert_eq!(client.scope, policy(Mode::Token).scopes);
    assert!(!client.first_party && client.enabled);
    // Nothing but what this server signs with.
    let metadata: ClientMetadata =
        serde_json::from_value(json!({ "redirect_uris": ["https://a.example/cb"] })).unwrap();
    let proposed = metadata.propose("app".parse().unwrap(), &policy(Mode::Token), &["ES256"]).unwrap();
    assert_eq!(proposed.client().id_token_alg, IdTokenAlgorithm::ES256);
}

#[test]
fn rg13_what_the_web_and_native_apps_may_register() {
    for wrong in [
        "http://app.example.com/cb",
        "https://localhost/cb",
        "https://localhost:8443/cb",
        "https://x.localhost/cb",
        "https://127.0.0.1/cb",
        "https://[::1]/cb",
        "http://localhost:3000/cb",
        "http://127.0.0.1/cb",
        "com.example.app:/cb",
        "https://app.example.com/cb#x",
        "https://app.example.com/#",
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        " javascript:alert(1)",
        "data:text/html,x",
        "https://*.example.com/cb",
        "https://u@app.example.com/cb",
        "/cb",
        "",
    ] {
        let metadata = json!({ "redirect_uris": ["https://app.example.com/cb", wrong], "application_type": "web" });
        assert_eq!(propose(metadata), Err(&error::REGISTRATION_REDIRECT_URI), "{wrong}");
        // After signing out people follow the same kinds of addresses.
        let metadata = with("post_logout_redirect_uris", json!([wrong]));
        assert_eq!(propose(metadata), Err(&error::REGISTRATION_REDIRECT_URI), "{wrong}");
    }
    for wrong in [
        "http://app.example.com/cb",
        "http://localhost.evil.test/cb",
        "myapp:/cb",
        "javascript:alert(1)",
        "http://127.0.0.2.evil.test/",
    ] {
        let metadata = json!({ "redirect_uris": [wrong], "application_type": "native" });
        assert_eq!(propose(metadata), Err(&error::REGISTRATION_REDIRECT_URI), "{wrong}");
    }
    for right in [
        "com.example.app:/cb",
        "http://127.0.0.1/cb",
        "http://[::1]:1/cb",
        "http://localhost:3000/cb",
        "https://app.example.com/cb",
    ] {
        let metadata =
            json!({ "redirect_uris": [right], "application_type": "native", "token_endpoint_auth_method": "none" });
        assert_eq!(propose(metadata).unwrap().client_type, ClientType::Native, "{right}");
    }
    assert_eq!(propose(with("application_type", json!("desktop"))), Err(&error::REGISTRATION_METADATA));
    let many: Vec<String> = (0..=20).map(|n| format!("https://app.example.com/{n}")).collect();
    assert_eq!(propose(json!({ "redirect_uris": many })), Err(&error::REGISTRATION_REDIRECT_URI));
    assert_eq!(propose(json!({})), Err(&error::REGISTRATION_REDIRECT_URI));
}

#[test]
fn rg13_an_app_on_the_persons_own_machine_is_native_without_saying_so() {
    let of = |uris: &[&str]| propose(json!({ "redirect_uris": uris, "token_endpoint_auth_method": "none" }));
    assert_eq!(of(&["http://localhost:3000/cb", "com.example.app:/cb"]).unwrap().client_type, ClientType::Native);
    assert_eq!(of(&["https://app.example.com/cb"]).unwrap().client_type, ClientType::Browser);
    assert_eq!(of(&["https://app.example.com/cb", "http://localhost/cb"]), Err(&error::REGISTRATION_REDIRECT_URI));
}

#[test]
fn rg12_grants_that_do_not_exist_are_left_out_and_those_that_are_not_allowed_refused() {
    let of = |grants: Value| propose(with("grant_types", grants)).map(|client| client.grant_types);
    let (code, refresh) = (GrantType::AuthorizationCode, GrantType::RefreshToken);
    assert_eq!(of(json!(["authorization_code", "refresh_token", "implicit", "password"])), Ok(vec![code, refresh]));
    for wrong in [
        json!([]),
        json!(["implicit"]),
        json!(["password"]),
        json!(["refresh_token"]),
        json!(["authorization_code", "urn:ietf:params:oauth:grant-type:device_code"]),
    ] {
        assert_eq!(of(wrong.clone()), Err(&error::REGISTRATION_GRANT), "{wrong}");
    }
    let of = |types: Value| propose(with("response_types", types)).map(drop);
    assert_eq!(of(json!(["code", "id_token"])), Ok(()));
    for wrong in [json!([]), json!(["token"]), json!(["code id_token"])] {
        assert_eq!(of(wrong.clone()), Err(&error::REGISTRATION_GRANT), "{wrong}");
    }
    let machine = json!({ "grant_types": ["client_credentials"], "response_types": ["code"] });
    assert_eq!(propose(machine), Err(&error::REGISTRATION_GRANT));
    let machine = json!({ "grant_types": ["client_credentials"], "response_types": [] });
    assert_eq!(propose(machine).unwrap().client_type, ClientType::Service);
}

#[test]
fn rg10_the_open_mode_makes_public_clients_only() {
    let open = policy(Mode::Open);
    let client = propose_under(&open, json!({ "redirect_uris": ["https://app.example.com/cb"] })).unwrap();
    assert_eq!((client.auth_method, client.client_type), (AuthMethod::None, ClientType::Browser));
    assert_eq!(client.origins.len(), 1);
    for method in
        ["client_secret_basic", "client_secret_post", "private_key_jwt", "client_secret_jwt", "tls_client_auth", ""]
    {
        let refused = propose_under(&open, with("token_endpoint_auth_method", json!(method)));
        assert_eq!(refused, Err(&error::REGISTRATION_AUTH_METHOD), "{method}");
    }
    let machine = with("grant_types", json!(["authorization_code", "client_credentials"]));
    assert_eq!(propose_under(&open, machine), Err(&error::REGISTRATION_GRANT));
    for member in ["jwks_uri", "sector_identifier_uri", "backchannel_logout_uri"] {
        let metadata = with(member, json!("https://app.example.com/x"));
        assert_eq!(propose_under(&open, metadata), Err(&error::REGISTRATION_NOT_OFFERED), "{member}");
    }
}

#[test]
fn rg10_scopes_and_hosts_stay_within_the_policy() {
    assert_eq!(propose(with("scope", json!("openid admin"))).unwrap().scope, Scope::parse("openid").unwrap());
    assert_eq!(propose(with("scope", json!("admin"))), Err(&error::REGISTRATION_SCOPE));
    assert_eq!(propose(with("scope", json!("a\"b"))), Err(&error::REGISTRATION_SCOPE));
    let mut narrow = policy(Mode::Token);
    narrow.redirect_hosts = vec![HostRule::parse("*.example.com").unwrap()];
    assert!(propose_under(&narrow, with("scope", json!("openid"))).is_ok());
    for member in ["redirect_uris", "post_logout_redirect_uris"] {
        let metadata = with(member, json!(["https://app.example.org/cb"]));
        assert_eq!(propose_under(&narrow, metadata), Err(&error::REGISTRATION_HOST), "{member}");
    }
}

#[test]
fn rg2_keys_inline_or_by_address() {
    let key = json!({ "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA" });
    let set = json!({ "keys": [key] });
    let mut both = with("token_endpoint_auth_method", json!("private_key_jwt"));
    assert_eq!(propose(both.clone()), Err(&error::REGISTRATION_KEYS), "none");
    both["jwks"] = set.clone();
    assert!(matches!(propose(both.clone()).unwrap().keys, ClientKeys::Jwks(_)));
    both["jwks_uri"] = json!("https://app.example.com/jwks");
    assert_eq!(propose(both.clone()), Err(&error::REGISTRATION_KEYS), "both");
    both["jwks"] = Value::Null;
    assert!(matches!(propose(both.clone()).unwrap().keys, ClientKeys::JwksUri(_)), "null is absent");
    for wrong in [json!({}), json!("x"), json!([]), json!({ "keys": [{ "kty": "oct", "k": "AA" }] })] {
        assert_eq!(propose(with("jwks", wrong.clone())), Err(&error::REGISTRATION_KEYS), "{wrong}");
    }
    assert_eq!(propose(with("jwks_uri", json!("http://169.254.169.254/jwks"))), Err(&error::REGISTRATION_KEYS));
    assert_eq!(propose(with("token_endpoint_auth_signing_alg", json!("ES256"))), Err(&error::REGISTRATION_AUTH_METHOD));
}

#[test]
fn rg15_names_and_links_that_mislead_are_refused() {
    for (member, wrong) in [
        ("client_name", "a\u{202e}b"),
        ("client_name", ""),
        ("client_uri", "https://other.example/"),
        ("logo_uri", "https://app.example.com.evil.test/logo.png"),
        ("policy_uri", "javascript:alert(1)"),
        ("tos_uri", "http://app.example.com/terms"),
    ] {
        assert_eq!(propose(with(member, json!(wrong))), Err(&error::REGISTRATION_SHOWN), "{member} {wrong:?}");
    }
    let client = propose(with("client_uri", json!("https://app.example.com/about"))).unwrap();
    assert_eq!(client.links.client_uri.as_deref(), Some("https://app.example.com/about"));
    // Who has no host of its own cannot borrow one.
    let native = |link: &str| propose(json!({ "redirect_uris": ["http://127.0.0.1/cb"], "tos_uri": link }));
    assert_eq!(native("https://bank.example/").unwrap().links, ClientLinks::default());
    assert_eq!(native("javascript:x"), Err(&error::REGISTRATION_SHOWN));
}

#[test]
fn what_is_not_offered_is_refused_and_what_is_unknown_is_ignored() {
    for (member, value) in [
        ("subject_type", json!("pairwise")),
        ("id_token_signed_response_alg", json!("none")),
        ("id_token_signed_response_alg", json!("HS256")),
        ("id_token_signed_response_alg", json!("PS256")),
        ("id_token_encrypted_response_alg", json!("RSA-OAEP")),
        ("userinfo_signed_response_alg", json!("RS256")),
        ("userinfo_encrypted_response_alg", json!("RSA-OAEP")),
        ("require_signed_request_object", json!(true)),
        ("tls_client_certificate_bound_access_tokens", json!(true)),
    ] {
        assert_eq!(propose(with(member, value.clone())), Err(&error::REGISTRATION_NOT_OFFERED), "{member} {value}");
    }
    for (member, value) in [
        ("subject_type", json!("public")),
        ("client_name#uk", json!("Крамниця")),
        ("software_id", json!("x")),
        ("first_party", json!(true)),
        ("registrar", json!("operator")),
        ("danger_allow_missing_pkce", json!(true)),
        ("enabled", json!(false)),
        ("resources", json!(["https://api.example.com"])),
        ("serves", json!(["https://api.example.com"])),
    ] {
        let client = propose(with(member, value)).unwrap();
        let plain = propose(json!({ "redirect_uris": ["https://app.example.com/cb"] })).unwrap();
        assert_eq!(client, plain, "{member}");
    }
}

#[test]
fn a_member_that_comes_twice_is_an_error() {
    let twice = r#"{"redirect_uris":["https://a.example/cb"],"redirect_uris":["https://b.example/cb"]}"#;
    assert!(serde_json::from_str::<ClientMetadata>(twice).is_err());
}

#[test]
fn rg11_the_answer_is_what_was_registered() {
    let client = propose(with("grant_types", json!(["authorization_code", "implicit"]))).unwrap();
    let beside = Beside { issuer: "https://id.example.com", issued_at: 5, secret: Some("s3cret"), token: "t0ken" };
    let answer = serde_json::to_value(ClientInformation::of(&client, &beside)).unwrap();
    assert_eq!(answer["grant_types"], json!(["authorization_code"]));
    assert_eq!((&answer["client_secret"], &answer["client_secret_expires_at"]), (&json!("s3cret"), &json!(0)));
    assert_eq!(answer["registration_client_uri"], "https://id.example.com/oauth2/register/app");
    assert_eq!(answer["registration_access_token"], "t0ken");
    // CLIENT-01: no secret for a client that has none.
    let public = propose(with("token_endpoint_auth_method", json!("none"))).unwrap();
    let answer = serde_json::to_value(ClientInformation::of(&public, &beside)).unwrap();
    assert!(answer.get("client_secret").is_none() && answer.get("client_secret_expires_at").is_none());
}

#[test]
fn openid_registration_5_every_redirect_uri_is_in_the_document() {
    let metadata: ClientMetadata =
        serde_json::from_value(json!({ "redirect_uris": ["https://a.example/cb", "https://b.example/cb"] })).unwrap();
    let proposed = metadata.propose("app".parse().unwrap(), &policy(Mode::Token), &["RS256"]).unwrap();
    assert!(proposed.is_listed_in(br#"["https://b.example/cb", "https://c.example/", "https://a.example/cb"]"#));
    for wrong in [r#"["https://a.example/cb"]"#, r#"["https://a.example/cb", "https://b.example/CB"]"#, "{}", "", "[1]"]
    {
        assert!(!proposed.is_listed_in(wrong.as_bytes()), "{wrong}");
    }
}
