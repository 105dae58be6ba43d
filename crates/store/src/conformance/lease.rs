//! Leases: one node at a time.

use super::fixture::{World, at, in_parallel};
use super::list;
use crate::lease::{Job, NodeId};

list!["lease":
    the_first_node_takes_it_and_keeps_it,
    another_node_takes_over_when_it_runs_out,
    of_many_nodes_at_once_one_takes_it,
    a_lease_taken_by_a_wrong_clock_holds_nobody_up,
];

async fn take(w: &World, node: u8, until: i64, now: i64) -> bool {
    w.store.take_lease(Job::Sweep, NodeId([node; 16]), at(until), at(now)).await.unwrap()
}

async fn the_first_node_takes_it_and_keeps_it(w: World) {
    assert!(take(&w, 1, 60, 0).await);
    assert!(!take(&w, 2, 90, 30).await);
    assert!(take(&w, 1, 90, 30).await, "its holder renews it");
    assert!(!take(&w, 2, 120, 60).await, "the renewal counts");
}

async fn another_node_takes_over_when_it_runs_out(w: World) {
    assert!(take(&w, 1, 60, 0).await);
    assert!(!take(&w, 2, 120, 59).await);
    assert!(take(&w, 2, 120, 60).await);
    assert!(!take(&w, 1, 120, 60).await);
}

async fn a_lease_taken_by_a_wrong_clock_holds_nobody_up(w: World) {
    // A node whose clock is a day ahead, and that is gone.
    assert!(take(&w, 1, 86_460, 86_400).await);
    assert!(take(&w, 2, 60, 0).await);
    assert!(!take(&w, 1, 90, 30).await);
}

async fn of_many_nodes_at_once_one_takes_it(w: World) {
    let taken = in_parallel(32, |n| {
        let store = w.store.clone();
        let node = NodeId([u8::try_from(n).unwrap(); 16]);
        async move { store.take_lease(Job::Sweep, node, at(60), at(0)).await.unwrap() }
    })
    .await;
    assert_eq!(taken.into_iter().filter(|taken| *taken).count(), 1);
}
