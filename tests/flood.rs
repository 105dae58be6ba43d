//! Floods of people who are not signed in: bounded rows, nothing written for what is refused, and nobody who is signed
//! in notices. TH-9, TH-10, TH-11, TH-13.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use brama_testkit::{Browser, RelyingParty, Reply, Storage, TestServer, html, rows, seeds};
use serde_json::json;

use crate::support::{DEMO_RT, SESSION, Tokens, assert_no_cookies, assert_unchanged, logged_in, signed_in_to};

/// Where the flood comes from; others share its network.
const HERE: &str = "192.0.2.10";
/// Authorizations of an address in a minute.
const FREE: usize = 300;

async fn on_disk() -> TestServer {
    TestServer::with(|options| options.storage = Storage::Disk).await
}

/// Rows of each table.
fn counts(server: &TestServer) -> BTreeMap<String, usize> {
    rows::dump(server).into_iter().map(|(table, rows)| (table, rows.len())).collect()
}

/// What was added since.
fn added(server: &TestServer, before: &BTreeMap<String, usize>) -> BTreeMap<String, usize> {
    let now = counts(server);
    let more = now.iter().map(|(table, rows)| (table.clone(), rows - before[table]));
    more.filter(|(_, rows)| *rows > 0).collect()
}

async fn authorize(server: &TestServer, peer: &str) -> Reply {
    let target = RelyingParty::shop().authorize_url(&[]);
    server.get(&target).peer(peer).send().await
}

/// 429 with the wait in seconds.
fn wait(reply: &Reply) -> i64 {
    assert_eq!(reply.status, 429, "{reply}");
    assert_no_cookies(reply);
    reply.header("retry-after").unwrap().parse().unwrap()
}

#[tokio::test]
async fn th13_an_address_begins_so_many_sign_ins_a_minute_and_each_is_one_row() {
    let server = on_disk().await;
    let before = counts(&server);
    for _ in 0..FREE {
        assert_eq!(authorize(&server, HERE).await.status, 303);
    }
    server.clock.advance_seconds(20);
    for _ in 0..100 {
        let reply = authorize(&server, HERE).await;
        assert_eq!(wait(&reply), 40);
        // A page, and never the way back to the app: it would try again at once.
        assert!(reply.text().contains("<html") && reply.header("location").is_none(), "{reply}");
    }
    assert_eq!(added(&server, &before), BTreeMap::from([("authorization".to_owned(), FREE)]));
    assert_eq!(authorize(&server, "192.0.2.11").await.status, 303);
    server.clock.advance_seconds(40);
    assert_eq!(authorize(&server, HERE).await.status, 303);
}

#[tokio::test]
async fn th13_pages_of_others_begin_again_within_the_same_limit() {
    let server = on_disk().await;
    let page = authorize(&server, HERE).await.location().to_owned();
    let before = counts(&server);
    for number in 1..FREE + 50 {
        // Without the cookie of its browser, each visit begins another one.
        let reply = server.get(&page).peer(HERE).send().await;
        assert_eq!(reply.status, if number < FREE { 200 } else { 429 }, "{number}: {reply}");
    }
    assert_eq!(added(&server, &before)["authorization"], FREE - 1);
}

#[tokio::test]
async fn th13_th10_a_network_of_addresses_is_bounded_too() {
    let server = on_disk().await;
    let before = counts(&server);
    let mut refused = 0;
    for number in 0..4000 {
        let reply = authorize(&server, &format!("192.0.2.{}", number % 200)).await;
        refused += usize::from(reply.status == 429);
    }
    assert_eq!((refused, added(&server, &before)["authorization"]), (4000 - 10 * FREE, 10 * FREE));
}

#[tokio::test]
async fn th13_who_is_signed_in_is_not_counted_with_the_strangers_of_the_address() {
    let server = on_disk().await;
    let mut browser = Browser::at(&server, HERE);
    assert_eq!(browser.log_in(seeds::OLENA, seeds::PASSWORD).await.status, 200);
    let demo = RelyingParty::demo();
    let tokens = Tokens::of(&{
        let code = browser.authorize(&demo, &[]).await;
        demo.redeem(&server, browser.complete(code).await.code()).await
    });
    for _ in 0..FREE + 1 {
        authorize(&server, HERE).await;
    }
    assert_eq!(authorize(&server, HERE).await.status, 429);
    // Another app in the same session, and everything that needs no page.
    for _ in 0..5 {
        let landing = browser.authorize(&demo, &[]).await;
        assert!(!browser.complete(landing).await.code().is_empty());
    }
    assert_eq!(browser.post_json(seeds::APP_ORIGIN, "/api/auth/refresh", None).await.status, 200);
    assert_eq!(server.get("/userinfo").peer(HERE).bearer(&tokens.access).send().await.status, 200);
    assert_eq!(server.get("/oauth2/jwks").peer(HERE).send().await.status, 200);
}

#[tokio::test]
async fn th13_a_session_has_the_same_limit_of_its_own() {
    let server = on_disk().await;
    let browser = logged_in(&server).await;
    let cookie = format!("{SESSION}={}", browser.jar.get(SESSION).unwrap());
    let target = RelyingParty::demo().authorize_url(&[]);
    let before = counts(&server);
    for number in 0..FREE + 50 {
        // From wherever it comes.
        let call = server.get(&target).peer(&format!("198.51.{number}.1", number = number % 256)).cookie(&cookie);
        let reply = call.send().await;
        assert_eq!(reply.status, if number < FREE { 303 } else { 429 }, "{number}: {reply}");
    }
    assert_eq!(added(&server, &before)["authorization"], FREE);
}

#[tokio::test]
async fn th13_exempt_addresses_are_not_counted() {
    let server = TestServer::with(|options| {
        options.proxies.exempt = vec!["192.0.2.0/24".parse().unwrap()];
        options.settings.throttle.authorize_per_minute = 1;
    })
    .await;
    for _ in 0..5 {
        assert_eq!(authorize(&server, HERE).await.status, 303);
    }
    assert_eq!(authorize(&server, "198.51.100.1").await.status, 303);
    assert_eq!(authorize(&server, "198.51.100.1").await.status, 429);
}

#[tokio::test]
async fn th13_behind_a_proxy_the_address_of_the_client_counts() {
    let server = TestServer::with(|options| {
        options.proxies.proxies = vec!["10.0.0.1/32".parse().unwrap()];
        options.settings.throttle.authorize_per_minute = 1;
    })
    .await;
    let target = RelyingParty::shop().authorize_url(&[]);
    let ask = async |client: &str| {
        server.get(&target).peer("10.0.0.1").header("x-forwarded-for", client).send().await.status.as_u16()
    };
    assert_eq!([ask("192.0.2.1").await, ask("192.0.2.1").await, ask("192.0.2.2").await], [303, 429, 303]);
}

async fn guess(server: &TestServer, name: &str) -> Reply {
    server.post("/api/auth/login").peer(HERE).json(&json!({"username": name, "password": "wrong"})).send().await
}

#[tokio::test]
async fn th11_a_flood_of_invented_names_is_a_few_counters_and_nothing_else() {
    let server = on_disk().await;
    let before = counts(&server);
    for number in 0..1000 {
        assert!(matches!(guess(&server, &format!("nobody-{number}")).await.status.as_u16(), 401 | 429));
    }
    // 30 names, the address twice, its network. No audit row: strangers do not write history.
    assert_eq!(added(&server, &before), BTreeMap::from([("throttle".to_owned(), 33)]));
}

#[tokio::test]
async fn th11_who_goes_on_although_refused_is_refused_from_memory() {
    let server = on_disk().await;
    for number in 0..240 {
        assert!(matches!(guess(&server, &format!("nobody-{number}")).await.status.as_u16(), 401 | 429));
    }
    // The database is not even asked.
    rows::execute(&server, "ALTER TABLE throttle RENAME TO elsewhere");
    for _ in 0..100 {
        assert_eq!(wait(&guess(&server, "nobody").await), 60);
    }
    let mut browser = Browser::at(&server, HERE);
    let page = browser.visit("/sign-in").await.page();
    let form = html::form(page.text(), "/sign-in").unwrap();
    let fields = [("username", seeds::OLENA), ("password", seeds::PASSWORD)];
    assert_eq!(browser.submit_step(&form, &fields).await.status, 429);
    // Elsewhere it is asked, and without it nobody signs in.
    let fields = json!({"username": seeds::OLENA, "password": seeds::PASSWORD});
    assert_eq!(server.post("/api/auth/login").peer("198.51.100.1").json(&fields).send().await.status, 503);
    server.clock.advance_seconds(60);
    rows::execute(&server, "ALTER TABLE elsewhere RENAME TO throttle");
    // Its 30 failures are remembered.
    assert!(wait(&guess(&server, "nobody").await) > 60);
}

/// Beyond what can be hashed, a sign-in costs the database nothing: it is not even counted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pw20_the_surplus_of_sign_ins_writes_nothing() {
    let server = TestServer::with(|options| {
        options.storage = Storage::Disk;
        options.hashing.queue = 1;
    })
    .await;
    let before = rows::dump(&server);
    let places: Vec<_> = (0..2).map(|_| server.deployment.hashing.place().unwrap()).collect();
    for number in 0..100 {
        let reply = guess(&server, &format!("nobody-{number}")).await;
        assert_eq!(reply.header("retry-after"), Some("2"));
        assert_eq!(reply.expect_error(503, "temporarily_unavailable").status, 503);
    }
    assert_unchanged(&server, &before);
    drop(places);
    assert_eq!(guess(&server, "nobody").await.status, 401);
}

#[tokio::test]
async fn garbage_writes_nothing() {
    let server = on_disk().await;
    let shop = RelyingParty::shop();
    let tokens = signed_in_to(&server, &shop).await;
    let before = rows::dump(&server);
    let handle = |number: usize| format!("{number:0>43}");
    let session = format!("{SESSION}={}; {DEMO_RT}=brt_{}", handle(7), handle(8));
    for number in 0..100 {
        let random = handle(number);
        let replies = [
            server.get(&shop.authorize_url(&[("client_id", &format!("x{number}"))])).send().await,
            server.get(&shop.authorize_url(&[("redirect_uri", "https://evil.example/")])).send().await,
            server.get(&shop.authorize_url(&[("code_challenge", "x")])).send().await,
            shop.redeem(&server, &random).await,
            shop.refresh(&server, &format!("brt_{random}")).await,
            shop.refresh_with(&server, &tokens.refresh, &[("client_secret", &random)]).await,
            server.get("/userinfo").bearer(&random).send().await,
            server.post("/api/auth/refresh").script(seeds::APP_ORIGIN, "same-site").cookie(&session).send().await,
            server.get("/account").cookie(&session).send().await,
            server.get(&format!("/sign-in?tx=00000000-0000-7000-8000-{number:0>12}")).send().await,
        ];
        for reply in replies {
            assert!(!reply.status.is_server_error(), "{reply}");
        }
    }
    assert_unchanged(&server, &before);
}

/// More strangers at once than the queue of the database is long, while the database stands still.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_from_everywhere_does_not_take_the_place_of_refreshes() {
    const STRANGERS: u32 = 6000;
    let server = Arc::new(on_disk().await);
    let mut jars = Vec::new();
    for _ in 0..8 {
        let browser = logged_in(&server).await;
        let cookie = |name| format!("{name}={}", browser.jar.get(name).unwrap());
        jars.push(format!("{}; {}", cookie(SESSION), cookie(DEMO_RT)));
    }
    let lock = rows::hold(&server);
    let mut strangers = tokio::task::JoinSet::new();
    for number in 0..STRANGERS {
        let server = Arc::clone(&server);
        let [_, a, b, c] = number.to_be_bytes();
        strangers.spawn(async move { authorize(&server, &format!("10.{a}.{b}.{c}")).await });
    }
    // The surplus is told at once, by way of the app, whose address is known to be good.
    for _ in 0..STRANGERS - 1024 {
        let reply = strangers.join_next().await.unwrap().unwrap();
        assert!(reply.location().contains("error=temporarily_unavailable"), "{reply}");
    }
    let refreshes = async {
        let mut refreshing = tokio::task::JoinSet::new();
        for jar in jars {
            let server = Arc::clone(&server);
            refreshing.spawn(async move {
                server.post("/api/auth/refresh").script(seeds::APP_ORIGIN, "same-site").cookie(&jar).send().await
            });
        }
        refreshing.join_all().await
    };
    tokio::pin!(refreshes);
    // They wait for the database; none is refused because of the strangers.
    assert!(tokio::time::timeout(Duration::from_millis(300), &mut refreshes).await.is_err());
    drop(lock);
    assert!(refreshes.await.iter().all(|reply| reply.status == 200));
    // On a slow machine the database may have stood still for longer than they wait.
    while let Some(reply) = strangers.join_next().await {
        let reply = reply.unwrap();
        let (served, told) =
            (reply.location().starts_with("/sign-in"), reply.location().contains("temporarily_unavailable"));
        assert!(served || told, "{reply}");
    }
    assert!(authorize(&server, "192.0.2.9").await.location().starts_with("/sign-in"), "and it is over");
}

/// Back-pressure: what does not fit into the queue of the database is refused at once, the rest is done later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_refuses_at_once_and_says_when_to_come_back() {
    const AT_ONCE: usize = 6000;
    let server = Arc::new(on_disk().await);
    let browser = logged_in(&server).await;
    let cookie = |name| format!("{name}={}", browser.jar.get(name).unwrap());
    let jar = format!("{}; {}", cookie(SESSION), cookie(DEMO_RT));
    let lock = rows::hold(&server);
    let mut refreshing = tokio::task::JoinSet::new();
    for _ in 0..AT_ONCE {
        let (server, jar) = (Arc::clone(&server), jar.clone());
        refreshing.spawn(async move {
            server.post("/api/auth/refresh").script(seeds::APP_ORIGIN, "same-site").cookie(&jar).send().await
        });
    }
    let refused = |reply: &Reply| {
        assert_eq!(reply.status, 503, "{reply}");
        assert_no_cookies(reply);
        assert!(reply.header("retry-after").is_some_and(|wait| wait.parse::<u8>().is_ok_and(|wait| wait > 0)));
    };
    // The database has not moved yet: these were not held up by it.
    for _ in 0..AT_ONCE - 5000 {
        refused(&refreshing.join_next().await.unwrap().unwrap());
    }
    drop(lock);
    let mut refreshed = 0;
    while let Some(reply) = refreshing.join_next().await {
        match reply.unwrap() {
            reply if reply.status == 200 => refreshed += 1,
            reply => refused(&reply),
        }
    }
    assert!(refreshed >= 1000, "{refreshed}");
    // What was refused was not done: the same cookie goes on.
    let call = server.post("/api/auth/refresh").script(seeds::APP_ORIGIN, "same-site").cookie(&jar);
    assert_eq!(call.send().await.status, 200);
}
