//! Client metadata as they go over the wire. RFC 7591 §2, §3.2.1; OpenID Registration §2; RFC 7592 §2.2; RG-11 to RG-15.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::{Host, Url};

use crate::client::{
    AuthMethod, BackchannelLogout, Client, ClientId, ClientKeys, ClientLinks, ClientType, GrantType, IdTokenAlgorithm,
    RefreshDelivery, Registrar,
};
use crate::error::{
    REGISTRATION_AUTH_METHOD, REGISTRATION_GRANT, REGISTRATION_HOST, REGISTRATION_KEYS, REGISTRATION_METADATA,
    REGISTRATION_NOT_OFFERED, REGISTRATION_REDIRECT_URI, REGISTRATION_SCOPE, REGISTRATION_SHOWN, Refusal, Row,
};
use crate::limits;
use crate::redirect_uri::RegisteredRedirectUri;
use crate::registration::policy::{Mode, Policy};
use crate::registration::{Consistent, Inconsistent, Part, check, keys};
use crate::scope::Scope;

/// What an app says about itself. Members that are not listed here are ignored (RFC 7591 §2), one that comes twice is an
/// error; `null` is absent (RFC 7592 §2.2). It may hold a secret, so it has no `Debug`.
#[derive(Clone, Default, Deserialize)]
pub struct ClientMetadata {
    redirect_uris: Option<Vec<String>>,
    post_logout_redirect_uris: Option<Vec<String>>,
    token_endpoint_auth_method: Option<String>,
    token_endpoint_auth_signing_alg: Option<String>,
    grant_types: Option<Vec<String>>,
    response_types: Option<Vec<String>>,
    application_type: Option<String>,
    client_name: Option<String>,
    client_uri: Option<String>,
    logo_uri: Option<String>,
    policy_uri: Option<String>,
    tos_uri: Option<String>,
    contacts: Option<Vec<String>>,
    scope: Option<String>,
    jwks: Option<Value>,
    jwks_uri: Option<String>,
    subject_type: Option<String>,
    sector_identifier_uri: Option<String>,
    id_token_signed_response_alg: Option<String>,
    id_token_encrypted_response_alg: Option<String>,
    userinfo_signed_response_alg: Option<String>,
    userinfo_encrypted_response_alg: Option<String>,
    introspection_signed_response_alg: Option<String>,
    authorization_signed_response_alg: Option<String>,
    require_signed_request_object: Option<bool>,
    tls_client_certificate_bound_access_tokens: Option<bool>,
    default_max_age: Option<u32>,
    default_acr_values: Option<Vec<String>>,
    backchannel_logout_uri: Option<String>,
    backchannel_logout_session_required: Option<bool>,
    require_pushed_authorization_requests: Option<bool>,
    dpop_bound_access_tokens: Option<bool>,
    // Of an update only. RFC 7592 §2.2.
    client_id: Option<String>,
    client_secret: Option<String>,
    registration_access_token: Option<Value>,
    registration_client_uri: Option<Value>,
    client_secret_expires_at: Option<Value>,
    client_id_issued_at: Option<Value>,
}

/// A client as an app wants it, by all rules but those that look at other clients and other servers.
#[derive(Clone, Debug)]
pub struct Proposed {
    client: Consistent,
    /// Where the redirect URIs have to be listed, if the app names a place. OpenID Registration §5.
    pub sector_identifier_uri: Option<String>,
}

impl Proposed {
    /// The client.
    #[must_use]
    pub fn client(&self) -> &Client {
        self.client.client()
    }

    /// The client.
    #[must_use]
    pub fn into_client(self) -> Client {
        self.client.into_client()
    }

    /// Whether the document at [`Proposed::sector_identifier_uri`] lists every redirect URI. OpenID Registration §5.
    #[must_use]
    pub fn is_listed_in(&self, document: &[u8]) -> bool {
        serde_json::from_slice::<Vec<String>>(document).is_ok_and(|listed| {
            self.client().redirect_uris.iter().all(|uri| listed.iter().any(|one| one == uri.as_str()))
        })
    }
}

/// The members of an update that a first registration does not have. RFC 7592 §2.2; RG-17.
pub struct Update<'a> {
    /// `client_id`, which has to be there.
    pub client_id: Option<&'a str>,
    /// `client_secret`, which has to be the current one if it is there.
    pub client_secret: Option<&'a str>,
    /// Whether there is something that only the server says: tokens, their address, time stamps.
    pub says_too_much: bool,
}

fn refuse<T>(row: &'static Row, detail: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::from(row).with_detail(detail))
}

impl ClientMetadata {
    /// What an update says beyond the metadata.
    #[must_use]
    pub fn update(&self) -> Update<'_> {
        Update {
            client_id: self.client_id.as_deref(),
            client_secret: self.client_secret.as_deref(),
            says_too_much: self.registration_access_token.is_some()
                || self.registration_client_uri.is_some()
                || self.client_secret_expires_at.is_some()
                || self.client_id_issued_at.is_some(),
        }
    }

    /// The client that the metadata describe, with the defaults of RFC 7591 (RG-12), within the policy (RG-10). The same
    /// rules hold for a first registration and for an update. `algorithms`: those that the server signs with.
    ///
    /// # Errors
    /// A row of the registration endpoint.
    pub fn propose(self, id: ClientId, policy: &Policy, algorithms: &[&str]) -> Result<Proposed, Refusal> {
        self.refuse_what_is_not_offered()?;
        let redirect_uris = uris(self.redirect_uris.as_deref())?;
        let native = is_native(self.application_type.as_deref(), &redirect_uris)?;
        let post_logout_redirect_uris = uris(self.post_logout_redirect_uris.as_deref())?;
        for uri in redirect_uris.iter().chain(&post_logout_redirect_uris) {
            if !native {
                only_for_the_web(uri)?;
            }
            if !policy.admits(uri) {
                return refuse(
                    &REGISTRATION_HOST,
                    format!("{:?} is not among registration.redirect_hosts", uri.as_str()),
                );
            }
        }
        let auth_method = auth_method(self.token_endpoint_auth_method.as_deref(), policy)?;
        let grant_types = grants(self.grant_types.as_deref(), policy)?;
        response_types(self.response_types.as_deref(), &grant_types)?;
        let jwks = self.jwks.as_ref().map(Value::to_string);
        let links = ClientLinks {
            client_uri: self.client_uri,
            logo_uri: self.logo_uri,
            policy_uri: self.policy_uri,
            tos_uri: self.tos_uri,
            contacts: self.contacts.unwrap_or_default(),
        };
        let client_type = match (native, auth_method) {
            _ if grant_types == [GrantType::ClientCredentials] => ClientType::Service,
            (true, _) => ClientType::Native,
            (false, AuthMethod::None) => ClientType::Browser,
            (false, _) => ClientType::Web,
        };
        let name = self.client_name.unwrap_or_else(|| nameless(&redirect_uris).unwrap_or_else(|| id.to_string()));
        let mut origins = Vec::new();
        if client_type == ClientType::Browser {
            origins = redirect_uris.iter().filter_map(RegisteredRedirectUri::origin).collect();
            origins.sort();
            origins.dedup();
        }
        let client = Client {
            name,
            origins,
            scope: scope(self.scope.as_deref(), policy)?,
            first_party: false,
            refresh_delivery: RefreshDelivery::Auto,
            id_token_alg: id_token_alg(self.id_token_signed_response_alg.as_deref(), algorithms)?,
            auth_method,
            auth_signing_alg: self.token_endpoint_auth_signing_alg,
            keys: keys(jwks, self.jwks_uri).map_err(inconsistent)?,
            grant_types,
            require_pushed_authorization_requests: self.require_pushed_authorization_requests.unwrap_or(false),
            dpop_bound_access_tokens: self.dpop_bound_access_tokens.unwrap_or(false),
            default_max_age: self.default_max_age,
            default_acr_values: self.default_acr_values.unwrap_or_default(),
            backchannel_logout: self.backchannel_logout_uri.map(|uri| BackchannelLogout {
                uri,
                session_required: self.backchannel_logout_session_required.unwrap_or(false),
            }),
            links: shown(links, &redirect_uris)?,
            registrar: Registrar::Itself,
            redirect_uris,
            post_logout_redirect_uris,
            ..Client::new(id, client_type)
        };
        // Strangers name no server that this one would ask. RG-10, SSRF-03.
        let asked = client.backchannel_logout.is_some() || self.sector_identifier_uri.is_some();
        if policy.mode == Mode::Open && (asked || matches!(client.keys, ClientKeys::JwksUri(_))) {
            let detail = "jwks_uri, sector_identifier_uri and backchannel_logout_uri need an initial access token";
            return refuse(&REGISTRATION_NOT_OFFERED, detail);
        }
        Ok(Proposed { client: check(client).map_err(inconsistent)?, sector_identifier_uri: self.sector_identifier_uri })
    }

    /// What a client cannot do without, and would not get: better told now than met at the first sign-in.
    fn refuse_what_is_not_offered(&self) -> Result<(), Refusal> {
        for (member, value) in [
            ("id_token_encrypted_response_alg", &self.id_token_encrypted_response_alg),
            ("userinfo_signed_response_alg", &self.userinfo_signed_response_alg),
            ("userinfo_encrypted_response_alg", &self.userinfo_encrypted_response_alg),
            ("introspection_signed_response_alg", &self.introspection_signed_response_alg),
            ("authorization_signed_response_alg", &self.authorization_signed_response_alg),
        ] {
            if value.is_some() {
                return refuse(&REGISTRATION_NOT_OFFERED, format!("{member} is not offered"));
            }
        }
        if self.require_signed_request_object == Some(true) {
            return refuse(&REGISTRATION_NOT_OFFERED, "request objects are not offered");
        }
        if self.tls_client_certificate_bound_access_tokens == Some(true) {
            return refuse(&REGISTRATION_NOT_OFFERED, "tokens are not bound to certificates here");
        }
        match self.subject_type.as_deref() {
            None | Some("public") => Ok(()),
            Some(_) => refuse(&REGISTRATION_NOT_OFFERED, "subject_type is public for everybody"),
        }
    }
}

/// Which row a part belongs to.
fn inconsistent(why: Inconsistent) -> Refusal {
    let row = match why.part {
        Part::RedirectUris => &REGISTRATION_REDIRECT_URI,
        Part::AuthMethod | Part::AuthSigningAlg => &REGISTRATION_AUTH_METHOD,
        Part::GrantTypes => &REGISTRATION_GRANT,
        Part::Jwks | Part::JwksUri => &REGISTRATION_KEYS,
        Part::Name | Part::ClientUri | Part::LogoUri | Part::PolicyUri | Part::TosUri | Part::Contacts => {
            &REGISTRATION_SHOWN
        }
        _ => &REGISTRATION_METADATA,
    };
    Refusal::from(row).with_detail(why.to_string())
}

/// The same check as for the operator's own clients. RG-1, AZ-7, AZ-8.
fn uris(texts: Option<&[String]>) -> Result<Vec<RegisteredRedirectUri>, Refusal> {
    let texts = texts.unwrap_or_default();
    if texts.len() > limits::REGISTERED_REDIRECT_URIS {
        return refuse(&REGISTRATION_REDIRECT_URI, "more addresses than an app may have");
    }
    let parse = |text: &String| {
        RegisteredRedirectUri::parse(text)
            .map_err(|why| Refusal::from(&REGISTRATION_REDIRECT_URI).with_detail(format!("{text:?}: {why}")))
    };
    texts.iter().map(parse).collect()
}

/// `application_type`. RG-13: absent, it is `web`, but for an app all of whose addresses are on the person's own machine.
fn is_native(named: Option<&str>, uris: &[RegisteredRedirectUri]) -> Result<bool, Refusal> {
    match named {
        Some("native") => Ok(true),
        Some("web") => Ok(false),
        Some(other) => refuse(&REGISTRATION_METADATA, format!("application_type {other:?} is neither web nor native")),
        None => Ok(!uris.is_empty() && uris.iter().all(|uri| !uri.is_assured())),
    }
}

/// OpenID Registration §2 `application_type`: https, and not at `localhost`. RG-13.
fn only_for_the_web(uri: &RegisteredRedirectUri) -> Result<(), Refusal> {
    let elsewhere = Url::parse(uri.as_str()).is_ok_and(|url| match url.host() {
        Some(Host::Domain(name)) => name != "localhost" && !name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => !address.is_loopback() && !address.is_unspecified(),
        Some(Host::Ipv6(address)) => !address.is_loopback() && !address.is_unspecified(),
        None => false,
    });
    if uri.is_assured() && elsewhere {
        return Ok(());
    }
    refuse(&REGISTRATION_REDIRECT_URI, format!("{:?} is not for application_type web", uri.as_str()))
}

/// RG-10, RG-12. In the open mode an absent method becomes `none`: the client is told so (RFC 7591 §3.2.1).
fn auth_method(named: Option<&str>, policy: &Policy) -> Result<AuthMethod, Refusal> {
    let method = match named {
        None if policy.mode == Mode::Open => AuthMethod::None,
        None | Some("client_secret_basic") => AuthMethod::ClientSecretBasic,
        Some("client_secret_post") => AuthMethod::ClientSecretPost,
        Some("private_key_jwt") => AuthMethod::PrivateKeyJwt,
        Some("none") => AuthMethod::None,
        Some(other) => return refuse(&REGISTRATION_AUTH_METHOD, format!("{other:?} is unknown here")),
    };
    if policy.offers(method) {
        return Ok(method);
    }
    refuse(&REGISTRATION_AUTH_METHOD, format!("{} needs an initial access token", method.as_str()))
}

/// Grants that do not exist here are left out, and the client is told what remained; one that exists and is not allowed is
/// refused. RFC 7591 §3.2.1; RG-12.
fn grants(named: Option<&[String]>, policy: &Policy) -> Result<Vec<GrantType>, Refusal> {
    let Some(named) = named else {
        return if policy.allows(GrantType::AuthorizationCode) {
            Ok(vec![GrantType::AuthorizationCode])
        } else {
            refuse(&REGISTRATION_GRANT, "the default, authorization_code, is not among registration.grants")
        };
    };
    let mut grants = Vec::new();
    for grant in GrantType::ALL {
        if !named.iter().any(|name| name == grant.as_str()) {
            continue;
        }
        if !policy.allows(grant) {
            return refuse(&REGISTRATION_GRANT, format!("{} is not allowed", grant.as_str()));
        }
        grants.push(grant);
    }
    if grants.is_empty() { refuse(&REGISTRATION_GRANT, "none of the grants is offered") } else { Ok(grants) }
}

/// `authorization_code` ⇔ `code`. RFC 7591 §2.1; RG-2. Other response types are left out.
fn response_types(named: Option<&[String]>, grants: &[GrantType]) -> Result<(), Refusal> {
    let code = grants.contains(&GrantType::AuthorizationCode);
    match named {
        None => Ok(()),
        Some(named) if named.iter().any(|name| name == "code") == code => Ok(()),
        Some(_) => {
            refuse(&REGISTRATION_GRANT, "response_types has code exactly when grant_types has authorization_code")
        }
    }
}

/// What may be registered of what was asked; all of it when nothing was asked. RFC 7591 §2 `scope`.
fn scope(named: Option<&str>, policy: &Policy) -> Result<Scope, Refusal> {
    let Some(named) = named.filter(|text| !text.trim().is_empty()) else { return Ok(policy.scopes.clone()) };
    let Ok(asked) = Scope::parse(named) else { return refuse(&REGISTRATION_SCOPE, "the scope is malformed") };
    let allowed = asked.intersection(&policy.scopes);
    if allowed.is_empty() {
        return refuse(&REGISTRATION_SCOPE, format!("none of {asked} is among registration.scopes"));
    }
    Ok(allowed)
}

/// OpenID Registration §2: absent, it is `RS256`, or the first of a server without it.
fn id_token_alg(named: Option<&str>, offered: &[&str]) -> Result<IdTokenAlgorithm, Refusal> {
    let named = named.unwrap_or(match offered {
        [first, ..] if !offered.contains(&"RS256") => first,
        _ => "RS256",
    });
    let found = IdTokenAlgorithm::ALL.into_iter().find(|algorithm| algorithm.as_str() == named);
    found.filter(|algorithm| offered.contains(&algorithm.as_str())).ok_or_else(|| {
        let detail = format!("id_token_signed_response_alg {named:?} is not offered");
        Refusal::from(&REGISTRATION_NOT_OFFERED).with_detail(detail)
    })
}

/// Links at the host of a redirect URI. RG-15: at another host they would lend the app somebody else's face. An app without a
/// host of its own cannot show that a link is its own, so its links are left out.
fn shown(links: ClientLinks, redirect_uris: &[RegisteredRedirectUri]) -> Result<ClientLinks, Refusal> {
    let host = |text: &str| Url::parse(text).ok().and_then(|url| url.host_str().map(ToOwned::to_owned));
    let own: Vec<String> =
        redirect_uris.iter().filter(|uri| uri.is_assured()).filter_map(|uri| host(uri.as_str())).collect();
    let given = [&links.client_uri, &links.logo_uri, &links.policy_uri, &links.tos_uri];
    for link in given.into_iter().flatten() {
        if !link.starts_with("https://") {
            return refuse(&REGISTRATION_SHOWN, format!("{link:?} is not https"));
        }
        if !own.is_empty() && host(link).is_none_or(|host| !own.contains(&host)) {
            return refuse(&REGISTRATION_SHOWN, format!("{link:?} is not at the host of a redirect URI"));
        }
    }
    Ok(if own.is_empty() { ClientLinks { contacts: links.contacts, ..ClientLinks::default() } } else { links })
}

/// What an app without a name is called: the host that people know it by.
fn nameless(redirect_uris: &[RegisteredRedirectUri]) -> Option<String> {
    let url = Url::parse(redirect_uris.iter().find(|uri| uri.is_assured())?.as_str()).ok()?;
    url.host_str().filter(|host| host.len() <= 100).map(ToOwned::to_owned)
}

/// What the server answers: all metadata as finally registered, and how to come back. RFC 7591 §3.2.1; RFC 7592 §3; RG-11.
#[derive(Serialize)]
pub struct ClientInformation<'a> {
    client_id: &'a str,
    client_id_issued_at: i64,
    /// The secret, only in the answer that makes it or that repeats what the client sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<&'a str>,
    /// 0: never. RFC 7591 §3.2.1: there exactly when the client has a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret_expires_at: Option<u8>,
    registration_access_token: &'a str,
    registration_client_uri: String,
    #[serde(flatten)]
    metadata: Registered<'a>,
}

/// The metadata of a client.
#[derive(Serialize)]
struct Registered<'a> {
    client_name: &'a str,
    application_type: &'static str,
    redirect_uris: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    post_logout_redirect_uris: Vec<&'a str>,
    token_endpoint_auth_method: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_endpoint_auth_signing_alg: Option<&'a str>,
    grant_types: Vec<&'static str>,
    response_types: &'static [&'static str],
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwks: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwks_uri: Option<&'a str>,
    subject_type: &'static str,
    id_token_signed_response_alg: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_max_age: Option<u32>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    default_acr_values: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    backchannel_logout_uri: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    backchannel_logout_session_required: Option<bool>,
    require_pushed_authorization_requests: bool,
    dpop_bound_access_tokens: bool,
    #[serde(flatten)]
    links: &'a ClientLinks,
}

/// What goes beside the metadata of an answer.
pub struct Beside<'a> {
    /// The issuer, which all addresses begin with. G-7.
    pub issuer: &'a str,
    /// When the id was given, seconds since 1970.
    pub issued_at: i64,
    /// The secret, if this answer may show it.
    pub secret: Option<&'a str>,
    /// The registration access token.
    pub token: &'a str,
}

impl<'a> ClientInformation<'a> {
    /// The answer about a client.
    #[must_use]
    pub fn of(client: &'a Client, beside: &Beside<'a>) -> Self {
        let texts = |uris: &'a [RegisteredRedirectUri]| uris.iter().map(RegisteredRedirectUri::as_str).collect();
        let (jwks, jwks_uri) = match &client.keys {
            ClientKeys::None => (None, None),
            ClientKeys::Jwks(text) => (serde_json::from_str(text).ok(), None),
            ClientKeys::JwksUri(uri) => (None, Some(uri.as_str())),
        };
        Self {
            client_id: client.id.as_str(),
            client_id_issued_at: beside.issued_at,
            client_secret: beside.secret.filter(|_| client.auth_method.has_secret()),
            client_secret_expires_at: client.auth_method.has_secret().then_some(0),
            registration_access_token: beside.token,
            registration_client_uri: format!("{}/oauth2/register/{}", beside.issuer, client.id),
            metadata: Registered {
                client_name: &client.name,
                application_type: if client.client_type == ClientType::Native { "native" } else { "web" },
                redirect_uris: texts(&client.redirect_uris),
                post_logout_redirect_uris: texts(&client.post_logout_redirect_uris),
                token_endpoint_auth_method: client.auth_method.as_str(),
                token_endpoint_auth_signing_alg: client.auth_signing_alg.as_deref(),
                grant_types: client.grant_types.iter().map(|grant| grant.as_str()).collect(),
                response_types: if client.may_use(GrantType::AuthorizationCode) { &["code"] } else { &[] },
                scope: client.scope.to_string(),
                jwks,
                jwks_uri,
                subject_type: "public",
                id_token_signed_response_alg: client.id_token_alg.as_str(),
                default_max_age: client.default_max_age,
                default_acr_values: &client.default_acr_values,
                backchannel_logout_uri: client.backchannel_logout.as_ref().map(|logout| logout.uri.as_str()),
                backchannel_logout_session_required: client
                    .backchannel_logout
                    .as_ref()
                    .map(|logout| logout.session_required),
                require_pushed_authorization_requests: client.require_pushed_authorization_requests,
                dpop_bound_access_tokens: client.dpop_bound_access_tokens,
                links: &client.links,
            },
        }
    }
}

#[cfg(test)]
mod tests;
