//! `/account`. SE-13, SE-15, SE-17.

use brama_testkit::{Browser, RelyingParty, Reply, TestServer, html, seeds};

use crate::support::{SESSION, Tokens, logged_in};

fn form(page: &Reply, action: &str, field: &str) -> html::Form {
    let forms = html::forms(page.text()).into_iter();
    let mut fitting =
        forms.filter(|form| form.action == action && (field.is_empty() || form.fields.contains_key(field)));
    fitting.next().unwrap_or_else(|| panic!("no form {action} with {field}: {page}"))
}

async fn account(browser: &mut Browser<'_>) -> Reply {
    browser.step(None, "/account").await
}

#[tokio::test]
async fn se13_sessions_are_listed_with_device_and_apps() {
    let server = TestServer::start().await;
    let mut browser = logged_in(&server).await;
    browser.sign_in_for(&RelyingParty::shop()).await;
    server.clock.advance_seconds(3600);
    logged_in(&server).await;
    let page = account(&mut browser).await.expect(200);
    assert_eq!(page.text().matches("<bdi>Chrome, Linux</bdi>").count(), 2, "{page}");
    assert!(page.text().contains("2026-06-01T08:00:00Z") && page.text().contains("2026-06-01T09:00:00Z"), "{page}");
    assert!(page.text().contains("<bdi>Олена Коваль</bdi>") && page.text().contains("<bdi>olena@example.com</bdi>"));
    assert!(page.text().contains("demo-spa"), "{page}");
    // SE-3: the secret is not on the page.
    assert!(!page.text().contains(browser.jar.get(SESSION).unwrap()));
}

#[tokio::test]
async fn se13_end_one_the_others_or_all() {
    let server = TestServer::start().await;
    let mut here = logged_in(&server).await;
    let mut there = logged_in(&server).await;
    let mut elsewhere = logged_in(&server).await;
    let page = account(&mut here).await;
    let one = form(&page, "/account/sessions/end", "session");
    let landing = here.submit(&one, &[]).await.page().expect(200);
    assert_eq!(landing.target, "/account?done=one");
    let ended = [account(&mut there).await.status == 303, account(&mut elsewhere).await.status == 303];
    assert_eq!(ended.iter().filter(|ended| **ended).count(), 1);
    // Twice is no error.
    assert_eq!(here.submit_step(&one, &[]).await.status, 303);

    let mut third = logged_in(&server).await;
    let all = form(&account(&mut here).await, "/account/sessions/end", "");
    let mut others = all.clone();
    others.fields.remove("session");
    here.submit(&others, &[("all_others", "1")]).await;
    assert_eq!(account(&mut third).await.status, 303);
    assert_eq!(account(&mut here).await.status, 200);
    assert_eq!(third.post_json(seeds::APP_ORIGIN, "/api/auth/refresh", None).await.status, 401);

    let mut fourth = logged_in(&server).await;
    let offline = RelyingParty::cli();
    let answer = fourth.sign_in_for(&offline).await;
    let tokens = Tokens::of(&offline.redeem(&server, answer.code()).await);
    let reply = here.submit_step(&others, &[("all", "1")]).await.expect(303);
    assert_eq!(reply.location(), "/signed-out");
    assert!(reply.deletes_cookie(SESSION));
    for browser in [&mut here, &mut fourth] {
        assert_eq!(account(browser).await.status, 303);
    }
    // SE-15: everywhere means offline access too.
    assert_eq!(offline.refresh(&server, &tokens.refresh).await.expect_error(400, "invalid_grant").status, 400);
}

#[tokio::test]
async fn se13_nobody_ends_the_session_of_another() {
    let server = TestServer::start().await;
    let mut olena = logged_in(&server).await;
    let mut taras = Browser::new(&server);
    taras.log_in(seeds::TARAS, seeds::PASSWORD).await;
    let user = seeds::user(&server, seeds::TARAS).await;
    let target = server.store.sessions_of(user.id, server.ctx().now).await.unwrap()[0].id.to_string();
    logged_in(&server).await;
    let mut form = form(&account(&mut olena).await, "/account/sessions/end", "session");
    form.fields.insert("session".to_owned(), target);
    assert_eq!(olena.submit_step(&form, &[]).await.status, 303);
    assert_eq!(account(&mut taras).await.status, 200);
}

#[tokio::test]
async fn se17_sign_out_is_a_form_with_a_token() {
    let server = TestServer::start().await;
    let mut browser = logged_in(&server).await;
    for method in [http::Method::GET, http::Method::HEAD] {
        assert_eq!(server.call(method, "/account/sign-out").send().await.status, 405);
    }
    let own = server.issuer().to_owned();
    assert_eq!(browser.post_form(&own, "/account/sign-out", &[("csrf", "x")]).await.status, 403);
    assert_eq!(account(&mut browser).await.status, 200);
    let form = form(&account(&mut browser).await, "/account/sign-out", "");
    let page = browser.submit(&form, &[]).await.page().expect(200);
    assert_eq!(page.target, "/signed-out");
    assert_eq!(account(&mut browser).await.status, 303);
    assert_eq!(browser.post_json(seeds::APP_ORIGIN, "/api/auth/refresh", None).await.status, 401);
}

#[tokio::test]
async fn wh18_a_hostile_user_agent_is_shown_as_a_coarse_label_only() {
    let server = TestServer::start().await;
    let body = serde_json::json!({"username": seeds::OLENA, "password": seeds::PASSWORD});
    let hostile = "<script>alert(1)</script> Firefox/1 {{x}} \u{202e}";
    assert_eq!(server.post("/api/auth/login").header("user-agent", hostile).json(&body).send().await.status, 200);
    let mut browser = logged_in(&server).await;
    let page = account(&mut browser).await.expect(200);
    assert!(!page.text().contains("alert(1)"), "{page}");
}

#[tokio::test]
async fn signed_out_links_only_to_registered_addresses() {
    let server = TestServer::start().await;
    let mut browser = Browser::new(&server);
    let page = browser.visit("/signed-out?client_id=shop").await.page().expect(200);
    assert!(page.text().contains(&format!("href=\"{}\"", seeds::SHOP_SIGNED_OUT)), "{page}");
    for target in [
        "/signed-out",
        "/signed-out?client_id=nobody",
        "/signed-out?client_id=a&client_id=b",
        "/signed-out?back=https://evil.example",
    ] {
        let page = browser.visit(target).await.page().expect(200);
        assert!(!page.text().contains("href=\"http"), "{page}");
    }
}

fn apps_form(page: &Reply, client: &str) -> html::Form {
    let forms = html::forms(page.text()).into_iter();
    let mut fitting = forms.filter(|form| form.fields.get("client").is_some_and(|id| id == client));
    fitting.next().unwrap_or_else(|| panic!("no form for {client}: {page}"))
}

#[tokio::test]
async fn az21_apps_with_access_are_listed_with_what_they_may_do() {
    let server = TestServer::start().await;
    let mut browser = Browser::new(&server);
    assert_eq!(browser.step(None, "/account/apps").await.location(), "/sign-in");
    let shop = RelyingParty::shop();
    let answer = browser.sign_in_for(&shop).await;
    let page = browser.step(None, "/account/apps").await.expect(200);
    // Consent is remembered, no grant is in use yet.
    assert!(page.text().contains("not in use; it would not have to ask again"), "{page}");
    let tokens = Tokens::of(&shop.redeem(&server, answer.code()).await.expect(200));
    server.clock.advance_seconds(3600);
    assert_eq!(shop.refresh(&server, &tokens.refresh).await.status, 200);
    browser.sign_in_for(&RelyingParty::cli()).await;
    let page = browser.step(None, "/account/apps").await.expect(200);
    for text in ["<bdi>Крамниця</bdi>", "<bdi>shop.example.net</bdi>", "see your email address", "2026-06-01T08:00:00Z"]
    {
        assert!(page.text().contains(text), "{text}: {page}");
    }
    assert!(!page.text().contains("value=\"cli\""), "nothing was redeemed for it, and nothing is remembered: {page}");
    // Others have nothing to do with it.
    let mut taras = Browser::new(&server);
    taras.log_in(seeds::TARAS, seeds::PASSWORD).await;
    assert!(!taras.step(None, "/account/apps").await.expect(200).text().contains("Крамниця"));
}

#[tokio::test]
async fn te30_withdrawing_ends_tokens_codes_and_consent_of_one_app() {
    let server = TestServer::start().await;
    let (shop, cli) = (RelyingParty::shop().scope("openid offline_access"), RelyingParty::cli());
    let mut browser = Browser::new(&server);
    let answer = browser.sign_in_for(&shop).await;
    let of_shop = Tokens::of(&shop.redeem(&server, answer.code()).await.expect(200));
    let waiting = browser.sign_in_for(&shop).await;
    let answer = browser.sign_in_for(&cli).await;
    let of_cli = Tokens::of(&cli.redeem(&server, answer.code()).await.expect(200));

    let form = apps_form(&browser.step(None, "/account/apps").await, seeds::SHOP);
    for (field, value) in [("csrf", "x"), ("csrf", "")] {
        let mut forged = form.clone();
        forged.fields.insert(field.to_owned(), value.to_owned());
        assert_eq!(browser.submit_step(&forged, &[]).await.status, 403);
    }
    let page = browser.submit(&form, &[]).await.page().expect(200);
    assert!(page.text().contains("The app has no access any more") && !page.text().contains("Крамниця"), "{page}");
    assert_eq!(shop.refresh(&server, &of_shop.refresh).await.expect_error(400, "invalid_grant").status, 400);
    assert_eq!(shop.redeem(&server, waiting.code()).await.expect_error(400, "invalid_grant").status, 400);
    assert_eq!(server.get("/userinfo").bearer(&of_shop.access).send().await.status, 401);
    // It has to ask again; the other app and the session are untouched.
    let landing = browser.authorize(&shop, &[("prompt", "none")]).await;
    assert_eq!(brama_testkit::Answer::parse(&landing.outside()).error(), "consent_required");
    assert_eq!(cli.refresh(&server, &of_cli.refresh).await.status, 200);
    // Twice, and of an app that is none, is no error.
    for client in [seeds::SHOP, "nobody", "a/b", ""] {
        let mut again = form.clone();
        again.fields.insert("client".to_owned(), client.to_owned());
        assert_eq!(browser.submit_step(&again, &[]).await.status, 303, "{client}");
    }
}
