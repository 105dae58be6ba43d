//! What holds for every answer of the server, whatever was asked. WH-1 to WH-10, SE-1, BB-4, BB-12, G-5, G-6.

use std::time::Duration;

use cookie::{Cookie, SameSite};
use http::StatusCode;
use url::Url;

use crate::html;
use crate::reply::Reply;
use crate::server::TestServer;

/// Fail unless everything holds. `https`: whether people see the server under https.
pub fn check(reply: &Reply, https: bool) {
    assert_ne!(reply.status, StatusCode::INTERNAL_SERVER_ERROR, "a bug was met: {reply}");
    everywhere(reply, https);
    redirects(reply);
    cookies(reply);
    cors(reply);
    if reply.header("content-type").is_some_and(|value| value.starts_with("text/html")) {
        page(reply);
    } else if reply.status != StatusCode::NOT_MODIFIED {
        assert_eq!(
            reply.header("content-security-policy"),
            Some("default-src 'none'; frame-ancestors 'none'"),
            "{reply}"
        );
    }
    if is(reply, "application/json") && reply.status.is_client_error() {
        oauth_error(reply);
    }
}

fn is(reply: &Reply, media: &str) -> bool {
    reply.header("content-type").is_some_and(|value| value.starts_with(media)) && !reply.body.is_empty()
}

/// WH-4, WH-5, WH-6, WH-7, WH-10.
fn everywhere(reply: &Reply, https: bool) {
    let header = |name| reply.header(name);
    assert_eq!(header("x-content-type-options"), Some("nosniff"), "{reply}");
    assert_eq!(header("x-frame-options"), Some("DENY"), "{reply}");
    assert!(
        header("content-security-policy").is_some_and(|policy| policy.contains("frame-ancestors 'none'")),
        "{reply}"
    );
    assert!(matches!(header("referrer-policy"), Some("same-origin" | "no-referrer" | "origin")), "{reply}");
    assert!(
        matches!(header("cross-origin-resource-policy"), Some("same-origin" | "same-site" | "cross-origin")),
        "{reply}"
    );
    assert!(header("x-request-id").is_some_and(|id| id.len() == 16), "{reply}");
    let hsts = https.then_some("max-age=63072000; includeSubDomains");
    assert_eq!(header("strict-transport-security"), hsts, "{reply}");
    for telltale in ["server", "x-powered-by"] {
        assert_eq!(header(telltale), None, "{reply}");
    }
    let cache = header("cache-control").unwrap_or_else(|| panic!("no cache-control in {reply}"));
    let cacheable = reply.status.is_success() || reply.status == StatusCode::NOT_MODIFIED;
    if cacheable {
        assert!(matches!(cache, "no-store" | "public, max-age=300" | "public, max-age=31536000, immutable"), "{reply}");
    } else {
        assert_eq!(cache, "no-store", "{reply}");
    }
    if cache != "no-store" {
        assert_eq!(reply.set_cookies(), [""; 0], "a cookie in a cacheable answer: {reply}");
    }
}

/// AZ-16, WH-3, WH-7: after credentials the method becomes GET; where a code goes, no referrer goes.
fn redirects(reply: &Reply) {
    if reply.status.is_redirection() && reply.status != StatusCode::NOT_MODIFIED {
        assert_eq!(reply.status, StatusCode::SEE_OTHER, "{reply}");
        assert_eq!(reply.header("referrer-policy"), Some("no-referrer"), "{reply}");
        assert!(reply.header("location").is_some(), "{reply}");
    } else {
        assert_eq!(reply.header("location"), None, "{reply}");
    }
}

/// SE-1, BB-4, BB-5, BB-6.
fn cookies(reply: &Reply) {
    for text in reply.set_cookies() {
        let cookie = Cookie::parse(text).unwrap();
        assert!(cookie.name().starts_with("__Host-"), "{text}");
        assert_eq!((cookie.secure(), cookie.http_only()), (Some(true), Some(true)), "{text}");
        assert_eq!((cookie.path(), cookie.domain()), (Some("/"), None), "{text}");
        let strict = cookie.name().starts_with("__Host-brama_rt_");
        assert_eq!(cookie.same_site(), Some(if strict { SameSite::Strict } else { SameSite::Lax }), "{text}");
        assert!(text.len() < 4096, "{text}");
        assert_eq!(cookie.value().matches('.').count(), 0, "an access token in a cookie? {text}");
    }
    assert!(!reply.headers_of("clear-site-data").iter().any(|value| value.contains("cookies")), "{reply}");
}

/// BB-12, WH-9.
fn cors(reply: &Reply) {
    match reply.header("access-control-allow-origin") {
        None => {
            for name in
                ["access-control-allow-credentials", "access-control-expose-headers", "access-control-allow-methods"]
            {
                assert_eq!(reply.header(name), None, "{reply}");
            }
        }
        Some("*") => assert_eq!(reply.header("access-control-allow-credentials"), None, "{reply}"),
        Some(origin) => {
            assert_ne!(origin, "null", "{reply}");
            assert!(!origin.ends_with('/'), "{reply}");
            assert!(reply.list("vary").contains(&"Origin"), "{reply}");
        }
    }
}

/// WH-1, WH-6, WH-8, WH-10, AZ-17, AZ-19.
fn page(reply: &Reply) {
    assert_eq!(reply.header("content-type"), Some("text/html; charset=utf-8"), "{reply}");
    let policy = reply.header("content-security-policy").unwrap();
    // A page that posts an answer to an app may do so, and nothing else.
    let posts_away = html::form_post(reply.text()).is_some();
    let (rest, targets) = match policy.split_once("form-action 'self'") {
        Some((before, after)) => {
            let (targets, after) = after.split_once(';').unwrap_or((after, ""));
            (format!("{before}{after}"), targets)
        }
        None => (policy.to_owned(), ""),
    };
    assert_eq!(!targets.is_empty(), posts_away, "{policy}");
    assert!(matches!(targets, "" | " https:" | " https: http:"), "{policy}");
    for unsafe_word in ["unsafe-inline", "unsafe-eval", "*", "http:", "https:"] {
        assert!(!rest.contains(unsafe_word), "{policy}");
    }
    let nonce =
        policy.split_once("script-src 'nonce-").and_then(|(_, rest)| rest.split_once('\'')).map(|(nonce, _)| nonce);
    let Some(nonce) = nonce else {
        // The list of the SDK's errors is a document without scripts.
        assert!(!reply.text().contains("<script"), "{reply}");
        return;
    };
    assert_eq!(nonce.len(), 24, "128 bits in base64: {policy}");
    for directive in
        ["default-src 'none'", "form-action 'self'", "base-uri 'none'", "require-trusted-types-for 'script'"]
    {
        assert!(policy.contains(directive), "{policy}");
    }
    assert_eq!(reply.header("cache-control"), Some("no-store"), "{reply}");
    let text = reply.text();
    for script in text.split("<script").skip(1) {
        let tag = script.split('>').next().unwrap();
        assert!(html::unescape(tag).contains(&format!("nonce=\"{nonce}\"")), "a script without the nonce: {tag}");
    }
    let text = text.replace(" value=\"javascript:", " value=\"").replace(" value=\"data:text", " value=\"");
    for tag in text.split('<').skip(1).map(|rest| rest.split('>').next().unwrap()) {
        for inline in [" style=", " onclick=", " onload=", " onsubmit=", " onerror=", "=\"javascript:", "=\"data:text"]
        {
            assert!(!tag.contains(inline), "{inline} in {reply}");
        }
    }
}

/// G-6: `error` and `error_description` have the characters of RFC 6749 §5.2 only; nobody else's words are in them.
fn oauth_error(reply: &Reply) {
    let json = reply.json();
    let members: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["error", "error_description", "error_uri"], "{reply}");
    for member in members {
        let text = json[member].as_str().unwrap();
        assert!(text.bytes().all(|byte| matches!(byte, 0x20 | 0x21 | 0x23..=0x5b | 0x5d..=0x7e)), "{reply}");
    }
}

/// Addresses outside to which an answer leads by itself or at the press of its button, and that no app has registered:
/// nobody is sent there, with or without a code. Where the request says which app it is about, only the addresses of that app
/// count. Compared with the database as it is now; if that does not answer, no address is a registered one. REDIR-12.
///
/// `form`: what the request had in its body.
pub async fn strays(server: &TestServer, reply: &Reply, form: &[u8]) -> Vec<String> {
    let text = if is(reply, "text/html") { reply.text() } else { "" };
    let links = html::tags(text, "a").filter(|tag| tag.contains("id=\"leave\""));
    let links = links.filter_map(|tag| html::attribute(&format!(" {tag}"), "href"));
    let forms = html::forms(text).into_iter().map(|form| form.action);
    let targets =
        forms.chain(links).chain(html::continuation(text)).chain(reply.header("location").map(ToOwned::to_owned));
    let issuer = Url::parse(server.issuer()).unwrap();
    // As a browser reads it: `//elsewhere` is outside.
    let inside = |target: &str| issuer.join(target).is_ok_and(|url| url.origin() == issuer.origin());
    let mut outside: Vec<String> = targets.filter(|target| !inside(target)).collect();
    if outside.is_empty() {
        return outside;
    }
    let app = app_of(server, reply, form).await;
    // In a flood the store refuses many: asked again, it answers.
    let mut records = server.store.list_clients().await;
    for _ in 0..100 {
        if records.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        records = server.store.list_clients().await;
    }
    for record in records.unwrap_or_default() {
        let client = &record.client;
        if app.as_ref().is_some_and(|app| *app != client.id.as_str()) {
            continue;
        }
        for registered in client.redirect_uris.iter().chain(&client.post_logout_redirect_uris) {
            outside.retain(|target| !leads_to(target, registered.as_str()));
        }
    }
    outside
}

/// The app that a request is about: the one it names, or that of the authorization it names. Nothing: it names none, or two.
async fn app_of(server: &TestServer, reply: &Reply, form: &[u8]) -> Option<String> {
    let (path, query) = reply.target.split_once('?').unwrap_or((&reply.target, ""));
    let sent: Vec<_> = form_urlencoded::parse(query.as_bytes()).chain(form_urlencoded::parse(form)).collect();
    let one = |wanted: &str| {
        let mut values = sent.iter().filter(|(name, _)| name == wanted).map(|(_, value)| value.to_string());
        let value = values.next()?;
        values.all(|other| other == value).then_some(value)
    };
    if matches!(path, "/oauth2/authorize" | "/oauth2/logout" | "/signed-out") {
        return one("client_id");
    }
    let found = server.store.find_authorization(one("tx")?.parse().ok()?).await;
    found.ok().flatten().map(|authorization| authorization.asked.client.to_string())
}

/// Whether an address is a registered one with a response in its query. Only the port of this machine is free.
fn leads_to(target: &str, registered: &str) -> bool {
    let exactly = |target: &str, registered: &str| {
        let more = if registered.contains('?') { '&' } else { '?' };
        target
            .strip_prefix(registered)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(more) || registered.ends_with('?'))
    };
    let portless = |text: &str| {
        let mut url = Url::parse(text).ok().filter(|url| url.scheme() == "http")?;
        url.set_port(None).ok().map(|()| url.to_string())
    };
    exactly(target, registered)
        || portless(target).zip(portless(registered)).is_some_and(|(target, registered)| exactly(&target, &registered))
}
