//! `/oauth2/token` with a code: what fits is answered with tokens, what does not fit with an error and nothing else.
//! B5 to B7; AZ-27 to AZ-30, TE-1, TE-20 to TE-23.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use brama_jose::Typ;
use brama_store::user::UserStatus;
use brama_testkit::{Browser, RelyingParty, Reply, Storage, TestServer, rows, seeds, tokens};
use http::Method;

use crate::support::{Tokens, assert_no_cookies, assert_unchanged, signed_in_to};

async fn code(server: &TestServer, app: &RelyingParty) -> String {
    Browser::new(server).sign_in_for(app).await.code().to_owned()
}

/// B7: a proper OAuth error, nothing issued, nothing leaked.
fn assert_refused(reply: &Reply, error: &str) {
    assert_eq!((reply.status.as_u16(), reply.member("error").as_str()), (400, error), "{reply}");
    assert_no_cookies(reply);
    for leak in ["token\":", "eyJ", "brt_"] {
        assert!(!reply.text().contains(leak), "{reply}");
    }
}

#[tokio::test]
async fn b5_b6_te40_a_code_and_its_verifier_are_answered_with_tokens() {
    let server = TestServer::with(|options| options.storage = Storage::Disk).await;
    let shop = RelyingParty::shop();
    let code = code(&server, &shop).await;
    let reply = shop.redeem(&server, &code).await.expect(200);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_no_cookies(&reply);
    let json = reply.json();
    let mut members: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
    members.sort_unstable();
    assert_eq!(members, ["access_token", "expires_in", "id_token", "refresh_token", "scope", "token_type"]);
    assert_eq!((&json["token_type"], &json["expires_in"]), (&"Bearer".into(), &900.into()));
    assert_eq!(json["scope"], "email openid profile");
    // The grant is a row; the refresh token is not in it.
    let grants = &rows::dump(&server)["app_grant"];
    assert_eq!(grants.len(), 1);
    assert!(grants[0].contains("generation=0") && !grants[0].contains(json["refresh_token"].as_str().unwrap()));
}

#[tokio::test]
async fn b7_what_does_not_fit_is_refused_and_spends_nothing() {
    let server = TestServer::with(|options| options.storage = Storage::Disk).await;
    let shop = RelyingParty::shop();
    let code = code(&server, &shop).await;
    let other_verifier = "A".repeat(43);
    let (short, long) = ("A".repeat(42), "A".repeat(129));
    let challenge = brama_testkit::challenge(&shop.verifier);
    let unknown = "A".repeat(43);
    let upper = code.to_uppercase();
    let padded = format!("{code}=");
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[("code_verifier", "")], "invalid_request"),
        (&[("code_verifier", &other_verifier)], "invalid_grant"),
        (&[("code_verifier", &challenge)], "invalid_grant"),
        (&[("code_verifier", &short)], "invalid_request"),
        (&[("code_verifier", &long)], "invalid_request"),
        (&[("code_verifier", "not*an*unreserved*character*in*these*forty*three")], "invalid_request"),
        (&[("code_verifier", &shop.verifier), ("code_verifier", &shop.verifier)], "invalid_request"),
        (&[("redirect_uri", "https://shop.example.net/")], "invalid_grant"),
        (&[("redirect_uri", "https://evil.example/cb")], "invalid_grant"),
        (&[("code", "")], "invalid_request"),
        (&[("code", &unknown)], "invalid_grant"),
        (&[("code", &upper)], "invalid_grant"),
        (&[("code", &padded)], "invalid_grant"),
        (&[("code", "x")], "invalid_grant"),
        (&[("code", &code), ("code", &code)], "invalid_request"),
        (&[("grant_type", "")], "invalid_request"),
        (&[("grant_type", "password")], "unsupported_grant_type"),
        (&[("grant_type", "implicit")], "unsupported_grant_type"),
        (&[("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange")], "unsupported_grant_type"),
        (&[("grant_type", "authorization_code"), ("grant_type", "authorization_code")], "invalid_request"),
    ];
    let before = rows::dump(&server);
    for (changes, error) in cases {
        assert_refused(&shop.redeem_with(&server, &code, changes).await, error);
    }
    assert_unchanged(&server, &before);
    // AZ-30: no failed attempt has used it up.
    assert_eq!(shop.redeem(&server, &code).await.status, 200);
}

#[tokio::test]
async fn te20_the_code_of_one_client_is_nothing_in_the_hands_of_another() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    let code = code(&server, &shop).await;
    for other in [RelyingParty::foreign(), RelyingParty::cli(), RelyingParty::demo()] {
        let other = RelyingParty { redirect_uri: shop.redirect_uri.clone(), ..other };
        assert_refused(&other.redeem(&server, &code).await, "invalid_grant");
    }
    let tokens = Tokens::of(&shop.redeem(&server, &code).await);
    // A replay as somebody else or with a wrong verifier kills nothing. AZ-30.
    let other = RelyingParty { redirect_uri: shop.redirect_uri.clone(), ..RelyingParty::cli() };
    assert_refused(&other.redeem(&server, &code).await, "invalid_grant");
    assert_refused(&shop.redeem_with(&server, &code, &[("code_verifier", &"B".repeat(43))]).await, "invalid_grant");
    assert_eq!(shop.refresh(&server, &tokens.refresh).await.status, 200);
    assert_eq!(server.get("/userinfo").bearer(&tokens.access).send().await.status, 200);
}

#[tokio::test]
async fn az30_a_replay_that_fits_ends_everything_that_came_from_the_code() {
    let server = TestServer::start().await;
    for app in [RelyingParty::shop(), RelyingParty::cli()] {
        let code = code(&server, &app).await;
        let mut tokens = Tokens::of(&app.redeem(&server, &code).await);
        let bystander = signed_in_to(&server, &app).await;
        tokens = Tokens::of(&app.refresh(&server, &tokens.refresh).await);
        assert_refused(&app.redeem(&server, &code).await, "invalid_grant");
        assert_refused(&app.refresh(&server, &tokens.refresh).await, "invalid_grant");
        assert_eq!(server.get("/userinfo").bearer(&tokens.access).send().await.status, 401);
        // Another sign-in of the same app is another grant.
        assert_eq!(app.refresh(&server, &bystander.refresh).await.status, 200);
        assert_eq!(server.get("/userinfo").bearer(&bystander.access).send().await.status, 200);
    }
}

#[tokio::test]
async fn az28_a_code_lives_sixty_seconds() {
    for (seconds, status) in [(59, 200), (60, 400), (61, 400)] {
        let server = TestServer::start().await;
        let shop = RelyingParty::shop();
        let code = code(&server, &shop).await;
        server.clock.advance_seconds(seconds);
        let reply = shop.redeem(&server, &code).await;
        assert_eq!(reply.status, status, "after {seconds} s: {reply}");
        if status == 400 {
            assert_refused(&reply, "invalid_grant");
        }
    }
}

#[tokio::test]
async fn te21_the_redirect_uri_may_be_left_out_here() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    let code = code(&server, &shop).await;
    assert_eq!(shop.redeem_with(&server, &code, &[("redirect_uri", "")]).await.status, 200);
}

#[tokio::test]
async fn te23_a_code_dies_with_its_user_its_session_and_its_client() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    let mut browser = Browser::new(&server);
    let disabled = browser.sign_in_for(&shop).await.code().to_owned();
    seeds::set_status(&server, seeds::OLENA, UserStatus::Disabled).await;
    assert_refused(&shop.redeem(&server, &disabled).await, "invalid_grant");
    seeds::set_status(&server, seeds::OLENA, UserStatus::Active).await;
    assert_refused(&shop.redeem(&server, &disabled).await, "invalid_grant");

    let mut browser = Browser::new(&server);
    let ended = browser.sign_in_for(&shop).await.code().to_owned();
    let user = seeds::user(&server, seeds::OLENA).await;
    let now = server.ctx().now;
    let session = server.store.sessions_of(user.id, now).await.unwrap()[0].id;
    assert!(server.store.end_session(user.id, session, now).await.unwrap());
    assert_refused(&shop.redeem(&server, &ended).await, "invalid_grant");

    let orphan = Browser::new(&server).sign_in_for(&shop).await.code().to_owned();
    let record = server.store.find_client(&seeds::SHOP.parse().unwrap()).await.unwrap().unwrap();
    seeds::put_client(&server, brama_protocol::client::Client { enabled: false, ..record.client.clone() }).await;
    assert_eq!(shop.redeem(&server, &orphan).await.expect_error(401, "invalid_client").status, 401);
}

#[tokio::test]
async fn te1_only_a_form_by_post_and_nothing_from_the_query() {
    let server = TestServer::start().await;
    let cli = RelyingParty::cli();
    let code = code(&server, &cli).await;
    for method in [Method::GET, Method::PUT, Method::DELETE, Method::PATCH, Method::HEAD] {
        let reply = server.call(method, "/oauth2/token").send().await.expect(405);
        assert_eq!(reply.header("allow"), Some("POST"), "{reply}");
    }
    let fields = [
        ("grant_type", "authorization_code"),
        ("client_id", "cli"),
        ("code", code.as_str()),
        ("code_verifier", cli.verifier.as_str()),
    ];
    let form = fields.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
    let json = serde_json::to_string(&fields.into_iter().collect::<std::collections::BTreeMap<_, _>>()).unwrap();
    assert_refused(&server.post("/oauth2/token").body("application/json", json).send().await, "invalid_request");
    assert_refused(&server.post("/oauth2/token").body("text/plain", form.clone()).send().await, "invalid_request");
    assert_refused(&server.post("/oauth2/token").bare_body(form.clone()).send().await, "invalid_request");
    let in_query = server.post(&format!("/oauth2/token?{form}")).form(&[]).send().await;
    assert_eq!(in_query.member("error"), "invalid_client", "{in_query}");
    let half = server.post(&format!("/oauth2/token?code={code}")).form(&fields[..2]).send().await;
    assert_refused(&half, "invalid_request");
    let charset = "application/x-www-form-urlencoded; charset=UTF-8";
    assert_eq!(server.post("/oauth2/token").body(charset, form).send().await.status, 200);
}

#[tokio::test]
async fn tk1_tk2_tk4_tk5_the_access_token() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    let sent = signed_in_to(&server, &shop).await;
    let (header, _) = tokens::peek(&sent.access);
    assert_eq!((&header["typ"], &header["alg"]), (&"at+jwt".into(), &"ES256".into()));
    let claims = tokens::verify(&server, &sent.access, Typ::AccessToken).await;
    let now = server.ctx().now.as_second();
    let user = seeds::user(&server, seeds::OLENA).await;
    assert_eq!(claims["iss"], server.issuer());
    assert_eq!(claims["sub"], user.id.to_string());
    // EP-44: with openid the issuer is an audience too.
    assert_eq!(claims["aud"], serde_json::json!(["https://id.example.com/api", "https://id.example.com"]));
    assert_eq!((claims["iat"].as_i64(), claims["exp"].as_i64()), (Some(now), Some(now + 900)));
    assert_eq!(claims["client_id"], "shop");
    assert_eq!(claims["scope"], "email openid profile");
    assert_eq!(claims["auth_time"].as_i64(), Some(now));
    assert_eq!((&claims["amr"], &claims["acr"]), (&serde_json::json!(["pwd"]), &"urn:brama:acr:1".into()));
    assert!(claims["jti"].as_str().unwrap().len() > 20 && claims["sid"].is_string());
    // TK-6: nothing personal.
    for personal in ["email", "name", "preferred_username", "locale"] {
        assert_eq!(claims.get(personal), None);
    }
    // TK-25: neither passes for the other.
    assert!(brama_jose::parse(&sent.access).unwrap().header().typ() == Some("at+jwt"));
    assert_eq!(server.get("/userinfo").bearer(&sent.id).send().await.expect_error(401, "invalid_token").status, 401);
    let reply = Browser::new(&server).authorize(&shop, &[("id_token_hint", &sent.access), ("prompt", "none")]).await;
    assert_eq!(brama_testkit::Answer::parse(&reply.outside()).error(), "invalid_request");
}

#[tokio::test]
async fn tk3_the_audience_follows_the_request() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    let mut record = server.store.find_client(&seeds::SHOP.parse().unwrap()).await.unwrap().unwrap().client.clone();
    record.resources = vec!["https://orders.example.net".to_owned(), "https://stock.example.net".to_owned()];
    seeds::put_client(&server, record).await;
    for (resource, audience) in [
        ("", serde_json::json!(["https://orders.example.net", "https://id.example.com"])),
        ("https://stock.example.net", "https://stock.example.net".into()),
        ("https://id.example.com/api", "https://id.example.com/api".into()),
    ] {
        let mut browser = Browser::new(&server);
        let landing = browser.authorize(&shop, &[("resource", resource)]).await;
        let answer = browser.complete(landing).await;
        let sent = Tokens::of(&shop.redeem(&server, answer.code()).await);
        assert_eq!(tokens::verify(&server, &sent.access, Typ::AccessToken).await["aud"], audience);
        // EP-44: a token for an API alone does not read the user's data here.
        let status = server.get("/userinfo").bearer(&sent.access).send().await.status;
        assert_eq!(status, if resource.is_empty() { 200 } else { 401 });
    }
}

#[tokio::test]
async fn tk11_the_id_token() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    let sent = signed_in_to(&server, &shop).await;
    let claims = tokens::verify(&server, &sent.id, Typ::IdToken).await;
    let now = server.ctx().now.as_second();
    let mut names: Vec<&str> = claims.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    // OpenID Core §5.4: names and addresses are at userinfo.
    assert_eq!(names, ["acr", "amr", "at_hash", "aud", "auth_time", "exp", "iat", "iss", "nonce", "sid", "sub"]);
    assert_eq!((&claims["aud"], &claims["nonce"]), (&"shop".into(), &shop.nonce.clone().into()));
    assert_eq!(
        (claims["iat"].as_i64(), claims["exp"].as_i64(), claims["auth_time"].as_i64()),
        (Some(now), Some(now + 300), Some(now))
    );
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, sent.access.as_bytes());
    assert_eq!(claims["at_hash"], URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16]));
    let userinfo = server.get("/userinfo").bearer(&sent.access).send().await.expect(200).json();
    assert_eq!(userinfo["sub"], claims["sub"]);

    let mut browser = Browser::new(&server);
    let landing = browser.authorize(&shop, &[("nonce", "")]).await;
    let answer = browser.complete(landing).await;
    let sent = Tokens::of(&shop.redeem(&server, answer.code()).await);
    assert_eq!(tokens::verify(&server, &sent.id, Typ::IdToken).await.get("nonce"), None, "no nonce was sent");
    // Plain OAuth has none at all.
    assert_eq!(signed_in_to(&server, &shop.scope("profile")).await.id, "");
}

#[tokio::test]
async fn tk12_a_client_that_knows_only_rs256_gets_rs256() {
    let server = TestServer::start().await;
    let mut record = server.store.find_client(&seeds::SHOP.parse().unwrap()).await.unwrap().unwrap().client.clone();
    record.id_token_alg = brama_protocol::client::IdTokenAlgorithm::RS256;
    seeds::put_client(&server, record).await;
    let sent = signed_in_to(&server, &RelyingParty::shop()).await;
    assert_eq!(tokens::peek(&sent.id).0["alg"], "RS256");
    assert_eq!(tokens::peek(&sent.access).0["alg"], "ES256");
    assert_eq!(tokens::verify(&server, &sent.id, Typ::IdToken).await["aud"], "shop");
}
