//! What many tests say.

use brama_testkit::{Browser, RelyingParty, Reply, TestServer, rows};

/// The session cookie.
pub(crate) const SESSION: &str = "__Host-brama_session";
/// The transaction cookie.
pub(crate) const TX: &str = "__Host-brama_tx";
/// The refresh cookie of the demo app.
pub(crate) const DEMO_RT: &str = "__Host-brama_rt_demo-spa";
/// The refresh cookie of the second first-party app.
pub(crate) const ADMIN_RT: &str = "__Host-brama_rt_admin-spa";

/// Everything a script may read of an answer of a listed origin, exactly. BB-12.
pub(crate) fn assert_cors(reply: &Reply, origin: &str, credentials: bool) {
    assert_eq!(reply.header("access-control-allow-origin"), Some(origin), "{reply}");
    assert_eq!(reply.header("access-control-allow-credentials"), credentials.then_some("true"), "{reply}");
    let exposed = "DPoP-Nonce, WWW-Authenticate, Retry-After, Date";
    assert_eq!(reply.header("access-control-expose-headers"), Some(exposed), "{reply}");
}

/// No script of another origin may read it.
pub(crate) fn assert_no_cors(reply: &Reply) {
    for (name, _) in &reply.headers {
        assert!(!name.as_str().starts_with("access-control-"), "{reply}");
    }
}

/// No cookie is set, changed or deleted.
pub(crate) fn assert_no_cookies(reply: &Reply) {
    assert_eq!(reply.set_cookies(), [""; 0], "{reply}");
}

/// Whether the database is as it was. The access log is no row.
pub(crate) fn assert_unchanged(server: &TestServer, before: &rows::Dump) {
    let after = rows::dump(server);
    for (table, rows) in before {
        assert_eq!(&after[table], rows, "{table}");
    }
}

/// A browser that has signed in to the demo app.
pub(crate) async fn logged_in(server: &TestServer) -> Browser<'_> {
    let mut browser = Browser::new(server);
    let reply = browser.log_in(brama_testkit::seeds::OLENA, brama_testkit::seeds::PASSWORD).await;
    assert_eq!(reply.status, 200, "{reply}");
    browser
}

/// Access, refresh and ID token of an app that was just signed in to, with the refresh token in the body.
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
    pub(crate) id: String,
}

impl Tokens {
    /// From a token response; members that are not there are empty.
    pub(crate) fn of(reply: &Reply) -> Self {
        assert_eq!(reply.status, 200, "{reply}");
        let json = reply.json();
        let text = |name: &str| json[name].as_str().unwrap_or_default().to_owned();
        Self { access: text("access_token"), refresh: text("refresh_token"), id: text("id_token") }
    }
}

/// The whole of scheme B in a new browser.
pub(crate) async fn signed_in_to(server: &TestServer, app: &RelyingParty) -> Tokens {
    let code = Browser::new(server).sign_in_for(app).await;
    Tokens::of(&app.redeem(server, code.code()).await)
}
