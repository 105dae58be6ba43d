//! The logout token, which tells an app that a session has ended. OpenID Back-Channel Logout 1.0 §2.4; LO-11.

use serde::{Deserialize, Serialize};

use crate::access_token::Audience;

/// How long a logout token may be used, seconds: long enough for the way to the app, and for clocks that differ. LO-11.
pub const LIFE_SECONDS: i64 = 120;

/// Claims of a logout token. It never has a `nonce`, so that it cannot pass for an ID token. LO-11.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LogoutTokenClaims {
    /// This server, exactly.
    pub iss: String,
    /// The user id.
    pub sub: String,
    /// The client id, alone.
    pub aud: Audience,
    /// Issue, seconds since 1970.
    pub iat: i64,
    /// Expiry, seconds since 1970.
    pub exp: i64,
    /// Names this very token: one try of one message.
    pub jti: String,
    /// The session that ended, as the ID tokens of it had it.
    pub sid: String,
    /// What the token says.
    pub events: Events,
}

/// The `events` claim of RFC 8417 §2.2 with the one event there is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Events {
    #[serde(rename = "http://schemas.openid.net/event/backchannel-logout")]
    backchannel_logout: Nothing,
}

/// An empty JSON object.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Nothing {}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn lo11_the_claims_are_exactly_these() {
        let claims = LogoutTokenClaims {
            iss: "https://id.example.com".to_owned(),
            sub: "u".to_owned(),
            aud: Audience::One("shop".to_owned()),
            iat: 1,
            exp: 121,
            jti: "j".to_owned(),
            sid: "s".to_owned(),
            events: Events::default(),
        };
        let expected = serde_json::json!({
            "iss": "https://id.example.com", "sub": "u", "aud": "shop", "iat": 1, "exp": 121, "jti": "j", "sid": "s",
            "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
        });
        assert_eq!(serde_json::to_value(claims).unwrap(), expected);
    }
}
