//! `brama backup`: what is in it, while people go on; and what it refuses.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};

use crate::support::{Browser, PASSWORD, Scratch};

fn backup(file: &str) -> [&str; 4] {
    ["backup", file, "-c", "brama.toml"]
}

fn open(scratch: &Scratch, name: &str) -> Connection {
    Connection::open_with_flags(scratch.path(name), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
}

fn number(connection: &Connection, sql: &str) -> i64 {
    connection.query_row(sql, (), |row| row.get(0)).unwrap()
}

#[test]
fn what_cannot_be_written_is_refused_and_nothing_is_left() {
    let scratch = Scratch::new();
    scratch.write("brama.toml", "public_url = \"https://id.example.com\"\ndata_dir = \"data\"\n");
    scratch.run(&backup("b.db")).refused(3, "B1209", &["data/brama.db"]);
    assert!(!scratch.path("data").exists(), "something was made");

    let scratch = Scratch::new().site("");
    scratch.write("b.db", "kalyna");
    scratch.run(&backup("b.db")).refused(2, "B1232", &["b.db", "not touched"]);
    assert_eq!(scratch.read("b.db"), "kalyna");
    scratch.run(&backup("nowhere/b.db")).refused(1, "B1232", &["nowhere/b.db"]);
    // A path below a file can be written by nobody, root included.
    scratch.run(&backup("b.db/b.db")).refused(1, "B1232", &["b.db/b.db"]);
    Connection::open(scratch.path("data/brama.db")).unwrap().execute_batch("CREATE TABLE transfer (one)").unwrap();
    scratch.run(&backup("c.db")).refused(3, "B1231", &["data/brama.db"]);
    scratch.write("data/brama.db", &"kalyna ".repeat(4096));
    scratch.run(&backup("c.db")).refused(1, "B1201", &["not a database"]);
    let left: Vec<_> = fs::read_dir(scratch.folder()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains("c.db")), "{left:?}");
}

#[test]
fn a_backup_is_its_owners_and_holds_no_master_key() {
    let scratch = Scratch::new().site("");
    scratch.add_user("olena");
    let ended = scratch.run(&backup("b.db")).succeeded().says(&["b.db", "rows", "data/master.key is not in it"]);
    assert_eq!(ended.stdout, "");
    let mode = fs::metadata(scratch.path("b.db")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let bytes = fs::read(scratch.path("b.db")).unwrap();
    let key = scratch.read("data/master.key");
    let decoded = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, key.trim()).unwrap();
    for secret in [key.trim().as_bytes(), &decoded, PASSWORD.as_bytes()] {
        assert!(!bytes.windows(secret.len()).any(|window| window == secret), "a secret is in the backup");
    }
    assert_eq!(number(&open(&scratch, "b.db"), "SELECT count(*) FROM user"), 1);
}

/// After `kill -9` what was acknowledged last is in the log beside the database; a backup needs no server to read it.
#[tokio::test]
async fn a_backup_of_a_killed_server_has_what_it_acknowledged() {
    let scratch = Scratch::new().site("");
    scratch.add_user("olena");
    scratch.add_shop();
    let server = scratch.serve();
    let mut browser = Browser::new(&scratch);
    browser.login("olena", PASSWORD).await.unwrap().expect(200);
    browser.rotate().await.unwrap().expect(200);
    server.kill();
    for (name, without) in [("b.db", None), ("c.db", Some("data/brama.db-shm"))] {
        if let Some(file) = without {
            fs::remove_file(scratch.path(file)).unwrap();
        }
        scratch.run(&backup(name)).succeeded();
        assert_eq!(number(&open(&scratch, name), "SELECT sum(generation) FROM app_grant"), 1, "{name}");
    }
}

#[derive(Default)]
struct Acknowledged {
    rotations: AtomicU64,
    /// Longest wait for an answer, milliseconds.
    slowest: AtomicU64,
}

/// Sign in and refresh until told to stop.
async fn refresh(mut browser: Browser, acknowledged: Arc<Acknowledged>, stop: Arc<AtomicBool>) {
    while !stop.load(Ordering::SeqCst) {
        let began = Instant::now();
        browser.rotate().await.unwrap().expect(200);
        acknowledged.rotations.fetch_add(1, Ordering::SeqCst);
        let took = u64::try_from(began.elapsed().as_millis()).unwrap();
        acknowledged.slowest.fetch_max(took, Ordering::SeqCst);
    }
}

/// A database that takes a while to read.
pub(crate) fn fill(scratch: &Scratch, rows: u32) {
    let sql = format!(
        "WITH RECURSIVE n (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM n WHERE n < {rows})
         INSERT INTO audit (at, event, user_id) SELECT n, 'signed_in', randomblob(16) FROM n"
    );
    Connection::open(scratch.path("data/brama.db")).unwrap().execute_batch(&sql).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_load_has_everything_acknowledged_and_blocks_nobody() {
    const PEOPLE: usize = 8;
    let scratch = Scratch::new().site("");
    scratch.add_user("olena");
    scratch.add_shop();
    fill(&scratch, 300_000);
    let server = scratch.serve();
    let (acknowledged, stop) = (Arc::new(Acknowledged::default()), Arc::new(AtomicBool::new(false)));
    let mut people = Vec::new();
    for _ in 0..PEOPLE {
        let mut browser = Browser::new(&scratch);
        browser.login("olena", PASSWORD).await.unwrap().expect(200);
        people.push(tokio::spawn(refresh(browser, Arc::clone(&acknowledged), Arc::clone(&stop))));
    }
    let mut meanwhile = 0;
    for round in 0..5 {
        let before = acknowledged.rotations.load(Ordering::SeqCst);
        let name = format!("b{round}.db");
        tokio::task::block_in_place(|| scratch.run(&backup(&name)).succeeded());
        let after = acknowledged.rotations.load(Ordering::SeqCst);
        meanwhile += after - before;
        let copy = open(&scratch, &name);
        let rotations = u64::try_from(number(&copy, "SELECT sum(generation) FROM app_grant")).unwrap();
        // Rotations that were decided and not yet answered may be in it too.
        let most = after + u64::try_from(PEOPLE).unwrap();
        assert!(
            (before..=most).contains(&rotations),
            "{before} acknowledged, {rotations} in the backup, {after} after"
        );
        let check: String = copy.query_row("PRAGMA integrity_check", (), |row| row.get(0)).unwrap();
        assert_eq!(check, "ok");
        assert_eq!(number(&copy, "SELECT count(*) FROM pragma_foreign_key_check"), 0);
        assert_eq!(number(&copy, "SELECT count(*) FROM app_grant WHERE predecessor >= generation"), 0);
        assert_eq!(number(&copy, "SELECT count(*) FROM session"), i64::try_from(PEOPLE).unwrap());
        assert_eq!(
            number(&copy, "SELECT count(*) FROM audit WHERE event = 'grant_issued'"),
            number(&copy, "SELECT count(*) FROM app_grant")
        );
    }
    stop.store(true, Ordering::SeqCst);
    for person in people {
        person.await.unwrap();
    }
    assert!(meanwhile > 0, "nobody was answered while a backup was written");
    let slowest = Duration::from_millis(acknowledged.slowest.load(Ordering::SeqCst));
    assert!(slowest < Duration::from_secs(5), "somebody waited {slowest:?}");
    drop(server);
}
