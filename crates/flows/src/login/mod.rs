//! Signing in: passwords, throttling, sessions.

pub mod device;
pub mod flood;
pub mod hashing;
pub mod level;
pub mod password;
pub mod session;
pub mod throttle;
