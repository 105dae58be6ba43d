//! `/consent`: a third-party app asks. T1, AZ-20, AZ-21.

use axum::response::Response;
use brama_flows::authorize::begin::Browser;
use brama_flows::authorize::interact::{self, Opened};
use brama_flows::csrf::Form;
use brama_pages::Consent;
use brama_protocol::client::Registrar;
use brama_protocol::error::{FORM_NOT_OURS, Refusal, SIGN_IN_GONE};
use brama_protocol::id::AuthorizationId;
use brama_protocol::scope::Scope;
use brama_store::authorization::Consented;
use http::StatusCode;

use crate::app::App;
use crate::cookies;
use crate::incoming::Incoming;
use crate::pages::{continuation, sign_in, signed_in, starter, tx};
use crate::respond::page::{Language, chrome, html, page_app};
use crate::respond::{see_other, set_cookie};

/// The address of the consent page of an authorization.
pub(crate) fn address(id: AuthorizationId) -> String {
    format!("/consent?tx={id}")
}

/// `GET /consent`.
pub(crate) async fn get(app: &App, incoming: &Incoming) -> Result<Response, Refusal> {
    let ctx = &incoming.ctx;
    let cookies = incoming.cookies();
    let browser = Browser::of(ctx, cookies.get(cookies::BROWSER))?;
    let query = incoming.query()?;
    let id = tx(&query).ok_or(&SIGN_IN_GONE)?;
    let signed_in = signed_in(incoming).await?;
    let opened = interact::open(ctx, id, &browser, starter(incoming, &signed_in)).await?;
    let Opened { authorization, client, .. } = opened.ok_or(&SIGN_IN_GONE)?;
    let (Some((_, user)), Some(session)) = (signed_in, incoming.session_hash()) else {
        return Ok(see_other(&sign_in::address(authorization.id)));
    };
    let client = &client.client;
    let language = Language::of(app, incoming, Some(&authorization));
    let (tx, host) = (authorization.id.to_string(), authorization.asked.back.redirect_uri.host());
    let hidden = [("tx", tx.as_str())];
    let csrf = ctx.csrf.token(session, Form::Consent);
    let asked = &authorization.asked;
    let before = interact::allowed_in_part(ctx, &authorization, client, &user).await?;
    let (disclosed, links) = (asked.disclosed(), &client.links);
    let scopes: Vec<&str> = disclosed.iter().filter(|scope| !before.contains(scope)).collect();
    let before: Vec<&str> = disclosed.iter().filter(|scope| before.contains(scope)).collect();
    let resources: Vec<&str> = asked.resources.iter().collect();
    let page = Consent {
        chrome: chrome(app, incoming, &language, "/consent", &hidden),
        app: page_app(client, &host),
        client_verified: client.registrar == Registrar::Operator,
        redirect_host: &host,
        username: &user.username,
        scopes: &scopes,
        before: &before,
        resources: &resources,
        policy_uri: links.policy_uri.as_deref(),
        tos_uri: links.tos_uri.as_deref(),
        chosen_nothing: query.one("chosen").ok().flatten() == Some("nothing"),
        tx: &tx,
        csrf: &csrf,
    };
    let mut response = html(incoming, StatusCode::OK, page.render())?;
    set_cookie(&mut response, &cookies::browser(&browser.secret, continuation::cookie_seconds(app)));
    language.remember(&mut response);
    Ok(response)
}

/// `POST /consent`: allow or deny; either way the dispatcher goes on.
pub(crate) async fn post(_: &App, incoming: &Incoming) -> Result<Response, Refusal> {
    let ctx = &incoming.ctx;
    let form = incoming.form()?;
    let one = |name| form.one(name).map_err(brama_protocol::token::request::duplicate);
    let cookies = incoming.cookies();
    let browser = Browser::of(ctx, cookies.get(cookies::BROWSER))?;
    let id = tx(&form).ok_or(&SIGN_IN_GONE)?;
    let signed_in = signed_in(incoming).await?;
    let opened = interact::open(ctx, id, &browser, starter(incoming, &signed_in)).await?.ok_or(&SIGN_IN_GONE)?;
    let authorization = opened.authorization;
    let (Some((_, user)), Some(session)) = (signed_in, incoming.session_hash()) else {
        return Ok(see_other(&continuation::address(authorization.id)));
    };
    if !ctx.csrf.is_valid(session, Form::Consent, one("csrf")?.unwrap_or_default()) {
        return Err((&FORM_NOT_OURS).into());
    }
    // An old page gives no consent: the person sees it anew.
    if opened.restarted.is_none() {
        let client = &opened.client.client;
        let disclosed = authorization.asked.disclosed();
        let scope = match one("decision")? {
            Some("allow") => Some(disclosed),
            Some("allow_chosen") => {
                let before = interact::allowed_in_part(ctx, &authorization, client, &user).await?;
                let chosen: Scope = form.all("scope").collect::<Scope>().intersection(&disclosed);
                if chosen.is_empty() && before.is_empty() {
                    return Ok(see_other(&format!("{}&chosen=nothing", address(authorization.id))));
                }
                // Who it is cannot be left out where it was asked for.
                let openid: Scope = disclosed.iter().filter(|scope| *scope == "openid").collect();
                Some(chosen.union(&before).union(&openid))
            }
            Some("deny") => {
                ctx.store.deny_authorization(authorization.id, ctx.now).await?;
                None
            }
            _ => None,
        };
        if let Some(scope) = scope {
            let consented = Consented { user: user.id, scope };
            let remember = client.remembers_consent();
            ctx.store.consent_authorization(authorization.id, consented, remember, ctx.now).await?;
        }
    }
    Ok(see_other(&continuation::address(authorization.id)))
}
