//! `/oauth2/*` and `/.well-known/*`.

mod authorize;
mod client_authentication;
mod delivery;
mod grants;
mod id_token_hint;
mod logout;
mod metadata;
mod prompt;
mod redirect_uri;
mod refresh_token;
mod token;
