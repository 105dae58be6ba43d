//! Compact JWS, read strictly (RFC 7515 §3.1, §5.2, §7.1; RFC 8725 §3).
//!
//! The header is a claim of whoever sent the token, so almost nothing of it is used: `kid` to look a key up, `alg` and `typ` to be
//! compared with what the key and the caller demand. Everything that offers a key of the sender's choice is refused (TK-24); the
//! one exception is a function of its own, [`verify_with_embedded_key`].

use std::fmt;

use brama_faults::{Fault, planted};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::algorithm::Algorithm;
use crate::jwk::Jwk;
use crate::typ::Typ;
use crate::verifying_key::VerifyingKey;
use crate::{base64url, json, mistakes};

/// Longest token that is looked at (G-9).
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// Why a token was refused. The texts are for logs; a client is told `invalid_token` and no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwsError {
    /// Longer than [`MAX_TOKEN_BYTES`] (G-9).
    #[error("the token is longer than 16 KiB")]
    TooLong,
    /// Not three parts of canonical base64url, or a header that is not one plain JSON object (TK-24, TK-26).
    #[error("the token is not a compact JWS")]
    Malformed,
    /// `alg` is none of ours: `none`, HMAC and the like (TK-22).
    #[error("the signature algorithm is not supported")]
    UnsupportedAlgorithm,
    /// A header parameter that would bring its own key, or an extension we do not know (TK-24).
    #[error("the token header has a parameter that is not allowed")]
    ForbiddenHeader,
    /// `alg` is not the algorithm of the key (TK-22).
    #[error("the token names another algorithm than its key")]
    WrongAlgorithm,
    /// Another kind of token (TK-25).
    #[error("the token is of another type")]
    WrongTyp,
    /// No `jwk` in the header of a proof, or one that is private, of another type than `alg` needs, or unsound (RFC 9449 §4.3).
    #[error("the header carries no sound public key for its algorithm")]
    BadEmbeddedKey,
    /// The signature is not of this key over these bytes.
    #[error("the signature does not verify")]
    BadSignature,
    /// The signed payload is not one JSON object with distinct members, or does not fit what was asked for (TK-26).
    #[error("the claims are malformed")]
    BadClaims,
}

/// The part of a header that is of use before verification. None of it is proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    algorithm: Algorithm,
    typ: Option<String>,
    kid: Option<String>,
}

impl Header {
    /// `alg`: one of ours, to be matched with the key.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// `typ`, as written.
    #[must_use]
    pub fn typ(&self) -> Option<&str> {
        self.typ.as_deref()
    }

    /// `kid`: a name to look a key up by. Any text at all; it must only ever be compared (TK-24).
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }
}

/// A token of the right form. Its claims are out of reach until [`verify`](Self::verify).
pub struct Unverified<'a> {
    header: Header,
    /// `header.payload`: the bytes the signature is about.
    signed: &'a str,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

/// Header members we act upon. The members of other names are ignored (RFC 7515 §4).
#[derive(Deserialize)]
struct RawHeader {
    alg: String,
    typ: Option<String>,
    kid: Option<String>,
    /// We know no extension, so any `crit` is one we do not understand (RFC 7515 §4.1.11).
    #[serde(default, deserialize_with = "json::present")]
    crit: bool,
    #[serde(default, deserialize_with = "json::present")]
    b64: bool,
    #[serde(default, deserialize_with = "json::present")]
    jku: bool,
    #[serde(default, deserialize_with = "json::present")]
    jwk: bool,
    #[serde(default, deserialize_with = "json::present")]
    x5u: bool,
    #[serde(default, deserialize_with = "json::present")]
    x5c: bool,
    #[serde(default, deserialize_with = "json::present")]
    enc: bool,
    #[serde(default, deserialize_with = "json::present")]
    zip: bool,
}

/// Take a token apart without believing it.
///
/// # Errors
/// [`JwsError::TooLong`], [`JwsError::Malformed`], [`JwsError::UnsupportedAlgorithm`] or [`JwsError::ForbiddenHeader`].
pub fn parse(token: &str) -> Result<Unverified<'_>, JwsError> {
    let (header, unverified) = take_apart(token)?;
    if header.jwk && !planted(Fault::Jose03) {
        return Err(JwsError::ForbiddenHeader);
    }
    Ok(unverified)
}

/// Check a DPoP proof ([`Typ::DpopProof`]) with the public key in its own header (RFC 9449 §4.3 no. 2 to 7). It proves that
/// the sender holds that key, and nothing about who the sender is: what the key may do is told by its thumbprint alone.
///
/// No other kind of token can be read this way, and no token read by [`parse`] may carry a key (TK-24).
///
/// # Errors
/// As [`parse`]; [`JwsError::WrongTyp`]; [`JwsError::UnsupportedAlgorithm`] also for an algorithm that is not among
/// `algorithms`; [`JwsError::BadEmbeddedKey`], [`JwsError::BadSignature`].
pub fn verify_with_embedded_key(proof: &str, algorithms: &[Algorithm]) -> Result<SelfSigned, JwsError> {
    let (_, unverified) = take_apart(proof)?;
    let algorithm = unverified.header.algorithm;
    if !Typ::DpopProof.accepts(unverified.header.typ()) {
        return Err(JwsError::WrongTyp);
    }
    if !algorithms.contains(&algorithm) {
        return Err(JwsError::UnsupportedAlgorithm);
    }
    let (key, thumbprint) = embedded_key(unverified.signed, algorithm)?;
    let verified = unverified.verify(&key, Typ::DpopProof)?;
    Ok(SelfSigned { thumbprint, verified })
}

/// The key in the header of `header.payload`, and its thumbprint.
pub(crate) fn embedded_key(signed: &str, algorithm: Algorithm) -> Result<(VerifyingKey, String), JwsError> {
    #[derive(Deserialize)]
    struct KeyOnly {
        jwk: Jwk,
    }

    let header = signed.split_once('.').and_then(|(header, _)| base64url::decode(header)).ok_or(JwsError::Malformed)?;
    let KeyOnly { jwk } = serde_json::from_slice(&header).map_err(|_| JwsError::BadEmbeddedKey)?;
    let key = VerifyingKey::with_algorithm(&jwk, algorithm).map_err(|_| JwsError::BadEmbeddedKey)?;
    Ok((key, jwk.thumbprint()))
}

fn take_apart(token: &str) -> Result<(RawHeader, Unverified<'_>), JwsError> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err(JwsError::TooLong);
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(JwsError::Malformed)?;
    let (header, payload) = signed.split_once('.').ok_or(JwsError::Malformed)?;
    // A further dot would be in the payload, where base64url has none.
    let decode = |part| base64url::decode(part).ok_or(JwsError::Malformed);
    let mut raw = read_header(&decode(header)?)?;
    let algorithm = mistakes::taken_for(&raw.alg).parse().map_err(|_| JwsError::UnsupportedAlgorithm)?;
    let header = Header { algorithm, typ: raw.typ.take(), kid: raw.kid.take() };
    Ok((raw, Unverified { header, signed, payload: decode(payload)?, signature: decode(signature)? }))
}

fn read_header(bytes: &[u8]) -> Result<RawHeader, JwsError> {
    if !json::is_strict_object(bytes) {
        return Err(JwsError::Malformed);
    }
    let raw: RawHeader = serde_json::from_slice(bytes).map_err(|_| JwsError::Malformed)?;
    let crit = raw.crit && !planted(Fault::Jose06);
    if crit || raw.b64 || raw.jku || raw.x5u || raw.x5c || raw.enc || raw.zip {
        return Err(JwsError::ForbiddenHeader);
    }
    Ok(raw)
}

impl Unverified<'_> {
    /// What the sender says about the token.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Check kind, algorithm and signature. The key decides the algorithm (TK-22), the caller the kind (TK-25).
    ///
    /// # Errors
    /// [`JwsError::WrongTyp`], [`JwsError::WrongAlgorithm`] or [`JwsError::BadSignature`].
    pub fn verify(self, key: &VerifyingKey, typ: Typ) -> Result<Verified, JwsError> {
        if !typ.accepts(self.header.typ()) {
            return Err(JwsError::WrongTyp);
        }
        if self.header.algorithm != key.algorithm() {
            return Err(JwsError::WrongAlgorithm);
        }
        if !key.is_signature(self.signed.as_bytes(), &self.signature) {
            return Err(JwsError::BadSignature);
        }
        Ok(Verified { payload: self.payload })
    }
}

impl fmt::Debug for Unverified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unverified").field("header", &self.header).finish_non_exhaustive()
    }
}

/// A token whose signature and kind were checked. Whether it is current and meant for the reader is not known yet.
#[derive(Clone, PartialEq, Eq)]
pub struct Verified {
    payload: Vec<u8>,
}

impl Verified {
    /// The claims: one UTF-8 JSON object in which no member is named twice, at any depth (TK-26).
    ///
    /// # Errors
    /// [`JwsError::BadClaims`] when it is not that, or does not fit `T`.
    pub fn claims<T: DeserializeOwned>(&self) -> Result<T, JwsError> {
        if !json::is_strict_object(&self.payload) {
            return Err(JwsError::BadClaims);
        }
        serde_json::from_slice(&mistakes::as_read(&self.payload)).map_err(|_| JwsError::BadClaims)
    }
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified").finish_non_exhaustive()
    }
}

/// A proof whose signature is of the very key in its header. From [`verify_with_embedded_key`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelfSigned {
    thumbprint: String,
    verified: Verified,
}

impl SelfSigned {
    /// SHA-256 thumbprint of the key, base64url (RFC 7638).
    #[must_use]
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// The claims, as [`Verified::claims`].
    ///
    /// # Errors
    /// [`JwsError::BadClaims`] when they are not one strict JSON object, or do not fit `T`.
    pub fn claims<T: DeserializeOwned>(&self) -> Result<T, JwsError> {
        self.verified.claims()
    }
}
