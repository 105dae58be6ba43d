//! CLIENT: registration by the same rules at first and later, assertions once, consent before anything is given.

use brama_protocol::client::{Client, ClientType, GrantType};
use brama_protocol::registration::policy::Mode;
use brama_testkit::{Answer, Browser, Landing, RelyingParty, TestServer, html, rows, seeds};

use super::redir::registered;
use crate::device_page::{Tv, connect};
use crate::oauth2::register;
use crate::support::{SESSION, logged_in, signed_in_to};

/// Whoever was signed in could make clients.
#[tokio::test]
async fn client_03_an_account_is_no_right_to_register_apps() {
    let closed = TestServer::start().await;
    for server in [&closed, &register::server(Mode::Token).await] {
        let before = server.store.list_clients().await.unwrap().len();
        let mut browser = logged_in(server).await;
        let session = format!("{SESSION}={}", browser.jar.get(SESSION).unwrap());
        let tokens = signed_in_to(server, &RelyingParty::shop()).await;
        let first_party = browser.post_json(seeds::APP_ORIGIN, "/api/auth/refresh", None).await.member("access_token");
        let machine = [("grant_type", "client_credentials")];
        let robot = server.post("/oauth2/token").basic(seeds::ROBOT, &seeds::secret(seeds::ROBOT)).form(&machine);
        let robot = robot.send().await.expect(200).member("access_token");
        for bearer in [&tokens.access, &tokens.id, &tokens.refresh, &first_party, &robot, &seeds::secret(seeds::SHOP)] {
            let call = register::post(server, &register::minimal()).bearer(bearer);
            let reply = call.cookie(&session).header("origin", server.issuer()).send().await;
            assert!(matches!(reply.status.as_u16(), 401 | 404), "{reply}");
        }
        assert_eq!(server.store.list_clients().await.unwrap().len(), before);
    }
}

/// The pages a person meets on the way to an app that was allowed before.
async fn asks_again(browser: &mut Browser<'_>, app: &RelyingParty, changes: &[(&str, &str)]) -> bool {
    let silent = [changes, &[("prompt", "none")]].concat();
    let refused = Answer::parse(&browser.authorize(app, &silent).await.outside());
    let asked = match browser.authorize(app, changes).await {
        Landing::Page(page) => html::form(page.text(), "/consent").is_some(),
        Landing::Outside(_) => false,
    };
    assert_eq!(refused.get("error"), asked.then_some("consent_required"), "{changes:?}");
    asked
}

/// A public client that was seen before was not asked about again, whoever received the code.
#[tokio::test]
async fn client_05_consent_is_asked_again_where_the_receiver_is_not_assured() {
    let server = TestServer::start().await;
    let (loopback, scheme) = ("http://127.0.0.1/cb", "com.example.five:/cb");
    // Never remembered: whatever listens on this machine, or took this scheme, would get the code.
    for (client_type, uris) in [
        (ClientType::Native, &[loopback][..]),
        (ClientType::Native, &[scheme]),
        (ClientType::Native, &["https://five.example/cb"]),
        (ClientType::Native, &["https://five.example/cb", scheme]),
        (ClientType::Browser, &[loopback]),
        (ClientType::Browser, &["https://five.example/cb", "http://localhost:3000/cb"]),
        (ClientType::Web, &["https://five.example/cb", loopback]),
    ] {
        for (number, redirect_uri) in uris.iter().enumerate() {
            let id = format!("five-{number}");
            let app = registered(&server, &id, client_type, uris).await;
            let app = RelyingParty { redirect_uri: (*redirect_uri).to_owned(), ..app };
            let mut browser = Browser::new(&server);
            for _ in 0..2 {
                let landing = browser.authorize(&app, &[]).await;
                assert!(browser.complete(landing).await.get("code").is_some());
                assert!(asks_again(&mut browser, &app, &[]).await, "{client_type:?} {uris:?}");
            }
            server.store.remove_client(&id.parse().unwrap()).await.unwrap();
        }
    }
    // Where the web assures it, for the same and for less, but not for more.
    let uris = ["https://five.example/cb"];
    let app = registered(&server, "five", ClientType::Browser, &uris).await.scope("openid email");
    let mut browser = Browser::new(&server);
    browser.sign_in_for(&app).await;
    assert!(!asks_again(&mut browser, &app, &[]).await);
    assert!(!asks_again(&mut browser, &app, &[("scope", "openid")]).await);
    assert!(asks_again(&mut browser, &app, &[("scope", "openid email profile")]).await);
    assert!(asks_again(&mut browser, &app, &[("claims", r#"{"userinfo":{"name":null}}"#)]).await);
    // A new address of another kind.
    let more = registered(&server, "five", ClientType::Browser, &[uris[0], "http://localhost:3000/cb"]).await;
    let app = RelyingParty { scope: app.scope, ..more };
    assert!(asks_again(&mut browser, &app, &[]).await);
    let other = [("redirect_uri", "http://localhost:3000/cb")];
    assert!(asks_again(&mut browser, &app, &other).await);
}

/// A grant gave tokens without the consent that the client needs.
#[tokio::test]
async fn client_06_no_grant_gives_anything_of_a_person_without_consent() {
    for grant in GrantType::ALL {
        let server = TestServer::with(|options| options.storage = brama_testkit::Storage::Disk).await;
        let shop = RelyingParty::shop();
        let all = Client { grant_types: GrantType::ALL.to_vec(), ..shop_client(&server).await };
        seeds::put_client(&server, all).await;
        seeds::put_client(&server, Tv::client()).await;
        let user = seeds::user(&server, seeds::OLENA).await.id;
        let consented = server.store.find_consent(user, &seeds::SHOP.parse().unwrap()).await.unwrap();
        assert!(consented.is_empty());
        match grant {
            GrantType::AuthorizationCode => {
                let mut browser = logged_in(&server).await;
                let answer = Answer::parse(&browser.authorize(&shop, &[("prompt", "none")]).await.outside());
                assert_eq!(answer.error(), "consent_required");
                let page = browser.authorize(&shop, &[]).await.page();
                let form = html::form(page.text(), "/consent").unwrap();
                for decision in ["", "yes", "deny"] {
                    let filled: Vec<(&str, &str)> = [("decision", decision)].into();
                    let landing = browser.submit(&form, &filled).await;
                    let outside = matches!(&landing, Landing::Page(page) if html::continuation(page.text()).is_some());
                    assert_eq!(outside, decision == "deny", "{landing:?}");
                    if outside {
                        assert_eq!(Answer::parse(&landing.outside()).error(), "access_denied");
                    }
                }
                // Past the page that asks.
                let page = browser.authorize(&shop, &[]).await.page();
                let tx = html::form(page.text(), "/consent").unwrap().fields["tx"].clone();
                let page = browser.visit(&format!("/continue?tx={tx}")).await.page();
                assert!(html::form(page.text(), "/consent").is_some(), "{page}");
                assert!(rows::dump(&server)["authorization"].iter().all(|row| row.contains("code=null")));
            }
            GrantType::RefreshToken => {
                let tokens = signed_in_to(&server, &shop).await;
                assert_eq!(shop.refresh(&server, &tokens.refresh).await.status, 200);
                server.store.withdraw_access(user, &seeds::SHOP.parse().unwrap(), server.ctx().now).await.unwrap();
                let reply = shop.refresh(&server, &tokens.refresh).await.expect_error(400, "invalid_grant");
                assert!(!reply.text().contains("eyJ"), "{reply}");
                let _ = server.get("/userinfo").bearer(&tokens.access).send().await.expect(401);
            }
            // Nobody's consent is needed for what is nobody's: no person is in the token.
            GrantType::ClientCredentials => {
                for scope in ["openid", "profile", "email", "openid profile email offline_access"] {
                    let fields = [("grant_type", "client_credentials"), ("scope", scope)];
                    let reply = shop.token(&server, &fields, &[]).await.expect_error(400, "invalid_scope");
                    assert!(!reply.text().contains("eyJ"), "{reply}");
                }
                let named =
                    [("grant_type", "client_credentials"), ("username", seeds::OLENA), ("sub", &user.to_string())];
                let reply = shop.token(&server, &named, &[]).await;
                assert!(!reply.text().contains(&user.to_string()), "{reply}");
            }
            GrantType::DeviceCode => {
                let tv = Tv::begin(&server, &[("scope", "openid")]).await;
                let _ = tv.poll(&server).await.expect_error(400, "authorization_pending");
                connect(&server, &tv, "deny").await;
                server.clock.advance_seconds(10);
                let _ = tv.poll(&server).await.expect_error(400, "access_denied");
            }
        }
    }
    // The grant it happened in is not offered at all, and neither are its like.
    let server = TestServer::start().await;
    for grant in ["jwt-bearer", "token-exchange", "saml2-bearer", "uma-ticket"] {
        let fields =
            [("grant_type", format!("urn:ietf:params:oauth:grant-type:{grant}")), ("assertion", "x".to_owned())];
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let _ = RelyingParty::shop().token(&server, &fields, &[]).await.expect_error(400, "unsupported_grant_type");
    }
}

async fn shop_client(server: &TestServer) -> Client {
    server.store.find_client(&seeds::SHOP.parse().unwrap()).await.unwrap().unwrap().client.clone()
}
