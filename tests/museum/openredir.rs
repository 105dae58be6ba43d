//! OPENREDIR: no parameter says where a browser goes; return targets are ids, and registered addresses compared as text.

use brama_http::routes::{Csrf, ROUTES, Speech};
use brama_protocol::client::ClientType;
use brama_protocol::redirect_uri::{MatchedRedirectUri, RegisteredRedirectUri};
use brama_testkit::{Browser, RelyingParty, Reply, TestServer, html, seeds};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use url::Url;

use super::redir::assert_on_page;
use super::redir::everywhere::CAUSES;
use crate::support::{SESSION, TX, Tokens};

/// What passed for a path of the own site somewhere.
const EVIL: &[&str] = &[
    "//evil.test",
    "///evil.test",
    "////evil.test/",
    "/\\evil.test",
    "\\\\evil.test",
    "\\/evil.test",
    "/\t/evil.test",
    "/\n/evil.test",
    "/%09/evil.test",
    "/%5cevil.test",
    "/%2f%2fevil.test",
    "https:evil.test",
    "https:/evil.test",
    "https://evil.test",
    "HTTPS://evil.test",
    "https://id.example.com@evil.test/",
    "https://id.example.com.evil.test/",
    "/..//evil.test",
    "/.//evil.test",
    "/;@evil.test",
    ".evil.test",
    "@evil.test",
    "javascript:alert(1)//evil.test",
    "data:text/html,evil.test",
];

/// Names under which other servers take a return target, and our own parameters, in groups that a request may have.
const NAMES: &[&[&str]] = &[
    &[
        "return_to",
        "returnTo",
        "return",
        "next",
        "redirect",
        "redirect_to",
        "redirect_uri",
        "continue",
        "url",
        "rd",
        "goto",
        "callbackURL",
        "callback",
        "back",
        "target",
        "origin",
        "from",
        "referer",
        "ru",
        "forward",
        "service",
        "done",
        "error_uri",
        "ui_locales",
    ],
    &["post_logout_redirect_uri"],
    &["tx"],
    &["user_code"],
    &["state", "client_id"],
];

/// A server whose answers nobody else looks at: what leads elsewhere is seen here.
async fn unwatched() -> TestServer {
    TestServer::with(|options| {
        options.unlimited_addresses();
        options.strays_are_seen = false;
    })
    .await
}

/// Wherever an answer leads by itself, at the press of a button or of a link: to this server.
fn assert_stays(server: &TestServer, reply: &Reply, why: &str) {
    let issuer = Url::parse(server.issuer()).unwrap();
    let at = issuer.join(&reply.target).unwrap();
    let mut targets: Vec<String> = reply.header("location").map(ToOwned::to_owned).into_iter().collect();
    targets.extend(reply.header("refresh").map(ToOwned::to_owned));
    if reply.header("content-type").is_some_and(|kind| kind.starts_with("text/html")) {
        for name in ["a", "form", "link", "img", "script", "iframe", "button", "input", "base", "area"] {
            for tag in html::tags(reply.text(), name) {
                let attributes = ["href", "src", "action", "formaction"];
                targets.extend(attributes.iter().filter_map(|name| html::attribute(&format!(" {tag}"), name)));
            }
        }
        assert!(!reply.text().contains("http-equiv"), "{why}: {reply}");
    }
    for target in targets {
        let resolved = at.join(&target).unwrap_or_else(|error| panic!("{why}: {target}: {error}"));
        assert_eq!(resolved.origin(), issuer.origin(), "{why}: {target} in {reply}");
    }
}

/// Paths that begin with two slashes passed for local ones: in no route is there a parameter for one.
#[tokio::test]
async fn openredir_01_no_route_goes_where_a_parameter_says() {
    let server = unwatched().await;
    let mut browser = Browser::new(&server);
    let answer = browser.sign_in_for(&RelyingParty::shop()).await;
    let tokens = Tokens::of(&RelyingParty::shop().redeem(&server, answer.code()).await);
    let jar = format!("{SESSION}={}; {TX}={}", browser.jar.get(SESSION).unwrap(), browser.jar.get(TX).unwrap());
    for row in ROUTES.iter().filter(|row| row.speech == Speech::Page && matches!(row.method, "GET" | "POST")) {
        let path = row.path.split('{').next().unwrap();
        for (value, names) in EVIL.iter().flat_map(|value| NAMES.iter().map(move |names| (value, names))) {
            let fields: Vec<(&str, &str)> = names.iter().map(|name| (*name, *value)).collect();
            let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish();
            for cookies in ["", &jar] {
                let mut call = server.call(row.method.parse().unwrap(), &format!("{path}?{query}"));
                if row.method == "POST" {
                    call = call.form(&fields);
                    let site = if row.csrf == Csrf::CrossSiteForm { "cross-site" } else { "same-origin" };
                    call = call.header("origin", server.issuer()).header("sec-fetch-site", site);
                }
                if !cookies.is_empty() {
                    call = call.cookie(cookies);
                }
                let reply = call.header("accept", "text/html").send().await;
                assert_stays(&server, &reply, &format!("{} {path} {names:?}={value}", row.method));
            }
        }
    }
    // After signing out, where an address may be named.
    for value in EVIL {
        let fields =
            [("id_token_hint", tokens.id.as_str()), ("client_id", "shop"), ("post_logout_redirect_uri", value)];
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let reply = server.get(&format!("/oauth2/logout?{query}")).send().await.expect(303);
        assert_stays(&server, &reply, value);
    }
}

/// A path that was kept for after the sign-in left the site: what is kept here is an id.
#[tokio::test]
async fn openredir_02_after_a_sign_in_comes_a_page_of_ours() {
    let server = unwatched().await;
    for value in EVIL {
        for name in ["tx", "return_to"] {
            for given in [(*value).to_owned(), format!("device{value}"), format!("device.{value}")] {
                let mut browser = Browser::new(&server);
                let pair = [(name, given.as_str())];
                let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pair).finish();
                let page = browser.step(None, &format!("/sign-in?{query}")).await;
                assert_stays(&server, &page, &given);
                let form = html::form(page.text(), "/sign-in").unwrap();
                let typed = [("username", seeds::OLENA), ("password", seeds::PASSWORD)];
                // What the page kept of it, and what somebody puts into the form.
                let kept = browser.submit_step(&form, &typed).await.expect(303);
                assert_stays(&server, &kept, &given);
                let mut other = Browser::new(&server);
                let page = other.step(None, "/sign-in").await;
                let mut form = html::form(page.text(), "/sign-in").unwrap();
                form.fields.insert(name.to_owned(), given.clone());
                let reply = other.submit_step(&form, &typed).await.expect(303);
                assert_stays(&server, &reply, &given);
                let next = other.follow(None, reply).await.page();
                assert_stays(&server, &next, &given);
            }
        }
    }
}

/// With `prompt=none` errors went to an address that nobody had checked.
#[tokio::test]
async fn openredir_03_errors_before_the_address_is_known_are_shown_here() {
    let server = unwatched().await;
    let shop = RelyingParty::shop();
    assert!(CAUSES.len() >= 12);
    let mut customer = Browser::new(&server);
    customer.sign_in_for(&shop).await;
    let mut nobody = Browser::new(&server);
    for evil in ["https://evil.test/cb", "//evil.test/cb", "https://shop.example.net@evil.test/cb"] {
        for cause in CAUSES.iter().filter(|(name, _)| *name != "prompt") {
            let changes = [("prompt", "none"), ("redirect_uri", evil), *cause];
            for browser in [&mut nobody, &mut customer] {
                let reply = browser.step(Some("https://shop.example.net"), &shop.authorize_url(&changes)).await;
                assert_on_page(&reply, &format!("{changes:?}"));
                assert_stays(&server, &reply, evil);
            }
        }
    }
    // The client is unknown, so no address is known to be good.
    for id in ["nobody", "", "shop\0", "SHOP"] {
        for prompt in ["none", ""] {
            let target = shop.authorize_url(&[("client_id", id), ("prompt", prompt)]);
            assert_on_page(&nobody.step(None, &target).await, id);
        }
    }
}

/// Registered addresses of an app, the last three of which it may use with any port.
const REGISTERED: [&str; 4] =
    ["https://app.example/cb", "http://127.0.0.1/cb", "http://[::1]:80/cb", "http://localhost/cb"];

/// What strange addresses are made of.
const PIECES: &[&str] = &[
    "/",
    "//",
    "\\",
    ":",
    "@",
    ".",
    "..",
    "?",
    "#",
    "%2f",
    "%5c",
    "\t",
    "\n",
    " ",
    "evil.test",
    "127.0.0.1",
    "[::1]",
    "localhost",
    "app.example",
    "https://",
    "http://",
    "https:",
    "javascript:",
    "80",
    "8080",
    "/cb",
    "x",
    "\0",
    "。",
];

/// Any text of pieces and characters.
fn anything() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(PIECES.to_vec()).prop_map(ToOwned::to_owned);
    let whole = prop::sample::select(REGISTERED.to_vec()).prop_map(ToOwned::to_owned);
    let part = prop_oneof![6 => piece, 1 => whole, 1 => any::<char>().prop_map(String::from)];
    prop::collection::vec(part, 1..8).prop_map(|parts| parts.concat())
}

/// Scheme, host, port and path of a registered address, each as it is or nearly.
fn nearly_registered() -> impl Strategy<Value = String> {
    let authority_end = |text: &str| text.rfind("/cb").unwrap();
    let port = prop_oneof![
        4 => any::<u16>().prop_map(|port| format!(":{port}")),
        2 => Just(String::new()),
        1 => (65_536u32..200_000).prop_map(|port| format!(":{port}")),
        2 => prop::sample::select(PIECES.to_vec()).prop_map(|piece| format!(":80{piece}")),
        2 => prop::sample::select(PIECES.to_vec()).prop_map(|piece| format!(":{piece}evil.test")),
        1 => prop::sample::select(vec![":", ":80@evil.test", "@evil.test", ".evil.test", ":+80", ":-1", ":8o"])
            .prop_map(ToOwned::to_owned),
    ];
    let whole = (prop::sample::select(REGISTERED.to_vec()), port).prop_map(move |(registered, port)| {
        let (authority, path) = registered.split_at(authority_end(registered));
        let host = authority.strip_suffix(":80").unwrap_or(authority);
        format!("{host}{port}{path}")
    });
    // Often as it is; else one character in another case, as another one, left out, or with a piece before it.
    (whole, 0..10u8, any::<prop::sample::Index>(), prop::sample::select(PIECES.to_vec())).prop_map(
        |(whole, change, at, piece)| {
            let characters: Vec<char> = whole.chars().collect();
            let at = at.index(characters.len());
            let (before, after) = characters.split_at(at);
            let rest: String = after[1..].iter().collect();
            let before: String = before.iter().collect();
            match change {
                0 | 1 => format!("{before}{}{rest}", after[0].to_ascii_uppercase()),
                2 => format!("{before}x{rest}"),
                3 if before.contains('.') => before.replacen('.', "x", 1) + &after.iter().collect::<String>(),
                4 => format!("{before}{rest}"),
                5 => format!("{before}{piece}{}{rest}", after[0]),
                _ => whole,
            }
        },
    )
}

/// A check of addresses read them otherwise than browsers do. Ours reads nothing: what passes is the registered text, but for the
/// port of this machine, and a browser's parser finds the registered origin in it.
#[test]
fn openredir_04_whatever_passes_is_the_registered_origin_to_a_browser() {
    let parsed = REGISTERED.map(|uri| RegisteredRedirectUri::parse(uri).unwrap());
    let text = prop_oneof![anything(), nearly_registered()];
    let mut runner = TestRunner::new(Config { cases: 20_000, failure_persistence: None, ..Config::default() });
    let other_port = std::cell::Cell::new(0);
    let outcome = runner.run(&text, |text| {
        for client_type in super::redir::TYPES {
            if MatchedRedirectUri::find(Some(&text), &parsed, client_type, false).is_err() {
                continue;
            }
            if REGISTERED.contains(&text.as_str()) {
                continue;
            }
            // Nothing but the port is another one, and only of this machine.
            let url = Url::parse(&text).map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
            let (host, path) = (url.host_str().unwrap_or_default(), (url.path(), url.query(), url.fragment()));
            prop_assert!(url.scheme() == "http" && ["127.0.0.1", "[::1]", "localhost"].contains(&host), "{}", text);
            prop_assert!(host != "localhost" || client_type == ClientType::Native, "{}", text);
            prop_assert!(url.username().is_empty() && url.password().is_none(), "{}", text);
            prop_assert_eq!(path, ("/cb", None, None), "{}", text);
            prop_assert!(text.starts_with(&format!("http://{host}")) && text.ends_with("/cb"), "{}", text);
            other_port.set(other_port.get() + 1);
        }
        Ok(())
    });
    outcome.unwrap();
    assert!(other_port.get() >= 1000, "{} addresses with another port passed", other_port.get());
}
