//! `[[clients]]`

use std::collections::BTreeSet;
use std::path::PathBuf;

use schemars::JsonSchema;

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
    /// `browser`, `web`, `native` or `service`.
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
    /// The file with the client secret, for types that have one. The secret itself never stands
    /// in the configuration.
    #[schemars(with = "Option<String>")]
    pub secret_file: Option<PathBuf>,
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
