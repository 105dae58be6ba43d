//! How strong a sign-in is, by the factors that were used, and how strong a person's can be. SE-10; RFC 9470.

use brama_protocol::acr::Level;
use brama_store::session::Authentication;
use brama_store::user::User;

/// The level of a sign-in that has happened. One whose `acr` we do not know proves one factor, no more.
#[must_use]
pub fn of(authentication: &Authentication) -> Level {
    Level::parse(&authentication.acr).unwrap_or(Level::One)
}

/// The highest level that a person can reach with the factors of their account: the one place that a new factor changes.
#[must_use]
pub fn reachable(_user: &User) -> Level {
    // Passwords are all there is.
    Level::One
}
