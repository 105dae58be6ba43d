//! The whole head of an answer, one per class of route. Identity §8: WH-1 to WH-10.

use brama_testkit::{Browser, RelyingParty, Reply, TestServer, seeds};
use http::Method;

/// All headers in order of name, with what differs from answer to answer masked.
fn head(reply: &Reply) -> String {
    let mut lines = vec![reply.status.as_u16().to_string()];
    let mut named: Vec<(&str, &str)> =
        reply.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    named.sort_unstable();
    for (name, value) in named {
        let value = match name {
            "x-request-id" | "etag" | "content-length" => "…",
            _ => value,
        };
        let value = match value.split_once("'nonce-") {
            Some((before, rest)) => format!("{before}'nonce-…'{}", rest.split_once('\'').unwrap().1),
            None => value.split_once("brama_tx=").map_or(value.to_owned(), |(before, rest)| {
                format!("{before}brama_tx=…;{}", rest.split_once(';').unwrap().1)
            }),
        };
        lines.push(format!("{name}: {value}"));
    }
    lines.join("\n")
}

const PAGE: &str = "cache-control: no-store
content-length: …
content-security-policy: default-src 'none'; script-src 'nonce-…'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'
content-type: text/html; charset=utf-8
cross-origin-opener-policy: same-origin
cross-origin-resource-policy: same-origin
permissions-policy: PERMISSIONS
referrer-policy: same-origin
strict-transport-security: max-age=63072000; includeSubDomains
x-content-type-options: nosniff
x-frame-options: DENY
x-request-id: …
x-robots-tag: noindex";

/// A page's head; the exact list of permissions is asserted on its own.
fn page_head(reply: &Reply, extra: &[&str]) -> (String, String) {
    let permissions = reply.header("permissions-policy").unwrap();
    let mut wanted: Vec<String> = PAGE.replace("PERMISSIONS", permissions).lines().map(ToOwned::to_owned).collect();
    wanted.extend(extra.iter().map(|line| (*line).to_owned()));
    wanted.sort_unstable();
    (head(reply).split_once('\n').unwrap().1.to_owned(), wanted.join("\n"))
}

#[tokio::test]
async fn wh1_to_wh10_az17_az19_pages() {
    let server = TestServer::start().await;
    let tx = "set-cookie: __Host-brama_tx=…; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=1800";
    let (found, wanted) = page_head(&Browser::new(&server).step(None, "/sign-in").await.expect(200), &[tx]);
    assert_eq!(found, wanted);
    let (found, wanted) = page_head(&Browser::new(&server).step(None, "/signed-out").await.expect(200), &[]);
    assert_eq!(found, wanted);
    let (found, wanted) = page_head(&Browser::new(&server).step(None, "/oauth2/authorize").await.expect(400), &[]);
    assert_eq!(found, wanted);
    let (found, wanted) = page_head(&Browser::new(&server).step(None, "/error/B2104").await.expect(200), &[]);
    assert_eq!(found, wanted);
    // WH-6.
    let page = Browser::new(&server).step(None, "/sign-in").await;
    let permissions = page.header("permissions-policy").unwrap();
    for feature in [
        "camera=()",
        "microphone=()",
        "geolocation=()",
        "payment=()",
        "usb=()",
        "serial=()",
        "hid=()",
        "display-capture=()",
    ] {
        assert!(permissions.contains(feature), "{permissions}");
    }
    for feature in ["publickey-credentials-get=(self)", "publickey-credentials-create=(self)"] {
        assert!(permissions.contains(feature), "{permissions}");
    }
}

#[tokio::test]
async fn wh6_wh8_refused_pages_have_the_head_of_pages_too() {
    let server = TestServer::start().await;
    for (method, target, status) in [
        (Method::GET, "/nothing-here", 404),
        (Method::DELETE, "/sign-in", 405),
        (Method::POST, "/sign-in", 403),
        (Method::GET, "/error/B0000", 404),
    ] {
        let reply = server.call(method, target).header("origin", "https://evil.example").send().await.expect(status);
        assert_eq!(reply.header("content-type"), Some("text/html; charset=utf-8"), "{reply}");
        for name in ["cross-origin-opener-policy", "permissions-policy", "x-robots-tag"] {
            assert!(reply.header(name).is_some(), "{name}: {reply}");
        }
    }
}

#[tokio::test]
async fn wh7_az19_a_redirect_tells_the_app_nothing_of_us() {
    let server = TestServer::start().await;
    let reply =
        Browser::new(&server).step(None, &RelyingParty::shop().authorize_url(&[("prompt", "none")])).await.expect(303);
    let location = reply.location().to_owned();
    assert_eq!(
        head(&reply).replace(&location, "LOCATION").replace(reply.header("permissions-policy").unwrap(), "PERMISSIONS"),
        "303
cache-control: no-store
content-length: …
content-security-policy: default-src 'none'; frame-ancestors 'none'
cross-origin-opener-policy: same-origin
cross-origin-resource-policy: same-origin
location: LOCATION
permissions-policy: PERMISSIONS
referrer-policy: no-referrer
set-cookie: __Host-brama_tx=…; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=1800
strict-transport-security: max-age=63072000; includeSubDomains
x-content-type-options: nosniff
x-frame-options: DENY
x-request-id: …
x-robots-tag: noindex"
    );
}

#[tokio::test]
async fn wh10_g5_the_token_endpoint() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    let answer = Browser::new(&server).sign_in_for(&shop).await;
    let wanted = "cache-control: no-store
content-length: …
content-security-policy: default-src 'none'; frame-ancestors 'none'
content-type: application/json
cross-origin-resource-policy: same-site
referrer-policy: same-origin
strict-transport-security: max-age=63072000; includeSubDomains
vary: Cookie, Sec-Fetch-Site
vary: Origin";
    let rest = "x-content-type-options: nosniff
x-frame-options: DENY
x-request-id: …";
    assert_eq!(head(&shop.redeem(&server, answer.code()).await), format!("200\n{wanted}\n{rest}"));
    let refused = head(&shop.redeem(&server, "x").await);
    assert_eq!(refused, format!("400\n{wanted}\n{rest}"));
    let wrong = RelyingParty { secret: Some("x".to_owned()), ..shop };
    let refused = head(&wrong.redeem(&server, "x").await);
    assert_eq!(refused, format!("401\n{wanted}\nwww-authenticate: Basic realm=\"brama\"\n{rest}"));
}

#[tokio::test]
async fn wh10_documents_and_files() {
    let server = TestServer::start().await;
    let common = "referrer-policy: same-origin
strict-transport-security: max-age=63072000; includeSubDomains
x-content-type-options: nosniff
x-frame-options: DENY
x-request-id: …";
    let policy = "content-security-policy: default-src 'none'; frame-ancestors 'none'";
    assert_eq!(
        head(&server.get("/oauth2/jwks").send().await),
        format!(
            "200\naccess-control-allow-origin: *\ncache-control: public, max-age=300\ncontent-length: …\n{policy}\n\
             content-type: application/json\ncross-origin-resource-policy: cross-origin\netag: …\n{common}"
        )
    );
    let page = server.get("/sign-in").send().await;
    let tag = brama_testkit::html::tags(page.text(), "link").find(|tag| tag.contains("stylesheet")).unwrap();
    let style = brama_testkit::html::attribute(&format!(" {tag}"), "href").unwrap();
    assert_eq!(
        head(&server.get(&style).send().await),
        format!(
            "200\ncache-control: public, max-age=31536000, immutable\ncontent-length: …\n{policy}\n\
             content-type: text/css; charset=utf-8\ncross-origin-resource-policy: same-origin\netag: …\n{}",
            common.replace("\nx-content", "\nvary: accept-encoding\nx-content")
        )
    );
    let script = server.get("/sdk/brama.js").send().await.expect(200);
    assert_eq!(script.header("content-type"), Some("text/javascript; charset=utf-8"));
    assert_eq!(script.header("access-control-allow-origin"), Some("*"));
    for unknown in [
        "/assets/none.css",
        "/assets/../Cargo.toml",
        "/sdk/none.js",
        "/sdk/../brama.js",
        "/sdk/test/fetch.test.js",
        "/sdk/package.json",
    ] {
        assert_eq!(server.get(unknown).send().await.status, 404, "{unknown}");
    }
}

#[tokio::test]
async fn a3_se21_no_script_of_ours_keeps_anything_and_no_cookie_is_readable() {
    // That every cookie is HttpOnly holds for each answer of each test: `invariants`.
    let server = TestServer::start().await;
    let mut browser = Browser::new(&server);
    let mut scripts = std::collections::BTreeSet::new();
    for target in ["/sign-in", "/signed-out", "/account", &RelyingParty::shop().authorize_url(&[])] {
        let page = browser.visit(target).await.page();
        scripts.extend(
            brama_testkit::html::tags(page.text(), "script")
                .filter_map(|tag| brama_testkit::html::attribute(&format!(" {tag}"), "src")),
        );
    }
    assert!(!scripts.is_empty());
    for script in scripts {
        let reply = server.get(&script).send().await.expect(200);
        for store in ["localStorage", "sessionStorage", "indexedDB", "document.cookie"] {
            assert!(!reply.text().contains(store), "{store} in {script}");
        }
    }
}

#[tokio::test]
async fn wh1_no_two_nonces_are_equal() {
    let server = TestServer::start().await;
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..50 {
        let reply = server.get("/sign-in").send().await;
        assert!(seen.insert(reply.header("content-security-policy").unwrap().to_owned()));
        assert!(seen.insert(reply.header("x-request-id").unwrap().to_owned()));
    }
}

#[tokio::test]
async fn wh5_plain_http_for_development_promises_no_https() {
    let server = TestServer::with(|options| options.issuer("http://localhost:8420")).await;
    for path in ["/sign-in", "/oauth2/jwks", "/api/auth/me", "/nothing-here"] {
        assert_eq!(server.get(path).send().await.header("strict-transport-security"), None);
    }
    // Chromium and Firefox treat localhost as secure enough for __Host- cookies.
    let mut browser = Browser::new(&server);
    let body = serde_json::json!({"username": seeds::OLENA, "password": seeds::PASSWORD});
    assert_eq!(browser.post_json("http://localhost:8420", "/api/auth/login", Some(body)).await.status, 200);
}
