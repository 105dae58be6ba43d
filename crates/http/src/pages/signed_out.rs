//! `/signed-out`.

use axum::response::Response;
use brama_pages::SignedOut;
use brama_protocol::client::Client;
use brama_protocol::error::Refusal;
use http::StatusCode;

use crate::app::App;
use crate::incoming::Incoming;
use crate::respond::page::{Language, chrome, html, page_app};

/// The host that people know an app by: that of its first redirect URI.
pub(crate) fn host(client: &Client) -> Option<String> {
    let uri = client.redirect_uris.first()?.as_str().to_owned();
    Some(brama_protocol::redirect_uri::MatchedRedirectUri::from_stored(uri).host())
}

/// `GET /signed-out`; `client_id` names the app to go back to, whose registered address alone is linked.
pub(crate) async fn get(app: &App, incoming: &Incoming) -> Result<Response, Refusal> {
    let query = incoming.query()?;
    let id = query.one("client_id").ok().flatten().and_then(|text| text.parse().ok());
    let client = match &id {
        Some(id) => incoming.ctx.client(id).await?.filter(|record| record.client.enabled),
        None => None,
    };
    let language = Language::of(app, incoming, None);
    let id = id.map(|id| id.to_string()).unwrap_or_default();
    let hidden: &[(&str, &str)] = if id.is_empty() { &[] } else { &[("client_id", &id)] };
    let host = client.as_ref().and_then(|record| host(&record.client)).unwrap_or_default();
    let back = client.as_ref().and_then(|record| record.client.post_logout_redirect_uris.first());
    let page = SignedOut {
        chrome: chrome(app, incoming, &language, "/signed-out", hidden),
        app: client.as_ref().map(|record| page_app(&record.client, &host)),
        back_url: back.map(|uri| uri.as_str()),
    };
    let mut response = html(incoming, StatusCode::OK, page.render())?;
    language.remember(&mut response);
    Ok(response)
}
