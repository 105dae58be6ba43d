//! Where a refresh token goes: the cookie of a browser app on this site, the body for what is no browser, nowhere for a
//! browser on another site. And who may read the token endpoint. Design §5; A2, B6, TE-41, BB-12.

use brama_testkit::{Answer, Browser, Call, RelyingParty, Reply, TestServer, html, seeds};
use http::Method;

use crate::support::{DEMO_RT, assert_cors, assert_no_cookies, assert_no_cors};

async fn redeem(server: &TestServer, app: &RelyingParty, from: &[(&str, &str)]) -> Reply {
    let code = Browser::new(server).sign_in_for(app).await.code().to_owned();
    let fields = [
        ("grant_type", "authorization_code"),
        ("client_id", app.client_id.as_str()),
        ("code", &code),
        ("code_verifier", &app.verifier),
    ];
    let call = from.iter().fold(server.post("/oauth2/token"), |call: Call<'_>, (name, value)| call.header(name, value));
    call.form(&fields).send().await.expect(200)
}

const FETCH: [(&str, &str); 2] = [("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty")];

fn from(origin: &'static str, site: &'static str) -> Vec<(&'static str, &'static str)> {
    [&[("origin", origin), ("sec-fetch-site", site)][..], &FETCH].concat()
}

#[tokio::test]
async fn a2_b6_a_browser_app_on_this_site_gets_a_cookie_and_nothing_in_the_body() {
    let server = TestServer::start().await;
    let demo = RelyingParty::demo();
    let own = "https://id.example.com";
    for sender in [from(seeds::APP_ORIGIN, "same-site"), from(own, "same-origin"), vec![]] {
        let reply = redeem(&server, &demo, &sender).await;
        assert!(reply.json().get("refresh_token").is_none() && !reply.text().contains("brt_"), "{reply}");
        let cookie = reply.cookie_value(DEMO_RT).unwrap();
        // SE-9: nobody asked to stay signed in, so it ends with the browser, as its session does.
        let wanted = format!("{DEMO_RT}={cookie}; HttpOnly; SameSite=Strict; Secure; Path=/");
        assert_eq!(reply.set_cookies(), [wanted.as_str()]);
    }
}

#[tokio::test]
async fn se9_a2_whoever_asked_to_stay_signed_in_keeps_the_cookie_for_its_seven_days() {
    let server = TestServer::start().await;
    let demo = RelyingParty::demo();
    let mut browser = Browser::new(&server);
    let page = browser.authorize(&demo, &[]).await.page();
    let form = html::form(page.text(), "/sign-in").unwrap();
    let filled = [("username", seeds::OLENA), ("password", seeds::PASSWORD), ("remember", "1")];
    let answer = Answer::parse(&browser.submit(&form, &filled).await.outside());
    let fields = [
        ("grant_type", "authorization_code"),
        ("client_id", seeds::DEMO),
        ("code", answer.code()),
        ("code_verifier", &demo.verifier),
    ];
    let reply = browser.fetch_with(seeds::APP_ORIGIN, Method::POST, "/oauth2/token", |call| call.form(&fields)).await;
    assert!(reply.set_cookies()[0].ends_with("; Max-Age=604800"), "{reply}");
    // Every next one likewise; and without the wish it stays a cookie of the browser's session.
    let reply = browser.post_json(seeds::APP_ORIGIN, "/api/auth/refresh", None).await.expect(200);
    assert!(reply.set_cookies()[0].ends_with("; Max-Age=604800"), "{reply}");
    let short = redeem(&server, &demo, &[]).await;
    let jar = format!("{DEMO_RT}={}", short.cookie_value(DEMO_RT).unwrap());
    let reply = server.post("/api/auth/refresh").cookie(&jar).send().await.expect(200);
    assert!(reply.set_cookies()[0].ends_with("; Path=/"), "{reply}");
}

#[tokio::test]
async fn b6_a_browser_app_elsewhere_gets_no_refresh_token_at_all() {
    let server = TestServer::start().await;
    let cases = [
        (RelyingParty::foreign(), from(seeds::FOREIGN_ORIGIN, "cross-site")),
        (RelyingParty::demo(), from(seeds::APP_ORIGIN, "cross-site")),
        (RelyingParty::demo(), from("https://unlisted.example.com", "same-site")),
        (RelyingParty::demo(), from(seeds::ADMIN_ORIGIN, "same-site")),
        (RelyingParty::demo(), from("null", "cross-site")),
        (RelyingParty::demo(), vec![("origin", "https://app.example.com.evil.example")]),
        (RelyingParty::foreign(), vec![("origin", seeds::FOREIGN_ORIGIN)]),
    ];
    for (app, sender) in cases {
        let reply = redeem(&server, &app, &sender).await;
        assert!(!reply.text().contains("refresh_token") && !reply.text().contains("brt_"), "{sender:?}: {reply}");
        assert_no_cookies(&reply);
    }
}

#[tokio::test]
async fn b6_what_is_no_browser_app_gets_it_in_the_body() {
    let server = TestServer::start().await;
    for app in [RelyingParty::shop(), RelyingParty::cli()] {
        let code = Browser::new(&server).sign_in_for(&app).await;
        let reply = app.redeem(&server, code.code()).await.expect(200);
        assert!(reply.member("refresh_token").starts_with("brt_"), "{reply}");
        assert_no_cookies(&reply);
    }
}

#[tokio::test]
async fn a2_the_body_of_a_refresh_never_has_a_browser_apps_token() {
    let server = TestServer::start().await;
    let demo = RelyingParty::demo();
    let reply = redeem(&server, &demo, &from(seeds::APP_ORIGIN, "same-site")).await;
    // Were it ever to leak from its cookie, the token endpoint must not be the way to live on with it.
    let leaked = reply.cookie_value(DEMO_RT).unwrap();
    let fields = [("grant_type", "refresh_token"), ("client_id", seeds::DEMO), ("refresh_token", leaked.as_str())];
    for sender in [from(seeds::APP_ORIGIN, "same-site"), from(seeds::APP_ORIGIN, "cross-site"), vec![]] {
        let call = sender.iter().fold(server.post("/oauth2/token"), |call, (name, value)| call.header(name, value));
        let reply = call.form(&fields).send().await;
        assert!(!reply.text().contains("brt_"), "{sender:?}: {reply}");
    }
}

#[tokio::test]
async fn te41_listed_origins_read_the_token_endpoint_others_do_not() {
    let server = TestServer::start().await;
    for (origin, listed) in [
        (seeds::APP_ORIGIN, true),
        (seeds::FOREIGN_ORIGIN, true),
        ("https://evil.example", false),
        ("null", false),
        ("https://app.example.com.evil.example", false),
        ("http://app.example.com", false),
        ("https://app.example.com:444", false),
    ] {
        let reply = server.post("/oauth2/token").header("origin", origin).form(&[]).send().await.expect(400);
        if listed {
            assert_cors(&reply, origin, true)
        } else {
            assert_no_cors(&reply)
        }
        let call = server.call(Method::OPTIONS, "/oauth2/token").header("origin", origin);
        let preflight = call.header("access-control-request-method", "POST").send().await.expect(204);
        assert_eq!(preflight.header("access-control-allow-origin"), listed.then_some(origin), "{preflight}");
        let allowed = listed.then_some("Authorization, Content-Type, DPoP");
        assert_eq!(preflight.header("access-control-allow-headers"), allowed, "{preflight}");
    }
}

#[tokio::test]
async fn wh12_the_token_endpoint_acts_on_no_cookie() {
    let server = TestServer::start().await;
    let mut browser = Browser::new(&server);
    browser.sign_in_for(&RelyingParty::demo()).await;
    let reply = browser
        .fetch_with(seeds::APP_ORIGIN, Method::POST, "/oauth2/token", |call| {
            call.form(&[("grant_type", "refresh_token"), ("client_id", seeds::DEMO)])
        })
        .await;
    assert_eq!(reply.expect_error(400, "invalid_request").status, 400);
}
