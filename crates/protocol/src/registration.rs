//! What a client may be: the rules of registration, written once for operators and for apps that register themselves.
//! OAuth 2.1 §2; RFC 7591 §2; OpenID Registration §2; RG-1, RG-2.
//!
//! [`check`] is the consistency of a client, whoever describes it. [`metadata`] reads and writes what goes over the wire
//! of dynamic registration, [`policy`] is what the operator allows there, [`name`] what an app may be called.

pub mod metadata;
pub mod name;
pub mod policy;

use std::fmt;

use serde_json::Value;
use url::{Host, Url};

use crate::client::{AuthMethod, Client, ClientKeys, ClientType, GrantType, RefreshDelivery};
use crate::limits;
use crate::redirect_uri::has_authority;

/// Signature algorithms that a client may announce for its assertions: `token_endpoint_auth_signing_alg`. TE-15, TK-22.
pub const ASSERTION_ALGORITHMS: &[&str] = &["ES256", "PS256", "EdDSA", "Ed25519", "RS256"];

/// A part of a client's description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Its type; over the wire `application_type`.
    Type,
    /// Its name.
    Name,
    /// Where codes may be sent.
    RedirectUris,
    /// Where people may be sent after signing out.
    PostLogoutRedirectUris,
    /// How it authenticates.
    AuthMethod,
    /// The algorithm of its assertions.
    AuthSigningAlg,
    /// Its keys, inline.
    Jwks,
    /// The address of its keys.
    JwksUri,
    /// Its grants.
    GrantTypes,
    /// Its scopes.
    Scope,
    /// Resources it asks tokens for.
    Resources,
    /// Resources it answers for.
    Serves,
    /// Whether it belongs to whoever runs this server.
    FirstParty,
    /// Where its refresh token goes.
    RefreshDelivery,
    /// Whether it has to push its requests.
    RequirePushedAuthorizationRequests,
    /// `acr_values` where a request names none.
    DefaultAcrValues,
    /// Where it is told that a session ended.
    BackchannelLogoutUri,
    /// Whether it may leave PKCE out.
    DangerAllowMissingPkce,
    /// Its home page.
    ClientUri,
    /// Its logo.
    LogoUri,
    /// Its policy.
    PolicyUri,
    /// Its terms.
    TosUri,
    /// Who to write to.
    Contacts,
}

impl Part {
    /// The member of RFC 7591 and its neighbours that says it.
    #[must_use]
    pub fn member(self) -> &'static str {
        match self {
            Self::Type => "application_type",
            Self::Name => "client_name",
            Self::RedirectUris => "redirect_uris",
            Self::PostLogoutRedirectUris => "post_logout_redirect_uris",
            Self::AuthMethod => "token_endpoint_auth_method",
            Self::AuthSigningAlg => "token_endpoint_auth_signing_alg",
            Self::Jwks => "jwks",
            Self::JwksUri => "jwks_uri",
            Self::GrantTypes => "grant_types",
            Self::Scope => "scope",
            Self::Resources => "resources",
            Self::Serves => "serves",
            Self::FirstParty => "first_party",
            Self::RefreshDelivery => "refresh_delivery",
            Self::RequirePushedAuthorizationRequests => "require_pushed_authorization_requests",
            Self::DefaultAcrValues => "default_acr_values",
            Self::BackchannelLogoutUri => "backchannel_logout_uri",
            Self::DangerAllowMissingPkce => "danger_allow_missing_pkce",
            Self::ClientUri => "client_uri",
            Self::LogoUri => "logo_uri",
            Self::PolicyUri => "policy_uri",
            Self::TosUri => "tos_uri",
            Self::Contacts => "contacts",
        }
    }
}

/// Why a client cannot be registered as it is described.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inconsistent {
    /// The part that has to change.
    pub part: Part,
    /// What is wrong with it.
    pub what: String,
    /// What to do instead.
    pub fix: String,
}

impl fmt::Display for Inconsistent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.part.member(), self.what, self.fix)
    }
}

impl std::error::Error for Inconsistent {}

/// A refusal of a part.
pub(crate) fn wrong(part: Part, what: impl Into<String>, fix: impl Into<String>) -> Inconsistent {
    Inconsistent { part, what: what.into(), fix: fix.into() }
}

/// A client whose parts fit each other. Only [`check`] makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consistent(Client);

impl Consistent {
    /// The client.
    #[must_use]
    pub fn into_client(self) -> Client {
        self.0
    }

    /// The client.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.0
    }
}

/// Check that the parts of a client fit each other. RG-1, RG-2. Whether the numbers of inline keys make sound keys is left
/// to whoever can read them.
///
/// # Errors
/// The first part that does not fit.
pub fn check(client: Client) -> Result<Consistent, Inconsistent> {
    name::check(&client.name).map_err(|what| wrong(Part::Name, what, "choose another name"))?;
    grants(&client)?;
    authentication(&client)?;
    kind(&client)?;
    for (part, uris) in [(Part::Resources, &client.resources), (Part::Serves, &client.serves)] {
        for uri in uris {
            resource(part, uri)?;
        }
    }
    if !client.serves.is_empty() && !client.is_confidential() {
        let fix = "give it a secret or keys, or leave `serves` out";
        return Err(wrong(Part::Serves, "an API asks about tokens only after it has authenticated", fix));
    }
    for value in &client.default_acr_values {
        let fits = (1..=200).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_graphic());
        if !fits {
            return Err(wrong(Part::DefaultAcrValues, format!("{value:?} is no acr value"), "write one name for each"));
        }
    }
    if let Some(logout) = &client.backchannel_logout {
        server_address(Part::BackchannelLogoutUri, &logout.uri)?;
    }
    links(&client)?;
    Ok(Consistent(client))
}

/// RG-2: every grant has what it needs, and nothing is there that no grant uses.
fn grants(client: &Client) -> Result<(), Inconsistent> {
    let has = |grant| client.may_use(grant);
    if client.grant_types.is_empty() {
        return Err(wrong(Part::GrantTypes, "there is none", "name one, such as authorization_code"));
    }
    let code = has(GrantType::AuthorizationCode);
    if has(GrantType::RefreshToken) && !code && !has(GrantType::DeviceCode) {
        let fix = "add authorization_code or the device grant, or remove refresh_token";
        return Err(wrong(Part::GrantTypes, "refresh_token goes on from a grant that people give", fix));
    }
    if code && client.redirect_uris.is_empty() {
        let fix = "add --redirect-uri https://app.example.com/callback";
        return Err(wrong(Part::RedirectUris, "there is none, and the authorization code grant needs one", fix));
    }
    if !code && !client.redirect_uris.is_empty() {
        let fix = "remove it, or add the grant authorization_code";
        return Err(wrong(Part::RedirectUris, "without the authorization code grant nothing is sent there", fix));
    }
    if has(GrantType::ClientCredentials) && client.auth_method == AuthMethod::None {
        let fix = "give it a secret or keys, or remove client_credentials";
        return Err(wrong(Part::GrantTypes, "client_credentials is for clients that authenticate", fix));
    }
    if client.require_pushed_authorization_requests && !code {
        let fix = "leave it out, or add the grant authorization_code";
        return Err(wrong(Part::RequirePushedAuthorizationRequests, "it sends no authorization requests", fix));
    }
    if client.danger_allow_missing_pkce && !(code && client.is_confidential()) {
        let fix = "leave it out: a client without a secret or keys has nothing else that protects its codes";
        let what = "only a client that authenticates, with the authorization code grant, may leave PKCE out";
        return Err(wrong(Part::DangerAllowMissingPkce, what, fix));
    }
    Ok(())
}

/// TE-3, TE-15, RG-2: the way of authentication and its keys.
fn authentication(client: &Client) -> Result<(), Inconsistent> {
    match &client.keys {
        ClientKeys::None if client.auth_method == AuthMethod::PrivateKeyJwt => {
            let fix = "name a file with a JWK set (--jwks), or an address (--jwks-uri)";
            return Err(wrong(Part::Jwks, "private_key_jwt needs the public keys of the client", fix));
        }
        ClientKeys::None => {}
        ClientKeys::Jwks(text) => key_set(text)?,
        ClientKeys::JwksUri(uri) => server_address(Part::JwksUri, uri)?,
    }
    match &client.auth_signing_alg {
        Some(_) if client.auth_method != AuthMethod::PrivateKeyJwt => {
            let fix = "leave it out, or use private_key_jwt";
            Err(wrong(Part::AuthSigningAlg, "only private_key_jwt signs something", fix))
        }
        Some(algorithm) if !ASSERTION_ALGORITHMS.contains(&algorithm.as_str()) => {
            let fix = format!("use one of {}", ASSERTION_ALGORITHMS.join(", "));
            Err(wrong(Part::AuthSigningAlg, format!("{algorithm:?} is not offered"), fix))
        }
        _ => Ok(()),
    }
}

/// What follows from the type.
fn kind(client: &Client) -> Result<(), Inconsistent> {
    match client.client_type {
        ClientType::Browser if client.is_confidential() => {
            let fix = "use `none`, or the type `web` if a server holds the secret";
            return Err(wrong(Part::AuthMethod, "whatever is in a browser is no secret", fix));
        }
        ClientType::Browser if client.refresh_delivery == RefreshDelivery::Body => {
            let fix = "use auto: scripts could read a token in the body";
            return Err(wrong(Part::RefreshDelivery, "a browser client gets its refresh token in a cookie", fix));
        }
        ClientType::Service if client.may_authorize() || client.first_party => {
            let what = "a service signs nobody in: it has no redirect URI and no first-party sign-in";
            return Err(wrong(Part::Type, what, "use web"));
        }
        ClientType::Service if client.auth_method == AuthMethod::None => {
            return Err(wrong(Part::AuthMethod, "a service has to authenticate", "give it a secret or keys"));
        }
        _ => {}
    }
    if client.first_party && !client.may_authorize() {
        let fix = "leave it out, or add the grant authorization_code and a redirect URI";
        return Err(wrong(Part::FirstParty, "nobody signs in to it in a browser", fix));
    }
    Ok(())
}

/// `jwks` or `jwks_uri`, never both. RFC 7591 §2; RG-2.
///
/// # Errors
/// Both were given.
pub fn keys(jwks: Option<String>, jwks_uri: Option<String>) -> Result<ClientKeys, Inconsistent> {
    match (jwks, jwks_uri) {
        (None, None) => Ok(ClientKeys::None),
        (Some(jwks), None) => Ok(ClientKeys::Jwks(jwks)),
        (None, Some(uri)) => Ok(ClientKeys::JwksUri(uri)),
        (Some(_), Some(_)) => {
            Err(wrong(Part::JwksUri, "jwks and jwks_uri exclude each other", "leave one of them out"))
        }
    }
}

/// A JWK set of public keys. RFC 7517 §5; TK-20: a private member never gets as far as the database.
fn key_set(text: &str) -> Result<(), Inconsistent> {
    let refuse = |what: &str| Err(wrong(Part::Jwks, what, "give a JWK set: {\"keys\": [ … ]} with public keys only"));
    if text.len() > limits::CLIENT_JWKS_BYTES {
        return refuse("the key set is longer than 64 KiB");
    }
    let Ok(Value::Object(set)) = serde_json::from_str::<Value>(text) else { return refuse("it is no JSON object") };
    let Some(keys) = set.get("keys").and_then(Value::as_array) else { return refuse("it has no list `keys`") };
    if keys.is_empty() || keys.len() > limits::CLIENT_KEYS {
        return refuse("a key set has 1 to 20 keys");
    }
    for key in keys {
        let Some(key) = key.as_object() else { return refuse("a key is no JSON object") };
        if ["d", "p", "q", "dp", "dq", "qi", "oth", "k"].iter().any(|private| key.contains_key(*private)) {
            return refuse("a key has private or symmetric members; whoever saw it can sign as the client");
        }
        if !key.get("kty").is_some_and(Value::is_string) {
            return refuse("a key has no `kty`");
        }
    }
    Ok(())
}

/// The address of a resource. RFC 8707 §2.
fn resource(part: Part, text: &str) -> Result<(), Inconsistent> {
    let absolute = Url::parse(text).is_ok_and(|url| url.fragment().is_none() && url.has_host());
    if absolute && text.len() <= limits::REDIRECT_URI_BYTES {
        return Ok(());
    }
    let fix = "write the address of the API, such as https://api.example.com";
    Err(wrong(part, format!("{text:?} is no absolute URI"), fix))
}

/// An address that this server asks: https, without fragment and user name; plain http only for this machine, which the
/// guarded fetcher asks only where the operator said so. G-1, LO-13, RG-24.
fn server_address(part: Part, text: &str) -> Result<(), Inconsistent> {
    let fits = is_clean(text)
        && Url::parse(text).is_ok_and(|url| {
            let here = url.scheme() == "http" && is_this_machine(&url);
            (url.scheme() == "https" || here) && is_plain(&url, text)
        });
    if fits {
        return Ok(());
    }
    let fix = "write an https address without a fragment, such as https://app.example.com/path";
    Err(wrong(part, format!("{text:?} is no address that this server asks"), fix))
}

/// RG-15, REDIR-08: whatever scheme a link has, a person may click it.
fn links(client: &Client) -> Result<(), Inconsistent> {
    let links = &client.links;
    for (part, link) in [
        (Part::ClientUri, &links.client_uri),
        (Part::LogoUri, &links.logo_uri),
        (Part::PolicyUri, &links.policy_uri),
        (Part::TosUri, &links.tos_uri),
    ] {
        let Some(text) = link else { continue };
        let fits = is_clean(text) && Url::parse(text).is_ok_and(|url| url.scheme() == "https" && is_plain(&url, text));
        if !fits {
            let fix = "write an https address, such as https://app.example.com/terms";
            return Err(wrong(part, format!("{text:?} is no link for people"), fix));
        }
    }
    let strange =
        |contact: &String| contact.is_empty() || contact.len() > limits::EMAIL_BYTES || name::is_strange(contact);
    if links.contacts.len() > 10 || links.contacts.iter().any(strange) {
        return Err(wrong(
            Part::Contacts,
            "a contact is too long, empty, or one of too many",
            "name at most ten addresses",
        ));
    }
    Ok(())
}

/// Printable ASCII of a bearable length: nothing that a parser would quietly remove. REDIR-08.
fn is_clean(text: &str) -> bool {
    text.len() <= limits::REDIRECT_URI_BYTES && text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\')
}

fn is_plain(url: &Url, text: &str) -> bool {
    url.has_host()
        && has_authority(text, url)
        && url.username().is_empty()
        && url.password().is_none()
        && !text.contains('#')
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests;
