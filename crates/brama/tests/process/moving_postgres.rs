//! Moving between SQLite and PostgreSQL, both ways: copies, backups and restores.

use std::process::Stdio;
use std::time::{Duration, Instant};

use brama_postgres_cluster::{Cluster, Options};
use rusqlite::Connection;

use crate::backup::fill;
use crate::support::{Browser, PASSWORD, Scratch, Server};

const HERE: &str = "sqlite:data/brama.db";

fn number(scratch: &Scratch, name: &str, sql: &str) -> i64 {
    Connection::open(scratch.path(name)).unwrap().query_row(sql, (), |row| row.get(0)).unwrap()
}

fn postgres(url: &str, sql: &str) -> String {
    Cluster::shared().sql(url, sql)
}

fn new_database() -> String {
    Cluster::shared().create_database()
}

fn copy(scratch: &Scratch, from: &str, to: &str) {
    scratch.run(&["db", "copy", from, to]).succeeded().says(&["both hold the same rows"]);
}

/// A server on any database, with the key of the site.
fn serve_on(scratch: &Scratch, url: &str) -> Server {
    scratch.start(&["serve", "-c", "brama.toml", "--database-url", url])
}

fn with_shop() -> Scratch {
    let scratch = Scratch::new().site("");
    scratch.add_user("olena");
    scratch.add_shop();
    scratch
}

/// The same browser, with new connections.
fn reopened(scratch: &Scratch, browser: Browser) -> Browser {
    let mut again = Browser::new(scratch);
    again.jar = browser.jar;
    again
}

async fn goes_on(scratch: &Scratch, browser: Browser) -> Browser {
    let mut browser = reopened(scratch, browser);
    browser.rotate().await.unwrap().expect(200);
    browser.rotate().await.unwrap().expect(200);
    browser
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_signed_in_stays_so_on_postgresql_and_back() {
    let scratch = with_shop();
    let server = scratch.serve();
    let mut browser = Browser::new(&scratch);
    browser.login("olena", PASSWORD).await.unwrap().expect(200);
    drop(server);
    let url = new_database();
    copy(&scratch, HERE, &url);
    let server = serve_on(&scratch, &url);
    let browser = goes_on(&scratch, browser).await;
    drop(server);
    copy(&scratch, &url, "sqlite:back.db");
    let server = serve_on(&scratch, "sqlite:back.db");
    let mut browser = goes_on(&scratch, browser).await;
    browser.logout().await.unwrap().expect(204);
    drop(server);
    // Numbers of the log went on in each of them.
    assert_eq!(number(&scratch, "back.db", "SELECT count(*) - count(DISTINCT number) FROM audit"), 0);
}

/// Without a server: every row of every table comes back as it was, twice across.
#[test]
fn there_and_back_again_every_row_is_the_same() {
    let scratch = with_shop();
    let url = new_database();
    copy(&scratch, HERE, &url);
    let again = new_database();
    copy(&scratch, &url, &again);
    copy(&scratch, &again, "sqlite:back.db");
    let sums = |from: &str, to: &str| scratch.run(&["db", "copy", from, to, "--empty-target"]).succeeded().stdout;
    let first = sums(HERE, "sqlite:one.db");
    assert_eq!(sums("sqlite:back.db", "sqlite:two.db"), first);
    assert_eq!(sums("sqlite:back.db", &url), first);
}

#[test]
fn killed_anywhere_a_copy_to_postgresql_ends_right() {
    let scratch = with_shop();
    fill(&scratch, 60_000);
    let url = new_database();
    let began = Instant::now();
    copy(&scratch, HERE, &url);
    let whole = began.elapsed();
    let anew = ["db", "copy", HERE, &url, "--empty-target"];
    let mut on_the_way = 0;
    for round in 1..=4 {
        let mut arguments = &anew[..];
        for _ in 0..3 {
            let mut child = scratch.brama(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            std::thread::sleep(whole * round / 12);
            child.kill().unwrap();
            child.wait().unwrap();
            if postgres(&url, "SELECT to_regclass('transfer') IS NOT NULL") == "t" {
                on_the_way += 1;
                arguments = &anew[..4];
            } else {
                arguments = &anew[..];
            }
        }
        scratch.run(arguments).succeeded().says(&["both hold the same rows"]);
        let sum = "SELECT sum(number) FROM audit";
        assert_eq!(postgres(&url, sum), number(&scratch, "data/brama.db", sum).to_string());
        assert_eq!(postgres(&url, "SELECT to_regclass('transfer') IS NULL"), "t");
    }
    assert!(on_the_way > 0, "never killed on the way");
}

#[test]
fn a_database_that_others_use_or_that_has_rows_is_refused() {
    let scratch = with_shop();
    let url = new_database();
    let command = ["db", "copy", HERE, &url];
    let mut other = std::process::Command::new(Cluster::shared().binaries().join("psql"))
        .args(["--quiet", "--no-psqlrc", "--dbname", &url, "--command", "SELECT pg_sleep(120)"])
        .spawn()
        .unwrap();
    let began = Instant::now();
    while postgres("postgres", "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(120)'") == "0" {
        assert!(began.elapsed() < Duration::from_secs(30), "psql does not connect");
        std::thread::sleep(Duration::from_millis(10));
    }
    let refused = scratch.run(&command);
    other.kill().unwrap();
    other.wait().unwrap();
    refused.refused(1, "B1234", &["in use", "stop every server"]);
    postgres("postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(120)'");
    scratch.run(&command).succeeded();
    scratch.run(&command).refused(2, "B1235", &["not empty", "--empty-target"]);
    scratch.run(&["backup", "b.db", "-c", "brama.toml"]).succeeded();
    let restore = ["restore", "b.db", "-c", "brama.toml", "--database-url", &url];
    scratch.run(&restore).refused(2, "B1235", &["not empty", "--replace"]);
    assert_eq!(postgres(&url, "SELECT count(*) FROM audit WHERE event = 'restored'"), "0");
}

/// LEAK-04: by commands; by the server: below.
#[test]
fn no_password_is_shown() {
    let scratch = with_shop();
    let secret = "kalyna-pw-77";
    // Nobody listens there.
    let port = Scratch::new().port;
    let typed = format!("postgres://olena:{secret}@127.0.0.1:{port}/brama");
    let parameter = format!("postgres://olena@127.0.0.1:{port}/brama?password={secret}");
    for url in [&typed, &parameter] {
        let refused = scratch.run(&["db", "copy", HERE, url]);
        refused.says(&["warning", "PGPASSWORD"]).refused(1, "B1221", &["127.0.0.1"]).keeps(secret);
        let config = ["-c", "brama.toml", "--database-url", url];
        scratch.run(&[&["backup", "b.db"], &config[..]].concat()).refused(1, "B1221", &["127.0.0.1"]).keeps(secret);
    }
    let mut command = scratch.brama(&["db", "copy", HERE, &format!("postgres://olena@127.0.0.1:{port}/brama")]);
    command.env("PGPASSWORD", secret);
    let ended = scratch.finish(command).refused(1, "B1221", &["127.0.0.1"]).keeps(secret);
    assert!(!ended.stderr.contains("warning"), "{ended:#?}");
}

/// A cluster of its own, on which `olena` needs this password.
fn asking_for_a_password(password: &str) -> Cluster {
    let cluster = Cluster::start(Options::default()).unwrap();
    cluster.sql("postgres", &format!("CREATE ROLE olena LOGIN PASSWORD '{password}'"));
    let rules = cluster.folder().join("data/pg_hba.conf");
    let others = std::fs::read_to_string(&rules).unwrap();
    std::fs::write(&rules, format!("host all olena 127.0.0.1/32 scram-sha-256\n{others}")).unwrap();
    cluster.sql("postgres", "SELECT pg_reload_conf()");
    let began = Instant::now();
    let anybody = format!("postgres://olena:x@127.0.0.1:{}/postgres", cluster.port());
    let connects = || {
        let mut psql = std::process::Command::new(cluster.binaries().join("psql"));
        psql.args(["--no-psqlrc", "--dbname", &anybody, "--command", "SELECT 1"]);
        psql.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
    };
    while connects() {
        assert!(began.elapsed() < Duration::from_secs(30), "the rules are not read");
        std::thread::sleep(Duration::from_millis(10));
    }
    cluster
}

/// LEAK-04: the password in the address of the database was in the log of the start.
#[test]
fn leak_04_a_start_does_not_show_the_password_of_the_database() {
    let scratch = Scratch::new().site("");
    let secret = "kalyna-pw-78";
    let port = Scratch::new().port;
    // Nobody listens; no such scheme, port, parameter; and a cluster that takes any password.
    let bad = [
        format!("postgres://olena:{secret}@127.0.0.1:{port}/brama"),
        format!("postgres://olena@127.0.0.1:{port}/brama?password={secret}"),
        format!("mysql://olena:{secret}@127.0.0.1/brama"),
        format!("postgres://olena:{secret}@127.0.0.1:port/brama"),
        format!("postgres://olena:{secret}@127.0.0.1:{port}/brama?sslmode=never"),
        format!("postgres://olena:{secret}@127.0.0.1:{port}"),
    ];
    for url in &bad {
        for command in ["serve", "migrate"] {
            let ended = scratch.run(&[command, "-c", "brama.toml", "--database-url", url]);
            assert_ne!(ended.code, Some(0), "{ended:#?}");
            ended.keeps(secret);
            let mut by_variable = scratch.brama(&[command, "-c", "brama.toml"]);
            by_variable.env("BRAMA_DATABASE_URL", url);
            scratch.finish(by_variable).keeps(secret);
            scratch.write("secret-url", url);
            let mut by_file = scratch.brama(&[command, "-c", "brama.toml"]);
            by_file.env("BRAMA_DATABASE_URL_FILE", scratch.path("secret-url"));
            scratch.finish(by_file).keeps(secret);
        }
    }
    // In the file, beside lines that cannot be read, before and after it, and in its own line.
    let good = format!("postgres://olena:{secret}@127.0.0.1:{port}/brama");
    let site = std::fs::read_to_string(scratch.path("brama.toml")).unwrap();
    for (before, line, after) in [
        ("", format!("url = \"{good}\""), "no_such_key = 1"),
        ("", format!("url = \"{good}\""), "readers = \"many\""),
        ("", format!("url = \"{good}\""), "= broken"),
        ("readers = [", format!("url = \"{good}\""), ""),
        ("", format!("url = \"{good}\" {good}"), ""),
        ("", format!("url = \"{good}"), ""),
        ("", format!("url = {good}"), ""),
        ("", format!("url = [\"{good}\"]"), ""),
        ("", format!("urls = \"{good}\""), ""),
        ("", format!("url = \"{good}\"\nurl = \"{good}\""), ""),
        ("", format!("\"{good}\" = 1"), ""),
    ] {
        scratch.write("broken.toml", &format!("{site}\n[database]\n{before}\n{line}\n{after}\n"));
        for command in [&["serve"][..], &["migrate"], &["check"], &["backup", "b.db"]] {
            let ended = scratch.run(&[command, &["-c", "broken.toml"]].concat());
            assert_ne!(ended.code, Some(0), "{line}: {ended:#?}");
            ended.keeps(secret);
        }
    }
    // A cluster that takes no password but the right one.
    let right = "kalyna-pw-79";
    let cluster = asking_for_a_password(right);
    let url = format!("postgres://olena:{secret}@127.0.0.1:{}/postgres", cluster.port());
    scratch.write("wrong.toml", &format!("{site}\n[database]\nurl = \"{url}\"\n"));
    for command in ["serve", "migrate"] {
        for place in [&["-c", "brama.toml", "--database-url", &url][..], &["-c", "wrong.toml"]] {
            let refused = scratch.run(&[&[command], place].concat());
            assert_ne!(refused.code, Some(0), "{refused:#?}");
            refused.says(&["password authentication failed"]).keeps(secret).keeps(right);
        }
    }
    let url = new_database().replace("//postgres@", &format!("//postgres:{secret}@"));
    assert!(url.contains(secret), "{url}");
    let config = ["-c", "brama.toml", "--database-url", &url];
    scratch.run(&[&["migrate"], &config[..]].concat()).succeeded().keeps(secret);
    let server = scratch.start(&[&["serve"], &config[..]].concat());
    assert!(!server.log().contains(secret), "{}", server.log());
}

#[test]
fn a_backup_of_postgresql_is_restored_into_either() {
    let scratch = with_shop();
    let url = new_database();
    copy(&scratch, HERE, &url);
    let on_postgres = ["-c", "brama.toml", "--database-url", &url];
    scratch.run(&[&["backup", "b.db"], &on_postgres[..]].concat()).succeeded().says(&["b.db", "not in it"]);
    let check: String = Connection::open(scratch.path("b.db"))
        .unwrap()
        .query_row("PRAGMA integrity_check", (), |row| row.get(0))
        .unwrap();
    assert_eq!(check, "ok");
    assert!(!scratch.path("b.db-wal").exists(), "a backup is one file");

    scratch.run(&["restore", "b.db", "--replace", "-c", "brama.toml"]).succeeded();
    assert_eq!(number(&scratch, "data/brama.db", "SELECT epoch FROM user WHERE username = 'olena'"), 1);
    drop(scratch.serve());

    postgres(
        &url,
        "INSERT INTO \"user\" SELECT decode(repeat('aa', 16), 'hex'), 'gone', email, false, NULL, NULL, 1, 0, 0, 0 FROM \"user\"",
    );
    scratch.run(&[&["restore", "b.db", "--replace"], &on_postgres[..]].concat()).succeeded().says(&["sign in again"]);
    assert_eq!(postgres(&url, "SELECT username, epoch FROM \"user\""), "olena|1");
    assert_eq!(postgres(&url, "SELECT count(*) FROM audit WHERE event = 'restored'"), "1");
    let empty = new_database();
    scratch.run(&["restore", "b.db", "-c", "brama.toml", "--database-url", &empty]).succeeded();
    assert_eq!(postgres(&empty, "SELECT username, epoch FROM \"user\""), "olena|1");
    let left = std::fs::read_dir(scratch.folder()).unwrap().map(|file| file.unwrap().file_name());
    let left: Vec<_> = left.filter(|name| name.to_string_lossy().contains("partial")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_load_of_postgresql_brings_nothing_back() {
    let scratch = with_shop();
    let url = new_database();
    copy(&scratch, HERE, &url);
    let server = serve_on(&scratch, &url);
    let mut browser = Browser::new(&scratch);
    browser.login("olena", PASSWORD).await.unwrap().expect(200);
    let on_postgres = ["-c", "brama.toml", "--database-url", &url];
    for round in 0..3 {
        browser.rotate().await.unwrap().expect(200);
        let name = format!("b{round}.db");
        scratch.run(&[&["backup", &name], &on_postgres[..]].concat()).succeeded();
        assert_eq!(number(&scratch, &name, "SELECT sum(generation) FROM app_grant"), i64::from(round + 1));
    }
    let restore = [&["restore", "b1.db", "--replace"], &on_postgres[..]].concat();
    scratch.run(&restore).refused(1, "B1234", &["stop every server"]);
    browser.rotate().await.unwrap().expect(200);
    drop(server);
    scratch.run(&restore).succeeded();
    let _server = serve_on(&scratch, &url);
    let mut browser = reopened(&scratch, browser);
    browser.rotate().await.unwrap().expect(401);
    browser.login("olena", PASSWORD).await.unwrap().expect(200);
    browser.rotate().await.unwrap().expect(200);
}
