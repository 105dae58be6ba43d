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
    RESPONSE_MODE = "B2117" 400 "invalid_request" "response_mode is not supported; leave it out or use query or form_post";
    /// Nothing of the requested scope can be granted.
    AUTHORIZE_SCOPE = "B2118" 400 "invalid_scope" "None of the requested scopes is allowed for this client";
    /// `prompt` has an unknown value or combines `none`.
    PROMPT = "B2119" 400 "invalid_request" "prompt has a value that is not supported or combines none with another";
    /// `max_age` is no number.
    MAX_AGE = "B2120" 400 "invalid_request" "max_age is not a whole number of seconds";
    /// `request` is not offered.
    REQUEST_OBJECT = "B2121" 400 "request_not_supported" "The request parameter is not supported";
    /// `request_uri` is not offered, and is never fetched.
    REQUEST_URI = "B2122" 400 "request_uri_not_supported" "Only a request_uri of the PAR endpoint is supported";
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
    /// `response_mode=form_post` to an address that no browser posts forms to. AZ-32.
    FORM_POST_TARGET = "B2134" 400 "invalid_request" "response_mode=form_post needs an https or loopback redirect_uri";
    /// A `request_uri` of ours that is unknown, expired, used or another client's. Standards §1.2; EP-3 to EP-5.
    PUSHED_REQUEST = "B2135" 400 "invalid_request_uri" "The pushed request is unknown, expired, already used or belongs to another client; go back to the app and start again";
    /// The request has to be pushed. RFC 9126 §5, §6; EP-6.
    PUSH_REQUIRED = "B2136" 400 "invalid_request" "This client has to push its authorization requests to the PAR endpoint first";
    /// `claims` is not what OpenID Core §5.5 says.
    CLAIMS = "B2137" 400 "invalid_request" "claims is not a JSON object as OpenID Connect Core 5.5 defines it, or it is too long";
    /// `dpop_jkt` is no thumbprint, or not that of the proof. RFC 9449 §10.
    DPOP_JKT = "B2138" 400 "invalid_request" "dpop_jkt is not the SHA-256 thumbprint of a key in base64url, or not that of the DPoP proof";
    /// The strength of sign-in that is essential cannot be had. RFC 9470 §5; OpenID Core §5.5.1.1.
    ACR_UNMET = "B2139" 400 "unmet_authentication_requirements" "The requested authentication context class cannot be met";
    /// `prompt=none`, and a stronger sign-in is needed.
    INTERACTION_REQUIRED = "B2140" 400 "interaction_required" "The user has to do something on a page first";
    /// `prompt=none`, and somebody else than `login_hint` names is signed in.
    ACCOUNT_SELECTION_REQUIRED = "B2141" 400 "account_selection_required" "The user has to choose an account";
    /// The user said no.
    DENIED = "B2130" 400 "access_denied" "The request was denied";
    /// `prompt=none`, and nobody is signed in.
    LOGIN_REQUIRED = "B2131" 400 "login_required" "The user has to sign in";
    /// `prompt=none`, and consent is needed.
    CONSENT_REQUIRED = "B2132" 400 "consent_required" "The user has to give consent";

    // Pushed authorization requests.
    /// `request_uri` in a pushed request. RFC 9126 §2.1; EP-2.
    PUSHED_REQUEST_URI = "B3160" 400 "invalid_request" "A pushed request cannot have a request_uri";

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
    /// No verifier for a code that has a challenge. TE-20.
    VERIFIER_MISSING = "B3161" 400 "invalid_request" "code_verifier is missing";
    /// A verifier for a code without a challenge. RFC 9700 §4.8.2; TE-20.
    VERIFIER_WITHOUT_CHALLENGE = "B3162" 400 "invalid_request" "code_verifier was sent for a code that was asked for without code_challenge";
    /// Unknown client, wrong or missing credentials. TE-3, TE-5, TE-9: one answer for all.
    CLIENT_UNAUTHENTICATED = "B3110" 401 "invalid_client" "The client is unknown or did not authenticate as registered";
    /// Too many failures to authenticate from there. TE-9.
    CLIENT_TOO_MANY = "B3111" 429 "temporarily_unavailable" "Too many failed client authentications from this address; wait as long as Retry-After says";
    /// The address of a client's keys does not answer, and there are none in memory. TE-17.
    CLIENT_KEYS_AWAY = "B3112" 503 "temporarily_unavailable" "The keys at the jwks_uri of the client cannot be fetched; try again when Retry-After says";
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
    /// A client whose ID tokens are signed with an algorithm that this server has no key for. TK-11.
    ID_TOKEN_KEY = "B3180" 400 "unauthorized_client" "This server has no key for the algorithm of this client's ID tokens";
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

    // The device grant. RFC 8628 §3.5.
    /// The person has not decided yet. EP-22.
    AUTHORIZATION_PENDING = "B3320" 400 "authorization_pending" "Nobody has decided yet; poll again after the interval";
    /// Likewise, and the device polls too fast. EP-22.
    SLOW_DOWN = "B3321" 400 "slow_down" "Polled too fast; wait five seconds more between polls from now on";
    /// The person said no.
    DEVICE_DENIED = "B3322" 400 "access_denied" "The request was denied";
    /// Nobody decided in time.
    DEVICE_EXPIRED = "B3323" 400 "expired_token" "The device code has expired; ask for a new one";
    /// The device code is none of ours, or another client's. EP-22.
    DEVICE_UNKNOWN = "B3324" 400 "invalid_grant" "The device code is unknown or was issued to another client";
    /// The device code was redeemed before. EP-22.
    DEVICE_SPENT = "B3325" 400 "invalid_grant" "The device code was used before";

    // DPoP at the token endpoint. RFC 9449 §5, §8, §10.
    /// The proof fails one of its checks.
    DPOP_PROOF = "B3340" 400 "invalid_dpop_proof" "The DPoP proof does not fit this request";
    /// The client's tokens are bound, and there is no proof. TE-22.
    DPOP_MISSING = "B3341" 400 "invalid_dpop_proof" "This client has to send a DPoP proof";
    /// No nonce of ours in the proof, or an old one. RS-12.
    DPOP_NONCE = "B3342" 400 "use_dpop_nonce" "Send a new DPoP proof with the nonce of the DPoP-Nonce header";
    /// The code was asked for by another key. TE-22.
    CODE_OTHER_KEY = "B3343" 400 "invalid_grant" "The code is bound to another key than the DPoP proof shows";
    /// The refresh token is bound to another key. TE-25.
    REFRESH_OTHER_KEY = "B3344" 400 "invalid_grant" "The refresh token is bound to another key than the DPoP proof shows";

    // Protected resources of this server.
    /// The token does not open this. RS-4.
    TOKEN_INVALID = "B3201" 401 "invalid_token" "The access token is missing, expired, revoked or not for this resource";
    /// No token at all. RS-4: the challenge then names no error.
    NO_TOKEN = "B3203" 401 "login_required" "Send an access token: Authorization: Bearer ...";
    /// Two tokens, or something that is none. RS-2.
    TOKEN_MALFORMED = "B3204" 400 "invalid_request" "Send one access token in one Authorization header";
    /// The proof beside a bound token fails one of its checks, or is missing. RFC 9449 §7.1; RS-11.
    RESOURCE_PROOF = "B3350" 401 "invalid_dpop_proof" "The DPoP proof is missing or does not fit this request and its token";
    /// No nonce of ours in the proof, or an old one. RFC 9449 §9; RS-12.
    RESOURCE_NONCE = "B3351" 401 "use_dpop_nonce" "Send a new DPoP proof with the nonce of the DPoP-Nonce header";
    /// A bound token as a bearer token, an unbound one with a proof, or another key. RS-10.
    TOKEN_BINDING = "B3352" 401 "invalid_token" "The access token is bound to a key that this request does not prove, or it is not bound at all";
    /// The token lacks a scope. RS-4, EP-40.
    SCOPE_SHORT = "B3202" 403 "insufficient_scope" "The access token lacks a required scope";

    // Apps that register themselves. RFC 7591 §3.2.2; RFC 7592 §2; RG-14, RG-17.
    /// Not JSON, or members of the wrong type.
    REGISTRATION_JSON = "B3401" 400 "invalid_client_metadata" "Send the client metadata as one JSON object with Content-Type: application/json";
    /// A redirect URI that nobody may register. RG-13, AZ-7.
    REGISTRATION_REDIRECT_URI = "B3402" 400 "invalid_redirect_uri" "A redirect URI cannot be registered: https for web apps; https, loopback or a private-use scheme with a period for native apps; no fragment";
    /// A redirect URI at a host that the operator did not list.
    REGISTRATION_HOST = "B3403" 400 "invalid_redirect_uri" "Apps may not register redirect URIs at this host here";
    /// The way of authentication is not offered. TE-3, RG-10.
    REGISTRATION_AUTH_METHOD = "B3404" 400 "invalid_client_metadata" "This token_endpoint_auth_method is not offered to apps that register themselves";
    /// A grant or response type that is not offered. RG-10, RG-12.
    REGISTRATION_GRANT = "B3405" 400 "invalid_client_metadata" "These grant_types and response_types are not offered to apps that register themselves, or do not fit each other";
    /// None of the scopes may be registered.
    REGISTRATION_SCOPE = "B3406" 400 "invalid_client_metadata" "None of these scopes is offered to apps that register themselves";
    /// `jwks` and `jwks_uri` at once, or keys that are none. RG-2.
    REGISTRATION_KEYS = "B3407" 400 "invalid_client_metadata" "jwks has to be a JWK set of public keys, or jwks_uri an https address; not both";
    /// A name or a link that would mislead people. RG-15.
    REGISTRATION_SHOWN = "B3408" 400 "invalid_client_metadata" "client_name or a link cannot be shown: links are https at the host of a redirect URI, and names may not hide characters or imitate another app";
    /// A subject type, algorithm or encryption that is not offered.
    REGISTRATION_NOT_OFFERED = "B3409" 400 "invalid_client_metadata" "The metadata ask for a subject type, an algorithm or an encryption that this server does not offer";
    /// `sector_identifier_uri` does not list the redirect URIs. OpenID Registration §5.
    REGISTRATION_SECTOR = "B3410" 400 "invalid_client_metadata" "sector_identifier_uri has to lead to a JSON list with every redirect URI";
    /// Parts that do not fit each other. RG-2.
    REGISTRATION_METADATA = "B3411" 400 "invalid_client_metadata" "The metadata contradict each other";
    /// As many apps as the operator allows.
    REGISTRATION_FULL = "B3412" 403 "access_denied" "No more apps can register here; ask whoever runs this server";
    /// No initial access token where one is needed. RG-10.
    INITIAL_TOKEN_MISSING = "B3413" 401 "access_denied" "Registering needs an initial access token: Authorization: Bearer ...";
    /// An initial access token that is unknown, expired or used up. RG-14.
    INITIAL_TOKEN = "B3414" 401 "invalid_token" "The initial access token is unknown, expired or used up";
    /// No token of this registration. One answer for an unknown client and for another one's token. RG-17.
    REGISTRATION_TOKEN = "B3415" 401 "invalid_token" "The registration access token does not open this registration";
    /// The operator has switched the client off. RG-17.
    REGISTRATION_FORBIDDEN = "B3416" 403 "access_denied" "This app was switched off by whoever runs this server";
    /// An update that names another client, another secret, or what only the server says. RG-17.
    REGISTRATION_UPDATE = "B3417" 400 "invalid_client_metadata" "An update carries the client_id, its own client_secret if any, and neither tokens nor time stamps";

    // Introspection and revocation. RFC 7662 §2; RFC 7009 §2.
    /// Nobody, or somebody who cannot prove it, asks about a token. EP-30.
    INTROSPECTION_UNAUTHENTICATED = "B3301" 401 "invalid_client" "Only a client that authenticates may ask about tokens";
    /// Too many questions about tokens that are none of ours. EP-30, TH-13.
    INTROSPECTION_TOO_MANY = "B3302" 429 "temporarily_unavailable" "Too many questions about tokens that this server never issued; wait as long as Retry-After says";
    /// The token belongs to another client. EP-34.
    REVOCATION_FOREIGN = "B3303" 400 "invalid_grant" "The token was issued to another client";
    /// A token of ours of another kind. EP-34.
    REVOCATION_KIND = "B3304" 400 "unsupported_token_type" "Only access tokens and refresh tokens can be revoked";

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
