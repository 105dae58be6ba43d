//! The specifications as pure code: OAuth 2.1, OpenID Connect and their neighbours.
//!
//! Owns what a message may look like, which rule decides it and which error the wire shows. Reads no clock, no row and
//! no socket: instants, stored values and random bytes are handed in. Every rule names the section it comes from and
//! the id of its row in the project's checklists (`AZ-4`, `TE-21`, `PW-3`, …).

pub mod access_token;
pub mod acr;
pub mod authorize;
pub mod bearer;
pub mod client;
pub mod client_assertion;
pub mod cookie_endpoint;
pub mod device;
pub mod dpop;
pub mod error;
pub mod explain;
pub mod handle;
pub mod id;
pub mod introspection;
pub mod limits;
pub mod metadata;
pub mod oidc;
pub mod origin;
pub mod par;
pub mod parameters;
pub mod password;
pub mod pkce;
pub mod redirect_uri;
pub mod refresh_token;
pub mod registration;
pub mod resource;
pub mod scope;
pub mod token;
pub mod username;
