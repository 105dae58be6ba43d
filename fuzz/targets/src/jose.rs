//! Signed tokens and keys.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use brama_jose::{Jwk, JwkSet, MAX_TOKEN_BYTES, Typ, VerifyingKey, parse};
use brama_protocol::access_token::AccessTokenClaims;
use brama_protocol::dpop::access_token_hash;
use serde_json::Value;

/// RFC 7515 A.3: a key, and everything it ever signed as far as we know.
const KEY: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
const SIGNED: &str = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

/// TK-22 to TK-26, JOSE-10, JOSE-12: a token has three parts with one spelling each and a header without a key of its own; only
/// what was signed verifies.
pub fn jws(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(token) = parse(text) else { return };
    assert!(text.len() <= MAX_TOKEN_BYTES);
    let parts: Vec<&str> = text.split('.').collect();
    assert_eq!(parts.len(), 3);
    for part in &parts {
        let decoded = URL_SAFE_NO_PAD.decode(part).unwrap_or_default();
        assert_eq!(&URL_SAFE_NO_PAD.encode(decoded), part, "a part has two spellings");
    }
    let header = parts.first().and_then(|part| URL_SAFE_NO_PAD.decode(part).ok()).unwrap_or_default();
    check_header(&header);
    assert!(!format!("{token:?}").contains(parts.last().copied().filter(|part| part.len() > 20).unwrap_or("\u{0}")));
    let key = serde_json::from_str::<Jwk>(KEY).ok().and_then(|key| VerifyingKey::new(&key).ok());
    let Some(key) = key else { return assert!(KEY.is_empty(), "the key of RFC 7515 is unreadable") };
    if token.verify(&key, Typ::IdToken).is_ok() {
        assert_eq!(text.rsplit_once('.').map(|(signed, _)| signed), Some(SIGNED), "a forgery");
    }
}

/// The same, from inside: the input is the header's JSON.
pub fn jws_header(data: &[u8]) {
    let token = format!("{}.e30.AA", URL_SAFE_NO_PAD.encode(data));
    let Ok(read) = parse(&token) else { return };
    check_header(data);
    let header: Value = serde_json::from_slice(data).unwrap_or_default();
    let text = |name: &str| header.get(name).and_then(Value::as_str);
    assert_eq!((read.header().kid(), read.header().typ()), (text("kid"), text("typ")));
    assert!(text("alg").is_some_and(|alg| alg.parse() == Ok(read.header().algorithm())));
}

/// TK-22, TK-24: one JSON object, an algorithm of ours, nothing that brings a key or an extension.
fn check_header(header: &[u8]) {
    let header: Value = serde_json::from_slice(header).unwrap_or_default();
    assert!(header.is_object());
    for name in ["crit", "b64", "jku", "jwk", "x5u", "x5c", "enc", "zip"] {
        assert!(header.get(name).is_none(), "{name}");
    }
    let alg = header.get("alg").and_then(Value::as_str).unwrap_or_default();
    assert!(["ES256", "EdDSA", "Ed25519", "RS256", "PS256"].contains(&alg), "{alg}");
}

/// TK-20, TK-23, RFC 7638: a key is public, is printed and read back, and has the thumbprint of its required members.
pub fn jwk(data: &[u8]) {
    let Ok(key) = serde_json::from_slice::<Jwk>(data) else { return };
    check_key(&key);
    let json: Value = serde_json::from_slice(data).unwrap_or_default();
    let required: &[&str] = match json.get("kty").and_then(Value::as_str) {
        Some("EC") => &["crv", "kty", "x", "y"],
        Some("OKP") => &["crv", "kty", "x"],
        _ => &["e", "kty", "n"],
    };
    let members: Vec<String> = required
        .iter()
        .map(|name| format!(r#""{name}":"{}""#, json.get(*name).and_then(Value::as_str).unwrap_or_default()))
        .collect();
    assert_eq!(key.thumbprint(), access_token_hash(&format!("{{{}}}", members.join(","))));
}

fn check_key(key: &Jwk) {
    let json = serde_json::to_value(key).unwrap_or_default();
    for name in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        assert!(json.get(name).is_none(), "{name}");
    }
    let again = serde_json::from_value::<Jwk>(json.clone());
    // An algorithm that the type of the key implies is said in what is printed.
    let printed = again.ok().map(|again| serde_json::to_value(again).unwrap_or_default());
    assert_eq!(printed, Some(json), "not read back");
    if let Ok(sound) = VerifyingKey::new(key) {
        assert_eq!((Some(sound.algorithm()), sound.kid()), (key.algorithm(), key.kid()));
    }
}

/// TK-20, RFC 7517 §5: the keys of a set have different names; none of the set is private.
pub fn jwk_set(data: &[u8]) {
    let Ok(set) = serde_json::from_slice::<JwkSet>(data) else { return };
    let named: Vec<&str> = set.keys.iter().filter_map(Jwk::kid).collect();
    let distinct: std::collections::BTreeSet<&str> = named.iter().copied().collect();
    assert_eq!(named.len(), distinct.len(), "two keys of one name");
    for key in &set.keys {
        check_key(key);
        assert!(key.kid().is_none_or(|kid| set.get(kid) == Some(key)));
    }
    let printed = serde_json::to_value(&set).unwrap_or_default();
    let again = serde_json::from_value::<JwkSet>(printed.clone());
    assert_eq!(again.ok().map(|again| serde_json::to_value(again).unwrap_or_default()), Some(printed), "not read back");
}

/// JOSE-04, RFC 9068 §2.2: claims are printed and read back; times are numbers.
pub fn access_token_claims(data: &[u8]) {
    let Ok(claims) = serde_json::from_slice::<AccessTokenClaims>(data) else { return };
    let again =
        serde_json::to_vec(&claims).ok().and_then(|json| serde_json::from_slice::<AccessTokenClaims>(&json).ok());
    assert_eq!(again.as_ref(), Some(&claims), "not read back");
    let json: Value = serde_json::from_slice(data).unwrap_or_default();
    if json.is_object() {
        assert_eq!(json.get("exp").and_then(Value::as_i64), Some(claims.exp));
        assert_eq!(claims.token_type(), if json.get("cnf").is_none_or(Value::is_null) { "Bearer" } else { "DPoP" });
    }
    let _ = claims.grant();
}
