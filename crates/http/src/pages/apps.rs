//! `/account/apps`: which apps may do what, and withdrawing it. AZ-21.

use axum::response::Response;
use brama_flows::account;
use brama_flows::csrf::Form;
use brama_pages::{AccountApps, AppCard};
use brama_protocol::client::Registrar;
use brama_protocol::error::Refusal;
use http::StatusCode;

use crate::app::App;
use crate::incoming::Incoming;
use crate::pages::account::owner;
use crate::pages::{forget_unknown, signed_in, signed_out};
use crate::respond::page::{Language, chrome, html};
use crate::respond::see_other;

/// `GET /account/apps`.
pub(crate) async fn get(app: &App, incoming: &Incoming) -> Result<Response, Refusal> {
    let ctx = &incoming.ctx;
    let (Some((_, user)), Some(secret)) = (signed_in(incoming).await?, incoming.session_hash()) else {
        return Ok(forget_unknown(incoming, see_other("/sign-in")));
    };
    let apps = account::apps(ctx, &user).await?;
    let texts: Vec<(String, String, Option<String>)> = apps
        .iter()
        .map(|one| {
            let host = one.record.as_ref().and_then(|record| signed_out::host(&record.client));
            (host.unwrap_or_default(), one.since.to_string(), one.used_at.map(|at| at.to_string()))
        })
        .collect();
    let cards: Vec<AppCard<'_>> = apps
        .iter()
        .zip(&texts)
        .map(|(one, (host, since, used_at))| AppCard {
            id: one.client.as_str(),
            name: one.record.as_ref().map_or(one.client.as_str(), |record| &record.client.name),
            domain: host,
            verified: one.record.as_ref().is_some_and(|record| record.client.registrar == Registrar::Operator),
            scopes: one.scope.iter().collect(),
            resources: one.resources.iter().collect(),
            since,
            used_at: used_at.as_deref(),
        })
        .collect();
    let language = Language::of(app, incoming, None);
    let csrf = ctx.csrf.token(secret, Form::Account);
    let page = AccountApps {
        chrome: chrome(app, incoming, &language, "/account/apps", &[]),
        csrf: &csrf,
        apps: &cards,
        withdrawn: incoming.query()?.one("done").ok().flatten() == Some("withdrawn"),
    };
    let mut response = html(incoming, StatusCode::OK, page.render())?;
    language.remember(&mut response);
    Ok(response)
}

/// `POST /account/apps/withdraw`.
pub(crate) async fn withdraw(_: &App, incoming: &Incoming) -> Result<Response, Refusal> {
    let Some((_, user, form)) = owner(incoming).await? else {
        return Ok(forget_unknown(incoming, see_other("/sign-in")));
    };
    let client = form.one("client").ok().flatten().and_then(|text| text.parse().ok());
    let Some(client) = client else { return Ok(see_other("/account/apps")) };
    account::withdraw(&incoming.ctx, &user, &client).await?;
    Ok(see_other("/account/apps?done=withdrawn"))
}
