//! The token endpoint's messages. OAuth 2.1 §3.2.

pub mod request;
pub mod response;
