//! The `claims` parameter: single claims, asked for by name. OpenID Core §5.5; standards §1.4.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::acr::AcrRequest;
use crate::limits;
use crate::scope::Scope;

/// A claim about a person that this server has. OpenID Core §5.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Claim {
    /// The user name.
    PreferredUsername,
    /// The full name.
    Name,
    /// Preferred language, BCP 47.
    Locale,
    /// Last change of the account.
    UpdatedAt,
    /// The e-mail address.
    Email,
    /// Whether it was verified.
    EmailVerified,
}

impl Claim {
    /// Every claim.
    pub const ALL: [Self; 6] =
        [Self::PreferredUsername, Self::Name, Self::Locale, Self::UpdatedAt, Self::Email, Self::EmailVerified];

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PreferredUsername => "preferred_username",
            Self::Name => "name",
            Self::Locale => "locale",
            Self::UpdatedAt => "updated_at",
            Self::Email => "email",
            Self::EmailVerified => "email_verified",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|claim| claim.as_str() == name)
    }

    /// The scope that opens it. OpenID Core §5.4. Consent is given by scope: who asks for a single claim asks for this.
    #[must_use]
    pub fn scope(self) -> &'static str {
        match self {
            Self::PreferredUsername | Self::Name | Self::Locale | Self::UpdatedAt => "profile",
            Self::Email | Self::EmailVerified => "email",
        }
    }
}

/// Claims that were asked for by name, beside those of the scope.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedClaims {
    /// In the ID token.
    #[serde(default)]
    pub id_token: BTreeSet<Claim>,
    /// At `userinfo`.
    #[serde(default)]
    pub userinfo: BTreeSet<Claim>,
}

impl NamedClaims {
    /// Whether none was asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.id_token.is_empty() && self.userinfo.is_empty()
    }

    /// The scopes that these claims belong to: what consent is asked for.
    #[must_use]
    pub fn scopes(&self) -> Scope {
        self.id_token.iter().chain(&self.userinfo).map(|claim| claim.scope()).collect()
    }

    /// Those that belong to one of these scopes: what the client may have, or what the person allowed.
    #[must_use]
    pub fn within(&self, scope: &Scope) -> Self {
        let keep = |claims: &BTreeSet<Claim>| {
            claims.iter().copied().filter(|claim| scope.contains(claim.scope())).collect::<BTreeSet<_>>()
        };
        Self { id_token: keep(&self.id_token), userinfo: keep(&self.userinfo) }
    }

    /// For their column; nothing if there are none.
    #[must_use]
    pub fn to_stored(&self) -> Option<String> {
        if self.is_empty() { None } else { serde_json::to_string(self).ok() }
    }

    /// From their column. Nothing: it is no list of claims.
    #[must_use]
    pub fn from_stored(text: Option<&str>) -> Option<Self> {
        text.map_or(Some(Self::default()), |text| serde_json::from_str(text).ok())
    }
}

/// What a `claims` parameter comes to. Claims that we do not have are left out, which is no error; neither is an essential
/// one that cannot be given (OpenID Core §5.5.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClaimsRequest {
    /// Claims by name.
    pub named: NamedClaims,
    /// The `sub` that was asked for by value: the user who has to be signed in. OpenID Core §5.5.1.
    pub sub: Option<String>,
    /// The `acr` that was asked for by value. OpenID Core §5.5.1.1.
    pub acr: Option<AcrRequest>,
}

/// The parameter is no JSON of the form of OpenID Core §5.5, or too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadClaims;

/// What is said about one claim.
#[derive(Default, Deserialize)]
struct Wish {
    #[serde(default)]
    essential: bool,
    #[serde(default)]
    value: Option<Value>,
    #[serde(default)]
    values: Vec<Value>,
}

impl Wish {
    fn texts(self) -> Vec<String> {
        let text = |value: Value| match value {
            Value::String(text) => Some(text),
            _ => None,
        };
        self.value.into_iter().chain(self.values).filter_map(text).collect()
    }

    /// The levels that are asked for. They are kept with spaces between them, so only what is one word of visible ASCII may be
    /// one; a demand of which nothing is left stays a demand, for a level that nobody has.
    fn acr_values(self) -> Vec<String> {
        let texts = self.texts();
        let demanded = !texts.is_empty();
        let is_word = |text: &String| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        let words: Vec<String> = texts.into_iter().filter(is_word).collect();
        if words.is_empty() && demanded { vec!["unknown".to_owned()] } else { words }
    }
}

type Wishes = BTreeMap<String, Option<Wish>>;

#[derive(Deserialize)]
struct Members {
    #[serde(default)]
    id_token: Option<Wishes>,
    #[serde(default)]
    userinfo: Option<Wishes>,
}

impl ClaimsRequest {
    /// Read a `claims` parameter.
    ///
    /// # Errors
    /// [`BadClaims`].
    pub fn parse(text: &str) -> Result<Self, BadClaims> {
        // serde would take a list for the members of an object.
        if text.len() > limits::CLAIMS_BYTES || !text.trim_start().starts_with('{') {
            return Err(BadClaims);
        }
        let members: Members = serde_json::from_str(text).map_err(|_| BadClaims)?;
        let (mut id_token, mut userinfo) = (members.id_token.unwrap_or_default(), members.userinfo.unwrap_or_default());
        let named = NamedClaims {
            id_token: id_token.keys().filter_map(|name| Claim::parse(name)).collect(),
            userinfo: userinfo.keys().filter_map(|name| Claim::parse(name)).collect(),
        };
        let mut subs: Vec<String> = Vec::new();
        for wishes in [&mut id_token, &mut userinfo] {
            subs.extend(wishes.remove("sub").flatten().map(Wish::texts).unwrap_or_default());
        }
        subs.dedup();
        let acr = id_token.remove("acr").flatten().map(|wish| (wish.essential, wish.acr_values()));
        Ok(Self {
            named,
            // Two persons at once cannot be signed in: a text that is no user fits nobody.
            sub: if subs.len() > 1 { Some(String::new()) } else { subs.pop() },
            acr: acr
                .filter(|(_, values)| !values.is_empty())
                .map(|(essential, values)| AcrRequest { values, essential }),
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn what_is_no_claims_request_is_refused() {
        let long = format!("{{\"x\":\"{}\"}}", "a".repeat(limits::CLAIMS_BYTES));
        let deep = format!("{{\"id_token\":{{\"sub\":{{\"value\":{}1{}}}}}}}", "[".repeat(200), "]".repeat(200));
        for wrong in [
            "",
            "x",
            "null",
            "1",
            "[]",
            "[{},{}]",
            "\"{}\"",
            "{",
            "{}x",
            r#"{"userinfo":1}"#,
            r#"{"userinfo":[]}"#,
            r#"{"userinfo":{"email":true}}"#,
            r#"{"userinfo":{"email":"x"}}"#,
            r#"{"userinfo":{"email":{"essential":"yes"}}}"#,
            r#"{"id_token":{"acr":{"values":"urn:brama:acr:1"}}}"#,
            &long,
            &deep,
        ] {
            assert_eq!(ClaimsRequest::parse(wrong), Err(BadClaims), "{wrong}");
        }
    }

    #[test]
    fn unknown_members_and_claims_are_left_out() {
        for empty in [
            "{}",
            " {}",
            r#"{"other":{"email":null}}"#,
            r#"{"userinfo":null,"id_token":{}}"#,
            r#"{"userinfo":{"phone_number":{"essential":true},"http://x/y":null,"sub":null,"acr":{"essential":true}}}"#,
            r#"{"id_token":{"auth_time":{"essential":true},"acr":null,"sub":{"essential":true},"EMAIL":null}}"#,
        ] {
            assert_eq!(ClaimsRequest::parse(empty), Ok(ClaimsRequest::default()), "{empty}");
        }
    }

    #[test]
    fn claims_sub_and_acr_are_read() {
        let text = r#"{"userinfo":{"name":{"essential":true},"email":null,"picture":null},
            "id_token":{"email":{"value":"x","unknown":1},"sub":{"value":"u-1"},
                        "acr":{"essential":true,"values":["urn:brama:acr:2","urn:brama:acr:1"]}}}"#;
        let read = ClaimsRequest::parse(text).unwrap();
        assert_eq!(read.named.userinfo, BTreeSet::from([Claim::Name, Claim::Email]));
        assert_eq!(read.named.id_token, BTreeSet::from([Claim::Email]));
        assert_eq!(read.sub.as_deref(), Some("u-1"));
        let values = vec!["urn:brama:acr:2".to_owned(), "urn:brama:acr:1".to_owned()];
        assert_eq!(read.acr, Some(AcrRequest { values, essential: true }));
        assert_eq!(read.named.scopes(), Scope::parse("email profile").unwrap());
        assert_eq!(NamedClaims::from_stored(read.named.to_stored().as_deref()), Some(read.named.clone()));
        let email_only = read.named.within(&Scope::parse("openid email").unwrap());
        assert_eq!(email_only.userinfo, BTreeSet::from([Claim::Email]));
        assert_eq!(NamedClaims::from_stored(None), Some(NamedClaims::default()));
        assert_eq!(NamedClaims::from_stored(Some("x")), None);
        // Two different people are nobody.
        let two =
            ClaimsRequest::parse(r#"{"userinfo":{"sub":{"value":"a"}},"id_token":{"sub":{"value":"b"}}}"#).unwrap();
        assert_eq!(two.sub.as_deref(), Some(""));
    }

    proptest::proptest! {
        #[test]
        fn nothing_makes_it_panic(text in ".{0,200}") {
            let _ = ClaimsRequest::parse(&text);
        }
    }

    #[test]
    fn acr_values_are_words_and_a_demand_stays_a_demand() {
        let acr = |json: &str| ClaimsRequest::parse(json).unwrap().acr;
        for strange in ["\\u0000", "x urn:brama:acr:1", "", "é"] {
            let json = format!(r#"{{"id_token":{{"acr":{{"essential":true,"values":["{strange}"]}}}}}}"#);
            assert_eq!(
                acr(&json),
                Some(AcrRequest { values: vec!["unknown".to_owned()], essential: true }),
                "{strange:?}"
            );
        }
        let mixed = r#"{"id_token":{"acr":{"values":["a b","urn:brama:acr:1"]}}}"#;
        assert_eq!(acr(mixed), Some(AcrRequest { values: vec!["urn:brama:acr:1".to_owned()], essential: false }));
    }
}
