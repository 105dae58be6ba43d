//! Access tokens in requests and the challenges that answer them. OAuth 2.1 §5.1 to §5.3, RFC 6750, RFC 9449 §7, RFC 9470 §3,
//! RFC 9728 §5.1.
//!
//! Owns the `Authorization` and `WWW-Authenticate` headers of a protected resource; what a token says is not its concern.

use std::fmt;

/// Why there is no token to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BearerError {
    /// No credentials of a scheme we know: answer 401 and a challenge without `error` (RS-4).
    Missing,
    /// Two `Authorization` headers, or one that is not scheme and token: answer 400 `invalid_request` (RS-2, RS-4).
    Malformed,
}

impl fmt::Display for BearerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "no access token in the Authorization header",
            Self::Malformed => "malformed Authorization header",
        })
    }
}

impl std::error::Error for BearerError {}

/// How an access token is presented. RFC 6750 §2.1, RFC 9449 §7.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Whoever has the token may use it.
    Bearer,
    /// With a proof of the key that it is bound to.
    Dpop,
}

impl Scheme {
    /// The name of the scheme, also the `token_type`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::Dpop => "DPoP",
        }
    }
}

/// An access token as it came, unverified.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Presented<'a> {
    /// How.
    pub scheme: Scheme,
    /// The token.
    pub token: &'a str,
}

impl fmt::Debug for Presented<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presented").field("scheme", &self.scheme).finish_non_exhaustive()
    }
}

/// The access token among the values of all `Authorization` headers of a request, of either scheme. OAuth 2.1 §5.1.1,
/// RFC 9449 §7.1 (RS-1, RS-2, RS-10).
///
/// The query string is not an argument: a token there is never a token (RS-1). Credentials of another scheme count as none.
///
/// ```
/// use brama_protocol::bearer::{BearerError, Presented, Scheme, presented};
///
/// assert_eq!(presented([b"dPoP abc.def"]), Ok(Presented { scheme: Scheme::Dpop, token: "abc.def" }));
/// assert_eq!(presented([b"Basic YTpi"]), Err(BearerError::Missing));
/// ```
///
/// # Errors
/// [`BearerError::Missing`] without credentials, [`BearerError::Malformed`] with two of them or with bad ones.
pub fn presented<'a, V>(headers: impl IntoIterator<Item = &'a V>) -> Result<Presented<'a>, BearerError>
where
    V: AsRef<[u8]> + ?Sized + 'a,
{
    let mut headers = headers.into_iter();
    let header = headers.next().ok_or(BearerError::Missing)?.as_ref();
    if headers.next().is_some() {
        return Err(BearerError::Malformed);
    }
    let header = std::str::from_utf8(header).map_err(|_| BearerError::Malformed)?;
    let (name, rest) = header.split_once(' ').unwrap_or((header, ""));
    let known = [Scheme::Bearer, Scheme::Dpop].into_iter().find(|scheme| name.eq_ignore_ascii_case(scheme.as_str()));
    let scheme = known.ok_or(BearerError::Missing)?;
    let token = rest.trim_start_matches(' ');
    if is_b64token(token) { Ok(Presented { scheme, token }) } else { Err(BearerError::Malformed) }
}

/// As [`presented`], where only the Bearer scheme is known.
///
/// ```
/// use brama_protocol::bearer::{BearerError, token};
///
/// assert_eq!(token([b"bEaReR abc.def"]), Ok("abc.def"));
/// assert_eq!(token([b"Basic YTpi"]), Err(BearerError::Missing));
/// assert_eq!(token([b"Bearer a", b"Bearer a"]), Err(BearerError::Malformed));
/// ```
///
/// # Errors
/// [`BearerError::Missing`] without credentials, [`BearerError::Malformed`] with two of them or with bad ones.
pub fn token<'a, V>(headers: impl IntoIterator<Item = &'a V>) -> Result<&'a str, BearerError>
where
    V: AsRef<[u8]> + ?Sized + 'a,
{
    match presented(headers)? {
        Presented { scheme: Scheme::Bearer, token } => Ok(token),
        Presented { scheme: Scheme::Dpop, .. } => Err(BearerError::Missing),
    }
}

/// `b64token` of RFC 6750 §2.1: `1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`.
fn is_b64token(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    !body.is_empty()
        && body.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~' | b'+' | b'/'))
}

/// An error of a protected resource. OAuth 2.1 §5.3.2 (RS-4), RFC 9449 §7.1 and §9 (RS-11), RFC 9470 §3 (RS-7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    /// The request is malformed; 400.
    InvalidRequest,
    /// The token is expired, revoked, malformed or not for this resource; 401.
    InvalidToken,
    /// The token does not reach far enough; 403.
    InsufficientScope,
    /// The DPoP proof fails its checks; 401.
    InvalidDpopProof,
    /// The DPoP proof needs the nonce that the answer carries; 401.
    UseDpopNonce,
    /// The user has to sign in again, or more strongly; 401.
    InsufficientUserAuthentication,
}

impl ErrorCode {
    /// The code on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidToken => "invalid_token",
            Self::InsufficientScope => "insufficient_scope",
            Self::InvalidDpopProof => "invalid_dpop_proof",
            Self::UseDpopNonce => "use_dpop_nonce",
            Self::InsufficientUserAuthentication => "insufficient_user_authentication",
        }
    }

    /// The HTTP status that goes with it.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::InvalidRequest => 400,
            Self::InvalidToken | Self::InvalidDpopProof | Self::UseDpopNonce | Self::InsufficientUserAuthentication => {
                401
            }
            Self::InsufficientScope => 403,
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A `WWW-Authenticate` challenge in the making. OAuth 2.1 §5.3.1, RFC 9449 §7.1, RFC 9470 §3, RFC 9728 §5.1 (RS-4 to RS-7, RS-11).
///
/// Each attribute appears at most once, and only characters that may stand there (G-6, RS-6) are written, whatever was given.
///
/// ```
/// use brama_protocol::bearer::{Challenge, ErrorCode};
///
/// let challenge = Challenge::new().error(ErrorCode::InsufficientScope).scope("orders:read orders:write");
/// assert_eq!(challenge.status(), 403);
/// assert_eq!(
///     challenge.to_string(),
///     r#"Bearer error="insufficient_scope", scope="orders:read orders:write""#,
/// );
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Challenge<'a> {
    scheme: Scheme,
    realm: Option<&'a str>,
    error: Option<ErrorCode>,
    description: Option<&'a str>,
    scope: Option<&'a str>,
    acr_values: Option<&'a str>,
    max_age: Option<u64>,
    resource_metadata: Option<&'a str>,
    algs: Option<&'a str>,
}

impl Default for Challenge<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'a> Challenge<'a> {
    /// `Bearer` without any attribute: the answer to a request without credentials (RS-4).
    #[must_use]
    pub const fn new() -> Self {
        Self {
            scheme: Scheme::Bearer,
            realm: None,
            error: None,
            description: None,
            scope: None,
            acr_values: None,
            max_age: None,
            resource_metadata: None,
            algs: None,
        }
    }

    /// `DPoP` with the algorithms that proofs may be signed with, separated by spaces. RFC 9449 §7.1 (RS-11).
    #[must_use]
    pub const fn dpop(algs: &'a str) -> Self {
        let mut challenge = Self::new();
        challenge.scheme = Scheme::Dpop;
        challenge.algs = Some(algs);
        challenge
    }

    /// Name the protection space (RFC 9110 §11.5).
    #[must_use]
    pub const fn realm(mut self, realm: &'a str) -> Self {
        self.realm = Some(realm);
        self
    }

    /// Say what is wrong.
    #[must_use]
    pub const fn error(mut self, error: ErrorCode) -> Self {
        self.error = Some(error);
        self
    }

    /// Explain it to the developer of the client; never with text of the request.
    #[must_use]
    pub const fn description(mut self, description: &'a str) -> Self {
        self.description = Some(description);
        self
    }

    /// All scopes that the request needs, separated by spaces.
    #[must_use]
    pub const fn scope(mut self, scope: &'a str) -> Self {
        self.scope = Some(scope);
        self
    }

    /// The authentication context classes of which one is needed, separated by spaces. RFC 9470 §3 (RS-7).
    #[must_use]
    pub const fn acr_values(mut self, acr_values: &'a str) -> Self {
        self.acr_values = Some(acr_values);
        self
    }

    /// How long ago the user may have signed in at most, seconds. RFC 9470 §3 (RS-7).
    #[must_use]
    pub const fn max_age(mut self, seconds: u64) -> Self {
        self.max_age = Some(seconds);
        self
    }

    /// Where the metadata of this resource are (RS-5).
    #[must_use]
    pub const fn resource_metadata(mut self, url: &'a str) -> Self {
        self.resource_metadata = Some(url);
        self
    }

    /// The HTTP status of the answer (RS-4).
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self.error {
            None => 401,
            Some(error) => error.status(),
        }
    }
}

/// The value of the header.
impl fmt::Display for Challenge<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.scheme.as_str())?;
        let max_age = self.max_age.map(|seconds| seconds.to_string());
        let attributes = [
            ("realm", self.realm),
            ("error", self.error.map(ErrorCode::as_str)),
            ("error_description", self.description),
            ("scope", self.scope),
            ("acr_values", self.acr_values),
            ("max_age", max_age.as_deref()),
            ("resource_metadata", self.resource_metadata),
            ("algs", self.algs),
        ];
        let mut separator = " ";
        for (name, value) in attributes {
            let Some(value) = value else { continue };
            write!(f, "{separator}{name}=\"")?;
            for character in value.chars() {
                fmt::Write::write_char(f, if is_plain(character) { character } else { '?' })?;
            }
            f.write_str("\"")?;
            separator = ", ";
        }
        Ok(())
    }
}

/// `%x20-21 / %x23-5B / %x5D-7E`: no quotation mark, no backslash, no control, ASCII only (G-6).
const fn is_plain(character: char) -> bool {
    matches!(character, '\u{20}'..='\u{21}' | '\u{23}'..='\u{5b}' | '\u{5d}'..='\u{7e}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rs_4_no_credentials_of_this_scheme_are_none() {
        assert_eq!(token::<[u8]>([]), Err(BearerError::Missing));
        for header in ["", "Basic YTpi", "DPoP abc", "Bearerabc", "Digest username=\"a\"", "Bearer\tabc"] {
            assert_eq!(token([header]), Err(BearerError::Missing), "{header:?}");
        }
    }

    #[test]
    fn rs_2_two_headers_are_malformed() {
        assert_eq!(token(["Bearer a", "Bearer a"]), Err(BearerError::Malformed));
        assert_eq!(token(["Bearer a", "Basic YTpi"]), Err(BearerError::Malformed));
        assert_eq!(token(["Basic YTpi", "Bearer a"]), Err(BearerError::Malformed));
        assert_eq!(token(["Bearer a, Bearer b"]), Err(BearerError::Malformed));
    }

    #[test]
    fn rs_4_bad_token_syntax_is_malformed() {
        for header in [
            "Bearer",
            "Bearer ",
            "Bearer   ",
            "Bearer a b",
            "Bearer a ",
            "Bearer =",
            "Bearer a=b",
            "Bearer \"a\"",
            "Bearer a,b",
            "Bearer ключ",
            "Bearer a\tb",
            "Bearer token=a",
        ] {
            assert_eq!(token([header]), Err(BearerError::Malformed), "{header:?}");
        }
        assert_eq!(token([&b"Bearer \xff"[..]]), Err(BearerError::Malformed));
    }

    #[test]
    fn rs_1_the_scheme_ignores_case() {
        for header in ["Bearer aZ09-._~+/==", "bEaReR aZ09-._~+/==", "BEARER   aZ09-._~+/=="] {
            assert_eq!(token([header]), Ok("aZ09-._~+/=="));
        }
    }

    #[test]
    fn rs_4_the_error_decides_the_status() {
        assert_eq!((Challenge::new().status(), Challenge::new().to_string()), (401, "Bearer".to_owned()));
        for (error, status, text) in [
            (ErrorCode::InvalidRequest, 400, r#"Bearer error="invalid_request""#),
            (ErrorCode::InvalidToken, 401, r#"Bearer error="invalid_token""#),
            (ErrorCode::InsufficientScope, 403, r#"Bearer error="insufficient_scope""#),
        ] {
            let challenge = Challenge::new().error(error);
            assert_eq!((challenge.status(), challenge.to_string().as_str()), (status, text));
        }
    }

    #[test]
    fn rs_10_a_token_of_either_scheme() {
        let dpop = |token| Ok(Presented { scheme: Scheme::Dpop, token });
        assert_eq!(presented(["DPoP abc"]), dpop("abc"));
        assert_eq!(presented(["dpop  abc"]), dpop("abc"));
        assert_eq!(presented(["Bearer abc"]), Ok(Presented { scheme: Scheme::Bearer, token: "abc" }));
        assert_eq!(presented(["DPoP abc", "Bearer abc"]), Err(BearerError::Malformed));
        for header in ["DPoP", "DPoP ", "DPoP a b", "DPoP a,b"] {
            assert_eq!(presented([header]), Err(BearerError::Malformed), "{header:?}");
        }
        assert_eq!(presented(["DPoPabc"]), Err(BearerError::Missing));
        assert!(!format!("{:?}", presented(["DPoP abc"])).contains("abc"));
    }

    #[test]
    fn rs_11_challenges_of_dpop() {
        assert_eq!(Challenge::dpop("ES256 PS256").to_string(), r#"DPoP algs="ES256 PS256""#);
        for (error, text) in [
            (ErrorCode::InvalidDpopProof, r#"DPoP error="invalid_dpop_proof", algs="ES256""#),
            (ErrorCode::UseDpopNonce, r#"DPoP error="use_dpop_nonce", algs="ES256""#),
            (ErrorCode::InvalidToken, r#"DPoP error="invalid_token", algs="ES256""#),
        ] {
            let challenge = Challenge::dpop("ES256").error(error);
            assert_eq!((challenge.status(), challenge.to_string().as_str()), (401, text));
        }
    }

    #[test]
    fn rs_7_step_up() {
        let challenge = Challenge::new()
            .error(ErrorCode::InsufficientUserAuthentication)
            .acr_values("urn:example:gold urn:example:silver")
            .max_age(300);
        assert_eq!(challenge.status(), 401);
        assert_eq!(
            challenge.to_string(),
            "Bearer error=\"insufficient_user_authentication\", acr_values=\"urn:example:gold urn:example:silver\", max_age=\"300\""
        );
    }

    #[test]
    fn rs_5_rs_6_all_attributes_each_once() {
        let challenge = Challenge::new()
            .scope("x")
            .scope("read write")
            .resource_metadata("https://api.example/.well-known/oauth-protected-resource")
            .description("the token has expired")
            .error(ErrorCode::InvalidRequest)
            .error(ErrorCode::InvalidToken)
            .realm("api");
        assert_eq!(
            challenge.to_string(),
            "Bearer realm=\"api\", error=\"invalid_token\", error_description=\"the token has expired\", \
             scope=\"read write\", resource_metadata=\"https://api.example/.well-known/oauth-protected-resource\""
        );
    }

    #[test]
    fn g_6_values_cannot_break_out() {
        let challenge = Challenge::new().realm("a\", error=\"x\\").description("line\r\nSet-Cookie: ключ");
        assert_eq!(
            challenge.to_string(),
            r#"Bearer realm="a?, error=?x?", error_description="line??Set-Cookie: ????""#
        );
    }

    proptest! {
        #[test]
        fn token_never_panics_and_is_clean(headers in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..3)) {
            if let Ok(token) = token(&headers) {
                prop_assert!(token.is_ascii() && !token.contains(['"', ' ', ',']));
            }
        }

        #[test]
        fn g_6_challenges_are_one_clean_line(realm in "\\PC*", acr in ".*", description in ".*", scope in ".*", url in ".*") {
            let text = Challenge::new().realm(&realm).description(&description).scope(&scope).resource_metadata(&url).acr_values(&acr).to_string();
            prop_assert!(text.bytes().all(|b| matches!(b, 0x20..=0x7e) && b != b'\\'));
            prop_assert_eq!(text.matches('"').count(), 10);
        }
    }
}
