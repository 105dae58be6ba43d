//! OAuth 2.1 and its metadata.

pub(crate) mod authorize;
pub(crate) mod metadata;
pub(crate) mod token;
