//! CODE: a code is bound to client, redirect URI, challenge and browser. Where the museum wants a code to be spent by the first
//! attempt, good or bad, the standard wins: a failed attempt spends nothing (AZ-30), or whoever saw a code could end it.

mod values;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use brama_protocol::client::{Client, ClientType};
use brama_testkit::{
    Answer, Browser, Landing, RelyingParty, Reply, Storage, TestServer, challenge, html, logs, rows, seeds, tokens,
};

use super::redir::registered;
use crate::oauth2::par;
use crate::support::{SESSION, TX};

/// One app of each kind that signs people in.
fn apps() -> [RelyingParty; 4] {
    [RelyingParty::shop(), RelyingParty::demo(), RelyingParty::foreign(), RelyingParty::cli()]
}

async fn code(server: &TestServer, app: &RelyingParty) -> String {
    Browser::new(server).sign_in_for(app).await.code().to_owned()
}

/// An error of OAuth, and nothing that opens anything.
fn assert_no_token(reply: &Reply, why: &str) {
    assert!(matches!(reply.status.as_u16(), 400 | 401), "{why}: {reply}");
    let error = reply.member("error");
    assert!(
        ["invalid_grant", "invalid_request", "invalid_client", "invalid_target"].contains(&error.as_str()),
        "{reply}"
    );
    for leak in ["token\":", "eyJ", "brt_"] {
        assert!(!reply.text().contains(leak), "{why}: {reply}");
    }
    assert_eq!(reply.set_cookies(), [""; 0], "{why}: {reply}");
}

/// An attacker stripped the challenge, and the server did without.
#[tokio::test]
async fn code_01_without_s256_no_client_gets_a_code() {
    let server = TestServer::start().await;
    let plain = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let cases: &[&[(&str, &str)]] = &[
        &[("code_challenge", ""), ("code_challenge_method", "")],
        &[("code_challenge", "")],
        &[("code_challenge", plain), ("code_challenge_method", "plain")],
        &[("code_challenge", plain), ("code_challenge_method", "")],
    ];
    for app in apps() {
        let mut browser = Browser::new(&server);
        browser.sign_in_for(&app).await;
        for case in cases {
            for prompt in ["", "none"] {
                let changes = [case, &[("prompt", prompt)][..]].concat();
                let answer = Answer::parse(&browser.authorize(&app, &changes).await.outside());
                assert_eq!(answer.error(), "invalid_request", "{} {changes:?}", app.client_id);
                let _ = par::push(&server, &app, &changes).await.expect_error(400, "invalid_request");
            }
        }
    }
    for document in ["openid-configuration", "oauth-authorization-server"] {
        let metadata = server.get(&format!("/.well-known/{document}")).send().await.json();
        assert_eq!(metadata["code_challenge_methods_supported"], serde_json::json!(["S256"]));
    }
}

/// A request without a verifier was not checked at all.
#[tokio::test]
async fn code_02_a_verifier_that_is_not_there_is_a_wrong_one() {
    let server = TestServer::start().await;
    for app in apps() {
        let code = code(&server, &app).await;
        let body = |more: &str| {
            let base = format!("grant_type=authorization_code&code={code}");
            if app.secret.is_some() {
                format!("{base}{more}")
            } else {
                format!("{base}&client_id={}{more}", app.client_id)
            }
        };
        let send = async |target: String, body: String| {
            let call = server.post(&target).body("application/x-www-form-urlencoded", body);
            match &app.secret {
                Some(secret) => call.basic(&app.client_id, secret).send().await,
                None => call.send().await,
            }
        };
        let verifier = &app.verifier;
        for more in [
            String::new(),
            "&code_verifier".to_owned(),
            "&code_verifier=".to_owned(),
            format!("&code_verifier[]={verifier}"),
            format!("&code_verifier%5B0%5D={verifier}"),
            format!("&CODE_VERIFIER={verifier}"),
            format!("&code_verifier=&code_verifier={verifier}"),
            format!("&code_challenge={}", challenge(verifier)),
            "&code_verifier=null".to_owned(),
        ] {
            assert_no_token(&send("/oauth2/token".to_owned(), body(&more)).await, &more);
        }
        assert_no_token(&send(format!("/oauth2/token?code_verifier={verifier}"), body("")).await, "in the query");
        // AZ-30: it was not spent.
        assert_eq!(app.redeem(&server, &code).await.status, 200);
    }
}

/// Confidential clients could leave PKCE out.
#[tokio::test]
async fn code_03_a_secret_is_no_reason_to_do_without_pkce() {
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    let code = code(&server, &shop).await;
    for verifier in ["", &"B".repeat(43), &challenge(&shop.verifier)] {
        assert_no_token(&shop.redeem_with(&server, &code, &[("code_verifier", verifier)]).await, verifier);
    }
    let without = [("code_challenge", ""), ("code_challenge_method", "")];
    let answer = Answer::parse(&Browser::new(&server).authorize(&shop, &without).await.outside());
    assert_eq!(answer.error(), "invalid_request");
    assert_eq!(shop.redeem(&server, &code).await.status, 200);
}

/// A verifier of one character passed, if its challenge had been sent.
#[tokio::test]
async fn code_04_a_short_verifier_does_not_pass_although_it_fits() {
    let server = TestServer::start().await;
    for verifier in ["A".to_owned(), "A".repeat(42), "A".repeat(129), format!("{}+", "A".repeat(42)), "й".repeat(43)] {
        let app = RelyingParty { verifier: verifier.clone(), ..RelyingParty::shop() };
        let code = code(&server, &app).await;
        let reply = app.redeem(&server, &code).await.expect_error(400, "invalid_request");
        assert_no_token(&reply, &verifier);
    }
}

/// The code was refused only if client and redirect URI were both wrong.
#[tokio::test]
async fn code_05_a_code_is_nothing_in_the_hands_of_another_client() {
    let logs = logs::capture();
    let server = TestServer::start().await;
    let shop = RelyingParty::shop();
    let own = "https://code-05.example/cb";
    let other = registered(&server, "code-05-thief", ClientType::Web, &[own]).await;
    let code = code(&server, &shop).await;
    for redirect_uri in [own, seeds::SHOP_REDIRECT, ""] {
        for verifier in [shop.verifier.as_str(), ""] {
            let changes = [("redirect_uri", redirect_uri), ("code_verifier", verifier)];
            let reply = other.redeem_with(&server, &code, &changes).await.expect_error(400, "invalid_grant");
            assert_no_token(&reply, redirect_uri);
        }
    }
    let text = logs.text();
    assert!(text.lines().any(|line| line.contains("code-05-thief") && line.contains("invalid_grant")), "it is logged");
    assert_eq!(shop.redeem(&server, &code).await.status, 200);
}

/// Codes were not bound to the client. A redirect URI that is left out is no wrong one: OAuth 2.1 has none in a token request, and one
/// that is sent has to fit (TE-21).
#[tokio::test]
async fn code_06_every_sender_with_everything_that_can_be_wrong() {
    let server = TestServer::with(|options| options.unlimited_addresses()).await;
    let second = registered(&server, "second", ClientType::Web, &["https://second.example/cb"]).await;
    for owner in apps() {
        // The failures of those who do not prove themselves are counted, and that is not what this is about.
        server.clock.advance_seconds(601);
        let code = code(&server, &owner).await;
        let nobody = RelyingParty { client_id: String::new(), secret: None, ..owner.clone() };
        let unproven = RelyingParty { secret: Some("A".repeat(43)), ..owner.clone() };
        let others = apps().into_iter().filter(|app| app.client_id != owner.client_id);
        let senders: Vec<RelyingParty> = others.chain([second.clone(), nobody, unproven]).collect();
        for sender in &senders {
            for redirect_uri in [&owner.redirect_uri, &sender.redirect_uri, ""] {
                let changes = [("redirect_uri", redirect_uri), ("code_verifier", &owner.verifier)];
                let reply = sender.redeem_with(&server, &code, &changes).await;
                assert_no_token(&reply, &format!("{} of {}: {redirect_uri}", sender.client_id, owner.client_id));
            }
        }
        let wrong: &[(&str, &str)] = &[
            ("redirect_uri", "https://evil.test/cb"),
            ("redirect_uri", "https://second.example/cb"),
            ("code_verifier", &"B".repeat(43)),
            ("resource", "https://elsewhere.example/"),
        ];
        for change in wrong {
            assert_no_token(&owner.redeem_with(&server, &code, &[*change]).await, &format!("{change:?}"));
        }
        assert_eq!(owner.redeem(&server, &code).await.status, 200, "{}", owner.client_id);
    }
}

/// The page that approves was not bound to the browser that began: whoever had its address got the code.
#[tokio::test]
async fn code_08_a_sign_in_goes_on_in_its_own_browser_alone() {
    let server = TestServer::with(|options| options.storage = Storage::Disk).await;
    let shop = RelyingParty { state: "victim".to_owned(), ..RelyingParty::shop() };
    let filled = [("username", seeds::OLENA), ("password", seeds::PASSWORD)];
    for thief_is_signed_in in [false, true] {
        let mut victim = Browser::new(&server);
        let page = victim.authorize(&shop, &[("prompt", "consent")]).await.page();
        let form = html::form(page.text(), "/sign-in").unwrap();
        let sign_in = form.fields["tx"].clone();
        let page = victim.submit(&form, &filled).await.page();
        let form = html::form(page.text(), "/consent").unwrap();
        let consent = form.fields["tx"].clone();
        assert_ne!(sign_in, consent, "SE-5: what was begun before the sign-in is worth nothing after it");
        let mut thief = Browser::new(&server);
        if thief_is_signed_in {
            let landing = thief.authorize(&RelyingParty::demo(), &[]).await;
            thief.complete_as(landing, seeds::TARAS, seeds::PASSWORD).await;
        }
        // Sending the form: nothing is allowed by it, and no code comes of it.
        for tx in [&sign_in, &consent] {
            let mut fields = form.fields.clone();
            fields.insert("tx".to_owned(), tx.clone());
            let own = server.issuer().to_owned();
            let fields: Vec<(&str, &str)> =
                fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let before = rows::dump(&server).remove("authorization").unwrap();
            let reply = thief.post_form(&own, "/consent", &[&fields[..], &[("decision", "allow")]].concat()).await;
            // To a sign-in of its own, or the form is not ours.
            assert_eq!(reply.status, if thief_is_signed_in { 403 } else { 303 }, "{reply}");
            let after = rows::dump(&server).remove("authorization").unwrap();
            assert!(before.iter().all(|row| after.contains(row)), "what was there is as it was");
            let consented = |row: &&String| row.contains(" status=1 ") && !row.contains(" consented_user=null ");
            assert_eq!(after.iter().find(consented), None, "nobody has consented");
            if let Landing::Outside(url) = thief.follow(Some(&own), reply).await {
                panic!("{url}");
            }
        }
        let allowed = victim.submit_step(&form, &[("decision", "allow")]).await.expect(303);
        for tx in [&sign_in, &consent] {
            for path in ["/continue", "/consent", "/sign-in", "/select-account"] {
                let landing = thief.visit(&format!("{path}?tx={tx}")).await;
                let page = landing.page();
                let begun = html::forms(page.text()).into_iter().find_map(|form| form.fields.get("tx").cloned());
                assert!(begun.is_none_or(|begun| begun != *tx), "{path}: {page}");
            }
        }
        // The person it belongs to gets the answer.
        let landing = victim.follow(None, allowed).await;
        let answer = victim.complete(landing).await;
        let claims = tokens::peek(&shop.redeem(&server, answer.code()).await.member("id_token")).1;
        assert_eq!(claims["sub"], seeds::user(&server, seeds::OLENA).await.id.to_string());
    }
}

/// A part of PKCE could be left out. Whatever was asked, with every part missing or wrong, pushed or not: in the database no code is
/// without the challenge of its verifier, but those of the one confidential client that its operator has exempted (AZ-23).
#[tokio::test]
async fn code_10_no_code_exists_without_its_challenge() {
    let server = TestServer::with(|options| {
        options.storage = Storage::Disk;
        options.unlimited_addresses();
    })
    .await;
    let exempt = registered(&server, "exempt", ClientType::Web, &["https://exempt.example/cb"]).await;
    let client = server.store.find_client(&"exempt".parse().unwrap()).await.unwrap().unwrap().client.clone();
    seeds::put_client(&server, Client { danger_allow_missing_pkce: true, ..client }).await;
    let right = challenge(&exempt.verifier);
    let (padded, short, long) = (format!("{right}="), &right[..42], format!("{right}A"));
    let cases: &[&[(&str, &str)]] = &[
        &[("code_challenge", ""), ("code_challenge_method", "")],
        &[("code_challenge", "")],
        &[("code_challenge_method", "")],
        &[("code_challenge_method", "plain")],
        &[("code_challenge_method", "s256")],
        &[("code_challenge_method", "S512")],
        &[("code_challenge", &padded)],
        &[("code_challenge", short)],
        &[("code_challenge", &long)],
    ];
    let mut codes = 0;
    for app in apps().iter().chain([&exempt]) {
        let mut browser = Browser::new(&server);
        codes += usize::from(browser.sign_in_for(app).await.get("code").is_some());
        for case in cases {
            let landing = browser.authorize(app, case).await;
            let answer = browser.complete(landing).await;
            codes += usize::from(answer.get("code").is_some());
            // What may be pushed may be asked for.
            let pushed = par::push(&server, app, case).await;
            if pushed.status == 201 {
                let landing = browser.visit(&par::short(app, &pushed.member("request_uri"))).await;
                codes += usize::from(browser.complete(landing).await.get("code").is_some());
            }
        }
    }
    let rows = rows::dump(&server).remove("authorization").unwrap();
    let with_code: Vec<&String> = rows.iter().filter(|row| !row.contains(" code=null ")).collect();
    let bytes = URL_SAFE_NO_PAD.decode(&right).unwrap();
    let stored: String = bytes.iter().map(|byte| format!(" {byte:02x}")).collect::<String>().replace(' ', "");
    let bare = with_code.iter().filter(|row| !row.contains(&format!(" challenge={stored} ")));
    let bare: Vec<_> = bare.collect();
    assert!(bare.len() == 2 && bare.iter().all(|row| row.contains(" client_id=exempt ")), "{bare:?}");
    // Once each; and without a challenge twice by the exempt one.
    assert_eq!((with_code.len(), codes), (apps().len() + 3, apps().len() + 3));
}

/// What somebody adds to a form or to its address.
const TAMPERED: &[(&str, &str)] = &[
    ("response_type", "token"),
    ("response_type", "code token id_token"),
    ("response_mode", "fragment"),
    ("response_mode", "form_post"),
    ("client_id", "demo-spa"),
    ("redirect_uri", "https://evil.test/cb"),
    ("redirect_uri", seeds::DEMO_REDIRECT),
    ("state", "another"),
    ("nonce", "another"),
    ("scope", "openid profile email offline_access admin"),
    ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
    ("prompt", "none"),
    ("request_uri", "https://evil.test/r"),
    ("tab_id", "1"),
    ("client_data", "eyJydSI6Imh0dHBzOi8vZXZpbC50ZXN0L2NiIiwicnQiOiJ0b2tlbiJ9"),
];

/// Client data that came along with a login brought the implicit flow back.
#[tokio::test]
async fn code_11_what_was_validated_first_stays() {
    let shop = RelyingParty::shop();
    let server = TestServer::with(|options| {
        options.storage = Storage::Disk;
        options.unlimited_addresses();
    })
    .await;
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(TAMPERED).finish();
    let filled = |fields: &[(&'static str, &'static str)]| [fields, TAMPERED].concat();
    for in_address in [false, true] {
        let mut browser = Browser::new(&server);
        let page = browser.authorize(&shop, &[("prompt", "consent")]).await.page();
        let mut form = html::form(page.text(), "/sign-in").unwrap();
        // Every page of the way again, with all of it in the address.
        let again = browser.visit(&format!("/sign-in?tx={}&{query}", form.fields["tx"])).await.page();
        assert_eq!(html::form(again.text(), "/sign-in").unwrap().fields["tx"], form.fields["tx"]);
        if in_address {
            form.action = format!("{}?{query}", form.action);
        }
        let credentials = [("username", seeds::OLENA), ("password", seeds::PASSWORD)];
        let landing = browser.submit(&form, &filled(&credentials)).await;
        let mut form = html::form(landing.page().text(), "/consent").unwrap();
        let again = browser.visit(&format!("/consent?tx={}&{query}", form.fields["tx"])).await.page();
        assert_eq!(html::form(again.text(), "/consent").unwrap().fields["tx"], form.fields["tx"]);
        if in_address {
            form.action = format!("{}?{query}", form.action);
        }
        let reply = browser.submit_step(&form, &filled(&[("decision", "allow")])).await.expect(303);
        let landing = browser.visit(&format!("{}&{query}", reply.location())).await;
        let answer = browser.complete(landing).await;
        assert!(answer.url.starts_with(&format!("{}?", shop.redirect_uri)), "{}", answer.url);
        assert_eq!(answer.parameters.keys().map(String::as_str).collect::<Vec<_>>(), ["code", "iss", "state"]);
        assert_eq!(answer.get("state"), Some(shop.state.as_str()));
        let reply = shop.redeem(&server, answer.code()).await.expect(200);
        assert_eq!(reply.member("scope"), "email openid profile");
        assert_eq!(tokens::peek(&reply.member("id_token")).1["nonce"], shop.nonce);
    }
    // Hidden fields and the cookie of the way, each replaced: at worst it begins anew.
    rows::execute(&server, "DELETE FROM \"authorization\"");
    for name in ["tx", "csrf", TX] {
        for value in ["", "x", "00000000-0000-7000-8000-000000000000", &"A".repeat(43)] {
            let mut browser = Browser::new(&server);
            let page = browser.authorize(&shop, &[]).await.page();
            let mut form = html::form(page.text(), "/sign-in").unwrap();
            let waiting = form.fields["tx"].clone();
            if name == TX {
                browser.jar.plant(TX, value);
            } else {
                form.fields.insert(name.to_owned(), value.to_owned());
            }
            let before = rows::dump(&server).remove("authorization").unwrap();
            let filled = [("username", seeds::OLENA), ("password", seeds::PASSWORD)];
            let reply = browser.submit_step(&form, &filled).await;
            let own = server.issuer().to_owned();
            if name == "tx" {
                // To another page than that of the request that waits.
                assert!(matches!(reply.status.as_u16(), 200 | 303), "{name}={value}: {reply}");
                assert!(!reply.to_string().contains(&waiting), "{name}={value}: {reply}");
            } else {
                assert!(browser.jar.get(SESSION).is_none(), "{name}={value}: {reply}");
                assert!(reply.set_cookies().iter().all(|cookie| !cookie.starts_with(SESSION)), "{reply}");
            }
            if let Landing::Outside(url) = browser.follow(Some(&own), reply).await {
                panic!("{name}={value}: {url}");
            }
            let after = rows::dump(&server).remove("authorization").unwrap();
            assert!(before.iter().all(|row| after.contains(row)), "{name}={value}: what was asked waits as it was");
            assert!(after.iter().all(|row| row.contains(" code=null ")), "{name}={value}: {after:?}");
        }
    }
    for app in apps() {
        for response_type in ["token", "id_token", "code token", "code id_token token", "none"] {
            let answer = browser_of(&server, &app, response_type).await;
            assert_eq!(answer.error(), "unsupported_response_type", "{}", app.client_id);
        }
    }
}

async fn browser_of(server: &TestServer, app: &RelyingParty, response_type: &str) -> Answer {
    Answer::parse(&Browser::new(server).authorize(app, &[("response_type", response_type)]).await.outside())
}
