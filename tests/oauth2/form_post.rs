//! `response_mode`: how an answer goes to the app. OAuth 2.0 Form Post Response Mode; AZ-31 to AZ-33.

use brama_protocol::client::{Client, ClientType};
use brama_testkit::{Answer, Browser, RelyingParty, Reply, TestServer, html, seeds};

const FORM_POST: (&str, &str) = ("response_mode", "form_post");

/// What a page that posts an answer is, whatever the answer.
fn assert_form_page(page: &Reply) {
    assert_eq!(page.status, 200, "{page}");
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("form-action 'self' https:") && policy.contains("script-src 'nonce-"), "{policy}");
    // By script with a nonce; a button for those without.
    let nonce = policy.split_once("'nonce-").unwrap().1.split('\'').next().unwrap();
    assert!(page.text().contains(&format!("nonce=\"{nonce}\"").replace('=', "=")), "{page}");
    assert!(page.text().contains("<button class=\"button fill\" type=\"submit\">"), "{page}");
}

#[tokio::test]
async fn az32_a_code_is_posted_with_state_and_iss() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    let mut browser = Browser::new(&server);
    let landing = browser.authorize(&shop, &[FORM_POST]).await;
    let answer = browser.complete(landing).await;
    assert_eq!(answer.url, shop.redirect_uri, "nothing is in the address");
    let names: Vec<&str> = answer.parameters.keys().map(String::as_str).collect();
    assert_eq!(names, ["code", "iss", "state"]);
    assert_eq!((answer.get("state"), answer.get("iss")), (Some(shop.state.as_str()), Some(server.issuer())));
    assert_eq!(shop.redeem(&server, answer.code()).await.status, 200);
    // Signed in and allowed: the page comes at once.
    let page = browser.authorize(&shop, &[FORM_POST]).await.page();
    assert_form_page(&page);
    assert!(Answer::posted(page.text()).get("code").is_some());
    let page = browser.authorize(&shop, &[FORM_POST, ("prompt", "none")]).await.page();
    assert_form_page(&page);
}

#[tokio::test]
async fn az32_errors_are_posted_too_and_hostile_state_stays_text() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    for state in
        ["\"><script>alert(1)</script>", "' onfocus=alert(1) autofocus='", "</form><form action=x>", "&quot;стан"]
    {
        for (change, error) in [
            (("prompt", "none"), "login_required"),
            (("scope", "admin"), "invalid_scope"),
            (("code_challenge", ""), "invalid_request"),
            (("response_type", "token"), "unsupported_response_type"),
        ] {
            let page = Browser::new(&server).authorize(&shop, &[FORM_POST, ("state", state), change]).await.page();
            assert_form_page(&page);
            let answer = Answer::posted(page.text());
            assert_eq!((answer.error(), answer.get("state")), (error, Some(state)));
            assert_eq!((answer.get("iss"), answer.url.as_str()), (Some(server.issuer()), seeds::SHOP_REDIRECT));
            assert!(!page.text().contains("<script>alert") && !page.text().contains("<form action=x"), "{page}");
        }
    }
    // A no is an answer as well.
    let mut browser = Browser::new(&server);
    let page = browser.authorize(&shop, &[FORM_POST]).await.page();
    let form = html::form(page.text(), "/sign-in").unwrap();
    let page = browser.submit(&form, &[("username", seeds::OLENA), ("password", seeds::PASSWORD)]).await.page();
    let form = html::form(page.text(), "/consent").unwrap();
    let page = browser.submit(&form, &[("decision", "deny")]).await.page();
    assert_form_page(&page);
    assert_eq!(Answer::posted(page.text()).error(), "access_denied");
}

#[tokio::test]
async fn az31_what_is_not_offered_is_refused_in_the_default_mode() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    for mode in ["fragment", "jwt", "form_post.jwt", "query.jwt", "web_message", "none", "FORM_POST", "form_post "] {
        let answer = Answer::parse(&Browser::new(&server).authorize(&shop, &[("response_mode", mode)]).await.outside());
        assert_eq!((answer.error(), answer.get("state")), ("invalid_request", Some(shop.state.as_str())), "{mode}");
    }
    // One that came twice is none.
    let answer = Answer::parse(&Browser::new(&server).authorize(&shop, &[FORM_POST, FORM_POST]).await.outside());
    assert_eq!(answer.error(), "invalid_request");
    // `query` is the default, said or unsaid. AZ-33.
    let mut browser = Browser::new(&server);
    browser.sign_in_for(&shop).await;
    let answer = Answer::parse(&browser.authorize(&shop, &[("response_mode", "query")]).await.outside());
    assert!(answer.get("code").is_some());
}

#[tokio::test]
async fn az32_only_https_and_loopback_take_forms() {
    let server = TestServer::start().await;
    let cli = RelyingParty::cli();
    let private = RelyingParty { redirect_uri: "com.example.cli:/cb".to_owned(), ..cli.clone() };
    let answer = Answer::parse(&Browser::new(&server).authorize(&private, &[FORM_POST]).await.outside());
    assert_eq!(answer.error(), "invalid_request");
    assert!(answer.url.starts_with("com.example.cli:/cb?") && answer.get("error_uri").unwrap().ends_with("B2134"));
    let page = Browser::new(&server).authorize(&cli, &[FORM_POST, ("prompt", "none")]).await.page();
    assert_form_page(&page);
    assert_eq!(Answer::posted(page.text()).url, "http://127.0.0.1:51004/cb");
    assert!(page.header("content-security-policy").unwrap().contains("form-action 'self' https: http:;"), "{page}");
}

#[tokio::test]
async fn az1_az32_a_posted_request_is_answered_by_a_post() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    let mut browser = Browser::new(&server);
    browser.sign_in_for(&shop).await;
    let fields = shop.parameters(&[FORM_POST]);
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let reply = browser.post_form("https://shop.example.net", "/oauth2/authorize", &fields).await.expect(303);
    let landing = browser.follow(Some("https://shop.example.net"), reply).await;
    assert!(browser.complete(landing).await.get("code").is_some());
}

#[tokio::test]
async fn az32_a_registered_query_is_part_of_the_address() {
    let server = TestServer::start().await;
    let with_query = "https://query.example/cb?tenant=1&x=%22";
    let client = Client {
        redirect_uris: vec![brama_protocol::redirect_uri::RegisteredRedirectUri::parse(with_query).unwrap()],
        ..seeds::client("query", ClientType::Browser)
    };
    seeds::put_client(&server, client).await;
    let app =
        RelyingParty { client_id: "query".to_owned(), redirect_uri: with_query.to_owned(), ..RelyingParty::foreign() };
    let page = Browser::new(&server).authorize(&app, &[FORM_POST, ("prompt", "none")]).await.page();
    assert_eq!(Answer::posted(page.text()).url, with_query);
}
