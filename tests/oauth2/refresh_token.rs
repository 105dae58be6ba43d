//! `/oauth2/token` with a refresh token in the body: rotation for public clients, none for confidential ones, and what
//! ends a grant. Design §5; TE-24 to TE-31.

use brama_jose::Typ;
use brama_protocol::client::Client;
use brama_store::user::UserStatus;
use brama_testkit::{Browser, RelyingParty, Reply, TestServer, seeds, tokens};

use crate::support::{Tokens, signed_in_to};

const DAY: i64 = 86_400;

fn assert_invalid_grant(reply: &Reply) {
    assert_eq!((reply.status.as_u16(), reply.member("error").as_str()), (400, "invalid_grant"), "{reply}");
}

#[tokio::test]
async fn te25_a_public_client_gets_a_new_token_each_time() {
    let server = TestServer::start().await;
    let cli = RelyingParty::cli();
    let first = signed_in_to(&server, &cli).await;
    let second = Tokens::of(&cli.refresh(&server, &first.refresh).await);
    let third = Tokens::of(&cli.refresh(&server, &second.refresh).await);
    assert!(first.refresh != second.refresh && second.refresh != third.refresh && first.refresh != third.refresh);
    assert_ne!(first.access, second.access);
}

#[tokio::test]
async fn te25_a_client_that_authenticates_keeps_its_token() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    let first = signed_in_to(&server, &shop).await;
    for _ in 0..3 {
        server.clock.advance_seconds(3600);
        assert_eq!(Tokens::of(&shop.refresh(&server, &first.refresh).await).refresh, first.refresh);
    }
}

#[tokio::test]
async fn te26_within_the_window_the_answer_is_the_same_successor() {
    let server = TestServer::start().await;
    let cli = RelyingParty::cli();
    let first = signed_in_to(&server, &cli).await;
    let second = Tokens::of(&cli.refresh(&server, &first.refresh).await).refresh;
    for seconds in [0, 30, 30] {
        server.clock.advance_seconds(seconds);
        assert_eq!(Tokens::of(&cli.refresh(&server, &first.refresh).await).refresh, second);
    }
    // The successor has never been used until now, and still counts.
    assert_eq!(cli.refresh(&server, &second).await.status, 200);
}

#[tokio::test]
async fn te27_after_the_window_an_old_token_ends_the_grant() {
    let server = TestServer::start().await;
    let cli = RelyingParty::cli();
    let first = signed_in_to(&server, &cli).await;
    let second = Tokens::of(&cli.refresh(&server, &first.refresh).await);
    server.clock.advance_seconds(61);
    assert_invalid_grant(&cli.refresh(&server, &first.refresh).await);
    assert_invalid_grant(&cli.refresh(&server, &second.refresh).await);
    assert_eq!(server.get("/userinfo").bearer(&second.access).send().await.status, 401);
}

#[tokio::test]
async fn te27_an_ancestor_ends_the_grant_even_within_the_window() {
    let server = TestServer::start().await;
    let cli = RelyingParty::cli();
    let bystander = signed_in_to(&server, &cli).await;
    let first = signed_in_to(&server, &cli).await;
    let second = Tokens::of(&cli.refresh(&server, &first.refresh).await);
    let third = Tokens::of(&cli.refresh(&server, &second.refresh).await);
    assert_invalid_grant(&cli.refresh(&server, &first.refresh).await);
    for dead in [&second, &third] {
        assert_invalid_grant(&cli.refresh(&server, &dead.refresh).await);
    }
    assert_eq!(cli.refresh(&server, &bystander.refresh).await.status, 200, "another grant of the same person");
    // The owner is told.
    let user = seeds::user(&server, seeds::OLENA).await;
    let audit = server.store.audit_of_user(user.id, 50).await.unwrap();
    assert_eq!(audit.iter().filter(|row| row.event.as_str() == "refresh_reused").count(), 1);
}

#[tokio::test]
async fn te24_a_token_belongs_to_its_client() {
    let server = TestServer::start().await;
    let (shop, cli) = (RelyingParty::shop(), RelyingParty::cli());
    let (of_shop, of_cli) = (signed_in_to(&server, &shop).await, signed_in_to(&server, &cli).await);
    assert_invalid_grant(&cli.refresh(&server, &of_shop.refresh).await);
    assert_invalid_grant(&shop.refresh(&server, &of_cli.refresh).await);
    assert_invalid_grant(&RelyingParty::foreign().refresh(&server, &of_cli.refresh).await);
    assert_eq!(shop.refresh(&server, &of_shop.refresh).await.status, 200, "nothing was revoked");
    assert_eq!(cli.refresh(&server, &of_cli.refresh).await.status, 200, "nothing was revoked");
    for forged in
        ["", "x", "brt_", "brt_AAAA", &of_shop.refresh[4..], &format!("{}A", of_shop.refresh), &of_shop.access]
    {
        let reply = shop.refresh_with(&server, forged, &[]).await;
        assert_eq!(reply.status, 400, "{reply}");
    }
    // One changed character breaks the MAC, which is no theft.
    for index in (4..of_shop.refresh.len() - 1).step_by(7) {
        let mut bytes = of_shop.refresh.clone().into_bytes();
        bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
        assert_invalid_grant(&shop.refresh(&server, std::str::from_utf8(&bytes).unwrap()).await);
    }
    assert_eq!(shop.refresh(&server, &of_shop.refresh).await.status, 200);
}

#[tokio::test]
async fn te28_scope_only_narrows_and_the_grant_keeps_it_all() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    let sent = signed_in_to(&server, &shop).await;
    let scope = async |scope: &str| shop.refresh_with(&server, &sent.refresh, &[("scope", scope)]).await;
    assert_eq!(scope("openid").await.expect(200).json()["scope"], "openid");
    assert_eq!(scope("profile openid").await.expect(200).json()["scope"], "openid profile");
    assert_eq!(scope("").await.expect(200).json()["scope"], "email openid profile");
    for wider in ["openid admin", "offline_access", "OPENID", "openid \\"] {
        assert_eq!(scope(wider).await.expect_error(400, "invalid_scope").status, 400);
    }
    assert_eq!(scope("openid").await.status, 200);
    // The narrowed token reads less.
    let narrow = Tokens::of(&scope("openid").await).access;
    let json = server.get("/userinfo").bearer(&narrow).send().await.expect(200).json();
    assert_eq!(json.as_object().unwrap().keys().collect::<Vec<_>>(), ["sub"]);
    // A public client that asked too much still has its token.
    let cli = RelyingParty::cli();
    let sent = signed_in_to(&server, &cli).await;
    let reply = cli.refresh_with(&server, &sent.refresh, &[("scope", "openid email")]).await;
    assert_eq!(reply.expect_error(400, "invalid_scope").status, 400);
    server.clock.advance_seconds(300);
    assert_eq!(cli.refresh(&server, &sent.refresh).await.status, 200);
}

#[tokio::test]
async fn te29_a_resource_that_was_not_granted_is_refused() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    let sent = signed_in_to(&server, &shop).await;
    let reply = shop.refresh_with(&server, &sent.refresh, &[("resource", "https://other.example")]).await;
    assert_eq!(reply.expect_error(400, "invalid_target").status, 400);
    let code = Browser::new(&server).sign_in_for(&shop).await.code().to_owned();
    let reply = shop.redeem_with(&server, &code, &[("resource", "https://other.example")]).await;
    assert_eq!(reply.expect_error(400, "invalid_target").status, 400);
}

#[tokio::test]
async fn te29_a_resource_that_was_taken_from_the_client_is_in_no_new_token() {
    let server = TestServer::start().await;
    let (a, b) = ("https://a.example.net", "https://b.example.net");
    let record = server.store.find_client(&seeds::SHOP.parse().unwrap()).await.unwrap().unwrap();
    let with = async |resources: &[&str]| {
        let resources = resources.iter().map(|one| (*one).to_owned()).collect();
        seeds::put_client(&server, Client { resources, ..record.client.clone() }).await;
        server.keep_up().await;
    };
    with(&[a, b]).await;
    let (shop, mut browser) = (RelyingParty::shop(), Browser::new(&server));
    let landing = browser.visit(&format!("{}&resource={a}&resource={b}", shop.authorize_url(&[]))).await;
    let code = browser.complete(landing).await.code().to_owned();
    let mut sent = Tokens::of(&shop.redeem(&server, &code).await);
    let audience = |sent: &Tokens| tokens::peek(&sent.access).1["aud"].to_string();
    assert!(audience(&sent).contains(a) && !audience(&sent).contains(b), "{}", audience(&sent));
    with(&[b]).await;
    sent = Tokens::of(&shop.refresh(&server, &sent.refresh).await);
    assert!(audience(&sent).contains(b) && !audience(&sent).contains(a), "{}", audience(&sent));
    // Nothing of what was granted is left: another API is not given instead.
    with(&["https://c.example.net"]).await;
    assert_invalid_grant(&shop.refresh(&server, &sent.refresh).await);
}

#[tokio::test]
async fn te30_seven_days_however_often_it_refreshes() {
    let server = TestServer::start().await;
    // An offline grant: no session ends it before.
    let cli = RelyingParty::cli();
    let mut refresh = signed_in_to(&server, &cli).await.refresh;
    for _ in 0..100 {
        server.clock.advance_seconds(7 * DAY / 101);
        refresh = Tokens::of(&cli.refresh(&server, &refresh).await).refresh;
    }
    server.clock.advance_seconds(7 * DAY / 101 - 20);
    let reply = cli.refresh(&server, &refresh).await.expect(200);
    // The access token does not outlive the grant either.
    assert!(reply.json()["expires_in"].as_i64().unwrap() <= 120, "{reply}");
    server.clock.advance_seconds(120);
    assert_invalid_grant(&cli.refresh(&server, &Tokens::of(&reply).refresh).await);
}

#[tokio::test]
async fn te31_a_refreshed_id_token_has_the_old_auth_time_and_no_nonce() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    let sent = signed_in_to(&server, &shop).await;
    let first = tokens::verify(&server, &sent.id, Typ::IdToken).await;
    for _ in 0..2 {
        server.clock.advance_seconds(1800);
        let again = Tokens::of(&shop.refresh(&server, &sent.refresh).await);
        let claims = tokens::verify(&server, &again.id, Typ::IdToken).await;
        for same in ["iss", "sub", "aud", "auth_time", "sid", "acr", "amr"] {
            assert_eq!(claims[same], first[same], "{same}");
        }
        assert_eq!(claims.get("nonce"), None);
        assert_eq!(claims["iat"].as_i64(), Some(server.ctx().now.as_second()));
        let access = tokens::verify(&server, &again.access, Typ::AccessToken).await;
        assert_eq!(access["auth_time"], first["auth_time"]);
    }
}

#[tokio::test]
async fn se15_a_disabled_user_keeps_nothing() {
    let server = TestServer::start().await;
    for app in [RelyingParty::shop(), RelyingParty::cli()] {
        let sent = signed_in_to(&server, &app).await;
        seeds::set_status(&server, seeds::OLENA, UserStatus::Disabled).await;
        assert_invalid_grant(&app.refresh(&server, &sent.refresh).await);
        assert_eq!(server.get("/userinfo").bearer(&sent.access).send().await.status, 401);
        seeds::set_status(&server, seeds::OLENA, UserStatus::Active).await;
        assert_invalid_grant(&app.refresh(&server, &sent.refresh).await);
    }
}

#[tokio::test]
async fn lo5_the_session_takes_its_grants_with_it_but_not_the_offline_ones() {
    let server = TestServer::start().await;
    let (shop, cli) = (RelyingParty::shop(), RelyingParty::cli());
    let mut browser = Browser::new(&server);
    let online = browser.sign_in_for(&shop).await;
    let offline = browser.sign_in_for(&cli).await;
    let (online, offline) = (shop.redeem(&server, online.code()).await, cli.redeem(&server, offline.code()).await);
    let (online, offline) = (Tokens::of(&online), Tokens::of(&offline));
    let user = seeds::user(&server, seeds::OLENA).await;
    let now = server.ctx().now;
    let session = server.store.sessions_of(user.id, now).await.unwrap()[0].id;
    assert!(server.store.end_session(user.id, session, now).await.unwrap());
    assert_invalid_grant(&shop.refresh(&server, &online.refresh).await);
    let offline = Tokens::of(&cli.refresh(&server, &offline.refresh).await);
    // SE-15: everywhere means everywhere.
    server.store.end_everything(user.id, now).await.unwrap();
    assert_invalid_grant(&cli.refresh(&server, &offline.refresh).await);
}

#[tokio::test]
async fn a1_the_access_token_lives_fifteen_minutes() {
    let server = TestServer::start().await;
    let sent = signed_in_to(&server, &RelyingParty::shop()).await;
    server.clock.advance_seconds(899);
    assert_eq!(server.get("/userinfo").bearer(&sent.access).send().await.status, 200);
    server.clock.advance_seconds(1);
    let reply = server.get("/userinfo").bearer(&sent.access).send().await.expect_error(401, "invalid_token");
    assert!(reply.header("www-authenticate").unwrap().contains("error=\"invalid_token\""), "{reply}");
}

/// What the operator takes from a client is gone at its next refresh, in the body or by cookie.
#[tokio::test]
async fn te28_refresh04_a_scope_that_the_client_lost_is_not_minted_again() {
    use brama_protocol::client::Client;
    use brama_protocol::scope::Scope;
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    let tokens = signed_in_to(&server, &shop).await;
    let client = server.store.find_client(&seeds::SHOP.parse().unwrap()).await.unwrap().unwrap().client.clone();
    let with = |scope: &str| Client { scope: Scope::parse(scope).unwrap(), ..client.clone() };
    seeds::put_client(&server, with("openid profile")).await;
    server.keep_up().await;
    let less = shop.refresh(&server, &tokens.refresh).await.expect(200);
    assert_eq!(less.member("scope"), "openid profile");
    seeds::put_client(&server, with("orders:read")).await;
    server.keep_up().await;
    assert_invalid_grant(&shop.refresh(&server, &tokens.refresh).await);
}
