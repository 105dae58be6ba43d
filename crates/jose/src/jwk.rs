//! Public keys as JSON (RFC 7517, RFC 7518 §6, RFC 8037 §2) and their thumbprints (RFC 7638).

use std::fmt;

use aws_lc_rs::digest;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::algorithm::Algorithm;
use crate::{base64url, json};

/// A public signature key. Private or symmetric members never get this far: reading a key that has them is an error (TK-20).
#[derive(Clone, PartialEq, Eq)]
pub struct Jwk {
    kid: Option<String>,
    algorithm: Option<Algorithm>,
    material: Material,
}

/// The numbers of a public key. Whether they make a sound key is checked by [`VerifyingKey`](crate::VerifyingKey).
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Material {
    /// A point on P-256, affine coordinates.
    P256 {
        x: [u8; 32],
        y: [u8; 32],
    },
    Ed25519 {
        x: [u8; 32],
    },
    /// Big-endian modulus and exponent without leading zeros.
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
}

/// Why a JWK was not read. Readers see it as the message of the `serde` error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum JwkError {
    /// Private or symmetric members where only a public key belongs (TK-20).
    #[error("the key has private or symmetric members")]
    NotPublic,
    /// Another `kty`, `crv` or `alg` than we speak, or an `alg` that does not fit the key (TK-23).
    #[error("the key type, curve or algorithm is not supported, or they do not fit each other")]
    Unsupported,
    /// `use` or `key_ops` say that the key is not for signatures (RFC 7517 §4.2, §4.3).
    #[error("the key is not meant for signatures")]
    NotForSignatures,
    /// A member is missing, is not canonical base64url or has the wrong length.
    #[error("a member of the key is missing or malformed")]
    Malformed,
}

impl Jwk {
    pub(crate) fn new(algorithm: Algorithm, material: Material) -> Self {
        let mut jwk = Self { kid: None, algorithm: Some(algorithm), material };
        jwk.kid = Some(jwk.thumbprint());
        jwk
    }

    /// The key id, an opaque name (TK-24).
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The algorithm, where the key says it or its type leaves one only. `None`: an RSA key without `alg`.
    #[must_use]
    pub fn algorithm(&self) -> Option<Algorithm> {
        self.algorithm.or(match self.material {
            Material::P256 { .. } => Some(Algorithm::Es256),
            Material::Ed25519 { .. } => Some(Algorithm::EdDsa),
            Material::Rsa { .. } => None,
        })
    }

    pub(crate) fn material(&self) -> &Material {
        &self.material
    }

    /// SHA-256 thumbprint in base64url (RFC 7638 §3).
    #[must_use]
    pub fn thumbprint(&self) -> String {
        base64url::encode(digest::digest(&digest::SHA256, self.required_members().as_bytes()).as_ref())
    }

    /// The public key in JSON without anything that could be left out, members in lexicographic order (RFC 7638 §3.2).
    pub(crate) fn required_members(&self) -> String {
        match &self.material {
            Material::P256 { x, y } => {
                format!(r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#, base64url::encode(x), base64url::encode(y))
            }
            Material::Ed25519 { x } => format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, base64url::encode(x)),
            Material::Rsa { n, e } => {
                format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, base64url::encode(e), base64url::encode(n))
            }
        }
    }

    fn from_raw(raw: RawJwk) -> Result<Self, JwkError> {
        if raw.has_secret() {
            return Err(JwkError::NotPublic);
        }
        if raw.usage.as_deref().is_some_and(|usage| usage != "sig")
            || raw.key_ops.as_deref().is_some_and(|ops| !ops.iter().any(|op| op == "verify"))
        {
            return Err(JwkError::NotForSignatures);
        }
        let algorithm = match raw.alg.as_deref() {
            None => None,
            Some(name) => Some(name.parse().map_err(|_| JwkError::Unsupported)?),
        };
        let material = match (raw.kty.as_deref(), raw.crv.as_deref()) {
            (Some("EC"), Some("P-256")) => Material::P256 { x: octets(raw.x)?, y: octets(raw.y)? },
            (Some("OKP"), Some("Ed25519")) => Material::Ed25519 { x: octets(raw.x)? },
            (Some("RSA"), None) => Material::Rsa { n: integer(raw.n)?, e: integer(raw.e)? },
            (None, _) => return Err(JwkError::Malformed),
            _ => return Err(JwkError::Unsupported),
        };
        let fits = matches!(
            (&material, algorithm),
            (_, None)
                | (Material::P256 { .. }, Some(Algorithm::Es256))
                | (Material::Ed25519 { .. }, Some(Algorithm::EdDsa))
                | (Material::Rsa { .. }, Some(Algorithm::Rs256 | Algorithm::Ps256))
        );
        if fits { Ok(Self { kid: raw.kid, algorithm, material }) } else { Err(JwkError::Unsupported) }
    }
}

impl fmt::Debug for Jwk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwk").field("kid", &self.kid).field("algorithm", &self.algorithm()).finish_non_exhaustive()
    }
}

/// A JWK as it stands in JSON. Unknown members are ignored (RFC 7517 §4), a known one given twice is an error.
#[derive(Deserialize)]
struct RawJwk {
    kty: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    kid: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
    #[serde(default, deserialize_with = "json::present")]
    d: bool,
    #[serde(default, deserialize_with = "json::present")]
    p: bool,
    #[serde(default, deserialize_with = "json::present")]
    q: bool,
    #[serde(default, deserialize_with = "json::present")]
    dp: bool,
    #[serde(default, deserialize_with = "json::present")]
    dq: bool,
    #[serde(default, deserialize_with = "json::present")]
    qi: bool,
    #[serde(default, deserialize_with = "json::present")]
    oth: bool,
    #[serde(default, deserialize_with = "json::present")]
    k: bool,
}

impl RawJwk {
    fn has_secret(&self) -> bool {
        self.kty.as_deref() == Some("oct")
            || self.d
            || self.p
            || self.q
            || self.dp
            || self.dq
            || self.qi
            || self.oth
            || self.k
    }
}

/// Exactly 32 bytes: a shorter coordinate is an error, not padded (RFC 7518 §6.2.1.2).
fn octets(text: Option<String>) -> Result<[u8; 32], JwkError> {
    let bytes = text.as_deref().and_then(base64url::decode).ok_or(JwkError::Malformed)?;
    bytes.try_into().map_err(|_| JwkError::Malformed)
}

/// A positive integer in the fewest bytes (RFC 7518 §2, Base64urlUInt), so that a key has one thumbprint.
fn integer(text: Option<String>) -> Result<Vec<u8>, JwkError> {
    let bytes = text.as_deref().and_then(base64url::decode).ok_or(JwkError::Malformed)?;
    match bytes.first() {
        None | Some(0) => Err(JwkError::Malformed),
        Some(_) => Ok(bytes),
    }
}

impl<'de> Deserialize<'de> for Jwk {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_raw(RawJwk::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[derive(Serialize)]
struct PublicMembers<'a> {
    kty: &'static str,
    #[serde(rename = "use")]
    usage: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    alg: Option<Algorithm>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    crv: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    x: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    y: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    e: Option<String>,
}

impl Serialize for Jwk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = PublicMembers {
            kty: "RSA",
            usage: "sig",
            alg: self.algorithm(),
            kid: self.kid(),
            crv: None,
            x: None,
            y: None,
            n: None,
            e: None,
        };
        match &self.material {
            Material::P256 { x, y } => {
                members.kty = "EC";
                members.crv = Some("P-256");
                members.x = Some(base64url::encode(x));
                members.y = Some(base64url::encode(y));
            }
            Material::Ed25519 { x } => {
                members.kty = "OKP";
                members.crv = Some("Ed25519");
                members.x = Some(base64url::encode(x));
            }
            Material::Rsa { n, e } => {
                members.n = Some(base64url::encode(n));
                members.e = Some(base64url::encode(e));
            }
        }
        members.serialize(serializer)
    }
}

/// A set of public signature keys (RFC 7517 §5, TK-20).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct JwkSet {
    /// The keys. When read from JSON, their `kid`s are unique.
    pub keys: Vec<Jwk>,
}

impl JwkSet {
    /// The key of this id.
    #[must_use]
    pub fn get(&self, kid: &str) -> Option<&Jwk> {
        self.keys.iter().find(|key| key.kid() == Some(kid))
    }
}

#[derive(Deserialize)]
struct RawJwkSet {
    keys: Vec<RawJwk>,
}

/// Keys we cannot use (other types, encryption keys) are left out, as RFC 7517 §5 asks; a secret or a repeated `kid` spoils the set.
impl<'de> Deserialize<'de> for JwkSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = RawJwkSet::deserialize(deserializer)?;
        let mut set = Self::default();
        for raw_key in raw.keys {
            match Jwk::from_raw(raw_key) {
                Ok(key) if key.kid().is_some_and(|kid| set.get(kid).is_some()) => {
                    return Err(serde::de::Error::custom("two keys of the set have the same kid"));
                }
                Ok(key) => set.keys.push(key),
                // Somebody publishes a secret or mixes key types (TK-20): nothing in that set is to be trusted.
                Err(error @ JwkError::NotPublic) => return Err(serde::de::Error::custom(error)),
                Err(JwkError::Unsupported | JwkError::NotForSignatures | JwkError::Malformed) => {}
            }
        }
        Ok(set)
    }
}
