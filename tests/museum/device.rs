//! DEVICE: a device code is bound, serves once, is throttled, and is explained to whoever allows it. Most of it is in
//! `oauth2::device` and `device_page`.

use brama_protocol::client::{Client, GrantType};
use brama_store::user::UserStatus;
use brama_testkit::{Browser, html, seeds};

use crate::device_page::{Tv, connect, type_code};

/// The device grant did not ask whether person and client may have it. It is asked when the code is given out, when it is typed,
/// when it is allowed and when it is redeemed.
#[tokio::test]
async fn device_02_who_may_not_is_refused_at_every_step() {
    let without = Client { grant_types: vec![GrantType::RefreshToken], ..Tv::client() };
    let disabled = Client { enabled: false, ..Tv::client() };
    for (client, error) in [(without, "unauthorized_client"), (disabled, "invalid_client")] {
        let server = Tv::server().await;
        let (typed, allowed) = (Tv::begin(&server, &[]).await, Tv::begin(&server, &[]).await);
        connect(&server, &allowed, "allow").await;
        let mut browser = Browser::new(&server);
        let page = type_code(&mut browser, seeds::OLENA, &typed.user_code).await;
        let form = html::form(page.text(), "/device/confirm").unwrap();
        seeds::put_client(&server, client).await;
        server.keep_up().await;
        assert_eq!(Tv::ask(&server, &[]).await.expect_error(400, error).status, 400);
        let page = browser.submit(&form, &[("decision", "allow")]).await.page();
        assert!(!page.text().contains("The device is connected"), "{page}");
        for tv in [&typed, &allowed] {
            assert_eq!(tv.poll(&server).await.expect_error(400, error).status, 400);
        }
        // As soon as it may again: what was allowed stays so, what was not is still open.
        seeds::put_client(&server, Tv::client()).await;
        assert_eq!(typed.poll(&server).await.expect_error(400, "authorization_pending").status, 400);
        assert_eq!(allowed.poll(&server).await.status, 200);
    }
    // Whoever was disabled while the question was open allows nothing.
    let server = Tv::server().await;
    let tv = Tv::begin(&server, &[]).await;
    let mut browser = Browser::new(&server);
    let page = type_code(&mut browser, seeds::OLENA, &tv.user_code).await;
    let form = html::form(page.text(), "/device/confirm").unwrap();
    seeds::set_status(&server, seeds::OLENA, UserStatus::Disabled).await;
    let page = browser.submit(&form, &[("decision", "allow")]).await.page();
    assert!(!page.text().contains("The device is connected"), "{page}");
    assert_eq!(tv.poll(&server).await.expect_error(400, "authorization_pending").status, 400);
}
