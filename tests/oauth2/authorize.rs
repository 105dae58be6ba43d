//! `/oauth2/authorize`: what is refused and how, and the way to a code. B1 to B4; AZ-1 to AZ-33.

use brama_protocol::client::{Client, ClientType, Registrar};
use brama_protocol::handle::{Handle, kind};
use brama_protocol::redirect_uri::RegisteredRedirectUri;
use brama_testkit::{
    Answer, Browser, Landing, RelyingParty, Storage, TestServer, challenge, html, rows, seeds, tokens,
};
use http::Method;

use crate::support::{SESSION, TX, assert_no_cors};

/// What every answer that goes back to the app has. AZ-14, AZ-15.
fn assert_addressed(server: &TestServer, app: &RelyingParty, answer: &Answer) {
    assert!(answer.url.starts_with(&format!("{}?", app.redirect_uri)), "{}", answer.url);
    assert_eq!(answer.get("iss"), Some(server.issuer()), "{}", answer.url);
    assert_eq!(answer.get("state"), Some(app.state.as_str()), "{}", answer.url);
}

/// CODE-10: PKCE could be skipped. Every half of it is refused.
#[tokio::test]
async fn az10_az11_az23_refusals_go_back_with_state_and_iss() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    let long_state_free = "x".repeat(1025);
    let short = &challenge(&shop.verifier)[..42];
    let (padded, long) = (format!("{}=", challenge(&shop.verifier)), "A".repeat(129));
    let standard = format!("{}+/", &challenge(&shop.verifier)[..41]);
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[("response_type", "")], "invalid_request"),
        (&[("response_type", "token")], "unsupported_response_type"),
        (&[("response_type", "id_token")], "unsupported_response_type"),
        (&[("response_type", "code token")], "unsupported_response_type"),
        (&[("response_type", "code id_token")], "unsupported_response_type"),
        (&[("response_type", "none")], "unsupported_response_type"),
        (&[("response_mode", "fragment")], "invalid_request"),
        (&[("response_mode", "web_message")], "invalid_request"),
        (&[("response_mode", "jwt")], "invalid_request"),
        (&[("response_mode", "nonsense")], "invalid_request"),
        (&[("code_challenge", "")], "invalid_request"),
        (&[("code_challenge_method", "")], "invalid_request"),
        (&[("code_challenge_method", "plain")], "invalid_request"),
        (&[("code_challenge_method", "s256")], "invalid_request"),
        (&[("code_challenge_method", "S512")], "invalid_request"),
        (&[("code_challenge", short)], "invalid_request"),
        (&[("code_challenge", &padded)], "invalid_request"),
        (&[("code_challenge", &long)], "invalid_request"),
        (&[("code_challenge", &standard)], "invalid_request"),
        (&[("scope", "admin root")], "invalid_scope"),
        (&[("scope", "OPENID")], "invalid_scope"),
        (&[("scope", "openid \"quoted\"")], "invalid_scope"),
        (&[("prompt", "none login")], "invalid_request"),
        (&[("prompt", "none consent")], "invalid_request"),
        (&[("prompt", "none select_account")], "invalid_request"),
        (&[("prompt", "login create")], "invalid_request"),
        (&[("prompt", "create")], "invalid_request"),
        (&[("prompt", "LOGIN")], "invalid_request"),
        (&[("prompt", "nonsense")], "invalid_request"),
        (&[("max_age", "-1")], "invalid_request"),
        (&[("max_age", "abc")], "invalid_request"),
        (&[("max_age", "1.5")], "invalid_request"),
        (&[("max_age", "99999999999999999999")], "invalid_request"),
        (&[("request", "eyJhbGciOiJub25lIn0.e30.")], "request_not_supported"),
        (&[("request_uri", "https://internal.example/")], "request_uri_not_supported"),
        (&[("request_uri", "urn:example:somebody-elses")], "request_uri_not_supported"),
        (&[("claims", "[]")], "invalid_request"),
        (&[("dpop_jkt", "x")], "invalid_request"),
        (&[("acr_values", "a"), ("acr_values", "b")], "invalid_request"),
        (&[("display", "page"), ("display", "page")], "invalid_request"),
        (&[("max_age", "+5")], "invalid_request"),
        (&[("registration", "{}")], "registration_not_supported"),
        (&[("authorization_details", "[]")], "invalid_authorization_details"),
        (&[("resource", "https://other.example/")], "invalid_target"),
        (&[("resource", "https://id.example.com/api"), ("resource", "https://other.example/")], "invalid_target"),
        (&[("resource", "not a uri")], "invalid_target"),
        (&[("nonce", &long_state_free)], "invalid_request"),
        (&[("id_token_hint", "forged")], "invalid_request"),
        (&[("scope", "openid"), ("scope", "profile")], "invalid_request"),
        (&[("nonce", "a"), ("nonce", "a")], "invalid_request"),
        (&[("code_challenge", short), ("code_challenge", short)], "invalid_request"),
        (&[("response_type", "code"), ("response_type", "code")], "invalid_request"),
        (&[("prompt", "none")], "login_required"),
        (&[("prompt", "none"), ("max_age", "0")], "login_required"),
    ];
    for (changes, error) in cases {
        let landing = Browser::new(&server).authorize(&shop, changes).await;
        let answer = Answer::parse(&landing.outside());
        assert_eq!(answer.error(), *error, "{changes:?}");
        assert_addressed(&server, &shop, &answer);
        let allowed = |byte: u8| matches!(byte, 0x20 | 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        assert!(answer.get("error_description").unwrap().bytes().all(allowed), "G-6: {}", answer.url);
        assert!(answer.get("error_uri").unwrap().starts_with("https://id.example.com/error/B2"), "{}", answer.url);
    }
}

#[tokio::test]
async fn az15_state_is_echoed_byte_for_byte_and_only_if_it_came_once() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    let longest = "x".repeat(4096);
    for state in ["", "x", "a b+c%20&=#?\"'<>\\", "стан \u{1}\u{1f600}", &longest] {
        let answer = Answer::parse(
            &Browser::new(&server).authorize(&shop, &[("state", state), ("prompt", "none")]).await.outside(),
        );
        assert_eq!(answer.get("state").unwrap_or_default(), state);
        assert_eq!(answer.get("iss"), Some(server.issuer()));
    }
    // What no database and no other party would read alike is no parameter at all. WH-14.
    let landing = Browser::new(&server).authorize(&shop, &[("state", "a\u{0}b")]).await;
    assert_eq!(landing.page().status, 400);
    // An empty one is none.
    let url = format!("{}&state=", shop.authorize_url(&[("state", ""), ("prompt", "none")]));
    assert_eq!(Answer::parse(&Browser::new(&server).visit(&url).await.outside()).get("state"), None);
    for states in [[("state", "a"), ("state", "a")], [("state", "a"), ("state", "b")]] {
        let answer = Answer::parse(&Browser::new(&server).authorize(&shop, &states).await.outside());
        assert_eq!((answer.error(), answer.get("state")), ("invalid_request", None));
    }
    let longer = "x".repeat(4097);
    let answer = Answer::parse(&Browser::new(&server).authorize(&shop, &[("state", &longer)]).await.outside());
    assert_eq!((answer.error(), answer.get("state")), ("invalid_request", None));
}

#[tokio::test]
async fn az10_unknown_and_empty_parameters_are_ignored() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    let odd =
        format!("{}&acr_values=&display=popup&claims_locales=xx&foo=1&foo=2&prompt=&max_age=", shop.authorize_url(&[]));
    let mut browser = Browser::new(&server);
    let landing = browser.visit(&odd).await;
    assert_addressed(&server, &shop, &browser.complete(landing).await);
    // RFC 8707: the audience that everybody may name.
    let landing = Browser::new(&server).authorize(&shop, &[("resource", "https://id.example.com/api")]).await;
    assert_eq!(landing.page().status, 200);
}

#[tokio::test]
async fn b1_b2_the_challenge_is_in_the_database_before_any_page_is_seen() {
    let server = TestServer::with(|options| options.storage = Storage::Disk).await;
    let shop = RelyingParty::shop();
    let mut browser = Browser::new(&server);
    let reply = browser.step(Some("https://shop.example.net"), &shop.authorize_url(&[])).await.expect(303);
    assert!(reply.location().starts_with("/sign-in?tx="), "{reply}");
    let stored = &rows::dump(&server)["authorization"];
    let sha256 = challenge(&shop.verifier);
    let hex: String = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, &sha256)
        .unwrap()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(stored.len(), 1);
    assert!(stored[0].contains(&format!("challenge={hex}")) && stored[0].contains("status=1"), "{stored:?}");
    assert!(stored[0].contains("code=null"), "{stored:?}");
    // AZ-27: outsiders never see it.
    let page = browser.follow(None, reply.clone()).await.page().expect(200);
    assert!(!page.text().contains(&sha256) && !reply.location().contains(&sha256));
}

#[tokio::test]
async fn b3_b4_credentials_lead_to_a_code_that_is_stored_as_a_hash() {
    let server = TestServer::with(|options| options.storage = Storage::Disk).await;
    let shop = RelyingParty::shop();
    let mut browser = Browser::new(&server);
    let landing = browser.authorize(&shop, &[]).await;
    let form = html::form(landing.page().text(), "/sign-in").unwrap();
    let wrong = browser.submit(&form, &[("username", seeds::OLENA), ("password", "wrong")]).await.page().expect(401);
    assert!(rows::dump(&server)["authorization"][0].contains("code=null"));
    let form = html::form(wrong.text(), "/sign-in").unwrap();
    let landing = browser.submit(&form, &[("username", seeds::OLENA), ("password", seeds::PASSWORD)]).await;
    let answer = browser.complete(landing).await;
    assert_addressed(&server, &shop, &answer);
    assert_eq!(answer.parameters.keys().map(String::as_str).collect::<Vec<_>>(), ["code", "iss", "state"]);
    // G-3: 256 bits, and no copy of them.
    assert_eq!(answer.code().len(), 43);
    let row = &rows::dump(&server)["authorization"][0];
    assert!(row.contains("status=3") && !row.contains("code=null") && !row.contains(answer.code()), "{row}");
}

#[tokio::test]
async fn az2_nothing_here_is_readable_from_another_origin() {
    let server = TestServer::start().await;
    let url = RelyingParty::demo().authorize_url(&[]);
    for call in [server.get(&url), server.call(Method::OPTIONS, "/oauth2/authorize"), server.get("/oauth2/authorize")] {
        assert_no_cors(
            &call.header("origin", seeds::APP_ORIGIN).header("access-control-request-method", "GET").send().await,
        );
    }
    let preflight = server.call(Method::OPTIONS, "/oauth2/authorize").header("access-control-request-method", "GET");
    assert_eq!(preflight.send().await.expect(405).header("allow"), Some("GET, POST"));
}

#[tokio::test]
async fn az1_se2_a_form_of_another_site_is_answered_by_our_own_page() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    let mut browser = Browser::new(&server);
    // A session, and consent: silence would be possible, but the session cookie stays away from a cross-site form.
    browser.sign_in_for(&shop).await;
    let parameters = shop.parameters(&[("prompt", "none")]);
    let fields: Vec<(&str, &str)> = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let reply = browser.post_form("https://shop.example.net", "/oauth2/authorize", &fields).await.expect(303);
    assert!(reply.location().starts_with("/continue?tx="), "{reply}");
    let answer = Answer::parse(&browser.follow(Some("https://shop.example.net"), reply).await.outside());
    assert_addressed(&server, &shop, &answer);
    assert!(answer.get("code").is_some(), "{}", answer.url);
}

#[tokio::test]
async fn az16_az18_wh3_every_step_after_the_password_is_303() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    let mut browser = Browser::new(&server);
    let page = browser.authorize(&shop, &[]).await.page();
    let form = html::form(page.text(), "/sign-in").unwrap();
    let reply =
        browser.submit_step(&form, &[("username", seeds::OLENA), ("password", seeds::PASSWORD)]).await.expect(303);
    assert!(reply.location().starts_with("/continue?tx="), "{reply}");
    // WH-2: the step that leaves for the app is a page of ours, not a redirect after a form.
    let consent = browser.follow(Some(server.issuer()), reply).await.page();
    let form = html::form(consent.text(), "/consent").unwrap();
    let last = browser.submit(&form, &[("decision", "allow")]).await.page().expect(200);
    assert_eq!(last.header("referrer-policy"), Some("no-referrer"));
    assert!(html::continuation(last.text()).unwrap().starts_with(seeds::SHOP_REDIRECT));
}

#[tokio::test]
async fn wh12_prefetches_frames_and_images_get_no_code() {
    let server = TestServer::start().await;
    let demo = RelyingParty::demo();
    let mut browser = Browser::new(&server);
    browser.sign_in_for(&demo).await;
    let session = format!("{SESSION}={}", browser.jar.get(SESSION).unwrap());
    let cases: &[&[(&str, &str)]] = &[
        &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")],
        &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")],
        &[("sec-fetch-site", "same-site"), ("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty")],
        &[
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
            ("sec-purpose", "prefetch"),
        ],
        &[
            ("sec-fetch-site", "none"),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
            ("sec-purpose", "prefetch;prerender"),
        ],
        &[
            ("sec-fetch-site", "same-origin"),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
            ("purpose", "prefetch"),
        ],
    ];
    for headers in cases {
        let call = headers.iter().fold(server.get(&demo.authorize_url(&[])).cookie(&session), |call, (name, value)| {
            call.header(name, value)
        });
        let reply = call.send().await.expect(403);
        assert!(!reply.text().contains("code="), "{reply}");
    }
    // The same request as a navigation is answered at once: first party, signed in.
    let answer = Answer::parse(&browser.authorize(&demo, &[]).await.outside());
    assert_addressed(&server, &demo, &answer);
    assert!(answer.get("code").is_some());
}

#[tokio::test]
async fn b2_two_tabs_of_one_browser_are_two_requests() {
    let server = TestServer::start().await;
    let (shop, demo) = (RelyingParty::shop(), RelyingParty { state: "second".to_owned(), ..RelyingParty::demo() });
    let mut browser = Browser::new(&server);
    let first = browser.authorize(&shop, &[]).await;
    let tx = browser.jar.get(TX).unwrap().to_owned();
    let second = browser.authorize(&demo, &[]).await;
    assert_eq!(browser.jar.get(TX), Some(tx.as_str()), "one browser keeps one transaction cookie");
    let answer = browser.complete(second).await;
    assert_addressed(&server, &demo, &answer);
    // T5: the tab that was left behind goes on to its own app.
    let answer = browser.complete(first).await;
    assert_addressed(&server, &shop, &answer);
    assert!(shop.redeem(&server, answer.code()).await.status.is_success());
}

#[tokio::test]
async fn sign_in_of_another_browser_cannot_be_continued() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    let mut mine = Browser::new(&server);
    let page = mine.authorize(&shop, &[]).await.page();
    let tx = html::form(page.text(), "/sign-in").unwrap().fields["tx"].clone();
    let mut theirs = Browser::new(&server);
    theirs.sign_in_for(&RelyingParty::demo()).await;
    // SE-6: the address alone opens nothing; the other browser is given a request of its own.
    let landing = theirs.visit(&format!("/continue?tx={tx}")).await;
    let Landing::Page(page) = landing else { panic!("{landing:?}") };
    let other = html::forms(page.text()).into_iter().find_map(|form| form.fields.get("tx").cloned());
    assert_ne!(other, Some(tx), "{page}");
}

/// AZ-23: an exemption is for one confidential client, never for a public one; what is sent counts all the same.
#[tokio::test]
async fn az23_te20_a_client_that_may_leave_pkce_out() {
    let server = TestServer::start().await;
    for (client, app) in [(seeds::SHOP, RelyingParty::shop()), (seeds::FOREIGN, RelyingParty::foreign())] {
        let record = server.store.find_client(&client.parse().unwrap()).await.unwrap().unwrap();
        seeds::put_client(&server, Client { danger_allow_missing_pkce: true, ..record.client.clone() }).await;
        let without = [("code_challenge", ""), ("code_challenge_method", "")];
        let landing = Browser::new(&server).authorize(&app, &without).await;
        if client == seeds::FOREIGN {
            assert_eq!(Answer::parse(&landing.outside()).error(), "invalid_request", "public clients always need it");
            continue;
        }
        for half in [[("code_challenge", ""), ("x", "")], [("code_challenge_method", ""), ("x", "")]] {
            let answer = Answer::parse(&Browser::new(&server).authorize(&app, &half).await.outside());
            assert_eq!(answer.error(), "invalid_request", "{half:?}");
        }
        let mut browser = Browser::new(&server);
        let landing = browser.authorize(&app, &without).await;
        let answer = browser.complete(landing).await;
        // A verifier for a code without a challenge: RFC 9700 §4.8.2.
        let _ = app.redeem(&server, answer.code()).await.expect_error(400, "invalid_request");
        let reply = app.redeem_with(&server, answer.code(), &[("code_verifier", "")]).await;
        assert_eq!(reply.status, 200, "{reply}");
        // With a challenge a verifier is needed, exempt or not.
        let answer = Browser::new(&server).sign_in_for(&app).await;
        let reply = app.redeem_with(&server, answer.code(), &[("code_verifier", "")]).await;
        assert_eq!(reply.expect_error(400, "invalid_request").status, 400);
        assert_eq!(app.redeem(&server, answer.code()).await.status, 200);
    }
}

/// RFC 8707 §2, §2.2: several resources for the grant, one for each token.
#[tokio::test]
async fn rfc8707_tk3_te29_several_resources_and_a_token_for_one_of_them() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop().scope("email");
    let record = server.store.find_client(&seeds::SHOP.parse().unwrap()).await.unwrap().unwrap();
    let resources = ["https://a.example", "https://b.example/v1", "https://c.example"].map(str::to_owned).to_vec();
    seeds::put_client(&server, Client { resources, ..record.client.clone() }).await;
    let mut browser = Browser::new(&server);
    let asked =
        [("resource", "https://b.example/v1"), ("resource", "HTTPS://A.example/"), ("resource", "https://a.example")];
    let page = browser.authorize(&shop, &asked).await.page();
    let form = html::form(page.text(), "/sign-in").unwrap();
    let page = browser.submit(&form, &[("username", seeds::OLENA), ("password", seeds::PASSWORD)]).await.page();
    for shown in ["<bdi>https://a.example</bdi>", "<bdi>https://b.example/v1</bdi>"] {
        assert_eq!(page.text().matches(shown).count(), 1, "{shown}: {page}");
    }
    let landing = brama_testkit::Landing::Page(page);
    let answer = browser.complete(landing).await;
    // One that was not asked for, or two at once: the code is not lost.
    for wrong in [
        &[("resource", "https://c.example")][..],
        &[("resource", "https://a.example"), ("resource", "https://b.example/v1")],
    ] {
        let reply = shop.redeem_with(&server, answer.code(), wrong).await;
        assert_eq!(reply.expect_error(400, "invalid_target").status, 400);
    }
    let tokens = shop.redeem_with(&server, answer.code(), &[("resource", "https://a.example")]).await.expect(200);
    let aud = |reply: &brama_testkit::Reply| tokens::peek(&reply.member("access_token")).1["aud"].clone();
    assert_eq!(aud(&tokens), "https://a.example");
    let refresh = tokens.member("refresh_token");
    for (named, wanted) in [
        ("https://b.example/v1", "https://b.example/v1"),
        ("", "https://b.example/v1"),
        ("https://a.example", "https://a.example"),
    ] {
        let reply = shop.refresh_with(&server, &refresh, &[("resource", named)]).await.expect(200);
        assert_eq!(aud(&reply), wanted, "{named}");
    }
    let reply = shop.refresh_with(&server, &refresh, &[("resource", "https://c.example")]).await;
    assert_eq!(reply.expect_error(400, "invalid_target").status, 400);
    // AZ-22: consent was for these resources, not for another one.
    let silent = |resource| [("prompt", "none"), ("resource", resource)];
    assert!(
        Answer::parse(&browser.authorize(&shop, &silent("https://a.example")).await.outside()).get("code").is_some()
    );
    let answer = Answer::parse(&browser.authorize(&shop, &silent("https://c.example")).await.outside());
    assert_eq!(answer.error(), "consent_required");
}

/// AZ-13: errors of a client that nobody has checked go through a page that names the host.
#[tokio::test]
async fn az13_a_self_registered_client_redirects_nobody_unasked() {
    let server = TestServer::start().await;
    let stranger = Client {
        redirect_uris: vec![RegisteredRedirectUri::parse("https://stranger.example/cb").unwrap()],
        registrar: Registrar::Itself,
        ..seeds::client("stranger", ClientType::Browser)
    };
    seeds::put_client(&server, stranger).await;
    let app = RelyingParty {
        client_id: "stranger".to_owned(),
        redirect_uri: "https://stranger.example/cb".to_owned(),
        ..RelyingParty::foreign()
    };
    let mut browser = Browser::new(&server);
    for (change, error) in [
        (("scope", "admin"), "invalid_scope"),
        (("prompt", "none"), "login_required"),
        (("code_challenge", ""), "invalid_request"),
        (("response_type", "token"), "unsupported_response_type"),
    ] {
        for mode in ["query", "form_post"] {
            let page = browser.authorize(&app, &[change, ("response_mode", mode)]).await.page().expect(200);
            let text = page.text();
            assert!(text.contains("<bdi>stranger.example</bdi>") && text.contains("has not been checked"), "{page}");
            // Neither script nor refresh: only the person goes on.
            assert!(!text.contains("<script") && !text.contains("http-equiv"), "{page}");
            assert!(html::continuation(text).is_none());
            let answer = if mode == "query" {
                let link = html::tags(text, "a").find(|tag| tag.contains("id=\"leave\"")).unwrap();
                Answer::parse(&html::attribute(&format!(" {link}"), "href").unwrap())
            } else {
                Answer::posted(text)
            };
            assert_eq!((answer.error(), answer.get("state")), (error, Some(app.state.as_str())));
            assert_eq!(answer.get("iss"), Some(server.issuer()));
        }
    }
    // A no of the person as well; a yes goes by itself: the consent page has named the host.
    let page = browser.authorize(&app, &[]).await.page();
    let form = html::form(page.text(), "/sign-in").unwrap();
    let page = browser.submit(&form, &[("username", seeds::OLENA), ("password", seeds::PASSWORD)]).await.page();
    assert!(page.text().contains("The owner of this app has not been checked"), "{page}");
    let form = html::form(page.text(), "/consent").unwrap();
    let refused = browser.submit(&form, &[("decision", "deny")]).await.page().expect(200);
    assert!(refused.text().contains("id=\"leave\"") && html::continuation(refused.text()).is_none(), "{refused}");
    let page = browser.authorize(&app, &[]).await;
    let answer = browser.complete(page).await;
    assert!(answer.get("code").is_some());
}

/// `request_uri` of somebody else is never fetched, in either mode, before or after client and redirect URI are good.
#[tokio::test]
async fn az_request_uri_causes_no_request_of_ours() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    for uri in [
        "https://internal/",
        "http://169.254.169.254/latest/meta-data/",
        "file:///etc/passwd",
        "https://shop.example.net/r",
    ] {
        let answer = Answer::parse(&Browser::new(&server).authorize(&shop, &[("request_uri", uri)]).await.outside());
        assert_eq!(answer.error(), "request_uri_not_supported");
        let bad = [("request_uri", uri), ("redirect_uri", "https://evil.example/")];
        assert_eq!(Browser::new(&server).authorize(&shop, &bad).await.page().status, 400);
    }
    assert!(server.world.fetched().is_empty());
}

/// AZ-27: the key that a request named is bound to its code.
#[tokio::test]
async fn az27_rfc9449_a_dpop_jkt_is_stored_with_the_code() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    let jkt = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";
    let mut browser = Browser::new(&server);
    let landing = browser.authorize(&shop, &[("dpop_jkt", jkt)]).await;
    let answer = browser.complete(landing).await;
    let hash = Handle::<kind::AuthorizationCode>::parse(answer.code()).unwrap().hash();
    let code = server.store.find_code(hash).await.unwrap().unwrap();
    assert_eq!(code.asked.dpop_jkt.map(|jkt| jkt.to_string()).as_deref(), Some(jkt));
}
