//! `/sign-in`: the page, what is typed into it, and how long it lives. B3; F1 to F6, A3, A6, T1; AZ-20, SE-5, SE-9.

use brama_testkit::{Browser, RelyingParty, Reply, TestServer, html, seeds};

use crate::support::{SESSION, TX};

fn form(page: &Reply) -> html::Form {
    html::form(page.text(), "/sign-in").unwrap_or_else(|| panic!("no sign-in form: {page}"))
}

const RIGHT: [(&str, &str); 2] = [("username", seeds::OLENA), ("password", seeds::PASSWORD)];

#[tokio::test]
async fn t1_the_page_names_the_app_and_its_host() {
    let server = TestServer::start().await;
    let page = Browser::new(&server).authorize(&RelyingParty::shop(), &[]).await.page().expect(200);
    assert!(
        page.text().contains("<bdi>Крамниця</bdi>") && page.text().contains("<bdi>shop.example.net</bdi>"),
        "{page}"
    );
    // F2, F4, F6.
    for attribute in
        ["autocomplete=\"username webauthn\"", "autocomplete=\"current-password\"", "autocapitalize=\"none\""]
    {
        assert!(page.text().contains(attribute), "{attribute}");
    }
    for unwanted in ["maxlength", "autocomplete=\"off\"", "onpaste"] {
        assert!(!page.text().contains(unwanted), "{unwanted}");
    }
}

#[tokio::test]
async fn b3_without_an_app_the_way_leads_to_the_account_page() {
    let server = TestServer::start().await;
    let mut browser = Browser::new(&server);
    let page = browser.visit("/").await.page().expect(200);
    assert_eq!(page.target, "/sign-in");
    let account = browser.submit(&form(&page), &RIGHT).await.page().expect(200);
    assert_eq!(account.target, "/account");
    assert!(account.text().contains("<bdi>olena</bdi>"), "{account}");
}

#[tokio::test]
async fn a3_what_is_missing_or_wrong_is_said_and_the_name_is_kept() {
    let server = TestServer::start().await;
    let mut browser = Browser::new(&server);
    let page = browser.visit("/sign-in").await.page();
    let hostile = "\"><script>alert(1)</script>";
    for (name, password, status) in [
        ("", "", 400),
        ("", "typed-password", 400),
        ("olena", "", 400),
        ("   ", "typed-password", 400),
        ("olena", "typed-password", 401),
        ("nobody", "typed-password", 401),
        (hostile, "typed-password", 401),
    ] {
        let page =
            browser.submit(&form(&page), &[("username", name), ("password", password)]).await.page().expect(status);
        assert!(page.text().contains("role=\"alert\""), "{page}");
        assert_eq!(form(&page).fields["username"], name);
        assert!(!page.text().contains("typed-password") && !page.text().contains("<script>alert"), "{page}");
        assert!(page.text().contains("<title>Error:") || page.text().contains("<title>Error"), "A3: {page}");
        assert_eq!(browser.jar.get(SESSION), None);
    }
}

#[tokio::test]
async fn se9_the_cookie_ends_with_the_browser_unless_asked_otherwise() {
    let server = TestServer::start().await;
    for (tick, suffix) in [(None, ""), (Some(("remember", "1")), "; Max-Age=2592000")] {
        let mut browser = Browser::new(&server);
        let page = browser.visit("/sign-in").await.page();
        assert!(!form(&page).fields.contains_key("remember"), "not ticked beforehand");
        let mut filled = RIGHT.to_vec();
        filled.extend(tick);
        let reply = browser.submit_step(&form(&page), &filled).await.expect(303);
        let value = reply.cookie_value(SESSION).unwrap();
        let wanted = format!("{SESSION}={value}; HttpOnly; SameSite=Lax; Secure; Path=/{suffix}");
        assert!(reply.set_cookies().contains(&wanted.as_str()), "{reply}");
        browser.jar.restart();
        assert_eq!(browser.step(None, "/account").await.status == 200, tick.is_some());
    }
}

#[tokio::test]
async fn a6_after_half_an_hour_the_page_comes_again_with_name_and_app() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    let mut browser = Browser::new(&server);
    let page = browser.authorize(&shop, &[]).await.page();
    server.clock.advance_seconds(31 * 60);
    let again = browser.submit(&form(&page), &RIGHT).await.page().expect(200);
    let kept = form(&again);
    assert_eq!(kept.fields["username"], seeds::OLENA);
    assert_ne!(kept.fields["tx"], form(&page).fields["tx"], "a new request for the same app");
    assert!(again.text().contains("shop.example.net") && !again.text().contains(seeds::PASSWORD), "{again}");
    assert_eq!(browser.jar.get(SESSION), None, "nobody was signed in by the old page");
    let landing = browser.submit(&kept, &RIGHT).await;
    let answer = browser.complete(landing).await;
    assert_eq!(answer.get("state"), Some(shop.state.as_str()));
    assert_eq!(shop.redeem(&server, answer.code()).await.status, 200);
}

#[tokio::test]
async fn a6_the_page_lives_for_half_an_hour() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    let mut browser = Browser::new(&server);
    let page = browser.authorize(&shop, &[]).await.page();
    server.clock.advance_seconds(30 * 60 - 1);
    let landing = browser.submit(&form(&page), &RIGHT).await;
    let answer = browser.complete(landing).await;
    assert_eq!(answer.get("state"), Some(shop.state.as_str()));
}

#[tokio::test]
async fn a6_nothing_is_a_dead_end() {
    let server = TestServer::start().await;
    let mut browser = Browser::new(&server);
    for tx in ["00000000-0000-7000-8000-000000000000", "nonsense", "", "%01"] {
        let page = browser.step(None, &format!("/sign-in?tx={tx}")).await.expect(200);
        // Somebody who signs in here all the same ends on the account page.
        assert_eq!(form(&page).action, "/sign-in");
    }
    assert_eq!(browser.step(None, "/continue?tx=00000000-0000-7000-8000-000000000000").await.status, 400);
    assert_eq!(browser.step(None, "/continue").await.location(), "/account");
}

#[tokio::test]
async fn az20_a_form_that_is_not_this_browsers_signs_nobody_in() {
    let server = TestServer::start().await;
    let mut attacker = Browser::new(&server);
    let theirs = form(&attacker.visit("/sign-in").await.page());
    let mut victim = Browser::new(&server);
    // Login CSRF: the attacker's form in the victim's browser, without and with a page of its own.
    for round in 0..2 {
        let reply =
            victim.submit_step(&theirs, &[("username", seeds::TARAS), ("password", seeds::PASSWORD)]).await.expect(200);
        assert_eq!(reply.cookie_value(SESSION), None, "round {round}: {reply}");
        assert_eq!(form(&reply).fields["username"], seeds::TARAS);
    }
    for csrf in ["", "x", &theirs.fields["csrf"][1..]] {
        let mut changed = theirs.clone();
        changed.fields.insert("csrf".to_owned(), csrf.to_owned());
        let reply = attacker.submit_step(&changed, &RIGHT).await.expect(200);
        assert_eq!(reply.cookie_value(SESSION), None, "{reply}");
    }
    assert_eq!(attacker.submit_step(&theirs, &RIGHT).await.status, 303);
}

#[tokio::test]
async fn se5_planted_cookies_are_dead_after_the_sign_in() {
    let server = TestServer::start().await;
    // What an attacker knows: a transaction cookie that this server issued to the attacker, and a session of theirs.
    let mut attacker = Browser::new(&server);
    let page = attacker.visit("/sign-in").await.page();
    let reply = attacker.submit_step(&form(&page), &[("username", seeds::TARAS), ("password", seeds::PASSWORD)]).await;
    let (tx, session) = (attacker.jar.get(TX).unwrap().to_owned(), reply.cookie_value(SESSION).unwrap());
    let made_up = "A".repeat(43);
    server.clock.advance_seconds(1);
    for (planted_tx, planted_session) in [(&tx, &session), (&made_up, &made_up)] {
        let mut victim = Browser::new(&server);
        victim.jar.plant(TX, planted_tx);
        victim.jar.plant(SESSION, planted_session);
        let page = victim.authorize(&RelyingParty::shop(), &[("prompt", "login")]).await.page();
        let reply = victim.submit_step(&form(&page), &RIGHT).await.expect(303);
        assert_ne!(reply.cookie_value(SESSION).as_ref(), Some(planted_session));
        assert_ne!(victim.jar.get(SESSION), Some(planted_session.as_str()));
        assert_eq!(server.get("/account").cookie(&format!("{SESSION}={planted_session}")).send().await.status, 303);
        assert_ne!(victim.jar.get(TX), Some(planted_tx.as_str()), "the transaction cookie is a new one too");
    }
}

#[tokio::test]
async fn se4_a_session_cookie_that_is_none_is_deleted() {
    let server = TestServer::start().await;
    for value in ["x".to_owned(), "A".repeat(43)] {
        let mut browser = Browser::new(&server);
        browser.jar.plant(SESSION, &value);
        let reply = browser.step(None, "/account").await.expect(303);
        assert!(reply.deletes_cookie(SESSION), "{reply}");
    }
}

#[tokio::test]
async fn f1_only_a_form_and_each_field_once() {
    let server = TestServer::start().await;
    let mut browser = Browser::new(&server);
    let page = browser.visit("/sign-in").await.page();
    let jar = format!("{TX}={}", browser.jar.get(TX).unwrap());
    let csrf = form(&page).fields["csrf"].clone();
    let post = || {
        server.post("/sign-in").cookie(&jar).header("origin", server.issuer()).header("sec-fetch-site", "same-origin")
    };
    let fields = [("csrf", csrf.as_str()), RIGHT[0], RIGHT[1]];
    let json = serde_json::json!({"csrf": csrf, "username": "olena", "password": seeds::PASSWORD});
    assert_eq!(post().json(&json).send().await.status, 400);
    assert_eq!(post().body("text/plain", format!("csrf={csrf}&username=olena")).send().await.status, 400);
    for twice in fields {
        let reply = post().form(&[fields[0], fields[1], fields[2], twice]).send().await.expect(400);
        assert_eq!(reply.cookie_value(SESSION), None);
    }
    assert_eq!(post().form(&fields).send().await.status, 303);
}

#[tokio::test]
async fn g1_the_language_is_chosen_without_scripts_and_kept() {
    let server = TestServer::start().await;
    let mut browser = Browser::new(&server);
    let page = browser.authorize(&RelyingParty::shop(), &[]).await.page();
    let tx = form(&page).fields["tx"].clone();
    let switch = html::forms(page.text()).into_iter().find(|form| form.method == "get").unwrap();
    assert_eq!((switch.action.as_str(), switch.fields.get("tx")), ("/sign-in", Some(&tx)));
    let page = browser.visit(&format!("/sign-in?tx={tx}&ui_locales=uk")).await.page().expect(200);
    assert!(page.text().contains("<html lang=\"uk\""), "{page}");
    let again = browser.visit(&format!("/sign-in?tx={tx}")).await.page();
    assert!(again.text().contains("<html lang=\"uk\""), "{again}");
    assert_eq!(form(&again).fields["tx"], tx);
    let wrong = browser.submit(&form(&again), &[("username", "olena"), ("password", "wrong")]).await.page().expect(401);
    assert!(wrong.text().contains("<html lang=\"uk\""), "{wrong}");
}
