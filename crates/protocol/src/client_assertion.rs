//! Client assertions: a client proves who it is with a JWT that it signed. RFC 7521 §4.2, RFC 7523 §3 and its update;
//! OpenID Core §9; TE-11 to TE-16.
//!
//! Signatures are not this crate's business: [`AssertionClaims`] are to be read from a token whose signature was checked
//! with a registered key of the client, and judged with [`AssertionClaims::check`]. Before that [`claimed_client`] tells
//! whose keys to look at.

use std::fmt;

use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use brama_faults::{Fault, planted};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer};

use crate::access_token::Audience;
use crate::client::ClientId;
use crate::limits;

/// The one `client_assertion_type`. RFC 7523 §2.2; TE-10: SAML is not for new use.
pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Algorithms of assertions, as metadata lists them: `token_endpoint_auth_signing_alg_values_supported`. TE-15.
pub const ALGORITHMS: &[&str] = &["ES256", "PS256", "Ed25519", "EdDSA", "RS256"];

/// How far ahead an assertion may expire. TE-13.
pub const LONGEST_LIFE: SignedDuration = SignedDuration::from_mins(5);
/// How far the client's clock may differ from ours. G-8.
pub const SKEW: SignedDuration = SignedDuration::from_secs(30);
/// Longest `jti`, bytes.
pub const JTI_BYTES: usize = 256;

/// The client that an assertion speaks of, to look its keys up. Nothing is proven by it. RFC 7521 §4.2: `client_id` need
/// not be sent beside an assertion.
#[must_use]
pub fn claimed_client(assertion: &str) -> Option<ClientId> {
    #[derive(Deserialize)]
    struct Subject {
        sub: ClientId,
    }
    if assertion.len() > limits::JWT_BYTES {
        return None;
    }
    let payload = URL_SAFE_NO_PAD.decode(assertion.split('.').nth(1)?).ok()?;
    serde_json::from_slice::<Subject>(&payload).ok().map(|claims| claims.sub)
}

/// Claims of an assertion whose signature was checked. Members of other names are ignored.
#[derive(Clone, Debug, Deserialize)]
pub struct AssertionClaims {
    iss: String,
    sub: String,
    aud: Audience,
    #[serde(deserialize_with = "instant")]
    exp: Timestamp,
    #[serde(default, deserialize_with = "maybe_instant")]
    nbf: Option<Timestamp>,
    #[serde(default, deserialize_with = "maybe_instant")]
    iat: Option<Timestamp>,
    jti: String,
}

/// Seconds since 1970, maybe fractional, never text. RFC 7519 §2; TK-26.
fn instant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let seconds = f64::deserialize(deserializer)?;
    let since = SignedDuration::try_from_secs_f64(seconds).map_err(serde::de::Error::custom)?;
    Timestamp::from_duration(since).map_err(serde::de::Error::custom)
}

fn maybe_instant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    instant(deserializer).map(Some)
}

/// Why an assertion does not prove its client. For the log; the client is told `invalid_client`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AssertionError {
    /// `iss` or `sub` is not the client. TE-11.
    Client,
    /// `aud` is not our issuer alone. TE-12.
    Audience,
    /// `exp` has passed. TE-13.
    Expired,
    /// `exp` is more than [`LONGEST_LIFE`] ahead. TE-13.
    TooLong,
    /// `nbf` or `iat` is in the future. TE-13.
    TooEarly,
    /// `jti` is empty or longer than [`JTI_BYTES`]. TE-14.
    Jti,
}

impl fmt::Display for AssertionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "iss and sub have to be the client id",
            Self::Audience => "aud has to be the issuer and nothing else",
            Self::Expired => "exp has passed",
            Self::TooLong => "exp is more than 5 minutes ahead",
            Self::TooEarly => "nbf or iat is in the future",
            Self::Jti => "jti has to have 1 to 256 bytes",
        })
    }
}

impl std::error::Error for AssertionError {}

impl AssertionClaims {
    /// Judge the claims for this client of this server. TE-11 to TE-13.
    ///
    /// `issuer`: ours, exactly. Addresses of endpoints are not accepted: an assertion for one server must not fit another
    /// that tells clients the same endpoint (draft-ietf-oauth-rfc7523bis §3).
    ///
    /// # Errors
    /// [`AssertionError`].
    pub fn check(self, client: &ClientId, issuer: &str, now: Timestamp) -> Result<CheckedAssertion, AssertionError> {
        if self.iss != client.as_str() || self.sub != client.as_str() {
            return Err(AssertionError::Client);
        }
        let ours = match &self.aud {
            Audience::One(one) if planted(Fault::Audiss01) && *one == format!("{issuer}/oauth2/token") => true,
            Audience::One(one) => one == issuer,
            Audience::Many(many) => matches!(many.as_slice(), [one] if one == issuer),
        };
        if !ours {
            return Err(AssertionError::Audience);
        }
        if self.exp.duration_since(now) <= -SKEW {
            return Err(AssertionError::Expired);
        }
        if self.exp.duration_since(now) > LONGEST_LIFE + SKEW {
            return Err(AssertionError::TooLong);
        }
        if [self.nbf, self.iat].into_iter().flatten().any(|at| at.duration_since(now) > SKEW) {
            return Err(AssertionError::TooEarly);
        }
        if self.jti.is_empty() || self.jti.len() > JTI_BYTES {
            return Err(AssertionError::Jti);
        }
        let replay_key = replay_key(client, &self.jti);
        Ok(CheckedAssertion { replay_key, replay_until: self.exp.checked_add(SKEW).unwrap_or(Timestamp::MAX) })
    }
}

/// The client and the `jti`, as one name. A client id has no zero byte.
fn replay_key(client: &ClientId, jti: &str) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for part in ["client assertion", client.as_str(), jti] {
        context.update(part.as_bytes());
        context.update(&[0]);
    }
    let mut key = [0; 32];
    key.copy_from_slice(context.finish().as_ref());
    key
}

/// An assertion that proves its client, if it was not seen before. Only [`AssertionClaims::check`] makes it.
#[derive(Clone, Debug)]
pub struct CheckedAssertion {
    replay_key: [u8; 32],
    replay_until: Timestamp,
}

impl CheckedAssertion {
    /// What must not have been seen before. TE-14.
    #[must_use]
    pub fn replay_key(&self) -> [u8; 32] {
        self.replay_key
    }

    /// Until when that has to be remembered.
    #[must_use]
    pub fn replay_until(&self) -> Timestamp {
        self.replay_until
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use serde_json::{Value, json};

    use super::*;

    const ISSUER: &str = "https://id.example.com";
    const NOW: i64 = 1_780_000_000;

    fn now() -> Timestamp {
        Timestamp::from_second(NOW).unwrap()
    }

    fn client() -> ClientId {
        "shop".parse().unwrap()
    }

    fn claims() -> Value {
        json!({"iss": "shop", "sub": "shop", "aud": ISSUER, "exp": NOW + 60, "jti": "one"})
    }

    fn with(member: &str, value: Value) -> Value {
        let mut claims = claims();
        claims.as_object_mut().unwrap().insert(member.to_owned(), value);
        claims
    }

    fn check(claims: Value) -> Result<CheckedAssertion, AssertionError> {
        serde_json::from_value::<AssertionClaims>(claims).unwrap().check(&client(), ISSUER, now())
    }

    #[test]
    fn te11_te12_te13_te14_every_wrong_claim_is_refused() {
        use AssertionError::{Audience, Client, Expired, Jti, TooEarly, TooLong};
        let refused = [
            ("iss", json!("other"), Client),
            ("sub", json!("other"), Client),
            ("iss", json!("Shop"), Client),
            ("aud", json!(format!("{ISSUER}/oauth2/token")), Audience),
            ("aud", json!(format!("{ISSUER}/oauth2/par")), Audience),
            ("aud", json!(format!("{ISSUER}/")), Audience),
            ("aud", json!("https://ID.example.com"), Audience),
            ("aud", json!([ISSUER, "https://other.example"]), Audience),
            ("aud", json!([ISSUER, ISSUER]), Audience),
            ("aud", json!([]), Audience),
            ("aud", json!(""), Audience),
            ("exp", json!(NOW - 30), Expired),
            ("exp", json!(0), Expired),
            ("exp", json!(NOW + 331), TooLong),
            ("exp", json!(NOW + 86_400), TooLong),
            ("exp", json!(253_402_200_000_i64), TooLong),
            ("nbf", json!(NOW + 31), TooEarly),
            ("iat", json!(NOW + 31), TooEarly),
            ("jti", json!(""), Jti),
            ("jti", json!("x".repeat(257)), Jti),
        ];
        for (member, value, why) in refused {
            assert_eq!(check(with(member, value.clone())).unwrap_err(), why, "{member} {value}");
        }
    }

    #[test]
    fn te11_to_te14_what_is_missing_or_of_another_type_is_unreadable() {
        for member in ["iss", "sub", "aud", "exp", "jti"] {
            let mut claims = claims();
            claims.as_object_mut().unwrap().remove(member);
            assert!(serde_json::from_value::<AssertionClaims>(claims).is_err(), "{member}");
            assert!(serde_json::from_value::<AssertionClaims>(with(member, Value::Null)).is_err(), "{member}");
        }
        for (member, value) in [
            ("exp", json!("1780000060")),
            ("exp", json!(1e300)),
            ("nbf", json!("soon")),
            ("iat", Value::Null),
            ("jti", json!(1)),
            ("aud", json!({"a": 1})),
            ("aud", json!([1])),
        ] {
            assert!(
                serde_json::from_value::<AssertionClaims>(with(member, value.clone())).is_err(),
                "{member} {value}"
            );
        }
    }

    #[test]
    fn te12_te13_g8_what_is_right_passes() {
        for (member, value) in [
            ("jti", json!("one")),
            ("aud", json!([ISSUER])),
            ("exp", json!(NOW + 330)),
            ("exp", json!(NOW - 29)),
            ("exp", json!(NOW as f64 + 0.5)),
            ("nbf", json!(NOW + 30)),
            ("iat", json!(NOW + 10)),
            ("iat", json!(NOW - 86_400)),
            ("jti", json!("x".repeat(256))),
            ("other", json!({"a": [1]})),
        ] {
            assert!(check(with(member, value.clone())).is_ok(), "{member} {value}");
        }
    }

    #[test]
    fn te14_a_jti_is_remembered_for_its_client_as_long_as_the_assertion_counts() {
        let one = check(claims()).unwrap();
        assert_eq!(one.replay_until(), Timestamp::from_second(NOW + 90).unwrap());
        assert_eq!(one.replay_key(), check(with("exp", json!(NOW + 61))).unwrap().replay_key());
        assert_ne!(one.replay_key(), check(with("jti", json!("two"))).unwrap().replay_key());
        let keys = [("a", "b"), ("a", "b\0"), ("ab", ""), ("b", "a")];
        let keys: std::collections::BTreeSet<_> =
            keys.iter().map(|(client, jti)| replay_key(&client.parse().unwrap(), jti)).collect();
        assert_eq!(keys.len(), 4);
    }

    #[test]
    fn the_client_is_looked_up_by_what_the_assertion_says() {
        let jwt = |payload: &str| format!("e30.{}.AA", URL_SAFE_NO_PAD.encode(payload));
        assert_eq!(claimed_client(&jwt(r#"{"sub":"shop"}"#)), Some(client()));
        for wrong in ["", ".", "a.b.c", "e30", &jwt("{}"), &jwt(r#"{"sub":"a b"}"#), &jwt(r#"{"sub":1}"#), &jwt("[")] {
            assert_eq!(claimed_client(wrong), None, "{wrong}");
        }
        assert_eq!(claimed_client(&jwt(&format!(r#"{{"sub":"shop","x":"{}"}}"#, "x".repeat(20_000)))), None);
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,300}") {
            let _ = claimed_client(&text);
            let jwt = format!("e30.{}.AA", URL_SAFE_NO_PAD.encode(&text));
            let _ = claimed_client(&jwt);
        }
    }
}
