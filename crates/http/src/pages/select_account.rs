//! `/select-account`: the app wants to know which account, though somebody is signed in. OpenID Core §3.1.2.1.

use axum::response::Response;
use brama_flows::account::{self, End};
use brama_flows::csrf::Form;
use brama_pages::SelectAccount;
use brama_protocol::error::Refusal;
use brama_protocol::id::AuthorizationId;
use http::StatusCode;

use crate::app::App;
use crate::incoming::Incoming;
use crate::pages::account::forget_session;
use crate::pages::visit::{Visit, Visitor};
use crate::pages::{continuation, sign_in};
use crate::respond::page::{Language, chrome, html, page_app};
use crate::respond::see_other;

/// The address of the account chooser of an authorization.
pub(crate) fn address(id: AuthorizationId) -> String {
    format!("/select-account?tx={id}")
}

/// `GET /select-account`.
pub(crate) async fn get(app: &App, incoming: &Incoming) -> Result<Response, Refusal> {
    let visit = match Visit::open(incoming, &incoming.query()?).await? {
        Visitor::SignedIn(visit) => visit,
        Visitor::Nobody(id) => return Ok(see_other(&sign_in::address(id))),
    };
    let (authorization, user) = (&visit.opened.authorization, &visit.user);
    let language = Language::of(app, incoming, Some(authorization));
    let (tx, host) = (authorization.id.to_string(), authorization.asked.back.redirect_uri.host());
    let csrf = visit.csrf(incoming, Form::SelectAccount);
    let hidden = [("tx", tx.as_str())];
    let page = SelectAccount {
        chrome: chrome(app, incoming, &language, "/select-account", &hidden),
        app: page_app(&visit.opened.client.client, &host),
        name: user.name.as_deref().unwrap_or(&user.username),
        username: &user.username,
        tx: &tx,
        csrf: &csrf,
    };
    let mut response = visit.keep(app, html(incoming, StatusCode::OK, page.render())?);
    language.remember(&mut response);
    Ok(response)
}

/// `POST /select-account`: this account, another one, or out of this one; then the dispatcher goes on.
pub(crate) async fn post(_: &App, incoming: &Incoming) -> Result<Response, Refusal> {
    let ctx = &incoming.ctx;
    let form = incoming.form()?;
    let one = |name| form.one(name).map_err(brama_protocol::token::request::duplicate);
    let visit = match Visit::open(incoming, &form).await? {
        Visitor::SignedIn(visit) => visit,
        Visitor::Nobody(id) => return Ok(see_other(&continuation::address(id))),
    };
    visit.own_form(incoming, Form::SelectAccount, one("csrf")?)?;
    let id = visit.opened.authorization.id;
    match one("decision")? {
        // An old page chooses nothing: the person sees it anew.
        Some("continue") if visit.opened.restarted.is_none() => {
            ctx.store.choose_account(id, visit.user.id, ctx.now).await?;
        }
        Some("another") => return Ok(see_other(&sign_in::address(id))),
        Some("sign_out") => {
            account::end(ctx, &visit.user, visit.session.id, End::One(visit.session.id)).await?;
            return Ok(forget_session(incoming, see_other(&continuation::address(id))));
        }
        _ => {}
    }
    Ok(see_other(&continuation::address(id)))
}
