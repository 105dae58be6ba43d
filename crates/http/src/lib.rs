//! The HTTP face: the table of routes, what is read from a request, what is written into a response.
//!
//! Only this crate knows axum. A handler reads an [`Incoming`], calls one flow and answers; it opens no transaction and
//! decides nothing. [`routes`] is the one table of routes; [`respond`] alone turns refusals into responses.

mod address;
mod app;
mod assets;
mod cookies;
mod dispatch;
mod first_party;
mod front;
mod health;
mod incoming;
mod oauth;
mod oidc;
mod pages;
mod ready;
mod request_id;
pub mod respond;
pub mod routes;
mod serve;

pub use address::TrustedProxies;
pub use app::{App, Look};
pub use cookies::Cookies;
pub use front::Front;
pub use incoming::Incoming;
pub use serve::{Limits, Serving, serve};
