//! Every mode, every client and every answer: nobody is led to an address that nobody has registered. REDIR-07, REDIR-10,
//! REDIR-12, REDIR-14.

use brama_protocol::authorize::response::ResponseMode;
use brama_protocol::client::{Client, ClientType};
use brama_protocol::redirect_uri::RegisteredRedirectUri;
use brama_testkit::{Answer, Browser, RelyingParty, Reply, TestServer, invariants, seeds};

use super::{APP, TYPES, assert_on_page, registered};
use crate::oauth2::par;

/// What else can be wrong about a request, each heard of before or after the redirect URI.
pub(in crate::museum) const CAUSES: &[(&str, &str)] = &[
    ("scope", "admin"),
    ("scope", "\""),
    ("response_type", ""),
    ("response_type", "token"),
    ("response_mode", "nonsense"),
    ("code_challenge", ""),
    ("code_challenge_method", "plain"),
    ("prompt", "none"),
    ("prompt", "none login"),
    ("max_age", "-1"),
    ("nonce", "a\"b"),
    ("resource", "https://other.example/"),
    ("claims", "["),
    ("id_token_hint", "x"),
    ("request", "eyJhbGciOiJub25lIn0.e30."),
    ("request_uri", "https://evil.test/r"),
    ("registration", "{}"),
    ("authorization_details", "[]"),
    ("dpop_jkt", "x"),
];

/// AUTHZ never looked at the registration, or only if all else was right.
#[tokio::test]
async fn redir_07_of_no_client_in_no_mode_for_no_other_reason() {
    let server = TestServer::start().await;
    let modes: Vec<&str> =
        ResponseMode::SUPPORTED.iter().copied().chain(["", "fragment", "web_message", "jwt", "query.jwt"]).collect();
    for client_type in TYPES {
        let app = match client_type {
            ClientType::Service | ClientType::Device => {
                seeds::put_client(&server, seeds::client("app", client_type)).await;
                RelyingParty { client_id: "app".to_owned(), ..RelyingParty::shop() }
            }
            _ => registered(&server, "app", client_type, &[APP]).await,
        };
        for mode in &modes {
            for cause in CAUSES.iter().filter(|(name, _)| *name != "response_mode") {
                let changes = [("redirect_uri", "https://evil.test/cb"), ("response_mode", mode), *cause];
                let reply = Browser::new(&server).step(None, &app.authorize_url(&changes)).await;
                assert_on_page(&reply, &format!("{client_type:?} {changes:?}"));
            }
        }
    }
}

/// Ways to write another address than the registered one, such as somebody somewhere took for it.
fn mutants(registered: &str) -> Vec<String> {
    let (host, path) = registered.strip_prefix("https://").unwrap().split_once('/').unwrap();
    let (https, path) = (format!("https://{host}"), format!("/{path}"));
    let mut all: Vec<String> = Vec::new();
    for authority in
        ["HOST@evil.test", "HOST:x@evil.test", "HOST.evil.test", "HOST.", "HOST:444", "evil.test#@HOST", "x@HOST"]
    {
        all.push(format!("https://{}{path}", authority.replace("HOST", host)));
    }
    for tail in [
        ".evil",
        "/",
        "/../evil",
        "/%2e%2e/evil",
        "/..%2f..%2fevil",
        "/.%2e/",
        "?x=1",
        "#x",
        " ",
        "\t",
        "\r\nx: y",
        "*",
    ] {
        all.push(format!("{registered}{tail}"));
    }
    all.push(format!("{https}{}", path.to_uppercase()));
    all.push(format!("{https}/.{path}"));
    all.push(format!("{https}/x/..{path}"));
    all.push(registered.replace("https", "HTTPS"));
    all.push(registered.replace("https", "http"));
    all.push(registered.to_uppercase());
    all.push(format!("https://evil.test/?{registered}"));
    all.push(format!("https://evil.test/\\{registered}"));
    all.push(format!("//{host}{path}"));
    all.push(path);
    all.extend(["http://127.0.0.1/cb", "javascript:alert(1)", "data:text/html,x", "*", ".*"].map(ToOwned::to_owned));
    all
}

/// The address was not checked in one of the modes.
#[tokio::test]
async fn redir_10_every_mode_with_every_mutant() {
    let server = TestServer::with(|options| options.unlimited_addresses()).await;
    let shop = RelyingParty::shop();
    let mut nobody = Browser::new(&server);
    let mut customer = Browser::new(&server);
    customer.sign_in_for(&shop).await;
    let modes: Vec<Vec<(&str, &str)>> = CAUSES
        .iter()
        .map(|cause| vec![*cause])
        .chain([
            vec![],
            vec![("prompt", "login")],
            vec![("prompt", "consent")],
            vec![("prompt", "select_account")],
            vec![("prompt", "create")],
            vec![("response_mode", "form_post")],
            vec![("response_mode", "form_post"), ("prompt", "none")],
            vec![("scope", "email"), ("prompt", "none")],
        ])
        .collect();
    let good = par::pushed(&server, &shop, &[]).await;
    for mutant in mutants(&shop.redirect_uri) {
        for mode in &modes {
            let mut changes = vec![("redirect_uri", mutant.as_str())];
            changes.extend_from_slice(mode);
            let why = format!("{changes:?}");
            let target = shop.authorize_url(&changes);
            for browser in [&mut nobody, &mut customer] {
                assert_on_page(&browser.step(Some("https://shop.example.net"), &target).await, &why);
            }
        }
        let changes = [("redirect_uri", mutant.as_str())];
        let fields = shop.parameters(&changes);
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_on_page(&customer.post_form("https://shop.example.net", "/oauth2/authorize", &fields).await, &mutant);
        for prompt in ["", "none", "login"] {
            let _ =
                par::push(&server, &shop, &[changes[0], ("prompt", prompt)]).await.expect_error(400, "invalid_request");
        }
        // Beside a pushed request it is not looked at.
        let pair = url::form_urlencoded::Serializer::new(String::new()).append_pair("redirect_uri", &mutant).finish();
        let reply = nobody.step(None, &format!("{}&{pair}", par::short(&shop, &good))).await;
        assert!(reply.status == 400 || reply.location().starts_with("/sign-in?"), "{mutant}: {reply}");
    }
}

/// Tokens went to any address. Every answer of every test in this crate is held against the registrations of its server
/// (`invariants::strays`); here is shown that this is so, and that it would be noticed.
#[tokio::test]
async fn redir_12_no_answer_leads_to_an_address_that_nobody_has_registered() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    let mut browser = Browser::new(&server);
    browser.sign_in_for(&shop).await;
    let elsewhere = RegisteredRedirectUri::parse("https://shop.example.net/new").unwrap();
    let client = server.store.find_client(&seeds::SHOP.parse().unwrap()).await.unwrap().unwrap().client.clone();
    let mut answers = Vec::new();
    for mode in [("response_mode", "query"), ("response_mode", "form_post")] {
        for change in [("prompt", "none"), ("prompt", "none login"), ("scope", "admin")] {
            answers.push(browser.step(None, &shop.authorize_url(&[mode, change])).await);
        }
    }
    for answer in &answers {
        assert_eq!(invariants::strays(&server, answer).await, [""; 0], "{answer}");
    }
    seeds::put_client(&server, Client { redirect_uris: vec![elsewhere], ..client }).await;
    for answer in &answers {
        assert_eq!(invariants::strays(&server, answer).await.len(), 1, "{answer}");
    }
    server.keep_up().await;
    for change in [("prompt", "none"), ("scope", "admin"), ("prompt", "")] {
        assert_on_page(&browser.step(None, &shop.authorize_url(&[change])).await, change.1);
    }
}

/// The server checked one copy of a parameter and the client read the other.
#[tokio::test]
async fn redir_14_no_parameter_comes_twice() {
    let server = TestServer::with(|options| options.unlimited_addresses()).await;
    let shop = RelyingParty::shop();
    let mut browser = Browser::new(&server);
    browser.sign_in_for(&shop).await;
    let from = "https://shop.example.net";
    let encoded =
        |pairs: &[(String, String)]| url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    let usual = shop.parameters(&[]);
    let other = |name: &str| match name {
        "redirect_uri" => "https://evil.test/cb",
        "client_id" => seeds::DEMO,
        "scope" => "openid",
        _ => "x",
    };
    for (name, value) in &usual {
        for second in [value.as_str(), other(name)] {
            for first in [true, false] {
                let mut pairs = usual.clone();
                let at = if first { 0 } else { pairs.len() };
                pairs.insert(at, (name.clone(), second.to_owned()));
                let fields: Vec<(&str, &str)> = pairs.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
                let once: Vec<(&str, &str)> = usual.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
                let query = encoded(&[(name.clone(), second.to_owned())]);
                let replies = [
                    browser.step(Some(from), &format!("/oauth2/authorize?{}", encoded(&pairs))).await,
                    browser.post_form(from, "/oauth2/authorize", &fields).await,
                    browser.post_form(from, &format!("/oauth2/authorize?{query}"), &once).await,
                ];
                for reply in replies {
                    assert_one_error(&reply, &shop, &format!("{name}={second}"));
                }
                let reply = server.post("/oauth2/par").basic(&shop.client_id, &seeds::secret(seeds::SHOP));
                let _ = reply.form(&fields).send().await.expect_error(400, "invalid_request");
            }
        }
    }
}

/// `invalid_request`: on our page, or to the app, with each parameter once and without a code.
fn assert_one_error(reply: &Reply, app: &RelyingParty, why: &str) {
    if reply.status == 400 {
        return assert_on_page(reply, why);
    }
    let location = reply.location();
    assert!(location.starts_with(&format!("{}?", app.redirect_uri)), "{why}: {reply}");
    let answer = Answer::parse(location);
    assert_eq!(answer.error(), "invalid_request", "{why}: {reply}");
}
