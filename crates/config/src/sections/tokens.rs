//! `[tokens]`

use std::time::Duration;

use schemars::JsonSchema;

use crate::duration::{days, minutes, seconds};
use crate::reader::Reader;
use crate::rule::or;
use crate::urls::{Audience, PublicUrl};

/// How long tokens live, and for whom they are.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Tokens {
    /// Life of an access token. APIs check it without asking the server, so this is also how long
    /// a person who was signed out or disabled may still be let in.
    #[schemars(with = "String")]
    pub access_token_ttl: Duration,
    /// How long an app stays signed in, counted from the sign-in. Every refresh gives a new refresh
    /// token; none of them moves this end. It is also the life of the refresh cookie.
    #[schemars(with = "String")]
    pub refresh_token_ttl: Duration,
    /// Life of an ID token. It is read once, at sign-in.
    #[schemars(with = "String")]
    pub id_token_ttl: Duration,
    /// Life of an authorization code, from the redirect to the token request.
    #[schemars(with = "String")]
    pub authorization_code_ttl: Duration,
    /// How long the refresh token just replaced is answered with the same successor again: two
    /// tabs, a reload or a lost response sign nobody out. `0s` turns it off.
    #[schemars(with = "String")]
    pub refresh_window: Duration,
    /// The `aud` of access tokens when neither the request nor the client names a resource.
    pub default_audience: String,
}

impl Tokens {
    pub(crate) fn read(r: &mut Reader, public_url: &PublicUrl) -> Self {
        let audience = Audience(format!("{public_url}/api"));
        r.section("tokens", |s| Self {
            // TK-8: hard cap of 60 minutes.
            access_token_ttl: s.read(
                "access_token_ttl",
                or(minutes(15)).between(seconds(5), minutes(60), "an access token cannot be called back"),
            ),
            refresh_token_ttl: s
                .read("refresh_token_ttl", or(days(7)).between(seconds(5), days(90), "a forgotten token has to die")),
            id_token_ttl: s
                .read("id_token_ttl", or(minutes(5)).between(seconds(5), minutes(60), "it is read once, at sign-in")),
            // AZ-28: 60 seconds for all.
            authorization_code_ttl: s.read(
                "authorization_code_ttl",
                or(seconds(60)).between(seconds(5), seconds(60), "a code is used at once, a stolen one later"),
            ),
            refresh_window: s.read(
                "refresh_window",
                or(seconds(60)).between(seconds(0), minutes(10), "within it a stolen token is not noticed"),
            ),
            default_audience: s.read("default_audience", or(audience).described("`{public_url}/api`")).0,
        })
    }
}
