//! Rows out of a PostgreSQL database and into one: the suite of `brama-store`, and what only this backend has.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use brama_postgres_cluster::Cluster;
use brama_store::Store;
use brama_store::conformance::transfer::{Movable, run_all};
use brama_store::transfer::{Cell, Contents, Kind, Source, TABLES, Table, Target, TransferError};
use brama_store_postgres::transfer::{PostgresSource, PostgresTarget};
use brama_store_postgres::{OpenError, PostgresStore, Settings};
use jiff::Timestamp;

fn settings(url: &str) -> Settings {
    Settings {
        url: url.to_owned(),
        pool_max: 4,
        connect_timeout: Duration::from_secs(3),
        acquire_timeout: Duration::from_secs(3),
        statement_timeout: Duration::from_secs(5),
        ca_file: None,
    }
}

async fn migrated() -> String {
    let url = Cluster::shared().create_database();
    PostgresStore::migrate(&settings(&url), Timestamp::UNIX_EPOCH).await.unwrap();
    url
}

async fn target(url: &str) -> PostgresTarget {
    PostgresTarget::open(&settings(url), Timestamp::UNIX_EPOCH).await.unwrap()
}

fn table(name: &str) -> &'static Table {
    TABLES.iter().find(|table| table.name == name).unwrap()
}

struct Databases;

#[async_trait]
impl Movable for Databases {
    type Database = String;

    async fn create(&self) -> String {
        migrated().await
    }

    async fn store(&self, url: &String) -> Option<Arc<dyn Store>> {
        match PostgresStore::open(&settings(url)).await {
            Ok(store) => Some(Arc::new(store)),
            Err(error) => {
                assert!(matches!(error, OpenError::Unfinished { .. }), "{error}");
                None
            }
        }
    }

    async fn source(&self, url: &String) -> Box<dyn Source> {
        Box::new(PostgresSource::open(&settings(url)).await.unwrap())
    }

    async fn target(&self, url: &String) -> Box<dyn Target> {
        Box::new(target(url).await)
    }

    async fn sign_everybody_out(&self, url: &String, now: Timestamp) {
        // As a restore does: everything out, everything in again, all in one transaction.
        let mut source = PostgresSource::open(&settings(url)).await.unwrap();
        let mut rows = Vec::new();
        for table in TABLES {
            rows.push((table, source.page(table, None, 10_000).await.unwrap()));
        }
        drop(source);
        let mut target = target(url).await;
        target.begin_restore().await.unwrap();
        for (table, rows) in rows {
            target.append(table, rows).await.unwrap();
        }
        target.restored(now).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_suite() {
    run_all(&Databases).await;
}

/// A new table or column is moved too, or is named here as one that is not.
#[tokio::test]
async fn the_list_of_tables_is_the_schema() {
    let url = migrated().await;
    let sql = |statement: &str| Cluster::shared().sql(&url, statement);
    let tables = sql("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'
         AND table_name NOT IN ('catalog', 'lease', 'schema_migration') ORDER BY table_name COLLATE \"C\"");
    let mut listed: Vec<&str> = TABLES.iter().map(|table| table.name).collect();
    listed.sort_unstable();
    assert_eq!(tables.lines().collect::<Vec<_>>(), listed);
    for table in TABLES {
        let mut found: Vec<String> = sql(&format!(
            "SELECT column_name, data_type, is_nullable, coalesce(collation_name, '') FROM information_schema.columns
             WHERE table_name = '{}'",
            table.name
        ))
        .lines()
        .map(ToOwned::to_owned)
        .collect();
        let mut ours: Vec<String> = table
            .columns
            .iter()
            .map(|column| {
                // Keys are ordered by their bytes in every backend.
                let (kind, collation) = match column.kind {
                    Kind::Integer => ("bigint", ""),
                    Kind::Boolean => ("boolean", ""),
                    Kind::Text => ("text", "C"),
                    Kind::Bytes => ("bytea", ""),
                };
                let nullable = if column.nullable { "YES" } else { "NO" };
                format!("{}|{kind}|{nullable}|{collation}", column.name)
            })
            .collect();
        found.sort();
        ours.sort();
        assert_eq!(found, ours, "{}", table.name);
        let key = sql(&format!(
            "SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
             WHERE i.indrelid = '\"{}\"'::regclass AND i.indisprimary ORDER BY array_position(i.indkey::int2[], a.attnum)",
            table.name
        ));
        let ours: Vec<&str> = table.key_columns().iter().map(|column| column.name).collect();
        assert_eq!(key.lines().collect::<Vec<_>>(), ours, "{}", table.name);
    }
}

#[tokio::test]
async fn a_source_has_to_be_current_and_whole() {
    let empty = Cluster::shared().create_database();
    let open = async |url: &str| PostgresSource::open(&settings(url)).await.err().unwrap();
    assert!(matches!(open(&empty).await, OpenError::Behind { found: 0, .. }));
    let part = migrated().await;
    target(&part).await.begin(false).await.unwrap();
    assert!(matches!(open(&part).await, OpenError::Unfinished { .. }));
    let newer = migrated().await;
    Cluster::shared().sql(&newer, "INSERT INTO schema_migration VALUES (999, 'later', 0)");
    assert!(matches!(open(&newer).await, OpenError::TooNew { found: 999, .. }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_is_ones_own() {
    let url = migrated().await;
    let reader = PostgresSource::open(&settings(&url)).await.unwrap();
    let refused = PostgresTarget::open(&settings(&url), Timestamp::UNIX_EPOCH).await.err().unwrap();
    assert!(matches!(refused, OpenError::InUse { others: 1, .. }), "{refused}");
    drop(reader);
    let first = target(&url).await;
    let refused = PostgresTarget::open(&settings(&url), Timestamp::UNIX_EPOCH).await.err().unwrap();
    assert!(matches!(refused, OpenError::InUse { .. }), "{refused}");
    drop(first);
    drop(target(&url).await);
}

/// Nothing of a restore that was not finished is left, and what was there still is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_that_is_interrupted_changes_nothing() {
    let url = migrated().await;
    let key = vec![Cell::Integer(1), Cell::Bytes(vec![7; 32])];
    let mut first = target(&url).await;
    first.begin_restore().await.unwrap();
    first.append(table("master_key_check"), vec![key]).await.unwrap();
    first.restored(Timestamp::UNIX_EPOCH).await.unwrap();
    drop(first);

    let mut second = target(&url).await;
    second.begin_restore().await.unwrap();
    let other = vec![Cell::Integer(1), Cell::Bytes(vec![8; 32])];
    second.append(table("master_key_check"), vec![other]).await.unwrap();
    drop(second);
    let mut source = target(&url).await;
    assert_eq!(source.contents().await.unwrap(), Contents::Rows);
    let rows = source.page(table("master_key_check"), None, 10).await.unwrap();
    assert!(rows == [vec![Cell::Integer(1), Cell::Bytes(vec![7; 32])]]);
    assert_eq!(source.count(table("audit")).await.unwrap(), 1);
}

/// A text of SQLite may hold what PostgreSQL cannot store.
#[tokio::test]
async fn a_value_that_cannot_be_stored_is_told_without_it() {
    let url = migrated().await;
    let mut target = target(&url).await;
    let text = |text: &str| Cell::Text(text.to_owned());
    let key = |kid: Cell| vec![kid, text("ES256"), Cell::Bytes(vec![1]), Cell::Integer(0)];
    let nul = target.append(table("signing_key"), vec![key(text("kalyna\0"))]).await.unwrap_err();
    assert!(matches!(nul, TransferError::Unfit { table: "signing_key", .. }), "{nul}");
    let kind = target.append(table("signing_key"), vec![key(Cell::Integer(5))]).await.unwrap_err();
    assert!(matches!(kind, TransferError::Unfit { table: "signing_key", .. }), "{kind}");
    let short = vec![Cell::Integer(1), Cell::Bytes(b"kalyna".to_vec())];
    let short = target.append(table("master_key_check"), vec![short]).await.unwrap_err();
    assert!(matches!(short, TransferError::Unfit { table: "master_key_check", .. }), "{short}");
    for error in [nul, kind, short] {
        assert!(!error.to_string().contains("kalyna"), "{error}");
    }
    assert_eq!(target.contents().await.unwrap(), Contents::Nothing);
}
