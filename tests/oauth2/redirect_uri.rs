//! Where answers may go: exactly registered addresses, and nothing else is ever redirected to. AZ-3 to AZ-9.

use brama_protocol::client::{Client, ClientType};
use brama_protocol::redirect_uri::RegisteredRedirectUri;
use brama_testkit::{Browser, Landing, RelyingParty, TestServer, html, seeds};

/// Our own page, status 400, naming this row of the error table; no redirect and no cookie.
async fn assert_on_page(server: &TestServer, target: &str, code: &str) {
    let reply = Browser::new(server).step(None, target).await.expect(400);
    assert!(reply.text().contains(code), "{code} is not named: {reply}");
    assert_eq!(reply.set_cookies(), [""; 0], "{reply}");
}

/// REDIR-04: upper and lower case were not told apart.
#[tokio::test]
async fn az4_only_the_registered_text_is_redirected_to() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    for uri in [
        "https://shop.example.net/cb/",
        "https://shop.example.net/cb/x",
        "https://shop.example.net/CB",
        "https://shop.example.net/x/../cb",
        "https://shop.example.net/./cb",
        "https://shop.example.net//cb",
        "https://shop.example.net/cb?x=1",
        "https://shop.example.net/cb?",
        "https://shop.example.net/cb#",
        "https://shop.example.net/cb#x",
        "https://shop.example.net/%63b",
        "https://shop.example.net/cb%00",
        "https://shop.example.net/cb%2e",
        "https://shop.example.net:443/cb",
        "https://shop.example.net:444/cb",
        "https://SHOP.example.net/cb",
        "https://shop.example.net./cb",
        "https://shop.example.net.evil.example/cb",
        "https://shop.example.net@evil.example/cb",
        "https://evil.example/cb?https://shop.example.net/cb",
        "https://user@shop.example.net/cb",
        "https://shop.example.net\\@evil.example/cb",
        "https:\\\\shop.example.net\\cb",
        "https://shop.exаmple.net/cb",
        "http://shop.example.net/cb",
        "HTTPS://shop.example.net/cb",
        "//shop.example.net/cb",
        "/cb",
        "javascript:alert(1)//shop.example.net/cb",
        "data:text/html,x",
        " https://shop.example.net/cb",
        "https://shop.example.net/cb\r\nset-cookie: a=b",
        "https://shop.example.net/cb https://evil.example/",
        "*",
    ] {
        assert_on_page(&server, &shop.authorize_url(&[("redirect_uri", uri)]), "B2104").await;
    }
}

#[tokio::test]
async fn az3_an_unknown_client_or_a_repeated_one_is_never_redirected() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    let disabled = Client { enabled: false, ..seeds::client("gone", ClientType::Web) };
    seeds::put_client(&server, disabled).await;
    let uri = seeds::SHOP_REDIRECT;
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[("client_id", "")], "B2101"),
        (&[("client_id", "nobody")], "B2101"),
        (&[("client_id", "gone")], "B2101"),
        (&[("client_id", "SHOP")], "B2101"),
        (&[("client_id", "shop ")], "B2101"),
        (&[("client_id", "'; DROP TABLE client; --")], "B2101"),
        (&[("client_id", "shop"), ("client_id", "shop")], "B2105"),
        (&[("client_id", "shop"), ("client_id", "cli")], "B2105"),
        (&[("redirect_uri", uri), ("redirect_uri", uri)], "B2105"),
        (&[("redirect_uri", uri), ("redirect_uri", "https://evil.example/")], "B2105"),
        (&[("redirect_uri", "")], "B2103"),
    ];
    for (changes, code) in cases {
        assert_on_page(&server, &shop.authorize_url(changes), code).await;
    }
}

#[tokio::test]
async fn az5_az6_a_loopback_port_is_free_and_nothing_else_is() {
    let server = TestServer::start().await;
    let cli = RelyingParty::cli();
    for uri in ["http://127.0.0.1/cb", "http://127.0.0.1:1/cb", "http://127.0.0.1:65535/cb", "com.example.cli:/cb"] {
        let landing = Browser::new(&server).visit(&cli.authorize_url(&[("redirect_uri", uri)])).await;
        assert_eq!(landing.page().status, 200, "{uri}");
    }
    for uri in [
        "https://127.0.0.1/cb",
        "http://127.0.0.1/cb/x",
        "http://127.0.0.1:80/CB",
        "http://127.0.0.1.evil.example/cb",
        "http://127.0.0.1@evil.example/cb",
        "http://127.0.0.1:80@evil.example/cb",
        "http://127.0.0.1:80:80/cb",
        "http://127.0.0.1:/cb",
        "http://127.0.0.1:99999/cb",
        "http://127.0.0.1:8o/cb",
        "http://127.0.0.2/cb",
        "http://0.0.0.0/cb",
        "http://127.1/cb",
        "http://2130706433/cb",
        "http://[::1]/cb",
        "http://localhost/cb",
        "com.example.cli:/cb/x",
        "com.example.cli://cb",
    ] {
        assert_on_page(&server, &cli.authorize_url(&[("redirect_uri", uri)]), "B2104").await;
    }
}

#[tokio::test]
async fn az6_localhost_has_a_free_port_only_for_native_apps() {
    let server = TestServer::start().await;
    for (client_type, free) in [(ClientType::Native, true), (ClientType::Web, false), (ClientType::Browser, false)] {
        let registered = RegisteredRedirectUri::parse("http://localhost:3000/cb").unwrap();
        seeds::put_client(&server, Client { redirect_uris: vec![registered], ..seeds::client("local", client_type) })
            .await;
        let app = RelyingParty { client_id: "local".to_owned(), ..RelyingParty::shop() };
        let exact = app.authorize_url(&[("redirect_uri", "http://localhost:3000/cb")]);
        assert_eq!(Browser::new(&server).visit(&exact).await.page().status, 200, "{client_type:?}");
        let other = app.authorize_url(&[("redirect_uri", "http://localhost:3001/cb")]);
        let status = Browser::new(&server).visit(&other).await.page().status;
        assert_eq!(status, if free { 200 } else { 400 }, "{client_type:?}");
        assert_on_page(
            &server,
            &app.authorize_url(&[("redirect_uri", "http://localhost.evil.example:3000/cb")]),
            "B2104",
        )
        .await;
        server.store.remove_client(&"local".parse().unwrap()).await.unwrap();
    }
}

#[tokio::test]
async fn az9_the_redirect_uri_may_be_left_out_only_where_there_is_no_choice() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    // One registration and no OpenID: it is known where the answer goes.
    let answer = Browser::new(&server)
        .visit(&shop.authorize_url(&[("redirect_uri", ""), ("scope", "profile"), ("prompt", "none")]))
        .await;
    assert!(answer.outside().starts_with(seeds::SHOP_REDIRECT));
    assert_on_page(&server, &shop.authorize_url(&[("redirect_uri", "")]), "B2103").await;
    // A loopback registration has no port of its own.
    assert_on_page(
        &server,
        &RelyingParty::cli().authorize_url(&[("redirect_uri", ""), ("scope", "offline_access")]),
        "B2103",
    )
    .await;
}

#[tokio::test]
async fn az33_a_registered_query_is_kept() {
    let server = TestServer::start().await;
    let registered = RegisteredRedirectUri::parse("https://q.example.net/cb?tenant=a%20b&x=1").unwrap();
    seeds::put_client(&server, Client { redirect_uris: vec![registered], ..seeds::client("query", ClientType::Web) })
        .await;
    let app = RelyingParty {
        client_id: "query".to_owned(),
        redirect_uri: "https://q.example.net/cb?tenant=a%20b&x=1".to_owned(),
        secret: Some(seeds::secret("query")),
        ..RelyingParty::shop()
    };
    let answer = Browser::new(&server).sign_in_for(&app).await;
    assert!(answer.url.starts_with("https://q.example.net/cb?tenant=a%20b&x=1&code="), "{}", answer.url);
    assert_eq!(answer.get("tenant"), Some("a b"));
    assert_eq!(app.redeem(&server, answer.code()).await.status, 200);
}

#[tokio::test]
async fn az12_the_error_page_repeats_nothing_that_was_sent() {
    let server = TestServer::start().await;
    let hostile = "https://evil.example/\"><script>alert(1)</script>";
    let url = RelyingParty::shop().authorize_url(&[("redirect_uri", hostile), ("state", hostile)]);
    let page = Browser::new(&server).visit(&url).await.page().expect(400);
    assert!(!page.text().contains("evil.example") && !page.text().contains("alert(1)"), "{page}");
    // WH-20: what the operator needs is in the log, not on the page.
    assert!(!page.text().contains("registered ["), "{page}");
    let dev = TestServer::with(|options| options.look.dev = true).await;
    let page = Browser::new(&dev).visit(&url).await.page().expect(400);
    assert!(page.text().contains("evil.example") && !page.text().contains("<script>alert(1)"), "{page}");
}

#[tokio::test]
async fn az3_the_way_back_is_taken_once_client_and_address_are_right() {
    let server = TestServer::start().await;
    let landing = Browser::new(&server).visit(&RelyingParty::shop().authorize_url(&[("response_type", "token")])).await;
    assert!(matches!(landing, Landing::Outside(_)), "{landing:?}");
}

/// A request that waits is held against the registration of the moment it goes on: what was taken away is gone.
#[tokio::test]
async fn az4_redir12_a_redirect_uri_that_was_removed_gets_no_code_of_an_older_request() {
    use brama_protocol::scope::Scope;
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    let client = server.store.find_client(&seeds::SHOP.parse().unwrap()).await.unwrap().unwrap().client.clone();
    let elsewhere = RegisteredRedirectUri::parse("https://shop.example.net/new").unwrap();
    for changed in [
        Client { redirect_uris: vec![elsewhere], ..client.clone() },
        Client { scope: Scope::parse("openid").unwrap(), ..client.clone() },
    ] {
        seeds::put_client(&server, client.clone()).await;
        server.keep_up().await;
        let mut browser = Browser::new(&server);
        let page = browser.authorize(&shop, &[]).await.page();
        let form = html::form(page.text(), "/sign-in").unwrap();
        seeds::put_client(&server, changed).await;
        server.keep_up().await;
        let refused = browser.submit_step(&form, &[("username", seeds::OLENA), ("password", seeds::PASSWORD)]).await;
        assert!(refused.header("location").is_none_or(|location| location.starts_with('/')), "{refused}");
        let landed = browser.follow(None, refused).await.page().expect(400);
        assert!(landed.text().contains("B4111"), "{landed}");
        // Nor does it begin again somewhere else.
        let address = page.target.clone();
        let landed = Browser::new(&server).visit(&address).await.page().expect(400);
        assert!(landed.text().contains("B4111"), "{landed}");
    }
}
