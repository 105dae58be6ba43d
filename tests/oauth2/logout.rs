//! `/oauth2/logout`. OpenID RP-Initiated Logout 1.0; LO-1 to LO-6, SE-17.

use brama_jose::{Algorithm, SigningKey, Typ};
use brama_testkit::{Answer, Browser, Landing, RelyingParty, Storage, TestServer, html, rows, seeds, tokens};

use crate::support::{DEMO_RT, SESSION, Tokens, assert_unchanged};

const SHOP: &str = "https://shop.example.net";

/// A browser signed in to the shop, and the tokens the shop has.
async fn customer<'s>(server: &'s TestServer, name: &str) -> (Browser<'s>, Tokens) {
    let shop = RelyingParty::shop();
    let mut browser = Browser::new(server);
    let landing = browser.authorize(&shop, &[]).await;
    let answer = browser.complete_as(landing, name, seeds::PASSWORD).await;
    let tokens = Tokens::of(&shop.redeem(server, answer.code()).await);
    (browser, tokens)
}

fn address(parameters: &[(&str, &str)]) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    format!("/oauth2/logout?{query}")
}

async fn is_signed_in(browser: &mut Browser<'_>) -> bool {
    browser.step(None, "/account").await.status == 200
}

#[tokio::test]
async fn lo3_lo4_a_hint_of_this_session_signs_out_and_goes_back() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    let (mut browser, tokens) = customer(&server, seeds::OLENA).await;
    server.clock.advance_seconds(400); // LO-2: the hint has expired.
    let target = address(&[
        ("id_token_hint", &tokens.id),
        ("post_logout_redirect_uri", seeds::SHOP_SIGNED_OUT),
        ("state", "s&t=a te%"),
    ]);
    let reply = browser.step(Some(SHOP), &target).await.expect(303);
    assert!(reply.deletes_cookie(SESSION), "{reply}");
    let back = Answer::parse(reply.location());
    assert!(back.url.starts_with(&format!("{}?", seeds::SHOP_SIGNED_OUT)) && back.get("state") == Some("s&t=a te%"));
    assert!(!is_signed_in(&mut browser).await);
    // LO-5.
    assert_eq!(shop.refresh(&server, &tokens.refresh).await.expect_error(400, "invalid_grant").status, 400);
    let silent = browser.authorize(&shop, &[("prompt", "none")]).await.outside();
    assert_eq!(Answer::parse(&silent).error(), "login_required");
    // LO-4: honoured again although no session is left.
    assert_eq!(browser.arrive(SHOP, &target).await.outside(), back.url);
}

#[tokio::test]
async fn lo5_a_code_of_the_session_is_dead_afterwards() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    let (mut browser, tokens) = customer(&server, seeds::OLENA).await;
    let code = browser.sign_in_for(&shop).await.code().to_owned();
    let reply = browser.step(Some(SHOP), &address(&[("id_token_hint", &tokens.id)])).await.expect(303);
    assert_eq!(reply.location(), "/signed-out?client_id=shop");
    assert_eq!(shop.redeem(&server, &code).await.expect_error(400, "invalid_grant").status, 400);
}

#[tokio::test]
async fn lo2_lo3_without_a_hint_that_fits_the_person_is_asked_and_nothing_happens() {
    let server = TestServer::with(|options| options.storage = Storage::Disk).await;
    let (mut browser, mine) = customer(&server, seeds::OLENA).await;
    let (_, taras) = customer(&server, seeds::TARAS).await;
    let (_, elsewhere) = customer(&server, seeds::OLENA).await;
    let stranger = SigningKey::generate(Algorithm::Es256).unwrap();
    let claims = tokens::peek(&mine.id).1;
    let forged = stranger.sign(Typ::IdToken, &claims).unwrap();
    let none = format!("eyJhbGciOiJub25lIn0.{}.", mine.id.split('.').nth(1).unwrap());
    let back = ("post_logout_redirect_uri", seeds::SHOP_SIGNED_OUT);
    let before = rows::dump(&server);
    let cases: &[&[(&str, &str)]] = &[
        &[],
        &[back],
        &[("client_id", "shop"), back],
        &[("id_token_hint", "x"), back],
        &[("id_token_hint", &forged), back],
        &[("id_token_hint", &none), back],
        &[("id_token_hint", &taras.id), back],
        &[("id_token_hint", &elsewhere.id), back],
        &[("id_token_hint", &mine.access), back],
        &[("id_token_hint", &mine.id), ("client_id", "demo-spa"), back],
        &[("logout_hint", "olena"), back],
    ];
    for parameters in cases {
        let page = browser.step(Some(SHOP), &address(parameters)).await.expect(200);
        assert!(html::form(page.text(), "/sign-out").is_some(), "{parameters:?}: {page}");
        assert_eq!(page.header("x-frame-options"), Some("DENY"));
        assert_eq!(page.set_cookies(), [""; 0], "{page}");
    }
    assert_unchanged(&server, &before);
    assert!(is_signed_in(&mut browser).await);
}

#[tokio::test]
async fn lo3_se17_the_button_of_our_page_signs_out() {
    let server = TestServer::start().await;
    let (mut browser, _) = customer(&server, seeds::OLENA).await;
    let target =
        address(&[("client_id", "shop"), ("post_logout_redirect_uri", seeds::SHOP_SIGNED_OUT), ("state", "x")]);
    let page = browser.arrive(SHOP, &target).await.page().expect(200);
    let form = html::form(page.text(), "/sign-out").unwrap();
    let landing = browser.submit(&form, &[]).await;
    // WH-2: a page of ours leads on, not a redirect after a form.
    let Landing::Page(page) = &landing else { panic!("{landing:?}") };
    assert_eq!(page.status, 200);
    assert_eq!(landing.outside(), format!("{}?state=x", seeds::SHOP_SIGNED_OUT));
    assert!(!is_signed_in(&mut browser).await);
    assert_eq!(browser.jar.get(SESSION), None);
}

#[tokio::test]
async fn wh11_the_confirmation_needs_its_token_and_its_own_page() {
    let server = TestServer::start().await;
    let (mut browser, _) = customer(&server, seeds::OLENA).await;
    let (mut other, _) = customer(&server, seeds::TARAS).await;
    let own = server.issuer().to_owned();
    let page = browser.visit("/oauth2/logout").await.page();
    let good = html::form(page.text(), "/sign-out").unwrap().fields["csrf"].clone();
    let page = other.visit("/oauth2/logout").await.page();
    let theirs = html::form(page.text(), "/sign-out").unwrap().fields["csrf"].clone();
    for token in ["", "x", &theirs, &good[1..]] {
        assert_eq!(browser.post_form(&own, "/sign-out", &[("csrf", token)]).await.status, 403, "{token}");
    }
    for from in [SHOP, seeds::APP_ORIGIN] {
        assert_eq!(browser.post_form(from, "/sign-out", &[("csrf", &good)]).await.status, 403, "{from}");
    }
    assert!(is_signed_in(&mut browser).await);
    assert_eq!(browser.post_form(&own, "/sign-out", &[("csrf", &good)]).await.location(), "/signed-out");
}

#[tokio::test]
async fn lo4_lo6_no_open_redirect() {
    let server = TestServer::start().await;
    for (client, uri) in [
        (Some("shop"), "https://evil.example/"),
        (Some("shop"), "https://shop.example.net/bye/x"),
        (Some("shop"), "https://shop.example.net/bye?x=1"),
        (Some("shop"), "https://shop.example.net/by"),
        (Some("shop"), "https://SHOP.example.net/bye"),
        (Some("shop"), "https://shop.example.net/cb"),
        (Some("shop"), "https://app.example.com/"),
        (Some("shop"), "//evil.example"),
        (Some("shop"), "javascript:alert(1)"),
        (Some("nobody"), seeds::SHOP_SIGNED_OUT),
        (Some("demo-spa"), seeds::SHOP_SIGNED_OUT),
        (None, seeds::SHOP_SIGNED_OUT),
        (None, "https://evil.example/"),
    ] {
        let (mut browser, tokens) = customer(&server, seeds::OLENA).await;
        // Before: the person is asked. After the answer: our own page.
        let mut parameters = vec![("post_logout_redirect_uri", uri), ("state", "x")];
        parameters.extend(client.map(|client| ("client_id", client)));
        let page = browser.arrive(SHOP, &address(&parameters)).await.page();
        let form = html::form(page.text(), "/sign-out").unwrap();
        let done = browser.submit(&form, &[]).await.page().expect(200);
        assert!(done.target.starts_with("/signed-out"), "{client:?} {uri}: {done}");
        assert!(!done.text().contains("evil.example"), "{done}");
        // With a hint likewise, and with no session at all.
        if client == Some("shop") {
            parameters.push(("id_token_hint", &tokens.id));
        }
        let reply = browser.step(Some(SHOP), &address(&parameters)).await.expect(303);
        assert!(reply.location().starts_with("/signed-out"), "{client:?} {uri}: {reply}");
    }
}

#[tokio::test]
async fn lo1_a_form_of_the_app_does_the_same() {
    let server = TestServer::start().await;
    let (mut browser, tokens) = customer(&server, seeds::OLENA).await;
    let fields =
        [("id_token_hint", tokens.id.as_str()), ("post_logout_redirect_uri", seeds::SHOP_SIGNED_OUT), ("state", "a b")];
    let reply = browser.post_form(SHOP, "/oauth2/logout", &fields).await.expect(303);
    assert!(reply.location().starts_with("/oauth2/logout?carried_hint="), "{reply}");
    let landing = browser.follow(Some(SHOP), reply).await;
    assert_eq!(landing.outside(), format!("{}?state=a+b", seeds::SHOP_SIGNED_OUT));
    assert!(!is_signed_in(&mut browser).await);
}

/// Whoever posts keeps the ID token out of addresses; so do we, and what we carry on instead is good for this alone.
#[tokio::test]
async fn lo1_lo2_a_posted_hint_is_carried_on_without_the_token() {
    let server = TestServer::start().await;
    let (mut browser, tokens) = customer(&server, seeds::OLENA).await;
    let (_, others) = customer(&server, seeds::TARAS).await;
    let carried = async |token: &str| {
        let reply =
            Browser::new(&server).post_form(SHOP, "/oauth2/logout", &[("id_token_hint", token)]).await.expect(303);
        let location = reply.location().to_owned();
        assert!(!token.split('.').any(|part| part.len() > 8 && location.contains(part)), "{location}");
        url::Url::parse(&format!("https://x{location}"))
            .unwrap()
            .query_pairs()
            .next()
            .map(|(_, value)| value.into_owned())
    };
    assert_eq!(carried("a.b.c").await, None);
    let (mine, of_another) = (carried(&tokens.id).await.unwrap(), carried(&others.id).await.unwrap());
    // Altered, put together from two, or of another session: the person is asked.
    let (tag, said) = mine.split_once('~').unwrap();
    let (other_tag, other_said) = of_another.split_once('~').unwrap();
    let later = said.replacen(|c: char| c.is_ascii_digit(), "9", 1);
    for hint in
        [&of_another, &format!("{tag}~{other_said}"), &format!("{other_tag}~{said}"), &format!("{tag}~{later}"), said]
    {
        let page = browser.visit(&address(&[("carried_hint", hint)])).await.page().expect(200);
        assert!(html::form(page.text(), "/sign-out").is_some(), "{hint}");
    }
    // It names the app: another one contradicts it.
    let contradicted = address(&[("carried_hint", &mine), ("client_id", "demo-spa")]);
    let _ = browser.visit(&contradicted).await.page().expect(200);
    assert!(is_signed_in(&mut browser).await);
    server.clock.advance_seconds(31 * 60);
    let page = browser.visit(&address(&[("carried_hint", &mine)])).await.page().expect(200);
    assert!(html::form(page.text(), "/sign-out").is_some(), "too old");
    let fresh = carried(&tokens.id).await.unwrap();
    let _ = browser.visit(&address(&[("carried_hint", &fresh)])).await;
    assert!(!is_signed_in(&mut browser).await);
}

#[tokio::test]
async fn lo1_a_repeated_parameter_is_an_error_on_our_page() {
    let server = TestServer::start().await;
    let (mut browser, tokens) = customer(&server, seeds::OLENA).await;
    for name in ["id_token_hint", "client_id", "post_logout_redirect_uri", "state"] {
        let target = address(&[("id_token_hint", &tokens.id), (name, "shop"), (name, "shop")]);
        assert_eq!(browser.step(Some(SHOP), &target).await.status, 400, "{name}");
    }
    assert!(is_signed_in(&mut browser).await);
}

#[tokio::test]
async fn lo3_only_a_navigation_signs_out() {
    let server = TestServer::start().await;
    let (browser, tokens) = customer(&server, seeds::OLENA).await;
    let session = format!("{SESSION}={}", browser.jar.get(SESSION).unwrap());
    for (mode, dest) in [("no-cors", "image"), ("navigate", "iframe"), ("cors", "empty"), ("no-cors", "script")] {
        let call = server.get(&address(&[("id_token_hint", &tokens.id)])).cookie(&session);
        let call =
            call.header("sec-fetch-site", "cross-site").header("sec-fetch-mode", mode).header("sec-fetch-dest", dest);
        assert_eq!(call.send().await.status, 403, "{mode} {dest}");
    }
}

#[tokio::test]
async fn a8_signing_out_anywhere_takes_the_refresh_cookies_along() {
    let server = TestServer::start().await;
    let mut browser = crate::support::logged_in(&server).await;
    let page = browser.visit("/oauth2/logout").await.page();
    let form = html::form(page.text(), "/sign-out").unwrap();
    let reply = browser.submit_step(&form, &[]).await.expect(303);
    assert!(reply.deletes_cookie(SESSION) && reply.deletes_cookie(DEMO_RT), "{reply}");
}

/// With `offline_access` an app keeps what it was given, without it goes. LO-5.
#[tokio::test]
async fn lo5_offline_access_outlives_the_session_and_nothing_else_does() {
    let server = TestServer::start().await;
    let (cli, shop) = (RelyingParty::cli(), RelyingParty::shop());
    let mut browser = Browser::new(&server);
    let code = browser.sign_in_for(&cli).await;
    let kept = Tokens::of(&cli.redeem(&server, code.code()).await);
    let code = browser.sign_in_for(&shop).await;
    let gone = Tokens::of(&shop.redeem(&server, code.code()).await);
    let _ = browser.step(Some(SHOP), &address(&[("id_token_hint", &gone.id)])).await.expect(303);
    assert_eq!(shop.refresh(&server, &gone.refresh).await.expect_error(400, "invalid_grant").status, 400);
    assert_eq!(server.get("/userinfo").bearer(&gone.access).send().await.status, 401);
    assert_eq!(cli.refresh(&server, &kept.refresh).await.status, 200);
    assert_eq!(server.get("/userinfo").bearer(&kept.access).send().await.status, 200);
}

#[tokio::test]
async fn lo1_a_logout_hint_that_names_somebody_else_makes_us_ask() {
    let server = TestServer::start().await;
    let id = seeds::user(&server, seeds::OLENA).await.id.to_string();
    for (hint, asked) in [
        ("taras", true),
        ("taras@example.com", true),
        ("01920000-0000-7000-8000-000000000000", true),
        ("x", true),
        ("OLENA", false),
        ("olena@example.com", false),
        (id.as_str(), false),
    ] {
        let (mut browser, tokens) = customer(&server, seeds::OLENA).await;
        let target = address(&[("id_token_hint", &tokens.id), ("logout_hint", hint)]);
        // By a form of the app likewise: the hint is carried along.
        let fields = [("id_token_hint", tokens.id.as_str()), ("logout_hint", hint)];
        let reply = browser.post_form(SHOP, "/oauth2/logout", &fields).await.expect(303);
        assert!(reply.location().contains("logout_hint="), "{reply}");
        let reply = browser.step(Some(SHOP), &target).await;
        assert_eq!(reply.status, if asked { 200 } else { 303 }, "{hint}: {reply}");
        assert_eq!(is_signed_in(&mut browser).await, asked, "{hint}");
        if asked {
            let form = html::form(reply.text(), "/sign-out").unwrap();
            assert_eq!(form.fields["logout_hint"], hint);
            assert_eq!(browser.submit(&form, &[]).await.page().status, 200);
        }
    }
}

#[tokio::test]
async fn lo1_pages_speak_the_language_that_the_app_asks_for() {
    let server = TestServer::start().await;
    for (asked, spoken) in [("uk", "uk"), ("uk en", "uk"), ("fr uk", "uk"), ("en", "en"), ("xx", "en")] {
        let (mut browser, tokens) = customer(&server, seeds::OLENA).await;
        let page = browser.step(Some(SHOP), &address(&[("ui_locales", asked)])).await.expect(200);
        assert!(page.text().contains(&format!("lang=\"{spoken}\"")), "{asked}: {page}");
        let mut fresh = Browser::new(&server);
        fresh.jar = browser.jar.clone();
        let landing = fresh.arrive(SHOP, &address(&[("id_token_hint", &tokens.id), ("ui_locales", asked)])).await;
        let page = landing.page().expect(200);
        assert!(page.target.starts_with("/signed-out?client_id=shop"), "{page}");
        assert!(page.text().contains(&format!("lang=\"{spoken}\"")), "{asked}: {page}");
    }
}

#[tokio::test]
async fn lo6_nothing_of_a_logout_is_kept_or_framed() {
    let server = TestServer::start().await;
    let (mut browser, tokens) = customer(&server, seeds::OLENA).await;
    let asked = browser.step(Some(SHOP), &address(&[])).await.expect(200);
    let done = browser.step(Some(SHOP), &address(&[("id_token_hint", &tokens.id)])).await.expect(303);
    let error = browser.step(Some(SHOP), &address(&[("state", "x"), ("state", "y")])).await.expect(400);
    for reply in [asked, done, error] {
        assert_eq!(reply.header("cache-control"), Some("no-store"), "{reply}");
        assert_eq!(reply.header("x-frame-options"), Some("DENY"), "{reply}");
    }
}

/// Whoever comes back the next day to sign out has an idle session: what apps were given through it ends all the same.
#[tokio::test]
async fn lo5_lo10_an_idle_session_is_ended_too() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    let idle = 13 * 3600;
    // By a hint that fits.
    let (mut browser, tokens) = customer(&server, seeds::OLENA).await;
    server.clock.advance_seconds(idle);
    let _ = shop.refresh(&server, &tokens.refresh).await.expect(200);
    let target = address(&[("id_token_hint", &tokens.id), ("post_logout_redirect_uri", seeds::SHOP_SIGNED_OUT)]);
    assert!(browser.step(Some(SHOP), &target).await.expect(303).location().starts_with(seeds::SHOP_SIGNED_OUT));
    let _ = shop.refresh(&server, &tokens.refresh).await.expect_error(400, "invalid_grant");
    // By the button, after being asked who it is about.
    let (mut browser, tokens) = customer(&server, seeds::OLENA).await;
    server.clock.advance_seconds(idle);
    let page = browser.step(Some(SHOP), &address(&[])).await.expect(200);
    assert!(page.text().contains(seeds::OLENA), "{page}");
    let _ = shop.refresh(&server, &tokens.refresh).await.expect(200);
    let form = html::form(page.text(), "/sign-out").unwrap();
    let _ = browser.submit(&form, &[]).await.page().expect(200);
    let _ = shop.refresh(&server, &tokens.refresh).await.expect_error(400, "invalid_grant");
    // By the button of the account page, which was open all the while.
    let (mut browser, tokens) = customer(&server, seeds::OLENA).await;
    let page = browser.step(None, "/account").await.expect(200);
    server.clock.advance_seconds(idle);
    let form = html::form(page.text(), "/account/sign-out").unwrap();
    let _ = browser.submit(&form, &[]).await.page().expect(200);
    let _ = shop.refresh(&server, &tokens.refresh).await.expect_error(400, "invalid_grant");
}

/// The hint of another session, and a forged form, end an idle session no more than a live one.
#[tokio::test]
async fn lo2_wh11_an_idle_session_is_not_ended_by_others() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    let (mut browser, tokens) = customer(&server, seeds::OLENA).await;
    let (_, of_another) = customer(&server, seeds::TARAS).await;
    server.clock.advance_seconds(13 * 3600);
    let asked = browser.step(Some(SHOP), &address(&[("id_token_hint", &of_another.id)])).await.expect(200);
    assert!(html::form(asked.text(), "/sign-out").is_some(), "{asked}");
    let forged = browser.post_form("/oauth2/logout", "/sign-out", &[("csrf", "x")]).await.expect(403);
    assert!(!forged.deletes_cookie(SESSION), "{forged}");
    let _ = shop.refresh(&server, &tokens.refresh).await.expect(200);
}

/// An app that registered itself leads nobody away who was never signed in to it.
#[tokio::test]
async fn az13_lo6_an_app_that_registered_itself_redirects_only_with_a_hint() {
    let server = TestServer::start().await;
    let shop = server.store.find_client(&seeds::SHOP.parse().unwrap()).await.unwrap().unwrap().client.clone();
    let itself = brama_protocol::client::Client { registrar: brama_protocol::client::Registrar::Itself, ..shop };
    let (mut browser, tokens) = customer(&server, seeds::OLENA).await;
    let another = customer(&server, seeds::TARAS).await;
    seeds::put_client(&server, itself).await;
    server.keep_up().await;
    let bare = [("client_id", "shop"), ("post_logout_redirect_uri", seeds::SHOP_SIGNED_OUT)];
    let reply = Browser::new(&server).step(Some(SHOP), &address(&bare)).await.expect(303);
    assert_eq!(reply.location(), "/signed-out?client_id=shop");
    let hinted = [("id_token_hint", &*tokens.id), ("post_logout_redirect_uri", seeds::SHOP_SIGNED_OUT)];
    // Whose app it is has an ID token for it too, and sends it to others.
    let reply = Browser::new(&server).step(Some(SHOP), &address(&hinted)).await.expect(303);
    assert_eq!(reply.location(), "/signed-out?client_id=shop");
    let (mut other, _) = another;
    let page = other.visit(&address(&hinted)).await.page().expect(200);
    let form = html::form(page.text(), "/sign-out").unwrap();
    let reply = other.submit_step(&form, &[]).await.expect(303);
    assert_eq!(reply.location(), "/signed-out?client_id=shop");
    let reply = browser.step(Some(SHOP), &address(&hinted)).await.expect(303);
    assert!(reply.location().starts_with(seeds::SHOP_SIGNED_OUT), "{reply}");
}
