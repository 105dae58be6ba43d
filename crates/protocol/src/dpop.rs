//! DPoP: proof that the sender of a request holds a key. RFC 9449; standards §4.2, RS-10 to RS-15.
//!
//! The checks of §4.3 in the order that types demand:
//!
//! 1. [`proof_header`]: exactly one `DPoP` header.
//! 2. [`Proof::read`]: a signature by the key in the proof itself, and the claims that every proof has. Signatures are not
//!    this crate's business; the caller hands in the check.
//! 3. [`Proof::check`]: method, address, time or nonce, and for a request with an access token `ath` and the key.
//! 4. [`CheckedProof::first_use`]: the `jti` was not seen before. Who remembers is told [`CheckedProof::replay_key`] and
//!    [`CheckedProof::replay_until`]. What comes out is a [`VerifiedProof`].
//!
//! ```
//! use brama_protocol::dpop::{Expected, JwkThumbprint, NonceRule, Proof, ProofError, Signed, TargetUri, proof_header};
//! # fn verify_signature(jws: &str) -> Result<Signed, ()> {
//! #     let claims = serde_json::from_str(r#"{"jti":"a","htm":"POST","htu":"https://id.example.com/token","iat":0}"#);
//! #     Ok(Signed { key: JwkThumbprint::from_bytes([0; 32]), claims: claims.map_err(|_| ())? })
//! # }
//!
//! # fn main() -> Result<(), ProofError> {
//! let url = TargetUri::parse("https://id.example.com/token").ok_or(ProofError::BadClaims)?;
//! let jws = proof_header([b"header.payload.signature"])?.ok_or(ProofError::Missing)?;
//! let proof = Proof::read(jws, verify_signature)?;
//! let checked = proof.check(&Expected {
//!     method: "POST",
//!     url: &url,
//!     now: jiff::Timestamp::UNIX_EPOCH,
//!     access_token: None,
//!     nonce: NonceRule::Off,
//! })?;
//! let first = true; // from the store of `checked.replay_key()`
//! let verified = checked.first_use(first)?;
//! assert_eq!(verified.thumbprint().to_string(), "A".repeat(43));
//! # Ok(())
//! # }
//! ```

mod nonce;
mod target_uri;
#[cfg(test)]
mod tests;

use std::fmt;

use aws_lc_rs::digest::{Context, SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use nonce::{Nonce, NonceKey, NoncePurpose};
pub use target_uri::TargetUri;

/// Longest proof, bytes: room for a key of 8192 bits and generous claims. G-9.
pub const PROOF_BYTES: usize = 8 * 1024;
/// Longest `jti`, bytes. RS-13; RFC 9449 §11.1.
pub const JTI_BYTES: usize = 256;
/// Longest `htu`, bytes.
pub const HTU_BYTES: usize = 2 * 1024;
/// How old `iat` may be. Standards §4.2 no. 9.
pub const MAX_AGE: SignedDuration = SignedDuration::from_secs(60);
/// How far ahead of our clock `iat` may be. Standards §4.2 no. 9.
pub const MAX_AHEAD: SignedDuration = SignedDuration::from_secs(30);

/// Why a proof is refused. The texts may be shown to the client; none repeats anything that it sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofError {
    /// A proof is needed and there is none.
    Missing,
    /// More than one `DPoP` header. RFC 9449 §4.3 no. 1.
    TwoHeaders,
    /// Longer than [`PROOF_BYTES`], or not ASCII.
    Malformed,
    /// No proof of our format: `typ`, `alg`, `jwk` or the signature. RFC 9449 §4.3 no. 2 and 4 to 7.
    BadSignature,
    /// `jti`, `htm`, `htu` or `iat` is missing, of another type or too long. RFC 9449 §4.3 no. 3.
    BadClaims,
    /// `htm` is not the method of the request. No. 8.
    WrongMethod,
    /// `htu` is not the address of the request. No. 9.
    WrongUrl,
    /// `iat` is too long ago. No. 11.
    TooOld,
    /// `iat` is too far in the future. No. 11.
    TooFarAhead,
    /// No nonce, or none that we issued lately for this purpose: the answer carries one. No. 10; RFC 9449 §8, §9.
    BadNonce,
    /// `ath` is missing or of another access token. No. 12.
    WrongAccessToken,
    /// Not the key that the access token is bound to. No. 12.
    WrongKey,
    /// The same proof was used before. RFC 9449 §11.1.
    Replayed,
}

impl ProofError {
    /// The text for the developer of the client.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "a DPoP proof is required",
            Self::TwoHeaders => "more than one DPoP header",
            Self::Malformed => "the DPoP header is not one compact JWS of at most 8 KiB",
            Self::BadSignature => {
                "the DPoP proof is not a dpop+jwt signed with a supported algorithm by the key it carries"
            }
            Self::BadClaims => "jti, htm, htu or iat of the DPoP proof is missing or malformed",
            Self::WrongMethod => "htm of the DPoP proof is not the method of the request",
            Self::WrongUrl => "htu of the DPoP proof is not the address of the request",
            Self::TooOld => "the DPoP proof is too old",
            Self::TooFarAhead => "iat of the DPoP proof is in the future",
            Self::BadNonce => "the DPoP proof needs the nonce of the DPoP-Nonce header",
            Self::WrongAccessToken => "ath of the DPoP proof does not belong to the access token",
            Self::WrongKey => "the access token is bound to another key",
            Self::Replayed => "the DPoP proof was used before",
        }
    }
}

impl fmt::Display for ProofError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::error::Error for ProofError {}

/// SHA-256 thumbprint of a public key: `jkt`, `dpop_jkt`. RFC 7638, RFC 9449 §6.1, §10.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JwkThumbprint([u8; 32]);

impl JwkThumbprint {
    /// From the 32 bytes a store keeps.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Read 43 characters of base64url, nothing else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        match URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
            Ok(32) => Some(Self(bytes)),
            _ => None,
        }
    }

    /// What a store keeps.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// 43 characters of base64url.
impl fmt::Display for JwkThumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for JwkThumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JwkThumbprint({self})")
    }
}

impl Serialize for JwkThumbprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for JwkThumbprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not a SHA-256 thumbprint in base64url"))
    }
}

/// The confirmation claim of a bound access token. TK-7; RFC 7800 §3.1, RFC 9449 §6.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// The key whose holder may use the token.
    pub jkt: JwkThumbprint,
}

/// The one `DPoP` header of a request, among the values of all of them; `None` when there is none. RFC 9449 §4.3 no. 1.
///
/// # Errors
/// [`ProofError::TwoHeaders`], [`ProofError::Malformed`].
pub fn proof_header<'a, V>(values: impl IntoIterator<Item = &'a V>) -> Result<Option<&'a str>, ProofError>
where
    V: AsRef<[u8]> + ?Sized + 'a,
{
    let mut values = values.into_iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(ProofError::TwoHeaders);
    }
    let value = value.as_ref();
    match std::str::from_utf8(value) {
        Ok(text) if value.len() <= PROOF_BYTES && value.is_ascii() => Ok(Some(text)),
        _ => Err(ProofError::Malformed),
    }
}

/// What a signature check found: the key in the proof's header made the signature over these claims.
///
/// To be made from `brama_jose::verify_with_embedded_key` and from nothing else.
#[derive(Clone, Debug)]
pub struct Signed {
    /// The key.
    pub key: JwkThumbprint,
    /// What it signed.
    pub claims: ProofClaims,
}

/// The claims of a proof. RFC 9449 §4.2.
#[derive(Clone, Debug, Deserialize)]
pub struct ProofClaims {
    jti: String,
    htm: String,
    htu: String,
    #[serde(deserialize_with = "numeric_date")]
    iat: Timestamp,
    nonce: Option<String>,
    ath: Option<String>,
}

/// Seconds since 1970, maybe fractional, never text. RFC 7519 §2; TK-26.
fn numeric_date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let seconds = f64::deserialize(deserializer)?;
    let since = SignedDuration::try_from_secs_f64(seconds).map_err(serde::de::Error::custom)?;
    if since.is_negative() {
        return Err(serde::de::Error::custom("not a time"));
    }
    Timestamp::from_duration(since).map_err(serde::de::Error::custom)
}

/// A proof that is signed by the key it carries. For which request, and whether it is fresh, is not known yet.
#[derive(Clone, Debug)]
pub struct Proof {
    key: JwkThumbprint,
    claims: ProofClaims,
    target: TargetUri,
}

/// What a proof must be about. RFC 9449 §4.3 no. 8 to 12.
#[derive(Clone, Copy)]
pub struct Expected<'a> {
    /// The method of the request, compared with case.
    pub method: &'a str,
    /// The address of the request: our configured public URL and the path, never what a proxy says. RS-15.
    pub url: &'a TargetUri,
    /// The instant of the request.
    pub now: Timestamp,
    /// At a protected resource the access token that came with the proof. `None` at the token endpoint.
    pub access_token: Option<BoundToken<'a>>,
    /// What is asked of `nonce`.
    pub nonce: NonceRule<'a>,
}

/// An access token and the key it is bound to. RFC 9449 §6.1, §7.
#[derive(Clone, Copy)]
pub struct BoundToken<'a> {
    /// The token as it was sent.
    pub text: &'a str,
    /// Its `cnf.jkt`.
    pub key: JwkThumbprint,
}

/// What is asked of the `nonce` claim. RS-12; RFC 9449 §8, §9.
#[derive(Clone, Copy)]
pub enum NonceRule<'a> {
    /// We issue none: `nonce` is ignored and `iat` decides.
    Off,
    /// Not needed. One that is sent must be ours and fresh, and then decides instead of `iat`.
    Accepted(&'a NonceKey),
    /// Needed.
    Required(&'a NonceKey),
}

impl Proof {
    /// Read a proof whose signature `verify` finds good. The check must accept the type `dpop+jwt`, our asymmetric algorithms
    /// and a public `jwk` only: `brama_jose::verify_with_embedded_key`. RFC 9449 §4.3 no. 2 to 7.
    ///
    /// # Errors
    /// [`ProofError::Malformed`], [`ProofError::BadSignature`] for whatever `verify` says, [`ProofError::BadClaims`].
    pub fn read<E>(jws: &str, verify: impl FnOnce(&str) -> Result<Signed, E>) -> Result<Self, ProofError> {
        if jws.len() > PROOF_BYTES {
            return Err(ProofError::Malformed);
        }
        let Signed { key, claims } = verify(jws).map_err(|_| ProofError::BadSignature)?;
        if claims.jti.is_empty() || claims.jti.len() > JTI_BYTES {
            return Err(ProofError::BadClaims);
        }
        let target = TargetUri::parse(&claims.htu).ok_or(ProofError::BadClaims)?;
        Ok(Self { key, claims, target })
    }

    /// The key that signed it.
    #[must_use]
    pub const fn thumbprint(&self) -> JwkThumbprint {
        self.key
    }

    /// The `nonce` it carries, unverified: to see whether the client needs to be told a newer one.
    #[must_use]
    pub fn nonce(&self) -> Option<&str> {
        self.claims.nonce.as_deref()
    }

    /// Compare it with the request. What a new nonce would heal comes last, so that a client is not sent round for nothing;
    /// where nonces are required the clock of the client does not matter.
    ///
    /// # Errors
    /// The [`ProofError`] of the first check that fails.
    pub fn check(self, expected: &Expected<'_>) -> Result<CheckedProof, ProofError> {
        if self.claims.htm != expected.method {
            return Err(ProofError::WrongMethod);
        }
        if self.target != *expected.url {
            return Err(ProofError::WrongUrl);
        }
        if let Some(token) = expected.access_token {
            if self.claims.ath.as_deref() != Some(access_token_hash(token.text).as_str()) {
                return Err(ProofError::WrongAccessToken);
            }
            if self.key != token.key {
                return Err(ProofError::WrongKey);
            }
        }
        let replay_until = self.current_until(expected.now, &expected.nonce)?;
        Ok(CheckedProof { proof: self, replay_until })
    }

    /// Until when this proof could be accepted, if it is acceptable now.
    fn current_until(&self, now: Timestamp, rule: &NonceRule<'_>) -> Result<Timestamp, ProofError> {
        match (rule, self.claims.nonce.as_deref()) {
            // A nonce that is no longer good never falls back to `iat`: the replay of the proof would be forgotten by then.
            (NonceRule::Accepted(key) | NonceRule::Required(key), Some(nonce)) => {
                key.good_until(nonce, now).ok_or(ProofError::BadNonce)
            }
            (NonceRule::Required(_), None) => Err(ProofError::BadNonce),
            (NonceRule::Accepted(_), None) | (NonceRule::Off, _) => {
                let iat = self.claims.iat;
                if now.duration_since(iat) > MAX_AGE {
                    return Err(ProofError::TooOld);
                }
                if iat.duration_since(now) > MAX_AHEAD {
                    return Err(ProofError::TooFarAhead);
                }
                // A moment more than `MAX_AGE`, because a proof of exactly that age is accepted.
                Ok(iat.saturating_add(MAX_AGE + SignedDuration::from_secs(1)).unwrap_or(Timestamp::MAX))
            }
        }
    }
}

/// `ath`: base64url of SHA-256 of the token's ASCII. RFC 9449 §4.2.
#[must_use]
pub fn access_token_hash(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes()))
}

/// A proof that fits its request. Whether it is used for the first time is not known yet.
#[derive(Clone, Debug)]
pub struct CheckedProof {
    proof: Proof,
    replay_until: Timestamp,
}

impl CheckedProof {
    /// What to remember it by: SHA-256 over key, address and `jti`. RS-13.
    #[must_use]
    pub fn replay_key(&self) -> [u8; 32] {
        let mut context = Context::new(&SHA256);
        context.update(&self.proof.key.0);
        let url = self.proof.target.as_str().as_bytes();
        context.update(&u64::try_from(url.len()).unwrap_or(u64::MAX).to_be_bytes());
        context.update(url);
        context.update(self.proof.claims.jti.as_bytes());
        let mut key = [0; 32];
        key.copy_from_slice(context.finish().as_ref());
        key
    }

    /// From then on the proof is refused anyway, so it may be forgotten.
    #[must_use]
    pub const fn replay_until(&self) -> Timestamp {
        self.replay_until
    }

    /// The key that signed it.
    #[must_use]
    pub const fn thumbprint(&self) -> JwkThumbprint {
        self.proof.key
    }

    /// The `jti`, for logs: at most [`JTI_BYTES`] of any text.
    #[must_use]
    pub fn jti(&self) -> &str {
        &self.proof.claims.jti
    }

    /// Whether [`Self::replay_key`] was new to the memory that all nodes share. RFC 9449 §11.1. A memory that does not answer
    /// is neither: the request fails (RS-13).
    ///
    /// # Errors
    /// [`ProofError::Replayed`] when it was not.
    pub fn first_use(self, first: bool) -> Result<VerifiedProof, ProofError> {
        if first { Ok(VerifiedProof { key: self.proof.key }) } else { Err(ProofError::Replayed) }
    }
}

/// The sender of this request holds this key: every check of RFC 9449 §4.3 passed. Made by [`CheckedProof::first_use`] only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifiedProof {
    key: JwkThumbprint,
}

impl VerifiedProof {
    /// The key: what goes into `cnf.jkt` and what a binding is compared with.
    #[must_use]
    pub const fn thumbprint(&self) -> JwkThumbprint {
        self.key
    }
}
