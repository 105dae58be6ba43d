//! What a token is for. Every kind has its own `typ` and is accepted as nothing else (TK-25; RFC 8725 §3.11).

/// A kind of token, named by the `typ` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Typ {
    /// `at+jwt`, RFC 9068 §2.1.
    AccessToken,
    /// `JWT`, OIDC Core §2. Absent is accepted as well: older providers leave it out.
    IdToken,
    /// `logout+jwt`, OIDC Back-Channel Logout §2.4.
    LogoutToken,
    /// `oauth-authz-req+jwt`, RFC 9101 §10.8.
    RequestObject,
    /// `client-authentication+jwt`, the update of RFC 7523.
    ClientAuthentication,
    /// `token-introspection+jwt`, RFC 9701 §5.
    TokenIntrospection,
    /// `dpop+jwt`, RFC 9449 §4.2. The one kind that carries its own key: read with
    /// [`verify_with_embedded_key`](crate::verify_with_embedded_key) and with nothing else.
    DpopProof,
}

impl Typ {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::AccessToken,
        Self::IdToken,
        Self::LogoutToken,
        Self::RequestObject,
        Self::ClientAuthentication,
        Self::TokenIntrospection,
        Self::DpopProof,
    ];

    /// The value written into the header.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AccessToken => "at+jwt",
            Self::IdToken => "JWT",
            Self::LogoutToken => "logout+jwt",
            Self::RequestObject => "oauth-authz-req+jwt",
            Self::ClientAuthentication => "client-authentication+jwt",
            Self::TokenIntrospection => "token-introspection+jwt",
            Self::DpopProof => "dpop+jwt",
        }
    }

    /// Does this header value name this kind? Media type names ignore case and may carry `application/` (RFC 7515 §4.1.9).
    #[must_use]
    pub fn accepts(self, header: Option<&str>) -> bool {
        let Some(value) = header else {
            return self == Self::IdToken;
        };
        let name = match value.split_at_checked("application/".len()) {
            Some((prefix, rest)) if prefix.eq_ignore_ascii_case("application/") => rest,
            _ => value,
        };
        name.eq_ignore_ascii_case(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tk_25_no_kind_passes_as_another() {
        for expected in Typ::ALL {
            for other in Typ::ALL {
                assert_eq!(expected.accepts(Some(other.as_str())), expected == other);
            }
            assert_eq!(expected.accepts(None), expected == Typ::IdToken);
            assert!(!expected.accepts(Some("")));
        }
    }

    #[test]
    fn media_type_form_and_case() {
        for value in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"] {
            assert!(Typ::AccessToken.accepts(Some(value)), "{value}");
        }
        for value in ["application/application/at+jwt", "text/at+jwt", "at+jwt ", "JWT", "at", "застосунок/at+jwt"]
        {
            assert!(!Typ::AccessToken.accepts(Some(value)), "{value}");
        }
    }
}
