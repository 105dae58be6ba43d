//! More sign-ins than the machine can hash: the surplus is told so at once, and everything else goes on (design §8, PW-19).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use http::Method;

use crate::support::{Browser, PASSWORD, Scratch, Wire};

/// Sign-ins at the same time.
const AT_ONCE: usize = 200;
const WAVES: usize = 3;
/// Memory of one hash, KiB; the rest of the process may have this much.
const HASH: u64 = 19 * 1024;
const REST: u64 = 80 * 1024;
/// A refusal that waits this long waited for the request's own limit (30 s) and not for its place in the queue. It is no measure of
/// speed: that is the benchmark's.
const AT_ONCE_AT_MOST: Duration = Duration::from_secs(15);

#[derive(Debug, Default)]
struct Counts {
    hashed: usize,
    refused: usize,
    slowest_refusal: Duration,
}

/// Somebody whose name nobody has: as much work as a wrong password (PW-22), and no account has to wait for it.
async fn attempt(mut wire: Wire, name: String) -> (Wire, bool, Duration) {
    let body = serde_json::json!({ "username": name, "password": PASSWORD }).to_string();
    let began = Instant::now();
    let answer = wire.send(Method::POST, "/api/auth/login", &[("content-type", "application/json")], &body).await;
    let (answer, took) = (answer.expect("an answer"), began.elapsed());
    let refused = match answer.status {
        401 => false,
        503 => {
            assert_eq!(answer.text("error"), "temporarily_unavailable");
            let wait: u64 = answer.header("retry-after").expect("Retry-After").parse().expect("seconds");
            assert!((1..=60).contains(&wait), "{answer:?}");
            true
        }
        _ => panic!("{answer:?}"),
    };
    (wire, refused, took)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn pw19_two_hundred_sign_ins_at_once() {
    let scratch = Scratch::alone().site("\n[passwords]\nhash_threads = 1\n");
    scratch.add_user("olena");
    scratch.add_shop();
    let server = scratch.serve();
    let mut browser = Browser::new(&scratch);
    browser.login("olena", PASSWORD).await.unwrap().expect(200);

    // The others: somebody whose app refreshes, and an API that fetches keys.
    let answered = Arc::new(AtomicUsize::new(0));
    let bystander = tokio::spawn({
        let (mut wire, answered) = (server.wire(), Arc::clone(&answered));
        async move {
            loop {
                browser.rotate().await.unwrap().expect(200);
                wire.get("/oauth2/jwks").await.expect(200);
                answered.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    });

    let mut counts = Counts::default();
    let mut wires: Vec<Wire> = (0..AT_ONCE).map(|_| server.wire()).collect();
    for wave in 0..WAVES {
        let attempts: Vec<_> = wires
            .drain(..)
            .enumerate()
            .map(|(number, wire)| tokio::spawn(attempt(wire, format!("nobody-{wave}-{number}"))))
            .collect();
        for attempt in attempts {
            let (wire, refused, took) = attempt.await.unwrap();
            wires.push(wire);
            if refused {
                counts.refused += 1;
                counts.slowest_refusal = counts.slowest_refusal.max(took);
            } else {
                counts.hashed += 1;
            }
        }
        assert!(!bystander.is_finished(), "{:?}", bystander.await);
    }
    bystander.abort();
    assert!(bystander.await.unwrap_err().is_cancelled(), "a bystander was refused");
    // Whoever stood in line behind the hashes would be answered about once per wave.
    let answered = answered.load(Ordering::Relaxed);
    assert!(answered >= 3 * WAVES, "a bystander was answered {answered} times in {WAVES} waves");
    assert!(counts.hashed >= WAVES && counts.refused >= AT_ONCE, "{counts:?}");
    assert!(counts.slowest_refusal < AT_ONCE_AT_MOST, "{counts:?}");

    let most = server.most_memory();
    assert!(most < HASH + REST, "the server took {most} KiB");
    // It has recovered: nobody is refused any more.
    Browser::new(&scratch).login("olena", PASSWORD).await.unwrap().expect(200);
}
