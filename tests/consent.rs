//! `/consent`. AZ-20 to AZ-22, T1.

use brama_protocol::client::{Client, ClientType};
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
    assert_eq!(page.text().matches("name=\"decision\"").count(), 2);
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
    assert_eq!(server.store.find_consent(user.id, &seeds::SHOP.parse().unwrap()).await.unwrap(), None);
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
