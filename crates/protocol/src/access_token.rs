//! The JWT access token. RFC 9068; design §6.

use brama_faults::{Fault, planted};
use serde::{Deserialize, Serialize};

use crate::dpop::Confirmation;
use crate::id::GrantId;

/// `aud`: one resource as text, several as a list. RFC 7519 §4.1.3.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    /// One resource.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl Audience {
    /// What a token is for: the requested resource alone; without one the default resource and, for OpenID requests,
    /// this issuer too, so that the token reads `userinfo`. TK-3, EP-44.
    #[must_use]
    pub fn of(resource: Option<&str>, default: &str, issuer: &str, openid: bool) -> Self {
        match resource {
            Some(resource) => Self::One(resource.to_owned()),
            None if openid => Self::Many(vec![default.to_owned(), issuer.to_owned()]),
            None => Self::One(default.to_owned()),
        }
    }

    /// Whether the token is for this resource: exact comparison.
    #[must_use]
    pub fn contains(&self, resource: &str) -> bool {
        match self {
            Self::One(one) => one == resource,
            Self::Many(many) => many.iter().any(|one| one == resource) || planted(Fault::Audiss02),
        }
    }
}

/// Claims of an access token. TK-2, TK-4, TK-5. Times are seconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccessTokenClaims {
    /// This server, exactly.
    pub iss: String,
    /// The user id, or the client id where no user is involved.
    pub sub: String,
    /// The resources the token opens.
    pub aud: Audience,
    /// Expiry.
    pub exp: i64,
    /// Issue.
    pub iat: i64,
    /// Unique per token: the grant's id, a dot, random characters; for machines only random characters.
    pub jti: String,
    /// The client it was issued to.
    pub client_id: String,
    /// Granted scope, space-delimited; absent when empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// When the user signed in; only with a user, which is how an API tells people from machines. TE-33.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    /// How strong that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    /// By which means. RFC 8176.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amr: Option<Vec<String>>,
    /// The session at this server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// The key that whoever sends the token has to prove; absent for bearer tokens. RFC 9449 §6.1; TK-7.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cnf: Option<Confirmation>,
}

impl AccessTokenClaims {
    /// How the token is sent: `token_type` of the token response and of introspection. RFC 9449 §5.
    #[must_use]
    pub fn token_type(&self) -> &'static str {
        if self.cnf.is_some() { "DPoP" } else { "Bearer" }
    }

    /// The grant the token came from; none for a machine's.
    #[must_use]
    pub fn grant(&self) -> Option<GrantId> {
        self.jti.split_once('.').and_then(|(grant, _)| grant.parse().ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tk3_ep44_audience() {
        let of =
            |resource, openid| Audience::of(resource, "https://id.example.com/api", "https://id.example.com", openid);
        assert_eq!(of(None, false), Audience::One("https://id.example.com/api".to_owned()));
        assert!(of(None, true).contains("https://id.example.com"));
        assert!(!of(Some("https://mcp.example.com"), true).contains("https://id.example.com"));
        assert!(!of(None, true).contains("https://id.example.com/"));
    }
}
