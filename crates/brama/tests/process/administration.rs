//! Commands of administration work while the server runs, which notices within a second (design §9); and what they refuse.

use std::time::{Duration, Instant};

use form_urlencoded::Serializer;
use http::Method;

use crate::support::{Answer, Browser, PASSWORD, Scratch, Server};

/// RFC 7636, Appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const CALLBACK: &str = "https://tool.example.com/callback";

/// Ask until the answer is as wanted; it must be so within a second.
macro_rules! within_a_second {
    ($ask:expr, $wanted:expr) => {{
        let began = Instant::now();
        loop {
            let answer: Answer = $ask;
            if $wanted(&answer) {
                break answer;
            }
            assert!(began.elapsed() < Duration::from_secs(1), "not noticed within a second: {answer:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }};
}

fn admin(scratch: &Scratch, arguments: &[&str]) {
    scratch.run(&[arguments, &["-c", "brama.toml"]].concat()).succeeded();
}

fn site() -> (Scratch, Server) {
    let scratch = Scratch::new().site("");
    scratch.add_user("olena");
    scratch.add_shop();
    let server = scratch.serve();
    (scratch, server)
}

#[tokio::test]
async fn a_new_account_can_sign_in() {
    let (scratch, _server) = site();
    let mut browser = Browser::new(&scratch);
    browser.login("taras", PASSWORD).await.unwrap().expect(401);
    scratch.add_user("taras");
    within_a_second!(browser.login("taras", PASSWORD).await.unwrap(), |answer: &Answer| answer.status == 200);
}

#[tokio::test]
async fn a_locked_account_is_out_and_an_unlocked_one_may_come_back() {
    let (scratch, server) = site();
    let mut browser = Browser::new(&scratch);
    let token = browser.login("olena", PASSWORD).await.unwrap().expect(200).text("access_token");
    browser.rotate().await.unwrap().expect(200);
    admin(&scratch, &["user", "lock", "olena"]);
    within_a_second!(browser.look().await.unwrap(), |answer: &Answer| answer.status == 401);
    let refused = browser.rotate().await.unwrap().expect(401);
    assert_eq!(refused.text("error"), "login_required");
    let bearer = format!("Bearer {token}");
    server.wire().send(Method::GET, "/api/auth/me", &[("authorization", &bearer)], "").await.unwrap().expect(401);
    let wrong = Browser::new(&scratch).login("olena", PASSWORD).await.unwrap().expect(401);
    assert_eq!(wrong.text("error"), "invalid_credentials", "PW-21: nobody learns that the account exists");

    admin(&scratch, &["user", "unlock", "olena"]);
    // What it had stays over; signing in again works.
    browser.rotate().await.unwrap().expect(401);
    within_a_second!(browser.login("olena", PASSWORD).await.unwrap(), |answer: &Answer| answer.status == 200);
}

#[tokio::test]
async fn a_new_password_ends_what_the_old_one_opened() {
    let (scratch, _server) = site();
    let mut browser = Browser::new(&scratch);
    browser.login("olena", PASSWORD).await.unwrap().expect(200);
    let new = "verba-klen-ozero-zubr-9034";
    scratch.pipe(new, &["user", "password", "olena", "--password-stdin", "-c", "brama.toml"]).succeeded().keeps(new);
    within_a_second!(browser.rotate().await.unwrap(), |answer: &Answer| answer.status == 401);
    browser.login("olena", PASSWORD).await.unwrap().expect(401);
    browser.login("olena", new).await.unwrap().expect(200);
}

fn authorize(client: &str) -> String {
    let query = Serializer::new(String::new())
        .append_pair("response_type", "code")
        .append_pair("client_id", client)
        .append_pair("redirect_uri", CALLBACK)
        .append_pair("code_challenge", CHALLENGE)
        .append_pair("code_challenge_method", "S256")
        .append_pair("scope", "openid")
        .append_pair("state", "s")
        .finish();
    format!("/oauth2/authorize?{query}")
}

/// The code of a redirect back to the app.
fn code(answer: &Answer) -> String {
    let location = answer.header("location").unwrap();
    let query = location.strip_prefix(&format!("{CALLBACK}?")).unwrap_or_else(|| panic!("{location}"));
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs.find(|(name, _)| name == "code").unwrap_or_else(|| panic!("{location}")).1.into_owned()
}

async fn token(server: &Server, pairs: &[(&str, &str)]) -> Answer {
    let body = Serializer::new(String::new()).extend_pairs(pairs).finish();
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    server.wire().send(Method::POST, "/oauth2/token", &headers, &body).await.unwrap()
}

#[tokio::test]
async fn a_new_app_gets_codes_and_a_removed_one_has_nothing_left() {
    let (scratch, server) = site();
    let mut browser = Browser::new(&scratch);
    browser.login("olena", PASSWORD).await.unwrap().expect(200);
    // The server has looked for it in vain before: it must not remember that.
    browser.navigate(&authorize("tool")).await.expect(400);
    admin(&scratch, &["client", "add", "tool", "--type", "native", "--first-party", "--redirect-uri", CALLBACK]);
    let is_redirect = |answer: &Answer| answer.status == 303;
    let answer = within_a_second!(browser.navigate(&authorize("tool")).await, is_redirect);
    let redeem = [
        ("grant_type", "authorization_code"),
        ("client_id", "tool"),
        ("redirect_uri", CALLBACK),
        ("code", &code(&answer)),
        ("code_verifier", VERIFIER),
    ];
    let tokens = token(&server, &redeem).await.expect(200);
    let (access, refresh) = (tokens.text("access_token"), tokens.text("refresh_token"));

    admin(&scratch, &["client", "rm", "tool"]);
    within_a_second!(browser.navigate(&authorize("tool")).await, |answer: &Answer| answer.status == 400);
    let refreshing = [("grant_type", "refresh_token"), ("client_id", "tool"), ("refresh_token", refresh.as_str())];
    assert_eq!(token(&server, &refreshing).await.text("error"), "invalid_client");
    let bearer = format!("Bearer {access}");
    server.wire().send(Method::GET, "/userinfo", &[("authorization", &bearer)], "").await.unwrap().expect(401);
    // The person is still signed in where she was.
    browser.rotate().await.unwrap().expect(200);
}

#[tokio::test]
async fn the_origins_of_a_new_first_party_app_may_call() {
    let (scratch, _server) = site();
    let origin = format!("http://localhost:{}", scratch.port.wrapping_add(1));
    let mut browser = Browser::at(&scratch, &origin);
    let refused = browser.login("olena", PASSWORD).await.unwrap().expect(403);
    assert_eq!(refused.text("error"), "origin_not_allowed");
    let callback = format!("{origin}/callback");
    admin(&scratch, &["client", "add", "blog", "--type", "browser", "--first-party", "--redirect-uri", &callback]);
    let answer =
        within_a_second!(browser.login("olena", PASSWORD).await.unwrap(), |answer: &Answer| answer.status == 200);
    assert_eq!(answer.header("access-control-allow-origin"), Some(origin.as_str()));
    admin(&scratch, &["client", "rm", "blog"]);
    within_a_second!(browser.rotate().await.unwrap(), |answer: &Answer| answer.status == 403);
}

#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    let (scratch, _server) = site();
    let file = ["-c", "brama.toml"];
    let users = scratch.run(&[&["user", "list"], &file[..]].concat()).succeeded().stdout;
    let clients = scratch.run(&[&["client", "list"], &file[..]].concat()).succeeded().stdout;
    let add = |name: &str, password: &str| {
        scratch.pipe(password, &[&["user", "add", name, "--password-stdin"], &file[..]].concat())
    };
    add("olena", PASSWORD).refused(1, "B4206", &["brama user list"]).keeps(PASSWORD);
    add("OLENA", PASSWORD).refused(1, "B4206", &["brama user list"]).keeps(PASSWORD);
    add("taras", "kalyna-short").refused(2, "B4203", &["15"]).keeps("kalyna-short");
    add("", PASSWORD).refused(2, "B4205", &["user name"]).keeps(PASSWORD);
    // Nobody is there to type one.
    scratch.run(&[&["user", "add", "taras"], &file[..]].concat()).refused(2, "B4201", &["--password-stdin"]);
    scratch.run(&[&["user", "lock", "nobody"], &file[..]].concat()).refused(1, "B4204", &["nobody", "brama user list"]);
    let client = |arguments: &[&str]| scratch.run(&[&["client"], arguments, &file[..]].concat());
    let shop = ["add", "shop", "--type", "native", "--redirect-uri", "app.shop:/callback"];
    client(&shop).refused(1, "B5104", &["shop", "not changed"]);
    client(&["add", "tool", "--type", "web"]).refused(2, "B5102", &["redirect_uris", "--redirect-uri"]);
    for uri in ["https://app.example.com/#x", "http://app.example.com/", "/callback", "javascript:alert(1)"] {
        client(&["add", "tool", "--type", "web", "--redirect-uri", uri]).refused(2, "B5102", &["redirect_uris", uri]);
    }
    client(&["rm", "tool"]).refused(1, "B5101", &["tool", "brama client list"]);
    client(&["show", "tool"]).refused(1, "B5101", &["tool"]);
    assert_eq!(scratch.run(&[&["user", "list"], &file[..]].concat()).stdout, users);
    assert_eq!(scratch.run(&[&["client", "list"], &file[..]].concat()).stdout, clients);
}
