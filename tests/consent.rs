//! `/consent`. AZ-20 to AZ-22, T1.

use brama_protocol::client::{Client, ClientType};
use brama_protocol::redirect_uri::RegisteredRedirectUri;
use brama_protocol::resource::Resources;
use brama_testkit::{Answer, Browser, RelyingParty, Reply, TestServer, html, seeds};

const RIGHT: [(&str, &str); 2] = [("username", seeds::OLENA), ("password", seeds::PASSWORD)];

/// A browser before the consent page of the shop.
async fn asked(server: &TestServer) -> (Browser<'_>, Reply) {
    let mut browser = Browser::new(server);
    let page = browser.authorize(&RelyingParty::shop(), &[]).await.page();
    let form = html::form(page.text(), "/sign-in").unwrap();
    let page = browser.submit(&form, &RIGHT).await.page().expect(200);
    (browser, page)
}

#[tokio::test]
async fn az21_the_page_says_who_asks_what_and_where_the_answer_goes() {
    let server = TestServer::start().await;
    let (_, page) = asked(&server).await;
    for text in ["<bdi>Крамниця</bdi>", "<bdi>shop.example.net</bdi>", "<bdi>olena</bdi>"] {
        assert!(page.text().contains(text), "{text}: {page}");
    }
    // Yes, no, or part of it; nothing is ticked beforehand. UX-7.
    assert_eq!(page.text().matches("name=\"decision\"").count(), 3);
    assert_eq!(page.text().matches("type=\"checkbox\"").count(), 2);
    assert!(!page.text().contains(" checked"), "{page}");
}

#[tokio::test]
async fn az21_no_is_an_answer_with_state_and_iss() {
    let server = TestServer::start().await;
    let (mut browser, page) = asked(&server).await;
    let form = html::form(page.text(), "/consent").unwrap();
    let answer = Answer::parse(&browser.submit(&form, &[("decision", "deny")]).await.outside());
    assert_eq!(answer.error(), "access_denied");
    let shop = RelyingParty::shop();
    assert_eq!((answer.get("state"), answer.get("iss")), (Some(shop.state.as_str()), Some(server.issuer())));
    // The same page sent again after all: the request was answered, the person is asked anew.
    let page = browser.submit(&form, &[("decision", "allow")]).await;
    let outside = match page {
        brama_testkit::Landing::Page(page) if html::form(page.text(), "/consent").is_some() => return,
        other => other.outside(),
    };
    assert_eq!(Answer::parse(&outside).error(), "access_denied");
}

#[tokio::test]
async fn az20_consent_needs_the_token_of_this_session() {
    let server = TestServer::start().await;
    let (mut browser, page) = asked(&server).await;
    let form = html::form(page.text(), "/consent").unwrap();
    let (_, other) = asked(&server).await;
    let foreign = html::form(other.text(), "/consent").unwrap().fields["csrf"].clone();
    for csrf in ["", "x", &foreign] {
        let mut changed = form.clone();
        changed.fields.insert("csrf".to_owned(), csrf.to_owned());
        let reply = browser.submit_step(&changed, &[("decision", "allow")]).await.expect(403);
        assert_eq!(reply.header("location"), None);
    }
    let fields: Vec<(&str, &str)> = form.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let fields = [&fields[..], &[("decision", "allow")]].concat();
    for from in ["https://shop.example.net", "https://evil.example", seeds::APP_ORIGIN] {
        assert_eq!(browser.post_form(from, "/consent", &fields).await.status, 403, "{from}");
    }
    let user = seeds::user(&server, seeds::OLENA).await;
    assert!(server.store.find_consent(user.id, &seeds::SHOP.parse().unwrap()).await.unwrap().is_empty());
    let landing = browser.submit(&form, &[("decision", "allow")]).await;
    assert!(browser.complete(landing).await.get("code").is_some());
}

#[tokio::test]
async fn consent_of_nobody_is_no_consent() {
    let server = TestServer::start().await;
    let (mut browser, page) = asked(&server).await;
    let form = html::form(page.text(), "/consent").unwrap();
    // Only `allow` allows.
    for decision in [None, Some("yes"), Some("ALLOW"), Some("")] {
        let filled: Vec<(&str, &str)> = decision.iter().map(|decision| ("decision", *decision)).collect();
        let page = browser.submit(&form, &filled).await.page().expect(200);
        assert!(html::form(page.text(), "/consent").is_some(), "{decision:?}: {page}");
    }
    // Another browser has the address and nothing else.
    let mut other = Browser::new(&server);
    other.sign_in_for(&RelyingParty::demo()).await;
    let page = other.visit(&format!("/consent?tx={}", form.fields["tx"])).await.page().expect(200);
    assert_ne!(html::form(page.text(), "/consent").unwrap().fields["tx"], form.fields["tx"]);
    // Signed out meanwhile: back to the sign-in page.
    browser.jar.remove(crate::support::SESSION);
    let page = browser.submit(&form, &[("decision", "allow")]).await.page().expect(200);
    assert!(html::form(page.text(), "/sign-in").is_some(), "{page}");
}

#[tokio::test]
async fn az12_wh18_hostile_names_of_apps_are_shown_as_text() {
    let server = TestServer::start().await;
    for name in
        ["<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "\u{202e}knab ruoy", "{{7*7}}", "&lt;b&gt;"]
    {
        let client = Client {
            name: name.to_owned(),
            redirect_uris: vec![
                brama_protocol::redirect_uri::RegisteredRedirectUri::parse(seeds::SHOP_REDIRECT).unwrap(),
            ],
            ..seeds::client(seeds::SHOP, ClientType::Web)
        };
        seeds::put_client(&server, client).await;
        let (_, page) = asked(&server).await;
        let escaped = ["<script>alert", "<img src=x", "<b>"].iter().all(|raw| !page.text().contains(raw));
        assert!(escaped && page.text().contains("<bdi>"), "{page}");
        // What turns text around is taken out, all else is text.
        let shown = html::unescape(page.text());
        assert!(shown.contains(name.trim_start_matches('\u{202e}')) && !shown.contains('\u{202e}'), "{name}: {page}");
    }
}

#[tokio::test]
async fn a6_an_old_consent_page_is_shown_anew() {
    let server = TestServer::start().await;
    let (mut browser, page) = asked(&server).await;
    let form = html::form(page.text(), "/consent").unwrap();
    server.clock.advance_seconds(31 * 60);
    let page = browser.submit(&form, &[("decision", "allow")]).await.page().expect(200);
    let again = html::form(page.text(), "/consent").unwrap();
    assert_ne!(again.fields["tx"], form.fields["tx"]);
    let landing = browser.submit(&again, &[("decision", "allow")]).await;
    assert_eq!(browser.complete(landing).await.get("state"), Some(RelyingParty::shop().state.as_str()));
}

/// The scope of the tokens that an app gets after this answer to the consent page.
async fn scope_after(server: &TestServer, browser: &mut Browser<'_>, page: &Reply, filled: &[(&str, &str)]) -> String {
    let form = html::form(page.text(), "/consent").unwrap();
    let landing = browser.submit(&form, filled).await;
    let answer = browser.complete(landing).await;
    let reply = RelyingParty::shop().redeem(server, answer.code()).await.expect(200);
    reply.member("scope")
}

#[tokio::test]
async fn az21_part_of_it_can_be_allowed_but_not_more() {
    let server = TestServer::start().await;
    for (chosen, scope) in [
        (&["email"][..], "email openid"),
        (&["profile", "email"], "email openid profile"),
        // Not asked for, unknown, and hostile ones change nothing; `openid` cannot be left out.
        (&["email", "offline_access", "admin", "\"><script>"], "email openid"),
        (&["openid", "email"], "email openid"),
    ] {
        let user = seeds::user(&server, seeds::OLENA).await;
        server.store.withdraw_access(user.id, &seeds::SHOP.parse().unwrap(), server.ctx().now).await.unwrap();
        let (mut browser, page) = asked(&server).await;
        let mut filled = vec![("decision", "allow_chosen")];
        let form = html::form(page.text(), "/consent").unwrap();
        let own = server.issuer().to_owned();
        filled.extend(chosen.iter().map(|scope| ("scope", *scope)));
        filled.extend(form.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let reply = browser.post_form(&own, "/consent", &filled).await;
        let landing = browser.follow(Some(&own), reply).await;
        let answer = browser.complete(landing).await;
        let tokens = RelyingParty::shop().redeem(&server, answer.code()).await.expect(200);
        assert_eq!(tokens.member("scope"), scope, "{chosen:?}");
        // TE-28: the refresh token cannot widen it.
        let refresh = tokens.member("refresh_token");
        let wider = RelyingParty::shop().refresh_with(&server, &refresh, &[("scope", "openid profile email x")]).await;
        assert_eq!(wider.expect_error(400, "invalid_scope").status, 400);
        let remembered = server.store.find_consent(user.id, &seeds::SHOP.parse().unwrap()).await.unwrap();
        assert_eq!(remembered.for_all(&Resources::default()).to_string(), scope);
    }
}

#[tokio::test]
async fn az21_nothing_ticked_is_no_answer() {
    let server = TestServer::start().await;
    let (mut browser, page) = asked(&server).await;
    let form = html::form(page.text(), "/consent").unwrap();
    let again = browser.submit(&form, &[("decision", "allow_chosen")]).await.page().expect(200);
    assert!(again.text().contains("Nothing is ticked") && again.text().contains("<details open>"), "{again}");
    assert_eq!(scope_after(&server, &mut browser, &again, &[("decision", "allow")]).await, "email openid profile");
}

#[tokio::test]
async fn az22_what_is_new_is_asked_and_what_was_allowed_is_shown() {
    let server = TestServer::start().await;
    let (mut browser, page) = asked(&server).await;
    let chosen = [("decision", "allow_chosen"), ("scope", "email")];
    assert_eq!(scope_after(&server, &mut browser, &page, &chosen).await, "email openid");
    let page = browser.authorize(&RelyingParty::shop(), &[]).await.page();
    let (new, before) = page.text().split_once("You have allowed it already to").unwrap();
    assert!(new.contains("see your name, user name and language") && !new.contains("see your email address"), "{page}");
    assert!(before.contains("see your email address"), "{page}");
    // Allowing what is new keeps what was allowed.
    let all = [("decision", "allow_chosen"), ("scope", "profile")];
    assert_eq!(scope_after(&server, &mut browser, &page, &all).await, "email openid profile");
    let silent = browser.authorize(&RelyingParty::shop(), &[("prompt", "none")]).await;
    assert!(Answer::parse(&silent.outside()).get("code").is_some());
    // `prompt=consent` asks for all of it again.
    let page = browser.authorize(&RelyingParty::shop(), &[("prompt", "consent")]).await.page();
    assert!(!page.text().contains("You have allowed it already"), "{page}");
}

#[tokio::test]
async fn az22_what_was_allowed_for_one_api_is_asked_for_another() {
    let server = TestServer::start().await;
    let (a, b) = ("https://a.example.net", "https://b.example.net");
    let record = server.store.find_client(&seeds::SHOP.parse().unwrap()).await.unwrap().unwrap();
    let resources = vec![a.to_owned(), b.to_owned()];
    seeds::put_client(&server, Client { resources, ..record.client.clone() }).await;
    let (shop, mut browser) = (RelyingParty::shop(), Browser::new(&server));
    let landing = browser.authorize(&shop, &[("resource", a)]).await;
    let _ = browser.complete(landing).await;
    for (resources, expected) in [
        (vec![a], None),
        (vec![b], Some("consent_required")),
        (vec![a, b], Some("consent_required")),
        (vec![], Some("consent_required")),
    ] {
        let mut target = shop.authorize_url(&[("prompt", "none")]);
        for resource in &resources {
            target.push_str("&resource=");
            target.push_str(resource);
        }
        let answer = Answer::parse(&browser.visit(&target).await.outside());
        assert_eq!(answer.get("error"), expected, "{resources:?}");
    }
}

#[tokio::test]
async fn az22_nothing_is_remembered_where_the_receiver_is_not_assured() {
    let server = TestServer::start().await;
    let cli = RelyingParty::cli();
    Browser::new(&server).sign_in_for(&cli).await;
    let user = seeds::user(&server, seeds::OLENA).await;
    assert!(server.store.find_consent(user.id, &seeds::CLI.parse().unwrap()).await.unwrap().is_empty());
}

/// CLIENT-05, RFC 8252 §8.6: what listens on this machine is anybody, be the app our own.
#[tokio::test]
async fn az22_an_app_of_ours_on_this_machine_gets_nothing_silently() {
    let server = TestServer::start().await;
    let loopback = "http://127.0.0.1/cb";
    for (uri, silent) in [(loopback, false), ("com.example.app:/cb", false), ("https://tool.example.com/cb", true)] {
        let uris = vec![RegisteredRedirectUri::parse(uri).unwrap()];
        let tool = Client { redirect_uris: uris, first_party: true, ..seeds::client("tool", ClientType::Native) };
        seeds::put_client(&server, tool).await;
        let asked = [("client_id", "tool"), ("redirect_uri", uri), ("scope", "openid")];
        let (demo, mut browser) = (RelyingParty::demo(), Browser::new(&server));
        // Whoever signs in for it has seen its name.
        let page = browser.authorize(&demo, &asked).await.page();
        let form = html::form(page.text(), "/sign-in").unwrap();
        let filled = [("username", seeds::OLENA), ("password", seeds::PASSWORD)];
        let page = browser.submit(&form, &filled).await.page();
        assert!(html::continuation(page.text()).is_some_and(|target| target.contains("code=")), "{uri}: {page}");
        // Whoever is signed in is asked.
        server.clock.advance_seconds(1);
        let mut again = asked.to_vec();
        again.push(("prompt", "none"));
        let answer = Answer::parse(&browser.authorize(&demo, &again).await.outside());
        assert_eq!(answer.get("error"), (!silent).then_some("consent_required"), "{uri}");
        if !silent {
            let page = browser.authorize(&demo, &asked).await.page();
            assert!(html::form(page.text(), "/consent").is_some(), "{uri}: {page}");
        }
    }
}

/// OpenID Core §11: access that outlives the session takes consent of its own, of a web app of ours too.
#[tokio::test]
async fn offline_access_takes_explicit_consent() {
    let server = TestServer::start().await;
    let record = server.store.find_client(&seeds::SHOP.parse().unwrap()).await.unwrap().unwrap();
    seeds::put_client(&server, Client { first_party: true, ..record.client.clone() }).await;
    let shop = RelyingParty::shop().scope("openid offline_access");
    let mut browser = Browser::new(&server);
    browser.sign_in_for(&RelyingParty::demo()).await;
    let scope = async |answer: &Answer| shop.redeem(&server, answer.code()).await.expect(200).member("scope");
    for prompt in ["", "none"] {
        let answer = Answer::parse(&browser.authorize(&shop, &[("prompt", prompt)]).await.outside());
        assert_eq!(scope(&answer).await, "openid", "ignored, not refused: {prompt}");
    }
    let page = browser.authorize(&shop, &[("prompt", "consent")]).await;
    let answer = browser.complete(page).await;
    assert_eq!(scope(&answer).await, "offline_access openid");
    let answer = Answer::parse(&browser.authorize(&shop, &[("prompt", "none")]).await.outside());
    assert_eq!(scope(&answer).await, "offline_access openid", "remembered");
    // A third-party app: its consent page says so.
    seeds::put_client(&server, Client { first_party: false, ..record.client.clone() }).await;
    let mut taras = Browser::new(&server);
    let page = taras.authorize(&shop, &[]).await.page();
    let form = html::form(page.text(), "/sign-in").unwrap();
    let page = taras.submit(&form, &[("username", seeds::TARAS), ("password", seeds::PASSWORD)]).await.page();
    assert!(page.text().contains("keep access while you are not using the app"), "{page}");
}
