//! `/oauth2/device_authorization` and polling with a device code. RFC 8628; EP-20 to EP-24; TE-37; DEVICE-01 to DEVICE-04.

use std::collections::BTreeSet;
use std::sync::Arc;

use brama_jose::Typ;
use brama_protocol::client::{AuthMethod, Client, ClientType, GrantType, Registrar};
use brama_store::user::UserStatus;
use brama_testkit::{Browser, Reply, Storage, TestServer, challenge, rows, seeds, tokens};
use serde_json::json;

use crate::device_page::{Tv, connect, decide};
use crate::secrets::{contains, spellings};

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// DEVICE-04: 20^8 user codes, for ten minutes.
#[tokio::test]
async fn ep20_the_answer_has_what_a_device_needs() {
    let server = Tv::server().await;
    let reply = Tv::ask(&server, &[("scope", "openid profile")]).await.expect(200);
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let json = reply.json();
    let names: Vec<&String> = json.as_object().unwrap().keys().collect();
    assert_eq!(
        names,
        ["device_code", "expires_in", "interval", "user_code", "verification_uri", "verification_uri_complete"]
    );
    assert_eq!((json["expires_in"].as_u64(), json["interval"].as_u64()), (Some(600), Some(5)));
    assert_eq!(json["verification_uri"], "https://id.example.com/device");
    let code = reply.member("user_code");
    assert_eq!(json["verification_uri_complete"], format!("https://id.example.com/device?user_code={code}"));
    assert_eq!(reply.member("device_code").len(), 43);
    let (left, right) = code.split_once('-').unwrap();
    for half in [left, right] {
        assert!(half.len() == 4 && half.bytes().all(|b| b"BCDFGHJKLMNPQRSTVWXZ".contains(&b)), "{code}");
    }
    let second = Tv::ask(&server, &[]).await;
    assert_ne!(second.member("user_code"), code);
}

#[tokio::test]
async fn ep20_te2_the_client_authenticates_before_anything_is_looked_at() {
    let server = Tv::server().await;
    let confidential = Client {
        auth_method: AuthMethod::ClientSecret,
        grant_types: vec![GrantType::DeviceCode],
        ..seeds::client("box", ClientType::Device)
    };
    seeds::put_client(&server, confidential).await;
    let path = "/oauth2/device_authorization";
    let nobody = server.post(path).form(&[("client_id", "nobody"), ("scope", "%%")]).send().await;
    assert_eq!(nobody.expect_error(400, "invalid_client").status, 400);
    let lazy = server.post(path).form(&[("client_id", "box")]).send().await;
    assert_eq!(lazy.expect_error(400, "invalid_client").status, 400);
    let wrong = server.post(path).basic("box", &seeds::secret("tv")).form(&[]).send().await;
    assert_eq!(wrong.expect_error(401, "invalid_client").header("www-authenticate"), Some("Basic realm=\"brama\""));
    let right = server.post(path).basic("box", &seeds::secret("box")).form(&[]).send().await;
    assert_eq!(right.status, 200, "{right}");
    let in_query = server.post(&format!("{path}?client_id=tv")).form(&[]).send().await;
    assert_eq!(in_query.expect_error(400, "invalid_client").status, 400);
    let json = server.post(path).json(&json!({"client_id": "tv"})).send().await;
    assert_eq!(json.expect_error(400, "invalid_request").status, 400);
}

/// EP-24: off unless the operator said so, and never for an app that registered itself. Museum DEVICE-02.
#[tokio::test]
async fn ep24_device02_only_clients_that_were_given_the_grant() {
    let server = Tv::server().await;
    let own = Client { registrar: Registrar::Itself, ..seeds::client("self-made", ClientType::Device) };
    seeds::put_client(&server, own).await;
    for id in [seeds::DEMO, seeds::CLI, seeds::FOREIGN, "self-made"] {
        let reply = server.post("/oauth2/device_authorization").form(&[("client_id", id)]).send().await;
        assert_eq!(reply.expect_error(400, "unauthorized_client").status, 400, "{id}");
        let code = "A".repeat(43);
        let poll = Tv::poll_as(&server, id, &code).await;
        assert_eq!(poll.expect_error(400, "unauthorized_client").status, 400, "{id}");
    }
}

#[tokio::test]
async fn ep20_scope_resource_and_challenge_are_checked_at_once() {
    let server = Tv::server().await;
    for (fields, error) in [
        (vec![("scope", "admin")], "invalid_scope"),
        (vec![("scope", "\"")], "invalid_scope"),
        (vec![("scope", "openid"), ("scope", "openid")], "invalid_request"),
        (vec![("resource", "https://other.example")], "invalid_target"),
        (vec![("code_challenge", "short"), ("code_challenge_method", "S256")], "invalid_request"),
        (vec![("code_challenge", VERIFIER), ("code_challenge_method", "plain")], "invalid_request"),
        (vec![("code_challenge", VERIFIER)], "invalid_request"),
    ] {
        assert_eq!(Tv::ask(&server, &fields).await.expect_error(400, error).status, 400, "{fields:?}");
    }
}

#[tokio::test]
async fn te34_ep22_from_pending_to_tokens() {
    let server = Tv::server().await;
    let tv = Tv::begin(&server, &[("scope", "openid profile offline_access")]).await;
    assert_eq!(
        tv.poll(&server).await.expect_error(400, "authorization_pending").header("cache-control"),
        Some("no-store")
    );
    connect(&server, &tv, "allow").await;
    server.clock.advance_seconds(5);
    let reply = tv.poll(&server).await.expect(200);
    let json = reply.json();
    assert_eq!((&json["token_type"], &json["scope"]), (&json!("Bearer"), &json!("offline_access openid profile")));
    let access = tokens::verify(&server, &reply.member("access_token"), Typ::AccessToken).await;
    let user = seeds::user(&server, seeds::OLENA).await.id.to_string();
    assert_eq!((access["sub"].as_str(), access["client_id"].as_str()), (Some(user.as_str()), Some("tv")));
    let id = tokens::verify(&server, &reply.member("id_token"), Typ::IdToken).await;
    assert_eq!((id["sub"].as_str(), id["aud"].as_str(), id.get("nonce")), (Some(user.as_str()), Some("tv"), None));
    assert_eq!(server.get("/userinfo").bearer(&reply.member("access_token")).send().await.status, 200);
    // Used up; what it gave stays.
    assert_eq!(tv.poll(&server).await.expect_error(400, "invalid_grant").status, 400);
    let refreshed = Tv::refresh(&server, &reply.member("refresh_token")).await.expect(200);
    assert_ne!(refreshed.member("refresh_token"), reply.member("refresh_token"));
}

/// RFC 8628 §3.5: five seconds more from then on, for all polls that follow.
#[tokio::test]
async fn ep22_polling_too_fast_slows_down_for_good() {
    let server = Tv::server().await;
    let tv = Tv::begin(&server, &[]).await;
    let poll = async |after: i64, error: &str| {
        server.clock.advance_seconds(after);
        assert_eq!(tv.poll(&server).await.expect_error(400, error).status, 400, "after {after} s");
    };
    poll(0, "authorization_pending").await;
    poll(5, "authorization_pending").await;
    poll(2, "slow_down").await;
    poll(5, "slow_down").await;
    poll(13, "slow_down").await;
    poll(20, "authorization_pending").await;
    poll(20, "authorization_pending").await;
    poll(10, "slow_down").await;
    // Whoever is impatient gets its tokens all the same once there are some.
    connect(&server, &tv, "allow").await;
    assert_eq!(tv.poll(&server).await.status, 200);
}

#[tokio::test]
async fn ep22_denial_and_expiry_have_names() {
    let server = Tv::server().await;
    let (denied, expired) = (Tv::begin(&server, &[]).await, Tv::begin(&server, &[]).await);
    connect(&server, &denied, "deny").await;
    for _ in 0..2 {
        assert_eq!(denied.poll(&server).await.expect_error(400, "access_denied").status, 400);
        server.clock.advance_seconds(20);
    }
    server.clock.advance_seconds(600);
    assert_eq!(expired.poll(&server).await.expect_error(400, "expired_token").status, 400);
    assert_eq!(denied.poll(&server).await.expect_error(400, "access_denied").status, 400);
    // Allowed in time, asked for too late.
    let late = Tv::begin(&server, &[]).await;
    connect(&server, &late, "allow").await;
    server.clock.advance_seconds(600);
    assert_eq!(late.poll(&server).await.expect_error(400, "expired_token").status, 400);
}

/// Museum DEVICE-03: the code belongs to its client.
#[tokio::test]
async fn ep22_device03_another_client_gets_nothing_and_spoils_nothing() {
    let server = Tv::server().await;
    seeds::put_client(&server, seeds::client("radio", ClientType::Device)).await;
    let tv = Tv::begin(&server, &[]).await;
    connect(&server, &tv, "allow").await;
    assert_eq!(Tv::poll_as(&server, "radio", &tv.device_code).await.expect_error(400, "invalid_grant").status, 400);
    for forged in ["x", &"A".repeat(43), &tv.user_code, &format!("{}A", tv.device_code)] {
        assert_eq!(Tv::poll_as(&server, "tv", forged).await.expect_error(400, "invalid_grant").status, 400, "{forged}");
    }
    assert_eq!(tv.poll(&server).await.status, 200);
}

/// Museum DEVICE-03: a challenge that was sent needs its verifier.
#[tokio::test]
async fn device03_a_challenge_binds_the_code() {
    let server = Tv::server().await;
    let challenge = challenge(VERIFIER);
    let fields = [("code_challenge", challenge.as_str()), ("code_challenge_method", "S256")];
    let tv = Tv::begin(&server, &fields).await;
    connect(&server, &tv, "allow").await;
    let poll = async |verifier: Option<&str>| tv.poll_with(&server, verifier).await;
    assert_eq!(poll(None).await.expect_error(400, "invalid_request").status, 400);
    assert_eq!(poll(Some(&"a".repeat(43))).await.expect_error(400, "invalid_grant").status, 400);
    assert_eq!(poll(Some("short")).await.expect_error(400, "invalid_request").status, 400);
    assert_eq!(poll(Some(VERIFIER)).await.status, 200);
    let plain = Tv::begin(&server, &[]).await;
    connect(&server, &plain, "allow").await;
    assert_eq!(plain.poll_with(&server, Some(VERIFIER)).await.expect_error(400, "invalid_request").status, 400);
}

/// Museum DEVICE-02: access is decided again when the tokens are given out.
#[tokio::test]
async fn te23_device02_an_account_or_client_that_is_gone_gets_nothing() {
    let server = Tv::server().await;
    let (first, second) = (Tv::begin(&server, &[]).await, Tv::begin(&server, &[]).await);
    connect(&server, &first, "allow").await;
    seeds::set_status(&server, seeds::OLENA, UserStatus::Disabled).await;
    assert_eq!(first.poll(&server).await.expect_error(400, "invalid_grant").status, 400);
    seeds::set_status(&server, seeds::OLENA, UserStatus::Active).await;
    connect(&server, &second, "allow").await;
    seeds::put_client(&server, Client { enabled: false, ..Tv::client() }).await;
    assert_eq!(second.poll(&server).await.expect_error(400, "invalid_client").status, 400);
}

/// The device stays connected after a sign-out in the browser, and ends with a sign-out everywhere.
#[tokio::test]
async fn ep22_signing_out_in_the_browser_says_nothing_about_the_device() {
    let server = Tv::server().await;
    let tv = Tv::begin(&server, &[("scope", "openid")]).await;
    let mut browser = Browser::new(&server);
    decide(&mut browser, &tv, "allow").await;
    let page = browser.visit("/account").await.page();
    let form = brama_testkit::html::form(page.text(), "/account/sign-out").unwrap();
    assert_eq!(browser.submit(&form, &[]).await.page().status, 200);
    let refresh = tv.poll(&server).await.expect(200).member("refresh_token");
    let refreshed = Tv::refresh(&server, &refresh).await.expect(200);
    let user = seeds::user(&server, seeds::OLENA).await;
    server.store.end_everything(user.id, server.ctx().now).await.unwrap();
    let gone = Tv::refresh(&server, &refreshed.member("refresh_token")).await;
    assert_eq!(gone.expect_error(400, "invalid_grant").status, 400);
}

/// A `sid` is one user agent's: the television is not the browser in which somebody allowed it.
#[tokio::test]
async fn lo2_a_device_has_a_session_of_its_own() {
    let server = Tv::server().await;
    let (mut browser, mut sids) = (Browser::new(&server), Vec::new());
    for _ in 0..2 {
        let tv = Tv::begin(&server, &[("scope", "openid")]).await;
        decide(&mut browser, &tv, "allow").await;
        let first = tv.poll(&server).await.expect(200);
        let again = Tv::refresh(&server, &first.member("refresh_token")).await.expect(200);
        let sid = |reply: &Reply, token: &str| tokens::peek(&reply.member(token)).1["sid"].as_str().unwrap().to_owned();
        let all: BTreeSet<String> = [&first, &again]
            .into_iter()
            .flat_map(|reply| [sid(reply, "id_token"), sid(reply, "access_token")])
            .collect();
        assert_eq!(all.len(), 1, "one session as long as it lasts");
        sids.extend(all);
    }
    let user = seeds::user(&server, seeds::OLENA).await;
    let browsers = server.store.sessions_of(user.id, server.ctx().now).await.unwrap();
    assert_eq!(browsers.len(), 1);
    sids.push(browsers[0].id.to_string());
    assert_eq!(sids.iter().collect::<BTreeSet<_>>().len(), 3, "{sids:?}");
}

/// Museum DEVICE-03.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn device03_64_parallel_polls_give_one_token() {
    let server = TestServer::with(|options| {
        options.storage = Storage::Disk;
        options.unlimited_addresses();
    });
    let server = Arc::new(server.await);
    seeds::put_client(&server, Tv::client()).await;
    let tv = Arc::new(Tv::begin(&server, &[]).await);
    connect(&server, &tv, "allow").await;
    let polls: Vec<_> = (0..64)
        .map(|_| {
            let (server, tv) = (Arc::clone(&server), Arc::clone(&tv));
            tokio::spawn(async move { tv.poll(&server).await })
        })
        .collect();
    let mut replies: Vec<Reply> = Vec::new();
    for poll in polls {
        replies.push(poll.await.unwrap());
    }
    let (won, lost): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.status == 200);
    assert_eq!(won.len(), 1);
    assert!(lost.iter().all(|reply| reply.status == 400 && reply.member("error") == "invalid_grant"));
    assert_eq!(Tv::refresh(&server, &won[0].member("refresh_token")).await.status, 200, "and it counts");
}

/// TE-37: a refresh token only for a client that may use it.
#[tokio::test]
async fn te37_no_refresh_token_for_a_client_without_that_grant() {
    let server = Tv::server().await;
    let client = Client { grant_types: vec![GrantType::DeviceCode], ..Tv::client() };
    seeds::put_client(&server, client).await;
    let tv = Tv::begin(&server, &[("scope", "openid offline_access")]).await;
    connect(&server, &tv, "allow").await;
    let reply = tv.poll(&server).await.expect(200);
    assert_eq!(reply.json().get("refresh_token"), None, "{reply}");
    let refused = Tv::refresh(&server, "brt_x").await;
    assert_eq!(refused.expect_error(400, "unauthorized_client").status, 400);
}

/// RFC 8707 at the device endpoint and when the code is redeemed. AUDISS-05.
#[tokio::test]
async fn te29_a_device_names_its_resources() {
    let server = Tv::server().await;
    let (one, two) = ("https://api.example.net", "https://other.example.net");
    seeds::put_client(&server, Client { resources: vec![one.into(), two.into()], ..Tv::client() }).await;
    let tv = Tv::begin(&server, &[("resource", two)]).await;
    connect(&server, &tv, "allow").await;
    let poll = |resource: &'static str| {
        server.post("/oauth2/token").form(&[
            ("grant_type", Tv::GRANT),
            ("device_code", &tv.device_code),
            ("client_id", "tv"),
            ("resource", resource),
        ])
    };
    assert_eq!(poll(one).send().await.expect_error(400, "invalid_target").status, 400);
    let token = poll(two).send().await.expect(200).member("access_token");
    assert_eq!(tokens::verify(&server, &token, Typ::AccessToken).await["aud"], two);
}

/// G-4: neither code is in the database, nor a plain hash of the short one.
#[tokio::test]
async fn g4_leak06_a_copy_of_the_database_redeems_nothing() {
    let server = TestServer::with(|options| options.storage = Storage::Disk).await;
    seeds::put_client(&server, Tv::client()).await;
    let tv = Tv::begin(&server, &[]).await;
    let everything = rows::everything(&server);
    let letters = tv.user_code.replace('-', "");
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, letters.as_bytes());
    // The search finds what is there.
    assert!(contains(&everything, b"tv"));
    let mut searched = vec![hash.as_ref().to_vec()];
    for secret in [&tv.device_code, &tv.user_code, &letters] {
        searched.extend(spellings(secret));
    }
    for spelling in searched {
        assert!(!contains(&everything, &spelling), "{:?}", String::from_utf8_lossy(&spelling));
    }
}

/// TH-13: every request is a row, so there are so many a minute.
#[tokio::test]
async fn th13_an_address_asks_for_so_many_codes_a_minute() {
    let server = TestServer::with(|options| options.settings.throttle.authorize_per_minute = 3).await;
    seeds::put_client(&server, Tv::client()).await;
    for _ in 0..3 {
        assert_eq!(Tv::ask(&server, &[]).await.status, 200);
    }
    let refused = Tv::ask(&server, &[]).await;
    assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (429, Some("60")), "{refused}");
    server.clock.advance_seconds(60);
    assert_eq!(Tv::ask(&server, &[]).await.status, 200);
}

#[tokio::test]
async fn ep52_metadata_tell_of_the_grant() {
    let server = TestServer::start().await;
    let json = server.get("/.well-known/oauth-authorization-server").send().await.json();
    assert_eq!(json["device_authorization_endpoint"], "https://id.example.com/oauth2/device_authorization");
    let grants: Vec<&str> =
        json["grant_types_supported"].as_array().unwrap().iter().map(|g| g.as_str().unwrap()).collect();
    assert_eq!(grants, ["authorization_code", "refresh_token", "client_credentials", Tv::GRANT]);
}
