//! `[[clients]]`

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;

use crate::duration::hours;
use crate::problem::{Code, Problem};
use crate::reader::Reader;
use crate::rule::{or, required};

/// An application declared in the file. The server checks the values as it checks those of
/// `brama client add`.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Client {
    /// The `client_id`.
    pub id: String,
    /// `browser`, `web`, `native`, `service` or `device`.
    #[schemars(rename = "type")]
    pub kind: String,
    /// The name people see.
    pub name: String,
    /// Where authorization responses may go. Compared exactly.
    pub redirect_uris: Vec<String>,
    /// Where people may be sent after signing out.
    pub post_logout_redirect_uris: Vec<String>,
    /// The origins whose scripts may call the server. Empty: those of the redirect URIs.
    pub origins: Vec<String>,
    /// The scopes it may ask for. Empty: `openid`, `profile` and `email`, for apps that people sign in to.
    pub scopes: Vec<String>,
    /// The resources (APIs) it may ask access tokens for, the first being its default. Empty: the
    /// server's `tokens.default_audience`.
    pub resources: Vec<String>,
    /// What signs its ID tokens: `ES256` or `RS256`.
    pub id_token_alg: String,
    /// Whether it belongs to the same organisation: no consent page, and `/api/auth/login`.
    pub first_party: bool,
    /// How a refresh token is handed over: `auto`, `cookie` or `body`.
    pub refresh_delivery: String,
    /// The file with the client secret, for methods that have one. The secret itself never stands
    /// in the configuration. After a change of the file the secret before it goes on to count, until
    /// the next change or `brama client rotate ID --retire`.
    #[schemars(with = "Option<String>")]
    pub secret_file: Option<PathBuf>,
    /// How it authenticates (`token_endpoint_auth_method`): `none`, `client_secret` (in the header or
    /// in the body), `client_secret_basic`, `client_secret_post` or `private_key_jwt`. Nothing: what
    /// follows from the type.
    pub auth_method: Option<String>,
    /// The one algorithm of its assertions (`token_endpoint_auth_signing_alg`), for `private_key_jwt`:
    /// `ES256`, `PS256`, `EdDSA` or `RS256`. Nothing: any of them that its keys fit.
    pub auth_signing_alg: Option<String>,
    /// The file with its public keys (`jwks`), a JWK set. Not beside `jwks_uri`.
    #[schemars(with = "Option<String>")]
    pub jwks_file: Option<PathBuf>,
    /// The address of its public keys, https.
    pub jwks_uri: Option<String>,
    /// The grants it may use: `authorization_code`, `refresh_token`, `client_credentials`,
    /// `urn:ietf:params:oauth:grant-type:device_code` or `device_code` for short. Empty: what follows
    /// from the type.
    pub grant_types: Vec<String>,
    /// The resources it answers for as an API: it may introspect tokens that are for one of them.
    pub serves: Vec<String>,
    /// Whether it has to push its authorization requests (RFC 9126).
    pub require_pushed_authorization_requests: bool,
    /// Whether its tokens are always bound to a key (RFC 9449).
    pub dpop_bound_access_tokens: bool,
    /// The oldest sign-in it accepts where a request names none.
    #[schemars(with = "Option<String>")]
    pub default_max_age: Option<Duration>,
    /// The `acr_values` where a request names none.
    pub default_acr_values: Vec<String>,
    /// Where it is told that a session ended (OpenID Back-Channel Logout).
    pub backchannel_logout_uri: Option<String>,
    /// Whether it needs `sid` in logout tokens. It is always there.
    pub backchannel_logout_session_required: bool,
    /// Whether it may leave PKCE out. Only for clients that authenticate and cannot send it, such as
    /// certification suites: without PKCE a stolen code is worth more. The server warns at each start.
    pub danger_allow_missing_pkce: bool,
    /// Its home page, shown to people.
    pub client_uri: Option<String>,
    /// Its logo.
    pub logo_uri: Option<String>,
    /// How it uses what it is told.
    pub policy_uri: Option<String>,
    /// Its terms.
    pub tos_uri: Option<String>,
    /// Who to write to about it.
    pub contacts: Vec<String>,
}

impl Client {
    pub(crate) fn read_all(r: &mut Reader) -> Vec<Self> {
        let clients = r.each("clients", |s| {
            let id = s.read("id", required("shop-web".to_owned()));
            let name = or(id.clone()).described("the `id`");
            Self {
                kind: s.read("type", required("browser".to_owned())),
                name: s.read("name", name),
                redirect_uris: s.read(
                    "redirect_uris",
                    or(Vec::new()).such_as(vec!["https://shop.example.com/callback".to_owned()]),
                ),
                post_logout_redirect_uris: s.read(
                    "post_logout_redirect_uris",
                    or(Vec::new()).such_as(vec!["https://shop.example.com/".to_owned()]),
                ),
                origins: s.read("origins", or(Vec::new()).such_as(vec!["https://shop.example.com".to_owned()])),
                scopes: s.read("scopes", or(Vec::new()).such_as(vec!["openid".to_owned(), "orders:read".to_owned()])),
                resources: s.read("resources", or(Vec::new()).such_as(vec!["https://api.example.com".to_owned()])),
                id_token_alg: s.read("id_token_alg", or("ES256".to_owned())),
                first_party: s.read("first_party", or(false)),
                refresh_delivery: s.read("refresh_delivery", or("auto".to_owned())),
                secret_file: s.read_optional("secret_file", PathBuf::from("/etc/brama/shop.secret")),
                auth_method: s.read_optional("auth_method", "client_secret_basic".to_owned()),
                auth_signing_alg: s.read_optional("auth_signing_alg", "ES256".to_owned()),
                jwks_file: s.read_optional("jwks_file", PathBuf::from("/etc/brama/shop.jwks.json")),
                jwks_uri: s.read_optional("jwks_uri", "https://shop.example.com/jwks.json".to_owned()),
                grant_types: s.read(
                    "grant_types",
                    or(Vec::new()).such_as(vec!["authorization_code".to_owned(), "refresh_token".to_owned()]),
                ),
                serves: s.read("serves", or(Vec::new()).such_as(vec!["https://api.example.com".to_owned()])),
                require_pushed_authorization_requests: s.read("require_pushed_authorization_requests", or(false)),
                dpop_bound_access_tokens: s.read("dpop_bound_access_tokens", or(false)),
                default_max_age: s.read_optional("default_max_age", hours(12)),
                default_acr_values: s
                    .read("default_acr_values", or(Vec::new()).such_as(vec!["urn:brama:acr:2".to_owned()])),
                backchannel_logout_uri: s
                    .read_optional("backchannel_logout_uri", "https://shop.example.com/logout".to_owned()),
                backchannel_logout_session_required: s.read("backchannel_logout_session_required", or(false)),
                danger_allow_missing_pkce: s.read("danger_allow_missing_pkce", or(false)),
                client_uri: s.read_optional("client_uri", "https://shop.example.com".to_owned()),
                logo_uri: s.read_optional("logo_uri", "https://shop.example.com/logo.png".to_owned()),
                policy_uri: s.read_optional("policy_uri", "https://shop.example.com/privacy".to_owned()),
                tos_uri: s.read_optional("tos_uri", "https://shop.example.com/terms".to_owned()),
                contacts: s.read("contacts", or(Vec::new()).such_as(vec!["admin@shop.example.com".to_owned()])),
                id,
            }
        });
        Self::check_ids(&clients, r);
        clients
    }

    fn check_ids(clients: &[Self], r: &mut Reader) {
        let mut seen = BTreeSet::new();
        for (at, client) in clients.iter().enumerate() {
            r.top(|s| {
                let key = format!("clients[{at}].id");
                if s.sound(&[&key]) && !seen.insert(client.id.as_str()) {
                    let problem = Problem::new(Code::Contradiction, format!("two clients have the id `{}`", client.id))
                        .expected("one client for one id")
                        .fix("give one of them another id, or remove it");
                    s.refuse(&[&key], problem);
                }
            });
        }
    }
}
