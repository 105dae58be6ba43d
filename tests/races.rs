//! Many at once: one winner, nobody signed out, no limit overrun. AZ-29, AZ-30, TE-26, TH-3, SE-14.

use std::collections::BTreeSet;
use std::sync::Arc;

use brama_store::user::UserStatus;
use brama_testkit::{Answer, Browser, RelyingParty, Reply, Storage, TestServer, html, seeds};
use serde_json::json;

use crate::support::{DEMO_RT, SESSION, Tokens, logged_in, signed_in_to};

pub(crate) async fn server() -> Arc<TestServer> {
    let server = TestServer::with(|options| {
        options.storage = Storage::Disk;
        options.unlimited_addresses();
    });
    Arc::new(server.await)
}

/// Run it so many times at once.
pub(crate) async fn at_once<F>(count: usize, one: impl Fn(usize) -> F) -> Vec<Reply>
where
    F: Future<Output = Reply> + Send + 'static,
{
    let tasks: Vec<_> = (0..count).map(|number| tokio::spawn(one(number))).collect();
    let mut replies = Vec::new();
    for task in tasks {
        replies.push(task.await.unwrap());
    }
    replies
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn az29_az30_of_64_redemptions_one_wins_and_the_others_end_what_it_got() {
    let server = server().await;
    let shop = RelyingParty::shop();
    let code = Browser::new(&server).sign_in_for(&shop).await.code().to_owned();
    let replies = at_once(64, |_| {
        let (server, shop, code) = (Arc::clone(&server), shop.clone(), code.clone());
        async move { shop.redeem(&server, &code).await }
    })
    .await;
    let (won, lost): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.status == 200);
    assert_eq!(won.len(), 1);
    assert!(lost.iter().all(|reply| reply.status == 400 && reply.member("error") == "invalid_grant"));
    let tokens = Tokens::of(won[0]);
    assert_eq!(shop.refresh(&server, &tokens.refresh).await.expect_error(400, "invalid_grant").status, 400);
    assert_eq!(server.get("/userinfo").bearer(&tokens.access).send().await.status, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn te26_64_tabs_refresh_at_once_and_share_one_cookie() {
    let server = server().await;
    let jar = {
        let browser = logged_in(&server).await;
        format!("{SESSION}={}; {DEMO_RT}={}", browser.jar.get(SESSION).unwrap(), browser.jar.get(DEMO_RT).unwrap())
    };
    let replies = at_once(64, |number| {
        let (server, jar) = (Arc::clone(&server), jar.clone());
        async move {
            // Some of them know only GET.
            let call = if number % 4 == 0 { server.get("/api/auth/refresh") } else { server.post("/api/auth/refresh") };
            call.script(seeds::APP_ORIGIN, "same-site").cookie(&jar).send().await
        }
    })
    .await;
    assert!(replies.iter().all(|reply| reply.status == 200), "nobody is signed out");
    let cookies: BTreeSet<String> = replies.iter().filter_map(|reply| reply.cookie_value(DEMO_RT)).collect();
    assert_eq!(cookies.len(), 1, "one successor");
    let next = server.post("/api/auth/refresh").cookie(&format!("{DEMO_RT}={}", cookies.first().unwrap()));
    assert_eq!(next.send().await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn te26_64_refreshes_in_the_body_share_one_successor() {
    let server = server().await;
    for app in [RelyingParty::cli(), RelyingParty::shop()] {
        let first = signed_in_to(&server, &app).await.refresh;
        let replies = at_once(64, |_| {
            let (server, app, first) = (Arc::clone(&server), app.clone(), first.clone());
            async move { app.refresh(&server, &first).await }
        })
        .await;
        let successors: BTreeSet<String> = replies.iter().map(|reply| Tokens::of(reply).refresh).collect();
        assert_eq!(successors.len(), 1);
        assert_eq!(app.refresh(&server, successors.first().unwrap()).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn th3_of_500_guesses_at_once_five_reach_the_hasher() {
    let server = Arc::new(TestServer::with(|options| options.unlimited_addresses()).await);
    let replies = at_once(500, |number| {
        let server = Arc::clone(&server);
        async move {
            let body = json!({"username": seeds::OLENA, "password": format!("guess {number}")});
            let peer = format!("192.0.{}.{}", number / 250, number % 250);
            server.post("/api/auth/login").peer(&peer).json(&body).send().await
        }
    })
    .await;
    // Only a compared password is 401.
    assert_eq!(replies.iter().filter(|reply| reply.status == 401).count(), 5);
    let waiting: Vec<_> = replies.iter().filter(|reply| reply.status == 429).collect();
    assert!(waiting.len() == 495 && waiting.iter().all(|reply| reply.header("retry-after").is_some()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn se14_a_refresh_in_flight_while_the_user_is_disabled_gives_nothing_usable() {
    let server = server().await;
    for _ in 0..5 {
        let cli = RelyingParty::cli();
        let first = signed_in_to(&server, &cli).await.refresh;
        let disabling = {
            let server = Arc::clone(&server);
            tokio::spawn(async move { seeds::set_status(&server, seeds::OLENA, UserStatus::Disabled).await })
        };
        let replies = at_once(32, |_| {
            let (server, cli, first) = (Arc::clone(&server), cli.clone(), first.clone());
            async move { cli.refresh(&server, &first).await }
        })
        .await;
        disabling.await.unwrap();
        for reply in replies.iter().filter(|reply| reply.status == 200) {
            let tokens = Tokens::of(reply);
            assert_eq!(cli.refresh(&server, &tokens.refresh).await.status, 400);
            assert_eq!(server.get("/userinfo").bearer(&tokens.access).send().await.status, 401);
        }
        seeds::set_status(&server, seeds::OLENA, UserStatus::Active).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn az29_one_authorization_is_answered_with_one_code() {
    let server = server().await;
    let shop = RelyingParty::shop();
    let mut browser = Browser::new(&server);
    browser.sign_in_for(&shop).await;
    // A request that waits for consent, allowed sixteen times at once.
    let page = browser.authorize(&shop, &[("prompt", "consent")]).await.page();
    let form = html::form(page.text(), "/consent").unwrap();
    let jar: Vec<String> =
        browser.jar.names().iter().map(|name| format!("{name}={}", browser.jar.get(name).unwrap())).collect();
    let jar = jar.join("; ");
    let fields: Vec<(String, String)> =
        form.fields.clone().into_iter().chain([("decision".to_owned(), "allow".to_owned())]).collect();
    at_once(16, |_| {
        let (server, jar, fields) = (Arc::clone(&server), jar.clone(), fields.clone());
        async move {
            let fields: Vec<(&str, &str)> =
                fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            server.post("/consent").cookie(&jar).form(&fields).send().await
        }
    })
    .await;
    let tx = form.fields["tx"].clone();
    let replies = at_once(16, |_| {
        let (server, jar, tx) = (Arc::clone(&server), jar.clone(), tx.clone());
        async move { server.get(&format!("/continue?tx={tx}")).cookie(&jar).send().await }
    })
    .await;
    let codes: BTreeSet<String> = replies
        .iter()
        .filter(|reply| reply.location().starts_with(seeds::SHOP_REDIRECT))
        .filter_map(|reply| Answer::parse(reply.location()).get("code").map(ToOwned::to_owned))
        .collect();
    // Each code answers a request of its own: the first this one, others one that was begun again. All are good once.
    assert!(!codes.is_empty());
    for code in &codes {
        assert_eq!(shop.redeem(&server, code).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a8_refreshes_and_a_sign_out_at_once_leave_nothing_alive() {
    let server = server().await;
    for _ in 0..10 {
        let jar = {
            let browser = logged_in(&server).await;
            format!("{SESSION}={}; {DEMO_RT}={}", browser.jar.get(SESSION).unwrap(), browser.jar.get(DEMO_RT).unwrap())
        };
        let replies = at_once(16, |number| {
            let (server, jar) = (Arc::clone(&server), jar.clone());
            async move {
                let path = if number == 8 { "/api/auth/logout" } else { "/api/auth/refresh" };
                server.post(path).cookie(&jar).send().await
            }
        })
        .await;
        assert_eq!(replies[8].status, 204);
        for cookie in replies.iter().filter_map(|reply| reply.cookie_value(DEMO_RT)) {
            assert_eq!(
                server.post("/api/auth/refresh").cookie(&format!("{DEMO_RT}={cookie}")).send().await.status,
                401
            );
        }
    }
}
