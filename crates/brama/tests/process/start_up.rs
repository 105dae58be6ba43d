//! Everything that keeps a server from starting says what, where and what to do (X4), and changes nothing.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use rusqlite::Connection;

use crate::support::{PASSWORD, Scratch};

const SERVE: [&str; 3] = ["serve", "-c", "brama.toml"];

/// The master key as the file holds it: no message may show it.
fn key(scratch: &Scratch) -> String {
    scratch.read("data/master.key").trim().to_owned()
}

fn database(scratch: &Scratch) -> Connection {
    Connection::open(scratch.path("data/brama.db")).unwrap()
}

/// A production server that is refused: exit code, error code, texts.
#[track_caller]
fn refused(scratch: &Scratch, exit: i32, code: &str, texts: &[&str]) {
    let key = scratch.path("data/master.key").is_file().then(|| key(scratch)).filter(|key| !key.is_empty());
    let ended = scratch.run(&SERVE).refused(exit, code, texts);
    if let Some(key) = key {
        ended.keeps(&key);
    }
}

#[test]
fn x4_the_port_is_taken() {
    let scratch = Scratch::new().site("");
    let here = format!("127.0.0.1:{}", scratch.port);
    let next = format!("--listen 127.0.0.1:{}", scratch.port + 1);
    let _other = TcpListener::bind(&here).unwrap();
    refused(&scratch, 1, "B1101", &[&here, "ss -ltnp", &next]);
    scratch.run(&["dev", "--listen", &here]).refused(1, "B1101", &[&here, &next]);
    assert!(!scratch.path(".brama").exists(), "nothing was made");
}

#[test]
fn x4_an_address_that_this_machine_does_not_have() {
    let scratch = Scratch::new().site("");
    let listen = format!("192.0.2.1:{}", scratch.port);
    let flags = [&SERVE[..], &["--listen", &listen]].concat();
    scratch.run(&flags).refused(1, "B1101", &[&listen, "--listen with an address of this machine"]);
}

/// A path below a file can be written by nobody, root included.
#[test]
fn x4_a_folder_that_cannot_be_made() {
    let scratch = Scratch::new();
    scratch.write("file", "");
    let listen = format!("127.0.0.1:{}", scratch.port);
    for command in ["dev", "serve"] {
        let flags = [command, "--public-url", &scratch.url(), "--listen", &listen, "--data-dir", "file/data"];
        scratch.run(&flags).refused(1, "B1201", &["file/data", "--data-dir"]);
    }
    scratch.run(&["init", "--public-url", "https://id.example.com", "--data-dir", "file/data"]).refused(
        1,
        "B1201",
        &["file/data", "--data-dir"],
    );
    assert!(!scratch.path("brama.toml").exists(), "no configuration without its key");
}

#[test]
fn x4_a_database_that_cannot_be_made() {
    let scratch = Scratch::new().site("");
    scratch.write("file", "");
    let flags = |url| [&SERVE[..], &["--database-url", url]].concat();
    scratch.run(&flags("sqlite:file/brama.db")).refused(1, "B1201", &["file", "--database-url"]).keeps(&key(&scratch));
    // A folder in its place.
    scratch.run(&flags("sqlite:data")).refused(1, "B1201", &["data", "--database-url"]).keeps(&key(&scratch));
}

/// Another process that keeps the whole database for itself.
#[test]
fn x4_a_database_that_another_process_keeps() {
    let scratch = Scratch::new().site("");
    let other = database(&scratch);
    other.execute_batch("PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT;").unwrap();
    refused(&scratch, 1, "B1202", &["data/brama.db", "locked by another process", "fuser"]);
}

/// Another process in the middle of a write that does not end.
#[test]
fn x4_a_database_that_another_process_writes_without_end() {
    let scratch = Scratch::new().site("");
    let other = database(&scratch);
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    refused(&scratch, 1, "B1202", &["data/brama.db", "locked by another process", "fuser"]);
    other.execute_batch("ROLLBACK").unwrap();
    drop(scratch.serve());
}

#[test]
fn x4_a_file_that_is_no_database() {
    let scratch = Scratch::new().site("");
    let garbage = "kalyna ".repeat(4096);
    for name in ["data/brama.db-wal", "data/brama.db-shm"] {
        let _ = fs::remove_file(scratch.path(name));
    }
    scratch.write("data/brama.db", &garbage);
    refused(&scratch, 1, "B1201", &["data/brama.db", "not a database", "backup"]);
    assert_eq!(scratch.read("data/brama.db"), garbage, "it was not touched");
}

#[test]
fn x4_a_database_of_a_newer_version() {
    let scratch = Scratch::new().site("");
    database(&scratch).pragma_update(None, "user_version", 999).unwrap();
    refused(&scratch, 1, "B1203", &["data/brama.db", "schema 999", "newer version"]);
    for command in [&["migrate"][..], &["migrate", "--dry-run"], &["client", "list"]] {
        let command = [command, &["-c", "brama.toml"]].concat();
        scratch.run(&command).refused(1, "B1203", &["schema 999"]);
    }
}

#[test]
fn x4_a_database_that_is_behind_is_migrated_by_hand_or_by_flag() {
    for flag in [false, true] {
        let scratch = Scratch::new().site("");
        for name in ["data/brama.db", "data/brama.db-wal", "data/brama.db-shm"] {
            let _ = fs::remove_file(scratch.path(name));
        }
        // A database in which no migration has been run yet.
        database(&scratch).execute_batch("PRAGMA journal_mode=WAL").unwrap();
        refused(&scratch, 3, "B1204", &["data/brama.db", "brama migrate"]);
        if flag {
            drop(scratch.start(&[&SERVE[..], &["--migrate"]].concat()));
        } else {
            let dry = scratch.run(&["migrate", "--dry-run", "-c", "brama.toml"]).succeeded();
            assert!(dry.stdout.starts_with("would apply 0001 first\n"), "{dry:#?}");
            refused(&scratch, 3, "B1204", &["brama migrate"]);
            let applied = scratch.run(&["migrate", "-c", "brama.toml"]).succeeded();
            assert!(applied.stdout.starts_with("applied 0001 first\n"), "{applied:#?}");
            drop(scratch.serve());
        }
    }
}

#[test]
fn migrate_dry_run_says_what_it_would_do_and_does_nothing() {
    let scratch = Scratch::new();
    scratch.write("brama.toml", "public_url = \"https://id.example.com\"\ndata_dir = \"data\"\n");
    let dry = ["migrate", "--dry-run", "-c", "brama.toml"];
    let ended = scratch.run(&dry).succeeded();
    assert!(ended.stdout.starts_with("would apply 0001 "), "{ended:#?}");
    assert!(!scratch.path("data").exists(), "nothing was made");
    scratch.run(&["migrate", "-c", "brama.toml"]).succeeded();
    assert_eq!(scratch.run(&dry).succeeded().says(&["up to date"]).stdout, "");
    assert_eq!(scratch.run(&["migrate", "-c", "brama.toml"]).succeeded().says(&["up to date"]).stdout, "");
}

#[test]
fn sk7_the_key_of_an_existing_database_is_gone() {
    let scratch = Scratch::new().site("");
    fs::remove_file(scratch.path("data/master.key")).unwrap();
    refused(&scratch, 3, "B1301", &["data/master.key", "backup"]);
    let commands = [&["migrate"][..], &["user", "list"], &["serve", "--migrate"]];
    for command in commands {
        scratch.run(&[command, &["-c", "brama.toml"]].concat()).refused(3, "B1301", &["data/master.key"]);
    }
    assert!(!scratch.path("data/master.key").exists(), "an old database is never given a new key");
}

#[test]
fn sk7_a_key_that_others_can_read() {
    let scratch = Scratch::new().site("");
    for mode in [0o644, 0o640, 0o604, 0o660] {
        fs::set_permissions(scratch.path("data/master.key"), Permissions::from_mode(mode)).unwrap();
        refused(&scratch, 1, "B1303", &[&format!("{mode:04o}"), "chmod 600", "data/master.key"]);
    }
    fs::set_permissions(scratch.path("data/master.key"), Permissions::from_mode(0o400)).unwrap();
    drop(scratch.serve());
}

#[test]
fn sk1_the_key_of_another_database() {
    let scratch = Scratch::new().site("");
    // From its first use on a database knows its key.
    scratch.add_user("olena");
    let init = ["init", "--public-url", "https://id.example.com", "--data-dir", "elsewhere", "-c", "elsewhere.toml"];
    scratch.run(&init).succeeded();
    let stranger = scratch.read("elsewhere/master.key");
    fs::remove_file(scratch.path("data/master.key")).unwrap();
    scratch.write_with_mode("data/master.key", &stranger, 0o600);
    refused(&scratch, 1, "B1302", &["data/master.key", "not the one of this database", "secrets.key_file"]);
    scratch
        .pipe(PASSWORD, &["user", "add", "taras", "--password-stdin", "-c", "brama.toml"])
        .refused(1, "B1302", &["not the one of this database"])
        .keeps(PASSWORD);
}

#[test]
fn sk1_a_key_file_without_a_key() {
    let garbage = [
        ("", "32 bytes in base64"),
        ("kalyna", "32 bytes in base64"),
        ("a2FseW5h\n", "32 bytes in base64"),
        ("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", "not drawn at random"),
    ];
    for (text, reason) in garbage {
        let scratch = Scratch::new().site("");
        scratch.write("data/master.key", text);
        refused(&scratch, 1, "B1301", &["data/master.key", reason]);
    }
    let scratch = Scratch::new().site("");
    fs::remove_file(scratch.path("data/master.key")).unwrap();
    fs::create_dir(scratch.path("data/master.key")).unwrap();
    let ended = scratch.run(&SERVE);
    assert!(matches!(ended.code, Some(1 | 3)), "{ended:#?}");
    ended.says(&["B1301 ", "data/master.key", "fix"]).nothing_inside();
}

#[test]
fn commands_about_a_server_that_is_not_there() {
    let scratch = Scratch::new();
    for arguments in [&["user", "list"][..], &["client", "list"], &["user", "lock", "olena"]] {
        scratch.run(arguments).refused(3, "B1209", &[".brama/brama.db", "brama dev"]);
    }
    assert!(!scratch.path(".brama").exists(), "nothing was made");
}
