//! REVOKE: what somebody has ends at once, everywhere, and before the answer is sent: by a new password, a disabled account or
//! client, a revocation, a sign-out.

use std::sync::Arc;

use brama_flows::admin;
use brama_http::routes::{Access, Csrf, ROUTES};
use brama_protocol::client::{Client, ClientType, GrantType};
use brama_protocol::handle::{Handle, kind};
use brama_protocol::scope::Scope;
use brama_store::user::UserStatus;
use brama_testkit::{Browser, Database, Landing, RelyingParty, Reply, Storage, TestServer, html, rows, seeds};
use http::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::device_page::{Tv, connect};
use crate::races;
use crate::support::{DEMO_RT, SESSION, Tokens, logged_in, signed_in_to};

const NEW_PASSWORD: &str = "vyshyvanka-na-svyato";

/// The routes of the table that a person's access token opens.
pub(super) async fn token_routes(server: &TestServer) -> Vec<(Method, &'static str)> {
    let token = signed_in_to(server, &RelyingParty::shop()).await.access;
    let mut opened = Vec::new();
    // A registration is opened by a token of its own.
    for row in ROUTES.iter().filter(|row| row.access == Access::Token && !row.path.contains('{')) {
        let method: Method = row.method.parse().unwrap();
        let reply = server.call(method.clone(), row.path).bearer(&token).send().await;
        assert_eq!(reply.status, 200, "{method} {}: {reply}", row.path);
        opened.push((method, row.path));
    }
    assert!(opened.len() >= 3, "{opened:?}");
    opened
}

/// A token request that would be answered with tokens.
pub(super) struct Ready {
    pub(super) client: &'static str,
    fields: Vec<(&'static str, String)>,
}

impl Ready {
    /// For each grant of the server: a new one does not compile without. Persons are olena, and allow `openid profile`.
    pub(super) async fn of(server: &TestServer, grant: GrantType) -> Self {
        let app = RelyingParty::cli().scope("openid profile offline_access");
        let mut fields = vec![("grant_type", grant.as_str().to_owned())];
        let client = match grant {
            GrantType::AuthorizationCode => {
                let code = Browser::new(server).sign_in_for(&app).await.code().to_owned();
                fields.extend([("code", code), ("code_verifier", app.verifier), ("redirect_uri", app.redirect_uri)]);
                seeds::CLI
            }
            GrantType::RefreshToken => {
                fields.push(("refresh_token", signed_in_to(server, &app).await.refresh));
                seeds::CLI
            }
            GrantType::ClientCredentials => seeds::ROBOT,
            GrantType::DeviceCode => {
                seeds::put_client(server, Tv::client()).await;
                let tv = Tv::begin(server, &[("scope", "openid profile")]).await;
                connect(server, &tv, "allow").await;
                fields.push(("device_code", tv.device_code));
                "tv"
            }
        };
        Self { client, fields }
    }

    pub(super) async fn send_with(&self, server: &TestServer, more: &[(&str, &str)]) -> Reply {
        let fields = self.fields.iter().map(|(name, value)| (*name, value.as_str()));
        let mut fields: Vec<(&str, &str)> = fields.chain(more.iter().copied()).collect();
        let call = server.post("/oauth2/token");
        if self.client == seeds::ROBOT {
            return call.basic(self.client, &seeds::secret(self.client)).form(&fields).send().await;
        }
        fields.push(("client_id", self.client));
        call.form(&fields).send().await
    }

    pub(super) async fn send(&self, server: &TestServer) -> Reply {
        self.send_with(server, &[]).await
    }
}

/// The client as it is registered.
pub(super) async fn registered(server: &TestServer, id: &str) -> Client {
    server.store.find_client(&id.parse().unwrap()).await.unwrap().unwrap().client.clone()
}

fn cookies(browser: &Browser<'_>) -> String {
    let of = |name| browser.jar.get(name).map(|value| format!("{name}={value}"));
    [SESSION, DEMO_RT].into_iter().filter_map(of).collect::<Vec<_>>().join("; ")
}

/// How every route for people answers somebody with these cookies: status and where it leads.
async fn answers(server: &TestServer, methods: &[&str], cookies: &str) -> Vec<(String, u16, Option<String>)> {
    let mut all = Vec::new();
    for row in ROUTES.iter().filter(|row| methods.contains(&row.method)) {
        // A sign-in asks for no cookie.
        if !matches!(row.access, Access::Session | Access::RefreshCookie) || row.path == "/api/auth/login" {
            continue;
        }
        let call = server.call(row.method.parse().unwrap(), row.path).cookie(cookies);
        let reply = match (row.method, row.csrf) {
            ("POST", Csrf::Form) => call.form(&[]).send().await,
            _ => call.send().await,
        };
        all.push((
            format!("{} {}", row.method, row.path),
            reply.status.as_u16(),
            reply.header("location").map(Into::into),
        ));
    }
    all
}

/// These cookies are worth as much as none, at every route; at most a form misses its token.
async fn assert_worthless(server: &TestServer, cookies: &str) {
    let nobodys = answers(server, &["GET", "POST"], "").await;
    for (theirs, nobodys) in answers(server, &["GET", "POST"], cookies).await.into_iter().zip(nobodys) {
        assert!(
            theirs == nobodys || (theirs.0.as_str(), theirs.1) == ("POST /sign-out", 403),
            "{theirs:?} {nobodys:?}"
        );
    }
}

/// Refresh tokens survived a new password. Here nothing begun under the old one is left, at any node, once the answer is there:
/// sessions, tokens, codes, questions that wait. (There are no other factors yet that could be reset or removed.)
#[tokio::test]
async fn revoke_01_a_new_password_ends_everything_that_was_begun() {
    let server = TestServer::start().await;
    let node = server.another_node().await;
    let (shop, cli) = (RelyingParty::shop(), RelyingParty::cli());
    let (online, offline) = (signed_in_to(&server, &shop).await, signed_in_to(&server, &cli).await);
    let code = Browser::new(&server).sign_in_for(&shop).await.code().to_owned();
    let device = Ready::of(&server, GrantType::DeviceCode).await;
    let jar = cookies(&logged_in(&server).await);
    let mut asked = logged_in(&server).await;
    let page = asked.authorize(&RelyingParty::foreign(), &[]).await.page();
    let consent = html::form(page.text(), "/consent").unwrap();
    assert_ne!(answers(&server, &["GET"], &jar).await, answers(&server, &["GET"], "").await);

    let olena = seeds::user(&server, seeds::OLENA).await.id;
    admin::set_password(&server.ctx(), olena, NEW_PASSWORD).await.unwrap();
    for node in [&node, &server] {
        assert_worthless(node, &jar).await;
        for (app, tokens) in [(&shop, &online), (&cli, &offline)] {
            assert_eq!(app.refresh(node, &tokens.refresh).await.expect_error(400, "invalid_grant").status, 400);
            assert_eq!(node.get("/userinfo").bearer(&tokens.access).send().await.status, 401);
        }
    }
    assert_eq!(shop.redeem(&server, &code).await.expect_error(400, "invalid_grant").status, 400);
    assert_eq!(device.send(&server).await.expect_error(400, "invalid_grant").status, 400);
    match asked.submit(&consent, &[("decision", "allow")]).await {
        Landing::Page(page) => assert_eq!(html::continuation(page.text()), None, "{page}"),
        Landing::Outside(url) => panic!("{url}"),
    }
    assert_eq!(Browser::new(&server).log_in(seeds::OLENA, seeds::PASSWORD).await.status, 401);
    assert_eq!(Browser::new(&server).log_in(seeds::OLENA, NEW_PASSWORD).await.status, 200);
}

/// A deactivated account of a machine still got tokens. Every grant of the server, and every endpoint for clients.
#[tokio::test]
async fn revoke_02_a_disabled_client_gets_nothing_by_any_grant_and_at_any_endpoint() {
    for grant in GrantType::ALL {
        let server = TestServer::start().await;
        let before = Ready::of(&server, grant).await.send(&server).await.expect(200).member("access_token");
        let ready = Ready::of(&server, grant).await;
        let api =
            Client { serves: vec![format!("{}/api", server.issuer())], ..seeds::client("api", ClientType::Service) };
        seeds::put_client(&server, api).await;
        let active = async || {
            let call = server.post("/oauth2/introspect").basic("api", &seeds::secret("api"));
            call.form(&[("token", &before)]).send().await.expect(200).json()["active"] == json!(true)
        };
        assert!(active().await, "{grant:?}");
        seeds::put_client(&server, Client { enabled: false, ..registered(&server, ready.client).await }).await;
        assert_eq!(ready.send(&server).await.member("error"), "invalid_client", "{grant:?}");
        assert!(!active().await, "{grant:?}");
        for (method, path) in token_routes(&server).await {
            assert_eq!(server.call(method, path).bearer(&before).send().await.status, 401, "{grant:?} {path}");
        }
        for row in ROUTES.iter().filter(|row| row.access == Access::Client) {
            let call = server.call(row.method.parse().unwrap(), row.path);
            let call = match ready.client {
                seeds::ROBOT => call.basic(seeds::ROBOT, &seeds::secret(seeds::ROBOT)).form(&[("token", "x")]),
                public => call.form(&[("client_id", public), ("token", "x")]),
            };
            assert_eq!(call.send().await.member("error"), "invalid_client", "{grant:?} {}", row.path);
        }
    }
    // Neither by the password of a person, at its own page.
    let server = TestServer::start().await;
    seeds::put_client(&server, Client { enabled: false, ..registered(&server, seeds::DEMO).await }).await;
    let mut browser = Browser::new(&server);
    let reply = browser.log_in(seeds::OLENA, seeds::PASSWORD).await;
    assert!(reply.status.is_client_error() && browser.jar.names().is_empty(), "{reply}");
}

/// Disabled people got tokens by one of the grants: the others had looked.
#[tokio::test]
async fn revoke_03_a_disabled_user_gets_nothing_by_any_grant() {
    for grant in GrantType::ALL {
        let of_a_person = match grant {
            GrantType::AuthorizationCode | GrantType::RefreshToken | GrantType::DeviceCode => true,
            GrantType::ClientCredentials => false,
        };
        if !of_a_person {
            continue;
        }
        let server = TestServer::start().await;
        let (now, later) = (Ready::of(&server, grant).await, Ready::of(&server, grant).await);
        let before = Ready::of(&server, grant).await.send(&server).await.expect(200).member("access_token");
        seeds::set_status(&server, seeds::OLENA, UserStatus::Disabled).await;
        assert_eq!(now.send(&server).await.expect_error(400, "invalid_grant").status, 400, "{grant:?}");
        assert_eq!(server.get("/userinfo").bearer(&before).send().await.status, 401, "{grant:?}");
        // Nothing of before comes back with the account.
        seeds::set_status(&server, seeds::OLENA, UserStatus::Active).await;
        assert_eq!(later.send(&server).await.expect_error(400, "invalid_grant").status, 400, "{grant:?}");
    }
}

/// A slow request, begun before the sign-out, wrote the session back when it was done.
#[tokio::test]
async fn revoke_05_what_a_slow_request_writes_at_last_revives_no_session() {
    let server = TestServer::start().await;
    for _ in 0..10 {
        let mut browser = logged_in(&server).await;
        let kept = cookies(&browser);
        let secret = Handle::<kind::Session>::parse(browser.jar.get(SESSION).unwrap()).unwrap().hash();
        // The slow one has looked: the session is there, and was not used for a minute.
        server.clock.advance_seconds(61);
        let (seen, _) = server.store.find_session(secret, server.ctx().now).await.unwrap().unwrap();
        assert_eq!(browser.post_json(seeds::APP_ORIGIN, "/api/auth/logout", None).await.status, 204);
        server.store.touch_session(seen.id, server.ctx().now).await.unwrap();
        assert!(server.store.find_session(secret, server.ctx().now).await.unwrap().is_none());
        assert_worthless(&server, &kept).await;
    }
}

/// Requests that note the use of a session, at two nodes, while it is signed out: all have looked before any has written, and
/// whatever the order then, it stays ended.
#[tokio::test]
async fn revoke_05_requests_that_race_a_sign_out_revive_no_session() {
    let server = races::server().await;
    let nodes = [Arc::clone(&server), Arc::new(server.another_node().await)];
    let rounds = if matches!(server.database(), Database::Postgres(_)) { 32 } else { 200 };
    for round in 0..rounds {
        let mut browser = logged_in(&server).await;
        let access = browser.post_json(seeds::APP_ORIGIN, "/api/auth/refresh", None).await.member("access_token");
        // The use of a session is noted once a minute.
        server.clock.advance_seconds(61);
        let jar = Arc::new(cookies(&browser));
        let ends = round % 8;
        // With both cookies a sign-out ends the session twice; with that of the session alone, once.
        let session = Arc::new(format!("{SESSION}={}", browser.jar.get(SESSION).unwrap()));
        let leaving = if round % 3 == 0 { Arc::clone(&jar) } else { Arc::clone(&session) };
        let lock = rows::hold(&server);
        let asked: Vec<_> = (0..8)
            .map(|number| {
                let (node, leaving) = (Arc::clone(&nodes[(number + round / 8) % 2]), Arc::clone(&leaving));
                let jar = Arc::clone(&jar);
                tokio::spawn(async move {
                    match number {
                        _ if number == ends => node.post("/api/auth/logout").cookie(&leaving).send().await,
                        1 | 5 => node.post("/api/auth/refresh").cookie(&jar).send().await,
                        _ => node.get("/account").cookie(&jar).send().await,
                    }
                })
            })
            .collect();
        // In some rounds all of them wait for the lock when it goes, in others some are still on their way.
        for _ in 0..round % 64 {
            tokio::task::yield_now().await;
        }
        drop(lock);
        let mut replies = Vec::new();
        for reply in asked {
            replies.push(reply.await.unwrap());
        }
        assert_eq!(replies[ends].status, 204, "{}", replies[ends]);
        for node in &nodes {
            assert_eq!(node.get("/account").cookie(&jar).send().await.status, 303, "round {round}");
            assert_eq!(node.get("/api/auth/me").bearer(&access).send().await.status, 401, "round {round}");
            assert_eq!(node.post("/api/auth/refresh").cookie(&jar).send().await.status, 401, "round {round}");
        }
        for cookie in replies.iter().filter_map(|reply| reply.cookie_value(DEMO_RT)) {
            let reply = server.post("/api/auth/refresh").cookie(&format!("{session}; {DEMO_RT}={cookie}")).send().await;
            assert_eq!(reply.status, 401, "round {round}");
        }
        if round + 1 == rounds {
            assert_worthless(&server, &jar).await;
        }
    }
}

/// The same with a request whose body comes after the sign-out: the session is looked up when all of it is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revoke_05_a_request_that_ends_after_the_sign_out_revives_no_session() {
    let server = TestServer::start().await;
    let address = server.listen().await;
    for path in ["/api/auth/refresh", "/account/sessions/end"] {
        let mut browser = logged_in(&server).await;
        let kept = cookies(&browser);
        let form = html::form(browser.step(None, "/account").await.text(), "/account/sessions/end").unwrap();
        let (kind, body) = match path {
            "/api/auth/refresh" => ("application/json", "{}".to_owned()),
            _ => ("application/x-www-form-urlencoded", format!("csrf={}&all_others=1", form.fields["csrf"])),
        };
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nOrigin: {}\r\nCookie: {kept}\r\nContent-Type: {kind}\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n",
            server.authority(),
            server.issuer(),
            body.len()
        );
        let mut slow = TcpStream::connect(address).await.unwrap();
        slow.write_all(head.as_bytes()).await.unwrap();
        slow.write_all(&body.as_bytes()[..1]).await.unwrap();
        assert_eq!(browser.post_json(seeds::APP_ORIGIN, "/api/auth/logout", None).await.status, 204);
        slow.write_all(&body.as_bytes()[1..]).await.unwrap();
        let mut answer = Vec::new();
        slow.read_to_end(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let refused = ["HTTP/1.1 401", "HTTP/1.1 303"].iter().any(|status| answer.starts_with(status));
        assert!(refused && !answer.contains("access_token"), "{path}: {answer}");
        assert_worthless(&server, &kept).await;
    }
}

/// A cookie that keeps people signed in lived on after a new password. Such a cookie says nothing by itself: it is looked up, and
/// counts for the password that it was begun with.
#[tokio::test]
async fn revoke_06_a_lasting_cookie_counts_for_the_password_of_its_time() {
    let server = TestServer::start().await;
    for at_the_page in [true, false] {
        let mut browser = if at_the_page { Browser::new(&server) } else { logged_in(&server).await };
        if at_the_page {
            let page = browser.visit("/sign-in").await.page();
            let form = html::form(page.text(), "/sign-in").unwrap();
            let filled = [("username", seeds::OLENA), ("password", seeds::PASSWORD), ("remember", "1")];
            assert_eq!(browser.submit_step(&form, &filled).await.status, 303);
        }
        browser.jar.restart();
        let kept = cookies(&browser);
        assert!(kept.contains(SESSION), "it outlives the browser: {kept}");
        assert_eq!(server.get("/account").cookie(&kept).send().await.status, 200);
        let olena = seeds::user(&server, seeds::OLENA).await.id;
        admin::set_password(&server.ctx(), olena, NEW_PASSWORD).await.unwrap();
        assert_worthless(&server, &kept).await;
        // The same password again is a new one too.
        admin::set_password(&server.ctx(), olena, seeds::PASSWORD).await.unwrap();
        assert_worthless(&server, &kept).await;
    }
}

/// A sign-out left cookies that still counted. After each way to sign out the browser has none, and a copy of them counts nowhere.
#[tokio::test]
async fn revoke_07_after_every_way_to_sign_out_the_old_cookies_are_worth_nothing() {
    for way in ["api", "button", "everywhere", "hint", "question"] {
        let server = TestServer::start().await;
        let shop = RelyingParty::shop();
        let mut browser = logged_in(&server).await;
        let id = Tokens::of(&shop.redeem(&server, browser.sign_in_for(&shop).await.code()).await).id;
        let kept = cookies(&browser);
        let session_alone = format!("{SESSION}={}", browser.jar.get(SESSION).unwrap());
        assert_ne!(answers(&server, &["GET"], &kept).await, answers(&server, &["GET"], "").await);
        let account = browser.step(None, "/account").await;
        let reply = match way {
            "api" => browser.post_json(seeds::APP_ORIGIN, "/api/auth/logout", None).await,
            "button" => {
                let form = html::form(account.text(), "/account/sign-out").unwrap();
                browser.submit_step(&form, &[]).await
            }
            "everywhere" => {
                let mut form = html::form(account.text(), "/account/sessions/end").unwrap();
                form.fields.remove("session");
                browser.submit_step(&form, &[("all", "1")]).await
            }
            "hint" => {
                browser.step(Some("https://shop.example.net"), &format!("/oauth2/logout?id_token_hint={id}")).await
            }
            _ => {
                let page = browser.visit("/oauth2/logout").await.page();
                browser.submit_step(&html::form(page.text(), "/sign-out").unwrap(), &[]).await
            }
        };
        assert!(matches!(reply.status.as_u16(), 204 | 303), "{way}: {reply}");
        // From another site the browser sends no refresh cookie, so none is deleted; it is as dead as the session.
        let left = cookies(&browser);
        assert!(left.is_empty() || way == "hint" && !left.contains(SESSION), "{way}: {reply}");
        let page = browser.step(None, "/sign-in").await.expect(200);
        assert!(html::form(page.text(), "/sign-in").is_some(), "{way}: {page}");
        for kept in [&kept, &session_alone, &left] {
            assert_worthless(&server, kept).await;
            let page = server.get("/sign-in").cookie(kept).send().await.expect(200);
            assert!(html::form(page.text(), "/sign-in").is_some(), "{way}: {page}");
        }
    }
}

/// Revoked tokens were still called active. Whatever a token stands on ends: introspection, both resources and the token endpoint
/// say so.
#[tokio::test]
async fn revoke_08_introspection_and_resources_see_every_end() {
    let server = TestServer::with(|options| options.unlimited_addresses()).await;
    let api = Client { serves: vec![format!("{}/api", server.issuer())], ..seeds::client("api", ClientType::Service) };
    seeds::put_client(&server, api).await;
    let active = async |who: &str, token: &str| {
        let call = server.post("/oauth2/introspect").basic(who, &seeds::secret(who));
        let json = call.form(&[("token", token)]).send().await.expect(200).json();
        assert!(json["active"] == json!(true) || json == json!({"active": false}), "{json}");
        json["active"] == json!(true)
    };
    let (shop, cli) = (RelyingParty::shop(), RelyingParty::cli());
    for way in ["access", "refresh", "family", "withdrawn", "session", "everything", "user", "client"] {
        let app = if way == "family" { &cli } else { &shop };
        let mut browser = Browser::new(&server);
        let tokens = Tokens::of(&app.redeem(&server, browser.sign_in_for(app).await.code()).await);
        assert!(active("api", &tokens.access).await, "{way}");
        let (olena, now) = (seeds::user(&server, seeds::OLENA).await.id, server.ctx().now);
        let mut live = tokens.refresh.clone();
        match way {
            "access" | "refresh" => {
                let token = if way == "access" { &tokens.access } else { &tokens.refresh };
                let call = server.post("/oauth2/revoke").basic(seeds::SHOP, &seeds::secret(seeds::SHOP));
                assert_eq!(call.form(&[("token", token)]).send().await.status, 200);
            }
            "family" => {
                for _ in 0..2 {
                    live = Tokens::of(&cli.refresh(&server, &live).await).refresh;
                }
                assert_eq!(cli.refresh(&server, &tokens.refresh).await.status, 400);
            }
            "withdrawn" => drop(server.store.withdraw_access(olena, &seeds::SHOP.parse().unwrap(), now).await.unwrap()),
            "session" => {
                let page = browser.visit("/oauth2/logout").await.page();
                browser.submit(&html::form(page.text(), "/sign-out").unwrap(), &[]).await;
            }
            "everything" => server.store.end_everything(olena, now).await.unwrap(),
            "user" => seeds::set_status(&server, seeds::OLENA, UserStatus::Disabled).await,
            _ => seeds::put_client(&server, Client { enabled: false, ..registered(&server, seeds::SHOP).await }).await,
        }
        assert!(!active("api", &tokens.access).await, "{way}");
        for path in ["/userinfo", "/api/auth/me"] {
            assert_eq!(server.get(path).bearer(&tokens.access).send().await.status, 401, "{way} {path}");
        }
        // A revoked access token ends nothing else.
        let refreshed = app.refresh(&server, &live).await;
        assert_eq!(refreshed.status == 200, way == "access", "{way}: {refreshed}");
        if !matches!(way, "family" | "client") {
            assert_eq!(active(seeds::SHOP, &live).await, way == "access", "{way}");
        }
        seeds::set_status(&server, seeds::OLENA, UserStatus::Active).await;
    }
}

/// Roles that were taken away were still in tokens. There are no roles here; what a client may have is its scope, and what it lost
/// between the question and the token is in no token of any grant, and opens nothing.
#[tokio::test]
async fn revoke_09_what_a_client_lost_is_in_no_new_token() {
    for grant in GrantType::ALL {
        let server = TestServer::start().await;
        let lost = if grant == GrantType::ClientCredentials { "write" } else { "profile" };
        let whole = Ready::of(&server, grant).await.send(&server).await.expect(200);
        assert!(whole.member("scope").contains(lost), "{grant:?}: {whole}");
        let ready = Ready::of(&server, grant).await;
        let client = registered(&server, ready.client).await;
        let left: Vec<&str> = client.scope.iter().filter(|token| *token != lost).collect();
        let scope = Scope::parse(&left.join(" ")).unwrap();
        seeds::put_client(&server, Client { scope, ..client.clone() }).await;
        let reply = ready.send(&server).await.expect(200);
        let told = brama_testkit::tokens::peek(&reply.member("access_token")).1["scope"].as_str().unwrap().to_owned();
        assert_eq!(reply.member("scope"), told);
        assert!(!told.contains(lost), "{grant:?}: {told}");
        if grant != GrantType::ClientCredentials {
            let info = server.get("/userinfo").bearer(&reply.member("access_token")).send().await.expect(200).json();
            assert_eq!(info.as_object().unwrap().keys().collect::<Vec<_>>(), ["sub"], "{grant:?}");
        }
    }
}

/// A machine's token is written nowhere: a node that has not heard yet of the change asks before it gives one.
#[tokio::test]
async fn revoke_02_a_node_that_has_not_heard_of_it_gives_a_machine_nothing() {
    let server = TestServer::start().await;
    let ask = async |secret: &str| {
        let call = server.post("/oauth2/token").basic(seeds::ROBOT, secret).unaware();
        call.form(&[("grant_type", "client_credentials")]).send().await
    };
    let secret = seeds::secret(seeds::ROBOT);
    assert_eq!(ask(&secret).await.status, 200);
    let record = server.store.find_client(&seeds::ROBOT.parse().unwrap()).await.unwrap().unwrap();
    // Something else was changed: that is no reason to refuse.
    let other = Client { name: "Another".to_owned(), ..seeds::client("another", ClientType::Web) };
    seeds::put_client(&server, other).await;
    assert_eq!(ask(&secret).await.status, 200);
    seeds::put_client(&server, Client { enabled: false, ..record.client.clone() }).await;
    assert_eq!(ask(&secret).await.expect_error(401, "invalid_client").status, 401);
}

/// A fail-over is not noticed by machines; a node that is cut off for longer does not go on with what it once knew.
#[tokio::test]
async fn revoke_02_what_a_node_knows_counts_for_a_minute_without_the_database() {
    let server = TestServer::with(|options| options.storage = Storage::Disk).await;
    let ask = async || {
        let call = server.post("/oauth2/token").basic(seeds::ROBOT, &seeds::secret(seeds::ROBOT)).unaware();
        call.form(&[("grant_type", "client_credentials")]).send().await
    };
    assert_eq!(ask().await.status, 200);
    rows::execute(&server, "ALTER TABLE catalog RENAME TO elsewhere");
    for _ in 0..59 {
        server.clock.advance_seconds(1);
        assert_eq!(ask().await.status, 200);
    }
    server.clock.advance_seconds(1);
    assert_eq!(ask().await.expect_error(503, "temporarily_unavailable").status, 503);
    rows::execute(&server, "ALTER TABLE elsewhere RENAME TO catalog");
    server.clock.advance_seconds(1);
    assert_eq!(ask().await.status, 200);
}
