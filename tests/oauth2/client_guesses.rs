//! Guessing secrets of clients. TE-9; TH-1, TH-2, TH-3, TH-10, TH-11, TH-13.

use std::sync::Arc;

use brama_testkit::{Reply, Storage, TestServer, rows, seeds};

use super::signer::{self, MACHINE, Signer};
use crate::support::assert_unchanged;

const HERE: &str = "192.0.2.10";
const ELSEWHERE: &str = "198.51.100.1";

async fn ask(server: &TestServer, from: &str, client: &str, secret: &str) -> Reply {
    server.post("/oauth2/token").peer(from).basic(client, secret).form(&[MACHINE]).send().await
}

async fn right(server: &TestServer, from: &str) -> Reply {
    ask(server, from, seeds::ROBOT, &seeds::secret(seeds::ROBOT)).await
}

async fn wrong(server: &TestServer, from: &str) -> Reply {
    ask(server, from, seeds::ROBOT, &"A".repeat(43)).await
}

/// Refused without a look; the wait in whole seconds.
fn wait(reply: Reply) -> i64 {
    let seconds = reply.header("retry-after").unwrap().parse().unwrap();
    assert_eq!(reply.header("www-authenticate"), None, "{reply}");
    assert_eq!(reply.expect_error(429, "temporarily_unavailable").status, 429);
    seconds
}

fn no_limits_on_addresses(options: &mut brama_testkit::Options) {
    options.unlimited_addresses();
}

#[tokio::test]
async fn te9_ten_failures_here_end_the_attempts_here_and_nowhere_else() {
    let server = TestServer::with(no_limits_on_addresses).await;
    for number in 0..10 {
        assert_eq!(wrong(&server, HERE).await.status, 401, "{number}");
        server.clock.advance_seconds(1);
    }
    assert_eq!(wait(wrong(&server, HERE).await), 590);
    // While waiting a right secret looks like a wrong one.
    assert_eq!(wait(right(&server, HERE).await), 590);
    assert_eq!(right(&server, ELSEWHERE).await.status, 200);
    let other = ask(&server, HERE, seeds::SHOP, &seeds::secret(seeds::SHOP)).await;
    assert_eq!(other.expect_error(400, "unauthorized_client").status, 400, "another client at that address");
    server.clock.advance_seconds(589);
    assert_eq!(wait(right(&server, HERE).await), 1);
    server.clock.advance_seconds(1);
    assert_eq!(right(&server, HERE).await.status, 200);
}

#[tokio::test]
async fn te9_who_is_right_is_never_counted() {
    let server = TestServer::with(|options| options.storage = Storage::Disk).await;
    for _ in 0..9 {
        assert_eq!(wrong(&server, HERE).await.status, 401);
    }
    let before = rows::dump(&server);
    for _ in 0..200 {
        assert_eq!(right(&server, HERE).await.status, 200);
    }
    assert_unchanged(&server, &before);
    assert_eq!(wrong(&server, HERE).await.status, 401);
    assert_eq!(wait(wrong(&server, HERE).await), 600);
}

/// Strangers from everywhere lock nobody out: they make each other's attempts fewer.
#[tokio::test]
async fn te9_th1_an_attack_from_everywhere_locks_nobody_out() {
    let server = TestServer::with(no_limits_on_addresses).await;
    for number in 0..100 {
        let from = format!("203.0.{}.{}", number / 10, number % 10 + 1);
        assert_eq!(wrong(&server, &from).await.status, 401, "{number}");
    }
    assert_eq!(right(&server, HERE).await.status, 200);
    // Now each address has one attempt.
    assert_eq!(wrong(&server, ELSEWHERE).await.status, 401);
    assert_eq!(wait(wrong(&server, ELSEWHERE).await), 600);
    assert_eq!(right(&server, HERE).await.status, 200);
    let node = server.another_node().await;
    assert_eq!(right(&node, HERE).await.status, 200);
    server.clock.advance_seconds(600);
    assert_eq!(wrong(&server, ELSEWHERE).await.status, 401);
    assert_eq!(wrong(&server, ELSEWHERE).await.status, 401);
}

/// TH-2: an invented client is limited like a real one, in the same words.
#[tokio::test]
async fn te9_unknown_clients_and_wrong_secrets_are_answered_alike() {
    let server = TestServer::with(no_limits_on_addresses).await;
    let mut told = Vec::new();
    for client in [seeds::ROBOT, "nobody", seeds::CLI, "signer"] {
        let mut answers = Vec::new();
        for _ in 0..12 {
            let reply = ask(&server, HERE, client, &"A".repeat(43)).await;
            answers.push((reply.status, reply.header("retry-after").map(ToOwned::to_owned), reply.body));
        }
        told.push(answers);
    }
    assert!(told.iter().all(|answers| *answers == told[0]), "{told:?}");
}

#[tokio::test]
async fn te9_th10_an_address_is_limited_whatever_it_calls_itself() {
    let server = TestServer::start().await;
    for number in 0..30 {
        let from = format!("2001:db8:1:2::{number}");
        assert_eq!(ask(&server, &from, &format!("client-{number}"), "x").await.status, 401, "{number}");
    }
    assert_eq!(wait(right(&server, "2001:db8:1:2:ffff::1").await), 600);
    assert_eq!(right(&server, "2001:db8:1:3::1").await.status, 200);
    let exempt = TestServer::with(|options| options.proxies.exempt = vec!["192.0.2.0/24".parse().unwrap()]).await;
    for number in 0..100 {
        assert_eq!(ask(&exempt, HERE, &format!("client-{number}"), "x").await.status, 401, "{number}");
    }
}

#[tokio::test]
async fn te9_th11_nodes_add_up_what_they_have_seen() {
    let server = TestServer::with(no_limits_on_addresses).await;
    let nodes = [&server, &server.another_node().await, &server.another_node().await];
    for number in 0..10 {
        assert_eq!(wrong(nodes[number % 3], HERE).await.status, 401, "{number}");
    }
    for node in nodes {
        assert_eq!(wait(wrong(node, HERE).await), 600);
        assert_eq!(wait(right(node, HERE).await), 600);
        assert_eq!(right(node, ELSEWHERE).await.status, 200);
    }
}

#[tokio::test]
async fn te9_the_limit_holds_at_all_endpoints_together() {
    let server = TestServer::with(no_limits_on_addresses).await;
    let paths = ["/oauth2/token", "/oauth2/introspect", "/oauth2/revoke"];
    let ask = async |path: &str, secret: &str| {
        let call = server.post(path).basic(seeds::ROBOT, secret);
        call.form(&[MACHINE, ("token", "x")]).send().await
    };
    for number in 0..10 {
        assert_eq!(ask(paths[number % 3], "x").await.status, 401);
    }
    for path in paths {
        assert_eq!(wait(ask(path, &seeds::secret(seeds::ROBOT)).await), 600, "{path}");
    }
}

#[tokio::test]
async fn te9_failed_assertions_count_like_wrong_secrets() {
    let server = TestServer::with(no_limits_on_addresses).await;
    let (key, stranger) = (Signer::registered(&server).await, Signer::new(brama_jose::Algorithm::Es256));
    for _ in 0..10 {
        let forged = stranger.assertion(&server, serde_json::json!({}));
        assert_eq!(signer::ask(&server, &forged).await.status, 400);
    }
    assert_eq!(wait(signer::ask(&server, &key.assertion(&server, serde_json::json!({}))).await), 600);
}

/// TH-3: no burst gets more looks than the limit.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn te9_th3_of_500_guesses_at_once_ten_are_looked_at() {
    let server = Arc::new(TestServer::with(no_limits_on_addresses).await);
    let guesses: Vec<_> = (0..500)
        .map(|_| {
            let server = Arc::clone(&server);
            tokio::spawn(async move { wrong(&server, HERE).await.status.as_u16() })
        })
        .collect();
    let mut looked_at = 0;
    for guess in guesses {
        match guess.await.unwrap() {
            401 => looked_at += 1,
            429 | 503 => {}
            other => panic!("{other}"),
        }
    }
    assert!((1..=10).contains(&looked_at), "{looked_at}");
}

#[tokio::test]
async fn te9_th11_without_the_store_no_failure_goes_uncounted() {
    let server = TestServer::with(|options| options.storage = Storage::Disk).await;
    assert_eq!(right(&server, HERE).await.status, 200);
    rows::execute(&server, "ALTER TABLE throttle RENAME TO elsewhere");
    assert_eq!(wrong(&server, HERE).await.expect_error(503, "temporarily_unavailable").status, 503);
    assert_eq!(right(&server, HERE).await.status, 200);
    rows::execute(&server, "ALTER TABLE elsewhere RENAME TO throttle");
    assert_eq!(wrong(&server, HERE).await.status, 401);
}

/// TH-11: a flood of guesses is a few counters, and what is refused is refused from memory.
#[tokio::test]
async fn te9_th11_a_flood_of_guesses_is_a_few_counters() {
    let server = TestServer::with(|options| options.storage = Storage::Disk).await;
    let before = rows::dump(&server);
    for number in 0..1000 {
        let reply = ask(&server, HERE, &format!("client-{number}"), "x").await;
        assert!(matches!(reply.status.as_u16(), 401 | 429), "{reply}");
    }
    let after = rows::dump(&server);
    let added: usize = after.iter().map(|(table, rows)| rows.len() - before[table].len()).sum();
    assert_eq!(added, after["throttle"].len());
    // Thirty clients here and from everywhere, the address, its network.
    assert_eq!(after["throttle"].len(), 62);
    rows::execute(&server, "ALTER TABLE throttle RENAME TO elsewhere");
    assert_eq!(wait(ask(&server, HERE, "client-1000", "x").await), 600);
}
