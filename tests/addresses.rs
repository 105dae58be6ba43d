//! Whose request it is, and under which name this server answers. WH-15, WH-16, TH-10.

use brama_testkit::{Call, TestServer, seeds};
use http::Method;
use serde_json::json;

pub(crate) fn guess<'s>(server: &'s TestServer, number: usize) -> Call<'s> {
    server.post("/api/auth/login").json(&json!({"username": format!("nobody-{number}"), "password": "x"}))
}

/// Use up what an address may fail, each time at another account.
async fn exhaust(server: &TestServer, peer: &str, forwarded: Option<&str>) {
    for number in 0..30 {
        let call = guess(server, number).peer(peer).maybe("x-forwarded-for", forwarded);
        assert_eq!(call.send().await.status, 401, "{number}");
    }
}

#[tokio::test]
async fn wh15_a_spoofed_header_changes_nothing() {
    let server = TestServer::start().await;
    exhaust(&server, "192.0.2.10", None).await;
    for spoofed in ["203.0.113.9", "127.0.0.1", "192.0.2.10, 203.0.113.9", "unknown"] {
        for name in ["x-forwarded-for", "forwarded", "x-real-ip", "client-ip", "true-client-ip"] {
            let reply = guess(&server, 99).header(name, spoofed).send().await;
            assert_eq!(reply.status, 429, "{name}: {spoofed}");
        }
    }
    assert_eq!(guess(&server, 99).peer("198.51.100.7").send().await.status, 401);
}

#[tokio::test]
async fn wh15_a_trusted_proxy_speaks_for_its_clients() {
    let server = TestServer::with(|options| options.proxies.proxies = vec!["10.0.0.0/8".parse().unwrap()]).await;
    exhaust(&server, "10.0.0.1", Some("203.0.113.9")).await;
    let through = |forwarded: &str| guess(&server, 99).peer("10.0.0.1").header("x-forwarded-for", forwarded);
    assert_eq!(through("203.0.113.9").send().await.status, 429);
    assert_eq!(through("198.51.100.1, 203.0.113.9, 10.0.0.2").send().await.status, 429, "right to left");
    assert_eq!(through("203.0.113.9, 198.51.100.1").send().await.status, 401);
    assert_eq!(guess(&server, 99).peer("203.0.113.9").send().await.status, 429, "the same address without the proxy");
}

#[tokio::test]
async fn th10_a_v6_network_is_one_address() {
    let server = TestServer::start().await;
    for number in 0..30 {
        let call = guess(&server, number).peer(&format!("2001:db8:1:2::{number:x}"));
        assert_eq!(call.send().await.status, 401, "{number}");
    }
    assert_eq!(guess(&server, 99).peer("2001:db8:1:2:ffff::1").send().await.status, 429);
    assert_eq!(guess(&server, 99).peer("2001:db8:1:3::1").send().await.status, 401);
    // An IPv4 address in IPv6 dress is the IPv4 address.
    exhaust(&server, "192.0.2.77", None).await;
    assert_eq!(guess(&server, 99).peer("::ffff:192.0.2.77").send().await.status, 429);
}

#[tokio::test]
async fn th10_exempt_addresses_have_no_limit_of_their_own() {
    let server = TestServer::with(|options| options.proxies.exempt = vec!["192.0.2.0/24".parse().unwrap()]).await;
    exhaust(&server, "192.0.2.10", None).await;
    assert_eq!(guess(&server, 99).send().await.status, 401);
    // The account still has one.
    for _ in 0..5 {
        let call = server.post("/api/auth/login").json(&json!({"username": seeds::OLENA, "password": "x"}));
        assert_eq!(call.send().await.status, 401);
    }
    let call = server.post("/api/auth/login").json(&json!({"username": seeds::OLENA, "password": "x"}));
    assert_eq!(call.send().await.status, 429);
}

#[tokio::test]
async fn wh16_under_another_name_nothing_is_answered_but_the_health() {
    let server = TestServer::start().await;
    let token = brama_testkit::Browser::new(&server).log_in(seeds::OLENA, seeds::PASSWORD).await.member("access_token");
    for host in [
        "evil.example",
        "id.example.com:443",
        "id.example.com.",
        "id.example.com@evil.example",
        "localhost",
        "192.0.2.1",
    ] {
        for (method, path) in [
            (Method::GET, "/sign-in"),
            (Method::GET, "/oauth2/jwks"),
            (Method::GET, "/userinfo"),
            (Method::POST, "/api/auth/login"),
            (Method::POST, "/oauth2/token"),
            (Method::GET, "/nothing-here"),
            (Method::OPTIONS, "/api/auth/login"),
        ] {
            let reply = server.call(method, path).bearer(&token).host(Some(host)).send().await.expect(421);
            assert!(!reply.text().contains(host), "{reply}");
        }
        for path in ["/livez", "/readyz"] {
            assert_eq!(server.get(path).host(Some(host)).send().await.status, 200, "a load balancer asks by address");
        }
    }
    let twice = server.get("/sign-in").header("host", "evil.example").send().await;
    assert_eq!(twice.status, 421, "two Host headers: {twice}");
}
