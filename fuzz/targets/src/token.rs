//! What reaches the token endpoint and its neighbours.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use brama_protocol::client::ClientId;
use brama_protocol::client_assertion::{AssertionClaims, JTI_BYTES, claimed_client};
use brama_protocol::device::{DeviceRequest, UserCode};
use brama_protocol::dpop::access_token_hash;
use brama_protocol::limits;
use brama_protocol::parameters::Parameters;
use brama_protocol::pkce::{Challenge, Verifier};
use brama_protocol::scope::{GrantedScope, Scope};
use brama_protocol::token::request::{Credentials, Grant};
use jiff::Timestamp;

/// The instant of all requests here, seconds since 1970.
pub(crate) const NOW: i64 = 1_780_000_000;
/// This server.
pub(crate) const ISSUER: &str = "https://id.example.com";

pub(crate) fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap_or(Timestamp::UNIX_EPOCH)
}

pub(crate) fn is_client_id(text: &str) -> bool {
    (1..=limits::CLIENT_ID_BYTES).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
}

/// TE-1 to TE-10, TE-20: one way of authentication, read as RFC 6749 §2.3.1 has it; nothing secret is printed. Input: the value
/// of `Authorization` (empty: none) and, in the next line, the form.
pub fn request(data: &[u8]) {
    let mut halves = data.splitn(2, |byte| *byte == b'\n');
    let (header, body) = (halves.next().unwrap_or_default(), halves.next().unwrap_or_default());
    let Ok(header) = std::str::from_utf8(header) else { return };
    let Ok(parameters) = Parameters::parse(body) else { return };
    let headers: &[&str] = if header.is_empty() { &[] } else { &[header] };
    let one = |name| parameters.one(name).ok().flatten();

    match Credentials::parse(headers, &parameters) {
        Ok(credentials) => {
            let client = credentials.client().as_str().to_owned();
            assert!(is_client_id(&client));
            if let Some(in_body) = one("client_id") {
                assert_eq!(in_body, client, "two clients in one request");
            }
            assert_eq!(format!("{credentials:?}"), format!("Credentials({client})"), "something secret is printed");
            match &credentials {
                Credentials::None { .. } => {
                    assert!(one("client_secret").is_none() && one("client_assertion").is_none());
                    // RFC 6749 §2.3.1: a secret that is empty may be left out.
                    assert!(headers.is_empty() || basic(header) == Some((client, String::new())));
                }
                Credentials::Secret { secret, basic: false, .. } => {
                    assert!(headers.is_empty() && one("client_assertion").is_none());
                    assert_eq!(
                        secret.as_ref().map(|secret| secret.to_wire()).as_deref().or(one("client_secret")),
                        one("client_secret")
                    );
                }
                Credentials::Secret { secret, basic: true, .. } => {
                    assert!(one("client_secret").is_none() && one("client_assertion").is_none());
                    let (their_client, their_secret) = basic(header).unwrap_or_default();
                    assert_eq!(their_client, client);
                    if let Some(secret) = secret {
                        assert_eq!(secret.to_wire(), their_secret);
                    }
                }
                Credentials::Assertion { assertion, .. } => {
                    assert!(headers.is_empty() && one("client_secret").is_none());
                    assert_eq!(Some(assertion.as_str()), one("client_assertion"));
                }
            }
        }
        Err(refusal) => assert!(!refusal.row.id.is_empty()),
    }

    if let Ok(grant) = Grant::parse(&parameters) {
        assert_eq!(one("grant_type"), Some(grant.grant_type().as_str()));
        let scope = match &grant {
            Grant::AuthorizationCode { code, .. } => {
                let wire = code.as_ref().map(|code| code.to_wire());
                assert!(wire.is_none() || wire.as_deref() == one("code"));
                None
            }
            Grant::RefreshToken { token, scope } => {
                assert_eq!(Some(token.as_str()), one("refresh_token"));
                assert!(token.len() < 16 || !format!("{grant:?}").contains(token.as_str()), "the token is printed");
                scope.as_ref()
            }
            Grant::ClientCredentials { scope } => scope.as_ref(),
            Grant::DeviceCode { code, .. } => {
                let wire = code.as_ref().map(|code| code.to_wire());
                assert!(wire.is_none() || wire.as_deref() == one("device_code"));
                None
            }
        };
        if let Some(scope) = scope {
            assert_eq!(Scope::parse(one("scope").unwrap_or_default()).as_ref(), Ok(scope));
        }
    }
}

/// Basic as another would read it: the first colon of the decoded bytes, both halves form-decoded.
fn basic(header: &str) -> Option<(String, String)> {
    let decoded = STANDARD.decode(header.get(6..)?.trim()).ok()?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    let form = |half: &[u8]| {
        let pair = [b"v=", half].concat();
        form_urlencoded::parse(&pair).next().map(|(_, value)| value.into_owned())
    };
    Some((form(decoded.get(..colon)?)?, form(decoded.get(colon + 1..)?)?))
}

/// TE-11 to TE-14, JOSE-04, JOSE-13: whoever an assertion speaks of is a client id, and claims that pass fit a plain reading of
/// RFC 7523 §3. Input: an assertion, or its claims as JSON.
pub fn client_assertion(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data)
        && let Some(client) = claimed_client(text)
    {
        assert!(text.len() <= limits::JWT_BYTES && is_client_id(client.as_str()));
    }
    let jwt = format!("e30.{}.AA", URL_SAFE_NO_PAD.encode(data));
    let claimed = claimed_client(&jwt);
    // Claims are read from one JSON object only: `brama_jose::Verified::claims`.
    let Some(value) = crate::object(data) else { return };
    let Ok(claims) = serde_json::from_slice::<AssertionClaims>(data) else { return };
    let Ok(client) = "shop".parse::<ClientId>() else { return };
    let Ok(checked) = claims.check(&client, ISSUER, now()) else { return };
    assert!(claimed.as_ref() == Some(&client) || jwt.len() > limits::JWT_BYTES, "judged for another than it names");
    let member = |name: &str| value.get(name).cloned().unwrap_or_default();
    assert_eq!((member("iss"), member("sub")), ("shop".into(), "shop".into()));
    let aud = member("aud");
    assert!(aud == ISSUER || aud == serde_json::json!([ISSUER]), "aud {aud}");
    let exp = member("exp").as_f64().unwrap_or(f64::NAN);
    let now = NOW as f64;
    assert!(exp > now - 30.0 && exp <= now + 330.0, "exp {exp}");
    for name in ["nbf", "iat"] {
        if value.get(name).is_some() {
            assert!(member(name).as_f64().is_some_and(|at| at <= now + 30.0), "{name}");
        }
    }
    assert!(member("jti").as_str().is_some_and(|jti| (1..=JTI_BYTES).contains(&jti.len())));
    assert!(checked.replay_until() >= self::now() && checked.replay_until().as_second() <= NOW + 361);
}

/// RFC 8628 §3.1: whatever is accepted is printed and read back.
pub fn device_request(data: &[u8]) {
    let Ok(parameters) = Parameters::parse(data) else { return };
    let Ok(request) = DeviceRequest::parse(&parameters) else { return };
    let one = |name| parameters.one(name).ok().flatten();
    assert_eq!(request.scope.is_some(), one("scope").is_some());
    assert_eq!(request.challenge.is_some(), one("code_challenge").is_some());
    assert!(request.challenge.is_none() || one("code_challenge_method") == Some("S256"));
}

/// EP-21: eight letters of the alphabet, whatever is typed around them, and one spelling to show.
pub fn user_code(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data)
        && let Some(code) = UserCode::parse(text)
    {
        let shown = code.shown();
        assert!(is_user_code(&shown), "{shown}");
        assert!(UserCode::parse(&shown) == Some(code), "not read back");
        assert!(text.chars().count() <= 64);
        assert_eq!(text.chars().filter(|c| c.is_alphanumeric()).count(), 8);
    }
    if let Some(bytes) = data.first_chunk::<32>()
        && let Some(code) = UserCode::from_random(*bytes)
    {
        assert!(is_user_code(&code.shown()) && UserCode::parse(&code.shown()) == Some(code));
    }
}

fn is_user_code(text: &str) -> bool {
    let letters = |half: &str| half.len() == 4 && half.chars().all(|c| "BCDFGHJKLMNPQRSTVWXZ".contains(c));
    text.split_once('-').is_some_and(|(one, two)| letters(one) && letters(two))
}

/// AZ-23 to AZ-26, TE-22, RFC 7636 §4: only S256, both sides of the right form, and the hash decides. Input: challenge, method and
/// verifier, a line each.
pub fn pkce(data: &[u8]) {
    let Some(mut lines) = crate::lines(data) else { return };
    let (challenge, method) = (lines.next().unwrap_or_default(), lines.next());
    let text = lines.next().unwrap_or_default();
    let verifier = Verifier::parse(text);
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    assert_eq!(verifier.is_some(), (43..=128).contains(&text.len()) && text.bytes().all(unreserved));
    let Ok(read) = Challenge::parse(Some(challenge), method) else { return };
    assert_eq!(method, Some("S256"));
    assert_eq!(URL_SAFE_NO_PAD.encode(read.as_bytes()), challenge, "a challenge has two spellings");
    let Some(verifier) = verifier else { return };
    assert!(!format!("{verifier:?}").contains(text));
    assert_eq!(read.verify(&verifier).is_some(), access_token_hash(text) == challenge);
}

/// TE-28, RFC 6749 §3.3: tokens of the grammar, at most so many; printed and read back; never wider than what was granted. Input:
/// what is asked for and what was granted, a line each.
pub fn scope(data: &[u8]) {
    let Some(mut lines) = crate::lines(data) else { return };
    let (first, second) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let Ok(asked) = Scope::parse(first) else {
        let token = |text: &str| text.bytes().all(|b| (0x21..=0x7e).contains(&b) && b != b'"' && b != b'\\');
        let tokens: std::collections::BTreeSet<&str> = first.split(' ').filter(|text| !text.is_empty()).collect();
        assert!(
            first.len() > limits::SCOPE_BYTES || tokens.len() > limits::SCOPE_TOKENS || !tokens.into_iter().all(token),
            "refused without a reason"
        );
        return;
    };
    assert!(first.len() <= limits::SCOPE_BYTES && asked.iter().count() <= limits::SCOPE_TOKENS);
    assert_eq!(Scope::parse(&asked.to_string()).as_ref(), Ok(&asked), "not read back");
    let Ok(allowed) = Scope::parse(second) else { return };
    if let Some(granted) = Scope::granted(Some(&asked), &allowed) {
        assert!(
            granted.scope().is_within(&asked) && granted.scope().is_within(&allowed) && !granted.scope().is_empty()
        );
        assert_eq!(granted.scope(), &asked.intersection(&allowed));
    }
    let had = GrantedScope::from_stored(allowed.clone());
    match had.narrow(Some(&asked)) {
        Some(narrow) => assert!(narrow.scope().is_within(&allowed) && narrow.scope() == &asked),
        None => assert!(asked.is_empty() || !asked.is_within(&allowed)),
    }
    assert_eq!(asked.without(&allowed).union(&asked.intersection(&allowed)), asked);
    assert!(had.limited_to(&asked).scope().is_within(&allowed));
}
