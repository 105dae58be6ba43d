//! `/device`: a person connects a device. EP-21, EP-23; DEVICE-01, DEVICE-04.

use brama_protocol::client::{Client, ClientType};
use brama_testkit::{Browser, Landing, Reply, TestServer, html, seeds};

use crate::support::{SESSION, logged_in};

/// A device that shows a code.
pub(crate) struct Tv {
    pub(crate) device_code: String,
    pub(crate) user_code: String,
}

impl Tv {
    pub(crate) const GRANT: &'static str = "urn:ietf:params:oauth:grant-type:device_code";

    pub(crate) fn client() -> Client {
        Client { name: "Кіно".to_owned(), ..seeds::client("tv", ClientType::Device) }
    }

    /// A server that knows the device's client.
    pub(crate) async fn server() -> TestServer {
        let server = TestServer::start().await;
        seeds::put_client(&server, Self::client()).await;
        server
    }

    pub(crate) async fn ask(server: &TestServer, fields: &[(&str, &str)]) -> Reply {
        let mut form = vec![("client_id", "tv")];
        form.extend_from_slice(fields);
        server.post("/oauth2/device_authorization").peer("203.0.113.7").form(&form).send().await
    }

    pub(crate) async fn begin(server: &TestServer, fields: &[(&str, &str)]) -> Self {
        let reply = Self::ask(server, fields).await.expect(200);
        Self { device_code: reply.member("device_code"), user_code: reply.member("user_code") }
    }

    pub(crate) async fn poll(&self, server: &TestServer) -> Reply {
        Self::poll_as(server, "tv", &self.device_code).await
    }

    pub(crate) async fn poll_as(server: &TestServer, client: &str, code: &str) -> Reply {
        let form = [("grant_type", Self::GRANT), ("device_code", code), ("client_id", client)];
        server.post("/oauth2/token").form(&form).send().await
    }

    pub(crate) async fn poll_with(&self, server: &TestServer, verifier: Option<&str>) -> Reply {
        let mut form = vec![("grant_type", Self::GRANT), ("device_code", &self.device_code), ("client_id", "tv")];
        form.extend(verifier.map(|verifier| ("code_verifier", verifier)));
        server.post("/oauth2/token").form(&form).send().await
    }

    pub(crate) async fn refresh(server: &TestServer, token: &str) -> Reply {
        let form = [("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", "tv")];
        server.post("/oauth2/token").form(&form).send().await
    }
}

/// Sign in wherever a page asks for it.
async fn sign_in(browser: &mut Browser<'_>, page: Reply, username: &str) -> Reply {
    match html::form(page.text(), "/sign-in") {
        None => page,
        Some(form) => {
            let filled = [("username", username), ("password", seeds::PASSWORD)];
            browser.submit(&form, &filled).await.page()
        }
    }
}

/// Type a code, from the front page on, as this person; the page that follows.
pub(crate) async fn type_code(browser: &mut Browser<'_>, username: &str, code: &str) -> Reply {
    let page = browser.visit("/device").await.page();
    let page = sign_in(browser, page, username).await;
    let form = html::form(page.text(), "/device").unwrap_or_else(|| panic!("no field for a code: {page}"));
    let page = browser.submit(&form, &[("user_code", code)]).await.page();
    sign_in(browser, page, username).await
}

/// The whole way in this browser.
pub(crate) async fn decide(browser: &mut Browser<'_>, tv: &Tv, decision: &str) {
    let page = type_code(browser, seeds::OLENA, &tv.user_code).await;
    let form = html::form(page.text(), "/device/confirm").unwrap_or_else(|| panic!("no question: {page}"));
    let done = browser.submit(&form, &[("decision", decision)]).await.page();
    let said = if decision == "allow" { "The device is connected" } else { "Access was denied" };
    assert!(done.text().contains(said), "{done}");
}

/// The same in a new one.
pub(crate) async fn connect(server: &TestServer, tv: &Tv, decision: &str) {
    decide(&mut Browser::new(server), tv, decision).await;
}

fn is_question(page: &Reply) -> bool {
    html::form(page.text(), "/device/confirm").is_some()
}

#[tokio::test]
async fn ep23_device04_the_page_says_what_is_needed_to_judge_it() {
    let server = Tv::server().await;
    let tv = Tv::begin(&server, &[("scope", "openid email")]).await;
    let page = type_code(&mut Browser::new(&server), seeds::OLENA, &tv.user_code).await;
    let text = page.text();
    assert!(text.contains(&format!("<bdi>{}</bdi>", tv.user_code)), "{page}");
    for shown in ["Кіно", "203.0.113.7", "2026-06-01T08:00:00Z", "olena", "see your email address"] {
        assert!(text.contains(shown), "{shown}: {page}");
    }
    assert!(text.contains("Did you start this yourself, on a device that you hold or see?"));
    assert!(!text.contains("the same address as yours"));
    assert!(page.header("content-security-policy").unwrap().contains("frame-ancestors 'none'"));
    let at_home = Browser::at(&server, "203.0.113.7");
    let tv = Tv::begin(&server, &[]).await;
    let mut at_home = at_home;
    assert!(type_code(&mut at_home, seeds::OLENA, &tv.user_code).await.text().contains("the same address as yours"));
}

/// EP-21: how a code is typed does not matter.
#[tokio::test]
async fn ep21_lower_case_and_no_dash_will_do() {
    let server = Tv::server().await;
    for change in [
        |code: &str| code.to_lowercase(),
        |code: &str| code.replace('-', ""),
        |code: &str| format!("  {} ", code.replace('-', " ").to_lowercase()),
    ] {
        let tv = Tv::begin(&server, &[]).await;
        assert!(is_question(&type_code(&mut Browser::new(&server), seeds::OLENA, &change(&tv.user_code)).await));
    }
}

/// EP-23: the link with the code in it saves the typing and nothing else.
#[tokio::test]
async fn ep23_device04_the_complete_uri_still_demands_confirmation() {
    let server = Tv::server().await;
    let tv = Tv::begin(&server, &[]).await;
    let mut browser = Browser::new(&server);
    let page = browser.visit(&format!("/device?user_code={}", tv.user_code)).await.page();
    assert!(!page.text().contains("Кіно"), "nothing is told to strangers");
    let page = sign_in(&mut browser, page, seeds::OLENA).await;
    let form = html::form(page.text(), "/device").unwrap();
    assert_eq!(form.fields["user_code"], tv.user_code);
    assert_eq!(tv.poll(&server).await.expect_error(400, "authorization_pending").status, 400);
    let page = browser.submit(&form, &[]).await.page();
    assert!(is_question(&page), "{page}");
    server.clock.advance_seconds(5);
    assert_eq!(tv.poll(&server).await.expect_error(400, "authorization_pending").status, 400);
    // Opening the question by its address does not answer it either.
    let address = format!("/device/confirm?user_code={}", tv.user_code);
    assert!(is_question(&browser.visit(&address).await.page()));
    server.clock.advance_seconds(5);
    assert_eq!(tv.poll(&server).await.expect_error(400, "authorization_pending").status, 400);
}

/// EP-23: whoever was signed in before the device asked shows again who they are.
#[tokio::test]
async fn ep23_the_sign_in_is_fresher_than_the_request() {
    let server = Tv::server().await;
    let mut browser = logged_in(&server).await;
    server.clock.advance_seconds(1);
    let tv = Tv::begin(&server, &[]).await;
    server.clock.advance_seconds(1);
    let page = browser.visit("/device").await.page();
    let form = html::form(page.text(), "/device").unwrap();
    let page = browser.submit(&form, &[("user_code", &tv.user_code)]).await.page();
    let again = html::form(page.text(), "/sign-in").unwrap_or_else(|| panic!("no sign-in: {page}"));
    assert!(page.text().contains("Confirm that it is you") && !page.text().contains("Кіно"), "{page}");
    // Going round it leads back to it, by either method.
    let address = format!("/device/confirm?user_code={}", tv.user_code);
    assert!(!is_question(&browser.visit(&address).await.page()));
    let posted =
        browser.post_form(server.issuer(), &address, &[("user_code", &tv.user_code), ("decision", "allow")]).await;
    assert_eq!((posted.status.as_u16(), posted.location()), (303, &*format!("/sign-in?tx=device.{}", tv.user_code)));
    assert_eq!(tv.poll(&server).await.expect_error(400, "authorization_pending").status, 400);
    let page = browser.submit(&again, &[("username", seeds::OLENA), ("password", seeds::PASSWORD)]).await.page();
    assert!(is_question(&page), "{page}");
    // A second device asks later than this sign-in.
    server.clock.advance_seconds(1);
    let second = Tv::begin(&server, &[]).await;
    let page = browser.visit("/device").await.page();
    let form = html::form(page.text(), "/device").unwrap();
    let page = browser.submit(&form, &[("user_code", &second.user_code)]).await.page();
    assert!(html::form(page.text(), "/sign-in").is_some(), "{page}");
}

/// Museum DEVICE-01: the code belongs to the session that typed it.
#[tokio::test]
async fn device01_what_one_person_typed_another_cannot_decide() {
    let server = Tv::server().await;
    let tv = Tv::begin(&server, &[]).await;
    let (mut olena, mut taras) = (Browser::new(&server), Browser::at(&server, "198.51.100.1"));
    let page = type_code(&mut olena, seeds::OLENA, &tv.user_code).await;
    let hers = html::form(page.text(), "/device/confirm").unwrap();
    let page = type_code(&mut taras, seeds::TARAS, &tv.user_code).await;
    assert!(!is_question(&page) && page.text().contains("Check the code"), "{page}");
    let address = format!("/device/confirm?user_code={}", tv.user_code);
    assert!(!is_question(&taras.visit(&address).await.page()));
    // Her form in his browser.
    let stolen = taras.submit(&hers, &[("decision", "allow")]).await;
    assert!(matches!(stolen, Landing::Page(page) if !page.text().contains("The device is connected")));
    // Another browser of hers is another session.
    let mut elsewhere = Browser::at(&server, "198.51.100.2");
    assert!(!is_question(&type_code(&mut elsewhere, seeds::OLENA, &tv.user_code).await));
    assert_eq!(tv.poll(&server).await.expect_error(400, "authorization_pending").status, 400);
    let done = olena.submit(&hers, &[("decision", "allow")]).await.page();
    assert!(done.text().contains("The device is connected"), "{done}");
    assert_eq!(tv.poll(&server).await.status, 200);
}

/// WH-11: the question is answered by the form of its own page only.
#[tokio::test]
async fn wh11_a_decision_needs_its_token() {
    let server = Tv::server().await;
    let tv = Tv::begin(&server, &[]).await;
    let mut browser = Browser::new(&server);
    let page = type_code(&mut browser, seeds::OLENA, &tv.user_code).await;
    let form = html::form(page.text(), "/device/confirm").unwrap();
    let own = server.issuer().to_owned();
    for csrf in ["", "x"] {
        let fields = [("csrf", csrf), ("user_code", tv.user_code.as_str()), ("decision", "allow")];
        assert_eq!(browser.post_form(&own, "/device/confirm", &fields).await.status, 403);
        assert_eq!(browser.post_form(&own, "/device", &fields).await.status, 403);
    }
    let fields: Vec<(&str, &str)> = form.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let evil = browser.post_form("https://evil.example", "/device/confirm", &fields).await;
    assert_eq!(evil.status, 403, "{evil}");
    assert_eq!(tv.poll(&server).await.expect_error(400, "authorization_pending").status, 400);
    // Neither yes nor no is no answer: the question again.
    assert!(is_question(&browser.submit(&form, &[("decision", "perhaps")]).await.page()));
    assert!(browser.submit(&form, &[("decision", "deny")]).await.page().text().contains("Access was denied"));
    let late = browser.submit(&form, &[("decision", "allow")]).await.page();
    assert!(!late.text().contains("The device is connected"), "{late}");
    server.clock.advance_seconds(5);
    assert_eq!(tv.poll(&server).await.expect_error(400, "access_denied").status, 400);
}

/// EP-21, DEVICE-04: five wrong codes for a session.
#[tokio::test]
async fn ep21_device04_wrong_codes_are_counted_for_a_session() {
    let server = Tv::server().await;
    let tv = Tv::begin(&server, &[]).await;
    let mut browser = Browser::new(&server);
    for _ in 0..5 {
        let page = type_code(&mut browser, seeds::OLENA, "BCDF-GHJK").await;
        assert_eq!(page.status, 400, "{page}");
    }
    let page = type_code(&mut browser, seeds::OLENA, &tv.user_code).await;
    assert_eq!((page.status.as_u16(), page.header("retry-after")), (429, Some("600")), "{page}");
    assert!(!is_question(&page) && page.text().contains("Too many wrong codes"));
    server.clock.advance_seconds(300);
    let tv = Tv::begin(&server, &[]).await;
    server.clock.advance_seconds(300);
    assert!(is_question(&type_code(&mut browser, seeds::OLENA, &tv.user_code).await));
}

/// 50 wrong codes from one address, in ever new sessions: right ones do not help the guesser either.
#[tokio::test]
async fn ep21_50_wrong_codes_from_one_address_are_throttled() {
    let server = Tv::server().await;
    let mut statuses = Vec::new();
    for session in 0..13 {
        let mut browser = Browser::new(&server);
        let tv = Tv::begin(&server, &[]).await;
        for _ in 0..4 {
            statuses.push(type_code(&mut browser, seeds::OLENA, "BCDF-GHJK").await.status.as_u16());
        }
        let right = type_code(&mut browser, seeds::OLENA, &tv.user_code).await;
        // The twentieth wrong one closes the address.
        assert_eq!(is_question(&right), session < 4, "session {session}: {right}");
    }
    assert_eq!(statuses.iter().filter(|status| **status == 400).count(), 20, "{statuses:?}");
    assert!(statuses[20..].iter().all(|status| *status == 429), "{statuses:?}");
    // Others are not locked out.
    let tv = Tv::begin(&server, &[]).await;
    let mut elsewhere = Browser::at(&server, "198.51.100.9");
    assert!(is_question(&type_code(&mut elsewhere, seeds::TARAS, &tv.user_code).await));
}

/// A code that ran out while the page was open, an empty field, nothing at all.
#[tokio::test]
async fn ep21_a_page_that_is_no_dead_end() {
    let server = Tv::server().await;
    let tv = Tv::begin(&server, &[]).await;
    let mut browser = Browser::new(&server);
    let page = type_code(&mut browser, seeds::OLENA, &tv.user_code).await;
    let form = html::form(page.text(), "/device/confirm").unwrap();
    server.clock.advance_seconds(601);
    let page = browser.submit(&form, &[("decision", "allow")]).await.page();
    assert!(html::form(page.text(), "/device").is_some(), "{page}");
    let entry = html::form(page.text(), "/device").unwrap();
    let empty = browser.submit(&entry, &[("user_code", "")]).await.page();
    assert_eq!(empty.status, 400);
    assert!(empty.text().contains("Enter the code"), "{empty}");
    let wrong = browser.submit(&entry, &[("user_code", "<b>x</b>")]).await.page();
    assert!(wrong.text().contains("&#60;b&#62;x") || wrong.text().contains("&lt;b&gt;x"), "{wrong}");
    assert!(
        matches!(browser.visit("/device/confirm").await, Landing::Page(page) if html::form(page.text(), "/device").is_some())
    );
}

/// Consent for a device is never remembered: each device is asked about.
#[tokio::test]
async fn ep23_consent_is_never_remembered() {
    let server = Tv::server().await;
    for client in [Tv::client(), Client { first_party: true, ..Tv::client() }] {
        seeds::put_client(&server, client).await;
        let mut browser = Browser::new(&server);
        for _ in 0..2 {
            let tv = Tv::begin(&server, &[]).await;
            decide(&mut browser, &tv, "allow").await;
            assert_eq!(tv.poll(&server).await.status, 200);
        }
    }
    let user = seeds::user(&server, seeds::OLENA).await;
    assert!(server.store.find_consent(user.id, &"tv".parse().unwrap()).await.unwrap().is_empty());
}

/// SE-4, F1: without a session the sign-in page comes first and leads back, in either language.
#[tokio::test]
async fn f1_the_way_in_survives_a_wrong_password_and_a_language() {
    let server = Tv::server().await;
    let tv = Tv::begin(&server, &[]).await;
    let mut browser = Browser::new(&server);
    let page = browser.visit(&format!("/device?user_code={}", tv.user_code)).await.page();
    let form = html::form(page.text(), "/sign-in").unwrap();
    let page = browser.submit(&form, &[("username", seeds::OLENA), ("password", "wrong password here")]).await.page();
    assert!(browser.jar.get(SESSION).is_none());
    let languages = html::form(page.text(), "/sign-in").unwrap();
    assert!(languages.fields.iter().any(|(name, value)| name == "tx" && value.contains(&tv.user_code)));
    let target = format!("/sign-in?tx=device.{}&ui_locales=uk", tv.user_code);
    let page = browser.visit(&target).await.page();
    assert!(page.text().contains("lang=\"uk\""), "{page}");
    let page = sign_in(&mut browser, page, seeds::OLENA).await;
    let form = html::form(page.text(), "/device").unwrap();
    assert!(page.text().contains("Підключити пристрій"), "{page}");
    assert_eq!(form.fields["user_code"], tv.user_code);
}
