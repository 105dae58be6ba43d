//! What may be registered, and what of it is believed later. REDIR-08, REDIR-09, REDIR-11.

use brama_protocol::redirect_uri::RegisteredRedirectUri;
use brama_protocol::registration::policy::Mode;
use brama_testkit::{Browser, Landing, RelyingParty, html, rows, seeds};
use serde_json::json;

use super::{assert_on_page, on_disk};
use crate::oauth2::register;

/// Schemes that a browser runs, as they are smuggled past a list of bad ones.
const SCHEMES: &[&str] = &[
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    " javascript:alert(1)",
    "\u{1}javascript:alert(1)",
    "\u{a0}javascript:alert(1)",
    "java\tscript:alert(1)",
    "java\nscript:alert(1)",
    "javascript&colon;alert(1)",
    "javascript%3aalert(1)",
    "javascript://app.example.net/%0aalert(1)",
    "JaVaScRiPt://app.example.net/%0aalert(1)",
    "data:text/html,x",
    "DATA:text/html,x",
    "data://app.example.net/,x",
    "vbscript:x",
    "VBScript://app.example.net/x",
    "file:///etc/passwd",
    "blob:https://app.example.net/x",
    "about:blank",
    "view-source:https://app.example.net/",
    "ftp://app.example.net/",
    "http://app.example.net/",
    "//app.example.net/",
    "https:\\\\app.example.net/",
    "https:app.example.net/cb",
    "https:/app.example.net/cb",
    "https:///app.example.net/cb",
];

/// Bad schemes were looked for in a list, with regard to case.
#[tokio::test]
async fn redir_08_only_schemes_that_are_known_to_be_good_are_registered() {
    let server = register::server(Mode::Token).await;
    let token = register::initial(&server, 1).await;
    let app = register::App::new(&server, &register::minimal()).await;
    let lists = ["redirect_uris", "post_logout_redirect_uris"];
    let single = ["client_uri", "logo_uri", "policy_uri", "tos_uri", "jwks_uri", "backchannel_logout_uri"];
    for scheme in SCHEMES {
        assert!(RegisteredRedirectUri::parse(scheme).is_err(), "the operator's command: {scheme}");
        for kind in ["web", "native"] {
            for member in lists.iter().chain(&single) {
                let value = if lists.contains(member) { json!([scheme]) } else { json!(scheme) };
                let mut metadata = register::with(member, value);
                metadata["application_type"] = json!(kind);
                let reply = register::post(&server, &metadata).bearer(&token).send().await;
                assert_eq!(reply.status, 400, "{kind} {metadata}: {reply}");
                let reply = app.put(&server, &metadata).await;
                assert_eq!(reply.status, 400, "PUT {kind} {metadata}: {reply}");
                server.clock.advance_seconds(3);
            }
        }
    }
    let _ = register::post(&server, &register::minimal()).bearer(&token).send().await.expect(201);
}

/// A bad address that was in the database was opened by the consent page. Here no page comes of it that a browser could follow:
/// where the pages themselves lead is in `tests/browser`, which cannot write into the database of the program it drives.
#[tokio::test]
async fn redir_09_what_somebody_put_into_the_database_is_not_believed() {
    const EVIL: &str = "javascript:alert(document.domain)//";
    let stays = |landing: Landing| {
        let page = landing.page();
        assert!(page.status == 400 || page.status == 503, "{page}");
        assert!(!page.text().contains("javascript:"), "{page}");
    };
    // In a request that waits for consent.
    let server = on_disk().await;
    let shop = RelyingParty::shop();
    for decision in ["allow", "deny"] {
        let mut browser = Browser::new(&server);
        let page = browser.authorize(&shop, &[]).await.page();
        let form = html::form(page.text(), "/sign-in").unwrap();
        let page = browser.submit(&form, &[("username", seeds::OLENA), ("password", seeds::PASSWORD)]).await.page();
        let form = html::form(page.text(), "/consent").unwrap();
        rows::execute(&server, &format!("UPDATE \"authorization\" SET redirect_uri = '{EVIL}'"));
        for path in ["/consent", "/continue", "/sign-in", "/select-account"] {
            stays(browser.visit(&format!("{path}?tx={}", form.fields["tx"])).await);
        }
        stays(browser.submit(&form, &[("decision", decision)]).await);
    }
    // In the registration itself: it cannot be read, so there is no such app.
    let page = Browser::new(&server).authorize(&shop, &[]).await.page();
    let tx = html::form(page.text(), "/sign-in").unwrap().fields["tx"].clone();
    let changed = format!("replace(metadata, '{}', '{EVIL}')", shop.redirect_uri);
    rows::execute(&server, &format!("UPDATE client SET metadata = {changed} WHERE id = 'shop'"));
    let mut targets: Vec<String> = ["/continue", "/sign-in"].map(|path| format!("{path}?tx={tx}")).into();
    for uri in [EVIL, &shop.redirect_uri] {
        targets.extend(["", "none"].map(|prompt| shop.authorize_url(&[("redirect_uri", uri), ("prompt", prompt)])));
    }
    for target in targets {
        // A fault of ours, on purpose.
        let reply = server.get(&target).send_unchecked().await;
        assert!(reply.status.is_server_error() && reply.header("location").is_none(), "{reply}");
        assert!(!reply.text().contains("javascript:"), "{reply}");
    }
}

/// A crafted address crashed the validator.
#[tokio::test]
async fn redir_11_no_address_is_too_strange_to_be_refused() {
    let server = register::server(Mode::Token).await;
    let token = register::initial(&server, 99).await;
    let cli = RelyingParty::cli();
    let long = "a".repeat(1_000_000);
    for uri in [
        "http://[::1",
        "http://::1]/cb",
        "http://[::1]:x/cb",
        "http://[fe80::1%25eth0]/cb",
        "http://[fe80::1%eth0]/cb",
        "http://[::ffff:999.0.0.1]/cb",
        "http://[v1.x]/cb",
        "http://[]/cb",
        "http://127.0.0.1:18446744073709551616/cb",
        "http://",
        "http:",
        ":",
        "://",
        "?",
        "#",
        "%",
        "%zz",
        "https://%/",
        "https://%00/",
        "https://xn--/",
        "https://xn--a\u{301}/",
        "https://\u{202e}/",
        "\u{feff}https://app.example/cb",
        "https://a..b/",
        "https://-/",
        "com.example.cli:",
        "com.example.cli:\u{1f980}",
        &format!("https://{}/cb", "a.".repeat(400)),
        &format!("http://127.0.0.1/{}", "%2e/".repeat(400)),
        &format!("https://{}/cb", &long[..2_000]),
        &long,
    ] {
        let fields = cli.parameters(&[("redirect_uri", uri)]);
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let shown: String = uri.chars().take(60).collect();
        let reply = server.post("/oauth2/authorize").form(&fields).send().await;
        assert!(matches!(reply.status.as_u16(), 400 | 413), "{shown}: {reply}");
        if uri.len() < 5_000 {
            assert_on_page(&server.get(&cli.authorize_url(&[("redirect_uri", uri)])).send().await, &shown);
        }
        for kind in ["web", "native"] {
            let metadata = json!({ "redirect_uris": [uri], "application_type": kind });
            let reply = register::post(&server, &metadata).bearer(&token).send().await;
            // Strange, but some of them are addresses.
            assert!(matches!(reply.status.as_u16(), 201 | 400 | 413), "{kind} {shown}: {reply}");
            server.clock.advance_seconds(3);
        }
    }
}
