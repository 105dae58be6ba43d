//! No secret is where it does not belong: neither in the database file nor in any log line, in no spelling; and what is
//! stored opens nothing. G-4, SE-3, PW-13, PW-26, LG-3; design §6.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use brama_protocol::client::{Client, ClientType};
use brama_testkit::{Browser, RelyingParty, Storage, TestServer, html, logs, rows, seeds};
use serde_json::json;

use crate::support::{DEMO_RT, SESSION, TX, Tokens};

/// Passwords that occur nowhere else.
const RIGHT: &str = "canary-right-7f3a9c-password";
const WRONG: &str = "canary-wrong-1b8e2d-password";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What a secret looks like to somebody who searches for it: as it is, decoded, in hexadecimal and in base64.
pub(crate) fn spellings(secret: &str) -> Vec<Vec<u8>> {
    let mut found =
        vec![secret.as_bytes().to_vec(), hex(secret.as_bytes()).into_bytes(), STANDARD.encode(secret).into_bytes()];
    if let Ok(bytes) = URL_SAFE_NO_PAD.decode(secret)
        && bytes.len() >= 16
    {
        found.extend([
            hex(&bytes).into_bytes(),
            hex(&bytes).to_uppercase().into_bytes(),
            STANDARD.encode(&bytes).into_bytes(),
            bytes,
        ]);
    }
    found
}

/// The parts of a token that are secret: of a refresh token its MAC, of a JWT its signature.
pub(crate) fn secret_part(token: &str) -> String {
    if let Some(rest) = token.strip_prefix("brt_") {
        return URL_SAFE_NO_PAD.encode(&URL_SAFE_NO_PAD.decode(rest).unwrap()[24..]);
    }
    token.rsplit('.').next().unwrap().to_owned()
}

pub(crate) fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    // Logs of a whole run are long.
    memchr::memmem::find(haystack, needle).is_some()
}

/// Go through every flow once, good and bad, and keep every secret that was seen.
async fn live(server: &TestServer) -> Vec<(&'static str, String)> {
    let mut secrets = vec![("password", RIGHT.to_owned()), ("wrong password", WRONG.to_owned())];
    let shop =
        RelyingParty { verifier: "canary-verifier-5d1c-0123456789-abcdefghijkl".to_owned(), ..RelyingParty::shop() };
    secrets.push(("verifier", shop.verifier.clone()));
    secrets.push(("client secret", seeds::secret(seeds::SHOP)));
    let mut browser = Browser::new(server);
    browser.log_in("canary", WRONG).await;
    let reply = browser.log_in("canary", RIGHT).await.expect(200);
    secrets.push(("access token", secret_part(&reply.member("access_token"))));
    for name in [SESSION, DEMO_RT] {
        secrets.push((name, secret_part(browser.jar.get(name).unwrap())));
    }
    for _ in 0..2 {
        let reply = browser.post_json(seeds::APP_ORIGIN, "/api/auth/refresh", None).await.expect(200);
        secrets.push(("refreshed", secret_part(&reply.cookie_value(DEMO_RT).unwrap())));
        secrets.push(("access token", secret_part(&reply.member("access_token"))));
    }
    server.clock.advance_seconds(1);
    let landing = browser.authorize(&shop, &[("prompt", "login")]).await;
    let page = landing.page();
    let form = html::form(page.text(), "/sign-in").unwrap();
    secrets.push(("form token", form.fields["csrf"].clone()));
    secrets.push(("transaction cookie", browser.jar.get(TX).unwrap().to_owned()));
    browser.submit_step(&form, &[("username", "canary"), ("password", WRONG)]).await;
    let landing = browser.submit(&form, &[("username", "canary"), ("password", RIGHT)]).await;
    secrets.push(("session", browser.jar.get(SESSION).unwrap().to_owned()));
    let answer = browser.complete_as(landing, "canary", RIGHT).await;
    secrets.push(("code", answer.code().to_owned()));
    assert_eq!(shop.redeem_with(server, answer.code(), &[("code_verifier", &"w".repeat(43))]).await.status, 400);
    let tokens = Tokens::of(&shop.redeem(server, answer.code()).await);
    secrets.push(("access token", secret_part(&tokens.access)));
    secrets.push(("ID token", secret_part(&tokens.id)));
    secrets.push(("refresh token", secret_part(&tokens.refresh)));
    shop.refresh(server, &tokens.refresh).await;
    server.get("/userinfo").bearer(&tokens.access).send().await;
    server.get("/userinfo").bearer(&tokens.id).send().await;
    server.get(&format!("/userinfo?access_token={}", tokens.access)).send().await;
    // Secrets where they do not belong.
    server.get(&format!("/sign-in?password={RIGHT}&tx={RIGHT}")).send().await;
    server.get(&format!("/{RIGHT}/{}", tokens.refresh)).send().await;
    server.post("/oauth2/token").basic("shop", RIGHT).form(&[("code", RIGHT), ("grant_type", RIGHT)]).send().await;
    server
        .post("/api/auth/login")
        .body("application/json", format!("{{\"username\":\"{RIGHT}\",\"password\":\"{RIGHT}\""))
        .send()
        .await;
    server.post("/api/auth/login").json(&json!({"username": "canary", "password": {"x": RIGHT}})).send().await;
    browser.log_in(RIGHT, WRONG).await;
    // Replays, and the end.
    shop.redeem(server, answer.code()).await;
    shop.refresh(server, &tokens.refresh).await;
    browser.visit("/account").await;
    browser.step(Some("https://shop.example.net"), &format!("/oauth2/logout?id_token_hint={}", tokens.id)).await;
    browser.post_json(seeds::APP_ORIGIN, "/api/auth/logout", None).await;
    secrets
}

/// LEAK-02, LEAK-06.
#[tokio::test]
async fn g4_pw26_lg3_no_secret_is_stored_or_logged() {
    let logs = logs::capture();
    let server = TestServer::with(|options| {
        options.storage = Storage::Disk;
        options.seed = 0x5ec2_e715;
        options.unlimited_addresses();
    })
    .await;
    seeds::put_user(&server, "canary", Some(RIGHT)).await;
    let secrets = live(&server).await;
    let (stored, logged) = (rows::everything(&server), logs.text());
    // The search finds what is there.
    assert!(contains(&stored, b"canary@example.com") && logged.contains("/oauth2/token") && logged.contains("B3133"));
    for (what, secret) in &secrets {
        assert!(secret.len() >= 20, "{what}");
        for spelling in spellings(secret) {
            assert!(
                !contains(&stored, &spelling),
                "{what} is in the database as {:?}",
                String::from_utf8_lossy(&spelling)
            );
            assert!(
                !contains(logged.as_bytes(), &spelling),
                "{what} is in the log as {:?}",
                String::from_utf8_lossy(&spelling)
            );
        }
    }
    // PW-13: not even the hash lies there openly.
    assert!(!contains(&stored, b"$argon2id$"));
    // TK-27: no private key does. PKCS#8 begins with these bytes.
    for private in [b"BEGIN PRIVATE".as_slice(), &[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01]] {
        assert!(!contains(&stored, private));
    }
}

/// A column of a table, in hexadecimal.
fn column(server: &TestServer, table: &str, column: &str) -> Vec<Vec<u8>> {
    let dump = rows::dump(server);
    let cells = dump[table].iter().filter_map(|row| {
        let text = row.split(' ').find_map(|cell| cell.strip_prefix(&format!("{column}=")))?;
        (0..text.len() / 2).map(|index| u8::from_str_radix(&text[2 * index..2 * index + 2], 16).ok()).collect()
    });
    cells.collect()
}

/// LEAK-06.
#[tokio::test]
async fn g4_se3_a_dump_of_the_database_opens_nothing() {
    let server = TestServer::with(|options| options.storage = Storage::Disk).await;
    let shop = RelyingParty::shop();
    let mut browser = Browser::new(&server);
    let page = browser.authorize(&shop, &[]).await.page();
    let form = html::form(page.text(), "/sign-in").unwrap();
    let landing = browser.submit(&form, &[("username", seeds::OLENA), ("password", seeds::PASSWORD)]).await;
    let answer = browser.complete(landing).await;
    drop(answer.code().to_owned());
    crate::support::logged_in(&server).await;

    let sessions = column(&server, "session", "secret");
    assert_eq!(sessions.len(), 2);
    for stored in sessions {
        for value in [URL_SAFE_NO_PAD.encode(&stored), hex(&stored)] {
            assert_eq!(server.get("/account").cookie(&format!("{SESSION}={value}")).send().await.status, 303);
        }
    }
    let codes = column(&server, "authorization", "code");
    assert_eq!(codes.len(), 1);
    for value in [URL_SAFE_NO_PAD.encode(&codes[0]), hex(&codes[0])] {
        assert_eq!(shop.redeem(&server, &value).await.expect_error(400, "invalid_grant").status, 400);
    }
    for stored in column(&server, "client_secret", "hash") {
        let thief = RelyingParty { secret: Some(URL_SAFE_NO_PAD.encode(&stored)), ..shop.clone() };
        assert_eq!(thief.redeem(&server, answer.code()).await.expect_error(401, "invalid_client").status, 401);
    }
    // A refresh token is the id of its grant, its generation and a MAC: the first two are in the dump.
    for grant in column(&server, "app_grant", "id") {
        let made_up: Vec<u8> = grant.iter().copied().chain([0; 8]).chain([0; 32]).collect();
        for client in [seeds::DEMO, seeds::SHOP] {
            let cookie = format!("__Host-brama_rt_{client}=brt_{}", URL_SAFE_NO_PAD.encode(&made_up));
            assert_eq!(server.post("/api/auth/refresh").cookie(&cookie).send().await.status, 401);
        }
    }
    for stored in column(&server, "authorization", "browser") {
        let cookie = format!("{TX}={}", URL_SAFE_NO_PAD.encode(&stored));
        let page = server.get(&format!("/sign-in?tx={}", form.fields["tx"])).cookie(&cookie).send().await.expect(200);
        assert_ne!(html::form(page.text(), "/sign-in").unwrap().fields["tx"], form.fields["tx"]);
    }
    // The code itself is still good: nothing of this has spent it.
    assert_eq!(shop.redeem(&server, answer.code()).await.status, 200);
}

#[tokio::test]
async fn pw13_a_password_row_copied_to_another_user_opens_nothing() {
    let server = TestServer::with(|options| options.storage = Storage::Disk).await;
    seeds::put_user(&server, "mallory", Some("a password that mallory knows")).await;
    assert_eq!(Browser::new(&server).log_in("mallory", "a password that mallory knows").await.status, 200);
    rows::execute(
        &server,
        "UPDATE password SET sealed = (SELECT sealed FROM password JOIN user_name USING (user_id) WHERE key = 'mallory')
         WHERE user_id = (SELECT user_id FROM user_name WHERE key = 'olena')",
    );
    // A changed row is a fault of ours to the outside, and never a sign-in.
    let body = json!({"username": seeds::OLENA, "password": "a password that mallory knows"});
    let reply = server.post("/api/auth/login").json(&body).send_unchecked().await;
    assert_eq!(reply.status, 500, "{reply}");
    assert_eq!(reply.set_cookies(), [""; 0]);
    assert!(!reply.text().contains("sealed") && !reply.text().contains("mallory"), "WH-20: {reply}");
}

#[tokio::test]
async fn pw14_an_outdated_hash_is_renewed_at_the_next_sign_in() {
    use brama_flows::login::hashing::{Cost, HashPool, PoolSettings};
    let server = TestServer::with(|options| options.storage = Storage::Disk).await;
    let user = seeds::user(&server, seeds::OLENA).await;
    let cost = Cost { memory_kib: 16, iterations: 2, parallelism: 1 };
    let wait = std::time::Duration::from_secs(10);
    let pool = HashPool::start(PoolSettings { cost, threads: 1, queue: 1, wait }, [3; 48]).unwrap();
    let password = std::sync::Arc::new(brama_protocol::password::Password::parse(seeds::PASSWORD).unwrap());
    let phc = pool.hash(password, [1; 16]).await.unwrap();
    let row = format!("password/sealed/{}", user.id);
    let sealed = server.deployment.password_sealer.seal([2; 12], &row, phc.as_bytes()).unwrap();
    server
        .store
        .set_password(user.id, brama_store::user::SealedPasswordHash(sealed.clone()), server.ctx().now)
        .await
        .unwrap();
    let epoch = seeds::user(&server, seeds::OLENA).await.epoch;
    assert_eq!(Browser::new(&server).log_in(seeds::OLENA, "wrong password").await.status, 401);
    assert!(column(&server, "password", "sealed").contains(&sealed), "a wrong password renews nothing");
    let mut browser = Browser::new(&server);
    assert_eq!(browser.log_in(seeds::OLENA, seeds::PASSWORD).await.status, 200);
    assert!(!column(&server, "password", "sealed").contains(&sealed));
    assert_eq!(seeds::user(&server, seeds::OLENA).await.epoch, epoch, "no change of the password");
    assert_eq!(browser.post_json(seeds::APP_ORIGIN, "/api/auth/refresh", None).await.status, 200);
    assert_eq!(Browser::new(&server).log_in(seeds::OLENA, seeds::PASSWORD).await.status, 200);
}

/// LEAK-06: signing keys.
#[tokio::test]
async fn tk27_another_master_key_opens_no_signing_key() {
    use brama_flows::keys::{KeySettings, Keyring, MasterKey, Purpose, Sealer};
    use brama_jose::Algorithm;
    use jiff::SignedDuration;
    let server = TestServer::start().await;
    let other = MasterKey::new(*b"another-master-key-of-32-bytes!!").unwrap();
    let sealer = Sealer::new(&other.derive(Purpose::SigningKeys).unwrap()).unwrap();
    let hour = SignedDuration::from_hours(1);
    let settings = KeySettings { algorithms: vec![Algorithm::Es256], rotation: hour, longest_life: hour };
    assert!(Keyring::read(&*server.store, &sealer, &settings).await.is_err());
    // SE-23: a client without a type of secret has none to steal.
    let public = Client { ..seeds::client("public", ClientType::Native) };
    seeds::put_client(&server, public).await;
    let record = server.store.find_client(&"public".parse().unwrap()).await.unwrap().unwrap();
    assert!(record.secrets.is_empty());
}
