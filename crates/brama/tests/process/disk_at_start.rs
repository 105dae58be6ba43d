//! A start on a disk that is full, failing, read-only or damaged: what, where and what to do (X4), and nothing is changed.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use crate::support::{Ended, PASSWORD, Scratch};

const SERVE: [&str; 3] = ["serve", "-c", "brama.toml"];

fn site() -> Scratch {
    let scratch = Scratch::new().site("");
    scratch.add_user("olena");
    // Everything is in the one file.
    let database = rusqlite::Connection::open(scratch.path("data/brama.db")).unwrap();
    database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(())).unwrap();
    drop(database);
    scratch
}

/// `brama serve` under another program, to its end.
fn serve_under(scratch: &Scratch, program: &[&str]) -> Ended {
    scratch.finish(scratch.under(program, &SERVE))
}

/// Programs whose user may not do everything: who is root gives up the right to.
fn unprivileged() -> Vec<&'static str> {
    let id = Command::new("id").arg("-u").output().unwrap();
    if id.stdout == b"0\n" { vec!["setpriv", "--bounding-set=-all", "--inh-caps=-all"] } else { vec![] }
}

#[test]
fn x4_no_space_is_left() {
    let scratch = site();
    let before = fs::read(scratch.path("data/brama.db")).unwrap();
    let strace = ["strace", "-D", "-f", "-qq", "-o", "strace", "-e", "trace=pwrite64", "-e"];
    let inject = "inject=pwrite64:error=ENOSPC";
    serve_under(&scratch, &[&strace[..], &[inject]].concat()).refused(1, "B1201", &["data/brama.db", "free space"]);
    assert_eq!(fs::read(scratch.path("data/brama.db")).unwrap(), before);
    drop(scratch.serve());
}

#[test]
fn x4_a_disk_that_fails() {
    let scratch = site();
    let database = scratch.path("data/brama.db").canonicalize().unwrap().to_str().unwrap().to_owned();
    let (log, shared) = (format!("{database}-wal"), format!("{database}-shm"));
    for (call, error) in [("pwrite64", "EROFS"), ("pread64", "EIO")] {
        let (trace, inject) = (format!("trace={call}"), format!("inject={call}:error={error}"));
        let strace = [
            "strace", "-D", "-f", "-qq", "-o", "strace", "-P", &log, "-P", &shared, "-P", &database, "-e", &trace,
            "-e", &inject,
        ];
        serve_under(&scratch, &strace).refused(1, "B1201", &["data/brama.db", "disk I/O error", "log of the kernel"]);
    }
    drop(scratch.serve());
}

#[test]
fn x4_a_file_that_may_not_be_written() {
    let scratch = site();
    let mode = |name: &str, mode| fs::set_permissions(scratch.path(name), Permissions::from_mode(mode)).unwrap();
    mode("data/brama.db", 0o400);
    serve_under(&scratch, &unprivileged()).refused(
        1,
        "B1201",
        &["data/brama.db", "readonly", "writable for this user"],
    );
    mode("data/brama.db", 0o600);
    mode("data", 0o500);
    serve_under(&scratch, &unprivileged()).refused(1, "B1201", &["data/brama.db", "data"]);
    mode("data", 0o700);
    drop(scratch.serve());
}

#[test]
fn x4_a_database_that_is_damaged() {
    let scratch = site();
    let whole = fs::read(scratch.path("data/brama.db")).unwrap();
    // The header is good, and everything behind it is something else.
    let damaged = [&whole[..100], vec![0xa5; whole.len() - 100].as_slice()].concat();
    fs::write(scratch.path("data/brama.db"), &damaged).unwrap();
    serve_under(&scratch, &[]).refused(1, "B1201", &["data/brama.db", "malformed", "backup"]).keeps(PASSWORD);
    assert_eq!(fs::read(scratch.path("data/brama.db")).unwrap(), damaged, "it was not touched");
}

#[test]
fn x4_the_folder_is_a_file() {
    let scratch = site();
    fs::rename(scratch.path("data"), scratch.path("away")).unwrap();
    scratch.write("data", "");
    serve_under(&scratch, &[]).refused(1, "B1201", &["data", "--data-dir"]);
    assert_eq!(scratch.read("data"), "");
}
