//! What an access token must say, and how it is judged. RFC 9068 §2.2, §4; RS-3, TK-2, TK-26.

use std::time::Duration;

use brama_protocol::access_token::Audience;
use brama_protocol::dpop::JwkThumbprint;
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::clock::Instant;
use crate::rejection::InvalidToken;

/// How far in the future `iat` and `nbf` may lie at least, whatever the leeway: clocks differ (G-8).
const MIN_FUTURE_TOLERANCE: Duration = Duration::from_secs(10);

/// The claims this crate reads. All without a default are required (TK-2).
#[derive(Deserialize)]
pub(crate) struct Claims {
    pub(crate) iss: String,
    pub(crate) sub: String,
    pub(crate) aud: Audience,
    pub(crate) exp: NumericDate,
    pub(crate) iat: NumericDate,
    pub(crate) nbf: Option<NumericDate>,
    pub(crate) jti: String,
    pub(crate) client_id: String,
    #[serde(default)]
    pub(crate) scope: String,
    pub(crate) auth_time: Option<NumericDate>,
    pub(crate) acr: Option<String>,
    #[serde(default)]
    pub(crate) amr: Vec<String>,
    pub(crate) sid: Option<String>,
    #[serde(default, rename = "cnf", deserialize_with = "confirmation")]
    pub(crate) binding: Binding,
}

/// What the sender has to prove beside having the token. RFC 7800 §3.1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Binding {
    /// Nothing.
    #[default]
    Bearer,
    /// That it holds this key (RFC 9449 §6.1, TK-7).
    Key(JwkThumbprint),
    /// Something that this crate cannot check, such as a TLS certificate.
    Other,
}

/// `cnf`: a `jkt` and nothing else is understood. A second member would be a second condition.
fn confirmation<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Binding, D::Error> {
    let Some(members) = Option::<Map<String, Value>>::deserialize(deserializer)? else {
        return Ok(Binding::Bearer);
    };
    let jkt = members.get("jkt").and_then(Value::as_str).and_then(JwkThumbprint::parse);
    Ok(match (jkt, members.len()) {
        (Some(key), 1) => Binding::Key(key),
        _ => Binding::Other,
    })
}

/// Seconds since 1970, maybe fractional, never text (RFC 7519 §2; TK-26).
#[derive(Clone, Copy)]
pub(crate) struct NumericDate(pub(crate) Instant);

/// 9999-12-31T23:59:59Z. Later than that is nonsense, and arithmetic with it might overflow.
const LAST_SECOND: f64 = 253_402_300_799.0;

impl<'de> Deserialize<'de> for NumericDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let seconds = f64::deserialize(deserializer)?;
        if !(0.0..=LAST_SECOND).contains(&seconds) {
            return Err(D::Error::custom("not a time"));
        }
        Duration::try_from_secs_f64(seconds).map(Self).map_err(D::Error::custom)
    }
}

/// What this API demands of a token.
pub(crate) struct Expectations {
    pub(crate) issuer: String,
    /// Any of these in `aud` will do.
    pub(crate) audiences: Vec<String>,
    pub(crate) leeway: Duration,
}

impl Expectations {
    /// Judge claims that are known to be of the issuer.
    pub(crate) fn check(&self, claims: &Claims, now: Instant) -> Result<(), InvalidToken> {
        if claims.sub.is_empty() || claims.client_id.is_empty() {
            return Err(InvalidToken::BadClaims);
        }
        // Code points, no normalisation (G-7).
        if claims.iss != self.issuer {
            return Err(InvalidToken::WrongIssuer);
        }
        if !self.audiences.iter().any(|audience| claims.aud.contains(audience)) {
            return Err(InvalidToken::WrongAudience);
        }
        if now >= self.dies(claims) {
            return Err(InvalidToken::Expired);
        }
        let latest = now + self.leeway.max(MIN_FUTURE_TOLERANCE);
        if claims.iat.0 > latest || claims.nbf.is_some_and(|nbf| nbf.0 > latest) {
            return Err(InvalidToken::NotYetValid);
        }
        if claims.binding == Binding::Other {
            return Err(InvalidToken::UnknownBinding);
        }
        Ok(())
    }

    /// From this instant on the token is refused (G-8).
    pub(crate) fn dies(&self, claims: &Claims) -> Instant {
        claims.exp.0 + self.leeway
    }
}
