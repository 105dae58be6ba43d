//! What introspection says about a token. RFC 7662 §2.2, §4; RFC 9449 §6.2; RFC 9470 §6.2; EP-31, EP-32.

use serde::Serialize;

use crate::access_token::AccessTokenClaims;

/// The answer to a question about a token.
#[derive(Debug, Serialize)]
pub struct Introspection {
    active: bool,
    #[serde(flatten)]
    shown: Option<Shown>,
}

/// What is shown of a token that counts.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Shown {
    Access {
        /// What the token says itself, `cnf` included: whoever may ask may read it anyway.
        #[serde(flatten)]
        claims: Box<AccessTokenClaims>,
        token_type: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        username: Option<String>,
    },
    Refresh(RefreshTokenFacts),
}

/// A refresh token that counts, for its own client. Times are seconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Serialize)]
pub struct RefreshTokenFacts {
    /// This server, exactly.
    pub iss: String,
    /// The user.
    pub sub: String,
    /// The client.
    pub client_id: String,
    /// What was granted.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub scope: String,
    /// When it ends, however often it is used.
    pub exp: i64,
    /// When it was given.
    pub iat: i64,
    /// When the user signed in.
    pub auth_time: i64,
    /// How strong that was.
    pub acr: String,
}

impl Introspection {
    /// Unknown, expired, revoked, somebody else's or no token at all: nothing tells which. EP-31.
    #[must_use]
    pub fn inactive() -> Self {
        Self { active: false, shown: None }
    }

    /// An access token that counts. `username`: only where the token's scope opens the profile. RFC 7662 §5.
    #[must_use]
    pub fn access(claims: AccessTokenClaims, username: Option<String>) -> Self {
        let token_type = claims.token_type();
        Self { active: true, shown: Some(Shown::Access { claims: Box::new(claims), token_type, username }) }
    }

    /// A refresh token that counts.
    #[must_use]
    pub fn refresh(facts: RefreshTokenFacts) -> Self {
        Self { active: true, shown: Some(Shown::Refresh(facts)) }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn ep31_an_inactive_token_says_that_and_nothing_else() {
        assert_eq!(serde_json::to_string(&Introspection::inactive()).unwrap(), r#"{"active":false}"#);
    }

    #[test]
    fn ep32_a_machines_token_has_no_member_of_a_person() {
        let claims: AccessTokenClaims = serde_json::from_str(
            r#"{"iss":"i","sub":"robot","aud":"a","exp":2,"iat":1,"jti":"j","client_id":"robot","scope":"read"}"#,
        )
        .unwrap();
        let said = serde_json::to_value(Introspection::access(claims, None)).unwrap();
        let expected = serde_json::json!({
            "active": true, "iss": "i", "sub": "robot", "aud": "a", "exp": 2, "iat": 1, "jti": "j",
            "client_id": "robot", "scope": "read", "token_type": "Bearer",
        });
        assert_eq!(said, expected);
    }
}
