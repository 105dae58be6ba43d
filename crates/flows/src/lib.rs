//! The decisions: sign-in, authorization, tokens, sessions, logout.
//!
//! Sees no axum, no SQL and no configuration file. A flow gets a [`Ctx`] (the instant of the request and everything that
//! stays) and a message of the protocol, and answers with a value or a [`brama_protocol::error::Refusal`].

pub mod account;
pub mod admin;
pub mod authorize;
pub mod backchannel;
pub mod catalog;
pub mod client_auth;
pub mod context;
pub mod csrf;
pub mod device;
pub mod dpop;
pub mod first_party;
pub mod introspect;
mod issued;
pub mod keys;
pub mod login;
pub mod logout;
pub mod logout_hint;
pub mod outgoing;
pub mod par;
pub mod register;
pub mod revoke;
pub mod token;
pub mod userinfo;

pub use context::{Clock, Ctx, Deployment, Entropy, Settings};
