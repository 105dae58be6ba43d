//! What somebody changes by command, or in the configuration of one node, holds on all nodes within a second.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use brama_postgres_cluster::Cluster;
use brama_testkit::RelyingParty;
use http::Method;

use crate::site::{Site, eventually};
use crate::support::PASSWORD;
use crate::walk::{ask, token};

/// The promise.
const SOON: Duration = Duration::from_secs(1);

const DEAFEN: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                      WHERE datname = current_database() AND query LIKE 'LISTEN%'";

/// Whether a node knows the app.
async fn knows(site: &Site, node: usize, id: &str) -> bool {
    let target = format!("/oauth2/authorize?client_id={id}");
    let answer = site.wire_to(node).send(Method::GET, &target, &[("sec-fetch-site", "none")], "").await.unwrap();
    match answer.status {
        // The app is told what is missing.
        303 => true,
        400 => false,
        _ => panic!("{answer:?}"),
    }
}

async fn all_agree(site: &Site, id: &str, known: bool) -> Duration {
    eventually(SOON, || async {
        for node in 0..3 {
            if knows(site, node, id).await != known {
                return false;
            }
        }
        true
    })
    .await
}

fn add(site: &Site, id: &str) {
    let uri = format!("https://{id}.example.com/cb");
    site.run(&["client", "add", id, "--type", "browser", "--redirect-uri", &uri]).succeeded();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_that_is_added_or_removed() {
    let database = Cluster::shared().create_database();
    let site = Site::new(&database, 3, "").with_apps();
    let _nodes = site.start_all();
    // Every node has asked the database about it and remembers that there is none.
    all_agree(&site, "new", false).await;
    for round in 0..3 {
        add(&site, "new");
        all_agree(&site, "new", true).await;
        site.run(&["client", "rm", "new"]).succeeded();
        all_agree(&site, "new", false).await;
        if round == 0 {
            let heard = Cluster::shared().sql(&database, DEAFEN);
            assert_eq!(heard, "3", "every node listens");
        }
    }
    // None of them can listen for longer than a moment.
    let done = Arc::new(AtomicBool::new(false));
    let deafening = std::thread::spawn({
        let done = Arc::clone(&done);
        move || {
            let mut times = 0;
            while !done.load(Ordering::SeqCst) {
                times += Cluster::shared().sql(&database, DEAFEN).parse::<u32>().unwrap();
            }
            times
        }
    });
    for _ in 0..3 {
        add(&site, "new");
        all_agree(&site, "new", true).await;
        site.run(&["client", "rm", "new"]).succeeded();
        all_agree(&site, "new", false).await;
    }
    done.store(true, Ordering::SeqCst);
    assert!(deafening.join().unwrap() > 3, "nobody was listening");
}

/// A secret that was valid on every node is not after its client was removed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_is_removed_gets_no_more_tokens() {
    let site = Site::new(&Cluster::shared().create_database(), 3, "").with_apps();
    let secret = site.add_client(&["robot", "--type", "service", "--scope", "api:read"]);
    let robot = RelyingParty { client_id: "robot".to_owned(), secret, ..site.add_cli() };
    let _nodes = site.start_all();
    let credentials = [("grant_type", "client_credentials")];
    for node in 0..3 {
        token(&mut site.wire_to(node), &robot, &credentials).await.unwrap().expect(200);
    }
    site.run(&["client", "rm", "robot"]).succeeded();
    eventually(SOON, || async {
        for node in 0..3 {
            if token(&mut site.wire_to(node), &robot, &credentials).await.unwrap().status == 200 {
                return false;
            }
        }
        true
    })
    .await;
}

/// Accounts are not kept in memory: it holds as soon as the command has ended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_is_locked() {
    let site = Site::new(&Cluster::shared().create_database(), 3, "").with_apps();
    let _nodes = site.start_all();
    let mut browser = site.browser();
    let access = browser.login("olena", PASSWORD).await.unwrap().expect(200).text("access_token");
    site.run(&["user", "lock", "olena"]).succeeded();
    for node in 0..3 {
        let mut same = site.browser_at(node);
        same.jar = browser.jar.clone();
        same.rotate().await.unwrap().expect(401);
        ask(&mut site.wire_to(node), "/api/auth/me", &access).await.unwrap().expect(401);
        same.login("olena", PASSWORD).await.unwrap().expect(401);
    }
    site.run(&["user", "unlock", "olena"]).succeeded();
    for node in 0..3 {
        site.browser_at(node).login("olena", PASSWORD).await.unwrap().expect(200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_that_one_node_declares() {
    let site = Site::new(&Cluster::shared().create_database(), 3, "").with_apps();
    let _others = [site.start(0), site.start(1)];
    assert!(!knows(&site, 0, "declared").await && !knows(&site, 1, "declared").await);
    let text = format!(
        "public_url = \"{}\"\ndata_dir = \"data\"\n\n[[clients]]\nid = \"declared\"\ntype = \"browser\"\n\
         redirect_uris = [\"https://declared.example.com/cb\"]\n",
        site.url()
    );
    site.write("declaring.toml", &text);
    let _declaring = site.start_declaring(2, "declaring.toml");
    all_agree(&site, "declared", true).await;
}
