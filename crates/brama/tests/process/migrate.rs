//! `brama migrate`: what it says, what it changes, and how it ends.

use std::fs;

use rusqlite::Connection;

use crate::support::Scratch;

const STATUS: [&str; 4] = ["migrate", "status", "-c", "brama.toml"];
const JSON: [&str; 5] = ["migrate", "status", "--json", "-c", "brama.toml"];
const DRY_RUN: [&str; 4] = ["migrate", "--dry-run", "-c", "brama.toml"];

/// A folder with a configuration and nothing else.
fn configured() -> Scratch {
    let scratch = Scratch::new();
    scratch.write("brama.toml", "public_url = \"https://id.example.com\"\ndata_dir = \"data\"\n");
    scratch
}

/// A folder whose database has the first schema only, not yet in WAL mode, as it comes out of a backup.
pub(crate) fn behind() -> Scratch {
    let scratch = configured();
    scratch.run(&["migrate", "-c", "brama.toml"]).succeeded();
    for name in ["data/brama.db", "data/brama.db-wal", "data/brama.db-shm"] {
        let _ = fs::remove_file(scratch.path(name));
    }
    write_first_schema(&scratch, "data/brama.db");
    scratch
}

/// A database file as the first version made it.
pub(crate) fn write_first_schema(scratch: &Scratch, name: &str) {
    let first = concat!(env!("CARGO_MANIFEST_DIR"), "/../store-sqlite/migrations/0001_first.sql");
    let connection = Connection::open(scratch.path(name)).unwrap();
    connection.execute_batch(&fs::read_to_string(first).unwrap()).unwrap();
    connection
        .execute_batch(
            "CREATE TABLE schema_migration (
                 version INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL, applied_at INTEGER NOT NULL) STRICT;
             INSERT INTO schema_migration VALUES (1, 'first', 0);
             INSERT INTO user VALUES (x'000102030405060708090a0b0c0d0e0f', 'olena', NULL, 0, NULL, NULL, 1, 0, 0, 0);
             INSERT INTO user_name VALUES ('olena', x'000102030405060708090a0b0c0d0e0f');
             PRAGMA user_version = 1;",
        )
        .unwrap();
}

#[test]
fn a_database_that_is_not_there_needs_everything_and_asking_makes_nothing() {
    let scratch = configured();
    let status = scratch.run(&STATUS);
    assert_eq!(status.code, Some(3), "{status:#?}");
    assert!(status.stdout.contains("found     0\n") && status.stdout.contains("pending   0001 first\n"), "{status:#?}");
    status.says(&["B1204 ", "brama migrate"]);
    let json = scratch.run(&JSON);
    assert_eq!(json.code, Some(3));
    let json = json.json();
    assert_eq!((&json["found"], &json["pending"][0]["name"]), (&0.into(), &"first".into()));
    assert!(!scratch.path("data").exists(), "something was made");
}

#[test]
fn a_database_that_is_behind_is_told_and_asking_changes_nothing() {
    let scratch = behind();
    let before = fs::read(scratch.path("data/brama.db")).unwrap();
    let json = scratch.run(&JSON);
    assert_eq!(json.code, Some(3));
    let json = json.json();
    assert_eq!(json["found"], 1);
    assert_eq!(json["pending"][0]["version"], 2);
    let dry = scratch.run(&DRY_RUN).succeeded();
    assert!(dry.stdout.starts_with("would apply 0002 "), "{dry:#?}");
    scratch.run(&STATUS).says(&["schema 1"]);
    assert_eq!(fs::read(scratch.path("data/brama.db")).unwrap(), before, "the file was changed");

    let applied = scratch.run(&["migrate", "run", "-c", "brama.toml"]).succeeded();
    assert!(applied.stdout.starts_with("applied 0002 "), "{applied:#?}");
    let json = scratch.run(&JSON).succeeded().json();
    assert_eq!((&json["found"], &json["pending"]), (&json["needed"], &serde_json::json!([])));
    assert_eq!(scratch.run(&DRY_RUN).succeeded().says(&["up to date"]).stdout, "");
    scratch.run(&["migrate", "-c", "brama.toml"]).succeeded().says(&["up to date"]);
}

#[test]
fn what_cannot_be_read_is_refused() {
    let scratch = behind();
    Connection::open(scratch.path("data/brama.db")).unwrap().pragma_update(None, "user_version", 999).unwrap();
    scratch.run(&STATUS).refused(1, "B1203", &["schema 999", "newer version"]);
    scratch.write("data/brama.db", &"kalyna ".repeat(4096));
    scratch.run(&STATUS).refused(1, "B1201", &["not a database"]);
    let unknown = scratch.run(&["migrate", "undo", "-c", "brama.toml"]);
    assert_eq!(unknown.code, Some(2), "{unknown:#?}");
}
