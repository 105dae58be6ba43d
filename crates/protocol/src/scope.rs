//! Scopes. OAuth 2.1 §1.4.1.

use std::collections::BTreeSet;
use std::fmt;

use crate::limits;

/// A set of scope tokens: case-sensitive, order-free.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope(BTreeSet<String>);

/// The text is no list of scope tokens, or longer than [`limits::SCOPE_BYTES`] or [`limits::SCOPE_TOKENS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedScope;

impl fmt::Display for MalformedScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("malformed scope")
    }
}

impl std::error::Error for MalformedScope {}

impl Scope {
    /// Read a `scope` parameter: tokens separated by single spaces. OAuth 2.1 §1.4.1.
    ///
    /// # Errors
    /// [`MalformedScope`] for characters outside `%x21 / %x23-5B / %x5D-7E` and for too much of it.
    pub fn parse(text: &str) -> Result<Self, MalformedScope> {
        if text.len() > limits::SCOPE_BYTES {
            return Err(MalformedScope);
        }
        let mut tokens = BTreeSet::new();
        for token in text.split(' ').filter(|token| !token.is_empty()) {
            if !token.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e)) {
                return Err(MalformedScope);
            }
            tokens.insert(token.to_owned());
        }
        if tokens.len() > limits::SCOPE_TOKENS { Err(MalformedScope) } else { Ok(Self(tokens)) }
    }

    /// Whether the set holds the token.
    #[must_use]
    pub fn contains(&self, token: &str) -> bool {
        self.0.contains(token)
    }

    /// Whether no token is in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The tokens in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether every token of this set is in the other.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        self.0.is_subset(&other.0)
    }

    /// The tokens that both sets hold.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self(self.0.intersection(&other.0).cloned().collect())
    }

    /// The tokens of either set.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self(self.0.union(&other.0).cloned().collect())
    }

    /// The tokens of this set that the other does not hold.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        Self(self.0.difference(&other.0).cloned().collect())
    }

    /// What a client is given of what it asked: the tokens it may have; all of those when it asked for none.
    /// Unknown ones are dropped, not refused (standards §1.4 `scope`).
    ///
    /// Returns nothing when the client asked and may have none of it.
    #[must_use]
    pub fn granted(requested: Option<&Self>, allowed: &Self) -> Option<GrantedScope> {
        match requested {
            None => Some(GrantedScope(allowed.clone())),
            Some(requested) => {
                let granted = requested.intersection(allowed);
                (!granted.is_empty()).then_some(GrantedScope(granted))
            }
        }
    }
}

/// Tokens that are known to be good: those of our own words, or of another set.
impl<'a> FromIterator<&'a str> for Scope {
    fn from_iter<I: IntoIterator<Item = &'a str>>(tokens: I) -> Self {
        Self(tokens.into_iter().map(ToOwned::to_owned).collect())
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, token) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(token)?;
        }
        Ok(())
    }
}

/// A scope that policy has allowed. It can only become narrower. OAuth 2.1 §1.4.1, §4.3.1; TE-28.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantedScope(Scope);

impl GrantedScope {
    /// From a stored grant.
    #[must_use]
    pub fn from_stored(scope: Scope) -> Self {
        Self(scope)
    }

    /// The set itself.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.0
    }

    /// The part of this scope that is in the other: what a person left of it.
    #[must_use]
    pub fn limited_to(&self, allowed: &Scope) -> Self {
        Self(self.0.intersection(allowed))
    }

    /// The part of this scope that a refresh asks for; all of it when it asks for nothing. TE-28.
    ///
    /// Returns nothing when the request goes beyond the grant.
    #[must_use]
    pub fn narrow(&self, requested: Option<&Scope>) -> Option<Self> {
        match requested {
            None => Some(self.clone()),
            Some(requested) if requested.is_within(&self.0) && !requested.is_empty() => Some(Self(requested.clone())),
            Some(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn scope(text: &str) -> Scope {
        Scope::parse(text).unwrap()
    }

    #[test]
    fn hostile_scopes_are_refused() {
        for text in ["a\"b", "a\\b", "a\nb", "é", "a\tb", "\u{7f}", &"a".repeat(limits::SCOPE_BYTES + 1)] {
            assert_eq!(Scope::parse(text), Err(MalformedScope), "{text:?}");
        }
        let many: Vec<String> = (0..=limits::SCOPE_TOKENS).map(|n| format!("s{n}")).collect();
        assert_eq!(Scope::parse(&many.join(" ")), Err(MalformedScope));
    }

    #[test]
    fn order_and_repetition_do_not_matter_case_does() {
        assert_eq!(scope("b a"), scope("a  b a"));
        assert_ne!(scope("A"), scope("a"));
    }

    #[test]
    fn unknown_tokens_are_dropped_and_none_left_is_a_refusal() {
        let allowed = scope("openid email");
        assert_eq!(Scope::granted(Some(&scope("openid admin")), &allowed).unwrap().scope(), &scope("openid"));
        assert!(Scope::granted(Some(&scope("admin")), &allowed).is_none());
        assert_eq!(Scope::granted(None, &allowed).unwrap().scope(), &allowed);
    }

    #[test]
    fn te28_a_refresh_never_widens() {
        let granted = GrantedScope::from_stored(scope("a b"));
        assert!(granted.narrow(Some(&scope("a c"))).is_none());
        assert!(granted.narrow(Some(&scope(""))).is_none());
        assert_eq!(granted.narrow(Some(&scope("a"))).unwrap().scope(), &scope("a"));
        assert_eq!(granted.narrow(None).unwrap(), granted);
    }
}
