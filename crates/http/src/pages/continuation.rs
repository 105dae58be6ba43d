//! `/continue`: where every page of a sign-in leads, and the page that leads back to the app.
//!
//! Browsers apply `form-action 'self'` to every redirect after a form. So a form leads here, and from here a page goes on
//! by script, by refresh or by a link. WH-2.

use axum::response::Response;
use brama_faults::{Fault, planted};
use brama_flows::authorize::begin::Browser;
use brama_flows::authorize::interact::{self, Opened, Step};
use brama_pages::Continue;
use brama_protocol::authorize::response::ResponseMode;
use brama_protocol::client::Client;
use brama_protocol::error::{Refusal, SIGN_IN_GONE};
use brama_protocol::id::AuthorizationId;
use brama_store::authorization::Authorization;
use http::StatusCode;

use crate::app::App;
use crate::cookies;
use crate::incoming::Incoming;
use crate::pages::{consent, select_account, sign_in, signed_in, starter, tx};
use crate::respond::client::{After, Recipient};
use crate::respond::page::{Language, chrome, html};
use crate::respond::{self, see_other, set_cookie};

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
    let query = incoming.query()?;
    let Some(id) = tx(&query) else { return Ok(see_other("/account")) };
    let signed_in = signed_in(incoming).await?;
    let opened = interact::open(ctx, id, &browser, starter(incoming, &signed_in)).await?;
    let Opened { mut authorization, client, .. } = opened.ok_or(&SIGN_IN_GONE)?;
    if let Some(mode) = query.all("response_mode").last().filter(|_| planted(Fault::Code11)) {
        authorization.asked.back.mode = ResponseMode::parse(Some(mode)).unwrap_or_default();
    }
    let step = interact::proceed(ctx, &authorization, &client.client, signed_in).await?;
    let mut response = go(app, incoming, &authorization, &client.client, &step, After::Form)?;
    set_cookie(&mut response, &cookies::browser(&browser.secret, cookie_seconds(app)));
    Ok(response)
}

/// Where a step leads.
pub(crate) fn go(
    app: &App,
    incoming: &Incoming,
    authorization: &Authorization,
    client: &Client,
    step: &Step,
    after: After,
) -> Result<Response, Refusal> {
    match step {
        Step::SignIn(id) => Ok(see_other(&sign_in::address(*id))),
        Step::ChooseAccount(id) => Ok(see_other(&select_account::address(*id))),
        Step::Consent(id) => Ok(see_other(&consent::address(*id))),
        Step::Back(answer) => {
            let ui_locales = authorization.asked.ui_locales.as_deref();
            let to = Recipient { client, authorization: Some(authorization.id), ui_locales };
            respond::client::answer(app, incoming, &to, answer, after)
        }
    }
}

/// The page that leads on to an address outside, after a form of ours.
pub(crate) fn page(app: &App, incoming: &Incoming, target: &str) -> Result<Response, Refusal> {
    let language = Language::of(app, incoming, None);
    let page = Continue { chrome: chrome(app, incoming, &language, &incoming.path, &[]), app: None, target };
    let mut response = html(incoming, StatusCode::OK, page.render())?;
    response.headers_mut().insert(http::header::REFERRER_POLICY, http::HeaderValue::from_static("no-referrer"));
    Ok(response)
}
