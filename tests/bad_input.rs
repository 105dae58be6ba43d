//! Whatever comes in at any address: never our fault, never a panic, and every answer still has all its headers.

use brama_http::routes::ROUTES;
use brama_testkit::{Browser, TestServer, seeds};
use http::Method;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::support::{DEMO_RT, SESSION, TX};

/// One request, out of parts that mean something here and parts that mean nothing.
#[derive(Clone, Debug)]
struct Wild {
    method: &'static str,
    path: String,
    query: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

const NAMES: &[&str] = &[
    "client_id",
    "redirect_uri",
    "response_type",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "prompt",
    "max_age",
    "login_hint",
    "ui_locales",
    "id_token_hint",
    "resource",
    "request",
    "request_uri",
    "tx",
    "csrf",
    "username",
    "password",
    "remember",
    "decision",
    "grant_type",
    "code",
    "code_verifier",
    "refresh_token",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
    "token",
    "token_type_hint",
    "post_logout_redirect_uri",
    "session",
    "all",
    "all_others",
    "done",
    "x",
];
const VALUES: &[&str] = &[
    "shop",
    "demo-spa",
    "cli",
    "robot",
    "code",
    "openid profile",
    "S256",
    "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    seeds::SHOP_REDIRECT,
    seeds::DEMO_REDIRECT,
    "none",
    "login",
    "consent",
    "0",
    "-1",
    "18446744073709551616",
    "uk",
    "olena",
    seeds::PASSWORD,
    "authorization_code",
    "refresh_token",
    "client_credentials",
    "allow",
    "deny",
    "1",
    "null",
    "\u{0}",
    "00000000-0000-7000-8000-000000000000",
    "eyJhbGciOiJub25lIn0.e30.",
    "brt_AAAA",
    "https://id.example.com/api",
    "\"><b>",
];
const HEADERS: &[(&str, &[&str])] = &[
    ("origin", &["null", seeds::APP_ORIGIN, "https://id.example.com", "https://evil.example", "x"]),
    ("sec-fetch-site", &["same-origin", "same-site", "cross-site", "none", "x"]),
    ("sec-fetch-mode", &["cors", "same-origin", "navigate", "no-cors", "x"]),
    ("sec-fetch-dest", &["empty", "document", "iframe", "x"]),
    ("sec-purpose", &["prefetch"]),
    (
        "content-type",
        &["application/json", "application/x-www-form-urlencoded", "text/plain", "application/json;x", ";"],
    ),
    ("authorization", &["Bearer x", "Bearer a.b.c", "Basic", "Basic cm9ib3Q6eA==", "Basic \u{ff}", "x"]),
    ("accept-language", &["uk", "en;q=9", ";;;,,,q=", "*"]),
    ("accept", &["text/html", "*/*"]),
    ("if-none-match", &["*", "\"x\"", "W/", ",,,"]),
    ("user-agent", &["", "Firefox/1 Linux", "\u{202e}"]),
    ("x-forwarded-for", &["x", "203.0.113.9", ",,,"]),
    ("access-control-request-method", &["POST", "GET", "x"]),
];

fn encoded(bytes: &[u8]) -> String {
    url::form_urlencoded::byte_serialize(bytes).collect()
}

fn pairs() -> impl Strategy<Value = String> {
    let known = prop::sample::select(VALUES).prop_map(|value| encoded(value.as_bytes()));
    let wild = prop::collection::vec(any::<u8>(), 0..40).prop_map(|bytes| encoded(&bytes));
    let broken = prop::sample::select(&["%", "%f", "%zz", "%ff", "", "=", "%00", "+"][..]).prop_map(ToOwned::to_owned);
    let pair = (prop::sample::select(NAMES), prop_oneof![4 => known, 2 => wild, 1 => broken]);
    prop::collection::vec(pair, 0..14)
        .prop_map(|pairs| pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&"))
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let member = (prop::sample::select(NAMES), prop::sample::select(VALUES));
    let json = prop::collection::btree_map(
        member.clone().prop_map(|(name, _)| name),
        member.prop_map(|(_, value)| value),
        0..6,
    );
    prop_oneof![
        pairs().prop_map(String::into_bytes),
        json.prop_map(|members| serde_json::to_vec(&members).unwrap()),
        prop::collection::vec(any::<u8>(), 0..200),
        Just(b"[[[[[[[[[[[[".repeat(200)),
        Just(Vec::new()),
    ]
}

fn headers(jar: String) -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let one = prop::sample::select(HEADERS).prop_flat_map(|(name, values)| {
        let wild = prop::collection::vec(0x20_u8..0x7f, 0..30).prop_map(|bytes| String::from_utf8(bytes).unwrap());
        let known = prop::sample::select(values).prop_map(ToOwned::to_owned);
        (Just(name), prop_oneof![4 => known, 1 => wild])
    });
    let cookie = prop_oneof![
        Just(("cookie", jar)),
        prop::collection::vec(0x20_u8..0x7f, 0..60).prop_map(|bytes| ("cookie", String::from_utf8(bytes).unwrap())),
        Just(("cookie", format!("{SESSION}={}; {TX}=x; {DEMO_RT}=brt_; =; ;;; a", "A".repeat(43)))),
    ];
    (prop::collection::vec(one, 0..7), prop::option::of(cookie)).prop_map(|(mut headers, cookie)| {
        headers.extend(cookie);
        headers
    })
}

fn wild(jar: String) -> impl Strategy<Value = Wild> {
    let row = prop::sample::select(ROUTES.iter().map(|row| (row.method, row.path)).collect::<Vec<_>>());
    let path = row.prop_flat_map(|(method, path)| {
        let other = prop::sample::select(&["GET", "POST", "HEAD", "OPTIONS", "PUT"][..]);
        let tail = prop::sample::select(&["B2104", "style.css", "brama.js", "%2e%2e", "a/b/../c", "%ff", ""][..]);
        (prop_oneof![4 => Just(method), 1 => other], tail).prop_map(move |(method, tail)| {
            (method, path.split_once('{').map_or(path.to_owned(), |(before, _)| format!("{before}{tail}")))
        })
    });
    (path, pairs(), headers(jar), body()).prop_map(|((method, path), query, headers, body)| Wild {
        method,
        path,
        query,
        headers,
        body,
    })
}

#[test]
fn no_request_is_our_fault() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (server, jar) = runtime.block_on(async {
        let server = TestServer::with(|options| {
            options.unlimited_addresses();
            options.settings.throttle.account.free = u32::MAX;
        })
        .await;
        let mut browser = Browser::new(&server);
        browser.log_in(seeds::OLENA, seeds::PASSWORD).await;
        browser.visit("/sign-in").await;
        let pairs: Vec<String> =
            browser.jar.names().iter().map(|name| format!("{name}={}", browser.jar.get(name).unwrap())).collect();
        let jar = pairs.join("; ");
        drop(browser);
        (server, jar)
    });
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(3000);
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&wild(jar), |wild| {
        let target = if wild.query.is_empty() { wild.path.clone() } else { format!("{}?{}", wild.path, wild.query) };
        if target.parse::<http::Uri>().is_err() {
            return Ok(());
        }
        let method: Method = wild.method.parse().unwrap();
        let call =
            wild.headers.iter().fold(server.call(method, &target), |call, (name, value)| call.header(name, value));
        // The answer passes the invariants of the testkit, 500 being one of them.
        let reply = runtime.block_on(call.bare_body(wild.body.clone()).send());
        prop_assert!(!reply.status.is_server_error(), "{}", reply);
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}
