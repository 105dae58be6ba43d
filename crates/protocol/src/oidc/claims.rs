//! Claims about a person, by scope. OpenID Core §5.1, §5.4.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::oidc::claims_request::Claim;
use crate::scope::Scope;

/// What is known of a person.
#[derive(Clone, Debug)]
pub struct Person<'a> {
    /// The user id.
    pub sub: &'a str,
    /// The user name.
    pub username: &'a str,
    /// The full name.
    pub name: Option<&'a str>,
    /// The e-mail address and whether it was verified.
    pub email: Option<(&'a str, bool)>,
    /// Preferred language, BCP 47.
    pub locale: Option<&'a str>,
    /// Last change of the account, seconds since 1970.
    pub updated_at: i64,
}

/// Claims about a person: absent values are left out, never null. EP-41.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PersonClaims {
    #[serde(skip_serializing_if = "Option::is_none")]
    preferred_username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    locale: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email_verified: Option<bool>,
}

/// The answer of `userinfo`.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct UserInfo {
    sub: String,
    #[serde(flatten)]
    claims: PersonClaims,
}

/// The claims this server has, as metadata lists them.
pub const SUPPORTED: &[&str] = &[
    "sub",
    "iss",
    "aud",
    "exp",
    "iat",
    "auth_time",
    "nonce",
    "acr",
    "amr",
    "at_hash",
    "sid",
    "preferred_username",
    "name",
    "locale",
    "updated_at",
    "email",
    "email_verified",
];

/// The claims that the granted scope opens, and those that were asked for by name. OpenID Core §5.4, §5.5; EP-42.
#[must_use]
pub fn userinfo(person: &Person<'_>, scope: &Scope, named: &BTreeSet<Claim>) -> UserInfo {
    let opened = Claim::ALL.into_iter().filter(|claim| scope.contains(claim.scope()));
    UserInfo { sub: person.sub.to_owned(), claims: of(person, &opened.chain(named.iter().copied()).collect()) }
}

/// These claims, as far as they are known.
#[must_use]
pub fn of(person: &Person<'_>, wanted: &BTreeSet<Claim>) -> PersonClaims {
    let has = |claim| wanted.contains(&claim);
    PersonClaims {
        preferred_username: has(Claim::PreferredUsername).then(|| person.username.to_owned()),
        name: person.name.filter(|_| has(Claim::Name)).map(ToOwned::to_owned),
        locale: person.locale.filter(|_| has(Claim::Locale)).map(ToOwned::to_owned),
        updated_at: has(Claim::UpdatedAt).then_some(person.updated_at),
        email: person.email.filter(|_| has(Claim::Email)).map(|(address, _)| address.to_owned()),
        email_verified: person.email.filter(|_| has(Claim::EmailVerified)).map(|(_, verified)| verified),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn ep41_ep42_only_what_the_scope_opens_and_nothing_empty() {
        let person = Person {
            sub: "s",
            username: "olena",
            name: None,
            email: Some(("o@example.ua", false)),
            locale: Some("uk"),
            updated_at: 1,
        };
        let json = |scope: &str, named: &[Claim]| {
            let named = named.iter().copied().collect();
            serde_json::to_string(&userinfo(&person, &Scope::parse(scope).unwrap(), &named)).unwrap()
        };
        assert_eq!(json("openid", &[]), r#"{"sub":"s"}"#);
        assert_eq!(json("openid email", &[]), r#"{"sub":"s","email":"o@example.ua","email_verified":false}"#);
        let profile = r#"{"sub":"s","preferred_username":"olena","locale":"uk","updated_at":1}"#;
        assert_eq!(json("openid profile", &[]), profile);
        // OpenID Core §5.5: single claims; what is not known is left out even if it is asked for by name.
        assert_eq!(json("openid", &[Claim::Email, Claim::Name]), r#"{"sub":"s","email":"o@example.ua"}"#);
        assert_eq!(json("openid profile", &[Claim::Locale]), profile);
    }

    #[test]
    fn every_claim_is_listed() {
        assert!(Claim::ALL.iter().all(|claim| SUPPORTED.contains(&claim.as_str())));
    }
}
