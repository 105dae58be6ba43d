//! `prompt`, `max_age` and the hints: who has to see which page. OpenID Core §3.1.2.1; standards §1.4, AZ-22.

use brama_jose::Typ;
use brama_testkit::{Answer, Browser, Landing, RelyingParty, TestServer, html, seeds, tokens};

use crate::support::Tokens;

/// What the browser meets.
#[derive(Debug, PartialEq)]
enum Met {
    SignIn,
    Consent,
    Code,
    Error(String),
}

fn met(landing: Landing) -> Met {
    if let Landing::Page(page) = &landing {
        if html::form(page.text(), "/sign-in").is_some() {
            return Met::SignIn;
        }
        if html::form(page.text(), "/consent").is_some() {
            return Met::Consent;
        }
    }
    let answer = Answer::parse(&landing.outside());
    assert_eq!(answer.get("iss"), Some("https://id.example.com"));
    match answer.get("error") {
        Some(error) => Met::Error(error.to_owned()),
        None => {
            assert!(answer.get("code").is_some());
            Met::Code
        }
    }
}

fn error(text: &str) -> Met {
    Met::Error(text.to_owned())
}

#[tokio::test]
async fn prompt_and_max_age_row_by_row() {
    let server = TestServer::start().await;
    let (shop, demo) = (RelyingParty::shop(), RelyingParty::demo());
    let mut nobody = Browser::new(&server);
    assert_eq!(met(nobody.authorize(&shop, &[("prompt", "none")]).await), error("login_required"));
    assert_eq!(met(nobody.authorize(&shop, &[]).await), Met::SignIn);

    let mut olena = Browser::new(&server);
    olena.sign_in_for(&demo).await;
    server.clock.advance_seconds(100);
    // Signed in, nothing allowed yet.
    assert_eq!(met(olena.authorize(&shop, &[("prompt", "none")]).await), error("consent_required"));
    assert_eq!(met(olena.authorize(&shop, &[]).await), Met::Consent);
    olena.sign_in_for(&shop).await;
    // Signed in and allowed.
    let rows: &[(&[(&str, &str)], Met)] = &[
        (&[], Met::Code),
        (&[("prompt", "none")], Met::Code),
        (&[("prompt", "login")], Met::SignIn),
        (&[("prompt", "select_account")], Met::SignIn),
        (&[("prompt", "login consent")], Met::SignIn),
        (&[("prompt", "consent")], Met::Consent),
        (&[("max_age", "0")], Met::SignIn),
        (&[("max_age", "99")], Met::SignIn),
        (&[("max_age", "100")], Met::Code),
        (&[("max_age", "3600")], Met::Code),
        (&[("max_age", "0"), ("prompt", "none")], error("login_required")),
        (&[("max_age", "99"), ("prompt", "none")], error("login_required")),
        (&[("max_age", "100"), ("prompt", "none")], Met::Code),
        // AZ-22: more than was allowed is asked for again.
        (&[("scope", "openid profile email offline_access")], Met::Consent),
        (&[("scope", "openid")], Met::Code),
    ];
    for (changes, wanted) in rows {
        assert_eq!(met(olena.authorize(&shop, changes).await), *wanted, "{changes:?}");
    }
    // Our own app asks for no consent, unless it wants to be asked for.
    assert_eq!(met(olena.authorize(&demo, &[]).await), Met::Code);
    assert_eq!(met(olena.authorize(&demo, &[("prompt", "consent")]).await), Met::Consent);
}

#[tokio::test]
async fn prompt_login_signs_in_anew_and_moves_auth_time() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    let mut browser = Browser::new(&server);
    let first = browser.sign_in_for(&shop).await;
    let first = Tokens::of(&shop.redeem(&server, first.code()).await);
    server.clock.advance_seconds(1000);
    let same = browser.sign_in_for(&shop).await;
    let same = Tokens::of(&shop.redeem(&server, same.code()).await);
    let time = async |token: &str| tokens::verify(&server, token, Typ::IdToken).await["auth_time"].as_i64().unwrap();
    assert_eq!(time(&first.id).await, time(&same.id).await, "single sign-on is no sign-in");
    for changes in [[("prompt", "login")], [("max_age", "0")], [("max_age", "60")]] {
        server.clock.advance_seconds(1000);
        let landing = browser.authorize(&shop, &changes).await;
        let again = browser.complete(landing).await;
        let again = Tokens::of(&shop.redeem(&server, again.code()).await);
        assert_eq!(time(&again.id).await, server.ctx().now.as_second());
    }
    // SE-12: the same person, so the apps of before stay signed in.
    assert_eq!(shop.refresh(&server, &first.refresh).await.status, 200);
}

#[tokio::test]
async fn az22_nothing_is_remembered_for_an_app_whose_receiver_is_not_assured() {
    let server = TestServer::start().await;
    let cli = RelyingParty::cli();
    let mut browser = Browser::new(&server);
    browser.sign_in_for(&cli).await;
    assert_eq!(met(browser.authorize(&cli, &[]).await), Met::Consent);
    assert_eq!(met(browser.authorize(&cli, &[("prompt", "none")]).await), error("consent_required"));
}

#[tokio::test]
async fn az22_one_persons_consent_is_not_anothers() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    Browser::new(&server).sign_in_for(&shop).await;
    let mut taras = Browser::new(&server);
    let landing = taras.authorize(&RelyingParty::demo(), &[]).await;
    taras.complete_as(landing, seeds::TARAS, seeds::PASSWORD).await;
    assert_eq!(met(taras.authorize(&shop, &[]).await), Met::Consent);
}

#[tokio::test]
async fn login_hint_fills_in_a_name_and_proves_nothing() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    let bodies: Vec<String> = {
        let mut bodies = Vec::new();
        for hint in ["olena", "nobody", "\"><script>alert(1)</script>"] {
            let page = Browser::new(&server).authorize(&shop, &[("login_hint", hint)]).await.page().expect(200);
            let form = html::form(page.text(), "/sign-in").unwrap();
            assert_eq!(form.fields["username"], hint);
            assert!(!page.text().contains("<script>alert"), "{page}");
            bodies.push(page.text().len().to_string());
        }
        bodies
    };
    // Whether the account exists shows nowhere: only the name itself differs.
    assert_eq!(bodies[0].parse::<usize>().unwrap() + 1, bodies[1].parse::<usize>().unwrap());
    let long = "x".repeat(257);
    let page = Browser::new(&server).authorize(&shop, &[("login_hint", &long)]).await.page().expect(200);
    assert_eq!(html::form(page.text(), "/sign-in").unwrap().fields["username"], "");
}

#[tokio::test]
async fn ui_locales_choose_the_language_and_never_fail() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    for (wish, accept, lang) in [
        ("uk", "en", "uk"),
        ("uk-UA", "en", "uk"),
        ("xx uk en", "en", "uk"),
        ("en uk", "uk", "en"),
        ("xx", "uk", "uk"),
        ("xx", "xx", "en"),
        ("\"><", "uk,en;q=0.5", "uk"),
        ("", "uk", "uk"),
    ] {
        let mut browser = Browser::new(&server);
        accept.clone_into(&mut browser.languages);
        let page = browser.authorize(&shop, &[("ui_locales", wish)]).await.page().expect(200);
        assert!(page.text().contains(&format!("<html lang=\"{lang}\"")), "{wish} {accept}: {page}");
    }
}

#[tokio::test]
async fn a_request_is_answered_once_and_a_second_look_begins_a_new_one() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    let mut browser = Browser::new(&server);
    let reply = browser.step(Some("https://shop.example.net"), &shop.authorize_url(&[])).await;
    let sign_in = reply.location().to_owned();
    let landing = browser.follow(None, reply).await;
    let first = browser.complete(landing).await;
    // The back button: same app, same state, another code.
    let tx = sign_in.split_once("tx=").unwrap().1.to_owned();
    let landing = browser.visit(&format!("/continue?tx={tx}")).await;
    let second = browser.complete(landing).await;
    assert_ne!(first.code(), second.code());
    assert_eq!(second.get("state"), Some(shop.state.as_str()));
    for answer in [first, second] {
        assert_eq!(shop.redeem(&server, answer.code()).await.status, 200);
    }
}
