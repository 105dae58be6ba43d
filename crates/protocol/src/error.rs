//! Every error the wire can show, one row each. OAuth 2.1 §3.2.4, §4.1.2.1, §5.3; OpenID Core §3.1.2.6; standards §1.2, §2.3.
//!
//! Flows choose a row and add a detail for the operator's log; only `http` turns rows into responses. A row's id names
//! its page, `{issuer}/error/{id}`, which is the `error_uri` of OAuth responses.

use std::fmt;

/// One error of the wire.
#[derive(Debug, PartialEq, Eq)]
pub struct Row {
    /// `B` and four digits: 2 authorize and HTTP, 3 token, 4 sign-in, 6 storage, 9 a bug of ours.
    pub id: &'static str,
    /// The registered `error` value.
    pub error: &'static str,
    /// HTTP status when it is answered directly, not by redirect.
    pub status: u16,
    /// `error_description`: what happened and what to do, only characters that G-6 allows.
    pub description: &'static str,
}

macro_rules! rows {
    ($($(#[$doc:meta])* $name:ident = $id:literal $status:literal $error:literal $description:literal;)+) => {
        $($(#[$doc])* #[doc = concat!("`", $error, "`, ", $id, ".")]
        pub const $name: Row = Row { id: $id, error: $error, status: $status, description: $description };)+

        /// All rows, for the error pages, the reference and the tests.
        pub const TABLE: &[&Row] = &[$(&$name),+];
    };
}

rows! {
    // Plain HTTP.
    /// No such page.
    NOT_FOUND = "B2001" 404 "not_found" "There is nothing at this address";
    /// The address exists, the method does not.
    METHOD_NOT_ALLOWED = "B2002" 405 "invalid_request" "This address does not answer this method; see the Allow header";
    /// A limit of [`crate::limits`] was passed.
    TOO_LARGE = "B2003" 413 "invalid_request" "The request is larger than this server reads";
    /// `Host` is not this server's. WH-16.
    WRONG_HOST = "B2004" 421 "invalid_request" "This server answers only under its public URL";
    /// Broken percent encoding or UTF-8, or too many parameters. WH-14.
    BAD_ENCODING = "B2005" 400 "invalid_request" "The parameters are not valid form-encoded UTF-8";
    /// The request took too long to arrive.
    TOO_SLOW = "B2006" 408 "invalid_request" "The request did not arrive in time";
    /// A body that breaks off or whose chunks are broken.
    BAD_BODY = "B2009" 400 "invalid_request" "The body of the request is broken";
    /// Too long a request target.
    TARGET_TOO_LONG = "B2007" 414 "invalid_request" "The URL is longer than this server reads";
    /// A form of ours came back without its token or from another site. WH-11.
    FORM_NOT_OURS = "B2008" 403 "access_denied" "This form was not sent from the page that belongs to it; open the page again";

    // Authorization requests that are not redirected: the redirect URI is not known to be good. Standards §1.2.
    /// `client_id` missing, twice, unknown or disabled.
    AUTHORIZE_CLIENT = "B2101" 400 "invalid_client" "The app is unknown here: client_id is missing, repeated or not registered";
    /// `redirect_uri` missing where it is needed. AZ-9.
    AUTHORIZE_REDIRECT_URI_MISSING = "B2103" 400 "invalid_request" "redirect_uri is missing";
    /// `redirect_uri` is not one of the registered ones. AZ-4.
    AUTHORIZE_REDIRECT_URI = "B2104" 400 "invalid_request" "redirect_uri is not registered for this client";
    /// `client_id` or `redirect_uri` came twice. AZ-3.
    AUTHORIZE_REPEATED = "B2105" 400 "invalid_request" "client_id or redirect_uri came more than once";

    // Authorization errors that go back to the client.
    /// Some other parameter came twice. AZ-10.
    AUTHORIZE_DUPLICATE = "B2110" 400 "invalid_request" "A parameter came more than once";
    /// No `response_type`. AZ-11.
    RESPONSE_TYPE_MISSING = "B2111" 400 "invalid_request" "response_type is missing; use response_type=code";
    /// A response type that is not offered. AZ-11.
    RESPONSE_TYPE = "B2112" 400 "unsupported_response_type" "Only response_type=code is supported";
    /// The client may not use the code grant.
    AUTHORIZE_GRANT = "B2113" 400 "unauthorized_client" "This client may not use the authorization code grant";
    /// No `code_challenge`. AZ-23.
    CHALLENGE_MISSING = "B2114" 400 "invalid_request" "code_challenge is missing; PKCE is required";
    /// A method other than S256. AZ-24.
    CHALLENGE_METHOD = "B2115" 400 "invalid_request" "transform algorithm not supported; send code_challenge_method=S256";
    /// A challenge that is no SHA-256. AZ-25.
    CHALLENGE_SYNTAX = "B2116" 400 "invalid_request" "code_challenge is not 43 characters of base64url";
    /// A response mode that is not offered. AZ-31.
    RESPONSE_MODE = "B2117" 400 "invalid_request" "response_mode is not supported; leave it out or use query";
    /// Nothing of the requested scope can be granted.
    AUTHORIZE_SCOPE = "B2118" 400 "invalid_scope" "None of the requested scopes is allowed for this client";
    /// `prompt` has an unknown value or combines `none`.
    PROMPT = "B2119" 400 "invalid_request" "prompt has a value that is not supported or combines none with another";
    /// `max_age` is no number.
    MAX_AGE = "B2120" 400 "invalid_request" "max_age is not a whole number of seconds";
    /// `request` is not offered.
    REQUEST_OBJECT = "B2121" 400 "request_not_supported" "The request parameter is not supported";
    /// `request_uri` is not offered, and is never fetched.
    REQUEST_URI = "B2122" 400 "request_uri_not_supported" "The request_uri parameter is not supported";
    /// `registration` is not offered.
    REGISTRATION = "B2123" 400 "registration_not_supported" "The registration parameter is not supported";
    /// A parameter is too long.
    AUTHORIZE_TOO_LONG = "B2124" 400 "invalid_request" "A parameter is longer than this server keeps";
    /// `resource` is not one the client may have. RFC 8707 §2.
    AUTHORIZE_TARGET = "B2125" 400 "invalid_target" "The resource is not one that this client may ask for";
    /// `authorization_details` is not offered. RFC 9396 §5.
    AUTHORIZATION_DETAILS = "B2126" 400 "invalid_authorization_details" "authorization_details is not supported";
    /// `id_token_hint` is no ID token of ours.
    ID_TOKEN_HINT = "B2127" 400 "invalid_request" "id_token_hint is not an ID token of this server";
    /// The user said no.
    DENIED = "B2130" 400 "access_denied" "The request was denied";
    /// `prompt=none`, and nobody is signed in.
    LOGIN_REQUIRED = "B2131" 400 "login_required" "The user has to sign in";
    /// `prompt=none`, and consent is needed.
    CONSENT_REQUIRED = "B2132" 400 "consent_required" "The user has to give consent";

    // Token endpoint.
    /// Not a form. TE-1.
    TOKEN_CONTENT_TYPE = "B3101" 400 "invalid_request" "Send the parameters as application/x-www-form-urlencoded";
    /// A parameter twice. G-2.
    TOKEN_DUPLICATE = "B3102" 400 "invalid_request" "A parameter came more than once";
    /// A required parameter is missing.
    TOKEN_MISSING = "B3103" 400 "invalid_request" "A required parameter is missing";
    /// Two ways of client authentication at once. TE-4.
    SEVERAL_AUTHENTICATIONS = "B3104" 400 "invalid_request" "Use one way of client authentication, and the same client_id everywhere";
    /// `code_verifier` is malformed. AZ-25.
    VERIFIER_SYNTAX = "B3105" 400 "invalid_request" "code_verifier is not 43 to 128 unreserved characters";
    /// Unknown client, wrong or missing credentials. TE-3, TE-5, TE-9: one answer for all.
    CLIENT_UNAUTHENTICATED = "B3110" 401 "invalid_client" "The client is unknown or did not authenticate as registered";
    /// A grant type that is not offered. TE-37.
    GRANT_TYPE = "B3120" 400 "unsupported_grant_type" "This grant type is not supported";
    /// A grant type that this client may not use. TE-32, TE-37.
    GRANT_NOT_ALLOWED = "B3121" 400 "unauthorized_client" "This client may not use this grant type";
    /// The code is none of ours, or another client's. TE-20.
    CODE_UNKNOWN = "B3130" 400 "invalid_grant" "The code is unknown, expired or was issued to another client";
    /// The code was used before. AZ-30.
    CODE_SPENT = "B3131" 400 "invalid_grant" "The code was used before; all tokens that came from it are revoked";
    /// `redirect_uri` differs from the authorization request. TE-21.
    CODE_REDIRECT_URI = "B3132" 400 "invalid_grant" "redirect_uri differs from that of the authorization request";
    /// `code_verifier` does not fit. RFC 7636 §4.6.
    VERIFIER_MISMATCH = "B3133" 400 "invalid_grant" "code_verifier does not fit the code_challenge of the authorization request";
    /// The account or the session ended meanwhile. TE-23.
    GRANT_DEAD = "B3134" 400 "invalid_grant" "The sign-in behind this request has ended";
    /// The refresh token is none of ours, or another client's. TE-24.
    REFRESH_UNKNOWN = "B3140" 400 "invalid_grant" "The refresh token is unknown or was issued to another client";
    /// A superseded refresh token came again. TE-27.
    REFRESH_REUSED = "B3141" 400 "invalid_grant" "The refresh token was replaced before; everything that came from it is revoked";
    /// The grant ran out. TE-30.
    REFRESH_EXPIRED = "B3142" 400 "invalid_grant" "The refresh token has expired; sign in again";
    /// The grant was revoked.
    REFRESH_REVOKED = "B3143" 400 "invalid_grant" "The refresh token was revoked; sign in again";
    /// More scope than was granted. TE-28.
    REFRESH_SCOPE = "B3150" 400 "invalid_scope" "The scope goes beyond what was granted";
    /// A resource that was not granted. TE-29.
    TOKEN_TARGET = "B3151" 400 "invalid_target" "The resource is not one that this client may ask for";

    // Protected resources of this server.
    /// The token does not open this. RS-4.
    TOKEN_INVALID = "B3201" 401 "invalid_token" "The access token is missing, expired, revoked or not for this resource";
    /// No token at all. RS-4: the challenge then names no error.
    NO_TOKEN = "B3203" 401 "login_required" "Send an access token: Authorization: Bearer ...";
    /// Two tokens, or something that is none. RS-2.
    TOKEN_MALFORMED = "B3204" 400 "invalid_request" "Send one access token in one Authorization header";
    /// The token lacks a scope. RS-4, EP-40.
    SCOPE_SHORT = "B3202" 403 "insufficient_scope" "The access token lacks a required scope";

    // Sign-in and the cookie endpoints.
    /// Wrong name or password, whatever the reason. PW-21.
    CREDENTIALS = "B4101" 401 "invalid_credentials" "Check the user name and the password";
    /// Too many failures. TH-9.
    TOO_MANY = "B4102" 429 "too_many_attempts" "Too many attempts; wait as long as Retry-After says";
    /// The hashing pool is full. PW-19.
    OVERLOADED = "B4103" 503 "temporarily_unavailable" "Sign-in is busy; try again when Retry-After says";
    /// No cookie, or one that counts no more: sign in again. Design §5.
    SIGN_IN_AGAIN = "B4104" 401 "login_required" "There is no session here; sign in";
    /// The origin is not listed for the client. BB-12.
    ORIGIN = "B4105" 403 "origin_not_allowed" "This origin is not listed for the client";
    /// Not a script's own request: navigation, no-cors, prefetch, another site. BB-7.
    NOT_A_FETCH = "B4106" 403 "origin_not_allowed" "Only fetch() from a page of the app itself may call this";
    /// Not JSON. BB-7.
    COOKIE_CONTENT_TYPE = "B4107" 400 "invalid_request" "Send JSON with Content-Type: application/json";
    /// JSON that lacks members or has wrong types.
    COOKIE_JSON = "B4108" 400 "invalid_request" "The JSON body does not have the expected members";
    /// Not a first-party client. Design §5.
    NOT_FIRST_PARTY = "B4109" 403 "unauthorized_client" "Only a first-party client may send passwords here; use the authorization code flow";
    /// More than one client fits.
    WHICH_CLIENT = "B4110" 400 "invalid_request" "More than one client fits this request; name it with client_id";
    /// The form has outlived its sign-in. A6.
    SIGN_IN_GONE = "B4111" 400 "invalid_request" "This sign-in page is too old; go back to the app and start again";

    // Ourselves.
    /// The database did not answer.
    STORAGE = "B6001" 503 "temporarily_unavailable" "The server cannot reach its storage; try again in a moment";
    /// Too many writes are waiting.
    STORAGE_BUSY = "B6002" 503 "temporarily_unavailable" "The server is busy; try again in a moment";
    /// A bug.
    INTERNAL = "B9001" 500 "server_error" "Something went wrong here; the request id helps to find it";
}

/// Find a row by its id, such as `B2104`.
#[must_use]
pub fn row(id: &str) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.id == id).copied()
}

/// A refusal on its way to the wire: the row, and what only the operator may see.
#[derive(Debug)]
pub struct Refusal {
    /// What the other side is told.
    pub row: &'static Row,
    /// What the log is told. Never a secret, never shown to the other side.
    pub detail: Option<String>,
    /// The name of the app it is about, for our own page.
    pub app: Option<String>,
    /// Seconds after which trying again makes sense: `Retry-After`. TH-9.
    pub retry_after: Option<u64>,
}

impl Refusal {
    /// Add what the operator needs to understand it.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Add the name of the app it is about.
    #[must_use]
    pub fn about_app(mut self, name: impl Into<String>) -> Self {
        self.app = Some(name.into());
        self
    }

    /// Add the seconds to wait.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }
}

impl From<&'static Row> for Refusal {
    fn from(row: &'static Row) -> Self {
        Self { row, detail: None, app: None, retry_after: None }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.row.id, self.row.error)?;
        match &self.detail {
            Some(detail) => write!(f, ": {detail}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn g6_every_text_may_go_over_the_wire() {
        for row in TABLE {
            let clean = |text: &str| text.bytes().all(|b| matches!(b, 0x20 | 0x21 | 0x23..=0x5b | 0x5d..=0x7e));
            assert!(clean(row.description) && clean(row.error) && clean(row.id), "{row:?}");
            assert!((400..600).contains(&row.status), "{row:?}");
        }
    }

    #[test]
    fn ids_are_unique() {
        let ids: BTreeSet<_> = TABLE.iter().map(|row| row.id).collect();
        assert_eq!(ids.len(), TABLE.len());
        assert_eq!(row("B2104"), Some(&AUTHORIZE_REDIRECT_URI));
        assert_eq!(row("B0000"), None);
    }
}
