//! Claims about a person, by scope. OpenID Core §5.1, §5.4.

use serde::Serialize;

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

/// The answer of `userinfo`: absent values are left out, never null. EP-41.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct UserInfo<'a> {
    sub: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    preferred_username: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    locale: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email_verified: Option<bool>,
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

/// The claims that the granted scope opens. OpenID Core §5.4; EP-42.
#[must_use]
pub fn userinfo<'a>(person: &Person<'a>, scope: &Scope) -> UserInfo<'a> {
    let profile = scope.contains("profile");
    let email = scope.contains("email").then_some(person.email).flatten();
    UserInfo {
        sub: person.sub,
        preferred_username: profile.then_some(person.username),
        name: person.name.filter(|_| profile),
        locale: person.locale.filter(|_| profile),
        updated_at: profile.then_some(person.updated_at),
        email: email.map(|(address, _)| address),
        email_verified: email.map(|(_, verified)| verified),
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
        let json = |scope: &str| serde_json::to_string(&userinfo(&person, &Scope::parse(scope).unwrap())).unwrap();
        assert_eq!(json("openid"), r#"{"sub":"s"}"#);
        assert_eq!(json("openid email"), r#"{"sub":"s","email":"o@example.ua","email_verified":false}"#);
        assert_eq!(json("openid profile"), r#"{"sub":"s","preferred_username":"olena","locale":"uk","updated_at":1}"#);
    }
}
