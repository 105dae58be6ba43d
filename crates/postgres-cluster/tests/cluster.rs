//! A cluster starts, serves, and leaves nothing behind.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use brama_postgres_cluster::{Cluster, Options};

#[test]
fn it_serves_and_is_gone_when_dropped() {
    let cluster = Cluster::start(Options::default()).unwrap();
    let url = cluster.create_database();
    cluster.sql(&url, "CREATE TABLE t (n int); INSERT INTO t VALUES (7)");
    let copy = cluster.create_database_from(&url);
    assert_ne!(url, copy);
    assert_eq!(cluster.sql(&copy, "SELECT n FROM t"), "7");
    assert_eq!(cluster.sql(&copy, "SHOW server_encoding"), "UTF8");
    assert_eq!(cluster.sql(&copy, "SHOW synchronous_commit"), "off");
    cluster.drop_database(&copy);
    assert_eq!(cluster.sql("postgres", "SELECT count(*) FROM pg_database WHERE datname LIKE 'test_%'"), "1");
    let (folder, port) = (cluster.folder().to_owned(), cluster.port());
    drop(cluster);
    assert!(!folder.exists());
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn a_durable_one_waits_for_the_disk() {
    let cluster = Cluster::start(Options { durable: true }).unwrap();
    for parameter in ["fsync", "synchronous_commit", "full_page_writes"] {
        assert_eq!(cluster.sql("postgres", &format!("SHOW {parameter}")), "on", "{parameter}");
    }
}

/// What one of them has acknowledged is there, whichever of them is killed.
#[test]
fn a_standby_takes_over_and_the_old_primary_follows_it() {
    let mut primary = Cluster::start(Options { durable: true }).unwrap();
    // The standby has it from the primary: it will need one itself.
    primary.wait_for_standbys(true);
    let mut standby = primary.start_standby().unwrap();
    let ports = [primary.port(), standby.port()];
    primary.await_standby();
    primary.sql("postgres", "CREATE TABLE t (n int)");
    for round in 1..=3 {
        primary.sql("postgres", &format!("INSERT INTO t VALUES ({round})"));
        primary.kill();
        assert!(std::net::TcpStream::connect(("127.0.0.1", primary.port())).is_err());
        assert_eq!(standby.sql("postgres", "SELECT pg_is_in_recovery()"), "t");
        standby.promote();
        assert_eq!(standby.sql("postgres", "SELECT count(*), pg_is_in_recovery() FROM t"), format!("{round}|f"));
        primary.rebuild_from(&standby).unwrap();
        standby.await_standby();
        assert_eq!(primary.sql("postgres", "SHOW fsync"), "on");
        std::mem::swap(&mut primary, &mut standby);
    }
    assert_eq!([standby.port(), primary.port()], ports);
}

#[test]
fn a_frozen_server_answers_nobody_until_it_goes_on() {
    let cluster = Cluster::start(Options::default()).unwrap();
    cluster.freeze();
    let ask = ["postgres", "SELECT 1"];
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| cluster.sql(ask[0], ask[1]));
        std::thread::sleep(Duration::from_millis(300));
        assert!(!asking.is_finished());
        cluster.thaw();
        assert_eq!(asking.join().unwrap(), "1");
    });
}

/// This very program again, killed while its cluster runs.
#[test]
fn it_does_not_outlive_a_process_that_is_killed() {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "run_until_killed", "--ignored", "--nocapture"])
        .env("BRAMA_CLUSTER_FOLDER_TO", scratch())
        .env_remove("BRAMA_TEST_POSTGRES")
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let folder = eventually(|| std::fs::read_to_string(scratch()).ok().filter(|text| text.ends_with('\n')));
    let folder = Path::new(folder.trim());
    assert!(folder.join("data/postmaster.pid").exists());
    child.kill().unwrap();
    child.wait().unwrap();
    eventually(|| (!folder.exists()).then_some(()));
    std::fs::remove_file(scratch()).unwrap();
}

#[test]
#[ignore = "it is run, and killed, by the test above"]
fn run_until_killed() {
    let to = std::env::var("BRAMA_CLUSTER_FOLDER_TO").unwrap();
    std::fs::write(to, format!("{}\n", Cluster::shared().folder().display())).unwrap();
    loop {
        std::thread::park();
    }
}

fn scratch() -> PathBuf {
    std::env::temp_dir().join(format!("brama-cluster-test-{}", std::process::id()))
}

/// What `look` finds in the end.
fn eventually<T>(look: impl Fn() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "it did not happen");
        std::thread::sleep(Duration::from_millis(10));
    }
}
