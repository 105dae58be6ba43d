//! `prompt`, `max_age` and the hints: who has to see which page. OpenID Core §3.1.2.1; standards §1.4, AZ-22.

use brama_jose::Typ;
use brama_store::consent::Consent;
use brama_testkit::{Answer, Browser, Landing, RelyingParty, TestServer, html, seeds, tokens};

use crate::support::Tokens;

/// What the browser meets.
#[derive(Debug, PartialEq)]
enum Met {
    SignIn,
    Consent,
    Account,
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
        if html::form(page.text(), "/select-account").is_some() {
            return Met::Account;
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
        (&[("prompt", "select_account")], Met::Account),
        (&[("prompt", "select_account login")], Met::SignIn),
        (&[("prompt", "select_account consent")], Met::Account),
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

async fn chooser<'s>(server: &'s TestServer, changes: &[(&str, &str)]) -> (Browser<'s>, html::Form) {
    let shop = RelyingParty::shop();
    let mut browser = Browser::new(server);
    browser.sign_in_for(&shop).await;
    server.clock.advance_seconds(10);
    let plain = [("prompt", "select_account")];
    let page = browser.authorize(&shop, if changes.is_empty() { &plain } else { changes }).await.page().expect(200);
    assert!(page.text().contains("<bdi>Олена Коваль</bdi>") && page.text().contains("<bdi>olena</bdi>"), "{page}");
    let form = html::form(page.text(), "/select-account").unwrap();
    (browser, form)
}

#[tokio::test]
async fn select_account_goes_on_with_this_account() {
    let server = TestServer::start().await;
    let (mut browser, form) = chooser(&server, &[]).await;
    // Only `continue` continues.
    for decision in [None, Some("yes"), Some("")] {
        let filled: Vec<(&str, &str)> = decision.iter().map(|decision| ("decision", *decision)).collect();
        assert_eq!(met(browser.submit(&form, &filled).await), Met::Account, "{decision:?}");
    }
    assert_eq!(met(browser.submit(&form, &[("decision", "continue")]).await), Met::Code);
    // The next request asks anew.
    assert_eq!(met(browser.authorize(&RelyingParty::shop(), &[("prompt", "select_account")]).await), Met::Account);
    // With consent asked for as well, that comes after.
    let (mut browser, form) = chooser(&server, &[("prompt", "select_account consent")]).await;
    assert_eq!(met(browser.submit(&form, &[("decision", "continue")]).await), Met::Consent);
}

#[tokio::test]
async fn select_account_another_one_or_out_of_this_one() {
    let server = TestServer::start().await;
    let (mut browser, form) = chooser(&server, &[]).await;
    let page = browser.submit(&form, &[("decision", "another")]).await.page();
    // Nobody is asked to confirm who they are: they are about to be somebody else.
    assert!(!page.text().contains("asks to confirm that it is you"), "{page}");
    let sign_in = html::form(page.text(), "/sign-in").unwrap();
    let landing = browser.submit(&sign_in, &[("username", seeds::TARAS), ("password", seeds::PASSWORD)]).await;
    assert_eq!(met(landing), Met::Consent, "who signs in for this request has chosen");

    let (mut browser, form) = chooser(&server, &[]).await;
    let reply = browser.submit_step(&form, &[("decision", "sign_out")]).await.expect(303);
    assert!(reply.deletes_cookie(crate::support::SESSION), "{reply}");
    assert_eq!(met(browser.follow(None, reply).await), Met::SignIn);
    assert_eq!(browser.step(None, "/account").await.location(), "/sign-in");
}

#[tokio::test]
async fn az20_an_account_is_chosen_by_our_own_form_alone() {
    let server = TestServer::start().await;
    let (mut browser, form) = chooser(&server, &[]).await;
    let (_, other) = chooser(&server, &[]).await;
    for csrf in ["", "x", &other.fields["csrf"]] {
        for decision in ["continue", "sign_out"] {
            let mut changed = form.clone();
            changed.fields.insert("csrf".to_owned(), csrf.to_owned());
            let _ = browser.submit_step(&changed, &[("decision", decision)]).await.expect(403);
        }
    }
    let fields = [("tx", form.fields["tx"].as_str()), ("csrf", &form.fields["csrf"]), ("decision", "continue")];
    for from in ["https://shop.example.net", "https://evil.example"] {
        assert_eq!(browser.post_form(from, "/select-account", &fields).await.status, 403, "{from}");
    }
    assert_eq!(browser.step(None, "/account").await.status, 200);
}

/// Every error of `prompt=none`, each for its own reason. OpenID Core §3.1.2.6.
#[tokio::test]
async fn prompt_none_row_by_row() {
    let server = TestServer::start().await;
    let (shop, demo) = (RelyingParty::shop(), RelyingParty::demo());
    let mut browser = Browser::new(&server);
    let silent = |name, value| [("prompt", "none"), (name, value)];
    assert_eq!(met(browser.authorize(&shop, &silent("x", "")).await), error("login_required"));
    browser.sign_in_for(&demo).await;
    assert_eq!(met(browser.authorize(&shop, &silent("x", "")).await), error("consent_required"));
    // An app that was allowed nothing learns nothing by guessing names.
    for guess in ["olena", "taras", "nobody"] {
        let landing = browser.authorize(&shop, &silent("login_hint", guess)).await;
        assert_eq!(met(landing), error("consent_required"), "{guess}");
    }
    browser.sign_in_for(&shop).await;
    for (hint, wanted) in [
        ("olena", Met::Code),
        ("OLENA@example.com", Met::Code),
        ("taras", error("account_selection_required")),
        ("nobody", error("account_selection_required")),
    ] {
        assert_eq!(met(browser.authorize(&shop, &silent("login_hint", hint)).await), wanted, "{hint}");
    }
    let unmet = r#"{"id_token":{"acr":{"essential":true,"values":["urn:brama:acr:3"]}}}"#;
    let landing = browser.authorize(&shop, &silent("claims", unmet)).await;
    assert_eq!(met(landing), error("unmet_authentication_requirements"));
}

/// A weak sign-in where a stronger one can be had: asked for again, and said so where no page may be shown. RFC 9470 §5.
#[tokio::test]
async fn rfc9470_a_session_that_is_too_weak_signs_in_again() {
    use brama_flows::authorize::interact::{Next, decide};
    use brama_protocol::acr::Level;
    let server = TestServer::start().await;
    let demo = RelyingParty::demo();
    let mut browser = Browser::new(&server);
    browser.sign_in_for(&demo).await;
    let secret = browser.jar.get(crate::support::SESSION).unwrap();
    let ctx = server.ctx();
    let signed_in = brama_flows::authorize::interact::signed_in(&ctx, Some(secret)).await.unwrap();
    let client = server.store.find_client(&seeds::DEMO.parse().unwrap()).await.unwrap().unwrap();
    let mut decisions = Vec::new();
    for prompt in ["", "none"] {
        // What comes of it now is another test's; here it is what would come of it with a second factor.
        let landing = browser.authorize(&demo, &[("acr_values", "urn:brama:acr:2"), ("prompt", prompt)]).await;
        let answer = Answer::parse(&landing.outside());
        let code = brama_protocol::handle::Handle::parse(answer.code()).unwrap().hash();
        let id = server.store.find_code(code).await.unwrap().unwrap().authorization;
        let mut authorization = server.store.find_authorization(id).await.unwrap().unwrap();
        authorization.state =
            brama_store::authorization::AuthorizationState::Requested { consented: None, chosen: None };
        authorization.asked.acr.essential = true;
        authorization.asked.prompt.none = prompt == "none";
        for reachable in [Level::One, Level::Two, Level::Three] {
            let next = decide(&ctx, &authorization, &client.client, signed_in.clone(), &Consent::default(), reachable);
            decisions.push(match next {
                Next::SignIn { again } => format!("sign in, again: {again}"),
                Next::Refuse(row) => row.error.to_owned(),
                other => format!("{other:?}"),
            });
        }
    }
    let unmet = "unmet_authentication_requirements";
    let again = "sign in, again: true";
    assert_eq!(decisions, [unmet, again, again, unmet, "interaction_required", "interaction_required"]);
}
