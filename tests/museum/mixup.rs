//! MIXUP: every answer says who gives it, and no redirect sends a password on.

use brama_http::routes::{Csrf, ROUTES};
use brama_protocol::authorize::response::ResponseMode;
use brama_testkit::{Answer, Browser, Landing, RelyingParty, TestServer, html, seeds};

use super::redir::everywhere::CAUSES;
use crate::device_page::Tv;
use crate::oauth2::par;

/// The answer that a landing is, in whichever mode.
fn answer_of(landing: Landing) -> Answer {
    match landing {
        Landing::Page(page) if html::form_post(page.text()).is_some() => Answer::posted(page.text()),
        other => Answer::parse(&other.outside()),
    }
}

/// Answers did not say from whom they come, and a 307 sent the password to the app.
#[tokio::test]
async fn mixup_02_every_answer_of_every_mode_names_its_issuer() {
    let server = TestServer::with(|options| options.unlimited_addresses()).await;
    for app in [RelyingParty::shop(), RelyingParty::demo(), RelyingParty::cli()] {
        let mut browser = Browser::new(&server);
        browser.sign_in_for(&app).await;
        let mut nobody = Browser::new(&server);
        for mode in ResponseMode::SUPPORTED.iter().copied().chain(["", "fragment"]) {
            let mut refused = 0;
            for cause in CAUSES {
                let changes = [("response_mode", mode), *cause];
                let changes = if cause.0 == "response_mode" { &changes[1..] } else { &changes[..] };
                let landing = nobody.authorize(&app, changes).await;
                if matches!(&landing, Landing::Page(page) if html::form(page.text(), "/sign-in").is_some()) {
                    continue;
                }
                let answer = answer_of(landing);
                assert_eq!(answer.get("iss"), Some(server.issuer()), "{changes:?}: {}", answer.url);
                let _ = answer.error();
                refused += 1;
            }
            assert!(refused >= 15, "{refused}");
            if mode == "fragment" {
                continue;
            }
            let landing = browser.authorize(&app, &[("response_mode", mode), ("prompt", "consent")]).await;
            let answer = browser.complete(landing).await;
            assert_eq!(answer.get("iss"), Some(server.issuer()), "{mode}: {}", answer.url);
            let _ = answer.code();
            let page = browser.authorize(&app, &[("response_mode", mode), ("prompt", "consent")]).await.page();
            let form = html::form(page.text(), "/consent").unwrap();
            let answer = answer_of(browser.submit(&form, &[("decision", "deny")]).await);
            assert_eq!((answer.error(), answer.get("iss")), ("access_denied", Some(server.issuer())), "{mode}");
            let uri =
                par::pushed(&server, &app, &[("response_mode", mode), ("prompt", "none"), ("max_age", "0")]).await;
            let answer = answer_of(nobody.visit(&par::short(&app, &uri)).await);
            assert_eq!((answer.error(), answer.get("iss")), ("login_required", Some(server.issuer())), "{mode}");
        }
    }
}

/// After whatever is posted, a browser comes back with GET and without what it posted.
#[tokio::test]
async fn mixup_02_no_route_answers_with_307_or_308() {
    let server = TestServer::with(|options| options.unlimited_addresses()).await;
    seeds::put_client(&server, Tv::client()).await;
    for row in ROUTES {
        let path = row.path.replace("{client_id}", "app").replace("{code}", "B2104").replace("{*file}", "x");
        for fields in [&[][..], &[("username", seeds::OLENA), ("password", seeds::PASSWORD)]] {
            let call = server.call(row.method.parse().unwrap(), &path);
            let call = match (row.method, row.csrf) {
                ("POST", Csrf::CookieEndpoint) => call.json(&serde_json::json!({"username": "olena", "password": "x"})),
                ("POST" | "PUT", _) => call.form(fields),
                _ => call,
            };
            let reply = call.send().await;
            assert!(!reply.status.is_redirection() || reply.status == 303, "{} {path}: {reply}", row.method);
        }
    }
    let mut browser = Browser::new(&server);
    let page = browser.authorize(&RelyingParty::shop(), &[]).await.page();
    let form = html::form(page.text(), "/sign-in").unwrap();
    let filled = [("username", seeds::OLENA), ("password", seeds::PASSWORD)];
    let reply = browser.submit_step(&form, &filled).await.expect(303);
    let page = browser.follow(None, reply).await.page();
    let form = html::form(page.text(), "/consent").unwrap();
    let _ = browser.submit_step(&form, &[("decision", "allow")]).await.expect(303);
    let page = browser.visit("/sign-in?tx=device").await.page();
    assert_eq!(page.status, 200, "{page}");
}
