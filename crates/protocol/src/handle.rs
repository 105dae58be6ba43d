//! Handles: 256-bit random values we hand out and know again by their hash.
//!
//! Authorization codes, session cookies and browser cookies are handles. The database holds only SHA-256 of a handle
//! (G-3, G-4), so a copy of the database opens nothing.

use std::fmt;
use std::marker::PhantomData;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use brama_faults::{Fault, planted};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroize as _;

/// Kinds of handles, so that a code cannot be looked up as a session.
pub mod kind {
    /// The `code` of an authorization response. OAuth 2.1 §4.1.2.
    #[derive(Clone, Copy)]
    pub enum AuthorizationCode {}
    /// The value of the session cookie. SE-3.
    #[derive(Clone, Copy)]
    pub enum Session {}
    /// The value of the transaction cookie that ties sign-in pages to one browser. SE-5, WH-11.
    #[derive(Clone, Copy)]
    pub enum Browser {}
    /// What a `request_uri` carries behind its prefix. RFC 9126 §2.2; EP-3.
    #[derive(Clone, Copy)]
    pub enum PushedRequest {}
    /// A generated client secret. G-4.
    #[derive(Clone, Copy)]
    pub enum ClientSecret {}
    /// A token that lets apps register themselves. RFC 7591 §3; RG-10.
    #[derive(Clone, Copy)]
    pub enum InitialAccessToken {}
    /// The token with which an app manages its own registration. RFC 7592 §3; RG-17.
    #[derive(Clone, Copy)]
    pub enum RegistrationAccessToken {}
    /// The `device_code` of a device authorization response. RFC 8628 §3.2.
    #[derive(Clone, Copy)]
    pub enum DeviceCode {}
}

/// A secret 256-bit value in the hands of a browser or a client. Neither `Debug` nor `Display` prints it.
pub struct Handle<K> {
    bytes: [u8; 32],
    kind: PhantomData<K>,
}

impl<K> Handle<K> {
    /// From 32 bytes of the operating system's random source.
    #[must_use]
    pub fn from_random(bytes: [u8; 32]) -> Self {
        Self { bytes, kind: PhantomData }
    }

    /// Read what the network sent: 43 characters of base64url, nothing else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0u8; 32];
        match URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
            Ok(32) => Some(Self::from_random(bytes)),
            _ => None,
        }
    }

    /// The form that goes over the wire: 43 characters of base64url.
    #[must_use]
    pub fn to_wire(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.bytes)
    }

    /// What the database keeps.
    #[must_use]
    pub fn hash(&self) -> HandleHash<K> {
        let mut hash = [0u8; 32];
        hash.copy_from_slice(digest(&SHA256, &self.bytes).as_ref());
        if planted(Fault::Leak06) {
            hash = self.bytes;
        }
        HandleHash { hash, kind: PhantomData }
    }
}

impl<K> Drop for Handle<K> {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

impl<K> fmt::Debug for Handle<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if planted(Fault::Leak01) {
            return f.write_str(&self.to_wire());
        }
        f.write_str("Handle(…)")
    }
}

/// SHA-256 of a [`Handle`]: safe to store, useless to present.
pub struct HandleHash<K> {
    hash: [u8; 32],
    kind: PhantomData<K>,
}

impl<K> HandleHash<K> {
    /// From the 32 bytes as they are stored.
    #[must_use]
    pub fn from_bytes(hash: [u8; 32]) -> Self {
        Self { hash, kind: PhantomData }
    }

    /// The 32 bytes as they are stored.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.hash
    }

    /// The first four bytes in hexadecimal: how logs refer to a handle. LG-3.
    #[must_use]
    pub fn reference(&self) -> String {
        self.hash.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
    }
}

impl<K> Clone for HandleHash<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for HandleHash<K> {}

/// Constant time. PW-23.
impl<K> PartialEq for HandleHash<K> {
    fn eq(&self, other: &Self) -> bool {
        self.hash.ct_eq(&other.hash).into()
    }
}

impl<K> Eq for HandleHash<K> {}

impl<K> fmt::Debug for HandleHash<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HandleHash({}…)", self.reference())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Code = Handle<kind::AuthorizationCode>;

    #[test]
    fn g3_te8_only_the_exact_form_of_unreserved_characters_is_read() {
        let code = Code::from_random([9; 32]);
        let wire = code.to_wire();
        assert_eq!(wire.len(), 43);
        assert!(Code::parse(&wire).is_some_and(|again| again.hash() == code.hash()));
        for wrong in
            ["", "a", wire.split_at(1).1, &format!("{wire}="), &format!("{wire}a"), &wire.replace('C', "+"), " "]
        {
            assert!(Code::parse(wrong).is_none(), "{wrong:?}");
        }
    }

    #[test]
    fn a_handle_does_not_print() {
        assert_eq!(format!("{:?}", Code::from_random([9; 32])), "Handle(…)");
    }

    #[test]
    fn g4_the_stored_hash_does_not_open() {
        let code = Code::from_random([9; 32]);
        let stored = Code::from_random(*code.hash().as_bytes());
        assert!(stored.hash() != code.hash());
    }
}
