//! Class HTTP: CORS, framing of messages (`framing`) and of pages, cookies, parameters where they do not belong.

mod framing;

use brama_http::routes::{Access, Cors, Csrf, Speech};
use brama_protocol::client::GrantType;
use brama_testkit::{Browser, RelyingParty, Reply, TestServer, seeds};
use http::Method;
use serde_json::{Value, json};

use crate::addresses::guess;
use crate::routes::cases;
use crate::support::{DEMO_RT, SESSION, TX, assert_no_cors, logged_in, signed_in_to};

/// Origins that look like a listed one to a pattern, a prefix, a suffix or a parser that forgives.
const STRANGERS: &[&str] = &[
    "https://evil.example",
    "null",
    "NULL",
    "*",
    "https://*.example.com",
    "https://app.example.com.evil.example",
    "https://app.example.evil",
    "https://app.example.comx",
    "https://evilapp.example.com",
    "https://xapp.example.com",
    "https://appxexample.com",
    "https://app-example.com",
    "https://sub.app.example.com",
    "https://app.example.com.",
    "https://app.example.com/",
    "https://app.example.com/callback",
    "https://app.example.com?x",
    "https://app.example.com#x",
    "https://app.example.com:443",
    "https://app.example.com:8443",
    "https://app.example.com:",
    "http://app.example.com",
    "HTTPS://APP.EXAMPLE.COM",
    "//app.example.com",
    "app.example.com",
    "https://app.example.com@evil.example",
    "https://evil.example@app.example.com",
    "https://evil.example\\@app.example.com",
    "https://evil.example#https://app.example.com",
    "https://app.example.com https://evil.example",
    "https://evil.example, https://app.example.com",
    "https://app%2eexample.com",
    "https://app.example.com%60.evil.example",
    "file://",
    "chrome-extension://app.example.com",
    "capacitor://localhost",
    "http://localhost",
    "https://localhost:3000",
    "",
];

/// Every origin was echoed, with credentials. Every route, simple and preflighted; `ListedWithCredentials` are the cookie
/// endpoints of first-party apps alone, and no page has CORS at all.
#[tokio::test]
async fn http_01_only_listed_origins_as_they_are_written_may_read() {
    let server = TestServer::with(|options| options.unlimited_addresses()).await;
    let browser = logged_in(&server).await;
    let session = format!("{SESSION}={}", browser.jar.get(SESSION).unwrap());
    for case in cases(&server).await {
        assert!(case.row.speech != Speech::Page || case.row.cors == Cors::None, "{}", case.name());
        if case.row.cors == Cors::Any {
            continue;
        }
        for origin in STRANGERS {
            let site = if origin.contains("app.example.com") { "same-site" } else { "cross-site" };
            let call = case.empty(&server).script(origin, site).cookie(&session);
            let reply = call.send().await;
            assert_no_cors(&reply);
            let preflight = server.call(Method::OPTIONS, &case.path).header("origin", origin);
            let preflight = preflight.header("access-control-request-headers", "authorization, dpop, x-evil");
            assert_no_cors(&preflight.header("access-control-request-method", case.row.method).send().await);
        }
        // Two origins, each of which would be fine.
        let call = case.empty(&server).header("origin", seeds::APP_ORIGIN).header("origin", seeds::APP_ORIGIN);
        assert_no_cors(&call.send().await);
    }
}

/// Answers may be read from the origins of every client, since nobody knows for which client a preflight is; what they say
/// is about the clients that list the origin. One that only another client lists gets nothing of this one. BB-12.
#[tokio::test]
async fn http_01_an_origin_of_another_client_gets_nothing_of_this_one() {
    let server = TestServer::with(|options| options.unlimited_addresses()).await;
    let mut browser = logged_in(&server).await;
    let refresh = browser.jar.get(DEMO_RT).unwrap().to_owned();
    let jar = format!("{SESSION}={}; {DEMO_RT}={refresh}", browser.jar.get(SESSION).unwrap());
    let listed = [
        (seeds::ADMIN_ORIGIN, "same-site"),
        (seeds::PARTNER_ORIGIN, "same-site"),
        (seeds::FOREIGN_ORIGIN, "cross-site"),
    ];
    let login = json!({ "username": seeds::OLENA, "password": seeds::PASSWORD, "client_id": seeds::DEMO });
    let chosen = json!({ "client_id": seeds::DEMO });
    let mut seen = 0;
    for case in cases(&server).await {
        // Signing out by any of our apps is for all of them: `tests/api_auth/several_apps.rs`.
        if case.row.csrf != Csrf::CookieEndpoint || case.path.ends_with("/logout") {
            continue;
        }
        for (origin, site) in listed {
            let bodies: &[&Value] = if case.row.method == "POST" { &[&login, &chosen] } else { &[] };
            let mut calls = vec![case.empty(&server)];
            calls.extend(bodies.iter().map(|body| case.call(&server).json(body)));
            for call in calls {
                let reply = call.script(origin, site).cookie(&jar).send().await;
                seen += 1;
                assert!(reply.status.is_client_error(), "{} {origin}: {reply}", case.name());
                assert!(!reply.text().contains("access_token"), "{} {origin}: {reply}", case.name());
                let cookies = [reply.cookie_value(DEMO_RT), reply.cookie_value(SESSION)];
                assert!(
                    cookies.iter().all(|value| value.as_deref().unwrap_or_default().is_empty()),
                    "{origin}: {reply}"
                );
            }
        }
    }
    assert!(seen >= 20, "{seen}");
    // Nothing of it has touched the app's own.
    let reply = browser.post_json(seeds::APP_ORIGIN, "/api/auth/refresh", None).await.expect(200);
    assert!(reply.cookie_value(DEMO_RT).is_some_and(|value| value != refresh), "{reply}");
}

/// A header in another spelling said who is there. No header does here: every route that wants somebody, each spelling.
#[tokio::test]
async fn http_03_no_header_says_who_somebody_is() {
    let server = TestServer::with(|options| options.unlimited_addresses()).await;
    let usual = TestServer::with(|options| options.unlimited_addresses()).await;
    let names = [
        "x-forwarded-user",
        "x-forwarded-email",
        "x-forwarded-preferred-username",
        "x-forwarded-access-token",
        "x-auth-request-user",
        "x-auth-request-email",
        "x-remote-user",
        "remote-user",
        "x-user",
        "x-webauth-user",
        "x-authenticated-user",
        "x-ssl-client-s-dn",
        "ssl-client-s-dn",
        "x-client-cert",
        "x-forwarded-client-cert",
        "x-original-authorization",
    ];
    for case in cases(&usual).await {
        if case.row.access == Access::Public {
            continue;
        }
        let plain = case.empty(&usual).send().await;
        for name in names {
            for spelling in [name.to_owned(), name.replace('-', "_"), name.replacen('-', "_", 1)] {
                let call = case.empty(&server).header(&spelling, seeds::OLENA).header(&spelling, "admin");
                let reply = call.send().await;
                assert_eq!(reply.status, plain.status, "{} {spelling}: {reply}", case.name());
                assert_eq!(reply.header("content-type"), plain.header("content-type"), "{spelling}: {reply}");
            }
        }
    }
}

/// The one header that a trusted proxy is believed in has one spelling.
#[tokio::test]
async fn http_03_an_underscore_is_no_hyphen() {
    let server = TestServer::with(|options| options.proxies.proxies = vec!["10.0.0.0/8".parse().unwrap()]).await;
    // Whoever smuggles another address with each guess is still one address: that of the proxy.
    for number in 0..30 {
        let call = guess(&server, number).peer("10.0.0.1").header("x_forwarded_for", &format!("203.0.113.{number}"));
        assert_eq!(call.send().await.status, 401, "{number}");
    }
    for name in ["x_forwarded_for", "x-forwarded_for", "x_forwarded-for", "http_x_forwarded_for"] {
        let call = guess(&server, 99).peer("10.0.0.1").header(name, "198.51.100.7");
        assert_eq!(call.send().await.status, 429, "{name}");
    }
}

/// What an answer says, but for what is new in each: handles and signed tokens.
fn said(reply: &Reply) -> (u16, Value) {
    let mut json = if reply.body.is_empty() { Value::Null } else { reply.json() };
    for name in ["access_token", "id_token", "refresh_token", "request_uri"] {
        if let Some(value) = json.get_mut(name) {
            *value = json!("…");
        }
    }
    (reply.status.as_u16(), json)
}

/// Parameters of the query counted. Every endpoint that takes a form of a client, every grant: what works in the body is
/// nothing in the query.
#[tokio::test]
async fn http_04_parameters_in_the_query_are_not_read() {
    let server = TestServer::with(|options| options.unlimited_addresses()).await;
    let shop = RelyingParty::shop();
    let secret = seeds::secret(seeds::SHOP);
    let query = |fields: &[(String, String)]| {
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
    };
    let mut seen = 0;
    for case in cases(&server).await {
        if case.row.method != "POST" || !matches!(case.row.csrf, Csrf::NoCookies) || case.row.speech != Speech::OAuth {
            continue;
        }
        if case.path == "/oauth2/register" {
            // JSON alone.
            continue;
        }
        seen += 1;
        let tokens = signed_in_to(&server, &shop).await;
        let mut fields = shop.parameters(&[]);
        for (name, value) in [
            ("client_id", seeds::SHOP),
            ("client_secret", &secret),
            ("grant_type", GrantType::RefreshToken.as_str()),
            ("refresh_token", &tokens.refresh),
            ("token", &tokens.access),
        ] {
            fields.retain(|(known, _)| known != name);
            fields.push((name.to_owned(), value.to_owned()));
        }
        fields.retain(|(name, _)| case.path == "/oauth2/par" || !["response_type", "state"].contains(&name.as_str()));
        let nobody = case.empty(&server).send().await;
        let in_query = server.post(&format!("{}?{}", case.path, query(&fields))).form(&[]).send().await;
        assert_eq!((in_query.status, in_query.text()), (nobody.status, nobody.text()), "{}", case.name());
        // One in the query, the others in the body.
        for (name, value) in &fields {
            let rest: Vec<(&str, &str)> =
                fields.iter().filter(|(other, _)| other != name).map(|(name, value)| (&**name, &**value)).collect();
            let without = server.post(&case.path).form(&rest).send().await;
            let target = format!("{}?{}", case.path, query(&[(name.clone(), value.clone())]));
            let beside = server.post(&target).form(&rest).send().await;
            assert_eq!(said(&beside), said(&without), "{} {name}", case.name());
        }
        // All of it in the body, and beside it a query that says the same again, or otherwise: the query is not read, so
        // nothing of it comes twice and nothing of it counts. TE-1.
        let in_body: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
        let works = server.post(&case.path).form(&in_body).send().await;
        // The shop may not begin the device grant, and is told so: it is known.
        let refused = case.path == "/oauth2/device_authorization" && works.member("error") == "unauthorized_client";
        assert!(works.status.is_success() || refused, "{}: {works}", case.name());
        let otherwise: Vec<(String, String)> = fields
            .iter()
            .map(|(name, value)| {
                let grant = GrantType::ClientCredentials.as_str();
                let other = if name == "grant_type" { grant.to_owned() } else { format!("x{value}") };
                (name.clone(), other)
            })
            .collect();
        for more in [&fields, &otherwise] {
            let beside = server.post(&format!("{}?{}", case.path, query(more))).form(&in_body).send().await;
            assert_eq!(said(&beside), said(&works), "{} {more:?}", case.name());
        }
    }
    assert!(seen >= 5, "{seen}");
    for grant in GrantType::ALL {
        let target = format!("/oauth2/token?grant_type={}&scope=read", grant.as_str());
        let reply = server.post(&target).basic(seeds::ROBOT, &seeds::secret(seeds::ROBOT)).form(&[]).send().await;
        assert_eq!(reply.expect_error(400, "invalid_request").status, 400, "{}", grant.as_str());
    }
}

/// Pages could be framed. Every page of the table, refused ones and those that do not exist; in a real browser:
/// `tests/browser/attacks.test.js`. Pages say `same-origin` and not `no-referrer`: WH-7.
#[tokio::test]
async fn http_05_every_page_has_every_header() {
    let server = TestServer::with(|options| options.unlimited_addresses()).await;
    let mut pages = 0;
    let mut browser = logged_in(&server).await;
    let mut replies = Vec::new();
    for case in cases(&server).await {
        if case.row.speech == Speech::Page {
            replies.push(case.empty(&server).send().await);
            replies.push(case.call(&server).header("origin", "https://evil.example").send().await);
            replies.push(server.call(Method::DELETE, &case.path).send().await);
            if case.row.method == "GET" {
                replies.push(browser.step(None, &case.path).await);
            }
        }
    }
    replies.push(server.get("/nothing-here").send().await);
    replies.push(server.get("/sign-in").host(Some("evil.example")).send().await);
    for reply in replies {
        let policy = reply.header("content-security-policy").unwrap();
        assert!(policy.contains("frame-ancestors 'none'") && policy.contains("default-src 'none'"), "{reply}");
        for (name, value) in [
            ("x-frame-options", "DENY"),
            ("x-content-type-options", "nosniff"),
            ("cross-origin-opener-policy", "same-origin"),
            ("strict-transport-security", "max-age=63072000; includeSubDomains"),
            ("referrer-policy", if reply.status.is_redirection() { "no-referrer" } else { "same-origin" }),
        ] {
            assert_eq!(reply.headers_of(name), [value], "{name}: {reply}");
        }
        pages += 1;
    }
    assert!(pages > 60, "{pages}");
}

/// Cookies reached other hosts of the domain. That each is `__Host-`, `Secure` and `HttpOnly` holds for every answer of every
/// test (`invariants` of the testkit); here are all that there are, and a neighbour who sets some of his own.
#[tokio::test]
async fn http_06_cookies_belong_to_this_host_and_a_neighbour_changes_none() {
    let server = TestServer::start().await;
    let mut browser = Browser::new(&server);
    browser.visit("/sign-in").await;
    assert_eq!(browser.log_in(seeds::OLENA, seeds::PASSWORD).await.status, 200);
    let names = browser.jar.names();
    assert!(names.contains(&SESSION) && names.contains(&DEMO_RT) && names.contains(&TX), "{names:?}");
    assert!(names.iter().all(|name| name.starts_with("__Host-brama_")), "{names:?}");
    let reply = Browser::new(&server).log_in(seeds::OLENA, seeds::PASSWORD).await.expect(200);
    assert_eq!(reply.set_cookies().len(), 2);
    for text in reply.set_cookies() {
        let attributes: Vec<&str> = text.split("; ").skip(1).filter(|part| !part.starts_with("Max-Age=")).collect();
        let same_site = if text.starts_with(DEMO_RT) { "SameSite=Strict" } else { "SameSite=Lax" };
        assert_eq!(attributes, ["HttpOnly", same_site, "Secure", "Path=/"], "{text}");
    }
    let session = format!("{SESSION}={}", browser.jar.get(SESSION).unwrap());
    let signed_in = async |cookies: &str| server.get("/account").cookie(cookies).send().await.status == 200;
    assert!(signed_in(&session).await);
    // His cookies come beside ours, whatever they are called and however long they are; they count for nothing.
    let mut mallory = Browser::new(&server);
    assert_eq!(mallory.log_in(seeds::TARAS, seeds::PASSWORD).await.status, 200);
    let his = mallory.jar.get(SESSION).unwrap();
    for name in ["brama_session", "__Secure-brama_session", "__Host-brama_sessio", "__host-brama_session", "session"] {
        let reply = server.get("/account").cookie(&format!("{name}={his}; {session}")).send().await.expect(200);
        assert!(reply.text().contains(seeds::OLENA) && !reply.text().contains(seeds::TARAS), "{name}: {reply}");
        assert!(!signed_in(&format!("{name}={his}")).await, "{name}");
    }
    let long = format!("a={}; b={}; {session}; c=", "x".repeat(4000), "y".repeat(4000));
    assert!(long.len() > 8000 && signed_in(&long).await);
    // One of our own name beside ours: one of them was tossed in, so neither counts.
    assert!(!signed_in(&format!("{SESSION}={his}; {session}")).await);
    assert!(!signed_in(&format!("{session}; {SESSION}={his}")).await);
}

/// A cookie that could not be read let everybody in. Every route that wants a cookie, each kind of breakage of a right one.
#[tokio::test]
async fn http_07_a_broken_cookie_is_no_cookie() {
    let server = TestServer::with(|options| options.unlimited_addresses()).await;
    let usual = TestServer::with(|options| options.unlimited_addresses()).await;
    let browser = logged_in(&server).await;
    let (session, refresh) = (browser.jar.get(SESSION).unwrap(), browser.jar.get(DEMO_RT).unwrap());
    let broken = |name: &str, value: &str| {
        let (half, rest) = value.split_at(20);
        vec![
            format!("{name}="),
            name.to_owned(),
            format!("{name}={half}"),
            format!("{name}={value}="),
            format!("{name}={value}A"),
            format!("{name}=A{value}"),
            format!("{name}={half} {rest}"),
            format!("{name}={half}%00{rest}"),
            format!("{name}={half}\u{ff}{rest}"),
            format!("{name}={half};{rest}"),
            format!("{name}=%{:02x}{}", value.as_bytes()[0], &value[1..]),
            format!("{name}={}", value.to_uppercase()),
            format!("{name}={}", "A".repeat(value.len())),
            format!("{name}={}", "A".repeat(20_000)),
            format!("{name}={{\"session\":\"{value}\"}}"),
            format!("{name}=null"),
            format!("{name}=true"),
            format!("{name}[]={value}"),
            format!("={name}={value}"),
            format!("{};{name}={value}; {name}={value}", "a;".repeat(10)),
            format!("{name}={value}; {name}=x"),
            format!("{name}=x; {name}={value}"),
            format!("{name}={value}, x=y"),
            format!("x=\"; {name}={value}x; y=\""),
        ]
    };
    let mut seen = 0;
    for case in cases(&usual).await {
        if !matches!(case.row.access, Access::Session | Access::RefreshCookie) {
            continue;
        }
        seen += 1;
        let plain = case.empty(&usual).send().await;
        for cookie in broken(SESSION, session).into_iter().chain(broken(DEMO_RT, refresh)) {
            let reply = case.empty(&server).cookie(&cookie).send().await;
            // A form of nobody's session is refused, too.
            let refused = case.row.csrf == Csrf::Form && reply.status == 403;
            assert!(refused || reply.status == plain.status, "{} {cookie}: {reply}", case.name());
            assert!(
                !reply.text().contains("access_token") && !reply.text().contains(seeds::OLENA),
                "{cookie}: {reply}"
            );
            assert!(
                reply.cookie_value(SESSION).is_none() && reply.cookie_value(DEMO_RT).is_none(),
                "{cookie}: {reply}"
            );
        }
    }
    assert!(seen >= 8, "{seen}");
    // The whole one is still good.
    let right = format!("{SESSION}={session}");
    assert_eq!(server.get("/account").cookie(&right).send().await.status, 200);
}
