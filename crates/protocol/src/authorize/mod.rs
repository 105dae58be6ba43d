//! The authorization endpoint's messages. OAuth 2.1 §4.1; OpenID Core §3.1.2.

mod mistakes;
pub mod prompt;
pub mod request;
pub mod response;
