//! OAuth 2.1 and its metadata.

pub(crate) mod authorize;
pub(crate) mod device;
pub(crate) mod introspect;
pub(crate) mod metadata;
pub(crate) mod par;
pub(crate) mod register;
pub(crate) mod revoke;
pub(crate) mod token;

use http::header;

use crate::incoming::Incoming;

/// All `Authorization` headers of a request, for client authentication; an unreadable one is an empty one.
pub(crate) fn authorization(incoming: &Incoming) -> Vec<&str> {
    let values = incoming.headers.get_all(header::AUTHORIZATION).iter();
    values.map(|value| value.to_str().unwrap_or_default()).collect()
}
