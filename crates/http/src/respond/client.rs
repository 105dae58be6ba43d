//! Answers of the authorization endpoint on their way to a client: by redirect, by a page of ours, or by a form. AZ-13, AZ-16,
//! AZ-31, AZ-32.

use axum::response::Response;
use brama_pages::{Continue, FormPost, Leave, Way};
use brama_protocol::authorize::response::{Answer, ResponseMode};
use brama_protocol::client::{Client, Registrar};
use brama_protocol::error::Refusal;
use brama_protocol::id::AuthorizationId;
use http::{HeaderValue, StatusCode, header};

use crate::app::App;
use crate::incoming::Incoming;
use crate::respond::headers::form_page_policy;
use crate::respond::page::{Language, chrome, html, page_app};
use crate::respond::see_other;

/// Whom an answer is for.
pub(crate) struct Recipient<'a> {
    /// The app.
    pub client: &'a Client,
    /// The authorization, if it was stored.
    pub authorization: Option<AuthorizationId>,
    /// Languages that the app asked for.
    pub ui_locales: Option<&'a str>,
}

/// How the browser came to this answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// By a navigation: a redirect goes on.
    Navigation,
    /// Perhaps after a form of ours: browsers apply `form-action` to every redirect after it, so a page goes on. WH-2.
    Form,
}

/// Send an answer to its client.
///
/// Errors go on by themselves only to clients that the operator has registered; for one that registered itself a page names
/// the host and waits for the person: the server is nobody's open redirector. AZ-13.
pub(crate) fn answer(
    app: &App,
    incoming: &Incoming,
    to: &Recipient<'_>,
    answer: &Answer,
    after: After,
) -> Result<Response, Refusal> {
    let asks = answer.is_error() && to.client.registrar == Registrar::Itself;
    let in_query = answer.mode() == ResponseMode::Query;
    if in_query && !asks && (after == After::Navigation || incoming.is_no_browser()) {
        return Ok(see_other(&answer.url()));
    }
    let language = Language::with(app, incoming, to.authorization, to.ui_locales);
    let chrome = chrome(app, incoming, &language, &incoming.path, &[]);
    let host = answer.redirect_uri().host();
    let (page_app, url, fields) = (page_app(to.client, &host), answer.url(), answer.parameters());
    let action = answer.redirect_uri().as_str();
    let rendered = if asks {
        let way = if in_query { Way::Link(&url) } else { Way::Form { action, fields: &fields } };
        let code = fields.iter().find(|(name, _)| *name == "error_uri").and_then(|(_, uri)| uri.rsplit('/').next());
        Leave { chrome, app: page_app, way, code: code.unwrap_or_default() }.render()
    } else if in_query {
        Continue { chrome, app: Some(page_app), target: &url }.render()
    } else {
        FormPost { chrome, app: page_app, action, fields: &fields }.render()
    };
    let mut response = html(incoming, StatusCode::OK, rendered)?;
    if !in_query {
        form_page_policy(&incoming.nonce, action, response.headers_mut());
    }
    // The answer may be a code: the app is not told where it came from, nobody else sees it. WH-7.
    response.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    language.remember(&mut response);
    Ok(response)
}
