//! Promise X4: every start-up failure says what, where, why, how to fix it, and has a code.
//! One bad configuration for each key.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use brama_config::{Code, Problem, Profile, Sources, json_schema, load};

/// Loads `text` as a production file.
fn problems(text: &str) -> Vec<Problem> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("brama.toml");
    fs::write(&path, text).unwrap();
    let sources = Sources { file: Some(path), env: BTreeMap::new(), flags: Vec::new(), profile: Profile::Production };
    load(sources).err().unwrap_or_default()
}

/// Key, bad value, code, part of what is expected, fix.
type Case = (&'static str, &'static str, Code, &'static str, &'static str);

const TEXT: &str = "a text";
const PATH: &str = "a path";
const TIME: &str = "a length of time";
const LIST: &str = "a list";

const CASES: &[Case] = &[
    ("public_url", "\"http://id.example.ua\"", Code::NotUnderstood, "https", "public_url = \"https://id.example.ua\""),
    ("data_dir", "\"\"", Code::NotUnderstood, PATH, "data_dir = \"/var/lib/brama\""),
    (
        "server.listen",
        "\"localhost:8420\"",
        Code::NotUnderstood,
        "an IP address and a port",
        "listen = \"127.0.0.1:8420\"",
    ),
    ("server.trust_proxy", "[\"10.1.2.3/8\"]", Code::NotUnderstood, "a network", "trust_proxy = [\"10.0.0.0/8\"]"),
    ("server.max_connections", "4", Code::OutOfRange, "from 16", "max_connections = 16"),
    ("server.max_connections_per_address", "0", Code::OutOfRange, "from 1", "max_connections_per_address = 1"),
    ("server.keep_alive", "\"0s\"", Code::OutOfRange, "from 1s", "keep_alive = \"1s\""),
    ("server.shutdown_grace", "30", Code::WrongType, TIME, "shutdown_grace = \"30s\""),
    (
        "database.url",
        "\"mysql://brama:geheim@db/brama\"",
        Code::NotUnderstood,
        "sqlite:",
        "url = \"sqlite:/var/lib/brama/brama.db\"",
    ),
    ("database.group_commit_max", "0", Code::OutOfRange, "from 1 to 8192", "group_commit_max = 1"),
    ("database.readers", "\"4\"", Code::WrongType, "a whole number", "readers = 4"),
    ("database.pool_max", "1", Code::OutOfRange, "from 4 to 256", "pool_max = 4"),
    ("database.connect_timeout", "\"0s\"", Code::OutOfRange, TIME, "connect_timeout = \"1s\""),
    ("database.acquire_timeout", "\"2m\"", Code::OutOfRange, TIME, "acquire_timeout = \"1m\""),
    ("database.statement_timeout", "5", Code::WrongType, TIME, "statement_timeout = \"5s\""),
    ("database.ca_file", "1", Code::WrongType, PATH, "ca_file = \"/etc/ssl/certs/database-ca.pem\""),
    ("secrets.key_file", "true", Code::WrongType, PATH, "key_file = \"/var/lib/brama/master.key\""),
    (
        "tokens.signing_algorithms",
        "[\"HS256\", \"RS256\"]",
        Code::NotUnderstood,
        "ES256",
        "signing_algorithms = [\"ES256\", \"RS256\"]",
    ),
    ("tokens.dpop_nonce", "\"on\"", Code::NotUnderstood, "off", "dpop_nonce = \"off\""),
    ("tokens.key_rotation", "\"1h\"", Code::OutOfRange, "from 1d", "key_rotation = \"1d\""),
    (
        "tokens.access_token_ttl",
        "\"2h\"",
        Code::OutOfRange,
        "from 5s to 1h: an access token cannot be called back",
        "access_token_ttl = \"1h\"",
    ),
    ("tokens.refresh_token_ttl", "\"91d\"", Code::OutOfRange, "to 90d", "refresh_token_ttl = \"90d\""),
    ("tokens.id_token_ttl", "\"1s\"", Code::OutOfRange, "from 5s", "id_token_ttl = \"5s\""),
    ("tokens.authorization_code_ttl", "\"61s\"", Code::OutOfRange, "to 1m", "authorization_code_ttl = \"1m\""),
    ("tokens.refresh_window", "\"11m\"", Code::OutOfRange, "to 10m", "refresh_window = \"10m\""),
    (
        "tokens.default_audience",
        "\"/api\"",
        Code::NotUnderstood,
        "an absolute URI",
        "default_audience = \"https://id.example.ua/api\"",
    ),
    ("sessions.absolute", "\"31d\"", Code::OutOfRange, "to 30d", "absolute = \"30d\""),
    ("sessions.idle", "\"8d\"", Code::Contradiction, "at most 7d", "idle = \"7d\""),
    ("sessions.remember_absolute", "\"31d\"", Code::OutOfRange, "NIST", "remember_absolute = \"30d\""),
    ("sessions.remember_idle", "\"soon\"", Code::NotUnderstood, TIME, "remember_idle = \"14d\""),
    ("sessions.max_per_user", "-1", Code::OutOfRange, "from 1 to 1000", "max_per_user = 50"),
    ("sessions.sign_in_ttl", "\"10m\"", Code::OutOfRange, "half an hour", "sign_in_ttl = \"30m\""),
    ("passwords.min_length", "7", Code::OutOfRange, "from 8 to 64", "min_length = 8"),
    ("passwords.argon2_memory_kib", "1", Code::TooWeak, "19456 with 2", "argon2_memory_kib = 19456"),
    ("passwords.argon2_iterations", "1", Code::TooWeak, "47104 KiB with 1", "argon2_memory_kib = 47104"),
    ("passwords.argon2_parallelism", "0", Code::OutOfRange, "from 1", "argon2_parallelism = 1"),
    ("passwords.hash_threads", "0", Code::OutOfRange, "from 1", "hash_threads = 1"),
    ("passwords.hash_queue", "1.5", Code::WrongType, "a whole number", "hash_queue = "),
    ("passwords.hash_wait", "\"5 minutes\"", Code::OutOfRange, "to 30s", "hash_wait = \"30s\""),
    ("throttle.account_free", "101", Code::OutOfRange, "to 100", "account_free = 100"),
    ("throttle.account_window", "\"1s\"", Code::OutOfRange, "from 1m", "account_window = \"1m\""),
    ("throttle.address_failures", "\"many\"", Code::WrongType, "a whole number", "address_failures = 30"),
    ("throttle.address_window", "\"25h\"", Code::OutOfRange, "to 1d", "address_window = \"1d\""),
    ("throttle.address_requests_per_minute", "0", Code::OutOfRange, "from 1", "address_requests_per_minute = 1"),
    ("throttle.authorize_requests_per_minute", "0", Code::OutOfRange, "from 1", "authorize_requests_per_minute = 1"),
    ("throttle.network_failures", "[]", Code::WrongType, "a whole number", "network_failures = 200"),
    ("throttle.exempt_addresses", "\"10.0.0.1\"", Code::WrongType, LIST, "exempt_addresses = [\"10.0.0.1\"]"),
    (
        "outgoing.allow_addresses",
        "[\"10.1.2.3/8\"]",
        Code::NotUnderstood,
        "a network",
        "allow_addresses = [\"10.0.0.0/8\"]",
    ),
    (
        "outgoing.allow_http",
        "[\"http://keys.internal/\"]",
        Code::NotUnderstood,
        "the name of a host",
        "allow_http = [\"keys.internal\"]",
    ),
    ("outgoing.ca_file", "1", Code::WrongType, PATH, "ca_file = \"/etc/ssl/certs/apps-ca.pem\""),
    (
        "oauth.require_pushed_authorization_requests",
        "1",
        Code::WrongType,
        "true or false",
        "require_pushed_authorization_requests = false",
    ),
    ("registration.mode", "\"opne\"", Code::NotUnderstood, "one of \"closed\"", "mode = \"open\""),
    ("registration.scopes", "\"openid\"", Code::WrongType, LIST, "scopes = [\"openid\"]"),
    (
        "registration.grants",
        "[\"implicit\"]",
        Code::NotUnderstood,
        "client_credentials",
        "grants = [\"authorization_code\", \"refresh_token\"]",
    ),
    ("registration.redirect_hosts", "1", Code::WrongType, LIST, "redirect_hosts = ["),
    ("registration.max_clients", "0", Code::OutOfRange, "from 1", "max_clients = 1"),
    ("registration.unused_client_ttl", "\"1h\"", Code::OutOfRange, "from 1d", "unused_client_ttl = \"1d\""),
    ("registration.per_address_per_hour", "\"ten\"", Code::WrongType, "a whole number", "per_address_per_hour = 30"),
    ("pages.site_name", "\"  \"", Code::NotUnderstood, TEXT, "site_name = \"Brama\""),
    ("pages.default_locale", "\"ua\"", Code::NotUnderstood, "one of \"en\", \"uk\"", "default_locale = \"uk\""),
    (
        "pages.support_url",
        "\"help@example.ua\"",
        Code::NotUnderstood,
        "mailto:",
        "support_url = \"mailto:help@example.ua\"",
    ),
    ("log.format", "\"JSON\"", Code::NotUnderstood, "one of", "format = \"json\""),
    ("log.level", "\"warning\"", Code::NotUnderstood, "one of", "level = \"warn\""),
    ("clients[].id", "5", Code::WrongType, TEXT, "id = \"shop-web\""),
    ("clients[].type", "\"\"", Code::NotUnderstood, TEXT, "type = \"browser\""),
    ("clients[].name", "false", Code::WrongType, TEXT, "name = \"x\""),
    (
        "clients[].redirect_uris",
        "\"https://a.example/cb\"",
        Code::WrongType,
        LIST,
        "redirect_uris = [\"https://a.example/cb\"]",
    ),
    ("clients[].post_logout_redirect_uris", "1", Code::WrongType, LIST, "post_logout_redirect_uris = ["),
    ("clients[].origins", "[1]", Code::WrongType, TEXT, "origins = ["),
    ("clients[].scopes", "\"openid\"", Code::WrongType, LIST, "scopes = ["),
    ("clients[].resources", "1", Code::WrongType, LIST, "resources = ["),
    ("clients[].id_token_alg", "[]", Code::WrongType, TEXT, "id_token_alg = \"ES256\""),
    ("clients[].first_party", "\"true\"", Code::WrongType, "true or false", "first_party = true"),
    ("clients[].refresh_delivery", "[]", Code::WrongType, TEXT, "refresh_delivery = \"auto\""),
    ("clients[].secret_file", "{}", Code::WrongType, PATH, "secret_file = \"/etc/brama/shop.secret\""),
    ("clients[].auth_method", "1", Code::WrongType, TEXT, "auth_method = \"client_secret_basic\""),
    ("clients[].auth_signing_alg", "[]", Code::WrongType, TEXT, "auth_signing_alg = \"ES256\""),
    ("clients[].jwks_file", "true", Code::WrongType, PATH, "jwks_file = \"/etc/brama/shop.jwks.json\""),
    ("clients[].jwks_uri", "\"\"", Code::NotUnderstood, TEXT, "jwks_uri = \"https://shop.example.com/jwks.json\""),
    ("clients[].grant_types", "\"refresh_token\"", Code::WrongType, LIST, "grant_types = [\"refresh_token\"]"),
    ("clients[].serves", "1", Code::WrongType, LIST, "serves = ["),
    (
        "clients[].require_pushed_authorization_requests",
        "1",
        Code::WrongType,
        "true or false",
        "require_pushed_authorization_requests = ",
    ),
    ("clients[].dpop_bound_access_tokens", "\"yes\"", Code::WrongType, "true or false", "dpop_bound_access_tokens = "),
    ("clients[].default_max_age", "60", Code::WrongType, TIME, "default_max_age = \"60s\""),
    ("clients[].default_acr_values", "\"x\"", Code::WrongType, LIST, "default_acr_values = [\"x\"]"),
    (
        "clients[].backchannel_logout_uri",
        "1",
        Code::WrongType,
        TEXT,
        "backchannel_logout_uri = \"https://shop.example.com/logout\"",
    ),
    (
        "clients[].backchannel_logout_session_required",
        "\"true\"",
        Code::WrongType,
        "true or false",
        "backchannel_logout_session_required = true",
    ),
    (
        "clients[].danger_allow_missing_pkce",
        "\"true\"",
        Code::WrongType,
        "true or false",
        "danger_allow_missing_pkce = true",
    ),
    ("clients[].client_uri", "1", Code::WrongType, TEXT, "client_uri = \"https://shop.example.com\""),
    ("clients[].logo_uri", "1", Code::WrongType, TEXT, "logo_uri = \"https://shop.example.com/logo.png\""),
    ("clients[].policy_uri", "1", Code::WrongType, TEXT, "policy_uri = \"https://shop.example.com/privacy\""),
    ("clients[].tos_uri", "1", Code::WrongType, TEXT, "tos_uri = \"https://shop.example.com/terms\""),
    ("clients[].contacts", "\"a@example.com\"", Code::WrongType, LIST, "contacts = [\"a@example.com\"]"),
];

/// A file whose only mistake is `key`, and the line of it.
fn file_with(key: &str, value: &str) -> (String, u32) {
    let own = format!("{} = {value}", key.rsplit_once('.').map_or(key, |(_, name)| name));
    if key == "public_url" {
        return (format!("# one\n{own}\n"), 2);
    }
    let top = "public_url = \"https://id.example.ua\"\n\n";
    match key.rsplit_once('.') {
        None => (format!("{top}{own}\n"), 3),
        Some(("clients[]", name)) => {
            let others: String = [("id", "id = \"x\"\n"), ("type", "type = \"browser\"\n")]
                .iter()
                .filter(|(other, _)| *other != name)
                .map(|(_, line)| *line)
                .collect();
            (format!("{top}[[clients]]\n{own}\n{others}"), 4)
        }
        Some((section, _)) => (format!("{top}[{section}]\n{own}\n"), 4),
    }
}

#[test]
fn x4_every_key_says_what_where_why_and_how_to_fix_it() {
    for (key, value, code, expected, fix) in CASES {
        let (text, line) = file_with(key, value);
        let found = problems(&text);
        let [problem] = found.as_slice() else {
            panic!("{key} = {value}: one problem expected, got {found:#?}");
        };
        assert_eq!(problem.code, *code, "{problem}");
        assert_eq!(problem.line(), Some(line), "{problem}");
        assert_eq!(problem.key.as_deref(), Some(key.replace("[]", "[0]").as_str()), "{problem}");
        assert!(problem.what.contains('`') || *code == Code::TooWeak, "{problem}");
        assert!(problem.got.as_ref().is_some_and(|got| !got.is_empty()), "{problem}");
        assert!(problem.expected.as_ref().is_some_and(|e| e.contains(expected)), "{problem}");
        assert!(problem.fix.starts_with(fix), "{problem}");
        assert!(!problem.to_string().contains("geheim"), "{problem}");
    }
}

/// What a fix says must help. (Two fixes change another key, and one list of items is an example.)
#[test]
fn x4_the_fix_is_accepted() {
    for (key, value, ..) in CASES {
        let (text, _) = file_with(key, value);
        let found = problems(&text);
        let [problem] = found.as_slice() else { panic!("{key}: {found:#?}") };
        let own = format!("{} = {value}\n", key.rsplit_once('.').map_or(*key, |(_, name)| name));
        let fixed = match problem.code {
            Code::TooWeak if *key == "passwords.argon2_iterations" => {
                text.replace(&own, &format!("{own}{}\n", problem.fix))
            }
            _ => text.replace(&own, &format!("{}\n", problem.fix)),
        };
        assert_eq!(problems(&fixed), [], "{key}: {fixed}");
    }
}

#[test]
fn x4_the_table_has_every_key() {
    let schema = json_schema();
    let mut keys = BTreeSet::new();
    for (name, property) in schema["properties"].as_object().unwrap() {
        let listed = property["items"]["properties"].as_object();
        match property["properties"].as_object().or(listed) {
            None => drop(keys.insert(name.clone())),
            Some(inner) => {
                let place = if listed.is_some() { format!("{name}[]") } else { name.clone() };
                keys.extend(inner.keys().map(|key| format!("{place}.{key}")));
            }
        }
    }
    let tested: BTreeSet<String> = CASES.iter().map(|(key, ..)| (*key).to_owned()).collect();
    assert_eq!(tested, keys);
}
