//! `brama dev`: zero configuration (X1), this machine only, short tokens on request.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::support::{Browser, Ended, Scratch, Server};

/// Start `brama dev` as somebody would who has read nothing, except for the port.
fn dev(scratch: &Scratch, more: &[&str]) -> (Server, String) {
    let listen = format!("127.0.0.1:{}", scratch.port);
    let server = scratch.start(&[&["dev", "--listen", &listen], more].concat());
    let banner = server.wait_for("Ready in ");
    (server, banner)
}

/// The demo account as the banner names it.
fn account(banner: &str) -> (String, String) {
    let line = banner.lines().find_map(|line| line.trim().strip_prefix("user name: ")).expect("a user name");
    let (name, password) = line.split_once(" · password: ").expect("a password");
    (name.to_owned(), password.to_owned())
}

/// Run a line of the banner in a shell, as somebody who pastes it.
fn paste(scratch: &Scratch, line: &str) -> Ended {
    let mut curl = scratch.command("curl");
    curl.arg("--version");
    assert!(curl.output().is_ok(), "this test pastes curl lines; install it: apt-get install -y curl");
    let mut bash = scratch.command("bash");
    bash.args(["-c", line]);
    scratch.finish(bash).succeeded()
}

#[test]
fn x1_the_banner_tells_all_and_its_two_lines_work_when_pasted() {
    let scratch = Scratch::new();
    let (server, banner) = dev(&scratch, &[]);
    let (name, password) = account(&banner);
    assert!(banner.contains(&format!("{}/demo", scratch.url())), "{banner}");
    let kept = if scratch.has_database_file() { ".brama/brama.db" } else { ".brama/master.key" };
    assert!(scratch.path(kept).is_file(), "data is in ./.brama");
    assert!(name == "olena" && password.len() >= 15, "{banner}");

    let lines: Vec<&str> = banner.lines().map(str::trim).filter(|line| line.starts_with("curl ")).collect();
    let [login, resource] = lines[..] else { panic!("two lines: {banner}") };
    let tokens = paste(&scratch, login).json();
    assert_eq!((&tokens["token_type"], &tokens["expires_in"]), (&"Bearer".into(), &900.into()), "A1, A4: {tokens}");
    assert!(tokens["access_token"].is_string() && tokens["refresh_token"].is_null(), "A2: {tokens}");
    let answer = paste(&scratch, resource).json();
    assert_eq!(answer["client_id"], "demo-spa", "A5, A6: {answer}");
    assert!(answer["message"].is_string() && answer["sub"].is_string(), "{answer}");

    // The password is in the banner and in the file that only its owner reads; what is logged later has none.
    let log = server.log();
    assert_eq!(log.matches(&password).count(), banner.matches(&password).count(), "LG-1: {log}");
}

#[tokio::test]
async fn dev_keeps_what_it_had_and_its_secrets_are_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let scratch = Scratch::new();
    let (server, banner) = dev(&scratch, &[]);
    let (name, password) = account(&banner);
    let mut browser = Browser::new(&scratch);
    browser.login(&name, &password).await.unwrap().expect(200);
    for file in [".brama/master.key", ".brama/demo-account.json"] {
        let mode = fs::metadata(scratch.path(file)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{file}");
    }
    let folder = fs::metadata(scratch.path(".brama")).unwrap().permissions().mode() & 0o777;
    assert_eq!(folder, 0o700);
    server.kill();

    let (_server, again) = dev(&scratch, &[]);
    assert_eq!(account(&again), (name, password), "the same account");
    let jar = browser.jar;
    let mut browser = Browser::new(&scratch);
    browser.jar = jar;
    browser.rotate().await.unwrap().expect(200);
}

#[test]
fn dev_is_for_this_machine_only() {
    for listen in ["0.0.0.0", "[::]", "192.0.2.1"] {
        let scratch = Scratch::new();
        let listen = format!("{listen}:{}", scratch.port);
        let here = format!("127.0.0.1:{}", scratch.port);
        scratch.run(&["dev", "--listen", &listen]).refused(
            2,
            "B1019",
            &["this machine only", "--listen", &listen, "loopback", &here, "brama serve"],
        );
        assert!(!scratch.path(".brama").exists(), "nothing was made");
    }
}

/// HOST-02: a page of another name that leads to this machine reads no password.
#[test]
fn wh16_dev_answers_to_its_own_name_alone() {
    let scratch = Scratch::new();
    let (_server, _) = dev(&scratch, &[]);
    let here = format!("127.0.0.1:{}", scratch.port);
    let ask = |host: &str| {
        let mut wire = TcpStream::connect(&here).unwrap();
        write!(wire, "GET /demo/config.json HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        wire.read_to_string(&mut answer).unwrap();
        answer
    };
    let own = ask(&format!("localhost:{}", scratch.port));
    assert!(own.starts_with("HTTP/1.1 200 ") && own.contains("\"password\""), "{own}");
    for host in [format!("rebound.example:{}", scratch.port), "rebound.example".to_owned(), here.clone()] {
        let answer = ask(&host);
        assert!(answer.starts_with("HTTP/1.1 421 ") && !answer.contains("password"), "{host}: {answer}");
    }
}

#[tokio::test]
async fn a1_access_tokens_of_five_seconds_on_request() {
    let scratch = Scratch::new();
    let (_server, banner) = dev(&scratch, &["--access-token-ttl", "5s"]);
    let (name, password) = account(&banner);
    let mut browser = Browser::new(&scratch);
    let answer = browser.login(&name, &password).await.unwrap().expect(200);
    assert_eq!(answer.json()["expires_in"], 5);
    assert_eq!(browser.look().await.unwrap().expect(200).json()["expires_in"], 5);
}

#[test]
fn a_token_life_beyond_the_hard_cap_is_refused() {
    let scratch = Scratch::new();
    let flags = ["dev", "--access-token-ttl", "61m"];
    scratch.run(&flags).refused(2, "B1013", &["tokens.access_token_ttl", "61m", "5s to 1h"]);
}
