//! Nodes hear of changes at once, and look for them while they cannot hear.

use std::time::{Duration, Instant};

use brama_postgres_cluster::Cluster;
use brama_store::catalog::Catalog as _;
use brama_store::client::Clients as _;
use brama_store_postgres::PostgresStore;

use crate::world::{client, database, open};

const LISTENERS: &str =
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query = 'LISTEN brama_catalog'";

/// Until the node listens.
async fn listening(url: &str, nodes: &str) {
    let began = Instant::now();
    while Cluster::shared().sql(url, LISTENERS) != nodes {
        assert!(began.elapsed() < Duration::from_secs(20), "it never listens");
        tokio::task::yield_now().await;
    }
}

/// How long it takes `node` to notice what `change` does, looking when it is told to.
async fn noticed(node: &PostgresStore, change: impl Future<Output = ()>) -> Duration {
    let before = node.catalog_version().await.unwrap();
    let looking = async {
        while node.catalog_version().await.unwrap() == before {
            node.catalog_hint().await;
        }
        Instant::now()
    };
    let changing = async {
        change.await;
        Instant::now()
    };
    let (seen, changed) = tokio::join!(looking, changing);
    seen.saturating_duration_since(changed)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn another_node_hears_of_a_change() {
    let url = database().await;
    let (first, second) = (open(&url).await, open(&url).await);
    listening(&url, "2").await;
    // What was told when it began to listen is used up.
    second.catalog_hint().await;
    for name in ["a", "b", "c"] {
        let took = noticed(&second, async { first.declare_client(client(name)).await.unwrap() }).await;
        assert!(took < Duration::from_secs(1), "{took:?}");
    }
    // By hand, too.
    let sql = "UPDATE client SET enabled = false WHERE id = 'a'";
    let took = noticed(&second, async { drop(Cluster::shared().sql(&url, sql)) }).await;
    assert!(took < Duration::from_secs(1), "{took:?}");
}

/// The connection that listens is cut again and again, and the changes come meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_change_is_seen_while_the_listener_is_cut_off() {
    let url = database().await;
    let (first, second) = (open(&url).await, open(&url).await);
    listening(&url, "2").await;
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
               WHERE datname = current_database() AND query = 'LISTEN brama_catalog'";
    for round in 0..6 {
        Cluster::shared().sql(&url, cut);
        let took =
            noticed(&second, async { first.declare_client(client(&format!("app-{round}"))).await.unwrap() }).await;
        assert!(took < Duration::from_secs(1), "round {round}: {took:?}");
    }
    // It listens again without being told.
    listening(&url, "2").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_that_changes_nothing_tells_nobody() {
    let url = database().await;
    let store = open(&url).await;
    store.declare_client(client("app")).await.unwrap();
    let before = store.catalog_version().await.unwrap();
    Cluster::shared().sql(&url, "UPDATE client SET enabled = false WHERE id = 'nobody'; DELETE FROM client_secret");
    assert_eq!(store.catalog_version().await.unwrap(), before);
    Cluster::shared().sql(&url, "DELETE FROM client");
    assert!(store.catalog_version().await.unwrap() > before);
}
