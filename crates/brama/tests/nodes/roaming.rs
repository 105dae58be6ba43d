//! One browser and one app; every request goes to another node.

use brama_guard::Guard;
use brama_postgres_cluster::Cluster;
use http::Method;

use crate::site::Site;
use crate::support::PASSWORD;
use crate::walk::{ask, authorize, redeem, refresh, sign_in};

/// Scheme A: sign-in, refresh, an API, sign-out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_with_an_app_of_the_same_site() {
    let site = Site::new(&Cluster::shared().create_database(), 3, "").with_apps();
    let _nodes = site.start_all();
    let mut browser = site.browser();
    // On the first node.
    let mut token = browser.login("olena", PASSWORD).await.unwrap().expect(200).text("access_token");
    // An API that has the keys of the first node only.
    let guard = Guard::builder(site.url()).audience(format!("{}/api", site.url())).build_and_warm().await.unwrap();
    let mut before = browser.jar.clone();
    for _ in 0..7 {
        guard.verify(&token).await.unwrap();
        let me = [("authorization", format!("Bearer {token}"))];
        let me: Vec<(&str, &str)> = me.iter().map(|(name, value)| (*name, value.as_str())).collect();
        browser.send(Method::GET, "/api/auth/me", me, "").await.unwrap().expect(200);
        let looked = browser.look().await.unwrap().expect(200);
        assert_eq!(browser.jar, before, "GET changes nothing");
        guard.verify(&looked.text("access_token")).await.unwrap();
        token = browser.rotate().await.unwrap().expect(200).text("access_token");
        assert_ne!(browser.jar, before);
        before = browser.jar.clone();
    }
    browser.logout().await.unwrap().expect(204);
    // At once, on every node.
    for node in 0..3 {
        let mut old = site.browser_at(node);
        old.jar = before.clone();
        assert_eq!(old.look().await.unwrap().expect(401).text("error"), "login_required", "node {node}");
        assert_eq!(old.rotate().await.unwrap().expect(401).text("error"), "login_required", "node {node}");
        ask(&mut site.wire_to(node), "/api/auth/me", &token).await.unwrap().expect(401);
    }
}

/// Scheme B: authorize, the sign-in page, the form, the way back, the code, userinfo, refresh, sign-out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_with_apps_that_redeem_codes() {
    let site = Site::new(&Cluster::shared().create_database(), 3, "").with_apps();
    let (own, back, cli) = (site.url(), site.add_back(), site.add_cli());
    let _nodes = site.start_all();
    let mut browser = site.browser();
    let mut wire = site.wire();
    for round in 0..3 {
        let landing = authorize(&mut browser, &own, &back).await.unwrap();
        // Afterwards they are signed in.
        let code = if round == 0 {
            sign_in(&mut browser, &own, &landing.here().expect(200), "olena").await.unwrap().code()
        } else {
            landing.code()
        };
        let tokens = redeem(&mut wire, &back, &code).await.unwrap().expect(200);
        ask(&mut wire, "/userinfo", &tokens.text("access_token")).await.unwrap().expect(200);
    }
    let code = authorize(&mut browser, &own, &cli).await.unwrap().code();
    let tokens = redeem(&mut wire, &cli, &code).await.unwrap().expect(200);
    let (mut kept, mut access) = (tokens.text("refresh_token"), tokens.text("access_token"));
    for _ in 0..7 {
        ask(&mut wire, "/userinfo", &access).await.unwrap().expect(200);
        let next = refresh(&mut wire, &cli, &kept).await.unwrap().expect(200);
        assert_ne!(next.text("refresh_token"), kept);
        (kept, access) = (next.text("refresh_token"), next.text("access_token"));
    }
    let replayed = redeem(&mut wire, &cli, &code).await.unwrap().expect(400);
    assert_eq!(replayed.text("error"), "invalid_grant");
    // What came from a code that was replayed is revoked, on every node.
    for node in 0..3 {
        let refused = refresh(&mut site.wire_to(node), &cli, &kept).await.unwrap().expect(400);
        assert_eq!(refused.text("error"), "invalid_grant", "node {node}");
        ask(&mut site.wire_to(node), "/userinfo", &access).await.unwrap().expect(401);
    }
}
