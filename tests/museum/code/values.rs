//! Every value that the server hands out, in every place where one opens something. CODE-07.

use std::collections::BTreeMap;

use brama_protocol::registration::policy::Mode;
use brama_testkit::{Browser, RelyingParty, TestServer, challenge, html, seeds};

use crate::device_page::Tv;
use crate::oauth2::{par, register};
use crate::support::{DEMO_RT, SESSION, TX, Tokens};

/// Everything that the server hands out and knows again, one of each kind, all of them good.
struct Values<'s> {
    browser: Browser<'s>,
    jar: BTreeMap<&'static str, String>,
    waiting: html::Form,
    all: BTreeMap<&'static str, String>,
    registration: String,
}

async fn values(server: &TestServer) -> Values<'_> {
    let shop = RelyingParty::shop();
    let mut browser = Browser::new(server);
    let _ = browser.log_in(seeds::OLENA, seeds::PASSWORD).await.expect(200);
    let answer = browser.sign_in_for(&shop).await;
    let tokens = Tokens::of(&shop.redeem(server, browser.sign_in_for(&shop).await.code()).await);
    let tv = Tv::begin(server, &[]).await;
    let app = register::App::new(server, &register::minimal()).await;
    let consent = browser.authorize(&shop, &[("prompt", "consent")]).await.page();
    let consent = html::form(consent.text(), "/consent").unwrap();
    let account = browser.step(None, "/account").await;
    let account = html::form(account.text(), "/account/sign-out").unwrap();
    server.clock.advance_seconds(1);
    let again = browser.authorize(&shop, &[("prompt", "login")]).await.page();
    let waiting = html::form(again.text(), "/sign-in").unwrap();
    let uri = par::pushed(server, &shop, &[]).await;
    let all = [
        ("code", answer.code().to_owned()),
        ("session", browser.jar.get(SESSION).unwrap().to_owned()),
        ("transaction", browser.jar.get(TX).unwrap().to_owned()),
        ("refresh cookie", browser.jar.get(DEMO_RT).unwrap().to_owned()),
        ("refresh token", tokens.refresh),
        ("access token", tokens.access),
        ("ID token", tokens.id),
        ("pushed request", uri.rsplit(':').next().unwrap().to_owned()),
        ("device code", tv.device_code),
        ("user code", tv.user_code),
        ("initial access token", register::initial(server, 5).await),
        ("registration access token", app.text("registration_access_token")),
        ("client secret", seeds::secret(seeds::SHOP)),
        ("token of the sign-in form", waiting.fields["csrf"].clone()),
        ("token of the consent form", consent.fields["csrf"].clone()),
        ("token of the account form", account.fields["csrf"].clone()),
        ("authorization", waiting.fields["tx"].clone()),
        ("state", shop.state.clone()),
        ("nonce", shop.nonce.clone()),
        ("verifier", shop.verifier.clone()),
        ("challenge", challenge(&shop.verifier)),
    ];
    let jar = [SESSION, TX].map(|name| (name, browser.jar.get(name).unwrap().to_owned())).into();
    Values { browser, jar, waiting, all: all.into(), registration: app.text("registration_client_uri") }
}

/// The places where a value opens something, and which kinds are meant for them.
const PLACES: &[(&str, &[&str])] = &[
    ("code", &["code"]),
    ("refresh_token", &["refresh token"]),
    ("device_code", &["device code"]),
    ("request_uri", &["pushed request"]),
    ("session cookie", &["session"]),
    ("transaction cookie", &["transaction"]),
    ("refresh cookie", &["refresh cookie"]),
    ("client secret", &["client secret"]),
    ("register", &["initial access token"]),
    ("registration", &["registration access token"]),
    ("bearer", &["access token"]),
    ("sign-in form", &["token of the sign-in form"]),
    ("account form", &["token of the account form"]),
];

impl Values<'_> {
    fn cookies(&self, changed: &str, value: &str) -> String {
        let all = self.jar.iter().map(|(name, kept)| (*name, if *name == changed { value } else { kept }));
        all.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    /// Whether the value opens something there.
    async fn opens(&self, server: &TestServer, place: &str, value: &str, peer: &str) -> bool {
        let shop = RelyingParty::shop();
        let secret = seeds::secret(seeds::SHOP);
        let grant = async |grant_type: &str, name: &str| {
            let fields = [("grant_type", grant_type), (name, value), ("code_verifier", &shop.verifier)];
            server.post("/oauth2/token").peer(peer).basic(seeds::SHOP, &secret).form(&fields).send().await.status == 200
        };
        let own = |target: &str, cookies: &str, fields: &[(&str, &str)]| {
            let call = server.post(target).peer(peer).cookie(cookies).header("origin", server.issuer());
            call.header("sec-fetch-site", "same-origin").form(fields).send()
        };
        let tx = self.waiting.fields["tx"].as_str();
        match place {
            "code" => grant("authorization_code", "code").await,
            "refresh_token" => grant("refresh_token", "refresh_token").await,
            // Pending is the answer to a device code that is known.
            "device_code" => {
                let fields = [("grant_type", Tv::GRANT), ("device_code", value), ("client_id", "tv")];
                let reply = server.post("/oauth2/token").peer(peer).form(&fields).send().await;
                reply.status == 200 || ["authorization_pending", "slow_down"].contains(&reply.member("error").as_str())
            }
            "request_uri" => {
                let uri = format!("urn:ietf:params:oauth:request_uri:{value}");
                server.get(&par::short(&shop, &uri)).peer(peer).send().await.status == 303
            }
            "session cookie" => {
                server.get("/account").peer(peer).cookie(&self.cookies(SESSION, value)).send().await.status == 200
            }
            "transaction cookie" => {
                let cookies = format!("{TX}={value}");
                let page = server.get(&format!("/sign-in?tx={tx}")).peer(peer).cookie(&cookies).send().await;
                html::form(page.text(), "/sign-in").is_some_and(|form| form.fields["tx"] == tx)
            }
            "refresh cookie" => {
                let call = server.post("/api/auth/refresh").peer(peer).cookie(&format!("{DEMO_RT}={value}"));
                call.send().await.status == 200
            }
            "client secret" => {
                let call = server.post("/oauth2/token").peer(peer).basic(seeds::SHOP, value);
                let reply = call.form(&[("grant_type", "client_credentials")]).send().await;
                reply.member("error") != "invalid_client"
            }
            "register" => {
                register::post(server, &register::minimal()).peer(peer).bearer(value).send().await.status == 201
            }
            "registration" => server.get(&self.registration).peer(peer).bearer(value).send().await.status == 200,
            "bearer" => server.get("/userinfo").peer(peer).bearer(value).send().await.status == 200,
            // A page with the field for the name is a form that was not ours.
            "sign-in form" => {
                let typed = [("username", "nobody"), ("password", "x"), ("tx", tx), ("csrf", value)];
                own("/sign-in", &self.cookies("", ""), &typed).await.status == 401
            }
            "account form" => {
                let fields = [("session", "00000000-0000-7000-8000-000000000000"), ("csrf", value)];
                own("/account/sessions/end", &self.cookies("", ""), &fields).await.status != 403
            }
            _ => panic!("{place}"),
        }
    }
}

/// One store for everything that serves once: a code could be made of another value.
#[tokio::test]
async fn code_07_no_value_passes_for_one_of_another_kind() {
    let server = TestServer::with(|options| {
        options.settings.registration.policy.mode = Mode::Token;
        options.unlimited_addresses();
        options.settings.throttle.account.free = u32::MAX;
    })
    .await;
    seeds::put_client(&server, Tv::client()).await;
    let values = values(&server).await;
    let mut number = 0;
    for (place, kinds) in PLACES {
        for (kind, value) in values.all.iter().filter(|(kind, _)| !kinds.contains(kind)) {
            number += 1;
            // Failures are counted by address.
            let peer = format!("2001:db8:{number:x}::1");
            assert!(!values.opens(&server, place, value, &peer).await, "a {kind} passes for a {place}");
        }
    }
    // Each of them opens its own place all the same.
    for (place, kinds) in PLACES {
        for kind in *kinds {
            assert!(values.opens(&server, place, &values.all[kind], "192.0.2.200").await, "a {kind} is no {place}");
        }
    }
    drop(values.browser);
}
