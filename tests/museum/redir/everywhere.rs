//! Every mode, every client and every answer: nobody is led to an address that nobody has registered. REDIR-07, REDIR-10,
//! REDIR-12, REDIR-14.

use brama_protocol::authorize::response::ResponseMode;
use brama_protocol::client::{Client, ClientType};
use brama_protocol::redirect_uri::RegisteredRedirectUri;
use brama_testkit::{Answer, Browser, RelyingParty, Reply, TestServer, invariants, seeds};

use super::{APP, BELOW, CONTAINING, TYPES, USER_NAMES, as_pattern, assert_on_page, loopback_mutants, registered};
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

/// Two apps, one of the web and one of this machine, each with all addresses that are not its own.
async fn apps_and_mutants(server: &TestServer) -> [(RelyingParty, Vec<String>); 2] {
    let web = registered(server, "app", ClientType::Web, &[APP]).await;
    let mut of_web = mutants(APP);
    of_web.extend([USER_NAMES, CONTAINING, BELOW].concat().into_iter().map(ToOwned::to_owned));
    of_web.extend(as_pattern(APP));
    let loopback = ["http://127.0.0.1/cb", "http://localhost/cb"];
    let native = registered(server, "cli-10", ClientType::Native, &loopback).await;
    let mut of_native: Vec<String> = loopback_mutants(&["127.0.0.1", "localhost"]).into_iter().collect();
    of_native.extend(as_pattern(loopback[0]));
    [(web, of_web), (native, of_native)]
}

/// The address was not checked in one of the modes.
#[tokio::test]
async fn redir_10_every_mode_with_every_mutant() {
    let server = TestServer::with(|options| {
        options.unlimited_addresses();
        options.strays_are_seen = false;
    })
    .await;
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
    for (app, mutants) in apps_and_mutants(&server).await {
        let from = app.origin();
        let mut nobody = Browser::new(&server);
        let mut customer = Browser::new(&server);
        customer.sign_in_for(&app).await;
        let good = par::pushed(&server, &app, &[]).await;
        assert!(mutants.len() >= 75, "{}", mutants.len());
        for mutant in &mutants {
            for mode in &modes {
                let mut changes = vec![("redirect_uri", mutant.as_str())];
                changes.extend_from_slice(mode);
                let why = format!("{changes:?}");
                let target = app.authorize_url(&changes);
                for browser in [&mut nobody, &mut customer] {
                    assert_on_page(&browser.step(Some(&from), &target).await, &why);
                }
            }
            let changes = [("redirect_uri", mutant.as_str())];
            let fields = app.parameters(&changes);
            let fields: Vec<(&str, &str)> =
                fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            assert_on_page(&customer.post_form(&from, "/oauth2/authorize", &fields).await, mutant);
            for prompt in ["", "none", "login"] {
                let reply = par::push(&server, &app, &[changes[0], ("prompt", prompt)]).await;
                let _ = reply.expect_error(400, "invalid_request");
            }
            // Beside a pushed request it is not looked at.
            let mut pair = url::form_urlencoded::Serializer::new(String::new());
            let pair = pair.append_pair("redirect_uri", mutant).finish();
            let reply = nobody.step(None, &format!("{}&{pair}", par::short(&app, &good))).await;
            assert!(reply.status == 400 || reply.location().starts_with("/sign-in?"), "{mutant}: {reply}");
        }
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
    let strays = async |answer: &Reply| invariants::strays(&server, answer, b"").await;
    for answer in &answers {
        assert_eq!(strays(answer).await, [""; 0], "{answer}");
        // An address of another app is a wrong one too.
        let target = answer.target.replace("client_id=shop", "client_id=demo-spa");
        assert_eq!(strays(&Reply { target, ..answer.clone() }).await.len(), 1, "{answer}");
    }
    seeds::put_client(&server, Client { redirect_uris: vec![elsewhere], ..client }).await;
    for answer in &answers {
        assert_eq!(strays(answer).await.len(), 1, "{answer}");
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
