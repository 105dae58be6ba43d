//! `brama db copy`: interrupted anywhere it ends right, what is signed in stays so, and what it refuses.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::backup::fill;
use crate::support::{Browser, PASSWORD, Scratch};

const HERE: &str = "sqlite:data/brama.db";
const THERE: &str = "sqlite:there.db";
const COPY: [&str; 4] = ["db", "copy", HERE, THERE];
const COPY_ANEW: [&str; 5] = ["db", "copy", HERE, THERE, "--empty-target"];

fn number(scratch: &Scratch, name: &str, sql: &str) -> i64 {
    Connection::open(scratch.path(name)).unwrap().query_row(sql, (), |row| row.get(0)).unwrap()
}

#[test]
fn what_cannot_be_copied_is_refused_and_changes_nothing() {
    let scratch = Scratch::new().site("");
    scratch.add_user("olena");
    let copy = |from: &str, to: &str| scratch.run(&["db", "copy", from, to]);
    copy(HERE, HERE).refused(2, "B1236", &["both"]);
    copy("data/brama.db", THERE).refused(2, "B1236", &["data/brama.db"]);
    copy("mysql:data", THERE).refused(2, "B1236", &["mysql"]);
    copy("postgres://olena:kalyna@127.0.0.1", THERE).refused(2, "B1236", &[]).keeps("kalyna");
    copy("sqlite:nowhere.db", THERE).refused(3, "B1209", &["nowhere.db"]);
    copy("sqlite:brama.toml", THERE).refused(1, "B1201", &["not a database"]);
    assert!(!scratch.path("there.db").exists() && !scratch.path("nowhere.db").exists(), "something was made");

    let other = Scratch::new().site("");
    other.add_user("taras");
    let server = other.serve();
    let theirs = format!("sqlite:{}", other.path("data/brama.db").display());
    copy(HERE, &theirs).refused(1, "B1234", &["stop the server"]);
    drop(server);
    copy(HERE, &theirs).refused(2, "B1235", &["not empty", "--empty-target"]);
    assert_eq!(number(&other, "data/brama.db", "SELECT count(*) FROM user WHERE username = 'taras'"), 1);
    scratch.run(&["db", "copy", HERE, &theirs, "--empty-target"]).succeeded();
    assert_eq!(number(&other, "data/brama.db", "SELECT count(*) FROM user WHERE username = 'olena'"), 1);
}

/// The same browser, with new connections.
fn reopened(scratch: &Scratch, browser: Browser) -> Browser {
    let mut again = Browser::new(scratch);
    again.jar = browser.jar;
    again
}

#[tokio::test]
async fn who_is_signed_in_stays_so() {
    let scratch = Scratch::new().site("");
    scratch.add_user("olena");
    scratch.add_shop();
    let server = scratch.serve();
    let mut browser = Browser::new(&scratch);
    browser.login("olena", PASSWORD).await.unwrap().expect(200);
    browser.rotate().await.unwrap().expect(200);
    drop(server);
    let copied = scratch.run(&COPY).succeeded().says(&["Copied", "both hold the same rows"]);
    assert!(copied.stdout.lines().any(|line| line.ends_with("1  session")), "{copied:#?}");
    let server = scratch.start(&["serve", "-c", "brama.toml", "--database-url", THERE]);
    let mut browser = reopened(&scratch, browser);
    browser.rotate().await.unwrap().expect(200);
    browser.rotate().await.unwrap().expect(200);
    drop(server);
    // And back.
    scratch.run(&["db", "copy", THERE, HERE, "--empty-target"]).succeeded();
    let _server = scratch.serve();
    let mut browser = reopened(&scratch, browser);
    browser.rotate().await.unwrap().expect(200);
    browser.logout().await.unwrap().expect(204);
}

#[test]
fn killed_anywhere_it_goes_on_and_ends_right() {
    let scratch = Scratch::new().site("");
    scratch.add_user("olena");
    scratch.add_shop();
    fill(&scratch, 60_000);
    let began = Instant::now();
    scratch.run(&COPY_ANEW).succeeded();
    let whole = began.elapsed();
    let (mut kills, mut on_the_way) = (0, 0);
    for round in 1..=6 {
        // From the start, killed again and again, later each time.
        let mut arguments = &COPY_ANEW[..];
        loop {
            let mut child = scratch.brama(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            std::thread::sleep(whole * round / 20);
            child.kill().unwrap();
            let status = child.wait().unwrap();
            if status.success() {
                break;
            }
            kills += 1;
            // The mark is committed before the first row: from here on the same copy goes on.
            let marked =
                number(&scratch, "there.db", "SELECT count(*) FROM sqlite_schema WHERE name = 'transfer'") == 1;
            if arguments == COPY && !marked {
                // Killed after its last commit.
                break;
            }
            if marked {
                on_the_way += 1;
                arguments = &COPY;
                let serve = ["serve", "-c", "brama.toml", "--database-url", THERE];
                scratch.run(&serve).refused(3, "B1231", &["there.db", "brama db copy"]);
            }
            if kills % 4 == 0 {
                scratch.run(arguments).succeeded();
                break;
            }
        }
        for sql in ["SELECT count(*) FROM audit", "SELECT sum(number) FROM audit", "SELECT count(*) FROM user"] {
            assert_eq!(number(&scratch, "there.db", sql), number(&scratch, "data/brama.db", sql), "{sql}");
        }
        drop(scratch.start(&["serve", "-c", "brama.toml", "--database-url", THERE]));
    }
    assert!(on_the_way > 0, "never killed on the way");
}

#[test]
fn a_source_that_is_written_meanwhile_is_told() {
    let scratch = Scratch::new().site("");
    fill(&scratch, 50_000);
    let stop = Arc::new(AtomicBool::new(false));
    let writing = std::thread::spawn({
        let (path, stop) = (scratch.path("data/brama.db"), Arc::clone(&stop));
        move || {
            let connection = Connection::open(path).unwrap();
            connection.busy_timeout(Duration::from_secs(10)).unwrap();
            while !stop.load(Ordering::SeqCst) {
                connection.execute("INSERT INTO audit (at, event) VALUES (1, 'signed_in')", ()).unwrap();
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    });
    let refused = scratch.run(&COPY);
    stop.store(true, Ordering::SeqCst);
    writing.join().unwrap();
    refused.refused(1, "B1237", &["written meanwhile", "audit", "stop every server", "--empty-target"]);
    scratch.run(&["serve", "-c", "brama.toml", "--database-url", THERE]).refused(3, "B1231", &[]);
    scratch.run(&COPY_ANEW).succeeded();
}
