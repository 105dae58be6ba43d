//! The suite of `brama-store` against this backend: every case on a fresh database, in memory and on disk.
#![expect(clippy::unwrap_used, reason = "tests")]

use brama_store::conformance::run_all;
use brama_store_sqlite::{Settings, SqliteStore};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn in_memory() {
    run_all(async |_| SqliteStore::in_memory().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_disk() {
    let folder = tempfile::tempdir().unwrap();
    run_all(async |case| {
        let path = folder.path().join(format!("{}.db", case.replace("::", ".")));
        SqliteStore::migrate(&path, jiff::Timestamp::UNIX_EPOCH).unwrap();
        SqliteStore::open(&Settings { path, group_commit_max: 64, readers: 4 }).unwrap()
    })
    .await;
}
