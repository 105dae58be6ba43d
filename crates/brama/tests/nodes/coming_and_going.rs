//! Nodes that stop, nodes that die, and the work that others take over.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use brama_postgres_cluster::Cluster;
use brama_store::Leases as _;
use brama_store::lease::{Job, NodeId};
use brama_store_postgres::{PostgresStore, Settings};
use http::Method;
use jiff::{SignedDuration, Timestamp};

use crate::site::{Site, eventually};

/// How long a node that sweeps has the work to itself. `boot::sweep`.
const LEASE: SignedDuration = SignedDuration::from_secs(150);

/// Each request that is carried out leaves one row, so a request that was carried out and not answered would show. One
/// after the other the nodes are stopped and started again, as in an upgrade.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_are_stopped_under_load_lose_nothing_they_took() {
    let database = Cluster::shared().create_database();
    let site = Site::new(&database, 3, "").with_apps();
    let shop = format!(
        "/oauth2/authorize?client_id=shop&response_type=code&scope=openid&state=s&redirect_uri={}&code_challenge={}\
         &code_challenge_method=S256",
        form_urlencoded::byte_serialize(format!("{}/callback", site.url()).as_bytes()).collect::<String>(),
        brama_testkit::challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
    );
    let mut nodes = site.start_all();
    let done = Arc::new(AtomicBool::new(false));
    let mut apps = Vec::new();
    for _ in 0..6 {
        let (mut wire, done, shop) = (site.wire(), Arc::clone(&done), shop.clone());
        apps.push(tokio::spawn(async move {
            let (mut answered, mut turned_away) = (0u32, 0u32);
            while !done.load(Ordering::SeqCst) {
                match wire.send(Method::GET, &shop, &[("sec-fetch-site", "cross-site")], "").await {
                    Ok(answer) => {
                        let answer = answer.expect(303);
                        assert!(answer.header("location").unwrap().starts_with("/sign-in"), "{answer:?}");
                        answered += 1;
                    }
                    // The node is down, or was closing the connection: the next one is asked.
                    Err(_) => turned_away += 1,
                }
            }
            (answered, turned_away)
        }));
    }
    for (number, node) in nodes.iter_mut().enumerate() {
        tokio::time::sleep(Duration::from_millis(300)).await;
        node.terminate();
        assert_eq!(node.wait(Duration::from_secs(10)).code(), Some(0));
        tokio::time::sleep(Duration::from_millis(100)).await;
        *node = site.start(number);
    }
    done.store(true, Ordering::SeqCst);
    let (mut answered, mut turned_away) = (0, 0);
    for app in apps {
        let told = app.await.unwrap();
        (answered, turned_away) = (answered + told.0, turned_away + told.1);
    }
    assert!(answered > 300 && turned_away > 3, "{answered} answered, {turned_away} turned away");
    let carried_out = Cluster::shared().sql(&database, "SELECT count(*) FROM \"authorization\"");
    assert_eq!(carried_out, answered.to_string(), "a request was carried out and not answered");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_node_sweeps_and_another_one_when_it_is_gone() {
    let database = Cluster::shared().create_database();
    let site = Site::new(&database, 3, "").with_apps();
    let mut nodes: Vec<_> = (0..3).map(|node| site.start_with(node, &["--set", "log.level=debug"])).collect();
    let sweeps = |log: &str| (log.contains("swept="), log.contains("another node sweeps"));
    eventually(Duration::from_secs(20), || {
        let all = nodes.iter().all(|node| sweeps(&node.log()) != (false, false));
        async move { all }
    })
    .await;
    let by_each: Vec<_> = nodes.iter().map(|node| sweeps(&node.log())).collect();
    let holder = by_each.iter().position(|(swept, _)| *swept).expect("a node that sweeps");
    assert_eq!(by_each.iter().filter(|(swept, _)| *swept).count(), 1, "{by_each:?}");
    // The others look once a minute; here somebody else looks for them.
    nodes.remove(holder).kill();
    let store = PostgresStore::open(&Settings {
        url: database,
        pool_max: 2,
        connect_timeout: Duration::from_secs(3),
        acquire_timeout: Duration::from_secs(3),
        statement_timeout: Duration::from_secs(5),
        ca_file: None,
    })
    .await
    .unwrap();
    let (another, third) = (NodeId([2; 16]), NodeId([3; 16]));
    let take = async |node, now: Timestamp| store.take_lease(Job::Sweep, node, now + LEASE, now).await.unwrap();
    #[expect(clippy::disallowed_methods, reason = "the servers beside this test use the real clock")]
    let now = Timestamp::now();
    assert!(!take(another, now).await, "a lease outlives its holder for a while");
    assert!(take(another, now + LEASE).await);
    assert!(!take(third, now + LEASE).await);
}
