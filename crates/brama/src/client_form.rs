//! A client as an operator writes it, in a command or in the configuration, and what is wrong with it. The rules themselves
//! are in `protocol/registration`, where apps that register themselves find the same ones; here texts become values. RG-1, RG-4.

use brama_flows::register::usable_keys;
use brama_protocol::client::{
    AuthMethod, BackchannelLogout, Client, ClientId, ClientKeys, ClientLinks, ClientType, GrantType, IdTokenAlgorithm,
    RefreshDelivery,
};
use brama_protocol::origin::Origin;
use brama_protocol::redirect_uri::RegisteredRedirectUri;
use brama_protocol::registration::{self, Inconsistent, Part};
use brama_protocol::scope::Scope;

/// The texts.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClientForm {
    pub(crate) id: String,
    pub(crate) name: Option<String>,
    pub(crate) client_type: String,
    pub(crate) redirect_uris: Vec<String>,
    pub(crate) post_logout_redirect_uris: Vec<String>,
    /// Empty: for a browser app those of its redirect URIs.
    pub(crate) origins: Vec<String>,
    /// Empty: `openid profile email`, where people sign in.
    pub(crate) scopes: Vec<String>,
    pub(crate) resources: Vec<String>,
    pub(crate) first_party: bool,
    pub(crate) refresh_delivery: String,
    pub(crate) id_token_alg: String,
    /// Nothing: what follows from the type.
    pub(crate) auth_method: Option<String>,
    pub(crate) auth_signing_alg: Option<String>,
    /// The key set itself, not its file.
    pub(crate) jwks: Option<String>,
    pub(crate) jwks_uri: Option<String>,
    /// Empty: what follows from the type.
    pub(crate) grant_types: Vec<String>,
    pub(crate) serves: Vec<String>,
    pub(crate) require_pushed_authorization_requests: bool,
    pub(crate) dpop_bound_access_tokens: bool,
    /// Seconds.
    pub(crate) default_max_age: Option<u32>,
    pub(crate) default_acr_values: Vec<String>,
    pub(crate) backchannel_logout_uri: Option<String>,
    pub(crate) backchannel_logout_session_required: bool,
    pub(crate) danger_allow_missing_pkce: bool,
    pub(crate) links: ClientLinks,
}

/// A text that cannot stand.
#[derive(Debug)]
pub(crate) struct Unfit {
    /// Which key of `[[clients]]`.
    pub(crate) field: &'static str,
    /// What is wrong with it.
    pub(crate) what: String,
    /// What to write instead.
    pub(crate) fix: String,
}

fn unfit(field: &'static str, what: impl Into<String>, fix: impl Into<String>) -> Unfit {
    Unfit { field, what: what.into(), fix: fix.into() }
}

impl From<Inconsistent> for Unfit {
    fn from(why: Inconsistent) -> Self {
        Self { field: key(why.part), what: why.what, fix: why.fix }
    }
}

/// How `[[clients]]` calls a part; mostly as RFC 7591 does.
fn key(part: Part) -> &'static str {
    match part {
        Part::Type => "type",
        Part::Name => "name",
        Part::AuthMethod => "auth_method",
        Part::AuthSigningAlg => "auth_signing_alg",
        Part::Jwks => "jwks_file",
        Part::Scope => "scopes",
        other => other.member(),
    }
}

impl ClientForm {
    /// The form that describes a client which is there, so that a part of it can be written anew.
    pub(crate) fn of(client: &Client) -> Self {
        let texts = |uris: &[RegisteredRedirectUri]| uris.iter().map(|uri| uri.as_str().to_owned()).collect();
        let (jwks, jwks_uri) = match &client.keys {
            ClientKeys::None => (None, None),
            ClientKeys::Jwks(text) => (Some(text.clone()), None),
            ClientKeys::JwksUri(uri) => (None, Some(uri.clone())),
        };
        let logout = client.backchannel_logout.as_ref();
        let mut form = Self {
            id: client.id.to_string(),
            name: Some(client.name.clone()),
            client_type: client.client_type.as_str().to_owned(),
            redirect_uris: texts(&client.redirect_uris),
            post_logout_redirect_uris: texts(&client.post_logout_redirect_uris),
            origins: client.origins.iter().map(ToString::to_string).collect(),
            scopes: client.scope.iter().map(ToOwned::to_owned).collect(),
            resources: client.resources.clone(),
            first_party: client.first_party,
            refresh_delivery: match client.refresh_delivery {
                RefreshDelivery::Auto => "auto",
                RefreshDelivery::Cookie => "cookie",
                RefreshDelivery::Body => "body",
            }
            .to_owned(),
            id_token_alg: client.id_token_alg.as_str().to_owned(),
            auth_method: Some(client.auth_method.as_str().to_owned()),
            auth_signing_alg: client.auth_signing_alg.clone(),
            jwks,
            jwks_uri,
            grant_types: client.grant_types.iter().map(|grant| grant.as_str().to_owned()).collect(),
            serves: client.serves.clone(),
            require_pushed_authorization_requests: client.require_pushed_authorization_requests,
            dpop_bound_access_tokens: client.dpop_bound_access_tokens,
            default_max_age: client.default_max_age,
            default_acr_values: client.default_acr_values.clone(),
            backchannel_logout_uri: logout.map(|logout| logout.uri.clone()),
            backchannel_logout_session_required: logout.is_some_and(|logout| logout.session_required),
            danger_allow_missing_pkce: client.danger_allow_missing_pkce,
            links: client.links.clone(),
        };
        // Origins that followed from the redirect URIs go on following them.
        if client.origins == derived_origins(&client.redirect_uris, client.client_type) {
            form.origins.clear();
        }
        form
    }

    /// The client that it describes.
    ///
    /// # Errors
    /// The first text that cannot stand.
    pub(crate) fn check(self) -> Result<Client, Unfit> {
        let id: ClientId =
            self.id.parse().map_err(|error| unfit("id", format!("{:?}: {error}", self.id), "choose another id"))?;
        let client_type = client_type(&self.client_type)?;
        let redirect_uris = uris("redirect_uris", &self.redirect_uris)?;
        let keys = registration::keys(self.jwks, self.jwks_uri)?;
        if let ClientKeys::Jwks(text) = &keys {
            let fix = "give a JWK set of public keys: {\"keys\": [ … ]}";
            usable_keys(text).map_err(|why| unfit("jwks_file", why, fix))?;
        }
        let session_required = self.backchannel_logout_session_required;
        let client = Client {
            origins: origins(&self.origins, &redirect_uris, client_type)?,
            post_logout_redirect_uris: uris("post_logout_redirect_uris", &self.post_logout_redirect_uris)?,
            scope: scope(&self.scopes, client_type)?,
            resources: self.resources,
            first_party: self.first_party,
            name: self.name.unwrap_or_else(|| id.to_string()),
            redirect_uris,
            refresh_delivery: refresh_delivery(&self.refresh_delivery)?,
            id_token_alg: id_token_alg(&self.id_token_alg)?,
            auth_method: match self.auth_method {
                None => client_type.auth_method(),
                Some(text) => auth_method(&text)?,
            },
            auth_signing_alg: self.auth_signing_alg,
            keys,
            grant_types: grant_types(&self.grant_types, client_type)?,
            serves: self.serves,
            require_pushed_authorization_requests: self.require_pushed_authorization_requests,
            dpop_bound_access_tokens: self.dpop_bound_access_tokens,
            default_max_age: self.default_max_age,
            default_acr_values: self.default_acr_values,
            backchannel_logout: self.backchannel_logout_uri.map(|uri| BackchannelLogout { uri, session_required }),
            danger_allow_missing_pkce: self.danger_allow_missing_pkce,
            links: self.links,
            ..Client::new(id, client_type)
        };
        Ok(registration::check(client)?.into_client())
    }
}

fn client_type(text: &str) -> Result<ClientType, Unfit> {
    match text {
        "browser" => Ok(ClientType::Browser),
        "web" => Ok(ClientType::Web),
        "native" => Ok(ClientType::Native),
        "service" => Ok(ClientType::Service),
        "device" => Ok(ClientType::Device),
        other => {
            let fix = "use browser, web, native, service or device";
            Err(unfit("type", format!("{other:?} is no client type"), fix))
        }
    }
}

fn auth_method(text: &str) -> Result<AuthMethod, Unfit> {
    let all = [
        AuthMethod::None,
        AuthMethod::ClientSecret,
        AuthMethod::ClientSecretBasic,
        AuthMethod::ClientSecretPost,
        AuthMethod::PrivateKeyJwt,
    ];
    all.into_iter().find(|method| method.as_str() == text).ok_or_else(|| {
        let fix = format!("use {}", all.map(AuthMethod::as_str).join(", "));
        unfit("auth_method", format!("{text:?} is not offered"), fix)
    })
}

fn refresh_delivery(text: &str) -> Result<RefreshDelivery, Unfit> {
    match text {
        "" | "auto" => Ok(RefreshDelivery::Auto),
        "cookie" => Ok(RefreshDelivery::Cookie),
        "body" => Ok(RefreshDelivery::Body),
        other => Err(unfit("refresh_delivery", format!("{other:?} is unknown"), "use auto, cookie or body")),
    }
}

fn id_token_alg(text: &str) -> Result<IdTokenAlgorithm, Unfit> {
    if text.is_empty() {
        return Ok(IdTokenAlgorithm::default());
    }
    IdTokenAlgorithm::ALL.into_iter().find(|algorithm| algorithm.as_str() == text).ok_or_else(|| {
        let fix = format!("use {}", IdTokenAlgorithm::ALL.map(IdTokenAlgorithm::as_str).join(", "));
        unfit("id_token_alg", format!("{text:?} is not offered"), fix)
    })
}

/// Grants in the order of metadata, each once; `device_code` for short.
fn grant_types(texts: &[String], client_type: ClientType) -> Result<Vec<GrantType>, Unfit> {
    if texts.is_empty() {
        return Ok(client_type.grant_types());
    }
    let named = |grant: GrantType, text: &String| {
        text == grant.as_str() || (grant == GrantType::DeviceCode && text == "device_code")
    };
    for text in texts {
        if !GrantType::ALL.into_iter().any(|grant| named(grant, text)) {
            let fix = "use authorization_code, refresh_token, client_credentials or device_code";
            return Err(unfit("grant_types", format!("{text:?} is no grant of this server"), fix));
        }
    }
    Ok(GrantType::ALL.into_iter().filter(|grant| texts.iter().any(|text| named(*grant, text))).collect())
}

fn uris(field: &'static str, texts: &[String]) -> Result<Vec<RegisteredRedirectUri>, Unfit> {
    let parse = |text: &String| {
        RegisteredRedirectUri::parse(text).map_err(|error| {
            unfit(field, format!("{text:?} cannot be used: {error}"), "write the exact address the app answers at")
        })
    };
    texts.iter().map(parse).collect()
}

/// Origins of redirect URIs, for clients whose scripts call us. Design §9.
fn derived_origins(redirect_uris: &[RegisteredRedirectUri], client_type: ClientType) -> Vec<Origin> {
    if client_type != ClientType::Browser {
        return Vec::new();
    }
    in_order(redirect_uris.iter().filter_map(RegisteredRedirectUri::origin).collect())
}

fn in_order(mut origins: Vec<Origin>) -> Vec<Origin> {
    origins.sort();
    origins.dedup();
    origins
}

fn origins(
    texts: &[String],
    redirect_uris: &[RegisteredRedirectUri],
    client_type: ClientType,
) -> Result<Vec<Origin>, Unfit> {
    if texts.is_empty() {
        return Ok(derived_origins(redirect_uris, client_type));
    }
    let parse = |text: &String| {
        Origin::parse(text).ok_or_else(|| {
            let fix = "write scheme, host and port exactly as the browser sends them, such as https://app.example.com";
            unfit("origins", format!("{text:?} is no origin"), fix)
        })
    };
    Ok(in_order(texts.iter().map(parse).collect::<Result<_, _>>()?))
}

/// Scopes default to what OpenID clients ask for.
fn scope(texts: &[String], client_type: ClientType) -> Result<Scope, Unfit> {
    let joined =
        if texts.is_empty() && client_type.has_users() { "openid profile email".to_owned() } else { texts.join(" ") };
    Scope::parse(&joined).map_err(|_| {
        unfit("scopes", format!("{joined:?} is no list of scopes"), "use letters, digits, dots, colons and hyphens")
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn form(client_type: &str) -> ClientForm {
        ClientForm {
            id: "app".to_owned(),
            client_type: client_type.to_owned(),
            redirect_uris: vec!["https://app.example.com/cb".to_owned()],
            ..ClientForm::default()
        }
    }

    #[test]
    fn a_form_of_a_client_describes_that_client() {
        let rich = ClientForm {
            name: Some("Крамниця".to_owned()),
            scopes: vec!["openid".to_owned(), "orders:read".to_owned()],
            auth_method: Some("private_key_jwt".to_owned()),
            auth_signing_alg: Some("ES256".to_owned()),
            jwks_uri: Some("https://app.example.com/jwks".to_owned()),
            grant_types: vec!["client_credentials".to_owned(), "authorization_code".to_owned()],
            serves: vec!["https://api.example.com".to_owned()],
            default_max_age: Some(60),
            backchannel_logout_uri: Some("https://app.example.com/out".to_owned()),
            backchannel_logout_session_required: true,
            danger_allow_missing_pkce: true,
            id_token_alg: "RS256".to_owned(),
            ..form("web")
        };
        for form in [form("browser"), form("web"), form("native"), rich] {
            let client = form.check().unwrap();
            assert_eq!(ClientForm::of(&client).check().unwrap(), client);
        }
    }

    #[test]
    fn design9_origins_follow_the_redirect_uris_unless_they_are_named() {
        let mut again = ClientForm::of(&form("browser").check().unwrap());
        again.redirect_uris.push("https://other.example.com/cb".to_owned());
        assert_eq!(again.check().unwrap().origins.len(), 2);
        let named = ClientForm { origins: vec!["https://pages.example.com".to_owned()], ..form("browser") };
        let mut again = ClientForm::of(&named.check().unwrap());
        again.redirect_uris.push("https://other.example.com/cb".to_owned());
        assert_eq!(again.check().unwrap().origins.len(), 1);
    }

    #[test]
    fn rg3_an_id_never_looks_like_a_url() {
        for id in ["https://app.example.com/id", "https:app", "http://x", "01920000-0000-7000-8000-000000000000", ""] {
            assert_eq!(ClientForm { id: id.to_owned(), ..form("web") }.check().unwrap_err().field, "id", "{id}");
        }
    }
}
