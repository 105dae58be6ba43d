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
//! (RFC 9068 §4), and answers what it refuses as RFC 6750, RFC 9449 and OAuth 2.1 §5.3 ask: 401 with a challenge, 403 that names all
//! scopes, 400 for malformed requests, 503 with `Retry-After` when it cannot know.
//!
//! - What a route needs beside a good token ([`Requirements`]): scopes, a strong or recent sign-in (RFC 9470), a bound token.
//! - [`Dpop`] accepts tokens that are bound to a key, with a proof for each request (RFC 9449). Without it they are refused: a bound
//!   token without its proof is worth nothing.
//! - [`ResourceMetadata`] publishes what clients need to know about this API (RFC 9728).
//! - [`Introspection`] asks the issuer about each token (RFC 7662), for tokens that are no JWTs and for quick revocation.
//! - Lay CORS *over* the guard: preflight requests carry no token. Let it expose `WWW-Authenticate` and `DPoP-Nonce` (RS-8).
//! - Other frameworks: [`Guard::check`] takes method, URI and headers, [`Guard::verify`] a bearer token; [`Rejection`] says what to
//!   answer.
//! - Tokens are read from the `Authorization` header and from nowhere else (RS-1). Never send one on to another API: that one would
//!   believe you were the client (RS-9).
//! - Root certificates are those of the operating system; `SSL_CERT_FILE` names others, for a private authority.

mod builder;
mod cache;
mod claims;
mod clock;
mod dpop;
mod fetch;
mod guard;
mod introspection;
mod issuer;
mod keys;
mod layer;
mod random;
mod rejection;
mod replay;
mod requirements;
mod resource_metadata;
mod token;

pub use brama_jose::{Algorithm, JwsError, KeyError, SigningKey};
pub use brama_protocol::dpop::ProofError;
pub use builder::{BuildError, GuardBuilder};
pub use dpop::Dpop;
pub use fetch::FetchError;
pub use guard::Guard;
pub use introspection::Introspection;
pub use issuer::IssuerError;
pub use layer::{GuardLayer, GuardService};
pub use random::NoRandomness;
pub use rejection::{InvalidToken, Reason, Rejection};
pub use replay::{FirstUse, InMemoryReplays, ReplayStore, ReplayUnavailable};
pub use requirements::Requirements;
pub use resource_metadata::{MetadataRoute, ResourceMetadata};
pub use token::{AccessToken, NotGuarded};

/// The examples of the how-to guide are compiled with the tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/how-to/protect-an-api.md")]
struct HowTo;
