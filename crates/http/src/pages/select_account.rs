//! `/select-account`: the app wants to know which account, though somebody is signed in. OpenID Core §3.1.2.1.

use axum::response::Response;
use brama_flows::account::{self, End};
use brama_flows::authorize::begin::Browser;
use brama_flows::authorize::interact;
use brama_flows::csrf::Form;
use brama_pages::SelectAccount;
use brama_protocol::error::{FORM_NOT_OURS, Refusal, SIGN_IN_GONE};
use brama_protocol::id::AuthorizationId;
use http::StatusCode;

use crate::app::App;
use crate::cookies;
use crate::incoming::Incoming;
use crate::pages::account::forget_session;
use crate::pages::{continuation, sign_in, signed_in, starter, tx};
use crate::respond::page::{Language, chrome, html, page_app};
use crate::respond::{see_other, set_cookie};

/// The address of the account chooser of an authorization.
pub(crate) fn address(id: AuthorizationId) -> String {
    format!("/select-account?tx={id}")
}

/// `GET /select-account`.
pub(crate) async fn get(app: &App, incoming: &Incoming) -> Result<Response, Refusal> {
    let ctx = &incoming.ctx;
    let cookies = incoming.cookies();
    let browser = Browser::of(ctx, cookies.get(cookies::BROWSER))?;
    let id = tx(&incoming.query()?).ok_or(&SIGN_IN_GONE)?;
    let signed_in = signed_in(incoming).await?;
    let opened = interact::open(ctx, id, &browser, starter(incoming, &signed_in)).await?.ok_or(&SIGN_IN_GONE)?;
    let authorization = opened.authorization;
    let (Some((_, user)), Some(session)) = (signed_in, incoming.session_hash()) else {
        return Ok(see_other(&sign_in::address(authorization.id)));
    };
    let language = Language::of(app, incoming, Some(&authorization));
    let (tx, host) = (authorization.id.to_string(), authorization.asked.back.redirect_uri.host());
    let csrf = ctx.csrf.token(session, Form::SelectAccount);
    let hidden = [("tx", tx.as_str())];
    let page = SelectAccount {
        chrome: chrome(app, incoming, &language, "/select-account", &hidden),
        app: page_app(&opened.client.client, &host),
        name: user.name.as_deref().unwrap_or(&user.username),
        username: &user.username,
        tx: &tx,
        csrf: &csrf,
    };
    let mut response = html(incoming, StatusCode::OK, page.render())?;
    set_cookie(&mut response, &cookies::browser(&browser.secret, continuation::cookie_seconds(app)));
    language.remember(&mut response);
    Ok(response)
}

/// `POST /select-account`: this account, another one, or out of this one; then the dispatcher goes on.
pub(crate) async fn post(_: &App, incoming: &Incoming) -> Result<Response, Refusal> {
    let ctx = &incoming.ctx;
    let form = incoming.form()?;
    let one = |name| form.one(name).map_err(brama_protocol::token::request::duplicate);
    let cookies = incoming.cookies();
    let browser = Browser::of(ctx, cookies.get(cookies::BROWSER))?;
    let id = tx(&form).ok_or(&SIGN_IN_GONE)?;
    let signed_in = signed_in(incoming).await?;
    let opened = interact::open(ctx, id, &browser, starter(incoming, &signed_in)).await?.ok_or(&SIGN_IN_GONE)?;
    let id = opened.authorization.id;
    let (Some((current, user)), Some(session)) = (signed_in, incoming.session_hash()) else {
        return Ok(see_other(&continuation::address(id)));
    };
    if !ctx.csrf.is_valid(session, Form::SelectAccount, one("csrf")?.unwrap_or_default()) {
        return Err((&FORM_NOT_OURS).into());
    }
    match one("decision")? {
        // An old page chooses nothing: the person sees it anew.
        Some("continue") if opened.restarted.is_none() => {
            ctx.store.choose_account(id, user.id, ctx.now).await?;
        }
        Some("another") => return Ok(see_other(&sign_in::address(id))),
        Some("sign_out") => {
            account::end(ctx, &user, current.id, End::One(current.id)).await?;
            return Ok(forget_session(incoming, see_other(&continuation::address(id))));
        }
        _ => {}
    }
    Ok(see_other(&continuation::address(id)))
}
