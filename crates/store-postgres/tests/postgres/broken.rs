//! Connections that break, answers that are lost, servers that do not answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use brama_postgres_cluster::Cluster;
use brama_store::Unavailable;
use brama_store::authorization::{Authorizations as _, Spend};
use brama_store::grant::{Grant, Grants as _, Presenter};
use brama_store::session::Sessions as _;
use brama_store_postgres::PostgresStore;

use crate::proxy::in_front_of;
use crate::world::{
    at, checked, code, database, generation, grant, new_grant, open, presentation, settings, signed_in,
};

const CUT_ALL: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                       WHERE datname = current_database() AND pid <> pg_backend_pid()";

/// Clients refresh as fast as they can while all connections are cut again and again. A token that was acknowledged is
/// the only successor, whatever was answered in between.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rotations_survive_connections_that_are_cut() {
    let url = database().await;
    let store = Arc::new(open(&url).await);
    let who = signed_in(&store, "olena").await;
    let done = Arc::new(AtomicBool::new(false));
    let mut clients = Vec::new();
    for _ in 0..16 {
        let (store, done, grant) = (Arc::clone(&store), Arc::clone(&done), grant(&store, &who).await);
        clients.push(tokio::spawn(async move {
            let (mut held, mut acknowledged, mut failed) = (0, 0, 0);
            while !done.load(Ordering::SeqCst) {
                match store.rotate(presentation(&grant, held, Presenter::PublicClient), at(1)).await {
                    Ok(came) => {
                        // The same token is asked for again after a failure; it has one successor.
                        assert_eq!(generation(&came), Some(held + 1), "{came:?}");
                        (held, acknowledged) = (held + 1, acknowledged + 1);
                    }
                    Err(Unavailable::Failed(_) | Unavailable::Busy) => failed += 1,
                    Err(corrupt) => panic!("{corrupt}"),
                }
            }
            (grant.id, held, acknowledged, failed)
        }));
    }
    for _ in 0..12 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        Cluster::shared().sql(&url, CUT_ALL);
    }
    done.store(true, Ordering::SeqCst);
    let mut failures = 0;
    for client in clients {
        let (grant, held, acknowledged, failed) = client.await.unwrap();
        assert!(acknowledged > 0);
        failures += failed;
        // Not opened again: it works.
        let (found, _) = store.find_grant(grant, at(1)).await.unwrap().unwrap();
        // The last answer may have been lost.
        assert!((held..=held + 1).contains(&found.lineage.generation), "{held} {found:?}");
    }
    assert!(failures > 0, "no connection was cut in the middle of a rotation");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_is_asked_again_when_its_answer_is_lost() {
    let (url, seen) = in_front_of(&database().await).await;
    let store = open(&url).await;
    let who = signed_in(&store, "olena").await;
    assert!(store.find_session(who.secret, at(1)).await.unwrap().is_some());
    seen.lose_the_next_answer();
    assert!(store.find_session(who.secret, at(1)).await.unwrap().is_some());
    assert!(seen.has_lost_it());
}

/// The code was spent and the answer was lost: it was we who spent it, so it is no replay.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn az30_a_lost_answer_is_no_replay() {
    let (url, seen) = in_front_of(&database().await).await;
    let mut settings = settings(&url);
    settings.pool_max = 1;
    let store = PostgresStore::open(&settings).await.unwrap();
    let who = signed_in(&store, "olena").await;
    // The statement is prepared, so that the next answer is the one about the code.
    let first = checked(&store, code(&store, &who).await).await;
    assert!(matches!(store.spend_code(first, new_grant(&who), at(1)).await.unwrap(), Spend::Now(_)));
    let code = checked(&store, code(&store, &who).await).await;
    let new = new_grant(&who);
    seen.lose_the_next_answer();
    let Spend::Now(given) = store.spend_code(code.clone(), new.clone(), at(1)).await.unwrap() else {
        panic!("it was taken for a replay");
    };
    assert!(seen.has_lost_it());
    assert_eq!(given.id, new.id);
    assert_eq!(store.find_grant(new.id, at(1)).await.unwrap().map(|(grant, _)| grant), Some(*given));
    // A real replay still is one.
    assert!(matches!(store.spend_code(code, new_grant(&who), at(1)).await.unwrap(), Spend::Already));
    assert!(store.find_grant(new.id, at(1)).await.unwrap().is_none());
}

/// The primary died with the answer, and the next one takes its time: nobody else can tell whether the code was spent by
/// this very call, so the call waits for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn az30_an_answer_that_is_lost_for_long_is_no_replay() {
    let (url, seen) = in_front_of(&database().await).await;
    let mut settings = settings(&url);
    (settings.pool_max, settings.connect_timeout) = (1, Duration::from_millis(200));
    let store = PostgresStore::open(&settings).await.unwrap();
    let who = signed_in(&store, "olena").await;
    let first = checked(&store, code(&store, &who).await).await;
    assert!(matches!(store.spend_code(first, new_grant(&who), at(1)).await.unwrap(), Spend::Now(_)));
    let code = checked(&store, code(&store, &who).await).await;
    let new = new_grant(&who);
    seen.lose_the_next_answer_and_fall_silent();
    let back = tokio::spawn({
        let seen = Arc::clone(&seen);
        async move {
            while !seen.has_lost_it() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            tokio::time::sleep(Duration::from_secs(3)).await;
            seen.fall_silent(false);
        }
    });
    let began = Instant::now();
    let spent = store.spend_code(code, new.clone(), at(1)).await;
    assert!(matches!(spent, Ok(Spend::Now(given)) if given.id == new.id));
    assert!(began.elapsed() >= Duration::from_secs(3), "it was away");
    back.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_does_not_answer_is_given_up_and_found_again() {
    let (url, seen) = in_front_of(&database().await).await;
    let mut settings = settings(&url);
    (settings.statement_timeout, settings.connect_timeout) = (Duration::from_millis(200), Duration::from_millis(200));
    settings.acquire_timeout = Duration::from_millis(500);
    let store = PostgresStore::open(&settings).await.unwrap();
    let who = signed_in(&store, "olena").await;
    seen.fall_silent(true);
    let began = Instant::now();
    for _ in 0..3 {
        let error = store.find_session(who.secret, at(1)).await.unwrap_err();
        assert!(matches!(error, Unavailable::Busy | Unavailable::Failed(_)), "{error}");
    }
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    seen.fall_silent(false);
    assert!(store.find_session(who.secret, at(1)).await.unwrap().is_some());
}

/// Somebody holds a lock for too long: the statement is given up, nothing is changed, and the next one works.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_that_takes_too_long_is_busy() {
    let url = database().await;
    let mut settings = settings(&url);
    settings.statement_timeout = Duration::from_millis(300);
    let store = PostgresStore::open(&settings).await.unwrap();
    let who = signed_in(&store, "olena").await;
    let grant = grant(&store, &who).await;
    let holding = tokio::task::spawn_blocking({
        let url = url.clone();
        move || Cluster::shared().sql(&url, "BEGIN; LOCK TABLE app_grant; SELECT pg_sleep(2); COMMIT")
    });
    let locked =
        "SELECT count(*) FROM pg_locks WHERE relation = 'app_grant'::regclass AND mode = 'AccessExclusiveLock'";
    while Cluster::shared().sql(&url, locked) == "0" {}
    let error = store.rotate(presentation(&grant, 0, Presenter::PublicClient), at(1)).await.unwrap_err();
    assert!(matches!(error, Unavailable::Busy), "{error}");
    holding.await.unwrap();
    let came = store.rotate(presentation(&grant, 0, Presenter::PublicClient), at(1)).await.unwrap();
    assert_eq!(generation(&came), Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_free_connection_in_time_is_busy() {
    let url = database().await;
    let mut settings = settings(&url);
    (settings.pool_max, settings.acquire_timeout) = (1, Duration::from_millis(100));
    let store = Arc::new(PostgresStore::open(&settings).await.unwrap());
    let who = signed_in(&store, "olena").await;
    let holding = tokio::task::spawn_blocking({
        let url = url.clone();
        move || Cluster::shared().sql(&url, "BEGIN; LOCK TABLE session; SELECT pg_sleep(1); COMMIT")
    });
    let locked = "SELECT count(*) FROM pg_locks WHERE relation = 'session'::regclass AND mode = 'AccessExclusiveLock'";
    while Cluster::shared().sql(&url, locked) == "0" {}
    let waiting = tokio::spawn({
        let (store, secret) = (Arc::clone(&store), who.secret);
        async move { store.find_session(secret, at(1)).await }
    });
    let asking = "SELECT count(*) FROM pg_locks WHERE relation = 'session'::regclass AND NOT granted";
    while Cluster::shared().sql(&url, asking) == "0" {}
    let error = store.find_session(who.secret, at(1)).await.unwrap_err();
    assert!(matches!(error, Unavailable::Busy), "{error}");
    assert!(waiting.await.unwrap().unwrap().is_some());
    holding.await.unwrap();
}

/// Two rotations in one statement, and somebody who locks the same rows the other way round: the server ends the wait by
/// ending the batch, and each is judged on its own.
#[tokio::test]
async fn a_batch_that_loses_against_another_transaction_is_done_again() {
    let url = database().await;
    let store = open(&url).await;
    let who = signed_in(&store, "olena").await;
    let (first, second) = (grant(&store, &who).await, grant(&store, &who).await);
    assert!(first.id.as_bytes() < second.id.as_bytes());
    let lock = |grant: &Grant| {
        let id: String = grant.id.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("UPDATE app_grant SET scope = scope WHERE id = '\\x{id}';")
    };
    // It waits after the batch does, so that the batch is the first to find out.
    let other = format!("BEGIN; {} SELECT pg_sleep(0.5); {} COMMIT", lock(&second), lock(&first));
    let other = tokio::task::spawn_blocking({
        let url = url.clone();
        move || Cluster::shared().sql(&url, &other)
    });
    let locked = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
    while Cluster::shared().sql(&url, locked) == "0" {}
    let (one, two) = tokio::join!(
        store.rotate(presentation(&first, 0, Presenter::PublicClient), at(1)),
        store.rotate(presentation(&second, 0, Presenter::PublicClient), at(1)),
    );
    assert_eq!((generation(&one.unwrap()), generation(&two.unwrap())), (Some(1), Some(1)));
    other.await.unwrap();
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    while Cluster::shared().sql(&url, deadlocks) == "0" {}
}
