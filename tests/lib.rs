//! The HTTP contract of the server: every promise (A1 to A8, B1 to B7) and every rule that shows at this level, tested
//! against the whole server in one process. A test's name begins with what it holds. Modules mirror the addresses.
#![cfg(test)]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, clippy::panic, reason = "tests")]

mod account;
mod addresses;
mod api_auth;
mod bad_input;
mod clock_jumps;
mod consent;
mod csrf;
mod device_page;
mod enumeration;
mod flood;
mod flood_connections;
mod guarded_api;
mod headers;
mod key_rotation;
mod museum;
mod oauth2;
mod protected_resource;
mod races;
mod routes;
mod secrets;
mod sessions;
mod sign_in;
mod sockets;
mod ssrf;
mod support;
mod throttle;
mod userinfo;
