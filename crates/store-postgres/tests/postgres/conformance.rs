//! The suite of `brama-store`: every case on a database of its own.

use std::cell::Cell;

use brama_postgres_cluster::Cluster;
use brama_store::conformance::run_all;

use crate::world::{open, template};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_case() {
    let cluster = Cluster::shared();
    let before = Cell::new(None);
    run_all(async |_| {
        let url = cluster.create_database_from(template().await);
        if let Some(before) = before.replace(Some(url.clone())) {
            cluster.drop_database(&before);
        }
        open(&url).await
    })
    .await;
}
