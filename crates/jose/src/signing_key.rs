//! Private keys: made by the operating system's generator, kept in PKCS#8 for sealing at rest, used for signing (TK-27).

use std::fmt;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
    RsaEncoding, RsaKeyPair, RsaPublicKeyComponents,
};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::algorithm::Algorithm;
use crate::base64url;
use crate::jwk::{Jwk, Material};
use crate::typ::Typ;
use crate::verifying_key::{KeyError, VerifyingKey};

/// Size of the RSA keys we make. RFC 8725 §3.5 asks for at least this; more costs every signature dearly.
const RSA_SIZE: KeySize = KeySize::Rsa2048;

/// A private signature key with its public half. `Debug` shows the id only.
pub struct SigningKey {
    kid: String,
    algorithm: Algorithm,
    private: Private,
    public: Jwk,
    pkcs8: Zeroizing<Vec<u8>>,
    /// `base64url(header) "."` of every kind of token, so that signing does not build it each time.
    headers: Headers,
}

/// In the order of [`Typ::ALL`].
struct Headers([String; Typ::ALL.len()]);

impl Headers {
    fn get(&self, typ: Typ) -> &str {
        let [access, id, logout, request, client, introspection, proof] = &self.0;
        match typ {
            Typ::AccessToken => access,
            Typ::IdToken => id,
            Typ::LogoutToken => logout,
            Typ::RequestObject => request,
            Typ::ClientAuthentication => client,
            Typ::TokenIntrospection => introspection,
            Typ::DpopProof => proof,
        }
    }
}

enum Private {
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
}

/// Why a token was not signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The claims do not become JSON: a mistake of the calling program.
    #[error("the claims cannot be written as JSON")]
    Claims(#[from] serde_json::Error),
    /// The cryptographic library refused.
    #[error("the signature could not be made")]
    Signature,
}

impl SigningKey {
    /// Make a new key. RSA takes a noticeable part of a second.
    ///
    /// # Errors
    /// [`KeyError::Generation`] when the library fails, for want of randomness for example.
    pub fn generate(algorithm: Algorithm) -> Result<Self, KeyError> {
        let failed = |_| KeyError::Generation;
        let pkcs8 = match algorithm {
            Algorithm::Es256 => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(failed)?;
                Zeroizing::new(pair.to_pkcs8v1().map_err(failed)?.as_ref().to_vec())
            }
            Algorithm::EdDsa => {
                let pair = Ed25519KeyPair::generate().map_err(failed)?;
                Zeroizing::new(pair.to_pkcs8v1().map_err(failed)?.as_ref().to_vec())
            }
            Algorithm::Rs256 | Algorithm::Ps256 => {
                let pair = RsaKeyPair::generate(RSA_SIZE).map_err(failed)?;
                let der: Pkcs8V1Der<'_> = pair.as_der().map_err(failed)?;
                Zeroizing::new(der.as_ref().to_vec())
            }
        };
        Self::from_pkcs8(algorithm, &pkcs8)
    }

    /// Read a key from a PKCS#8 document (RFC 5208), such as one of [`Self::to_pkcs8`] or `openssl genpkey`.
    ///
    /// # Errors
    /// [`KeyError`] when the bytes are no sound key for this algorithm.
    pub fn from_pkcs8(algorithm: Algorithm, der: &[u8]) -> Result<Self, KeyError> {
        let (private, material) = match algorithm {
            Algorithm::Es256 => {
                let pair =
                    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).map_err(|_| KeyError::Invalid)?;
                let material = p256_material(pair.public_key().as_ref())?;
                (Private::P256(pair), material)
            }
            Algorithm::EdDsa => {
                let pair = Ed25519KeyPair::from_pkcs8(der).map_err(|_| KeyError::Invalid)?;
                let x = pair.public_key().as_ref().try_into().map_err(|_| KeyError::Invalid)?;
                (Private::Ed25519(pair), Material::Ed25519 { x })
            }
            Algorithm::Rs256 | Algorithm::Ps256 => {
                let pair = RsaKeyPair::from_pkcs8(der).map_err(|_| KeyError::Invalid)?;
                let RsaPublicKeyComponents { n, e } = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
                let encoding: &'static dyn RsaEncoding =
                    if algorithm == Algorithm::Ps256 { &RSA_PSS_SHA256 } else { &RSA_PKCS1_SHA256 };
                (Private::Rsa(pair, encoding), Material::Rsa { n, e })
            }
        };
        let public = Jwk::new(algorithm, material);
        VerifyingKey::new(&public)?;
        let kid = public.thumbprint();
        let headers = Headers(Typ::ALL.map(|typ| encoded_header(&public, algorithm, &kid, typ)));
        Ok(Self { kid, algorithm, private, public, pkcs8: Zeroizing::new(der.to_vec()), headers })
    }

    /// The private key as PKCS#8. A secret: seal it before it goes anywhere (TK-27).
    #[must_use]
    pub fn to_pkcs8(&self) -> &Zeroizing<Vec<u8>> {
        &self.pkcs8
    }

    /// The id of this key: the RFC 7638 thumbprint of the public half.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The algorithm it signs with.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The public half, ready for a JWK set.
    #[must_use]
    pub fn public(&self) -> &Jwk {
        &self.public
    }

    /// Sign claims as a token of one kind: compact JWS (RFC 7515 §7.1). The header names the key by its id; that of a
    /// [`Typ::DpopProof`] carries the public key itself (RFC 9449 §4.2).
    ///
    /// # Errors
    /// [`SignError::Claims`] when the claims do not serialise, [`SignError::Signature`] when the library fails.
    pub fn sign(&self, typ: Typ, claims: &impl Serialize) -> Result<String, SignError> {
        let mut payload = Vec::with_capacity(512);
        serde_json::to_writer(&mut payload, claims)?;
        let header = self.headers.get(typ);
        let mut token = String::with_capacity(header.len() + payload.len() / 3 * 4 + 4 + 1 + self.signature_chars());
        token.push_str(header);
        base64url::encode_onto(&mut token, &payload);
        let rng = SystemRandom::new();
        match &self.private {
            Private::P256(pair) => {
                let signature = pair.sign(&rng, token.as_bytes()).map_err(|_| SignError::Signature)?;
                token.push('.');
                base64url::encode_onto(&mut token, signature.as_ref());
            }
            Private::Ed25519(pair) => {
                let signature = pair.try_sign(token.as_bytes()).map_err(|_| SignError::Signature)?;
                token.push('.');
                base64url::encode_onto(&mut token, signature.as_ref());
            }
            Private::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &rng, token.as_bytes(), &mut signature).map_err(|_| SignError::Signature)?;
                token.push('.');
                base64url::encode_onto(&mut token, &signature);
            }
        }
        Ok(token)
    }

    /// Length of an encoded signature, to allocate the token once.
    fn signature_chars(&self) -> usize {
        let bytes = match &self.private {
            Private::P256(_) | Private::Ed25519(_) => 64,
            Private::Rsa(pair, _) => pair.public_modulus_len(),
        };
        bytes.div_ceil(3) * 4
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.kid).field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

/// All values are of our own alphabet, so nothing needs escaping.
fn encoded_header(public: &Jwk, algorithm: Algorithm, kid: &str, typ: Typ) -> String {
    let key = match typ {
        Typ::DpopProof => format!(r#""jwk":{}"#, public.required_members()),
        _ => format!(r#""kid":"{kid}""#),
    };
    let header = format!(r#"{{"alg":"{}","typ":"{}",{key}}}"#, algorithm.as_str(), typ.as_str());
    let mut encoded = base64url::encode(header.as_bytes());
    encoded.push('.');
    encoded
}

/// Take an uncompressed SEC 1 point apart.
fn p256_material(point: &[u8]) -> Result<Material, KeyError> {
    let (tag, coordinates) = point.split_first().ok_or(KeyError::Invalid)?;
    let (x, y) = coordinates.split_at_checked(32).ok_or(KeyError::Invalid)?;
    if *tag != 4 {
        return Err(KeyError::Invalid);
    }
    Ok(Material::P256 {
        x: x.try_into().map_err(|_| KeyError::Invalid)?,
        y: y.try_into().map_err(|_| KeyError::Invalid)?,
    })
}
