//! Protect an API with the access tokens of a Brama server (or any issuer of RFC 9068 tokens).
//!
//! ```no_run
//! use axum::{Router, routing::get};
//! use brama_guard::{AccessToken, Guard};
//!
//! async fn hello(token: AccessToken) -> String {
//!     format!("hello {}", token.subject())
//! }
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let guard = Guard::builder("http://localhost:8420").audience("http://localhost:8420/api").build()?;
//! let app: Router = Router::new()
//!     .route("/orders", get(hello).layer(guard.layer().require_scope("orders:read")))
//!     .route("/hello", get(hello).layer(guard.layer()));
//! # Ok(())
//! # }
//! ```
//!
//! The guard finds the keys by itself (`/.well-known/openid-configuration`), keeps them fresh in the background and goes on for a
//! day with those it has when the issuer is away. It checks signature, kind (`at+jwt`), issuer, audience, times and required claims
//! (RFC 9068 §4), and answers what it refuses as RFC 6750 and OAuth 2.1 §5.3 ask: 401 with a challenge, 403 that names all scopes,
//! 400 for malformed requests, 503 with `Retry-After` when it cannot know.
//!
//! - Lay CORS *over* the guard: preflight requests carry no token.
//! - Other frameworks: [`Guard::authorize`] takes headers, [`Guard::verify`] a token; [`Rejection`] says what to answer.
//! - Tokens are read from the `Authorization` header and from nowhere else. Those bound to a key (DPoP, mTLS) are refused: this
//!   guard checks no proof, and a bound token without its proof is worth nothing.
//! - Root certificates are those of the operating system; `SSL_CERT_FILE` names others, for a private authority.

mod builder;
mod cache;
mod claims;
mod clock;
mod fetch;
mod guard;
mod issuer;
mod keys;
mod layer;
mod rejection;
mod token;

pub use brama_jose::{Algorithm, JwsError};
pub use builder::{BuildError, GuardBuilder};
pub use fetch::FetchError;
pub use guard::Guard;
pub use issuer::IssuerError;
pub use layer::{GuardLayer, GuardService};
pub use rejection::{InvalidToken, Reason, Rejection};
pub use token::{AccessToken, NotGuarded};
