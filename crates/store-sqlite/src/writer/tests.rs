//! What the writer promises to those who wait for it. Nothing here depends on how fast the machine is: the writer is held
//! inside a unit where others have to be caught waiting.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use brama_store::Unavailable;
use rusqlite::Connection;
use tokio::task::JoinHandle;

use super::{GATHER, QUEUE};
use crate::column::failed;
use crate::{Settings, SqliteStore};

struct Disk {
    store: Arc<SqliteStore>,
    folder: tempfile::TempDir,
}

/// However slow the machine is, a group does not end before its last unit has come.
const ALL_DAY: Duration = Duration::from_secs(86_400);

impl Disk {
    async fn with_groups_of(group_commit_max: usize, gather: Duration) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("brama.db");
        SqliteStore::migrate(&path, jiff::Timestamp::UNIX_EPOCH).unwrap();
        let store = SqliteStore::open_gathering(&Settings { path, group_commit_max, readers: 2 }, gather).unwrap();
        let table = "CREATE TABLE noted (number INTEGER NOT NULL PRIMARY KEY, filling BLOB)";
        store.write(move |connection| connection.execute_batch(table).map_err(failed)).await.unwrap();
        Self { store: Arc::new(store), folder }
    }

    async fn new() -> Self {
        Self::with_groups_of(1024, ALL_DAY).await
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn note(&self, number: i64) -> Result<(), Unavailable> {
        self.store.write(move |connection| insert(connection, number)).await
    }

    /// The first numbers that are there.
    async fn noted(&self) -> Vec<i64> {
        let read = |connection: &Connection| {
            let mut rows = connection.prepare("SELECT number FROM noted ORDER BY number LIMIT 9").map_err(failed)?;
            let numbers = rows.query_map((), |row| row.get(0)).map_err(failed)?;
            numbers.collect::<rusqlite::Result<_>>().map_err(failed)
        };
        self.store.read(read).await.unwrap()
    }

    /// Keep the writer inside a unit, its transaction open and written to, until the sender is dropped or used.
    async fn hold(&self) -> (Sender<()>, JoinHandle<Result<(), Unavailable>>) {
        let (entered, inside) = tokio::sync::oneshot::channel();
        let (release, wait) = channel();
        let store = Arc::clone(&self.store);
        let unit = tokio::spawn(async move {
            store
                .write(move |connection| {
                    insert(connection, 0)?;
                    entered.send(()).unwrap();
                    let _ = wait.recv();
                    Ok(())
                })
                .await
        });
        inside.await.unwrap();
        (release, unit)
    }

    /// Send units without waiting for them; they are in the queue when this returns.
    async fn send(&self, numbers: std::ops::Range<i64>) -> Vec<JoinHandle<Result<(), Unavailable>>> {
        let (sent, mut all) = tokio::sync::mpsc::channel::<()>(1);
        let units = numbers
            .map(|number| {
                let (store, sent) = (Arc::clone(&self.store), sent.clone());
                tokio::spawn(async move {
                    let mut unit = Box::pin(store.write(move |connection| insert(connection, number)));
                    let first = std::future::poll_fn(|context| std::task::Poll::Ready(unit.as_mut().poll(context)));
                    let first = first.await;
                    drop(sent);
                    match first {
                        std::task::Poll::Ready(answer) => answer,
                        std::task::Poll::Pending => unit.await,
                    }
                })
            })
            .collect();
        drop(sent);
        assert!(all.recv().await.is_none(), "closed when the last has been sent");
        units
    }

    /// How many commits are in the log: frames that carry the size of the database. File format of SQLite, §4.1.
    fn commits(&self) -> usize {
        const HEADER: usize = 32;
        const FRAME: usize = 24 + 4096;
        let log = std::fs::read(self.path("brama.db-wal")).unwrap();
        log[HEADER..].chunks_exact(FRAME).filter(|frame| frame[4..8] != [0; 4] && frame[8..16] == log[16..24]).count()
    }
}

fn insert(connection: &Connection, number: i64) -> Result<(), Unavailable> {
    connection.execute("INSERT INTO noted (number) VALUES (?1)", [number]).map(drop).map_err(failed)
}

#[tokio::test]
async fn a_lone_request_is_not_held_back() {
    // Groups may be gathered all day; whoever waited for company would wait as long.
    let disk = Disk::new().await;
    let alone = async {
        for number in 0..100 {
            disk.note(number).await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(60), alone).await.unwrap();
}

#[tokio::test]
async fn whoever_waits_shares_one_commit() {
    let disk = Disk::new().await;
    let (release, held) = disk.hold().await;
    let units = disk.send(1..65).await;
    let before = disk.commits();
    drop(release);
    held.await.unwrap().unwrap();
    for unit in units {
        unit.await.unwrap().unwrap();
    }
    assert_eq!(disk.commits() - before, 1);
}

#[tokio::test]
async fn a_group_ends_when_its_time_is_over() {
    let disk = Disk::with_groups_of(1024, Duration::ZERO).await;
    let (release, held) = disk.hold().await;
    let units = disk.send(1..5).await;
    let before = disk.commits();
    drop(release);
    held.await.unwrap().unwrap();
    for unit in units {
        unit.await.unwrap().unwrap();
    }
    assert_eq!(disk.commits() - before, 1 + 4);
}

#[tokio::test]
async fn a_group_has_an_end() {
    let disk = Disk::with_groups_of(16, ALL_DAY).await;
    let (release, held) = disk.hold().await;
    let units = disk.send(1..65).await;
    let before = disk.commits();
    drop(release);
    held.await.unwrap().unwrap();
    for unit in units {
        unit.await.unwrap().unwrap();
    }
    assert_eq!(disk.commits() - before, 5, "16 + 16 + 16 + 16 + 1");
}

#[tokio::test]
async fn readers_are_not_blocked_by_a_writer_that_takes_its_time() {
    let disk = Disk::new().await;
    disk.note(7).await.unwrap();
    let (release, held) = disk.hold().await;
    for _ in 0..100 {
        assert_eq!(disk.noted().await, [7], "what is not committed is not seen");
    }
    release.send(()).unwrap();
    held.await.unwrap().unwrap();
    assert_eq!(disk.noted().await, [0, 7]);
}

#[tokio::test]
async fn a_full_queue_says_so_at_once_and_forgets_nobody() {
    let disk = Disk::new().await;
    let (release, held) = disk.hold().await;
    let units = disk.send(1..i64::try_from(QUEUE).unwrap() + 1).await;
    for _ in 0..3 {
        assert!(matches!(disk.note(i64::MAX).await, Err(Unavailable::Busy)));
    }
    assert_eq!(disk.noted().await, [0_i64; 0], "readers go on");
    release.send(()).unwrap();
    held.await.unwrap().unwrap();
    for unit in units {
        unit.await.unwrap().unwrap();
    }
    let count = |connection: &Connection| {
        connection.query_row("SELECT count(*) FROM noted", (), |row| row.get::<_, i64>(0)).map_err(failed)
    };
    assert_eq!(disk.store.read(count).await.unwrap(), 1 + i64::try_from(QUEUE).unwrap());
    disk.note(i64::MAX).await.unwrap();
}

#[tokio::test]
async fn a_unit_that_fails_is_undone_alone() {
    let disk = Disk::new().await;
    let (release, held) = disk.hold().await;
    let good = disk.send(1..3).await;
    let twice = disk.store.write(|connection| insert(connection, 3).and_then(|()| insert(connection, 0)));
    release.send(()).unwrap();
    assert!(matches!(twice.await, Err(Unavailable::Failed(why)) if why.contains("UNIQUE")));
    held.await.unwrap().unwrap();
    for unit in good {
        unit.await.unwrap().unwrap();
    }
    assert_eq!(disk.noted().await, [0, 1, 2]);
}

/// A commit that fails: here by a constraint that SQLite checks last.
#[tokio::test]
async fn nobody_of_a_group_whose_commit_fails_is_told_that_it_worked() {
    let disk = Disk::new().await;
    let (release, held) = disk.hold().await;
    let neighbours = disk.send(1..4).await;
    let breaking = {
        let store = Arc::clone(&disk.store);
        tokio::spawn(async move {
            store
                .write(|connection| {
                    let sql = "PRAGMA defer_foreign_keys = ON;
                        INSERT INTO user_name (key, user_id) VALUES ('nobody', x'00')";
                    connection.execute_batch(sql).map_err(failed)
                })
                .await
        })
    };
    // The queue is in order: once these are in it, the other one is too.
    tokio::task::yield_now().await;
    let last = disk.send(4..5).await;
    release.send(()).unwrap();
    for unit in [held, breaking].into_iter().chain(neighbours).chain(last) {
        let answer = unit.await.unwrap();
        assert!(matches!(&answer, Err(Unavailable::Failed(why)) if why.contains("FOREIGN KEY")), "{answer:?}");
    }
    assert_eq!(disk.noted().await, [0_i64; 0]);
    disk.note(5).await.unwrap();
    assert_eq!(disk.noted().await, [5]);
}

/// No space, as SQLite itself makes it.
#[tokio::test]
async fn a_full_database_takes_writes_again_once_there_is_room() {
    let disk = Disk::new().await;
    let limit = |pages: u32| {
        disk.store.write(move |connection| {
            connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).map_err(failed)
        })
    };
    limit(1).await.unwrap();
    let fill = |number: i64| {
        disk.store.write(move |connection| {
            let sql = "INSERT INTO noted (number, filling) VALUES (?1, zeroblob(100000))";
            connection.execute(sql, [number]).map(drop).map_err(failed)
        })
    };
    for number in 1..4 {
        refused(&fill(number).await, "full");
        assert_eq!(disk.noted().await, [0_i64; 0]);
    }
    limit(1_000_000).await.unwrap();
    for number in 1..4 {
        fill(number).await.unwrap();
    }
    assert_eq!(disk.noted().await, [1, 2, 3]);
}

/// Another process keeps the write lock for longer than we wait: all who wait are told together, not one by one.
#[tokio::test]
async fn a_lock_that_is_not_given_back_is_waited_for_once() {
    let disk = Disk::new().await;
    let other = Connection::open(disk.path("brama.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let began = Instant::now();
    for unit in disk.send(1..65).await {
        refused(&unit.await.unwrap(), "locked");
    }
    assert!(began.elapsed() < 3 * crate::connection::BUSY, "{:?}", began.elapsed());
    assert_eq!(disk.noted().await, [0_i64; 0], "readers go on");
    other.execute_batch("ROLLBACK").unwrap();
    disk.note(1).await.unwrap();
}

#[track_caller]
fn refused(answer: &Result<(), Unavailable>, text: &str) {
    assert!(matches!(answer, Err(Unavailable::Failed(why)) if why.contains(text)), "{answer:?}");
}

fn rename(from: &Path, to: &Path) {
    std::fs::rename(from, to).unwrap();
}

#[tokio::test]
async fn a_file_that_was_removed_or_replaced_takes_no_more_writes() {
    for name in ["brama.db", "brama.db-wal"] {
        let disk = Disk::new().await;
        disk.note(1).await.unwrap();
        let (path, away) = (disk.path(name), disk.path("away"));
        rename(&path, &away);
        for _ in 0..3 {
            refused(&disk.note(2).await, "was removed");
            assert_eq!(disk.noted().await, [1], "reads go on");
        }
        assert!(!path.exists(), "no new {name} was made");
        std::fs::copy(&away, &path).unwrap();
        for _ in 0..3 {
            refused(&disk.note(3).await, "was replaced");
        }
        rename(&away, &path);
        disk.note(4).await.unwrap();
        assert_eq!(disk.noted().await, [1, 4], "{name}");
    }
}

/// It goes while a group is at work: the commit itself succeeds, and means nothing.
#[tokio::test]
async fn a_file_that_is_removed_before_the_commit() {
    let disk = Disk::new().await;
    let (release, held) = disk.hold().await;
    std::fs::remove_file(disk.path("brama.db")).unwrap();
    release.send(()).unwrap();
    refused(&held.await.unwrap(), "was removed");
}

#[tokio::test]
async fn a_long_log_is_copied_and_written_from_its_start_again() {
    let disk = Disk::new().await;
    let fill = |number: i64| {
        disk.store.write(move |connection| {
            let sql = "INSERT INTO noted (number, filling) VALUES (?1, randomblob(400000))";
            connection.execute(sql, [number]).map(drop).map_err(failed)
        })
    };
    for number in 0..50 {
        fill(number).await.unwrap();
    }
    let length = |name| std::fs::metadata(disk.path(name)).unwrap().len();
    assert!(length("brama.db-wal") < 2 * 1000 * 4120, "{}", length("brama.db-wal"));
    assert!(length("brama.db") > 40 * 400_000, "{}", length("brama.db"));
}

/// What one waits alone, and in company. It prints figures and promises nothing:
/// `cargo test --release -p brama-store-sqlite -- --ignored --nocapture latencies`
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
#[ignore = "it measures"]
async fn latencies() {
    for (group, parallel) in [(1, 1), (1024, 1), (1, 64), (64, 64), (1024, 64), (64, 512), (256, 512), (1024, 512)] {
        let disk = Arc::new(Disk::with_groups_of(group, GATHER).await);
        let until = Instant::now() + Duration::from_secs(3);
        let tasks: Vec<_> = (0..parallel)
            .map(|task| {
                let disk = Arc::clone(&disk);
                tokio::spawn(async move {
                    let mut took = Vec::new();
                    while Instant::now() < until {
                        let began = Instant::now();
                        disk.note(i64::try_from(took.len() * parallel + task).unwrap()).await.unwrap();
                        took.push(began.elapsed());
                    }
                    took
                })
            })
            .collect();
        let mut took = Vec::new();
        for task in tasks {
            took.extend(task.await.unwrap());
        }
        took.sort_unstable();
        let at = |percent: usize| took[(took.len() - 1) * percent / 100];
        let line = format!(
            "groups of at most {group:4}, {parallel:3} at once: {:6}/s, p50 {:?}, p99 {:?}, longest {:?}\n",
            took.len() / 3,
            at(50),
            at(99),
            at(100)
        );
        std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes()).unwrap();
    }
}
