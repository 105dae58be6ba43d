//! A client as an operator writes it, in a command or in the configuration, and what is wrong with it.

use brama_protocol::client::{Client, ClientId, ClientType, GrantType, IdTokenAlgorithm, RefreshDelivery};
use brama_protocol::origin::Origin;
use brama_protocol::redirect_uri::RegisteredRedirectUri;
use brama_protocol::scope::Scope;

/// The texts.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClientForm {
    pub(crate) id: String,
    pub(crate) name: Option<String>,
    pub(crate) client_type: String,
    pub(crate) redirect_uris: Vec<String>,
    pub(crate) post_logout_redirect_uris: Vec<String>,
    pub(crate) origins: Vec<String>,
    pub(crate) scopes: Vec<String>,
    pub(crate) resources: Vec<String>,
    pub(crate) first_party: bool,
    pub(crate) refresh_delivery: String,
    pub(crate) id_token_alg: String,
}

/// A text that cannot stand.
#[derive(Debug)]
pub(crate) struct Unfit {
    /// Which part of the form.
    pub(crate) field: &'static str,
    /// What is wrong with it.
    pub(crate) what: String,
    /// What to write instead.
    pub(crate) fix: String,
}

fn unfit(field: &'static str, what: impl Into<String>, fix: impl Into<String>) -> Unfit {
    Unfit { field, what: what.into(), fix: fix.into() }
}

impl ClientForm {
    /// The client that it describes.
    ///
    /// # Errors
    /// The first text that cannot stand.
    pub(crate) fn check(self) -> Result<Client, Unfit> {
        let id: ClientId =
            self.id.parse().map_err(|error| unfit("id", format!("{:?}: {error}", self.id), "choose another id"))?;
        let client_type = match self.client_type.as_str() {
            "browser" => ClientType::Browser,
            "web" => ClientType::Web,
            "native" => ClientType::Native,
            "service" => ClientType::Service,
            "device" => ClientType::Device,
            other => {
                return Err(unfit(
                    "type",
                    format!("{other:?} is no client type"),
                    "use browser, web, native, service or device",
                ));
            }
        };
        let refresh_delivery = match self.refresh_delivery.as_str() {
            "" | "auto" => RefreshDelivery::Auto,
            "cookie" => RefreshDelivery::Cookie,
            "body" if client_type == ClientType::Browser => {
                let fix = "use auto: scripts could read a token in the body";
                return Err(unfit("refresh_delivery", "a browser client gets its refresh token in a cookie", fix));
            }
            "body" => RefreshDelivery::Body,
            other => {
                return Err(unfit("refresh_delivery", format!("{other:?} is unknown"), "use auto, cookie or body"));
            }
        };
        let id_token_alg = match self.id_token_alg.as_str() {
            "" | "ES256" => IdTokenAlgorithm::ES256,
            "RS256" => IdTokenAlgorithm::RS256,
            other => return Err(unfit("id_token_alg", format!("{other:?} is not offered"), "use ES256 or RS256")),
        };
        let redirect_uris = uris("redirect_uris", &self.redirect_uris)?;
        if client_type.grant_types().contains(&GrantType::AuthorizationCode) && redirect_uris.is_empty() {
            return Err(unfit("redirect_uris", "there is none", "add --redirect-uri https://app.example.com/callback"));
        }
        if !client_type.has_users() && (!redirect_uris.is_empty() || self.first_party) {
            return Err(unfit(
                "type",
                "a service signs nobody in: it has no redirect URI and no first-party sign-in",
                "use web",
            ));
        }
        let name = self.name.unwrap_or_else(|| id.to_string());
        if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
            return Err(unfit(
                "name",
                "a name has 1 to 100 characters and no control characters",
                "choose another name",
            ));
        }
        Ok(Client {
            origins: origins(&self.origins, &redirect_uris, client_type)?,
            post_logout_redirect_uris: uris("post_logout_redirect_uris", &self.post_logout_redirect_uris)?,
            scope: scope(&self.scopes, client_type)?,
            resources: resources(self.resources)?,
            first_party: self.first_party,
            name,
            redirect_uris,
            refresh_delivery,
            id_token_alg,
            ..Client::new(id, client_type)
        })
    }
}

fn uris(field: &'static str, texts: &[String]) -> Result<Vec<RegisteredRedirectUri>, Unfit> {
    let parse = |text: &String| {
        RegisteredRedirectUri::parse(text).map_err(|error| {
            unfit(field, format!("{text:?} cannot be used: {error}"), "write the exact address the app answers at")
        })
    };
    texts.iter().map(parse).collect()
}

/// Origins default to those of the redirect URIs, for clients whose scripts call us. Design §9.
fn origins(
    texts: &[String],
    redirect_uris: &[RegisteredRedirectUri],
    client_type: ClientType,
) -> Result<Vec<Origin>, Unfit> {
    let parse = |text: &String| {
        Origin::parse(text).ok_or_else(|| {
            let fix = "write scheme, host and port exactly as the browser sends them, such as https://app.example.com";
            unfit("origins", format!("{text:?} is no origin"), fix)
        })
    };
    let mut origins: Vec<Origin> = texts.iter().map(parse).collect::<Result<_, _>>()?;
    if origins.is_empty() && client_type == ClientType::Browser {
        origins = redirect_uris.iter().filter_map(RegisteredRedirectUri::origin).collect();
    }
    origins.sort();
    origins.dedup();
    Ok(origins)
}

/// Scopes default to what OpenID clients ask for.
fn scope(texts: &[String], client_type: ClientType) -> Result<Scope, Unfit> {
    let joined =
        if texts.is_empty() && client_type.has_users() { "openid profile email".to_owned() } else { texts.join(" ") };
    Scope::parse(&joined).map_err(|_| {
        unfit("scopes", format!("{joined:?} is no list of scopes"), "use letters, digits, dots, colons and hyphens")
    })
}

fn resources(texts: Vec<String>) -> Result<Vec<String>, Unfit> {
    for text in &texts {
        let absolute = url::Url::parse(text).is_ok_and(|url| url.fragment().is_none() && url.has_host());
        if !absolute {
            return Err(unfit(
                "resources",
                format!("{text:?} is no absolute URI"),
                "write the address of the API, such as https://api.example.com",
            ));
        }
    }
    Ok(texts)
}
