//! HTML pages: the frame around them, their policy, and the error page.

use axum::response::{IntoResponse as _, Response};
use brama_pages::{App as PageApp, Chrome, ErrorKind, ErrorPage, Locale, RenderError};
use brama_protocol::client::Client;
use brama_protocol::error::{self, INTERNAL, Refusal};
use brama_protocol::id::AuthorizationId;
use brama_store::authorization::Authorization;
use http::{StatusCode, header};

use crate::app::App;
use crate::cookies;
use crate::incoming::Incoming;
use crate::respond::headers::page_policy;
use crate::respond::set_cookie;

/// A rendered page as a response.
pub(crate) fn html(
    incoming: &Incoming,
    status: StatusCode,
    rendered: Result<String, RenderError>,
) -> Result<Response, Refusal> {
    let body = rendered.map_err(|error| Refusal::from(&INTERNAL).with_detail(error.to_string()))?;
    let mut response = (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], body).into_response();
    page_policy(&incoming.nonce, response.headers_mut());
    Ok(response)
}

/// The language of a page, and whether the person chose it just now. G1.
pub(crate) struct Language {
    /// The language.
    pub(crate) locale: Locale,
    /// What the language cookie is to say from now on.
    chosen: Option<String>,
}

impl Language {
    /// Choose: this page's language form, the person's choice for this very sign-in, the app's `ui_locales`, the choice
    /// of before, the browser, the site. G1.
    pub(crate) fn of(app: &App, incoming: &Incoming, authorization: Option<&Authorization>) -> Self {
        let ui_locales = authorization.and_then(|authorization| authorization.asked.ui_locales.as_deref());
        Self::with(app, incoming, authorization.map(|authorization| authorization.id), ui_locales)
    }

    /// The same where the authorization itself is not at hand, or was never stored.
    pub(crate) fn with(
        app: &App,
        incoming: &Incoming,
        here: Option<AuthorizationId>,
        ui_locales: Option<&str>,
    ) -> Self {
        let pressed =
            incoming.query().ok().and_then(|query| query.one("ui_locales").ok().flatten().map(ToOwned::to_owned));
        let cookies = incoming.cookies();
        let (saved, for_sign_in) = match cookies.get(cookies::LANGUAGE) {
            None => (None, None),
            Some(value) => match value.split_once('~') {
                None => (Some(value.to_owned()), None),
                Some((tag, id)) => (Some(tag.to_owned()), id.parse::<AuthorizationId>().ok()),
            },
        };
        let wish = pressed
            .as_deref()
            .or(saved.as_deref().filter(|_| for_sign_in.is_some() && for_sign_in == here))
            .or(ui_locales);
        let accept = incoming.header(header::ACCEPT_LANGUAGE.as_str());
        let locale = Locale::negotiate(wish, saved.as_deref(), accept, app.look.default_locale);
        let chosen = pressed.map(|_| match here {
            Some(id) => format!("{}~{id}", locale.tag()),
            None => locale.tag().to_owned(),
        });
        Self { locale, chosen }
    }

    /// Remember a choice that was made just now.
    pub(crate) fn remember(&self, response: &mut Response) {
        if let Some(chosen) = &self.chosen {
            set_cookie(response, &cookies::language(chosen));
        }
    }
}

/// The frame of a page.
pub(crate) fn chrome<'a>(
    app: &'a App,
    incoming: &'a Incoming,
    language: &Language,
    path: &'a str,
    hidden: &'a [(&'a str, &'a str)],
) -> Chrome<'a> {
    Chrome {
        locale: language.locale,
        nonce: &incoming.nonce,
        site_name: &app.look.site_name,
        path,
        hidden,
        dev: app.look.dev,
        support_url: app.look.support_url.as_deref(),
    }
}

/// The app a page speaks of: its name and the host people know it by. T1.
pub(crate) fn page_app<'a>(client: &'a Client, host: &'a str) -> PageApp<'a> {
    PageApp { name: &client.name, domain: host }
}

/// What the error page says for a row.
fn kind(refusal: &Refusal) -> ErrorKind<'_> {
    let row = refusal.row;
    match row.id {
        id if id == error::AUTHORIZE_CLIENT.id => ErrorKind::UnknownApp,
        id if id == error::AUTHORIZE_REDIRECT_URI.id || id == error::AUTHORIZE_REDIRECT_URI_MISSING.id => {
            match refusal.app.as_deref() {
                Some(app) => ErrorKind::AppLinkWrong { app },
                None => ErrorKind::BadRequest,
            }
        }
        id if id == error::WRONG_HOST.id => ErrorKind::WrongHost,
        id if id == error::FORM_NOT_OURS.id || id == error::SIGN_IN_GONE.id => ErrorKind::StaleForm,
        _ => match row.status {
            403 => ErrorKind::Forbidden,
            404 => ErrorKind::NotFound,
            405 => ErrorKind::MethodNotAllowed,
            413 | 414 | 431 => ErrorKind::TooLarge,
            429 => ErrorKind::TooMany,
            503 => ErrorKind::Unavailable,
            500..=599 => ErrorKind::Internal,
            _ => ErrorKind::BadRequest,
        },
    }
}

/// The error page of a refusal: code and request id for everybody, the detail only in development. WH-20.
pub(crate) fn error(app: &App, incoming: &Incoming, status: StatusCode, refusal: &Refusal) -> Response {
    explained(app, incoming, status, refusal, refusal.row.description)
}

/// The same with another explanation for developers, in English.
pub(crate) fn explained(
    app: &App,
    incoming: &Incoming,
    status: StatusCode,
    refusal: &Refusal,
    explanation: &str,
) -> Response {
    let language = Language::of(app, incoming, None);
    let path = format!("/error/{}", refusal.row.id);
    let page = ErrorPage {
        chrome: chrome(app, incoming, &language, &path, &[]),
        kind: kind(refusal),
        code: refusal.row.id,
        request_id: &incoming.request_id,
        detail: refusal.detail.as_deref(),
        explanation: Some(explanation),
        back_url: None,
    };
    match html(incoming, status, page.render()) {
        Ok(response) => response,
        // The error page itself is broken: say what can be said.
        Err(broken) => {
            tracing::error!(%broken, "the error page cannot be rendered; this is a bug");
            (status, format!("{}\n", refusal.row.id)).into_response()
        }
    }
}
