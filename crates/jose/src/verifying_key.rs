//! Public keys made ready for use once: validated, bound to one algorithm (TK-22, TK-23; RFC 8725 §3.1, §3.4, §3.5).

use std::fmt;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
    RsaPublicKeyComponents,
};

use crate::algorithm::Algorithm;
use crate::jwk::{Jwk, Material};
use crate::mistakes;
use crate::roca::is_roca;

const MIN_RSA_BITS: usize = 2048;
const MAX_RSA_BITS: usize = 8192;

/// A public key that is sound and knows its one algorithm. The token does not choose: see [`Unverified::verify`](crate::Unverified::verify).
#[derive(Clone)]
pub struct VerifyingKey {
    algorithm: Algorithm,
    kid: Option<String>,
    pub(crate) parsed: ParsedPublicKey,
}

/// Why a key cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// An RSA key without `alg` could be used for two algorithms. Say which with [`VerifyingKey::with_algorithm`].
    #[error("the key does not say its algorithm")]
    NoAlgorithm,
    /// The algorithm needs another type of key.
    #[error("the algorithm does not fit the key")]
    WrongAlgorithm,
    /// RSA below 2048 or above 8192 bits.
    #[error("the RSA key must have 2048 to 8192 bits")]
    RsaSize,
    /// An RSA exponent that is even or below 3.
    #[error("the RSA exponent must be odd and at least 3")]
    RsaExponent,
    /// The modulus can be factored (CVE-2017-15361).
    #[error("the RSA key comes from a broken generator (ROCA) and can be factored")]
    RsaWeak,
    /// A point that is not on its curve, or other bytes that are no key.
    #[error("not a valid key")]
    Invalid,
    /// The cryptographic library failed to make a key.
    #[error("the key could not be generated")]
    Generation,
}

impl VerifyingKey {
    /// Validate a key; its algorithm is the one it names or its type implies.
    ///
    /// # Errors
    /// [`KeyError::NoAlgorithm`] for an RSA key without `alg`, the others for unsound keys.
    pub fn new(jwk: &Jwk) -> Result<Self, KeyError> {
        Self::with_algorithm(jwk, jwk.algorithm().ok_or(KeyError::NoAlgorithm)?)
    }

    /// Validate a key for an algorithm known from elsewhere, such as client metadata.
    ///
    /// # Errors
    /// [`KeyError::WrongAlgorithm`] when the key names or needs another one, the others for unsound keys.
    pub fn with_algorithm(jwk: &Jwk, algorithm: Algorithm) -> Result<Self, KeyError> {
        if jwk.algorithm().is_some_and(|own| own != algorithm) {
            return Err(KeyError::WrongAlgorithm);
        }
        let parsed = match (jwk.material(), algorithm) {
            (Material::P256 { x, y }, Algorithm::Es256) => {
                let mut point = Vec::with_capacity(65);
                point.push(4); // uncompressed, SEC 1 §2.3.3
                point.extend_from_slice(x);
                point.extend_from_slice(y);
                ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).map_err(|_| KeyError::Invalid)?
            }
            (Material::Ed25519 { x }, Algorithm::EdDsa) => {
                ParsedPublicKey::new(&ED25519, x).map_err(|_| KeyError::Invalid)?
            }
            (Material::Rsa { n, e }, Algorithm::Rs256 | Algorithm::Ps256) => {
                check_rsa(n, e)?;
                let parameters =
                    if algorithm == Algorithm::Ps256 { &RSA_PSS_2048_8192_SHA256 } else { &RSA_PKCS1_2048_8192_SHA256 };
                RsaPublicKeyComponents { n, e }.to_parsed_public_key(parameters).map_err(|_| KeyError::Invalid)?
            }
            _ => return Err(KeyError::WrongAlgorithm),
        };
        Ok(Self { algorithm, kid: jwk.kid().map(str::to_owned), parsed })
    }

    /// The only algorithm this key verifies.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The id of the key it was made from.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    pub(crate) fn is_signature(&self, message: &[u8], signature: &[u8]) -> bool {
        self.parsed.verify_sig(message, signature).is_ok() || mistakes::passes_for_signature(self, message, signature)
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey")
            .field("kid", &self.kid)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

/// RFC 7518 §3.3, §3.5 (size), RFC 8017 §3.1 (exponent). Both numbers come without leading zeros.
fn check_rsa(n: &[u8], e: &[u8]) -> Result<(), KeyError> {
    let unused = n.first().map_or(0, |byte| byte.leading_zeros() as usize);
    let bits = (n.len() * 8).saturating_sub(unused);
    if !(MIN_RSA_BITS..=MAX_RSA_BITS).contains(&bits) {
        return Err(KeyError::RsaSize);
    }
    let odd = e.last().is_some_and(|byte| byte & 1 == 1);
    if !odd || e == [1] {
        return Err(KeyError::RsaExponent);
    }
    if n.last().is_none_or(|byte| byte & 1 == 0) {
        return Err(KeyError::Invalid);
    }
    if is_roca(n) {
        return Err(KeyError::RsaWeak);
    }
    Ok(())
}
