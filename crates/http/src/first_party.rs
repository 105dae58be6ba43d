//! `/api/auth/*`: sign-in, refresh and sign-out of first-party apps. Design §1 A, §5; standards §8.3.

use axum::response::{IntoResponse as _, Response};
use brama_flows::first_party::{self, Login, RefreshCookie, Use};
use brama_protocol::client::ClientId;
use brama_protocol::cookie_endpoint::Sender;
use brama_protocol::error::{COOKIE_JSON, Refusal};
use brama_protocol::token::response::TokenResponse;
use http::StatusCode;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::app::App;
use crate::cookies;
use crate::incoming::Incoming;
use crate::respond::{json, set_cookie};

/// `POST /api/auth/login`: the body. Unknown members are ignored.
#[derive(Deserialize)]
struct LoginBody {
    username: Zeroizing<String>,
    password: Zeroizing<String>,
    #[serde(default)]
    client_id: Option<String>,
}

/// `POST /api/auth/refresh` and `logout`: the body, if there is one.
#[derive(Default, Deserialize)]
struct NamedClient {
    #[serde(default)]
    client_id: Option<String>,
}

/// Who sends it; [`crate::dispatch`] has refused all others already.
fn sender(incoming: &Incoming) -> Result<Sender, Refusal> {
    incoming.provenance().admit(&incoming.ctx.settings.own_origin)
}

fn named(text: Option<String>) -> Result<Option<ClientId>, Refusal> {
    text.map(|text| text.parse()).transpose().map_err(|_| Refusal::from(&COOKIE_JSON).with_detail("client_id"))
}

fn refresh_cookies(incoming: &Incoming) -> Vec<RefreshCookie> {
    let cookies = incoming.cookies();
    cookies.refresh().map(|(client, value)| RefreshCookie { client, value: Zeroizing::new(value.to_owned()) }).collect()
}

fn tokens(minted: &brama_flows::token::issue::Minted) -> Response {
    json(
        StatusCode::OK,
        &TokenResponse {
            access_token: &minted.access_token,
            token_type: minted.token_type,
            expires_in: minted.expires_in,
            scope: &minted.scope,
            refresh_token: None,
            id_token: None,
        },
    )
}

/// A4: user name and password for an access token, a session cookie and a refresh cookie.
pub(crate) async fn login(_: &App, incoming: &Incoming) -> Result<Response, Refusal> {
    let body: LoginBody = incoming.json()?;
    let client = named(body.client_id)?;
    let login = Login {
        username: &body.username,
        password: &body.password,
        client: client.as_ref(),
        source: incoming.source,
        browser: incoming.browser_facts(),
        proofs: incoming.proofs(),
    };
    let done = first_party::login(&incoming.ctx, &sender(incoming)?, login).await?;
    let mut response = tokens(&done.minted);
    // The refresh cookie outlives the browser (A2). The session cookie, which binds it (design §5), has to last as long:
    // else a lost answer after a restart would sign the person out.
    let seconds = incoming.ctx.seconds_until(done.session.session.lifetime.expires_at);
    set_cookie(&mut response, &cookies::session(&done.session.secret, Some(seconds)));
    if let Some(token) = &done.minted.refresh_token {
        set_cookie(&mut response, &cookies::refresh(&done.client, token, done.minted.cookie_seconds));
    }
    Ok(response)
}

/// A6 by `POST`: a new access token, and the refresh cookie is replaced.
pub(crate) async fn rotate(_: &App, incoming: &Incoming) -> Result<Response, Refusal> {
    let body: NamedClient = incoming.json_or_empty()?.unwrap_or_default();
    refresh(incoming, named(body.client_id)?, Use::Rotate).await
}

/// A6 by `GET`: a new access token, nothing changes.
pub(crate) async fn look(_: &App, incoming: &Incoming) -> Result<Response, Refusal> {
    let query = incoming.query()?;
    let client = query.one("client_id").map_err(brama_protocol::token::request::duplicate)?.map(ToOwned::to_owned);
    refresh(incoming, named(client)?, Use::Look).await
}

/// A failing refresh leaves every cookie as it is: it may be a loser beside a winner. Design §5.
async fn refresh(incoming: &Incoming, client: Option<ClientId>, usage: Use) -> Result<Response, Refusal> {
    let sender = sender(incoming)?;
    let cookies = refresh_cookies(incoming);
    let (session, proofs) = (incoming.session_hash(), incoming.proofs());
    let done = first_party::refresh(&incoming.ctx, &sender, client.as_ref(), cookies, session, &proofs, usage).await?;
    let mut response = tokens(&done.minted);
    if let Some(token) = done.minted.refresh_token.as_ref().filter(|_| done.replaced) {
        set_cookie(&mut response, &cookies::refresh(&done.client, token, done.minted.cookie_seconds));
    }
    Ok(response)
}

/// A8: the session ends, the cookies go. 204 whether or not there was one. BB-11.
pub(crate) async fn logout(_: &App, incoming: &Incoming) -> Result<Response, Refusal> {
    let body: NamedClient = incoming.json_or_empty()?.unwrap_or_default();
    let client = named(body.client_id)?;
    let sender = sender(incoming)?;
    let cookies = refresh_cookies(incoming);
    let done = first_party::logout(&incoming.ctx, &sender, client.as_ref(), cookies, incoming.session_hash()).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    if done.session {
        set_cookie(&mut response, &cookies::delete(cookies::SESSION));
    }
    for client in done.clients {
        set_cookie(&mut response, &cookies::delete(&format!("{}{client}", cookies::REFRESH)));
    }
    Ok(response)
}
