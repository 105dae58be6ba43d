//! `/oauth2/*` and `/.well-known/*`.

mod acr;
mod authorize;
pub(crate) mod backchannel_logout;
mod claims;
mod client_authentication;
mod client_guesses;
mod delivery;
mod device;
pub(crate) mod dpop;
mod form_post;
mod grants;
mod id_token_hint;
mod introspect;
mod logout;
mod metadata;
pub(crate) mod par;
pub(crate) mod private_key_jwt;
mod prompt;
mod redirect_uri;
mod refresh_token;
pub(crate) mod register;
mod revoke;
pub(crate) mod signer;
mod token;
