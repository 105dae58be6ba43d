//! REFRESH: one statement decides about a refresh token; one live token per grant; order by counter, not by clock; user,
//! client and consent are looked at every time.

use std::collections::BTreeSet;
use std::sync::Arc;

use brama_protocol::client::{Client, ClientType, GrantType};
use brama_protocol::scope::Scope;
use brama_store::user::UserStatus;
use brama_testkit::{Browser, RelyingParty, Reply, Storage, TestServer, html, rows, seeds};
use http::Method;

use super::revoke::token_routes;
use crate::device_page::Tv;
use crate::races::{at_once, server};
use crate::support::{DEMO_RT, SESSION, Tokens, logged_in, signed_in_to};

const ROUNDS: usize = 50;
const AT_ONCE: usize = 64;

fn assert_invalid_grant(reply: &Reply) {
    assert_eq!((reply.status.as_u16(), reply.member("error").as_str()), (400, "invalid_grant"), "{reply}");
}

/// Parallel requests used a token for single use several times: now at two nodes at once, round after round.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn refresh_01_refresh_03_a_token_has_one_successor_however_many_ask_at_once() {
    let server = server().await;
    let nodes = [Arc::clone(&server), Arc::new(server.another_node().await)];
    let cli = RelyingParty::cli();
    let mut token = signed_in_to(&server, &cli).await.refresh;
    for round in 1..=ROUNDS {
        let replies = at_once(AT_ONCE, |number| {
            let (node, cli, token) = (Arc::clone(&nodes[number % 2]), cli.clone(), token.clone());
            async move { cli.refresh(&node, &token).await }
        })
        .await;
        let successors: BTreeSet<String> = replies.iter().map(|reply| Tokens::of(reply).refresh).collect();
        assert_eq!(successors.len(), 1, "round {round}");
        let successor = successors.into_iter().next().unwrap();
        assert_ne!(successor, token, "round {round}");
        token = successor;
    }
    // One row is the whole family, and one number in it says which token lives.
    let rows = rows::dump(&server).remove("app_grant").unwrap();
    assert!(rows.len() == 1 && rows[0].contains(&format!(" generation={ROUNDS} ")), "{rows:?}");
    assert_eq!(server.deployment.refresh_tokens.open(&token).unwrap().generation, u64::try_from(ROUNDS).unwrap());
}

/// Read, check, revoke and mint were separate steps: a family forked. An old token at one node while the newest is used at the
/// other: whoever comes last, nothing of the family is left.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn refresh_03_an_old_token_beside_the_newest_ends_the_whole_family() {
    let server = server().await;
    let nodes = [Arc::clone(&server), Arc::new(server.another_node().await)];
    let cli = RelyingParty::cli();
    for _ in 0..5 {
        let first = signed_in_to(&server, &cli).await.refresh;
        let second = Tokens::of(&cli.refresh(&server, &first).await).refresh;
        let third = Tokens::of(&cli.refresh(&server, &second).await);
        let replies = at_once(16, |number| {
            let (node, cli) = (Arc::clone(&nodes[number % 2]), cli.clone());
            let token = if number == 7 { first.clone() } else { third.refresh.clone() };
            async move { cli.refresh(&node, &token).await }
        })
        .await;
        assert_invalid_grant(&replies[7]);
        let got = replies.iter().filter(|reply| reply.status == 200).map(|reply| Tokens::of(reply).refresh);
        for token in got.chain([first, second, third.refresh]) {
            assert_invalid_grant(&cli.refresh(&server, &token).await);
        }
        assert_eq!(server.get("/userinfo").bearer(&third.access).send().await.status, 401);
    }
}

/// Times to the second decided which token was older, so two rotations within one second let the first live on.
#[tokio::test]
async fn refresh_02_twenty_rotations_within_a_second_are_still_in_order() {
    const ROTATIONS: usize = 20;
    let server = TestServer::start().await;
    let cli = RelyingParty::cli();
    let mut browser = Browser::new(&server);
    for old in 0..ROTATIONS {
        let mut tokens = vec![Tokens::of(&cli.redeem(&server, browser.sign_in_for(&cli).await.code()).await).refresh];
        for rotation in 0..ROTATIONS {
            tokens.push(Tokens::of(&cli.refresh(&server, &tokens[rotation]).await).refresh);
        }
        // The youngest but one is answered again within its window, with the very successor it has (TE-26).
        if old == ROTATIONS - 1 {
            assert_eq!(Tokens::of(&cli.refresh(&server, &tokens[old]).await).refresh, tokens[ROTATIONS]);
            server.clock.advance_seconds(61);
        }
        assert_invalid_grant(&cli.refresh(&server, &tokens[old]).await);
        assert_invalid_grant(&cli.refresh(&server, &tokens[ROTATIONS]).await);
    }
    let user = seeds::user(&server, seeds::OLENA).await;
    let log = server.store.audit_of_user(user.id, 1000).await.unwrap();
    assert_eq!(log.iter().filter(|row| row.event.as_str() == "refresh_reused").count(), ROTATIONS);
}

/// What may happen to a grant between two refreshes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meanwhile {
    ConsentWithdrawn,
    UserDisabled,
    UserEndedEverything,
    ClientDisabled,
    ClientLostTheGrant,
    ClientLostEveryScope,
}

const MEANWHILE: [Meanwhile; 6] = [
    Meanwhile::ConsentWithdrawn,
    Meanwhile::UserDisabled,
    Meanwhile::UserEndedEverything,
    Meanwhile::ClientDisabled,
    Meanwhile::ClientLostTheGrant,
    Meanwhile::ClientLostEveryScope,
];

impl Meanwhile {
    async fn happens(self, server: &TestServer, id: &str) {
        let (user, now) = (seeds::user(server, seeds::OLENA).await.id, server.ctx().now);
        let client = server.store.find_client(&id.parse().unwrap()).await.unwrap().unwrap().client.clone();
        match self {
            Self::ConsentWithdrawn => drop(server.store.withdraw_access(user, &client.id, now).await.unwrap()),
            Self::UserDisabled => seeds::set_status(server, seeds::OLENA, UserStatus::Disabled).await,
            Self::UserEndedEverything => server.store.end_everything(user, now).await.unwrap(),
            Self::ClientDisabled => seeds::put_client(server, Client { enabled: false, ..client }).await,
            Self::ClientLostTheGrant => {
                let grant_types = vec![GrantType::AuthorizationCode];
                seeds::put_client(server, Client { grant_types, ..client }).await;
            }
            Self::ClientLostEveryScope => {
                seeds::put_client(server, Client { scope: Scope::parse("orders").unwrap(), ..client }).await;
            }
        }
    }

    fn error(self) -> &'static str {
        match self {
            Self::ClientDisabled => "invalid_client",
            Self::ClientLostTheGrant => "unauthorized_client",
            _ => "invalid_grant",
        }
    }
}

/// A refresh asked about nothing but the token: neither consent nor account nor client were looked at again.
#[tokio::test]
async fn refresh_04_what_a_refresh_stands_on_is_looked_at_every_time() {
    for meanwhile in MEANWHILE {
        for app in [RelyingParty::shop(), RelyingParty::cli()] {
            let server = TestServer::start().await;
            let tokens = signed_in_to(&server, &app).await;
            meanwhile.happens(&server, &app.client_id).await;
            let reply = app.refresh(&server, &tokens.refresh).await;
            assert!(reply.status.is_client_error(), "{meanwhile:?} {}: {reply}", app.client_id);
            assert_eq!(reply.member("error"), meanwhile.error(), "{meanwhile:?} {}", app.client_id);
        }
        let server = TestServer::start().await;
        let mut browser = logged_in(&server).await;
        meanwhile.happens(&server, seeds::DEMO).await;
        for method in [Method::GET, Method::POST] {
            let reply = browser.fetch_with(seeds::APP_ORIGIN, method, "/api/auth/refresh", |call| call).await;
            assert!(reply.status.is_client_error(), "{meanwhile:?}: {reply}");
            assert!(reply.json().get("access_token").is_none() && reply.set_cookies().is_empty(), "{reply}");
        }
    }
}

/// The store failed, and a revocation was answered with 200. Here every change that was not made is answered with 503, and
/// afterwards everything is as it was.
#[tokio::test]
async fn refresh_05_what_the_store_did_not_take_is_not_answered_with_success() {
    let server = TestServer::with(|options| options.storage = Storage::Disk).await;
    let cli = RelyingParty::cli();
    let tokens = signed_in_to(&server, &cli).await;
    let mut browser = logged_in(&server).await;
    let page = browser.step(None, "/account").await;
    let form = html::form(page.text(), "/account/sign-out").unwrap();
    let before = rows::dump(&server);
    rows::execute(&server, "ALTER TABLE app_grant RENAME TO elsewhere");
    for token in [&tokens.refresh, &tokens.access] {
        let form = [("token", token.as_str()), ("client_id", seeds::CLI)];
        let revoked = server.post("/oauth2/revoke").form(&form).send().await;
        assert_eq!(revoked.expect_error(503, "temporarily_unavailable").status, 503);
    }
    for reply in [
        cli.refresh(&server, &tokens.refresh).await,
        browser.post_json(seeds::APP_ORIGIN, "/api/auth/refresh", None).await,
        browser.post_json(seeds::APP_ORIGIN, "/api/auth/logout", None).await,
        browser.submit_step(&form, &[]).await,
    ] {
        assert_eq!(reply.status, 503, "{reply}");
        assert!(reply.set_cookies().is_empty(), "nothing is over: {reply}");
    }
    rows::execute(&server, "ALTER TABLE elsewhere RENAME TO app_grant");
    let after = rows::dump(&server);
    for table in ["app_grant", "session", "user", "client"] {
        assert_eq!(after[table], before[table], "{table}");
    }
    assert_eq!(server.get("/userinfo").bearer(&tokens.access).send().await.status, 200);
    assert_eq!(cli.refresh(&server, &tokens.refresh).await.status, 200);
    assert_eq!(browser.post_json(seeds::APP_ORIGIN, "/api/auth/refresh", None).await.status, 200);
    assert_eq!(browser.post_json(seeds::APP_ORIGIN, "/api/auth/logout", None).await.status, 204);
}

/// A refresh worked without client authentication.
#[tokio::test]
async fn refresh_06_a_client_with_a_secret_has_to_send_it() {
    let server = TestServer::with(|options| options.storage = Storage::Disk).await;
    let shop = RelyingParty::shop();
    seeds::put_client(&server, seeds::client("other", ClientType::Web)).await;
    let token = signed_in_to(&server, &shop).await.refresh;
    let before = rows::dump(&server).remove("app_grant");
    let fields = [("grant_type", "refresh_token"), ("refresh_token", token.as_str())];
    let form = |more: &[(&str, &str)]| server.post("/oauth2/token").form(&[&fields, more].concat());
    let id = ("client_id", seeds::SHOP);
    let other = seeds::secret("other");
    for (why, call) in [
        ("nobody", form(&[])),
        ("a name alone", form(&[id])),
        ("no secret", form(&[id, ("client_secret", "")])),
        ("a wrong secret", form(&[id, ("client_secret", "wrong")])),
        ("another one's secret", form(&[id, ("client_secret", &other)])),
        ("another one's secret", form(&[]).basic(seeds::SHOP, &other)),
        ("a name that nobody has", form(&[("client_id", "nobody")])),
    ] {
        let reply = call.send().await;
        assert!(matches!(reply.status.as_u16(), 400 | 401), "{why}: {reply}");
        assert_eq!(reply.member("error"), "invalid_client", "{why}");
    }
    // Whoever is somebody else is told that the token is none of theirs.
    assert_invalid_grant(&form(&[]).basic("other", &other).send().await);
    assert_invalid_grant(&form(&[("client_id", seeds::CLI)]).send().await);
    assert_eq!(rows::dump(&server).remove("app_grant"), before, "nothing was spent");
    assert_eq!(shop.refresh(&server, &token).await.status, 200);
}

/// An access token passed for a refresh token. No token serves as another kind of token, and trying spends nothing.
#[tokio::test]
async fn refresh_07_each_kind_of_token_serves_as_itself_alone() {
    let server = TestServer::start().await;
    let cli = RelyingParty::cli();
    seeds::put_client(&server, Tv::client()).await;
    let mut browser = logged_in(&server).await;
    let tokens = Tokens::of(&cli.redeem(&server, browser.sign_in_for(&cli).await.code()).await);
    let code = browser.sign_in_for(&cli).await.code().to_owned();
    let (session, cookie) = [SESSION, DEMO_RT].map(|name| browser.jar.get(name).unwrap().to_owned()).into();
    let tv = Tv::begin(&server, &[]).await;
    for other in [&tokens.access, &tokens.id, &session, &cookie, &code, &tv.device_code, &tv.user_code] {
        assert_invalid_grant(&cli.refresh(&server, other).await);
    }
    for token in [&tokens.refresh, &tokens.id, &cookie, &session, &code] {
        for (method, path) in token_routes(&server).await {
            let reply = server.call(method.clone(), path).bearer(token).send().await;
            assert_eq!(reply.expect_error(401, "invalid_token").status, 401, "{method} {path}");
        }
    }
    for other in [&tokens.refresh, &tokens.access, &session, &tv.device_code] {
        assert_invalid_grant(&cli.redeem(&server, other).await);
    }
    for other in [&tokens.refresh, &tokens.access, &session, &code] {
        assert_invalid_grant(&Tv::poll_as(&server, "tv", other).await);
    }
    for other in [&tokens.refresh, &tokens.access, &cookie, &code, &tv.device_code] {
        let stolen = server.get("/account").cookie(&format!("{SESSION}={other}")).send().await;
        assert_eq!(stolen.status, 303, "{stolen}");
    }
    // The refresh token of one client's cookie or body is none of the other's.
    let in_cookie = server.post("/api/auth/refresh").cookie(&format!("{DEMO_RT}={}", tokens.refresh)).send().await;
    assert_eq!(in_cookie.expect_error(401, "login_required").status, 401);
    // All of them are as good as before.
    assert_eq!(cli.redeem(&server, &code).await.status, 200);
    assert_eq!(cli.refresh(&server, &tokens.refresh).await.status, 200);
    assert_eq!(tv.poll(&server).await.expect_error(400, "authorization_pending").status, 400);
    assert_eq!(browser.post_json(seeds::APP_ORIGIN, "/api/auth/refresh", None).await.status, 200);
}
