//! The ID token. OpenID Core §2; standards §3.2.

use aws_lc_rs::digest::{SHA256, SHA512, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::access_token::Audience;
use crate::client::IdTokenAlgorithm;
use crate::oidc::claims::PersonClaims;

/// Claims of an ID token. Names, addresses and the like are at `userinfo` (OpenID Core §5.4), and here only if `claims` asked
/// for them by name (§5.5).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct IdTokenClaims {
    /// This server, exactly.
    pub iss: String,
    /// The user id.
    pub sub: String,
    /// The client id, alone.
    pub aud: Audience,
    /// Expiry, seconds since 1970.
    pub exp: i64,
    /// Issue, seconds since 1970.
    pub iat: i64,
    /// When the user signed in; unchanged by refresh. TE-31.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    /// Copied from the authorization request; never on refresh. TE-31.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// How strong the sign-in was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    /// By which means. RFC 8176.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amr: Option<Vec<String>>,
    /// Binds the access token that came with it. OpenID Core §3.1.3.6.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_hash: Option<String>,
    /// The session at this server, for logout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// What `claims` asked for by name.
    #[serde(flatten)]
    pub person: PersonClaims,
}

/// `at_hash`: base64url of the left half of the hash that belongs to the ID token's algorithm. OpenID Core §3.1.3.6. That of
/// Ed25519 is SHA-512 by convention: Core is older than the algorithm. TK-11.
#[must_use]
pub fn at_hash(access_token: &str, algorithm: IdTokenAlgorithm) -> String {
    let hash = match algorithm {
        IdTokenAlgorithm::ES256 | IdTokenAlgorithm::RS256 | IdTokenAlgorithm::PS256 => &SHA256,
        IdTokenAlgorithm::EdDSA => &SHA512,
    };
    let hash = digest(hash, access_token.as_bytes());
    let (left, _) = hash.as_ref().split_at_checked(hash.as_ref().len() / 2).unwrap_or_default();
    URL_SAFE_NO_PAD.encode(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_hash_of_openid_core_a3() {
        // OpenID Core appendix A.3 (RS256).
        let token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
        for algorithm in [IdTokenAlgorithm::RS256, IdTokenAlgorithm::PS256, IdTokenAlgorithm::ES256] {
            assert_eq!(at_hash(token, algorithm), "77QmUPtjPfzWtF2AnpK9RQ");
        }
    }

    #[test]
    fn tk11_ed25519_takes_the_left_half_of_sha_512() {
        // printf … | openssl dgst -sha512 -binary | head -c 32 | base64
        let token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
        assert_eq!(at_hash(token, IdTokenAlgorithm::EdDSA), "q7nS86GgvvFaZkzALLWqJYaJIKw2wCDAVfCAsm5CrBM");
    }
}
