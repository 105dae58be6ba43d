//! REDIR: the way back is compared byte by byte with the registration, before anything else.

pub(super) mod everywhere;
mod registration;

use std::collections::BTreeSet;

use brama_protocol::client::{Client, ClientType};
use brama_protocol::redirect_uri::RegisteredRedirectUri;
use brama_protocol::registration::policy::Mode;
use brama_testkit::{Browser, RelyingParty, Reply, Storage, TestServer, rows, seeds};
use serde_json::json;

use crate::oauth2::register;

const APP: &str = "https://app.example/cb";

/// The types of clients. A new one does not compile before it is listed.
pub(super) const TYPES: [ClientType; 5] = {
    const fn listed(client_type: ClientType) -> ClientType {
        match client_type {
            ClientType::Browser | ClientType::Web | ClientType::Native | ClientType::Service | ClientType::Device => {
                client_type
            }
        }
    }
    [
        listed(ClientType::Browser),
        listed(ClientType::Web),
        listed(ClientType::Native),
        listed(ClientType::Service),
        listed(ClientType::Device),
    ]
};

/// An app that may be answered at these addresses.
pub(super) async fn registered(server: &TestServer, id: &str, client_type: ClientType, uris: &[&str]) -> RelyingParty {
    let redirect_uris = uris.iter().map(|uri| RegisteredRedirectUri::parse(uri).unwrap()).collect();
    let client = Client { redirect_uris, ..seeds::client(id, client_type) };
    let secret = client.auth_method.has_secret().then(|| seeds::secret(id));
    seeds::put_client(server, client).await;
    RelyingParty { client_id: id.to_owned(), secret, redirect_uri: uris[0].to_owned(), ..RelyingParty::shop() }
}

/// A page of ours says no. That it leads nowhere else is checked for every answer.
pub(super) fn assert_on_page(reply: &Reply, why: &str) {
    assert_eq!(reply.status, 400, "{why}: {reply}");
    assert!(reply.header("content-type").is_some_and(|kind| kind.starts_with("text/html")), "{why}: {reply}");
}

/// None of these addresses is redirected to, and no request for one is kept.
async fn assert_refused(server: &TestServer, app: &RelyingParty, uris: &[&str]) {
    let before = rows::dump(server).remove("authorization");
    for uri in uris {
        let reply = Browser::new(server).step(None, &app.authorize_url(&[("redirect_uri", uri)])).await;
        assert_on_page(&reply, uri);
        assert_eq!(reply.set_cookies(), [""; 0], "{uri}: {reply}");
    }
    assert_eq!(rows::dump(server).remove("authorization"), before);
    // The registered one would have been fine.
    let landing = Browser::new(server).visit(&app.authorize_url(&[])).await;
    assert_eq!(landing.page().status, 200);
    assert_ne!(rows::dump(server).remove("authorization"), before);
}

async fn on_disk() -> TestServer {
    TestServer::with(|options| options.storage = Storage::Disk).await
}

/// Another host behind what looks like [`APP`].
const USER_NAMES: &[&str] = &[
    "https://app.example@evil.test/cb",
    "https://app.example:x@evil.test/cb",
    "https://evil.test#@app.example/cb",
    "https://app.example%40evil.test/cb",
    "https://app.example:443@evil.test/cb",
    "https://@app.example/cb",
    "https://app.example@app.example/cb",
];

/// The user name before the `@` was taken for the host.
#[tokio::test]
async fn redir_01_a_user_name_is_no_host() {
    let server = on_disk().await;
    let app = registered(&server, "app", ClientType::Web, &[APP]).await;
    assert_refused(&server, &app, USER_NAMES).await;
}

/// What is neither `http://<base>/cb` nor that with another port, though somebody somewhere took it for one.
fn loopback_mutants(bases: &[&str]) -> BTreeSet<String> {
    let mut mutants: BTreeSet<String> = BTreeSet::new();
    for host in bases {
        for authority in [
            "HOST@evil.test",
            "HOST:80@evil.test",
            "HOST:@evil.test",
            "HOST:80:80@evil.test",
            "user@HOST",
            "user:pw@HOST",
            "@HOST",
            "evil.test#@HOST",
            "evil.test?@HOST",
            "evil.test\\@HOST",
            "HOST\\@evil.test",
            "HOST%40evil.test",
            "HOST.evil.test",
            "HOST.evil.test:80",
            "HOST:80.evil.test",
            "HOST:80:80",
            "HOST:99999",
            "HOST:-1",
            "HOST:+80",
            "HOST:8o",
            "HOST: 80",
            "HOST:",
            "HOST.",
            " HOST",
            "HOST ",
            "HOST\t",
            "HOST,evil.test",
            "evil.HOST",
        ] {
            mutants.insert(format!("http://{}/cb", authority.replace("HOST", host)));
        }
        for form in
            ["https://HOST/cb", "HTTP://HOST/cb", "//HOST/cb", "http:HOST/cb", "http:///HOST/cb", "http:/HOST/cb"]
        {
            mutants.insert(form.replace("HOST", host));
        }
    }
    for host in [
        "127.1",
        "127.0.1",
        "0x7f000001",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "2130706433",
        "127.0.0.01",
        "127.0.0.2",
        "0.0.0.0",
        "0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[0:0:0:0:0:0:0:1]",
        "[::1%25lo]",
        "[127.0.0.1]",
        "LOCALHOST",
        "localhost.localdomain",
        "ip6-localhost",
        "loopback",
        "①②⑦.0.0.1",
        "ⓛocalhost",
    ] {
        mutants.insert(format!("http://{host}/cb"));
    }
    mutants
}

/// `http://localhost:80@evil.test` passed for a loopback address with another port.
#[tokio::test]
async fn redir_02_of_a_loopback_address_the_port_may_differ_and_nothing_else() {
    let server = on_disk().await;
    let bases = ["127.0.0.1", "localhost"];
    let uris = bases.map(|host| format!("http://{host}/cb"));
    let uris: Vec<&str> = uris.iter().map(String::as_str).collect();
    let app = registered(&server, "cli-2", ClientType::Native, &uris).await;
    let mutants = loopback_mutants(&bases);
    let mutants: Vec<&str> = mutants.iter().map(String::as_str).collect();
    assert!(mutants.len() >= 80);
    assert_refused(&server, &app, &mutants).await;
    for uri in ["http://127.0.0.1:1/cb", "http://localhost:65535/cb"] {
        let landing = Browser::new(&server).visit(&app.authorize_url(&[("redirect_uri", uri)])).await;
        assert_eq!(landing.page().status, 200, "{uri}");
    }
}

/// Addresses in which [`APP`], or its host, occurs.
const CONTAINING: &[&str] = &[
    "https://app.example.evil.test/cb",
    "https://evil.test/?https://app.example/cb",
    "https://evil.test/https://app.example/cb",
    "https://evil.test#https://app.example/cb",
    "https://evilapp.example/cb",
    "https://sub.app.example/cb",
    "https://app.example/cb.evil",
    "https://app.example/cbevil",
    "https://app.example./cb",
    "https://app.example/cb.",
    "https://app.example/cb ",
    " https://app.example/cb",
    "https://app.example/cb\t",
    "https://app.example/\tcb",
    "https://app.example/cb\0",
    "https://app.example\0.evil.test/cb",
    "https://app.example/cb\r\nlocation: https://evil.test",
    "https://app.example/cb\n",
    "https://app.example/cb\u{a0}",
    "https://app.example/cb\u{200b}",
    "https://app。example/cb",
    "https://app.example/cb https://evil.test/",
    "https://app.example/cb,https://evil.test/",
];

/// A host or an address that only contained the registered one passed.
#[tokio::test]
async fn redir_03_what_contains_the_registered_address_is_another_one() {
    let server = on_disk().await;
    let app = registered(&server, "app", ClientType::Web, &[APP]).await;
    assert_refused(&server, &app, CONTAINING).await;
}

/// The exception for loopback addresses left out the query, and even the registration.
#[tokio::test]
async fn redir_05_a_loopback_address_is_for_apps_that_registered_one() {
    let server = on_disk().await;
    let loopback = ["http://127.0.0.1/cb", "http://127.0.0.1:8080/cb", "http://[::1]/cb", "http://localhost/cb"];
    for client_type in [ClientType::Web, ClientType::Browser, ClientType::Native] {
        let app = registered(&server, "app", client_type, &[APP]).await;
        assert_refused(&server, &app, &loopback).await;
    }
    let cli = registered(&server, "cli-5", ClientType::Native, &["http://127.0.0.1/cb"]).await;
    let uris = [
        "http://127.0.0.1/cb?x=1",
        "http://127.0.0.1:80/cb?",
        "http://127.0.0.1:80/cb?x=1",
        "http://127.0.0.1/cb/",
        "http://127.0.0.1/",
        "http://127.0.0.1",
        "http://127.0.0.1:80/other",
        "http://127.0.0.1/cb#x",
    ];
    assert_refused(&server, &cli, &uris).await;
    let with_query = registered(&server, "cli-q", ClientType::Native, &["http://127.0.0.1/cb?x=1"]).await;
    let uris = ["http://127.0.0.1/cb", "http://127.0.0.1:80/cb?x=2", "http://127.0.0.1:80/cb?x=1&y=2"];
    assert_refused(&server, &with_query, &uris).await;
}

/// The same address with one of its dots as another character, for each of them.
fn as_pattern(registered: &str) -> Vec<String> {
    let dots = registered.match_indices('.');
    dots.map(|(at, _)| format!("{}X{}", &registered[..at], &registered[at + 1..])).collect()
}

/// Registered addresses were used as regular expressions.
#[tokio::test]
async fn redir_06_a_registered_address_is_no_pattern() {
    let server = on_disk().await;
    let dotted = registered(&server, "app", ClientType::Web, &["https://foo.example.com/cb"]).await;
    let fitting = ["https://fooXexample.com/cb", "https://foo.exampleXcom/cb"];
    assert_eq!(as_pattern("https://foo.example.com/cb"), fitting);
    assert_refused(&server, &dotted, &fitting).await;
    for pattern in
        [".*", "*", "(?i)", "^https://", "https://*.example.com/cb", "https://app.example/*", "(?i)https://x/"]
    {
        assert!(RegisteredRedirectUri::parse(pattern).is_err(), "{pattern}");
    }
    // What is an address and could be a pattern matches itself alone.
    for literal in ["https://app.example/cb?a=[^x]+(b|c)$", "https://app.example/(?i)cb", "https://app.example/c.?b"] {
        let app = registered(&server, "app", ClientType::Web, &[literal]).await;
        assert_refused(&server, &app, &["https://app.example/cb?a=yb", "https://app.example/CB", APP]).await;
    }
    let server = register::server(Mode::Token).await;
    let token = register::initial(&server, 1).await;
    for pattern in [".*", "*", "(?i)", "https://*.example.net/cb"] {
        let metadata = json!({ "redirect_uris": [pattern] });
        let reply = register::post(&server, &metadata).bearer(&token).send().await;
        let _ = reply.expect_error(400, "invalid_redirect_uri");
    }
}

/// Addresses that are [`APP`], or below it, once somebody resolves them.
const BELOW: &[&str] = &[
    "https://app.example/cb/../evil",
    "https://app.example/cb/%2e%2e/evil",
    "https://app.example/cb/..%2f..%2fevil",
    "https://app.example/cb/.%2e/",
    "https://app.example/cb/..;/evil",
    "https://app.example/cb/..\\evil",
    "https://app.example/cb/below",
    "https://app.example/cb/.",
    "https://app.example/./cb",
    "https://app.example//cb",
    "https://app.example/x/../cb",
    "https://app.example/%63b",
    "https://app.example/evil/%2e%2e/cb",
    "https://app.example:443/cb",
];

/// Everything below a registered address passed, before the path was resolved.
#[tokio::test]
async fn redir_13_nothing_is_resolved_and_nothing_below_matches() {
    let server = on_disk().await;
    let app = registered(&server, "app", ClientType::Web, &[APP]).await;
    assert_refused(&server, &app, BELOW).await;
}
