//! The signature algorithms we speak (TK-22, TK-23). What is not in this list does not exist: `none`, HMAC, `RSA1_5`, P-384.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A JWS signature algorithm (RFC 7518 §3.1, RFC 8037 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    /// ECDSA with P-256 and SHA-256. The default of a new server.
    Es256,
    /// Ed25519. Written `EdDSA`, the name every client knows; `Ed25519` (RFC 9864) is understood too.
    EdDsa,
    /// RSASSA-PKCS1-v1_5 with SHA-256. Here because OpenID Connect requires it (TK-10, TK-12).
    Rs256,
    /// RSASSA-PSS with SHA-256.
    Ps256,
}

impl Algorithm {
    /// Every algorithm, in the order in which metadata should list them.
    pub const ALL: [Self; 4] = [Self::Es256, Self::EdDsa, Self::Rs256, Self::Ps256];

    /// The name written into headers, keys and metadata.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The name is not one of the four algorithms. Names are case-sensitive (RFC 7515 §4.1.1), so `none`, `None` and `es256` all end here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a supported signature algorithm (ES256, EdDSA, RS256, PS256)")]
pub struct UnsupportedAlgorithm;

impl FromStr for Algorithm {
    type Err = UnsupportedAlgorithm;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "ES256" => Ok(Self::Es256),
            "EdDSA" | "Ed25519" => Ok(Self::EdDsa),
            "RS256" => Ok(Self::Rs256),
            "PS256" => Ok(Self::Ps256),
            _ => Err(UnsupportedAlgorithm),
        }
    }
}

impl Serialize for Algorithm {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Algorithm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<str>::deserialize(deserializer)?;
        name.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tk_22_names_are_exact() {
        for name in [
            "none", "None", "nOnE", "NONE", "", "HS256", "HS512", "RSA1_5", "ES384", "ES512", "RS512", "es256",
            "ES256 ", "Ed448", "ES256K",
        ] {
            assert_eq!(name.parse::<Algorithm>(), Err(UnsupportedAlgorithm), "{name}");
        }
    }

    #[test]
    fn tk_23_both_names_of_ed25519_are_read_one_is_written() {
        assert_eq!("Ed25519".parse(), Ok(Algorithm::EdDsa));
        assert_eq!("EdDSA".parse(), Ok(Algorithm::EdDsa));
        assert_eq!(Algorithm::EdDsa.as_str(), "EdDSA");
        for algorithm in Algorithm::ALL {
            assert_eq!(algorithm.as_str().parse(), Ok(algorithm));
        }
    }
}
