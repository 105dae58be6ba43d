//! `brama restore`: accounts and apps come back, and nothing that was begun. What was revoked or spent after the backup
//! stays so, and what was live then is over too.

use std::fs;

use form_urlencoded::Serializer;
use http::Method;
use rusqlite::Connection;

use crate::migrate::write_first_schema;
use crate::support::{Answer, Browser, PASSWORD, Scratch, Server, Wire};

/// RFC 7636, Appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const CALLBACK: &str = "https://tool.example.com/callback";

const BACKUP: [&str; 4] = ["backup", "b.db", "-c", "brama.toml"];
const RESTORE: [&str; 4] = ["restore", "b.db", "-c", "brama.toml"];
const REPLACE: [&str; 5] = ["restore", "b.db", "--replace", "-c", "brama.toml"];

fn database(scratch: &Scratch) -> Connection {
    Connection::open(scratch.path("data/brama.db")).unwrap()
}

fn number(scratch: &Scratch, sql: &str) -> i64 {
    database(scratch).query_row(sql, (), |row| row.get(0)).unwrap()
}

/// Files of the data folder and their contents, but for what SQLite keeps beside a database.
fn files(scratch: &Scratch) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(scratch.path("data"))
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.ends_with("-wal") && !name.ends_with("-shm") && name != "brama.db")
        .map(|name| (name.clone(), fs::read(scratch.path("data").join(&name)).unwrap()))
        .collect();
    files.sort();
    files
}

/// A production server with a user, a first-party app of its own origin, and a native one.
fn site() -> (Scratch, Server) {
    let scratch = Scratch::new().site("");
    scratch.add_user("olena");
    scratch.add_shop();
    let tool = ["client", "add", "tool", "--type", "native", "--first-party", "--redirect-uri", CALLBACK];
    scratch.run(&[&tool[..], &["-c", "brama.toml"]].concat()).succeeded();
    let server = scratch.serve();
    (scratch, server)
}

/// The address of an authorization request of the native app.
fn authorize(prompt: &str) -> String {
    let query = Serializer::new(String::new())
        .append_pair("response_type", "code")
        .append_pair("client_id", "tool")
        .append_pair("redirect_uri", CALLBACK)
        .append_pair("code_challenge", CHALLENGE)
        .append_pair("code_challenge_method", "S256")
        .append_pair("scope", "openid")
        .append_pair("prompt", prompt)
        .finish();
    format!("/oauth2/authorize?{query}")
}

/// A parameter of the redirect back to the app.
fn returned(answer: &Answer, name: &str) -> Option<String> {
    let query = answer.header("location")?.strip_prefix(&format!("{CALLBACK}?"))?;
    let found = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name);
    found.map(|(_, value)| value.into_owned())
}

async fn code(browser: &mut Browser) -> String {
    let answer = browser.navigate(&authorize("none")).await;
    returned(&answer, "code").unwrap_or_else(|| panic!("{answer:?}"))
}

async fn token(wire: &mut Wire, pairs: &[(&str, &str)]) -> Answer {
    let body = Serializer::new(String::new()).extend_pairs(pairs).finish();
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    wire.send(Method::POST, "/oauth2/token", &headers, &body).await.unwrap()
}

async fn redeem(wire: &mut Wire, code: &str) -> Answer {
    let pairs = [
        ("grant_type", "authorization_code"),
        ("client_id", "tool"),
        ("redirect_uri", CALLBACK),
        ("code", code),
        ("code_verifier", VERIFIER),
    ];
    token(wire, &pairs).await
}

async fn refresh(wire: &mut Wire, refresh_token: &str) -> Answer {
    token(wire, &[("grant_type", "refresh_token"), ("client_id", "tool"), ("refresh_token", refresh_token)]).await
}

fn text(page: &Answer) -> String {
    String::from_utf8_lossy(&page.body).into_owned()
}

async fn userinfo(wire: &mut Wire, access: &str) -> Answer {
    wire.send(Method::GET, "/userinfo", &[("authorization", &format!("Bearer {access}"))], "").await.unwrap()
}

async fn signed_in(scratch: &Scratch) -> (Browser, String) {
    let mut browser = Browser::new(scratch);
    let access = browser.login("olena", PASSWORD).await.unwrap().expect(200).text("access_token");
    (browser, access)
}

#[tokio::test]
async fn nothing_begun_before_comes_back_whether_it_was_live_or_not() {
    let (scratch, server) = site();
    let mut wire = server.wire();
    // At the backup all of these are live.
    let (mut live, live_access) = signed_in(&scratch).await;
    let (mut leaver, leaver_access) = signed_in(&scratch).await;
    let (mut mover, _) = signed_in(&scratch).await;
    let kept = redeem(&mut wire, &code(&mut live).await).await.expect(200);
    let (spent_later, never_spent) = (code(&mut live).await, code(&mut live).await);
    let mut undecided = Browser::new(&scratch);
    let sign_in = undecided.navigate(&authorize("login")).await.expect(303);
    let sign_in = sign_in.header("location").unwrap().to_owned();
    assert!(!text(&undecided.navigate(&sign_in).await.expect(200)).contains("This page expired"));
    userinfo(&mut wire, &kept.text("access_token")).await.expect(200);
    let before = mover.jar.clone();
    scratch.run(&BACKUP).succeeded();

    // After it, some end.
    let left = leaver.jar.clone();
    leaver.logout().await.unwrap().expect(204);
    let after = redeem(&mut wire, &spent_later).await.expect(200);
    let rotated = refresh(&mut wire, &kept.text("refresh_token")).await.expect(200);
    mover.rotate().await.unwrap().expect(200);
    mover.rotate().await.unwrap().expect(200);
    let (young, young_access) = signed_in(&scratch).await;

    drop(server);
    let said = scratch.run(&REPLACE).succeeded().says(&["restored  b.db", "before-restore", "sign in again"]);
    let server = scratch.serve();
    let mut wire = server.wire();

    for (jar, what) in [
        (live.jar.clone(), "live at the backup and after"),
        (left, "signed out after the backup"),
        (before, "replaced after the backup"),
        (mover.jar.clone(), "rotated after the backup"),
        (young.jar.clone(), "begun after the backup"),
    ] {
        let mut browser = Browser::new(&scratch);
        browser.jar = jar.clone();
        assert_eq!(browser.rotate().await.unwrap().status, 401, "{what}");
        browser.jar = jar.clone();
        assert_eq!(browser.look().await.unwrap().status, 401, "{what}");
        browser.jar = jar;
        let answer = browser.navigate(&authorize("none")).await;
        assert_eq!(returned(&answer, "error").as_deref(), Some("login_required"), "{what}: {answer:?}");
    }
    for (code, what) in [(&spent_later, "spent after the backup"), (&never_spent, "never spent")] {
        let answer = redeem(&mut wire, code).await;
        assert_eq!((answer.status, answer.text("error").as_str()), (400, "invalid_grant"), "{what}");
    }
    for (tokens, what) in [
        (&kept, "used after the backup"),
        (&rotated, "given by a refresh after the backup"),
        (&after, "given by a code after the backup"),
    ] {
        let answer = refresh(&mut wire, &tokens.text("refresh_token")).await;
        assert_eq!((answer.status, answer.text("error").as_str()), (400, "invalid_grant"), "{what}");
        assert_eq!(userinfo(&mut wire, &tokens.text("access_token")).await.status, 401, "{what}");
    }
    for access in [live_access, leaver_access, young_access] {
        assert_eq!(userinfo(&mut wire, &access).await.status, 401);
    }
    let mut again = Browser::new(&scratch);
    again.jar = undecided.jar;
    let page = again.navigate(&sign_in).await;
    assert!(text(&page).contains("This page expired"), "a request that waited goes on: {page:?}");

    // And everybody may begin anew.
    let (mut anew, access) = signed_in(&scratch).await;
    anew.rotate().await.unwrap().expect(200);
    userinfo(&mut wire, &access).await.expect(200);
    redeem(&mut wire, &code(&mut anew).await).await.expect(200);
    assert_eq!(number(&scratch, "SELECT count(*) FROM audit WHERE event = 'restored'"), 1);
    assert_eq!(number(&scratch, "SELECT epoch FROM user"), 1);

    // What was there is kept, and is a database.
    let kept = said.stderr.lines().find_map(|line| line.strip_prefix("The database that was there is now ")).unwrap();
    let old = Connection::open(scratch.path(kept.trim_end_matches('.'))).unwrap();
    assert_eq!(old.query_row("SELECT count(*) FROM session", (), |row| row.get::<_, i64>(0)).unwrap(), 4);
    drop(server);

    // The same backup again: what was begun in between is over as well.
    scratch.run(&REPLACE).succeeded();
    let server = scratch.serve();
    let mut again = Browser::new(&scratch);
    again.jar = anew.jar;
    assert_eq!(again.rotate().await.unwrap().status, 401);
    assert_eq!(userinfo(&mut server.wire(), &access).await.status, 401);
    signed_in(&scratch).await;
}

#[test]
fn a_restore_into_an_empty_place_needs_nothing_but_backup_and_key() {
    let (scratch, server) = site();
    scratch.run(&BACKUP).succeeded();
    drop(server);
    fs::rename(scratch.path("data"), scratch.path("lost")).unwrap();
    fs::create_dir(scratch.path("data")).unwrap();
    scratch.run(&RESTORE).refused(3, "B1301", &["data/master.key"]);
    assert!(files(&scratch).is_empty(), "something was made");
    fs::copy(scratch.path("lost/master.key"), scratch.path("data/master.key")).unwrap();
    scratch.run(&RESTORE).succeeded().says(&["restored"]);
    assert_eq!(number(&scratch, "SELECT count(*) FROM user"), 1);
    drop(scratch.serve());
    // A new database that nobody used is as good as none.
    for name in ["data/brama.db", "data/brama.db-wal", "data/brama.db-shm"] {
        let _ = fs::remove_file(scratch.path(name));
    }
    scratch.run(&["migrate", "-c", "brama.toml"]).succeeded();
    scratch.run(&RESTORE).succeeded();
    assert_eq!(number(&scratch, "SELECT count(*) FROM user"), 1);
    assert_eq!(files(&scratch).len(), 1, "only the key is beside it: {:?}", files(&scratch));
}

#[test]
fn an_older_backup_is_migrated_and_a_newer_one_refused() {
    let scratch = Scratch::new().site("");
    write_first_schema(&scratch, "b.db");
    let before = fs::read(scratch.path("b.db")).unwrap();
    scratch.run(&RESTORE).succeeded();
    assert_eq!(number(&scratch, "SELECT epoch FROM user WHERE username = 'olena'"), 1);
    drop(scratch.serve());
    assert_eq!(fs::read(scratch.path("b.db")).unwrap(), before, "the backup was changed");
    Connection::open(scratch.path("b.db")).unwrap().pragma_update(None, "user_version", 999).unwrap();
    scratch.run(&REPLACE).refused(1, "B1203", &["schema 999"]);
    assert_eq!(number(&scratch, "SELECT epoch FROM user WHERE username = 'olena'"), 1);
}

#[test]
fn what_cannot_be_restored_is_refused_and_changes_nothing() {
    let (scratch, server) = site();
    scratch.run(&BACKUP).succeeded();
    let backup = fs::read(scratch.path("b.db")).unwrap();
    let before = files(&scratch);
    let unchanged = |what: &str| {
        assert_eq!(files(&scratch), before, "{what}");
        assert_eq!(number(&scratch, "SELECT count(*) FROM audit WHERE event = 'restored'"), 0, "{what}");
    };
    // The server runs, idle or not.
    scratch.run(&REPLACE).refused(1, "B1234", &["data/brama.db", "stop the server"]);
    drop(server);
    unchanged("running");
    scratch.run(&RESTORE).refused(2, "B1235", &["not empty", "--replace"]);
    unchanged("not empty");

    let stranger = scratch.path("stranger.db");
    Connection::open(stranger).unwrap().execute_batch("CREATE TABLE kalyna (a)").unwrap();
    scratch.write("text", "kalyna");
    fs::write(scratch.path("half.db"), &backup[..backup.len() / 2]).unwrap();
    let mut damaged = backup.clone();
    damaged[backup.len() / 2..].fill(0xa5);
    fs::write(scratch.path("damaged.db"), damaged).unwrap();
    for file in ["missing.db", "stranger.db", "text", "half.db", "damaged.db", "data"] {
        scratch.run(&["restore", file, "--replace", "-c", "brama.toml"]).refused(1, "B1233", &[file]);
        unchanged(file);
    }

    // Another server's key, and none.
    let key = scratch.read("data/master.key");
    let init = ["init", "--public-url", "https://id.example.com", "--data-dir", "elsewhere", "-c", "elsewhere.toml"];
    scratch.run(&init).succeeded();
    let other = scratch.read("elsewhere/master.key");
    fs::remove_file(scratch.path("data/master.key")).unwrap();
    scratch.write_with_mode("data/master.key", &other, 0o600);
    let refused = scratch.run(&REPLACE).refused(1, "B1302", &["data/master.key", "not the one of this backup"]);
    refused.keeps(other.trim()).keeps(key.trim());
    fs::remove_file(scratch.path("data/master.key")).unwrap();
    scratch.run(&REPLACE).refused(3, "B1301", &["data/master.key"]);
    scratch.write_with_mode("data/master.key", &key, 0o600);
    unchanged("key");
    drop(scratch.serve());
}

/// What a restore is most needed for: with the log of a killed server beside it, and without.
#[test]
fn a_database_that_is_damaged_is_moved_aside() {
    for log in [true, false] {
        let (scratch, server) = site();
        scratch.run(&BACKUP).succeeded();
        let before = fs::read(scratch.path("data/brama.db")).unwrap();
        fs::write(scratch.path("data/brama.db"), vec![0xa5; before.len()]).unwrap();
        scratch.run(&REPLACE).refused(1, "B1234", &["stop the server"]);
        server.kill();
        if !log {
            for name in ["data/brama.db-wal", "data/brama.db-shm"] {
                let _ = fs::remove_file(scratch.path(name));
            }
        }
        let garbage = "kalyna ".repeat(4096);
        scratch.write("data/brama.db", &garbage);
        scratch.run(&RESTORE).refused(1, "B1201", &["data/brama.db"]);
        scratch.run(&REPLACE).succeeded();
        assert_eq!(number(&scratch, "SELECT count(*) FROM user"), 1);
        assert_eq!(number(&scratch, "SELECT count(*) FROM audit WHERE event = 'restored'"), 1);
        let kept: Vec<_> = files(&scratch).into_iter().filter(|(name, _)| name.contains("before-restore")).collect();
        assert!(kept.iter().any(|(_, bytes)| bytes == garbage.as_bytes()), "the damaged one is gone");
        drop(scratch.serve());
    }
}
