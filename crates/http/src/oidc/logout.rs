//! `/oauth2/logout` and the confirmation that it may need. OpenID RP-Initiated Logout 1.0; LO-1 to LO-6.

use axum::response::Response;
use brama_flows::csrf::Form;
use brama_flows::logout::{Logout, logout};
use brama_flows::logout_hint::without_token;
use brama_pages::SignOut;
use brama_protocol::error::{AUTHORIZE_DUPLICATE, FORM_NOT_OURS, Refusal};
use brama_protocol::oidc::logout::LogoutRequest;
use brama_protocol::parameters::Parameters;
use brama_store::client::ClientRecord;
use http::StatusCode;

use crate::app::App;
use crate::cookies;
use crate::incoming::Incoming;
use crate::pages::signed_out;
use crate::respond::page::{Language, chrome, html, page_app};
use crate::respond::{see_other, set_cookie};

fn read(parameters: &Parameters) -> Result<LogoutRequest, Refusal> {
    LogoutRequest::parse(parameters)
        .map_err(|duplicate| Refusal::from(&AUTHORIZE_DUPLICATE).with_detail(duplicate.to_string()))
}

/// By navigation.
pub(crate) async fn get(app: &App, incoming: &Incoming) -> Result<Response, Refusal> {
    let request = read(&incoming.query()?)?;
    answer(app, incoming, &request, false).await
}

/// By a form of the app: the browser withholds our cookie, so the same request is made again by navigation, without the ID
/// token, which the app has kept out of addresses. LO-1.
pub(crate) async fn post(_: &App, incoming: &Incoming) -> Result<Response, Refusal> {
    let request = without_token(&incoming.ctx, read(&incoming.form()?)?);
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(fields(&request));
    Ok(see_other(&format!("/oauth2/logout?{}", query.finish())))
}

/// The button of our own page. SE-17.
pub(crate) async fn confirmed(app: &App, incoming: &Incoming) -> Result<Response, Refusal> {
    let form = incoming.form()?;
    let request = read(&form)?;
    let token = form.one("csrf").ok().flatten().unwrap_or_default();
    let session = incoming.session_hash();
    // Without a session cookie there is nothing that a forged form could end.
    if session.is_some_and(|session| !incoming.ctx.csrf.is_valid(session, Form::SignOut, token)) {
        return Err((&FORM_NOT_OURS).into());
    }
    answer(app, incoming, &request, true).await
}

/// The request as hidden fields. LO-1.
fn fields(request: &LogoutRequest) -> Vec<(&str, &str)> {
    let optional = [
        ("id_token_hint", request.id_token_hint.as_deref()),
        ("carried_hint", request.carried_hint.as_deref()),
        ("logout_hint", request.logout_hint.as_deref()),
        ("client_id", request.client.as_ref().map(|client| client.as_str())),
        ("post_logout_redirect_uri", request.post_logout_redirect_uri.as_deref()),
        ("state", request.state.as_deref()),
        ("ui_locales", request.ui_locales.as_deref()),
    ];
    optional.into_iter().filter_map(|(name, value)| value.map(|value| (name, value))).collect()
}

/// Our own page, which leads back to the app if it is known, in the language that the app asked for.
fn our_page(request: &LogoutRequest, client: Option<&ClientRecord>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    let wanted =
        [("client_id", client.map(|record| record.client.id.as_str())), ("ui_locales", request.ui_locales.as_deref())];
    query.extend_pairs(wanted.into_iter().filter_map(|(name, value)| value.map(|value| (name, value))));
    match query.finish() {
        query if query.is_empty() => "/signed-out".to_owned(),
        query => format!("/signed-out?{query}"),
    }
}

async fn answer(app: &App, incoming: &Incoming, request: &LogoutRequest, confirmed: bool) -> Result<Response, Refusal> {
    match logout(&incoming.ctx, request, incoming.session_hash(), confirmed).await? {
        Logout::Ask { client, username } => {
            let language = Language::of(app, incoming, None);
            let fields = fields(request);
            let kept: Vec<_> = fields.iter().copied().filter(|(name, _)| *name != "ui_locales").collect();
            let csrf = incoming.session_hash().map(|session| incoming.ctx.csrf.token(session, Form::SignOut));
            let host = client.as_ref().and_then(|record| signed_out::host(&record.client)).unwrap_or_default();
            let page = SignOut {
                chrome: chrome(app, incoming, &language, "/oauth2/logout", &kept),
                app: client.as_ref().map(|record| page_app(&record.client, &host)),
                csrf: csrf.as_deref().unwrap_or_default(),
                fields: &fields,
                username: &username,
            };
            let mut response = html(incoming, StatusCode::OK, page.render())?;
            language.remember(&mut response);
            Ok(response)
        }
        Logout::Done { client, redirect } => {
            let target = redirect.unwrap_or_else(|| our_page(request, client.as_deref()));
            // After a form of ours the policy `form-action` watches redirects: our own page goes on. WH-2.
            let mut response = if confirmed && !target.starts_with('/') && !incoming.is_no_browser() {
                crate::pages::continuation::page(app, incoming, &target)?
            } else {
                see_other(&target)
            };
            set_cookie(&mut response, &cookies::delete(cookies::SESSION));
            for (client, _) in incoming.cookies().refresh() {
                set_cookie(&mut response, &cookies::delete(&format!("{}{client}", cookies::REFRESH)));
            }
            Ok(response)
        }
    }
}
