#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]
use super::*;
use crate::client::ClientType;
use crate::redirect_uri::RegisteredRedirectUri;

const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const AUDIENCE: &str = "https://id.example.com/api";

fn client() -> Client {
    Client {
        name: "Shop".to_owned(),
        redirect_uris: vec![RegisteredRedirectUri::parse("https://shop.example.com/cb").unwrap()],
        scope: Scope::parse("openid email").unwrap(),
        resources: vec!["https://api.example.com".to_owned()],
        ..Client::new("shop".parse().unwrap(), ClientType::Web)
    }
}

fn good() -> Vec<(&'static str, &'static str)> {
    vec![
        ("client_id", "shop"),
        ("redirect_uri", "https://shop.example.com/cb"),
        ("response_type", "code"),
        ("scope", "openid"),
        ("state", "s"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ]
}

fn run(pairs: &[(&str, &str)]) -> Result<AuthorizationRequest, AuthorizeError> {
    let encoded = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    let parameters = Parameters::parse(encoded.as_bytes()).unwrap();
    client_id(&parameters).map_err(AuthorizeError::OnPage)?;
    validate_for(&client(), &parameters)
}

fn validate_for(client: &Client, parameters: &Parameters) -> Result<AuthorizationRequest, AuthorizeError> {
    validate(parameters, client, Policy { default_audience: AUDIENCE, require_pushed: false }, Channel::Front)
}

/// The good request with one parameter replaced (or added), or removed when the value is empty.
fn with(name: &'static str, value: &'static str) -> Vec<(&'static str, &'static str)> {
    let mut pairs: Vec<_> = good().into_iter().filter(|(key, _)| *key != name).collect();
    if !value.is_empty() {
        pairs.push((name, value));
    }
    pairs
}

fn back_to_client(pairs: &[(&str, &str)]) -> (Return, &'static str) {
    match run(pairs) {
        Err(AuthorizeError::BackToClient(to, refusal)) => (*to, refusal.row.id),
        other => panic!("{pairs:?}: {other:?}"),
    }
}

fn on_page(pairs: &[(&str, &str)]) -> &'static str {
    match run(pairs) {
        Err(AuthorizeError::OnPage(refusal)) => refusal.row.id,
        other => panic!("{pairs:?}: {other:?}"),
    }
}

#[test]
fn az3_az4_nothing_is_redirected_before_client_and_redirect_uri_are_good() {
    assert_eq!(on_page(&with("client_id", "")), "B2101");
    assert_eq!(on_page(&with("client_id", "a/b")), "B2101");
    assert_eq!(on_page(&with("redirect_uri", "")), "B2103");
    assert_eq!(on_page(&with("redirect_uri", "https://shop.example.com/cb/")), "B2104");
    for twice in ["client_id", "redirect_uri"] {
        let mut pairs = good();
        pairs.push((twice, "x"));
        assert_eq!(on_page(&pairs), "B2105", "{twice}");
    }
    // Even when everything else is wrong too.
    assert_eq!(
        on_page(&[("client_id", "shop"), ("redirect_uri", "https://evil.example/"), ("state", "1"), ("state", "2")]),
        "B2104"
    );
}

#[test]
fn everything_else_goes_back_with_state() {
    for (name, value, id) in [
        ("response_type", "", "B2111"),
        ("response_type", "token", "B2112"),
        ("response_type", "code token", "B2112"),
        ("response_type", "id_token", "B2112"),
        ("response_mode", "fragment", "B2117"),
        ("response_mode", "jwt", "B2117"),
        ("code_challenge", "", "B2114"),
        ("code_challenge", "short", "B2116"),
        ("code_challenge_method", "", "B2115"),
        ("code_challenge_method", "plain", "B2115"),
        ("scope", "admin", "B2118"),
        ("scope", "bad\"scope", "B2118"),
        ("prompt", "none login", "B2119"),
        ("prompt", "create", "B2119"),
        ("max_age", "-1", "B2120"),
        ("max_age", "abc", "B2120"),
        ("max_age", "1.5", "B2120"),
        ("request", "eyJ", "B2121"),
        ("request_uri", "https://internal/", "B2122"),
        ("registration", "{}", "B2123"),
        ("authorization_details", "[]", "B2126"),
        ("resource", "https://other.example.com", "B2125"),
    ] {
        let (to, got) = back_to_client(&with(name, value));
        assert_eq!(got, id, "{name}={value}");
        assert_eq!(to.state.as_deref(), Some("s"), "{name}={value}");
    }
}

#[test]
fn az10_duplicates_are_refused_and_a_doubled_state_is_not_echoed() {
    for twice in
        ["state", "scope", "nonce", "code_challenge", "code_challenge_method", "response_type", "prompt", "max_age"]
    {
        let mut pairs = good();
        pairs.extend([(twice, "x"), (twice, "x")]);
        let (to, id) = back_to_client(&pairs);
        assert_eq!(id, "B2110", "{twice}");
        assert_eq!(to.state.is_some(), twice != "state", "{twice}");
    }
}

#[test]
fn what_passes() {
    let request = run(&good()).unwrap();
    assert_eq!(request.scope.scope(), &Scope::parse("openid").unwrap());
    assert_eq!(run(&with("state", "")).unwrap().back.state, None);
    assert!(run(&with("unknown_parameter", "x")).is_ok());
    assert_eq!(run(&with("scope", "openid admin")).unwrap().scope.scope(), &Scope::parse("openid").unwrap());
    assert_eq!(run(&with("max_age", "0")).unwrap().max_age, Some(0));
    assert_eq!(run(&with("resource", AUDIENCE)).unwrap().resources.first(), Some(AUDIENCE));
    assert!(run(&with("resource", "https://api.example.com")).is_ok());
    // Not an OpenID request and a single registration: redirect_uri may be left out. AZ-9.
    let plain: Vec<_> = good().into_iter().filter(|(key, _)| !matches!(*key, "redirect_uri" | "scope")).collect();
    assert!(run(&plain).is_ok());
}

#[test]
fn az15_limits() {
    let long = "x".repeat(limits::STATE_BYTES + 1);
    let mut pairs = with("state", "");
    pairs.push(("state", &long));
    let (to, id) = back_to_client(&pairs);
    assert_eq!((id, to.state), ("B2124", None));
    let mut pairs = good();
    pairs.push(("login_hint", &long));
    assert_eq!(run(&pairs).unwrap().login_hint, None);
}
