//! `POST /api/auth/login`. A1, A2, A4; BB-10, SE-5, PW-2 to PW-5.

use brama_jose::Typ;
use brama_testkit::{Browser, RelyingParty, Reply, TestServer, seeds, tokens};
use serde_json::json;

use crate::support::{DEMO_RT, SESSION, assert_no_cookies};

fn refused(reply: &Reply, status: u16, error: &str) {
    assert_eq!((reply.status.as_u16(), reply.member("error").as_str()), (status, error), "{reply}");
    assert_no_cookies(reply);
    assert!(!reply.text().contains("access_token") && !reply.text().contains("eyJ"), "{reply}");
}

#[tokio::test]
async fn a4_bb1_a_right_password_is_answered_with_a_token_and_two_cookies() {
    let server = TestServer::start().await;
    let mut browser = Browser::new(&server);
    let reply = browser.log_in(seeds::OLENA, seeds::PASSWORD).await.expect(200);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    let json = reply.json();
    let mut members: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
    members.sort_unstable();
    assert_eq!(members, ["access_token", "expires_in", "scope", "token_type"]);
    assert_eq!((&json["token_type"], &json["expires_in"]), (&"Bearer".into(), &900.into()));
    // A2, SE-1: byte for byte. The session cookie binds the refresh cookie (design §5) and lasts as long.
    let (session, refresh) = (reply.cookie_value(SESSION).unwrap(), reply.cookie_value(DEMO_RT).unwrap());
    let wanted = [
        format!("{SESSION}={session}; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=604800"),
        format!("{DEMO_RT}={refresh}; HttpOnly; SameSite=Strict; Secure; Path=/; Max-Age=604800"),
    ];
    assert_eq!(reply.set_cookies(), [wanted[0].as_str(), wanted[1].as_str()]);
    assert_eq!(session.len(), 43, "256 bits");
    assert!(!reply.text().contains(&refresh) && !reply.text().contains(&session));
}

#[tokio::test]
async fn a1_the_token_of_scheme_a_is_one_that_scheme_b_would_issue() {
    let server = TestServer::start().await;
    let a = Browser::new(&server).log_in(seeds::OLENA, seeds::PASSWORD).await.member("access_token");
    let demo = RelyingParty::demo().scope("openid profile email offline_access");
    let answer = Browser::new(&server).sign_in_for(&demo).await;
    let b = demo.redeem(&server, answer.code()).await.member("access_token");
    let (mut a, mut b) =
        (tokens::verify(&server, &a, Typ::AccessToken).await, tokens::verify(&server, &b, Typ::AccessToken).await);
    for own in ["jti", "sid"] {
        assert_ne!(a[own], b[own]);
        assert!(a[own].take().is_string() && b[own].take().is_string());
    }
    assert_eq!(a, b, "an API cannot tell which of the two issued it");
}

#[tokio::test]
async fn a4_bb13_a_wrong_password_gets_nothing() {
    let server = TestServer::start().await;
    let mut browser = Browser::new(&server);
    let reply = browser.log_in(seeds::OLENA, "not the password").await;
    refused(&reply, 401, "invalid_credentials");
    // BB-13: no native password dialog.
    assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
    assert_eq!(reply.header("access-control-allow-origin"), Some(seeds::APP_ORIGIN));
    assert_eq!(browser.jar.names(), [""; 0]);
}

#[tokio::test]
async fn bb10_bb2_only_first_party_clients_from_their_own_origins() {
    let server = TestServer::start().await;
    let login = |client: Option<&str>| {
        let mut body = json!({"username": seeds::OLENA, "password": seeds::PASSWORD});
        if let Some(client) = client {
            body["client_id"] = client.into();
        }
        body
    };
    let cases = [
        (seeds::PARTNER_ORIGIN, None, 403, "unauthorized_client"),
        (seeds::PARTNER_ORIGIN, Some(seeds::PARTNER), 403, "unauthorized_client"),
        (seeds::PARTNER_ORIGIN, Some(seeds::DEMO), 403, "origin_not_allowed"),
        ("https://unlisted.example.com", None, 403, "origin_not_allowed"),
        ("https://unlisted.example.com", Some(seeds::DEMO), 403, "origin_not_allowed"),
        (seeds::APP_ORIGIN, Some(seeds::ADMIN), 403, "origin_not_allowed"),
        (seeds::APP_ORIGIN, Some(seeds::SHOP), 403, "origin_not_allowed"),
        (seeds::APP_ORIGIN, Some("nobody"), 403, "origin_not_allowed"),
        (seeds::APP_ORIGIN, Some("not a client id"), 400, "invalid_request"),
        (seeds::SHARED_ORIGIN, None, 400, "invalid_request"),
    ];
    for (origin, client, status, error) in cases {
        let reply = Browser::new(&server).post_json(origin, "/api/auth/login", Some(login(client))).await;
        refused(&reply, status, error);
    }
    for client in [seeds::DEMO, seeds::ADMIN] {
        let mut browser = Browser::new(&server);
        let reply =
            browser.post_json(seeds::SHARED_ORIGIN, "/api/auth/login", Some(login(Some(client)))).await.expect(200);
        assert!(reply.cookie_value(&format!("__Host-brama_rt_{client}")).is_some(), "{reply}");
    }
    // Without a browser `client_id` only chooses too.
    for (client, status) in [(None, 200), (Some(seeds::DEMO), 200), (Some(seeds::ADMIN), 200), (Some(seeds::SHOP), 403)]
    {
        let reply = server.post("/api/auth/login").json(&login(client)).send().await;
        assert_eq!(reply.status, status, "{client:?}: {reply}");
    }
}

#[tokio::test]
async fn bb10_audience_and_scope_are_never_taken_from_the_body() {
    let server = TestServer::start().await;
    let body = json!({
        "username": seeds::OLENA, "password": seeds::PASSWORD,
        "scope": "admin", "resource": "https://evil.example", "audience": "https://evil.example", "redirect_uri": "x",
    });
    let reply = Browser::new(&server).post_json(seeds::APP_ORIGIN, "/api/auth/login", Some(body)).await.expect(200);
    assert_eq!(reply.member("scope"), "email offline_access openid profile");
    let claims = tokens::peek(&reply.member("access_token")).1;
    assert_eq!(claims["aud"], json!(["https://id.example.com/api", "https://id.example.com"]));
}

#[tokio::test]
async fn a4_json_of_another_shape_is_refused_without_repeating_it() {
    let server = TestServer::start().await;
    for body in [
        "",
        "{",
        "null",
        "[]",
        "\"canary\"",
        r#"["olena","canary"]"#,
        "{}",
        r#"{"username":"olena"}"#,
        r#"{"password":"canary"}"#,
        r#"{"username":1,"password":"canary"}"#,
        r#"{"username":null,"password":"canary"}"#,
        r#"{"username":["olena"],"password":"canary"}"#,
        r#"{"username":"olena","password":"canary","client_id":7}"#,
        r#"{"username":"olena","username":"taras","password":"canary"}"#,
        r#"{"username":"olena","password":"canary"} canary"#,
        "{\"username\":\"olena\",\"password\":\"canary\u{1}\"}",
    ] {
        let call = server.post("/api/auth/login").script(seeds::APP_ORIGIN, "same-site");
        let reply = call.body("application/json", body.to_owned()).send().await;
        refused(&reply, 400, "invalid_request");
        assert!(!reply.text().contains("canary"), "{reply}");
    }
    let broken =
        server.post("/api/auth/login").body("application/json", b"{\"username\":\"\xff\",\"password\":\"x\"}".to_vec());
    refused(&broken.send().await, 400, "invalid_request");
}

#[tokio::test]
async fn se5_every_sign_in_is_a_new_session_and_the_old_cookie_is_dead() {
    let server = TestServer::start().await;
    let mut browser = Browser::new(&server);
    // Fixation: a value that somebody planted is never adopted.
    let planted = "A".repeat(43);
    browser.jar.plant(SESSION, &planted);
    browser.jar.plant(DEMO_RT, "brt_AAAA");
    browser.log_in(seeds::OLENA, seeds::PASSWORD).await;
    let first = browser.jar.get(SESSION).unwrap().to_owned();
    assert_ne!(first, planted);
    let old_refresh = browser.jar.get(DEMO_RT).unwrap().to_owned();
    browser.log_in(seeds::OLENA, seeds::PASSWORD).await;
    let second = browser.jar.get(SESSION).unwrap().to_owned();
    assert_ne!(first, second);
    for (secret, status) in [(&planted, 303), (&first, 303), (&second, 200)] {
        let reply = server.get("/account").cookie(&format!("{SESSION}={secret}")).send().await;
        assert_eq!(reply.status, status);
    }
    // SE-7: another person in the same browser ends the session of before, with all that hangs on it.
    browser.log_in(seeds::TARAS, seeds::PASSWORD).await;
    assert_eq!(server.get("/account").cookie(&format!("{SESSION}={second}")).send().await.status, 303);
    let olena =
        server.post("/api/auth/refresh").cookie(&format!("{SESSION}={second}; {DEMO_RT}={old_refresh}")).send().await;
    assert_eq!(olena.expect_error(401, "login_required").status, 401);
}

#[tokio::test]
async fn names_are_case_folded_and_addresses_do_as_well() {
    let server = TestServer::start().await;
    for name in ["olena", "OLENA", " Olena ", "olena@example.com", "OLENA@EXAMPLE.COM"] {
        assert_eq!(Browser::new(&server).log_in(name, seeds::PASSWORD).await.status, 200, "{name}");
    }
    for name in ["olen", "olena\u{0}", "olena@example.org", "%6flena", "' OR 1=1 --"] {
        refused(&Browser::new(&server).log_in(name, seeds::PASSWORD).await, 401, "invalid_credentials");
    }
}

#[tokio::test]
async fn pw3_pw4_passwords_are_compared_in_nfc_and_otherwise_exactly() {
    let server = TestServer::with(|options| options.unlimited_addresses()).await;
    let long = "x".repeat(72);
    let cases: &[(&str, &str, &[&str], &[&str])] = &[
        (
            "nfc",
            "caf\u{e9} au lait noir",
            &["cafe\u{301} au lait noir"],
            &["cafe au lait noir", "Caf\u{e9} au lait noir"],
        ),
        ("nfkc", "\u{fb01}nde das passwort", &["\u{fb01}nde das passwort"], &["finde das passwort"]),
        (
            "spaces",
            "  leading and trailing  ",
            &["  leading and trailing  "],
            &["leading and trailing", " leading and trailing  "],
        ),
        (
            "emoji",
            "😀😁😂🤣😃😄😅😆😉😊😋😎😍😘🥰",
            &["😀😁😂🤣😃😄😅😆😉😊😋😎😍😘🥰"],
            &["😀😁😂🤣😃😄😅😆😉😊😋😎😍😘"],
        ),
        ("ukrainian", "калина у лузі червона", &["калина у лузі червона"], &["калина у лузi червона"]),
        ("long", &format!("{long}a"), &[&format!("{long}a")], &[&format!("{long}b"), &long]),
    ];
    for (name, set, right, wrong) in cases {
        seeds::put_user(&server, name, Some(set)).await;
        for typed in *wrong {
            refused(&Browser::new(&server).log_in(name, typed).await, 401, "invalid_credentials");
        }
        for typed in *right {
            assert_eq!(Browser::new(&server).log_in(name, typed).await.status, 200, "{name}: {typed}");
        }
    }
}

#[tokio::test]
async fn pw2_pw20_too_long_a_password_costs_no_hash() {
    // A pool that answers 503 to whatever reaches it.
    let server = TestServer::with(|options| options.no_hashing()).await;
    let login = async |password: &str| Browser::new(&server).log_in(seeds::OLENA, password).await;
    refused(&login(&"x".repeat(256)).await, 503, "temporarily_unavailable");
    refused(&login(&"x".repeat(257)).await, 401, "invalid_credentials");
    refused(&login(&"є".repeat(257)).await, 401, "invalid_credentials");
    refused(&login(&"😀".repeat(257)).await, 401, "invalid_credentials");
}

#[tokio::test]
async fn pw19_a_busy_pool_answers_at_once_and_says_when_to_come_back() {
    let server = TestServer::with(|options| options.no_hashing()).await;
    let reply = Browser::new(&server).log_in(seeds::OLENA, seeds::PASSWORD).await;
    refused(&reply, 503, "temporarily_unavailable");
    assert_eq!(reply.header("retry-after"), Some("2"));
    assert_eq!(server.get("/livez").send().await.status, 200);
    assert_eq!(server.get("/oauth2/jwks").send().await.status, 200);
}
