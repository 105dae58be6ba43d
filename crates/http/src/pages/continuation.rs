//! `/continue`: where every page of a sign-in leads, and the page that leads back to the app.
//!
//! Browsers apply `form-action 'self'` to every redirect after a form. So a form leads here, and from here a page goes on
//! by script, by refresh or by a link. WH-2.

use axum::response::Response;
use brama_flows::authorize::begin::Browser;
use brama_flows::authorize::interact::{self, Opened, Step};
use brama_pages::Continue;
use brama_protocol::client::Client;
use brama_protocol::error::{Refusal, SIGN_IN_GONE};
use brama_protocol::id::AuthorizationId;
use brama_store::authorization::Authorization;
use http::StatusCode;

use crate::app::App;
use crate::cookies;
use crate::incoming::Incoming;
use crate::pages::{consent, sign_in, signed_in, starter, tx};
use crate::respond::page::{Language, chrome, html, page_app};
use crate::respond::{see_other, set_cookie};

/// The address that continues an authorization.
pub(crate) fn address(id: AuthorizationId) -> String {
    format!("/continue?tx={id}")
}

/// How long the transaction cookie lives, seconds.
pub(crate) fn cookie_seconds(app: &App) -> i64 {
    app.deployment.settings.sessions.sign_in_ttl.as_secs()
}

/// `GET /continue`.
pub(crate) async fn get(app: &App, incoming: &Incoming) -> Result<Response, Refusal> {
    let ctx = &incoming.ctx;
    let cookies = incoming.cookies();
    let browser = Browser::of(ctx, cookies.get(cookies::BROWSER))?;
    let Some(id) = tx(&incoming.query()?) else { return Ok(see_other("/account")) };
    let signed_in = signed_in(incoming).await?;
    let opened = interact::open(ctx, id, &browser, starter(incoming, &signed_in)).await?;
    let Opened { authorization, client, .. } = opened.ok_or(&SIGN_IN_GONE)?;
    let mut response = match interact::proceed(ctx, &authorization, &client.client, signed_in).await? {
        Step::SignIn(id) => see_other(&sign_in::address(id)),
        Step::Consent(id) => see_other(&consent::address(id)),
        Step::Back(target) if incoming.is_no_browser() => see_other(&target),
        Step::Back(target) => page(app, incoming, Some((&client.client, &authorization)), &target)?,
    };
    set_cookie(&mut response, &cookies::browser(&browser.secret, cookie_seconds(app)));
    Ok(response)
}

/// The page that leads on to an address outside.
pub(crate) fn page(
    app: &App,
    incoming: &Incoming,
    to: Option<(&Client, &Authorization)>,
    target: &str,
) -> Result<Response, Refusal> {
    let language = Language::of(app, incoming, to.map(|(_, authorization)| authorization));
    let host = to.map(|(_, authorization)| authorization.asked.back.redirect_uri.host()).unwrap_or_default();
    let page = Continue {
        chrome: chrome(app, incoming, &language, &incoming.path, &[]),
        app: to.map(|(client, _)| page_app(client, &host)),
        target,
    };
    let mut response = html(incoming, StatusCode::OK, page.render())?;
    // The address of the app carries a code: the app is not told where it came from, nobody else sees it. WH-7.
    response.headers_mut().insert(http::header::REFERRER_POLICY, http::HeaderValue::from_static("no-referrer"));
    Ok(response)
}
