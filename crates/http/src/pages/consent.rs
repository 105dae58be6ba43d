//! `/consent`: a third-party app asks. T1, AZ-20, AZ-21.

use axum::response::Response;
use brama_flows::authorize::interact::{self, Opened};
use brama_flows::csrf::Form;
use brama_pages::Consent;
use brama_protocol::client::Registrar;
use brama_protocol::error::Refusal;
use brama_protocol::id::AuthorizationId;
use brama_protocol::scope::Scope;
use brama_store::authorization::Consented;
use http::StatusCode;

use crate::app::App;
use crate::incoming::Incoming;
use crate::pages::visit::{Visit, Visitor};
use crate::pages::{continuation, sign_in};
use crate::respond::page::{Language, chrome, html, page_app};
use crate::respond::see_other;

/// The address of the consent page of an authorization.
pub(crate) fn address(id: AuthorizationId) -> String {
    format!("/consent?tx={id}")
}

/// `GET /consent`.
pub(crate) async fn get(app: &App, incoming: &Incoming) -> Result<Response, Refusal> {
    let query = incoming.query()?;
    let visit = match Visit::open(incoming, &query).await? {
        Visitor::SignedIn(visit) => visit,
        Visitor::Nobody(id) => return Ok(see_other(&sign_in::address(id))),
    };
    let Opened { authorization, client, restarted } = &visit.opened;
    // Begun again, it may need no page any more: the same form sent twice, with consent that is remembered.
    if restarted.is_some() {
        return Ok(visit.keep(app, see_other(&continuation::address(authorization.id))));
    }
    let client = &client.client;
    let language = Language::of(app, incoming, Some(authorization));
    let (tx, host) = (authorization.id.to_string(), authorization.asked.back.redirect_uri.host());
    let hidden = [("tx", tx.as_str())];
    let csrf = visit.csrf(incoming, Form::Consent);
    let asked = &authorization.asked;
    let before = interact::allowed_in_part(&incoming.ctx, authorization, client, &visit.user).await?;
    let (disclosed, links) = (asked.disclosed(), &client.links);
    let scopes: Vec<&str> = disclosed.iter().filter(|scope| !before.contains(scope)).collect();
    let before: Vec<&str> = disclosed.iter().filter(|scope| before.contains(scope)).collect();
    let resources: Vec<&str> = asked.resources.iter().collect();
    let page = Consent {
        chrome: chrome(app, incoming, &language, "/consent", &hidden),
        app: page_app(client, &host),
        client_verified: client.registrar == Registrar::Operator,
        redirect_host: &host,
        username: &visit.user.username,
        scopes: &scopes,
        before: &before,
        resources: &resources,
        policy_uri: links.policy_uri.as_deref(),
        tos_uri: links.tos_uri.as_deref(),
        chosen_nothing: query.one("chosen").ok().flatten() == Some("nothing"),
        tx: &tx,
        csrf: &csrf,
    };
    let mut response = visit.keep(app, html(incoming, StatusCode::OK, page.render())?);
    language.remember(&mut response);
    Ok(response)
}

/// `POST /consent`: allow or deny; either way the dispatcher goes on.
pub(crate) async fn post(_: &App, incoming: &Incoming) -> Result<Response, Refusal> {
    let ctx = &incoming.ctx;
    let form = incoming.form()?;
    let one = |name| form.one(name).map_err(brama_protocol::token::request::duplicate);
    let visit = match Visit::open(incoming, &form).await? {
        Visitor::SignedIn(visit) => visit,
        Visitor::Nobody(id) => return Ok(see_other(&continuation::address(id))),
    };
    visit.own_form(incoming, Form::Consent, one("csrf")?)?;
    let Opened { authorization, client, restarted } = &visit.opened;
    // An old page gives no consent: the person sees it anew.
    if restarted.is_none() {
        let client = &client.client;
        let disclosed = authorization.asked.disclosed();
        let scope = match one("decision")? {
            Some("allow") => Some(disclosed),
            Some("allow_chosen") => {
                let before = interact::allowed_in_part(ctx, authorization, client, &visit.user).await?;
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
            let consented = Consented { user: visit.user.id, scope };
            let remember = client.remembers_consent();
            ctx.store.consent_authorization(authorization.id, consented, remember, ctx.now).await?;
        }
    }
    Ok(see_other(&continuation::address(authorization.id)))
}
