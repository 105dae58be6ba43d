//! Clients: the apps that send users here. OAuth 2.1 §2; RFC 7591 §2.

use std::fmt;
use std::str::FromStr;

use brama_faults::{Fault, planted};
use serde::{Deserialize, Serialize};

use crate::limits;
use crate::origin::Origin;
use crate::redirect_uri::RegisteredRedirectUri;
use crate::scope::Scope;

/// A `client_id`: 1 to [`limits::CLIENT_ID_BYTES`] unreserved characters, and never of the shape of a user id, so that
/// the `sub` of a machine cannot be taken for a person's. TE-8, TE-33.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClientId(String);

/// The text cannot be a client id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAClientId;

impl fmt::Display for NotAClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a client id has 1 to {} letters, digits, dots, hyphens, underscores or tildes, and is not a UUID",
            limits::CLIENT_ID_BYTES
        )
    }
}

impl std::error::Error for NotAClientId {}

impl FromStr for ClientId {
    type Err = NotAClientId;
    fn from_str(text: &str) -> Result<Self, NotAClientId> {
        let unreserved = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
        let fits = (1..=limits::CLIENT_ID_BYTES).contains(&text.len()) && text.bytes().all(unreserved);
        if fits && uuid::Uuid::try_parse(text).is_err() { Ok(Self(text.to_owned())) } else { Err(NotAClientId) }
    }
}

impl TryFrom<String> for ClientId {
    type Error = NotAClientId;
    fn try_from(text: String) -> Result<Self, NotAClientId> {
        text.parse()
    }
}

impl From<ClientId> for String {
    fn from(id: ClientId) -> Self {
        id.0
    }
}

impl ClientId {
    /// The id as it goes over the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What kind of app a client is. Everything else has a default that follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientType {
    /// A single-page app: code runs in the browser, no secret. RFC 10017 §6.3.
    Browser,
    /// A server that renders pages and keeps a secret.
    Web,
    /// A mobile, desktop or command-line app: no secret. RFC 8252.
    Native,
    /// A machine that acts for itself: client credentials. OAuth 2.1 §4.2.
    Service,
    /// Something without a browser or a keyboard: the device grant, no secret, no redirect URI. RFC 8628.
    Device,
}

impl ClientType {
    /// The word for it in commands, configuration and the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Browser => "browser",
            Self::Web => "web",
            Self::Native => "native",
            Self::Service => "service",
            Self::Device => "device",
        }
    }

    /// How a client of this type authenticates unless it says otherwise. OAuth 2.1 §2.1.
    #[must_use]
    pub fn auth_method(self) -> AuthMethod {
        match self {
            Self::Web | Self::Service => AuthMethod::ClientSecret,
            Self::Browser | Self::Native | Self::Device => AuthMethod::None,
        }
    }

    /// The grants of a client of this type unless it says otherwise.
    #[must_use]
    pub fn grant_types(self) -> Vec<GrantType> {
        match self {
            Self::Browser | Self::Web | Self::Native => vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
            Self::Service => vec![GrantType::ClientCredentials],
            Self::Device => vec![GrantType::DeviceCode, GrantType::RefreshToken],
        }
    }

    /// Whether people sign in through it.
    #[must_use]
    pub fn has_users(self) -> bool {
        !matches!(self, Self::Service)
    }
}

/// How a client proves who it is: `token_endpoint_auth_method` of RFC 7591 §2. It holds at every endpoint that
/// authenticates clients, and is the only method that is accepted. TE-3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthMethod {
    /// Not at all: a public client names itself. TE-5.
    #[default]
    None,
    /// A secret, in the header or in the body as the client likes: what an operator's registration means by a secret.
    ClientSecret,
    /// A secret in the `Authorization` header. TE-7.
    ClientSecretBasic,
    /// A secret in the body. TE-6.
    ClientSecretPost,
    /// A JWT signed with a registered key. RFC 7523; TE-11 to TE-17.
    PrivateKeyJwt,
}

impl AuthMethod {
    /// The word for it in commands and configuration; those of RFC 7591 but for `client_secret`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ClientSecret => "client_secret",
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::PrivateKeyJwt => "private_key_jwt",
        }
    }

    /// Whether clients of this method have a secret.
    #[must_use]
    pub fn has_secret(self) -> bool {
        matches!(self, Self::ClientSecret | Self::ClientSecretBasic | Self::ClientSecretPost)
    }
}

/// The grants of this server; metadata and registration are derived from this one enum. RFC 7591 §2 `grant_types`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum GrantType {
    /// OAuth 2.1 §4.1.
    #[serde(rename = "authorization_code")]
    AuthorizationCode,
    /// OAuth 2.1 §4.3.
    #[serde(rename = "refresh_token")]
    RefreshToken,
    /// OAuth 2.1 §4.2.
    #[serde(rename = "client_credentials")]
    ClientCredentials,
    /// RFC 8628.
    #[serde(rename = "urn:ietf:params:oauth:grant-type:device_code")]
    DeviceCode,
}

impl GrantType {
    /// Every grant, as metadata lists them.
    pub const ALL: [Self; 4] = [Self::AuthorizationCode, Self::RefreshToken, Self::ClientCredentials, Self::DeviceCode];

    /// The `grant_type` value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::RefreshToken => "refresh_token",
            Self::ClientCredentials => "client_credentials",
            Self::DeviceCode => "urn:ietf:params:oauth:grant-type:device_code",
        }
    }
}

/// The public keys of a client: inline or by address, never both. RFC 7591 §2; RG-2.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientKeys {
    /// None.
    #[default]
    None,
    /// `jwks`: a JWK set as JSON text, checked when it was registered.
    Jwks(String),
    /// `jwks_uri`: fetched through the guarded fetcher only. TE-17.
    JwksUri(String),
}

/// What a client shows people about itself. RFC 7591 §2; RG-15.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClientLinks {
    /// Its home page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_uri: Option<String>,
    /// Its logo.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logo_uri: Option<String>,
    /// How it uses what it is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_uri: Option<String>,
    /// Its terms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tos_uri: Option<String>,
    /// Who to write to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contacts: Vec<String>,
}

/// How the server is told that a session has ended. OpenID Back-Channel Logout 1.0 §2.2.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackchannelLogout {
    /// Where logout tokens are posted: https, without fragment. LO-13.
    pub uri: String,
    /// Whether the client needs `sid` in them. It is always there.
    pub session_required: bool,
}

/// Who registered a client. AZ-13, EP-24, TE-32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Registrar {
    /// The operator: by command or configuration.
    #[default]
    Operator,
    /// It registered itself (RFC 7591): people are told, and nothing is sent to it unasked.
    Itself,
}

/// Where a client's refresh token goes. Design §5.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RefreshDelivery {
    /// A cookie for browser clients on this site, the body for all that run outside a browser.
    #[default]
    Auto,
    /// Always the cookie.
    Cookie,
    /// Always the body; not for browser clients.
    Body,
}

/// Which algorithm signs a client's ID tokens. OpenID Registration §2 `id_token_signed_response_alg`; TK-11, TK-12.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum IdTokenAlgorithm {
    /// ECDSA on P-256, the default of this server.
    #[default]
    ES256,
    /// RSA PKCS#1 v1.5, for clients that know nothing else.
    RS256,
    /// Ed25519, by the name that clients know.
    EdDSA,
    /// RSA PSS.
    PS256,
}

impl IdTokenAlgorithm {
    /// All of them; which ones a server has keys for is the operator's choice.
    pub const ALL: [Self; 4] = [Self::ES256, Self::RS256, Self::EdDSA, Self::PS256];

    /// Its registered name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ES256 => "ES256",
            Self::RS256 => "RS256",
            Self::EdDSA => "EdDSA",
            Self::PS256 => "PS256",
        }
    }
}

/// A registered app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// Its `client_id`.
    pub id: ClientId,
    /// The name people see, 1 to 100 code points.
    pub name: String,
    /// What kind of app it is.
    pub client_type: ClientType,
    /// Where codes may be sent.
    pub redirect_uris: Vec<RegisteredRedirectUri>,
    /// Where people may be sent after signing out. OpenID RP-Initiated Logout §3.1.
    pub post_logout_redirect_uris: Vec<RegisteredRedirectUri>,
    /// Origins whose scripts may call the token and cookie endpoints for this client. BB-12.
    pub origins: Vec<Origin>,
    /// Scopes it may be given.
    pub scope: Scope,
    /// It belongs to whoever runs this server: no consent page, and `/api/auth/login` is open to it. Design §5.
    pub first_party: bool,
    /// Where its refresh token goes.
    pub refresh_delivery: RefreshDelivery,
    /// What signs its ID tokens.
    pub id_token_alg: IdTokenAlgorithm,
    /// Resources (RFC 8707) it may ask tokens for, the first being its default. Empty: the server's default audience.
    pub resources: Vec<String>,
    /// How it proves who it is.
    pub auth_method: AuthMethod,
    /// The one algorithm of its assertions, if it named one: `token_endpoint_auth_signing_alg`. TE-15.
    pub auth_signing_alg: Option<String>,
    /// Its public keys.
    pub keys: ClientKeys,
    /// Grants it may use.
    pub grant_types: Vec<GrantType>,
    /// Resources it answers for as an API: it may introspect tokens that are for one of them. EP-32.
    pub serves: Vec<String>,
    /// It has to push its authorization requests. RFC 9126 §6; EP-6.
    pub require_pushed_authorization_requests: bool,
    /// Its tokens are always bound to a key. RFC 9449 §5.2; TE-22.
    pub dpop_bound_access_tokens: bool,
    /// Oldest acceptable authentication where a request names none, seconds. OpenID Registration §2.
    pub default_max_age: Option<u32>,
    /// `acr_values` where a request names none. OpenID Registration §2.
    pub default_acr_values: Vec<String>,
    /// Where it is told that a session ended.
    pub backchannel_logout: Option<BackchannelLogout>,
    /// A confidential client that may leave PKCE out: for old clients and certification suites only. AZ-23.
    pub danger_allow_missing_pkce: bool,
    /// What it shows people.
    pub links: ClientLinks,
    /// Who registered it.
    pub registrar: Registrar,
    /// A disabled client is treated like an unknown one.
    pub enabled: bool,
}

impl Client {
    /// An enabled client of this type, with nothing but what follows from the type; its name is its id.
    #[must_use]
    pub fn new(id: ClientId, client_type: ClientType) -> Self {
        Self {
            name: id.to_string(),
            id,
            client_type,
            redirect_uris: Vec::new(),
            post_logout_redirect_uris: Vec::new(),
            origins: Vec::new(),
            scope: Scope::default(),
            first_party: false,
            refresh_delivery: RefreshDelivery::Auto,
            id_token_alg: IdTokenAlgorithm::ES256,
            resources: Vec::new(),
            auth_method: client_type.auth_method(),
            auth_signing_alg: None,
            keys: ClientKeys::None,
            grant_types: client_type.grant_types(),
            serves: Vec::new(),
            require_pushed_authorization_requests: false,
            dpop_bound_access_tokens: false,
            default_max_age: None,
            default_acr_values: Vec::new(),
            backchannel_logout: None,
            danger_allow_missing_pkce: false,
            links: ClientLinks::default(),
            registrar: Registrar::Operator,
            enabled: true,
        }
    }

    /// Whether the client proves who it is. OAuth 2.1 §2.1; RG-1: this follows from its authentication method.
    #[must_use]
    pub fn is_confidential(&self) -> bool {
        self.auth_method != AuthMethod::None
    }

    /// Whether the client may use this grant. TE-37.
    #[must_use]
    pub fn may_use(&self, grant: GrantType) -> bool {
        self.grant_types.contains(&grant)
    }

    /// Whether scripts of this origin may speak for the client. BB-12: exact comparison.
    #[must_use]
    pub fn lists_origin(&self, origin: &Origin) -> bool {
        self.origins.contains(origin)
    }

    /// Whether the client may use the code grant.
    #[must_use]
    pub fn may_authorize(&self) -> bool {
        self.may_use(GrantType::AuthorizationCode) && !self.redirect_uris.is_empty()
    }

    /// Whether consent may be remembered: only where the receiver of the redirect is assured. AZ-22.
    #[must_use]
    pub fn remembers_consent(&self) -> bool {
        planted(Fault::Client05)
            || self.client_type != ClientType::Native
                && self.redirect_uris.iter().all(RegisteredRedirectUri::is_assured)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn te33_a_client_id_never_looks_like_a_user_id() {
        for wrong in [
            "",
            "a b",
            "a/b",
            "é",
            "01920000-0000-7000-8000-000000000000",
            "019200000000700080000000000000ff",
            &"a".repeat(65),
        ] {
            assert!(wrong.parse::<ClientId>().is_err(), "{wrong}");
        }
        for right in ["shop-web", "a", "A.b_c~d-1"] {
            assert!(right.parse::<ClientId>().is_ok(), "{right}");
        }
    }
}
