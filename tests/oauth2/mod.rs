//! `/oauth2/*` and `/.well-known/*`.

mod acr;
mod authorize;
mod backchannel_logout;
mod claims;
mod client_authentication;
mod client_guesses;
mod delivery;
mod device;
mod dpop;
mod form_post;
mod grants;
mod id_token_hint;
mod introspect;
mod logout;
mod metadata;
mod par;
mod private_key_jwt;
mod prompt;
mod redirect_uri;
mod refresh_token;
mod register;
mod revoke;
mod signer;
mod token;
