//! Pushed authorization requests. RFC 9126; EP-1 to EP-7.

use std::fmt;

use serde::Serialize;

use crate::handle::{Handle, kind};
use crate::parameters::Parameters;

/// What every `request_uri` of ours begins with. RFC 9126 §2.2; RFC 9101 §10.2.
const PREFIX: &str = "urn:ietf:params:oauth:request_uri:";

/// Parameters that authenticate the client: they are not part of the authorization request and are not kept.
pub const CREDENTIALS: &[&str] = &["client_secret", "client_assertion", "client_assertion_type"];

/// The `request_uri` of a pushed request. EP-3.
#[must_use]
pub fn request_uri(handle: &Handle<kind::PushedRequest>) -> String {
    format!("{PREFIX}{}", handle.to_wire())
}

/// What the `request_uri` of an authorization request names.
#[derive(Debug)]
pub enum Named {
    /// A pushed request, or something that looks like one and is none: nothing.
    Pushed(Option<Handle<kind::PushedRequest>>),
    /// An address of somebody else's, which is never fetched.
    External,
}

/// Read the `request_uri` of an authorization request; nothing if there is none, or more than one.
#[must_use]
pub fn named(parameters: &Parameters) -> Option<Named> {
    let uri = parameters.one("request_uri").ok().flatten()?;
    Some(match uri.strip_prefix(PREFIX) {
        Some(handle) => Named::Pushed(Handle::parse(handle)),
        None => Named::External,
    })
}

/// The answer to a pushed request. RFC 9126 §2.2.
#[derive(Serialize)]
pub struct PushedResponse {
    /// What the authorization request names it by.
    pub request_uri: String,
    /// How long it may be used first, seconds.
    pub expires_in: i64,
}

/// Without the name of the request: whoever has it may use it.
impl fmt::Debug for PushedResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PushedResponse").field("expires_in", &self.expires_in).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn of(query: &str) -> Option<Named> {
        named(&Parameters::parse(query.as_bytes()).unwrap())
    }

    #[test]
    fn ep3_a_request_uri_is_read_back_and_nothing_else_is_one() {
        let handle = Handle::from_random([7; 32]);
        let uri = request_uri(&handle);
        let read = of(&format!("request_uri={uri}"));
        assert!(matches!(read, Some(Named::Pushed(Some(read))) if read.hash() == handle.hash()));
        for wrong in [format!("{uri}A"), format!("{uri}="), PREFIX.to_owned(), format!("{PREFIX}x")] {
            assert!(matches!(of(&format!("request_uri={wrong}")), Some(Named::Pushed(None))), "{wrong}");
        }
        for external in ["https://internal/", "urn:other", "URN:ietf:params:oauth:request_uri:x"] {
            assert!(matches!(of(&format!("request_uri={external}")), Some(Named::External)), "{external}");
        }
        assert!(of("request_uri=").is_none() && of("").is_none());
        assert!(of(&format!("request_uri={uri}&request_uri={uri}")).is_none());
    }
}
