//! The same thing asked of several nodes at the same time.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use brama_postgres_cluster::Cluster;
use http::Method;

use crate::site::{Site, eventually};
use crate::support::PASSWORD;
use crate::walk::{authorize, redeem, refresh, sign_in};

const ROUNDS: usize = 8;
const AT_ONCE: usize = 40;

/// REFRESH-03: processes that share nothing but the database.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_refreshes_of_one_cookie_have_one_successor() {
    let database = Cluster::shared().create_database();
    let site = Site::new(&database, 3, "").with_apps();
    let _nodes = site.start_all();
    let mut browser = site.browser();
    browser.login("olena", PASSWORD).await.unwrap().expect(200);
    for round in 0..ROUNDS {
        let mut tabs = Vec::new();
        for tab in 0..AT_ONCE {
            let mut browser_of_tab = site.browser_at(tab % 3);
            browser_of_tab.jar = browser.jar.clone();
            tabs.push(tokio::spawn(async move {
                browser_of_tab.rotate().await.unwrap().expect(200);
                browser_of_tab.jar
            }));
        }
        let mut after = BTreeSet::new();
        for tab in tabs {
            after.insert(tab.await.unwrap());
        }
        assert_eq!(after.len(), 1, "round {round}");
        let after = after.into_iter().next().unwrap();
        assert_ne!(after, browser.jar, "round {round}");
        browser.jar = after;
    }
    // One row is the whole family, and one number in it says which token lives.
    let families = "SELECT string_agg(generation::text, ', ') FROM app_grant WHERE revoked_at IS NULL";
    assert_eq!(Cluster::shared().sql(&database, families), ROUNDS.to_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_code_is_redeemed_once() {
    let site = Site::new(&Cluster::shared().create_database(), 3, "").with_apps();
    let (own, cli) = (site.url(), site.add_cli());
    let _nodes = site.start_all();
    let mut browser = site.browser();
    let page = authorize(&mut browser, &own, &cli).await.unwrap().here();
    let mut code = sign_in(&mut browser, &own, &page, "olena").await.unwrap().code();
    for round in 0..ROUNDS {
        let mut apps = Vec::new();
        for node in 0..3 {
            let (mut wire, cli, code) = (site.wire_to(node), cli.clone(), code.clone());
            apps.push(tokio::spawn(async move { redeem(&mut wire, &cli, &code).await.unwrap() }));
        }
        let mut won = Vec::new();
        for app in apps {
            let answer = app.await.unwrap();
            if answer.status == 200 {
                won.push(answer.text("refresh_token"));
            } else {
                assert_eq!(answer.expect(400).text("error"), "invalid_grant", "round {round}");
            }
        }
        assert_eq!(won.len(), 1, "round {round}");
        // The others presented it in full: nobody knows who is the thief. AZ-30.
        refresh(&mut site.wire(), &cli, &won[0]).await.unwrap().expect(400);
        code = authorize(&mut browser, &own, &cli).await.unwrap().code();
    }
}

/// TH-1: whoever guesses gets no further by asking other nodes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_on_all_nodes_add_up() {
    let site = Site::new(&Cluster::shared().create_database(), 3, "account_free = 5\n").with_apps();
    let _nodes = site.start_all();
    let mut browser = site.browser();
    for attempt in 0..5 {
        let answer = browser.login("olena", "not-the-password-4821").await.unwrap();
        assert_eq!(answer.status, 401, "attempt {attempt}");
    }
    for node in 0..3 {
        let answer = site.browser_at(node).login("olena", PASSWORD).await.unwrap().expect(429);
        assert!(answer.header("retry-after").is_some(), "node {node}");
    }
    // Many guesses at the same time are no way around it either.
    site.add_user("taras");
    let mut guesses = Vec::new();
    for guess in 0..24 {
        let mut browser = site.browser_at(guess % 3);
        guesses
            .push(tokio::spawn(async move { browser.login("taras", "not-the-password-4821").await.unwrap().status }));
    }
    let mut looked_at = 0;
    for guess in guesses {
        match guess.await.unwrap() {
            401 => looked_at += 1,
            429 | 503 => {}
            other => panic!("{other}"),
        }
    }
    assert!((1..=5).contains(&looked_at), "{looked_at} passwords were looked at");
}

/// Three nodes start on nothing at the same moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_database_is_set_up_once() {
    for round in 0..4 {
        let database = Cluster::shared().create_database();
        let site = Site::new(&database, 3, "");
        let began = Instant::now();
        let nodes = site.start_all();
        // Each algorithm gets its key, and soon after the next one; all nodes end up with the same.
        eventually(Duration::from_secs(30), || async {
            let mut documents = BTreeSet::new();
            for node in 0..3 {
                let mut wire = site.wire_to(node);
                let answer = wire.send(Method::GET, "/oauth2/jwks", &[], "").await.unwrap().expect(200);
                let keys = answer.json()["keys"].as_array().unwrap().len();
                assert!((2..=4).contains(&keys), "round {round}, node {node}: {answer:?}");
                documents.insert((keys, answer.body.to_vec()));
            }
            documents.len() == 1 && documents.iter().all(|(keys, _)| *keys == 4)
        })
        .await;
        let by_state = "SELECT string_agg(alg || CASE WHEN activated_at IS NULL THEN ' next' ELSE '' END, ', '
             ORDER BY alg, activated_at NULLS LAST) FROM signing_key";
        let stored = Cluster::shared().sql(&database, by_state);
        assert_eq!(stored, "ES256, ES256 next, RS256, RS256 next", "round {round}");
        let steps = "SELECT count(*) = count(DISTINCT version) AND count(*) > 0 FROM schema_migration";
        assert_eq!(Cluster::shared().sql(&database, steps), "t");
        drop(nodes);
        assert!(began.elapsed().as_secs() < 60);
    }
}
