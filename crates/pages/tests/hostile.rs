//! Words and addresses that mean harm: they stay words, or are refused (WH-2, WH-18, WH-20).
#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use brama_pages::{
    Account, AccountApps, App, AppCard, Chrome, Consent, Continue, DeviceCode, DeviceConfirm, DeviceProblem, ErrorKind,
    ErrorPage, FormPost, Leave, Locale, RenderError, SelectAccount, SessionCard, SignIn, SignInProblem, SignOut,
    SignedOut, Way,
};
use support::{Element, elements};

fn chrome() -> Chrome<'static> {
    Chrome {
        locale: Locale::En,
        nonce: "nonce",
        site_name: "ID",
        path: "/x",
        hidden: &[],
        dev: false,
        support_url: None,
    }
}

/// WH-2: script, refresh without scripts and link lead to the same address; no form.
#[test]
fn wh2_continue_goes_on_three_ways() {
    let target = "https://shop.example/cb?code=a&state='\";url=https://evil.example/";
    let page = Continue { chrome: chrome(), app: None, target };
    let html = page.render().unwrap();
    let elements = elements(&html);
    let link = elements.iter().find(|e| e.get("id") == Some("continue")).unwrap();
    assert_eq!(link.get("href"), Some(target));
    let refresh = elements.iter().find(|e| e.get("http-equiv").is_some()).unwrap();
    assert_eq!(refresh.get("content"), Some(format!("0;url={target}").as_str()));
    assert_eq!(elements.iter().filter(|e| e.get("method") == Some("post")).count(), 0);
}

/// WH-18: code is no address, neither to continue to nor to go back to.
#[test]
fn wh18_addresses_that_run_code_are_refused() {
    let code = "javascript:alert(1)";
    let page = Continue { chrome: chrome(), app: None, target: code };
    assert!(matches!(page.render(), Err(RenderError::Target)));
    let app = App { name: "Shop", domain: "shop.example" };
    for action in [code, "com.example.app:/cb", "/consent", "data:text/html,x", ""] {
        let post = FormPost { chrome: chrome(), app, action, fields: &[] };
        assert!(matches!(post.render(), Err(RenderError::Target)), "AZ-32: {action}");
        let leave = Leave { chrome: chrome(), app, way: Way::Form { action, fields: &[] }, code: "B2118" };
        assert!(matches!(leave.render(), Err(RenderError::Target)), "{action}");
    }
    let leave = Leave { chrome: chrome(), app, way: Way::Link(code), code: "B2118" };
    assert!(matches!(leave.render(), Err(RenderError::Target)));
    let framed = Chrome { support_url: Some(code), ..chrome() };
    let out = SignedOut { chrome: framed, app: None, back_url: Some(code) }.render().unwrap();
    assert!(!out.contains("javascript"));
}

/// WH-20: the detail of a problem is for the development server only.
#[test]
fn wh20_detail_only_in_development() {
    let page = |dev| ErrorPage {
        chrome: Chrome { dev, ..chrome() },
        kind: ErrorKind::Internal,
        code: "B9000",
        request_id: "r",
        detail: Some("SELECT secret"),
        explanation: Some("redirect_uri is not registered for this client"),
        back_url: None,
    };
    assert!(!page(false).render().unwrap().contains("SELECT"));
    assert!(page(true).render().unwrap().contains("SELECT"));
}

/// WH-18: whatever a person or an app wrote stays words: no element, no attribute, no turned text.
#[test]
fn wh18_hostile_words_are_inert() {
    let hostile = "\"'><script>alert(1)</script><img src=x onerror=x>{{7*7}}</bdi>\u{202E}\u{2066}\u{2069}\u{0}";
    let calm = "plain";
    let page = |words| {
        let chrome = Chrome {
            site_name: words,
            path: words,
            hidden: &[],
            nonce: words,
            dev: true,
            support_url: Some(words),
            ..chrome()
        };
        let app = App { name: words, domain: words };
        hostile_pages(chrome, app, words)
    };
    for (bad, good) in page(hostile).into_iter().zip(page(calm)) {
        let (bad, good) = (elements(&bad), elements(&good));
        let shape = |page: &[Element]| -> Vec<(String, Vec<String>)> {
            page.iter().map(|e| (e.name.clone(), e.attributes.keys().cloned().collect())).collect()
        };
        assert_eq!(shape(&bad), shape(&good));
        for element in &bad {
            assert!(!element.text.contains(['\u{202E}', '\u{2066}', '\u{2069}', '\u{0}']), "{element:?}");
        }
    }
}

fn hostile_pages(chrome: Chrome<'_>, app: App<'_>, words: &str) -> Vec<String> {
    let session = SessionCard {
        handle: words,
        device_label: words,
        signed_in_at: words,
        last_seen_at: words,
        is_current: false,
        method: words,
        apps: vec![words.to_owned()],
    };
    let card = AppCard {
        id: words,
        name: words,
        domain: words,
        verified: false,
        scopes: vec![words],
        resources: vec![words],
        since: words,
        used_at: Some(words),
    };
    let pairs = [(words, words)];
    let chrome = Chrome { hidden: &pairs, ..chrome };
    vec![
        SignIn {
            chrome,
            app: Some(app),
            tx: words,
            csrf: words,
            username: words,
            problem: Some(SignInProblem::Reauthenticate),
            remember: false,
        }
        .render()
        .unwrap(),
        Consent {
            chrome,
            app,
            client_verified: false,
            redirect_host: words,
            username: words,
            scopes: &[words, "openid"],
            before: &[words],
            resources: &[words],
            policy_uri: Some(words),
            tos_uri: Some("https://a/\"><script>"),
            chosen_nothing: true,
            tx: words,
            csrf: words,
        }
        .render()
        .unwrap(),
        SelectAccount { chrome, app, name: words, username: words, tx: words, csrf: words }.render().unwrap(),
        AccountApps { chrome, csrf: words, apps: &[card], withdrawn: true }.render().unwrap(),
        FormPost { chrome, app, action: "https://a/\"><script>", fields: &pairs }.render().unwrap(),
        Leave { chrome, app, way: Way::Link("https://a/\"><script>"), code: words }.render().unwrap(),
        Leave { chrome, app, way: Way::Form { action: "https://a/?\"><script>", fields: &pairs }, code: words }
            .render()
            .unwrap(),
        DeviceCode { chrome, csrf: words, user_code: words, problem: Some(DeviceProblem::Wrong) }.render().unwrap(),
        DeviceConfirm {
            chrome,
            csrf: words,
            user_code: words,
            app,
            username: words,
            scopes: &[words],
            resources: &[words],
            address: words,
            same_address: true,
            requested_at: words,
        }
        .render()
        .unwrap(),
        SignOut { chrome, app: Some(app), csrf: words, fields: &pairs, username: words }.render().unwrap(),
        SignedOut { chrome, app: Some(app), back_url: Some("/x\"><script>") }.render().unwrap(),
        Continue { chrome, app: Some(app), target: "https://a/\"><script>" }.render().unwrap(),
        ErrorPage {
            chrome,
            kind: ErrorKind::AppLinkWrong { app: words },
            code: words,
            request_id: words,
            detail: Some(words),
            explanation: Some("redirect_uri is not registered for this client"),
            back_url: Some("https://a/'\"><script>"),
        }
        .render()
        .unwrap(),
        Account {
            chrome,
            csrf: words,
            name: words,
            username: words,
            email: Some(words),
            sessions: &[session],
            notice: None,
        }
        .render()
        .unwrap(),
    ]
}
