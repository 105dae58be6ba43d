//! Who may call the cookie endpoints: every combination of origin, Fetch Metadata and content type. Standards §8.3 as
//! amended by design §5; BB-7, BB-12.

use brama_testkit::{Call, Reply, Storage, TestServer, rows, seeds};
use http::Method;
use serde_json::json;

use crate::support::{DEMO_RT, SESSION, assert_cors, assert_no_cookies, assert_no_cors, assert_unchanged};

const OWN: &str = "https://id.example.com";
const LISTED: &str = seeds::APP_ORIGIN;

/// `Origin`; the listed one and our own are the only good ones.
const ORIGINS: &[Option<&str>] = &[
    None,
    Some(LISTED),
    Some(OWN),
    Some("https://unlisted.example.com"),
    Some("null"),
    Some("https://app.example.com.evil.example"),
    Some("https://evilapp.example.com"),
    Some("https://app.example.com:8443"),
    Some("http://app.example.com"),
    Some("https://APP.example.com"),
    Some("https://app.example.com/"),
];
const SITES: &[Option<&str>] = &[None, Some("same-origin"), Some("same-site"), Some("cross-site"), Some("none")];
const MODES: &[Option<&str>] =
    &[None, Some("cors"), Some("same-origin"), Some("no-cors"), Some("navigate"), Some("websocket")];
const DESTS: &[Option<&str>] = &[None, Some("empty"), Some("document"), Some("image"), Some("iframe")];

/// One combination.
#[derive(Clone, Copy, Debug)]
struct From {
    origin: Option<&'static str>,
    site: Option<&'static str>,
    mode: Option<&'static str>,
    dest: Option<&'static str>,
}

impl From {
    fn all() -> impl Iterator<Item = Self> {
        let pairs = ORIGINS.iter().flat_map(|origin| SITES.iter().map(move |site| (*origin, *site)));
        pairs.flat_map(|(origin, site)| {
            MODES
                .iter()
                .flat_map(move |mode| DESTS.iter().map(move |dest| Self { origin, site, mode: *mode, dest: *dest }))
        })
    }

    fn on(self, call: Call<'_>) -> Call<'_> {
        call.maybe("origin", self.origin)
            .maybe("sec-fetch-site", self.site)
            .maybe("sec-fetch-mode", self.mode)
            .maybe("sec-fetch-dest", self.dest)
    }

    /// The rule, said again and differently: what the tables of the documents come to.
    fn is_admitted(self) -> bool {
        // No browser sends a mode without a site; Node's `fetch` does, and it has no person's cookies.
        let from_no_browser = self.origin.is_none()
            && self.site.is_none()
            && self.dest.is_none()
            && matches!(self.mode, None | Some("cors"));
        let a_fetch = !matches!(self.mode, Some("no-cors" | "navigate" | "websocket"))
            && !matches!(self.dest, Some("document" | "image" | "iframe"));
        let from_a_listed_page = match self.site {
            Some("same-origin") => matches!(self.origin, None | Some(OWN)),
            Some("same-site") | None => matches!(self.origin, Some(LISTED | OWN)),
            Some(_) => false,
        };
        from_no_browser || (a_fetch && from_a_listed_page)
    }
}

/// The endpoints, with what a good request to them looks like.
const ENDPOINTS: &[(Method, &str, u16)] = &[
    (Method::POST, "/api/auth/login", 200),
    (Method::POST, "/api/auth/refresh", 200),
    (Method::GET, "/api/auth/refresh", 200),
    (Method::POST, "/api/auth/logout", 204),
];

async fn server() -> TestServer {
    TestServer::with(|options| {
        options.storage = Storage::Disk;
        options.unlimited_addresses();
    })
    .await
}

fn login(server: &TestServer) -> Call<'_> {
    server.post("/api/auth/login").json(&json!({"username": seeds::OLENA, "password": seeds::PASSWORD}))
}

/// The cookies of a fresh sign-in.
async fn fresh(server: &TestServer) -> String {
    cookies(&login(server).send().await)
}

fn cookies(reply: &Reply) -> String {
    let pair = |name: &str| format!("{name}={}", reply.cookie_value(name).unwrap());
    format!("{}; {}", pair(SESSION), pair(DEMO_RT))
}

fn request<'s>(server: &'s TestServer, method: &Method, path: &str, jar: &str) -> Call<'s> {
    if path == "/api/auth/login" { login(server) } else { server.call(method.clone(), path).cookie(jar) }
}

async fn refuses_everybody_else((method, path, _): &(Method, &str, u16)) {
    let server = server().await;
    let jar = fresh(&server).await;
    let before = rows::dump(&server);
    let mut refused = 0;
    for from in From::all().filter(|from| !from.is_admitted()) {
        let reply = from.on(request(&server, method, path, &jar)).send().await;
        assert_eq!(reply.status, 403, "{from:?}: {reply}");
        assert_eq!(reply.member("error"), "origin_not_allowed", "{from:?}: {reply}");
        assert_no_cors(&reply);
        assert_no_cookies(&reply);
        refused += 1;
    }
    assert!(refused > 1500, "{refused}");
    assert_unchanged(&server, &before);
}

async fn admits_its_own((method, path, status): &(Method, &str, u16)) {
    let server = server().await;
    let mut admitted = 0;
    for from in From::all().filter(|from| from.is_admitted()) {
        let jar = fresh(&server).await;
        let reply = from.on(request(&server, method, path, &jar)).send().await;
        assert_eq!(reply.status.as_u16(), *status, "{from:?}: {reply}");
        match from.origin {
            Some(origin) => assert_cors(&reply, origin, true),
            None => assert_no_cors(&reply),
        }
        assert_eq!(reply.list("vary"), ["Origin", "Cookie", "Sec-Fetch-Site"], "{from:?}: {reply}");
        assert_eq!(reply.header("cross-origin-resource-policy"), Some("same-site"), "{reply}");
        admitted += 1;
    }
    assert!(admitted > 20, "{admitted}");
}

macro_rules! endpoints {
    ($($name:ident = $index:literal;)+) => {$(
        mod $name {
            #[tokio::test]
            async fn bb7_bb12_refuses_everybody_else() {
                super::refuses_everybody_else(&super::ENDPOINTS[$index]).await;
            }

            #[tokio::test]
            async fn bb3_bb7_bb12_admits_its_own() {
                super::admits_its_own(&super::ENDPOINTS[$index]).await;
            }
        }
    )+};
}

endpoints! {
    login_post = 0;
    refresh_post = 1;
    refresh_get = 2;
    logout_post = 3;
}

#[tokio::test]
async fn bb7_prefetches_and_repeated_headers_are_refused() {
    let server = server().await;
    let jar = fresh(&server).await;
    let before = rows::dump(&server);
    let extras: &[(&str, &str)] = &[
        ("sec-purpose", "prefetch"),
        ("sec-purpose", "prefetch;prerender"),
        ("sec-purpose", "prefetch;anonymous-client-ip"),
        ("purpose", "prefetch"),
        ("origin", LISTED),
        ("origin", "https://evil.example"),
        ("sec-fetch-site", "same-site"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-dest", "document"),
    ];
    for (method, path, _) in ENDPOINTS {
        for (name, value) in extras {
            let call = request(&server, method, path, &jar).script(LISTED, "same-site").header(name, value);
            let reply = call.send().await.expect_error(403, "origin_not_allowed");
            assert_no_cors(&reply);
            assert_no_cookies(&reply);
        }
    }
    assert_unchanged(&server, &before);
}

#[tokio::test]
async fn bb8_head_is_no_get() {
    let server = server().await;
    let jar = fresh(&server).await;
    for (path, allow) in [("/api/auth/refresh", "POST, GET"), ("/api/auth/login", "POST"), ("/api/auth/logout", "POST")]
    {
        let reply = server.call(Method::HEAD, path).cookie(&jar).script(LISTED, "same-site").send().await.expect(405);
        let mut allowed = reply.list("allow");
        allowed.sort_unstable();
        let mut wanted: Vec<&str> = allow.split(", ").collect();
        wanted.sort_unstable();
        assert_eq!(allowed, wanted, "{reply}");
        assert_no_cookies(&reply);
    }
}

#[tokio::test]
async fn bb7_json_or_nothing() {
    let server = server().await;
    let body = json!({"username": seeds::OLENA, "password": seeds::PASSWORD}).to_string();
    let good = ["application/json", "application/json; charset=utf-8", "APPLICATION/JSON"];
    let bad = [
        "text/plain",
        "text/plain; application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
        "application/json-patch+json",
        "",
    ];
    for content_type in good {
        let call = server.post("/api/auth/login").script(LISTED, "same-site").body(content_type, body.clone());
        assert_eq!(call.send().await.status, 200, "{content_type}");
    }
    for path in ["/api/auth/login", "/api/auth/refresh", "/api/auth/logout"] {
        let jar = fresh(&server).await;
        let before = rows::dump(&server);
        for content_type in bad {
            let call = server.post(path).cookie(&jar).script(LISTED, "same-site").body(content_type, body.clone());
            let reply = call.send().await.expect_error(400, "invalid_request");
            assert_no_cookies(&reply);
        }
        let reply = server.post(path).cookie(&jar).script(LISTED, "same-site").bare_body(body.clone()).send().await;
        assert_eq!(reply.status, 400, "no content type at all: {reply}");
        assert_unchanged(&server, &before);
    }
}

#[tokio::test]
async fn bb12_a_preflight_grants_the_listed_origin_alone() {
    let server = server().await;
    for (method, path, _) in ENDPOINTS {
        for origin in ORIGINS {
            let call = server.call(Method::OPTIONS, path).maybe("origin", *origin);
            let call = call.header("access-control-request-method", method.as_str());
            let reply = call.header("access-control-request-headers", "content-type").send().await.expect(204);
            assert!(reply.body.is_empty() && reply.list("vary").contains(&"Origin"), "{reply}");
            if let Some(origin @ (LISTED | OWN)) = origin {
                assert_eq!(reply.header("access-control-allow-origin"), Some(*origin), "{reply}");
                assert_eq!(reply.header("access-control-allow-credentials"), Some("true"), "{reply}");
                // With credentials a star counts for nothing.
                assert_eq!(
                    reply.header("access-control-allow-headers"),
                    Some("Authorization, Content-Type, DPoP"),
                    "{reply}"
                );
                assert!(reply.list("access-control-allow-methods").contains(&method.as_str()), "{reply}");
                assert!(!reply.list("access-control-allow-methods").contains(&"*"), "{reply}");
            } else {
                assert_no_cors(&reply);
            }
        }
        for wrong in ["PUT", "DELETE", "PATCH"] {
            let call = server
                .call(Method::OPTIONS, path)
                .header("origin", LISTED)
                .header("access-control-request-method", wrong);
            assert_no_cors(&call.send().await.expect(405));
        }
    }
}

#[tokio::test]
async fn bb12_the_origin_of_one_client_is_worth_nothing_for_another() {
    let server = server().await;
    let jar = fresh(&server).await;
    let before = rows::dump(&server);
    for body in [json!({}), json!({"client_id": seeds::DEMO})] {
        for origin in [seeds::ADMIN_ORIGIN, seeds::PARTNER_ORIGIN, seeds::FOREIGN_ORIGIN] {
            let call = server.post("/api/auth/refresh").cookie(&jar).script(origin, "same-site");
            let reply = call.json(&body).send().await.expect_error(403, "origin_not_allowed");
            assert_no_cors(&reply);
            assert_no_cookies(&reply);
        }
    }
    assert_unchanged(&server, &before);
}

/// An app of somebody else's cannot sign people out of everything: it has its own cookie to give back, or the person is
/// asked at `/oauth2/logout`.
#[tokio::test]
async fn lo3_bb12_a_third_party_ends_no_session_by_the_session_cookie_alone() {
    let server = server().await;
    let jar = fresh(&server).await;
    let before = rows::dump(&server);
    for body in [json!({}), json!({"client_id": seeds::DEMO})] {
        for origin in [seeds::PARTNER_ORIGIN, seeds::FOREIGN_ORIGIN] {
            let call = server.post("/api/auth/logout").cookie(&jar).script(origin, "same-site");
            let reply = call.json(&body).send().await;
            assert!(!reply.deletes_cookie(SESSION) && !reply.deletes_cookie(DEMO_RT), "{reply}");
        }
    }
    assert_unchanged(&server, &before);
}
