//! Every row of the server's table of routes: its unauthenticated case, its wrong methods, its limits, its CORS class. A
//! new row is red until it is listed here.

use std::collections::{BTreeMap, BTreeSet};

use brama_http::routes::{Access, Cache, Cors, Csrf, ROUTES, Route, Speech};
use brama_testkit::{Call, Reply, TestServer, html, seeds};
use http::Method;

use crate::support::{assert_cors, assert_no_cors};

/// Method and template of a row; what stands for its parameter; the status for somebody who brings nothing: no cookie, no
/// token, no query, an empty body of the right kind.
const EXPECTED: &[(&str, &str, &str, u16)] = &[
    ("GET", "/", "", 303),
    ("GET", "/.well-known/openid-configuration", "", 200),
    ("GET", "/.well-known/oauth-authorization-server", "", 200),
    ("GET", "/oauth2/jwks", "", 200),
    ("GET", "/oauth2/authorize", "", 400),
    ("POST", "/oauth2/authorize", "", 400),
    ("POST", "/oauth2/par", "", 400),
    ("POST", "/oauth2/token", "", 400),
    ("POST", "/oauth2/device_authorization", "", 400),
    ("POST", "/oauth2/introspect", "", 401),
    ("POST", "/oauth2/revoke", "", 400),
    // Nothing is there before the operator says so.
    ("POST", "/oauth2/register", "", 404),
    ("GET", "/oauth2/register/{client_id}", "app", 404),
    ("PUT", "/oauth2/register/{client_id}", "app", 404),
    ("DELETE", "/oauth2/register/{client_id}", "app", 404),
    ("GET", "/userinfo", "", 401),
    ("POST", "/userinfo", "", 401),
    ("GET", "/oauth2/logout", "", 303),
    ("POST", "/oauth2/logout", "", 303),
    ("POST", "/api/auth/login", "", 400),
    ("POST", "/api/auth/refresh", "", 401),
    ("GET", "/api/auth/refresh", "", 401),
    ("POST", "/api/auth/logout", "", 204),
    ("GET", "/api/auth/me", "", 401),
    ("GET", "/sign-in", "", 200),
    ("POST", "/sign-in", "", 200),
    ("GET", "/continue", "", 303),
    ("GET", "/consent", "", 400),
    ("POST", "/consent", "", 400),
    ("GET", "/select-account", "", 400),
    ("POST", "/select-account", "", 400),
    ("GET", "/device", "", 303),
    ("POST", "/device", "", 303),
    ("GET", "/device/confirm", "", 303),
    ("POST", "/device/confirm", "", 303),
    ("POST", "/sign-out", "", 303),
    ("GET", "/signed-out", "", 200),
    ("GET", "/account", "", 303),
    ("POST", "/account/sessions/end", "", 303),
    ("GET", "/account/apps", "", 303),
    ("POST", "/account/apps/withdraw", "", 303),
    ("POST", "/account/sign-out", "", 303),
    ("GET", "/error/{code}", "B2104", 200),
    ("GET", "/assets/{*file}", "(style)", 200),
    ("GET", "/favicon.ico", "", 200),
    ("GET", "/sdk/{*file}", "brama.js", 200),
    ("GET", "/livez", "", 200),
    ("GET", "/readyz", "", 200),
];

/// A row, the address it is met at, and the status for nobody.
pub(crate) struct Case {
    pub(crate) row: &'static Route,
    pub(crate) path: String,
    status: u16,
}

impl Case {
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.row.method, self.row.path)
    }

    /// A request that passes the row's guard.
    pub(crate) fn call<'s>(&self, server: &'s TestServer) -> Call<'s> {
        server.call(self.row.method.parse().unwrap(), &self.path)
    }

    /// The same with an empty body of the right kind.
    pub(crate) fn empty<'s>(&self, server: &'s TestServer) -> Call<'s> {
        match (self.row.method, self.row.csrf) {
            ("POST", Csrf::CookieEndpoint) => {
                self.call(server).body("application/json", if self.status == 400 { "{}" } else { "" })
            }
            ("POST", _) => self.call(server).form(&[]),
            _ => self.call(server),
        }
    }
}

pub(crate) async fn cases(server: &TestServer) -> Vec<Case> {
    let page = server.get("/sign-in").send().await;
    let tag = html::tags(page.text(), "link").find(|tag| tag.contains("stylesheet")).unwrap();
    let style = html::attribute(&format!(" {tag}"), "href").unwrap();
    let listed = |row: &Route| EXPECTED.iter().find(|(method, path, ..)| (*method, *path) == (row.method, row.path));
    ROUTES
        .iter()
        .map(|row| {
            let (_, template, parameter, status) =
                listed(row).unwrap_or_else(|| panic!("{} {} is a new row; list it in EXPECTED", row.method, row.path));
            let path = match template.split_once('{') {
                None => (*template).to_owned(),
                Some(_) if *parameter == "(style)" => style.clone(),
                Some((before, _)) => format!("{before}{parameter}"),
            };
            Case { row, path, status: *status }
        })
        .collect()
}

#[test]
fn endpoints_are_covered() {
    let rows: BTreeSet<_> = ROUTES.iter().map(|row| (row.method, row.path)).collect();
    let listed: BTreeSet<_> = EXPECTED.iter().map(|(method, path, ..)| (*method, *path)).collect();
    assert_eq!(rows, listed);
    assert_eq!(listed.len(), EXPECTED.len(), "listed twice");
}

/// LEAK-05.
#[tokio::test]
async fn whoever_brings_nothing_gets_the_answer_of_the_row() {
    let server = TestServer::start().await;
    for case in cases(&server).await {
        let reply = case.empty(&server).send().await;
        assert_eq!(reply.status.as_u16(), case.status, "{}: {reply}", case.name());
        class_of_cache(&case, &reply);
        class_of_speech(&case, &reply);
    }
}

/// WH-10.
fn class_of_cache(case: &Case, reply: &Reply) {
    let wanted = match case.row.cache {
        Cache::Minutes => "public, max-age=300",
        Cache::Immutable => "public, max-age=31536000, immutable",
        Cache::NoStore => "no-store",
    };
    assert_eq!(reply.header("cache-control"), Some(wanted), "{}: {reply}", case.name());
}

/// Who is refused hears it in the words of the route.
fn class_of_speech(case: &Case, reply: &Reply) {
    if !reply.status.is_client_error() {
        return;
    }
    let kind = reply.header("content-type");
    match case.row.speech {
        Speech::Page => assert_eq!(kind, Some("text/html; charset=utf-8"), "{}: {reply}", case.name()),
        Speech::Plain => assert_eq!(kind, Some("text/plain; charset=utf-8"), "{}: {reply}", case.name()),
        Speech::OAuth | Speech::Bearer => assert_eq!(kind, Some("application/json"), "{}: {reply}", case.name()),
    }
    if case.row.speech == Speech::Bearer && reply.status == 401 {
        // Our own resources take tokens of both schemes. RS-11.
        let token = case.row.access == Access::Token;
        let wanted: &[&str] = if token { &["Bearer", "DPoP algs=\"ES256 EdDSA RS256 PS256\""] } else { &["Bearer"] };
        assert_eq!(reply.headers_of("www-authenticate"), wanted, "{}: {reply}", case.name());
    }
}

#[tokio::test]
async fn wh14_wrong_methods_are_405_with_allow() {
    let server = TestServer::start().await;
    let mut allowed: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    let mut heads: BTreeMap<String, bool> = BTreeMap::new();
    for case in cases(&server).await {
        allowed.entry(case.path.clone()).or_default().insert(case.row.method);
        let same_for_all = case.row.cache != Cache::NoStore || case.row.speech == Speech::Plain;
        *heads.entry(case.path).or_default() |= case.row.method == "GET" && same_for_all;
    }
    for (path, methods) in &allowed {
        for method in
            ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get"]
        {
            let reply = server.call(Method::from_bytes(method.as_bytes()).unwrap(), path).send().await;
            let answers = methods.contains(method) || (method == "HEAD" && heads[path]);
            if answers {
                assert_ne!(reply.status, 405, "{method} {path}");
            } else {
                assert_eq!(reply.status, 405, "{method} {path}: {reply}");
                assert_eq!(
                    reply.list("allow").into_iter().collect::<BTreeSet<_>>(),
                    *methods,
                    "{method} {path}: {reply}"
                );
                assert_no_cors(&reply);
            }
        }
    }
}

#[tokio::test]
async fn wh13_a_body_of_one_byte_too_many_is_413() {
    let server = TestServer::start().await;
    for case in cases(&server).await {
        let kind = if case.row.csrf == Csrf::CookieEndpoint {
            "application/json"
        } else {
            "application/x-www-form-urlencoded"
        };
        let reply = case.call(&server).body(kind, vec![b'a'; case.row.body + 1]).send().await;
        assert_eq!(reply.status, 413, "{}: {reply}", case.name());
        if case.row.method == "POST" {
            let reply = case.call(&server).body(kind, vec![b'a'; case.row.body]).send().await;
            assert_ne!(reply.status, 413, "{}: {reply}", case.name());
        }
    }
}

#[tokio::test]
async fn g9_wh13_too_long_an_address_is_414() {
    let server = TestServer::start().await;
    for case in cases(&server).await {
        let fits = 16 * 1024 - case.path.len() - 1;
        for (length, too_long) in [(fits - 100, false), (fits + 1, true), (60_000, true)] {
            let target = format!("{}?{}", case.path, "a".repeat(length));
            let reply = server.call(case.row.method.parse().unwrap(), &target).send().await;
            assert_eq!(reply.status == 414, too_long, "{} {length}: {reply}", case.name());
        }
    }
}

#[tokio::test]
async fn wh14_malformed_queries_and_bodies_are_never_our_fault() {
    let server = TestServer::start().await;
    let texts = ["%", "%f", "%zz", "%ff", "a=%C3", "%00", "&&&&", "=", "=x", "a=b=c", "a%3Db", "tx", "tx=%"];
    let many = vec!["a=b"; 101].join("&");
    for case in cases(&server).await {
        for text in texts.iter().copied().chain([many.as_str()]) {
            let target = format!("{}?{text}", case.path);
            let reply = server.call(case.row.method.parse().unwrap(), &target).send().await;
            assert!(!reply.status.is_server_error(), "{} ?{text}: {reply}", case.name());
            if case.row.method == "POST" {
                for kind in
                    ["application/x-www-form-urlencoded", "application/json", "text/plain", "multipart/form-data"]
                {
                    let reply = case.call(&server).body(kind, text.to_owned()).send().await;
                    assert!(!reply.status.is_server_error(), "{} {kind} {text}: {reply}", case.name());
                }
            }
        }
        // Parameters that come twice: an error of the caller, or not looked at. G-2.
        let twice = "client_id=a&client_id=b&tx=a&tx=b&ui_locales=uk&ui_locales=en&state=1&state=2&csrf=1&csrf=2";
        let reply = server.call(case.row.method.parse().unwrap(), &format!("{}?{twice}", case.path)).send().await;
        assert!(!reply.status.is_server_error(), "{}: {reply}", case.name());
    }
}

/// HTTP-01.
#[tokio::test]
async fn wh9_bb12_the_cors_class_of_every_row() {
    let server = TestServer::start().await;
    for case in cases(&server).await {
        for (origin, listed) in [(seeds::APP_ORIGIN, true), ("https://evil.example", false), ("null", false)] {
            let reply = case.empty(&server).script(origin, "same-site").send().await;
            match (case.row.cors, listed) {
                (Cors::Any, _) => {
                    assert_eq!(reply.header("access-control-allow-origin"), Some("*"), "{}: {reply}", case.name());
                }
                (Cors::Listed, true) => assert_cors(&reply, origin, false),
                (Cors::ListedWithCredentials, true) => assert_cors(&reply, origin, true),
                (Cors::None, _) | (_, false) => assert_no_cors(&reply),
            }
            let preflight = server.call(Method::OPTIONS, &case.path).header("origin", origin);
            let preflight = preflight.header("access-control-request-method", case.row.method).send().await;
            let granted = preflight.header("access-control-allow-origin");
            let wanted = match (case.row.cors, listed) {
                (Cors::None, _) => None,
                (Cors::Any, _) => Some("*"),
                (_, listed) => listed.then_some(origin),
            };
            assert_eq!(granted, wanted, "OPTIONS {}: {preflight}", case.name());
        }
    }
}

#[tokio::test]
async fn wh14_addresses_have_one_spelling() {
    let server = TestServer::start().await;
    for path in [
        "/sign-in/",
        "//sign-in",
        "/Sign-In",
        "/./sign-in",
        "/sign-in/.",
        "/sign%2Din",
        "/sign-in;x",
        "/api/auth//login",
        "/%2e%2e/etc/passwd",
    ] {
        assert_eq!(server.get(path).send().await.status, 404, "{path}");
    }
}
