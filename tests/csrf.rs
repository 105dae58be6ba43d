//! Every form of ours against every way another site can send it. WH-11.

use brama_testkit::{Browser, Call, Reply, TestServer, html, seeds};

use crate::support::{SESSION, TX};

const OWN: &str = "https://id.example.com";

/// A form, with what makes it do something.
struct Target {
    action: &'static str,
    fields: Vec<(String, String)>,
    jar: String,
}

/// A signed-in browser's forms, freshly read.
async fn targets(server: &TestServer) -> Vec<Target> {
    let mut browser = crate::support::logged_in(server).await;
    let account = browser.step(None, "/account").await;
    let sign_out = browser.step(None, "/oauth2/logout").await;
    let again = [("prompt", "login")];
    server.clock.advance_seconds(1);
    let cli = brama_testkit::RelyingParty::cli();
    let answer = browser.sign_in_for(&cli).await;
    assert_eq!(cli.redeem(server, answer.code()).await.status, 200);
    let apps = browser.step(None, "/account/apps").await;
    let account_of = [("prompt", "select_account")];
    let chooser = browser.authorize(&brama_testkit::RelyingParty::demo(), &account_of).await.page();
    let sign_in = browser.authorize(&brama_testkit::RelyingParty::shop(), &again).await.page();
    let consent = browser.authorize(&brama_testkit::RelyingParty::shop(), &[]).await.page();
    let jar = format!("{SESSION}={}; {TX}={}", browser.jar.get(SESSION).unwrap(), browser.jar.get(TX).unwrap());
    let of = |page: &Reply, action: &'static str, extra: &[(&str, &str)]| {
        let form = html::form(page.text(), action).unwrap_or_else(|| panic!("{action}: {page}"));
        let mut fields: Vec<(String, String)> = form.fields.into_iter().collect();
        for (name, value) in extra {
            fields.retain(|(key, _)| key != name);
            fields.push(((*name).to_owned(), (*value).to_owned()));
        }
        Target { action, fields, jar: jar.clone() }
    };
    vec![
        of(&account, "/account/sessions/end", &[("all", "1")]),
        of(&account, "/account/sign-out", &[]),
        of(&sign_out, "/sign-out", &[]),
        of(&apps, "/account/apps/withdraw", &[]),
        of(&chooser, "/select-account", &[("decision", "continue")]),
        of(&consent, "/consent", &[("decision", "allow")]),
        of(&sign_in, "/sign-in", &[("username", seeds::OLENA), ("password", seeds::PASSWORD)]),
    ]
}

impl Target {
    fn call<'s>(&self, server: &'s TestServer, csrf: Option<&str>) -> Call<'s> {
        let mut fields: Vec<(&str, &str)> =
            self.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        if let Some(csrf) = csrf {
            fields.retain(|(name, _)| *name != "csrf");
            fields.push(("csrf", csrf));
        }
        server.post(self.action).cookie(&self.jar).form(&fields)
    }
}

#[tokio::test]
async fn wh11_only_our_own_pages_send_our_forms() {
    let server = TestServer::with(|options| options.unlimited_addresses()).await;
    let sites = [None, Some("same-origin"), Some("same-site"), Some("cross-site"), Some("none")];
    let origins = [None, Some(OWN), Some(seeds::APP_ORIGIN), Some("https://evil.example"), Some("null")];
    for target in targets(&server).await {
        for site in sites {
            for origin in origins {
                let ours = match site {
                    Some(site) => site == "same-origin" && matches!(origin, None | Some(OWN)),
                    None => origin == Some(OWN),
                };
                // No browser at all: there is no person whose cookies another site could use.
                if ours || (site.is_none() && origin.is_none()) {
                    continue;
                }
                let call = target.call(&server, None).maybe("sec-fetch-site", site).maybe("origin", origin);
                let reply = call.header("sec-fetch-mode", "navigate").send().await;
                assert_eq!(reply.status, 403, "{} {site:?} {origin:?}: {reply}", target.action);
                assert_eq!(reply.set_cookies(), [""; 0], "{reply}");
            }
        }
        // The session has survived all of that.
        assert_eq!(server.get("/account").cookie(&target.jar).send().await.status, 200);
    }
}

#[tokio::test]
async fn wh11_a_token_is_good_for_one_form_of_one_browser() {
    let server = TestServer::with(|options| options.unlimited_addresses()).await;
    let mine = targets(&server).await;
    let theirs = targets(&server).await;
    for (target, other) in mine.iter().zip(&theirs) {
        let csrf = |target: &Target| target.fields.iter().find(|(name, _)| name == "csrf").unwrap().1.clone();
        let right = csrf(target);
        let mut wrong = vec![String::new(), "x".to_owned(), csrf(other), right[1..].to_owned(), format!("{right}=")];
        wrong.extend(mine.iter().map(csrf).filter(|token| *token != right));
        for token in wrong {
            let call = target.call(&server, Some(&token)).header("origin", OWN).header("sec-fetch-site", "same-origin");
            let reply = call.send().await;
            // The sign-in goes on as if no form had come (T5); all other forms are refused.
            assert_eq!(reply.status, if target.action == "/sign-in" { 303 } else { 403 }, "{}: {reply}", target.action);
            assert_eq!(reply.cookie_value(SESSION), None, "{reply}");
            assert!(!reply.deletes_cookie(SESSION), "{reply}");
        }
        assert_eq!(server.get("/account").cookie(&target.jar).send().await.status, 200);
    }
    // With the right token each of them does its work. The account's are last: they end the session.
    for target in mine.iter().rev().filter(|target| target.action != "/sign-in") {
        let call = target.call(&server, None).header("origin", OWN).header("sec-fetch-site", "same-origin");
        assert_eq!(call.send().await.status, 303, "{}", target.action);
    }
}

#[tokio::test]
async fn wh12_a_page_never_acts_by_get() {
    let server = TestServer::with(|options| options.storage = brama_testkit::Storage::Disk).await;
    let targets = targets(&server).await;
    let before = brama_testkit::rows::dump(&server);
    for target in &targets {
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&target.fields).finish();
        let reply = server.get(&format!("{}?{query}", target.action)).cookie(&target.jar).send().await;
        assert!(matches!(reply.status.as_u16(), 200 | 405), "{reply}");
    }
    crate::support::assert_unchanged(&server, &before);
    let mut nobody = Browser::new(&server);
    assert_eq!(nobody.step(Some("https://evil.example"), "/account").await.location(), "/sign-in");
}
