//! `/oauth2/*` and `/.well-known/*`.

mod authorize;
mod redirect_uri;
