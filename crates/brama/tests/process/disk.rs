//! Disks that fill up, fail or lose their files under a running server: what is not written is never acknowledged, who is
//! signed in stays so, everything that only reads goes on, and once the cause is gone so does the rest, without a restart.
//!
//! strace lets calls of the server fail as the kernel would; a limit on the size of files needs neither privileges nor a
//! file system of its own.

use std::fs;
use std::process::Command;

use http::Method;

use crate::support::{Browser, PASSWORD, Scratch, Server, Wire};

const SERVE: [&str; 3] = ["serve", "-c", "brama.toml"];
/// More requests than any of these troubles lasts.
const ENOUGH: usize = 3000;

/// A server in trouble, and those who use it.
struct Scene {
    scratch: Scratch,
    server: Server,
    /// Signed in.
    browser: Browser,
    /// The access token of a while ago, which is still good.
    bearer: String,
    /// Signed out before the trouble.
    gone: Browser,
    wire: Wire,
}

fn site() -> Scratch {
    let scratch = Scratch::new().site("");
    scratch.add_user("olena");
    scratch.add_shop();
    scratch
}

impl Scene {
    async fn begin(scratch: Scratch, server: Server) -> Self {
        let mut gone = Browser::new(&scratch);
        gone.login("olena", PASSWORD).await.unwrap().expect(200);
        let jar = gone.jar.clone();
        gone.logout().await.unwrap().expect(204);
        gone.jar = jar;
        let mut browser = Browser::new(&scratch);
        let token = browser.login("olena", PASSWORD).await.unwrap().expect(200).text("access_token");
        let wire = server.wire();
        Self { scratch, server, browser, bearer: format!("Bearer {token}"), gone, wire }
    }

    /// Refresh. `false`: refused as a trouble of the storage has to be.
    async fn refresh(&mut self) -> bool {
        let before = self.browser.jar.clone();
        let answer = self.browser.rotate().await.expect("an answer");
        if answer.status == 200 {
            assert_ne!(self.browser.jar, before, "the cookie was not replaced");
            return true;
        }
        assert_eq!((answer.status, answer.text("error").as_str()), (503, "temporarily_unavailable"), "{answer:?}");
        let wait: u64 = answer.header("retry-after").expect("Retry-After").parse().unwrap();
        assert!((1..=60).contains(&wait));
        assert_eq!(self.browser.jar, before, "the cookies stay for the next attempt");
        false
    }

    /// Refresh until the trouble begins.
    async fn until_trouble(&mut self) {
        for _ in 0..ENOUGH {
            if !self.refresh().await {
                return;
            }
        }
        panic!("no trouble came:\n{}", self.server.log());
    }

    /// Refresh until it is over.
    async fn until_over(&mut self) {
        for _ in 0..ENOUGH {
            if self.refresh().await {
                return;
            }
        }
        panic!("the trouble does not end:\n{}", self.server.log());
    }

    /// Everything that needs no write.
    async fn reads_go_on(&mut self) {
        for target in ["/oauth2/jwks", "/.well-known/openid-configuration", "/livez", "/readyz"] {
            self.wire.get(target).await.expect(200);
        }
        let bearer = [("authorization", self.bearer.as_str())];
        self.wire.send(Method::GET, "/userinfo", &bearer, "").await.unwrap().expect(200);
        self.browser.look().await.unwrap().expect(200);
        self.gone.look().await.unwrap().expect(401);
    }

    /// Sign-ins are refused like refreshes, and set no cookie.
    async fn nobody_signs_in(&self) {
        let mut other = Browser::new(&self.scratch);
        let answer = other.login("olena", PASSWORD).await.unwrap().expect(503);
        assert!(answer.header("retry-after").is_some());
        assert!(other.jar.is_empty());
    }

    fn log_says(&self, texts: &[&str]) {
        for text in [&["B6001", "brama.db"], texts].concat() {
            self.server.wait_for(text);
        }
    }

    /// It works again: for those who were there and for others, before and after a restart that nobody prepared.
    async fn works_again(mut self) {
        for _ in 0..20 {
            assert!(self.refresh().await, "{}", self.server.log());
        }
        self.reads_go_on().await;
        let mut other = Browser::new(&self.scratch);
        other.login("olena", PASSWORD).await.unwrap().expect(200);
        other.logout().await.unwrap().expect(204);
        let Self { scratch, server, browser, bearer, gone, .. } = self;
        server.kill();
        let again = scratch.serve();
        let wire = again.wire();
        let mut scene = Self { scratch, server: again, browser, bearer, gone, wire };
        scene.reads_go_on().await;
        assert!(scene.refresh().await);
        let database = rusqlite::Connection::open(scene.scratch.path("data/brama.db")).unwrap();
        let sound: String = database.query_row("PRAGMA integrity_check", (), |row| row.get(0)).unwrap();
        assert_eq!(sound, "ok");
    }
}

/// From a certain call of the writer on, some calls fail.
async fn failing(call: &str, error: &str, when: &str, texts: &[&str]) {
    let scratch = site();
    let (trace, inject) = (format!("trace={call}"), format!("inject={call}:error={error}:when={when}"));
    // `-D`: the server is our child, and strace is beside it.
    let strace = ["strace", "-D", "-f", "--seccomp-bpf", "-qq", "-o", "strace", "-e", &trace, "-e", &inject];
    let server = scratch.start_under(&strace, &SERVE);
    let mut scene = Scene::begin(scratch, server).await;
    scene.until_trouble().await;
    scene.reads_go_on().await;
    scene.log_says(texts);
    scene.until_over().await;
    scene.works_again().await;
}

#[tokio::test]
async fn no_space_is_left() {
    failing("pwrite64", "ENOSPC", "300..340", &["database or disk is full", "free some space"]).await;
}

#[tokio::test]
async fn a_disk_that_fails_to_write() {
    failing("pwrite64", "EIO", "300..340", &["disk I/O error", "log of the kernel"]).await;
}

#[tokio::test]
async fn a_file_system_that_has_become_read_only() {
    failing("pwrite64", "EROFS", "300..340", &["disk I/O error", "log of the kernel"]).await;
}

#[tokio::test]
async fn a_disk_that_fails_to_flush() {
    failing("fdatasync", "EIO", "60..90", &["disk I/O error", "opened anew"]).await;
}

/// The copy of the log into the database file cannot be flushed: who was answered has what is in the log, so nobody is
/// refused, and the log is not written over.
#[tokio::test]
async fn a_database_file_that_fails_to_flush_keeps_its_log() {
    let scratch = site();
    let database = scratch.path("data/brama.db").canonicalize().unwrap();
    let only = ["-P", database.to_str().unwrap(), "-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO:when=1"];
    let strace = [&["strace", "-D", "-f", "-qq", "-o", "strace"][..], &only].concat();
    let server = scratch.start_under(&strace, &SERVE);
    let mut scene = Scene::begin(scratch, server).await;
    while !scene.server.log().contains("its log is kept") {
        assert!(scene.refresh().await);
    }
    let length = |scene: &Scene| fs::metadata(scene.scratch.path("data/brama.db-wal")).unwrap().len();
    let before = length(&scene);
    for _ in 0..100 {
        assert!(scene.refresh().await);
    }
    assert!(length(&scene) > before, "the log grows");
    scene.works_again().await;
}

/// A limit on the size of files: each write is cut off where the limit is, and then refused.
#[tokio::test]
async fn files_may_not_grow() {
    let scratch = site();
    let limit = "--fsize=2000000:";
    // Without the trap, the kernel would end the server with a signal.
    let limited = ["sh", "-c", "trap '' XFSZ; exec prlimit \"$@\"", "sh", limit];
    let server = scratch.start_under(&limited, &SERVE);
    let mut scene = Scene::begin(scratch, server).await;
    scene.until_trouble().await;
    for _ in 0..20 {
        assert!(!scene.refresh().await, "nothing was made room for");
    }
    scene.nobody_signs_in().await;
    scene.reads_go_on().await;
    scene.log_says(&["look at its disk, at its limits"]);
    let pid = scene.server.pid().to_string();
    assert!(Command::new("prlimit").args(["--pid", &pid, "--fsize=unlimited:"]).status().unwrap().success());
    scene.works_again().await;
}

impl Scene {
    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.scratch.path(from), self.scratch.path(to)).unwrap();
    }
}

/// A file or folder goes, or another comes in its place: what was acknowledged would go with the process.
async fn moved_away(name: &str) {
    let scratch = site();
    let server = scratch.serve();
    let mut scene = Scene::begin(scratch, server).await;
    scene.rename(name, "away");
    for _ in 0..5 {
        assert!(!scene.refresh().await, "{name}");
    }
    scene.nobody_signs_in().await;
    scene.reads_go_on().await;
    scene.log_says(&["was removed while the server has it open", "put it back"]);
    assert!(!scene.scratch.path(name).exists(), "nothing was made in place of {name}");
    scene.rename("away", name);
    scene.works_again().await;
}

#[tokio::test]
async fn the_database_is_moved_away() {
    moved_away("data/brama.db").await;
}

#[tokio::test]
async fn the_log_of_the_database_is_moved_away() {
    moved_away("data/brama.db-wal").await;
}

#[tokio::test]
async fn the_folder_is_moved_away() {
    moved_away("data").await;
}

/// A backup is copied over the file that is in use: the server neither writes it nor removes its log.
#[tokio::test]
async fn the_database_is_replaced() {
    let scratch = site();
    fs::copy(scratch.path("data/brama.db"), scratch.path("backup")).unwrap();
    let server = scratch.serve();
    let mut scene = Scene::begin(scratch, server).await;
    scene.rename("data/brama.db", "away");
    scene.rename("data/brama.db-wal", "away-wal");
    scene.rename("backup", "data/brama.db");
    fs::write(scene.scratch.path("data/brama.db-wal"), "the log of another").unwrap();
    let before = fs::read(scene.scratch.path("data/brama.db")).unwrap();
    for _ in 0..5 {
        assert!(!scene.refresh().await);
    }
    scene.reads_go_on().await;
    scene.log_says(&["was replaced while the server has the old one open", "restart the server"]);
    scene.server.terminate();
    assert!(scene.server.wait(std::time::Duration::from_secs(60)).success());
    let kept = |name: &str| fs::read(scene.scratch.path(name)).unwrap();
    assert_eq!(kept("data/brama.db"), before);
    assert_eq!(kept("data/brama.db-wal"), b"the log of another");
    // What was acknowledged is in the files that were moved.
    scene.rename("away", "data/brama.db");
    scene.rename("away-wal", "data/brama.db-wal");
    let again = scene.scratch.serve();
    scene.wire = again.wire();
    scene.reads_go_on().await;
    assert!(scene.refresh().await);
}
