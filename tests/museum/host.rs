//! Class HOST: what a request says about names decides nothing.

use std::collections::BTreeMap;

use brama_testkit::{Browser, Call, RelyingParty, Reply, TestServer, html, seeds};
use http::Method;

use crate::routes::cases;
use crate::sockets::{exchange, status};
use crate::support::{SESSION, signed_in_to};

const EVIL: &str = "evil.example";

/// Headers by which proxies and frameworks are told another name, address or path.
const NAMING: &[(&str, &str)] = &[
    ("forwarded", "for=203.0.113.9;host=evil.example;proto=http"),
    ("x-forwarded-host", EVIL),
    ("x-forwarded-host", "evil.example, id.example.com"),
    ("x-forwarded-server", EVIL),
    ("x-forwarded-proto", "http"),
    ("x-forwarded-scheme", "http"),
    ("x-forwarded-ssl", "off"),
    ("x-forwarded-port", "8666"),
    ("x-forwarded-prefix", "/evil.example"),
    ("x-forwarded-uri", "https://evil.example/"),
    ("x-forwarded-for", "203.0.113.9"),
    ("x-host", EVIL),
    ("x-http-host-override", EVIL),
    ("x-original-host", EVIL),
    ("x-original-url", "/oauth2/jwks"),
    ("x-rewrite-url", "/oauth2/jwks"),
    ("x-http-method-override", "DELETE"),
    ("x-method-override", "DELETE"),
    ("x-script-name", "/evil.example"),
    ("front-end-https", "off"),
    ("via", EVIL),
    ("cf-connecting-ip", "203.0.113.9"),
];

/// A request with all of them.
fn named(call: Call<'_>) -> Call<'_> {
    NAMING.iter().fold(call, |call, (name, value)| call.header(name, value))
}

/// All that an answer says, but for what is random.
fn said(reply: &Reply) -> String {
    let mut random: Vec<String> = reply.set_cookies().iter().map(|text| value_of(text)).collect();
    for form in
        html::forms(if reply.header("content-type") == Some("text/html; charset=utf-8") { reply.text() } else { "" })
    {
        random.extend(form.fields.into_values().filter(|value| value.len() >= 16));
    }
    if let Some((_, rest)) = reply.header("content-security-policy").and_then(|policy| policy.split_once("'nonce-")) {
        random.push(rest.split_once('\'').unwrap().0.to_owned());
    }
    let query = reply.header("location").and_then(|location| location.split_once('?')).map_or("", |(_, query)| query);
    random.extend(query.split(['=', '&']).filter(|value| value.len() >= 30).map(ToOwned::to_owned));
    random.push(reply.header("x-request-id").unwrap().to_owned());
    let mut headers: BTreeMap<&str, &str> =
        reply.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    // A document that was kept has its length from the connection.
    headers.remove("content-length");
    let whole = format!("{} {headers:?}\n{}", reply.status, String::from_utf8_lossy(&reply.body));
    random.iter().filter(|text| !text.is_empty()).fold(html::unescape(&whole), |whole, text| {
        whole.replace(text.as_str(), "…").replace(&html::unescape(text), "…")
    })
}

/// Of a `Set-Cookie`.
fn value_of(text: &str) -> String {
    text.split_once('=').unwrap().1.split(';').next().unwrap().to_owned()
}

/// Links, issuer, redirects and cookies followed the headers of the request. There are no mails; every route of the table.
#[tokio::test]
async fn host_01_forwarding_headers_change_no_answer() {
    let server = TestServer::with(|options| options.unlimited_addresses()).await;
    let usual = TestServer::with(|options| options.unlimited_addresses()).await;
    for case in cases(&usual).await {
        let plain = said(&case.empty(&usual).send().await);
        // First of all with all of them, so that nothing of it may be kept for others.
        assert_eq!(said(&named(case.empty(&server)).send().await), plain, "all of them");
        for (name, value) in NAMING {
            // A condition keeps the answer from being one that was kept.
            for condition in [None, Some("\"x\"")] {
                let reply = case.empty(&server).maybe("if-none-match", condition).header(name, value).send().await;
                assert_eq!(said(&reply), plain, "{name}: {value}");
                assert!(!said(&reply).contains("evil"), "{reply}");
            }
        }
        assert_eq!(said(&case.empty(&server).send().await), plain, "afterwards");
    }
}

/// The same for somebody who signs in: where the answer goes, what the tokens say, what the cookies are.
#[tokio::test]
async fn host_01_nobody_is_sent_or_named_after_a_header() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    let mut browser = Browser::new(&server);
    let code = browser.sign_in_for(&shop).await;
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code.code()),
        ("redirect_uri", seeds::SHOP_REDIRECT),
        ("code_verifier", &shop.verifier),
    ];
    let reply = named(server.post("/oauth2/token").form(&fields));
    let reply = reply.basic(seeds::SHOP, &seeds::secret(seeds::SHOP)).send().await.expect(200);
    for token in [reply.member("access_token"), reply.member("id_token")] {
        assert_eq!(brama_testkit::tokens::peek(&token).1["iss"], server.issuer());
    }
    let session = format!("{SESSION}={}", browser.jar.get(SESSION).unwrap());
    let call = server.get(&shop.authorize_url(&[("prompt", "none")])).cookie(&session);
    let reply = named(call).send().await.expect(303);
    let issuer: String = url::form_urlencoded::byte_serialize(server.issuer().as_bytes()).collect();
    assert!(reply.location().starts_with(seeds::SHOP_REDIRECT) && reply.location().contains(&issuer), "{reply}");
}

/// Names that are not ours, though they look like it. Requests that name a host twice or nowhere: `tests/sockets.rs`.
#[tokio::test]
async fn host_02_another_spelling_of_the_host_is_another_host() {
    let server = TestServer::start().await;
    for host in [
        "id.example.com.evil.example",
        "id.example.comx",
        "id.example.com:443",
        "id.example.com:8666",
        "id.example.com:",
        "id.example.com.",
        "id.example.com/",
        "id.example.com#@evil.example",
        "id.example.com?evil.example",
        "id.example.com@evil.example",
        "id.example.com:x@evil.example",
        "user@id.example.com",
        "user:password@id.example.com",
        "evil.example/id.example.com",
        "evil.example, id.example.com",
        "id.example.com, evil.example",
        "id.example.com evil.example",
        " id.example.com",
        "xid.example.com",
        "id%2eexample.com",
        "https://id.example.com",
        "[::1]",
        "[::ffff:192.0.2.1]",
        "[id.example.com]",
        "192.0.2.1",
        "localhost",
        "",
    ] {
        for path in ["/sign-in", "/oauth2/jwks", "/.well-known/openid-configuration", "/nothing-here"] {
            let reply = server.get(path).host(Some(host)).send().await.expect(421);
            assert!(!reply.text().contains("evil"), "{reply}");
        }
    }
    assert_eq!(server.get("/sign-in").host(None).send().await.status, 421);
    assert_eq!(server.get("/sign-in").host(Some("ID.Example.COM")).send().await.status, 200);
}

/// The same on a real connection: the host of the request line, and several of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn host_02_the_request_line_and_the_header_name_one_host() {
    let server = TestServer::start().await;
    let address = server.listen().await;
    let at = |authority: &str| format!("http://{authority}/oauth2/jwks");
    let ours = "Host: id.example.com\r\n";
    for (target, hosts) in [
        (at("evil.example"), ours),
        (at("id.example.com:443"), ours),
        (at("id.example.com@evil.example"), ours),
        (at("evil.example@id.example.com"), ours),
        (at("id.example.com:x@evil.example"), ours),
        (at("id.example.com."), ours),
        (at("[::1]"), ours),
        (at("[::ffff:192.0.2.1]"), ours),
        (at(""), ours),
        ("//evil.example/oauth2/jwks".to_owned(), "Host: evil.example\r\n"),
        ("/oauth2/jwks".to_owned(), "Host: id.example.com\r\nHost: evil.example\r\n"),
        ("/oauth2/jwks".to_owned(), "Host: evil.example\r\nHost: id.example.com\r\n"),
        ("/oauth2/jwks".to_owned(), "Host: id.example.com\r\n evil.example\r\n"),
        ("/oauth2/jwks".to_owned(), "Host : evil.example\r\nHost: id.example.com\r\n"),
        ("/oauth2/jwks".to_owned(), "Host:\r\n"),
        ("/oauth2/jwks".to_owned(), "Host: id.example.com, evil.example\r\n"),
        ("/oauth2/jwks".to_owned(), "X: y\r\n"),
    ] {
        let request = format!("GET {target} HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n");
        let answer = exchange(address, request.as_bytes()).await;
        assert!(matches!(status(&answer), "400" | "421" | "closed"), "{request:?}: {answer}");
        assert!(!answer.contains("evil"), "{request:?}: {answer}");
    }
    let plain = format!("GET /oauth2/jwks HTTP/1.1\r\n{ours}Connection: close\r\n\r\n");
    assert_eq!(status(&exchange(address, plain.as_bytes()).await), "200");
}

/// A document that depends on the host was kept for others. Every cacheable route, cold and warm.
#[tokio::test]
async fn host_03_an_unknown_host_gets_one_answer_and_leaves_nothing_behind() {
    let server = TestServer::start().await;
    let usual = TestServer::start().await;
    for case in cases(&usual).await {
        if matches!(case.path.as_str(), "/livez" | "/readyz") {
            // A load balancer asks by address; nothing there depends on a name.
            continue;
        }
        let plain = said(&case.empty(&usual).send().await);
        let mut refusals = std::collections::BTreeSet::new();
        for host in [EVIL, "id.example.org", "192.0.2.1"] {
            for round in ["cold", "warm", "warm again"] {
                let reply = case.empty(&server).host(Some(host)).send().await;
                assert_eq!(reply.status, 421, "{round} {host}: {reply}");
                assert_eq!(reply.header("cache-control"), Some("no-store"), "{reply}");
                assert_eq!((reply.header("etag"), reply.header("location")), (None, None), "{reply}");
                refusals.insert(said(&reply));
                assert_eq!(said(&case.empty(&server).send().await), plain, "{round}");
            }
        }
        assert_eq!(refusals.len(), 1, "{refusals:#?}");
    }
}

/// The host chose the tenant. One server is one issuer here; two of them share nothing, whatever they are called.
#[tokio::test]
async fn host_04_a_flow_of_one_issuer_is_none_at_another() {
    let ours = TestServer::start().await;
    let theirs = TestServer::with(|options| options.issuer("https://id.example.org")).await;
    let shop = RelyingParty::shop();
    let page = Browser::new(&ours).authorize(&shop, &[]).await.page();
    let form = html::form(page.text(), "/sign-in").unwrap();
    // The flow with the other host, at either server.
    for (server, host) in [(&ours, "id.example.org"), (&theirs, "id.example.com")] {
        let fields: Vec<(&str, &str)> = form.fields.iter().map(|(name, value)| (&**name, &**value)).collect();
        let _ = server.post("/sign-in").host(Some(host)).form(&fields).send().await.expect(421);
        let target = format!("/sign-in?tx={}", form.fields["tx"]);
        let _ = server.call(Method::GET, &target).host(Some(host)).send().await.expect(421);
    }
    // The flow at the other server under its own name: a page that knows nothing of it.
    let mut stranger = Browser::new(&theirs);
    let page = stranger.visit(&format!("/sign-in?tx={}", form.fields["tx"])).await.page();
    assert_ne!(html::form(page.text(), "/sign-in").unwrap().fields["tx"], form.fields["tx"]);
    let filled = [("username", seeds::OLENA), ("password", seeds::PASSWORD)];
    let reply = stranger.submit_step(&form, &filled).await;
    assert!(reply.cookie_value(SESSION).is_none(), "{reply}");
    // Tokens and codes of one are nothing at the other.
    let tokens = signed_in_to(&ours, &shop).await;
    let _ = theirs.get("/userinfo").bearer(&tokens.access).send().await.expect(401);
    let code = Browser::new(&ours).sign_in_for(&shop).await;
    let _ = shop.redeem(&theirs, code.code()).await.expect_error(400, "invalid_grant");
    let _ = shop.refresh(&theirs, &tokens.refresh).await.expect_error(400, "invalid_grant");
    let ask = async |server: &TestServer| {
        let call = server.post("/oauth2/introspect").basic(seeds::SHOP, &seeds::secret(seeds::SHOP));
        call.form(&[("token", &tokens.refresh)]).send().await.expect(200).json()
    };
    assert_eq!(ask(&theirs).await, serde_json::json!({ "active": false }));
    // And still all at their own.
    assert_eq!(ask(&ours).await["active"], true);
    let _ = shop.redeem(&ours, code.code()).await.expect(200);
    let _ = shop.refresh(&ours, &tokens.refresh).await.expect(200);
}
