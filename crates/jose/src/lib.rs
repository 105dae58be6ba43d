//! Signed tokens: keys, compact JWS, JWK sets, thumbprints (RFC 7515, 7517, 7518, 7638, 8037, 8725).
//!
//! Small on purpose. Four asymmetric algorithms ([`Algorithm`]), one serialisation (compact), one header format. There is no
//! `none`, no HMAC, no encryption and no way to let a token choose its own key, except for DPoP proofs, which are that and have a
//! function of their own ([`verify_with_embedded_key`]). This crate reads no clock and no network:
//! whether a token is *current* and meant for *you* is decided by the caller from the claims.
//!
//! The order of a check is held by types: [`parse`] gives an [`Unverified`] token whose header may be read to find a key;
//! [`Unverified::verify`] takes the key and the one [`Typ`] that is acceptable here; only [`Verified`] gives claims.
//!
//! ```
//! use brama_jose::{Algorithm, SigningKey, Typ, VerifyingKey, parse};
//!
//! #[derive(serde::Serialize, serde::Deserialize)]
//! struct Claims { sub: String }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let key = SigningKey::generate(Algorithm::Es256)?;
//! let token = key.sign(Typ::AccessToken, &Claims { sub: "alice".to_owned() })?;
//!
//! let public = VerifyingKey::new(key.public())?;
//! let unverified = parse(&token)?;
//! assert_eq!(unverified.header().kid(), Some(key.kid()));
//! let claims: Claims = unverified.verify(&public, Typ::AccessToken)?.claims()?;
//! assert_eq!(claims.sub, "alice");
//! # Ok(())
//! # }
//! ```

mod algorithm;
mod base64url;
mod json;
mod jwk;
mod jws;
mod mistakes;
mod roca;
mod signing_key;
mod typ;
mod verifying_key;

pub use algorithm::{Algorithm, UnsupportedAlgorithm};
pub use jwk::{Jwk, JwkSet};
pub use jws::{Header, JwsError, MAX_TOKEN_BYTES, SelfSigned, Unverified, Verified, parse, verify_with_embedded_key};
pub use signing_key::{SignError, SigningKey};
pub use typ::Typ;
pub use verifying_key::{KeyError, VerifyingKey};
