//! The development server's own furniture: a demo user, a demo app, its API, and what the terminal says.

pub(crate) mod banner;
pub(crate) mod demo;
pub(crate) mod seed;
