//! `[tokens]`

use std::time::Duration;

use schemars::JsonSchema;

use crate::duration::{days, minutes, seconds};
use crate::problem::{Code, Problem};
use crate::reader::{Reader, Section};
use crate::rule::or;
use crate::urls::{Audience, PublicUrl};
use crate::value::{Raw, Setting, Shown, Wrong, choose, name_of, one_of};

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
    /// The algorithms that the server has keys for: `ES256`, `EdDSA`, `RS256`, `PS256`. The first signs
    /// access tokens; a client may choose another one for its ID tokens. OpenID Connect wants
    /// `RS256` among them.
    pub signing_algorithms: Vec<SigningAlgorithm>,
    /// How long a signing key signs before the next one takes its place. The next one is published
    /// all the while, and an old one for as long as what it signed is current.
    #[schemars(with = "String")]
    pub key_rotation: Duration,
    /// Whether DPoP proofs at the token endpoint have to carry a nonce of this server: `off` or
    /// `required`. A nonce shows that a proof was not made in advance; it costs each client one more
    /// request every five minutes. A good nonce in a proof is honoured either way.
    pub dpop_nonce: DpopNonce,
    /// The `aud` of access tokens when neither the request nor the client names a resource.
    pub default_audience: String,
}

/// Whether DPoP proofs need a nonce of the server. RFC 9449 §8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub enum DpopNonce {
    /// No: the clock of the client decides how fresh a proof is.
    Off,
    /// Yes.
    Required,
}

const NONCES: &[(&str, DpopNonce)] = &[("off", DpopNonce::Off), ("required", DpopNonce::Required)];

impl Setting for DpopNonce {
    fn expected() -> String {
        one_of(NONCES)
    }

    fn read(raw: &Raw) -> Result<Self, Wrong> {
        choose(raw, NONCES)
    }

    fn show(&self) -> Shown {
        name_of(self, NONCES)
    }
}

/// A signature algorithm of RFC 7518 or RFC 8037.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, JsonSchema)]
pub enum SigningAlgorithm {
    /// ECDSA on P-256 with SHA-256.
    #[schemars(rename = "ES256")]
    Es256,
    /// Ed25519.
    #[schemars(rename = "EdDSA")]
    EdDsa,
    /// RSA PKCS#1 v1.5 with SHA-256.
    #[schemars(rename = "RS256")]
    Rs256,
    /// RSA PSS with SHA-256.
    #[schemars(rename = "PS256")]
    Ps256,
}

const ALGORITHMS: &[(&str, SigningAlgorithm)] = &[
    ("ES256", SigningAlgorithm::Es256),
    ("EdDSA", SigningAlgorithm::EdDsa),
    ("RS256", SigningAlgorithm::Rs256),
    ("PS256", SigningAlgorithm::Ps256),
];

impl SigningAlgorithm {
    /// Its registered name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
        }
    }
}

impl Setting for SigningAlgorithm {
    fn expected() -> String {
        one_of(ALGORITHMS)
    }

    fn read(raw: &Raw) -> Result<Self, Wrong> {
        choose(raw, ALGORITHMS)
    }

    fn show(&self) -> Shown {
        name_of(self, ALGORITHMS)
    }
}

impl Tokens {
    pub(crate) fn read(r: &mut Reader, public_url: &PublicUrl) -> Self {
        let audience = Audience(format!("{public_url}/api"));
        let algorithms = vec![SigningAlgorithm::Es256, SigningAlgorithm::Rs256];
        r.section("tokens", |s| {
            let tokens = Self {
                // TK-8: hard cap of 60 minutes.
                access_token_ttl: s.read(
                    "access_token_ttl",
                    or(minutes(15)).between(seconds(5), minutes(60), "an access token cannot be called back"),
                ),
                refresh_token_ttl: s.read(
                    "refresh_token_ttl",
                    or(days(7)).between(seconds(5), days(90), "a forgotten token has to die"),
                ),
                id_token_ttl: s.read(
                    "id_token_ttl",
                    or(minutes(5)).between(seconds(5), minutes(60), "it is read once, at sign-in"),
                ),
                // AZ-28: 60 seconds for all.
                authorization_code_ttl: s.read(
                    "authorization_code_ttl",
                    or(seconds(60)).between(seconds(5), seconds(60), "a code is used at once, a stolen one later"),
                ),
                refresh_window: s.read(
                    "refresh_window",
                    or(seconds(60)).between(seconds(0), minutes(10), "within it a stolen token is not noticed"),
                ),
                signing_algorithms: s.read("signing_algorithms", or(algorithms)),
                key_rotation: s.read(
                    "key_rotation",
                    or(days(90)).between(
                        days(1),
                        days(365),
                        "a key that is never changed is never known to be changeable",
                    ),
                ),
                dpop_nonce: s.read("dpop_nonce", or(DpopNonce::Off)),
                default_audience: s.read("default_audience", or(audience).described("`{public_url}/api`")).0,
            };
            tokens.check(s);
            tokens
        })
    }

    /// TK-12: an OpenID provider signs with RS256 for whoever asks for it.
    fn check(&self, s: &mut Section<'_>) {
        let twice = |(at, algorithm): (usize, &SigningAlgorithm)| {
            self.signing_algorithms.iter().take(at).any(|earlier| earlier == algorithm)
        };
        let what = if !self.signing_algorithms.contains(&SigningAlgorithm::Rs256) {
            "`tokens.signing_algorithms` lacks RS256, which OpenID Connect requires"
        } else if self.signing_algorithms.iter().enumerate().any(twice) {
            "`tokens.signing_algorithms` names an algorithm twice"
        } else {
            return;
        };
        if s.sound(&["signing_algorithms"]) {
            let problem = Problem::new(Code::Contradiction, what.to_owned())
                .expected("each algorithm once, and RS256 among them")
                .fix("signing_algorithms = [\"ES256\", \"RS256\"]");
            s.refuse(&["signing_algorithms"], problem);
        }
    }
}
