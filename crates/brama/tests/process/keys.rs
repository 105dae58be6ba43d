//! `brama key`: looking at signing keys, rotating them by hand, and removing one that has leaked, while the server runs.

use std::time::{Duration, Instant};

use http::Method;

use crate::support::{Answer, Browser, PASSWORD, Scratch, Server};

/// kid, alg and state of each key.
fn keys(scratch: &Scratch) -> Vec<[String; 3]> {
    let listed = scratch.run(&["key", "list", "--json", "-c", "brama.toml"]).succeeded();
    let read = |line: &str| {
        let key: serde_json::Value = serde_json::from_str(line).unwrap();
        ["kid", "alg", "state"].map(|member| key[member].as_str().unwrap().to_owned())
    };
    listed.stdout.lines().map(read).collect()
}

fn kid(keys: &[[String; 3]], alg: &str, state: &str) -> String {
    keys.iter().find(|key| key[1] == alg && key[2] == state).unwrap_or_else(|| panic!("{keys:?}"))[0].clone()
}

/// Wait until something is so.
macro_rules! until {
    ($wanted:expr) => {{
        let began = Instant::now();
        while !$wanted {
            assert!(began.elapsed() < Duration::from_secs(30), "it does not happen");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }};
}

async fn published(server: &Server) -> String {
    String::from_utf8(server.wire().get("/oauth2/jwks").await.expect(200).body.to_vec()).unwrap()
}

async fn me(server: &Server, token: &str) -> Answer {
    let bearer = format!("Bearer {token}");
    server.wire().send(Method::GET, "/api/auth/me", &[("authorization", &bearer)], "").await.unwrap()
}

#[tokio::test]
async fn tk21_keys_are_announced_rotated_and_removed_while_the_server_runs() {
    let scratch = Scratch::new().site("");
    scratch.add_user("olena");
    scratch.add_shop();
    let server = scratch.serve();
    // The next keys are announced without anybody doing anything.
    until!(keys(&scratch).len() == 4);
    let first = keys(&scratch);
    let [old, next] = ["active", "announced"].map(|state| kid(&first, "ES256", state));
    until!(published(&server).await.contains(&next));

    let mut browser = Browser::new(&scratch);
    let before = browser.login("olena", PASSWORD).await.unwrap().expect(200).text("access_token");
    me(&server, &before).await.expect(200);

    // They are too young to be used without being asked twice.
    scratch.run(&["key", "rotate", "-c", "brama.toml"]).refused(1, "B5302", &["announced at", "--now"]);
    assert_eq!(keys(&scratch), first);
    scratch.run(&["key", "rotate", "--alg", "PS256", "-c", "brama.toml"]).refused(1, "B5301", &["signing_algorithms"]);
    let rotated = scratch.run(&["key", "rotate", "--alg", "ES256", "--now", "-c", "brama.toml"]).succeeded();
    assert!(rotated.stderr.contains(&next), "{rotated:?}");
    let second = keys(&scratch);
    assert_eq!(kid(&second, "ES256", "active"), next);
    assert_eq!(kid(&second, "ES256", "retired"), old);
    assert_eq!(second.len(), 5, "and there is a next one again");
    let header = |token: &str| token.split('.').next().unwrap().to_owned();
    until!(header(&browser.rotate().await.unwrap().expect(200).text("access_token")) != header(&before));
    me(&server, &before).await.expect(200);

    // The retired one has leaked.
    scratch.run(&["key", "rm", "nobody", "--yes", "-c", "brama.toml"]).refused(1, "B5303", &["brama key list"]);
    scratch.run(&["key", "rm", &old, "-c", "brama.toml"]).refused(1, "B5304", &["--yes"]);
    me(&server, &before).await.expect(200);
    scratch.run(&["key", "rm", &old, "--yes", "-c", "brama.toml"]).succeeded();
    until!(me(&server, &before).await.status == 401);
    assert!(!published(&server).await.contains(&old));
    // And the one that signs.
    scratch.run(&["key", "rm", &next, "--yes", "-c", "brama.toml"]).succeeded();
    until!(!published(&server).await.contains(&next));
    let after = browser.rotate().await.unwrap().expect(200).text("access_token");
    me(&server, &after).await.expect(200);
}
