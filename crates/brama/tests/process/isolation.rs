//! Load of strangers beside people who are signed in: they get their answers, and the memory of the server is bounded.
//! Design §8; PW-19, WH-13.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use http::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::support::{Browser, PASSWORD, Scratch, Server, Wire};

/// Longest time a signed-in person may wait, whatever strangers do. Figures are the bench's; this only sees starvation.
const PATIENCE: Duration = Duration::from_secs(1);

/// People who are signed in and refresh, ask for their claims, and fetch keys, until they are told to stop.
struct Bystanders {
    over: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<Vec<Duration>>>,
}

impl Bystanders {
    async fn begin(scratch: &Scratch, server: &Server, count: usize) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let mut tasks = Vec::new();
        for _ in 0..count {
            let mut browser = Browser::new(scratch);
            browser.login("olena", PASSWORD).await.unwrap().expect(200);
            let mut wire = server.wire();
            wire.get("/oauth2/jwks").await.expect(200);
            tasks.push(tokio::spawn(stand_by(browser, wire, Arc::clone(&over))));
        }
        Self { over, tasks }
    }

    /// All their waits, shortest first. One that was refused or had to wait too long fails the test.
    async fn end(self) -> Vec<Duration> {
        self.over.store(true, Ordering::Relaxed);
        let mut waits = Vec::new();
        for task in self.tasks {
            waits.extend(task.await.unwrap());
        }
        waits.sort_unstable();
        waits
    }

    fn check(&self) {
        assert!(self.tasks.iter().all(|task| !task.is_finished()), "a bystander was hurt");
    }
}

async fn stand_by(mut browser: Browser, mut wire: Wire, over: Arc<AtomicBool>) -> Vec<Duration> {
    let mut waits = Vec::new();
    while !over.load(Ordering::Relaxed) {
        let began = Instant::now();
        let token = browser.rotate().await.unwrap().expect(200).text("access_token");
        waits.push(began.elapsed());
        let began = Instant::now();
        let bearer = format!("Bearer {token}");
        wire.send(Method::GET, "/userinfo", &[("authorization", &bearer)], "").await.unwrap().expect(200);
        waits.push(began.elapsed());
        let began = Instant::now();
        wire.get("/oauth2/jwks").await.expect(200);
        waits.push(began.elapsed());
        let slowest = waits.iter().max().unwrap();
        assert!(*slowest < PATIENCE, "a bystander had to wait for {slowest:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    waits
}

/// Figures for whoever looks at the output.
#[expect(clippy::print_stdout, reason = "figures, not messages of the program")]
fn say(figures: &str) {
    println!("{figures}");
}

fn p99(waits: &[Duration]) -> Duration {
    waits[waits.len() * 99 / 100]
}

/// A site with somebody to sign in and an app.
fn site(more: &str) -> Scratch {
    let scratch = Scratch::alone().site(more);
    scratch.add_user("olena");
    scratch.add_shop();
    scratch
}

/// The test's own end of so many connections.
fn allow_files(count: u64) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < count) {
        setrlimit(Resource::Nofile, Rlimit { current: Some(count), ..limit }).unwrap();
    }
}

async fn connect(scratch: &Scratch) -> TcpStream {
    TcpStream::connect(("127.0.0.1", scratch.port)).await.unwrap()
}

/// Sign-ins with the right password, all at once: each is answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pw19_five_hundred_sign_ins_at_once() {
    const AT_ONCE: usize = 500;
    /// Memory of one hash, KiB, and what the rest may take beyond the idle server. Design §8.
    const HASH: u64 = 19 * 1024;
    const REST: u64 = 50_000_000 / 1024;
    let scratch = site("account_free = 100\n\n[passwords]\nhash_threads = 2\n");
    let names: Vec<String> = (0..8).map(|number| format!("user-{number}")).collect();
    names.iter().for_each(|name| scratch.add_user(name));
    let server = scratch.serve();
    let bystanders = Bystanders::begin(&scratch, &server, 8).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    bystanders.check();
    let alone = bystanders.end().await;
    let idle = server.memory();

    let bystanders = Bystanders::begin(&scratch, &server, 8).await;
    let mut answers = BTreeMap::new();
    let mut slowest_refusal = Duration::ZERO;
    for _ in 0..3 {
        let attempts: Vec<_> = (0..AT_ONCE)
            .map(|number| {
                let (mut wire, name) = (server.wire(), names[number % names.len()].clone());
                let body = serde_json::json!({ "username": name, "password": PASSWORD }).to_string();
                tokio::spawn(async move {
                    let began = Instant::now();
                    let json = [("content-type", "application/json")];
                    let answer = wire.send(Method::POST, "/api/auth/login", &json, &body).await;
                    (answer.expect("an answer"), began.elapsed())
                })
            })
            .collect();
        for attempt in attempts {
            let (answer, took) = attempt.await.unwrap();
            *answers.entry(answer.status).or_insert(0) += 1;
            if answer.status == 503 {
                let wait: u64 = answer.header("retry-after").expect("Retry-After").parse().expect("seconds");
                assert!((1..=60).contains(&wait), "{answer:?}");
                slowest_refusal = slowest_refusal.max(took);
            }
        }
        bystanders.check();
    }
    let beside = bystanders.end().await;
    let most = server.most_memory();
    say(&format!(
        "{answers:?}; slowest 503 after {slowest_refusal:?}; memory {idle} KiB idle, {most} KiB at most; bystanders p99 \
         {:?} alone, {:?} beside, {} answers",
        p99(&alone),
        p99(&beside),
        beside.len()
    ));
    assert_eq!(answers.values().sum::<usize>(), 3 * AT_ONCE);
    assert_eq!(answers[&200] + answers[&503], 3 * AT_ONCE, "{answers:?}");
    assert!(answers[&200] > 8 && answers[&503] > AT_ONCE, "{answers:?}");
    // Long before the request's own limit of 30 s; how long it really takes is measured by the benchmark.
    assert!(slowest_refusal < Duration::from_secs(15), "{slowest_refusal:?}");
    assert!(most < idle + 2 * HASH + REST, "the server took {most} KiB, idle {idle} KiB");
    Browser::new(&scratch).login("olena", PASSWORD).await.unwrap().expect(200);
}

/// On Linux every thread has a niceness of its own: hashing stands back, and nothing else does.
#[cfg(target_os = "linux")]
#[test]
fn pw19_hashing_threads_let_others_go_first() {
    let scratch = site("\n[passwords]\nhash_threads = 2\n");
    let server = scratch.serve();
    let usual = niceness("/proc/self/stat");
    // A thread takes its name and its niceness when it first runs, which on a busy machine is a while after the server is ready.
    let started = Instant::now();
    loop {
        let threads = std::fs::read_dir(format!("/proc/{}/task", server.pid())).unwrap();
        let found: Vec<(bool, i32)> = threads
            .map(|thread| {
                let stat = thread.unwrap().path().join("stat").to_str().unwrap().to_owned();
                (std::fs::read_to_string(&stat).unwrap().contains("(hash-"), niceness(&stat))
            })
            .collect();
        let two = found.iter().filter(|(hashes, _)| *hashes).count() == 2;
        let right = |(hashes, nice): &(bool, i32)| *nice == if *hashes { (usual + 10).min(19) } else { usual };
        if two && found.iter().all(right) {
            break;
        }
        assert!(started.elapsed() < Duration::from_secs(20), "usual {usual}: {found:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Field 19 of proc(5); the second one, in parentheses, may contain spaces.
#[cfg(target_os = "linux")]
fn niceness(stat: &str) -> i32 {
    let text = std::fs::read_to_string(stat).unwrap();
    let (_, rest) = text.rsplit_once(") ").unwrap();
    rest.split(' ').nth(16).unwrap().parse().unwrap()
}

/// What a slow connection sends first, and whether it goes on.
const SLOW: [&str; 4] = [
    "",
    "GET /oauth2/jwks HTTP/1.1\r\nhost: x\r\nx: ",
    "POST /oauth2/token HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 60000\r\n\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wh13_two_thousand_slow_connections() {
    const COUNT: usize = 2000;
    allow_files(4096);
    let scratch = site("");
    let server = scratch.serve();
    let bystanders = Bystanders::begin(&scratch, &server, 2).await;
    let idle = server.memory();
    let mut slow = Vec::new();
    for number in 0..COUNT {
        let mut stream = connect(&scratch).await;
        let host = format!("host: localhost:{}", scratch.port);
        stream.write_all(SLOW[number % SLOW.len()].replace("host: x", &host).as_bytes()).await.unwrap();
        slow.push(stream);
    }
    let began = Instant::now();
    let mut peak = 0;
    // Another drop each second from those that send at all, until the server has closed all of them.
    while !slow.is_empty() {
        bystanders.check();
        assert!(began.elapsed() < Duration::from_secs(25), "{} are still open", slow.len());
        tokio::time::sleep(Duration::from_secs(1)).await;
        peak = peak.max(slow.len());
        let mut open = Vec::new();
        for mut stream in slow {
            let mut heard = [0; 1024];
            let mut is_open = true;
            loop {
                match stream.try_read(&mut heard) {
                    Ok(1..) => {}
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
                    Ok(0) | Err(_) => {
                        is_open = false;
                        break;
                    }
                }
            }
            if is_open && stream.write_all(b"a").await.is_ok() {
                open.push(stream);
            }
        }
        slow = open;
    }
    let (most, waits) = (server.most_memory(), bystanders.end().await);
    say(&format!(
        "{peak} open, all cut after {:?}; memory {idle} KiB idle, {most} KiB at most; bystanders p99 {:?}",
        began.elapsed(),
        p99(&waits)
    ));
    // What an open connection takes in an unoptimised build is about 36 KiB.
    let room = 48 * u64::try_from(COUNT).unwrap();
    assert!(most < idle + room, "the server took {most} KiB, idle {idle} KiB");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wh13_bodies_beyond_the_limit_are_not_kept() {
    let scratch = site("");
    let server = scratch.serve();
    let bystanders = Bystanders::begin(&scratch, &server, 2).await;
    let idle = server.memory();
    let form = "content-type: application/x-www-form-urlencoded";
    let head = |framing: &str| {
        format!("POST /oauth2/token HTTP/1.1\r\nhost: localhost:{}\r\n{form}\r\n{framing}\r\n\r\n", scratch.port)
    };
    let chunk = format!("10000\r\n{}\r\n", "a".repeat(1 << 16));
    let senders: Vec<_> = (0..100)
        .map(|number| {
            let (head, chunk) = if number % 2 == 0 {
                (head("content-length: 1073741824"), "a".repeat(1 << 16))
            } else {
                (head("transfer-encoding: chunked"), chunk.clone())
            };
            let port = scratch.port;
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                stream.write_all(head.as_bytes()).await.unwrap();
                for sent in 0..1024 {
                    if stream.write_all(chunk.as_bytes()).await.is_err() {
                        return sent;
                    }
                }
                1024
            })
        })
        .collect();
    for sender in senders {
        assert!(sender.await.unwrap() < 1024, "64 MiB were taken");
    }
    bystanders.check();
    let (most, _) = (server.most_memory(), bystanders.end().await);
    assert!(most < idle + 64 * 1024, "the server took {most} KiB, idle {idle} KiB");
}

/// All places are taken by connections without a request: they go, and others come in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wh13_when_all_places_are_taken_idle_ones_make_room() {
    let scratch = Scratch::alone();
    let port = scratch.port;
    scratch.write(
        "brama.toml",
        &format!(
            "public_url = \"http://localhost:{port}\"\ndata_dir = \"data\"\n\n[server]\nlisten = \"127.0.0.1:{port}\"\n\
             max_connections = 32\n\n[throttle]\nexempt_addresses = [\"127.0.0.0/8\"]\n"
        ),
    );
    scratch.run(&["migrate", "-c", "brama.toml"]).succeeded();
    scratch.add_user("olena");
    scratch.add_shop();
    let server = scratch.serve();
    let bystanders = Bystanders::begin(&scratch, &server, 2).await;
    let mut idle = Vec::new();
    for _ in 0..100 {
        idle.push(connect(&scratch).await);
    }
    let mut wire = server.wire();
    let began = Instant::now();
    wire.get("/oauth2/jwks").await.expect(200);
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    server.wait_for("connections are taken");
    bystanders.end().await;
}

/// No file descriptors are left: who is connected is served, and when some are free again, so is everybody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn running_out_of_file_descriptors_is_survived() {
    let scratch = site("");
    let server = scratch.serve();
    let bystanders = Bystanders::begin(&scratch, &server, 2).await;
    let files = std::fs::read_dir(format!("/proc/{}/fd", server.pid())).unwrap().count() + 5;
    let limit = format!("--nofile={files}:{files}");
    let pid = server.pid().to_string();
    assert!(Command::new("prlimit").args(["--pid", &pid, &limit]).status().unwrap().success());
    let mut strangers = Vec::new();
    for _ in 0..50 {
        strangers.push(connect(&scratch).await);
    }
    server.wait_for("cannot accept a connection");
    bystanders.check();
    drop(strangers);
    server.wire().get("/oauth2/jwks").await.expect(200);
    bystanders.end().await;
}

/// Beyond the reading, nothing is kept of a client that sends requests and never takes an answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wh13_who_never_reads_is_cut() {
    let scratch = site("");
    let server = scratch.serve();
    let idle = server.memory();
    let request = format!("GET /oauth2/jwks HTTP/1.1\r\nhost: localhost:{}\r\n\r\n", scratch.port).repeat(100);
    let senders: Vec<_> = (0..20)
        .map(|_| {
            let (port, request) = (scratch.port, request.clone());
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                while stream.write_all(request.as_bytes()).await.is_ok() {}
                stream
            })
        })
        .collect();
    for sender in senders {
        let ended = tokio::time::timeout(Duration::from_secs(60), sender).await;
        let mut stream = ended.expect("the server went on for a minute").unwrap();
        let _ = stream.read(&mut [0]).await;
    }
    let most = server.most_memory();
    assert!(most < idle + 32 * 1024, "the server took {most} KiB, idle {idle} KiB");
}

/// Somebody holds the database: what needs it is told so, nothing hangs, and what does not need it goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_stands_still_hangs_nobody() {
    let scratch = site("");
    let server = scratch.serve();
    let mut browser = Browser::new(&scratch);
    let token = browser.login("olena", PASSWORD).await.unwrap().expect(200).text("access_token");
    let bearer = format!("Bearer {token}");
    let held = scratch.hold_database();
    let began = Instant::now();
    let sign_ins: Vec<_> = (0..50)
        .map(|number| {
            let mut wire = server.wire();
            let body = serde_json::json!({ "username": format!("nobody-{number}"), "password": PASSWORD }).to_string();
            tokio::spawn(async move {
                let json = [("content-type", "application/json")];
                wire.send(Method::POST, "/api/auth/login", &json, &body).await.expect("an answer")
            })
        })
        .collect();
    let refresh = tokio::spawn(async move { (browser.rotate().await.unwrap(), browser) });
    let mut wire = server.wire();
    while !refresh.is_finished() {
        let began = Instant::now();
        wire.get("/oauth2/jwks").await.expect(200);
        wire.send(Method::GET, "/userinfo", &[("authorization", &bearer)], "").await.unwrap().expect(200);
        assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (answer, mut browser) = refresh.await.unwrap();
    assert!(answer.expect(503).header("retry-after").is_some());
    for sign_in in sign_ins {
        assert!(sign_in.await.unwrap().expect(503).header("retry-after").is_some());
    }
    // The database is waited for five seconds, and whoever comes meanwhile waits for those before and for itself.
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    drop(held);
    browser.rotate().await.unwrap().expect(200);
}
