//! OpenID Connect: ID tokens, user claims, RP-initiated logout.

pub mod claims;
pub mod claims_request;
pub mod id_token;
pub mod logout;
pub mod logout_token;
