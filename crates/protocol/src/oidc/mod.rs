//! OpenID Connect: ID tokens, user claims, RP-initiated logout.

pub mod claims;
pub mod id_token;
pub mod logout;
