//! Every page in every state with made-up data, for tests, for screenshots and for those who edit `web/`.

use crate::{
    Account, AccountApps, AccountNotice, App, AppCard, Chrome, Consent, Continue, DeviceCode, DeviceConfirm,
    DeviceDone, DeviceProblem, ErrorKind, ErrorPage, FormPost, Leave, Locale, RenderError, SelectAccount, SessionCard,
    SignIn, SignInProblem, SignOut, SignedOut, Way,
};

/// Render every sample in one language: its name, which may serve as a file name, and its HTML.
///
/// # Errors
///
/// The first [`RenderError`]; the tests of this crate show that there is none.
pub fn all(locale: Locale) -> Result<Vec<(&'static str, String)>, RenderError> {
    let chrome = Chrome {
        locale,
        nonce: "c2FtcGxlLW5vbmNlLTAwMQ==",
        site_name: "Крамниця ID",
        path: "/account",
        hidden: &[],
        dev: false,
        support_url: Some("https://help.example.ua/"),
    };
    let app = App { name: "Крамниця", domain: "shop.example.ua" };
    let mut pages = sign_in(chrome, app)?;
    pages.extend(consent(chrome, app)?);
    pages.extend(device(chrome)?);
    pages.extend(ways_out(chrome, app)?);
    pages.extend(account(chrome)?);
    pages.extend(errors(chrome)?);
    Ok(pages)
}

fn sign_in(chrome: Chrome<'_>, app: App<'_>) -> Result<Vec<(&'static str, String)>, RenderError> {
    let page = |problem, username| SignIn {
        chrome: Chrome { path: "/sign-in", hidden: &[("tx", "tx-0001")], ..chrome },
        app: Some(app),
        tx: "tx-0001",
        csrf: "csrf-0001",
        username,
        problem,
        remember: false,
    };
    let olena = "olena@example.ua";
    let plain = page(None, "");
    Ok(vec![
        ("sign-in", plain.render()?),
        (
            "sign-in-development",
            SignIn {
                chrome: Chrome { dev: true, support_url: None, ..plain.chrome },
                app: None,
                remember: true,
                ..page(None, olena)
            }
            .render()?,
        ),
        ("sign-in-empty-username", page(Some(SignInProblem::EmptyUsername), "").render()?),
        ("sign-in-empty-password", page(Some(SignInProblem::EmptyPassword), olena).render()?),
        ("sign-in-empty-both", page(Some(SignInProblem::EmptyBoth), "").render()?),
        ("sign-in-wrong-pair", page(Some(SignInProblem::WrongPair), olena).render()?),
        ("sign-in-wrong-layout", page(Some(SignInProblem::WrongPair), "щдутф").render()?),
        ("sign-in-too-many", page(Some(SignInProblem::TooMany { wait_seconds: 290 }), olena).render()?),
        ("sign-in-expired", page(Some(SignInProblem::Expired), olena).render()?),
        ("sign-in-reauthenticate", page(Some(SignInProblem::Reauthenticate), olena).render()?),
        (
            "sign-in-reauthenticate-account",
            SignIn { app: None, ..page(Some(SignInProblem::Reauthenticate), olena) }.render()?,
        ),
        ("sign-in-overloaded", page(Some(SignInProblem::Overloaded), olena).render()?),
    ])
}

fn consent(chrome: Chrome<'_>, app: App<'_>) -> Result<Vec<(&'static str, String)>, RenderError> {
    let verified = Consent {
        chrome: Chrome { path: "/consent", hidden: &[("tx", "tx-0001")], ..chrome },
        app,
        client_verified: true,
        redirect_host: "shop.example.ua",
        username: "olena@example.ua",
        scopes: &["openid", "profile", "email"],
        before: &[],
        resources: &[],
        policy_uri: None,
        tos_uri: None,
        chosen_nothing: false,
        tx: "tx-0001",
        csrf: "csrf-0001",
    };
    let unverified = Consent {
        app: App {
            name: "Дуже довга назва застосунку, яку хтось вигадав без жодної потреби",
            domain: "a-very-long-subdomain-of-an-unknown-application.apps.example.com",
        },
        client_verified: false,
        redirect_host: "127.0.0.1",
        scopes: &["openid", "offline_access", "orders:read"],
        resources: &["https://a-very-long-name.of-an-api.example.com/v1/with/a/path"],
        policy_uri: Some("https://apps.example.com/policy"),
        tos_uri: Some("https://apps.example.com/terms"),
        chrome: verified.chrome,
        ..verified
    };
    let more = Consent { scopes: &["email"], before: &["openid", "profile"], ..verified };
    let nothing = Consent { chosen_nothing: true, scopes: &["orders:read", "orders:write"], ..verified };
    let select = SelectAccount {
        chrome: Chrome { path: "/select-account", ..verified.chrome },
        app,
        name: "Олена Дʼяченко",
        username: "olena@example.ua",
        tx: "tx-0001",
        csrf: "csrf-0001",
    };
    Ok(vec![
        ("consent", verified.render()?),
        ("consent-unverified", unverified.render()?),
        ("consent-more", more.render()?),
        ("consent-chosen-nothing", nothing.render()?),
        ("select-account", select.render()?),
        ("select-account-nameless", SelectAccount { name: select.username, ..select }.render()?),
    ])
}

fn device(chrome: Chrome<'_>) -> Result<Vec<(&'static str, String)>, RenderError> {
    let chrome = Chrome { path: "/device", ..chrome };
    let page = |problem, user_code| DeviceCode { chrome, csrf: "csrf-0001", user_code, problem };
    let confirm = DeviceConfirm {
        chrome: Chrome { path: "/device/confirm", hidden: &[("user_code", "WDJB-MJHT")], ..chrome },
        csrf: "csrf-0001",
        user_code: "WDJB-MJHT",
        app: App { name: "Кіно на телевізорі", domain: "" },
        username: "olena@example.ua",
        scopes: &["openid", "profile", "offline_access"],
        resources: &[],
        address: "192.0.2.10",
        same_address: true,
        requested_at: "2026-11-22T14:05:33Z",
    };
    let elsewhere = DeviceConfirm {
        app: App {
            name: "Дуже довга назва застосунку, яку хтось вигадав без жодної потреби", domain: ""
        },
        resources: &["https://a-very-long-name.of-an-api.example.com/v1/with/a/path"],
        address: "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff",
        same_address: false,
        ..confirm
    };
    Ok(vec![
        ("device", page(None, "").render()?),
        ("device-prefilled", page(None, "WDJB-MJHT").render()?),
        ("device-empty", page(Some(DeviceProblem::Empty), "").render()?),
        ("device-wrong", page(Some(DeviceProblem::Wrong), "wdjb").render()?),
        ("device-too-many", page(Some(DeviceProblem::TooMany { wait_seconds: 290 }), "wdjb").render()?),
        ("device-expired", page(Some(DeviceProblem::Expired), "").render()?),
        ("device-confirm", confirm.render()?),
        ("device-confirm-elsewhere", elsewhere.render()?),
        ("device-allowed", DeviceDone { chrome, allowed: true }.render()?),
        ("device-denied", DeviceDone { chrome, allowed: false }.render()?),
    ])
}

fn ways_out(chrome: Chrome<'_>, app: App<'_>) -> Result<Vec<(&'static str, String)>, RenderError> {
    let target = "https://shop.example.ua/callback?code=sample&state=sample&iss=https%3A%2F%2Fid.example.ua";
    let fields = &[("error", "invalid_scope"), ("state", "\"><script>"), ("iss", "https://id.example.ua")];
    let leave = Leave { chrome, app, way: Way::Link(target), code: "B2118" };
    let sign_out = SignOut {
        chrome: Chrome { path: "/sign-out", ..chrome },
        app: Some(app),
        csrf: "csrf-0001",
        fields: &[("client_id", "shop-web"), ("state", "sample")],
        username: "olena@example.ua",
    };
    let signed_out = SignedOut {
        chrome: Chrome { path: "/signed-out", ..chrome },
        app: Some(app),
        back_url: Some("https://shop.example.ua/"),
    };
    Ok(vec![
        ("continue", Continue { chrome, app: Some(app), target }.render()?),
        ("form-post", FormPost { chrome, app, action: "https://shop.example.ua/callback", fields }.render()?),
        ("leave", leave.render()?),
        (
            "leave-form",
            Leave { way: Way::Form { action: "https://shop.example.ua/callback", fields }, ..leave }.render()?,
        ),
        ("continue-here", Continue { chrome, app: None, target: "/account" }.render()?),
        ("sign-out", sign_out.render()?),
        ("sign-out-alone", SignOut { app: None, fields: &[], ..sign_out }.render()?),
        ("signed-out", signed_out.render()?),
        ("signed-out-page", SignedOut { app: None, back_url: Some("/account"), ..signed_out }.render()?),
        ("signed-out-alone", SignedOut { app: None, back_url: None, ..signed_out }.render()?),
    ])
}

fn account(chrome: Chrome<'_>) -> Result<Vec<(&'static str, String)>, RenderError> {
    let sessions = [
        SessionCard {
            handle: "session-1",
            device_label: "Firefox on Linux",
            signed_in_at: "2026-11-22T08:12:00Z",
            last_seen_at: "2026-11-22T14:05:33Z",
            is_current: true,
            method: "pwd",
            apps: vec!["Крамниця".to_owned(), "Бібліотека".to_owned()],
        },
        SessionCard {
            handle: "session-2",
            device_label: "Safari on iPhone",
            signed_in_at: "2026-11-01T19:40:12Z",
            last_seen_at: "2026-11-21T22:10:00Z",
            is_current: false,
            method: "swk",
            apps: Vec::new(),
        },
    ];
    let at_apps = Chrome { path: "/account/apps", ..chrome };
    let shop = AppCard {
        id: "shop-web",
        name: "Крамниця",
        domain: "shop.example.ua",
        verified: true,
        scopes: vec!["openid", "profile", "offline_access"],
        resources: Vec::new(),
        since: "2026-11-01T19:40:12Z",
        used_at: Some("2026-11-22T14:05:33Z"),
    };
    let stranger = AppCard {
        id: "dyn-0001",
        name: "Дуже довга назва застосунку, яку хтось вигадав без жодної потреби",
        domain: "a-very-long-subdomain-of-an-unknown-application.apps.example.com",
        verified: false,
        scopes: vec!["openid", "orders:read"],
        resources: vec!["https://a-very-long-name.of-an-api.example.com/v1/with/a/path"],
        used_at: None,
        ..shop.clone()
    };
    let apps = [stranger, shop];
    let current = sessions.get(..1).unwrap_or_default();
    let page = |sessions, notice| Account {
        chrome,
        csrf: "csrf-0001",
        name: "Олена Дʼяченко",
        username: "olena",
        email: Some("olena@example.ua"),
        sessions,
        notice,
    };
    Ok(vec![
        ("account", page(&sessions, None).render()?),
        ("account-session-ended", page(current, Some(AccountNotice::SessionEnded)).render()?),
        ("account-others-ended", page(current, Some(AccountNotice::OthersEnded { count: 3 })).render()?),
        (
            "account-already-ended",
            Account { email: None, ..page(&sessions, Some(AccountNotice::AlreadyEnded)) }.render()?,
        ),
        ("account-apps", AccountApps { chrome: at_apps, csrf: "csrf-0001", apps: &apps, withdrawn: false }.render()?),
        ("account-apps-none", AccountApps { chrome: at_apps, csrf: "csrf-0001", apps: &[], withdrawn: true }.render()?),
        ("account-theft", page(&sessions, Some(AccountNotice::TokenTheft)).render()?),
    ])
}

fn errors(chrome: Chrome<'_>) -> Result<Vec<(&'static str, String)>, RenderError> {
    [
        ("error-app-link", ErrorKind::AppLinkWrong { app: "Крамниця" }, "B2104"),
        ("error-unknown-app", ErrorKind::UnknownApp, "B2101"),
        ("error-bad-request", ErrorKind::BadRequest, "B2100"),
        ("error-not-found", ErrorKind::NotFound, "B1404"),
        ("error-forbidden", ErrorKind::Forbidden, "B1403"),
        ("error-method", ErrorKind::MethodNotAllowed, "B1405"),
        ("error-too-large", ErrorKind::TooLarge, "B1413"),
        ("error-wrong-host", ErrorKind::WrongHost, "B1421"),
        ("error-too-many", ErrorKind::TooMany, "B1429"),
        ("error-unavailable", ErrorKind::Unavailable, "B1503"),
        ("error-internal", ErrorKind::Internal, "B9000"),
        ("error-stale-form", ErrorKind::StaleForm, "B4101"),
    ]
    .into_iter()
    .map(|(name, kind, code)| {
        let page = ErrorPage {
            chrome: Chrome { dev: kind == ErrorKind::Internal, ..chrome },
            kind,
            code,
            request_id: "01JD8M2Q6ZV4T9K3W7X5Y1B0CE",
            detail: Some("the redirect URI differs from the registered one by its trailing slash"),
            explanation: Some("redirect_uri is not registered for this client"),
            back_url: (kind == ErrorKind::StaleForm).then_some("/account"),
        };
        Ok((name, page.render()?))
    })
    .collect()
}
