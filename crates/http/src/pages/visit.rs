//! A page about an authorization, for somebody who is signed in: what it opens, and the token of its form. A6, AZ-20.

use axum::response::Response;
use brama_flows::authorize::begin::Browser;
use brama_flows::authorize::interact::{self, Opened};
use brama_flows::csrf::Form;
use brama_protocol::error::{FORM_NOT_OURS, Refusal, SIGN_IN_GONE};
use brama_protocol::handle::{HandleHash, kind};
use brama_protocol::id::AuthorizationId;
use brama_protocol::parameters::Parameters;
use brama_store::session::Session;
use brama_store::user::User;

use crate::app::App;
use crate::cookies;
use crate::incoming::Incoming;
use crate::pages::{continuation, signed_in, starter, tx};
use crate::respond::set_cookie;

/// Who came.
pub(crate) enum Visitor {
    /// Somebody whose session lives.
    SignedIn(Box<Visit>),
    /// Nobody we know; the authorization waits for a sign-in.
    Nobody(AuthorizationId),
}

/// What the `tx` parameter names, opened for this browser.
pub(crate) struct Visit {
    browser: Browser,
    cookie: HandleHash<kind::Session>,
    /// The authorization and its client.
    pub(crate) opened: Opened,
    /// The session.
    pub(crate) session: Session,
    /// Whose it is.
    pub(crate) user: User,
}

impl Visit {
    /// Open it.
    ///
    /// # Errors
    /// A page that says that the sign-in is gone; those of [`interact::open`].
    pub(crate) async fn open(incoming: &Incoming, parameters: &Parameters) -> Result<Visitor, Refusal> {
        let ctx = &incoming.ctx;
        let browser = Browser::of(ctx, incoming.cookies().get(cookies::BROWSER))?;
        let id = tx(parameters).ok_or(&SIGN_IN_GONE)?;
        let signed_in = signed_in(incoming).await?;
        let opened = interact::open(ctx, id, &browser, starter(incoming, &signed_in)).await?.ok_or(&SIGN_IN_GONE)?;
        Ok(match (signed_in, incoming.session_hash()) {
            (Some((session, user)), Some(cookie)) => {
                Visitor::SignedIn(Box::new(Self { browser, cookie, opened, session, user }))
            }
            _ => Visitor::Nobody(opened.authorization.id),
        })
    }

    /// The token of a form on this page.
    pub(crate) fn csrf(&self, incoming: &Incoming, form: Form) -> String {
        incoming.ctx.csrf.token(self.cookie, form)
    }

    /// Check the token that a form sent. AZ-20.
    ///
    /// # Errors
    /// A page that says that the form is not ours.
    pub(crate) fn own_form(&self, incoming: &Incoming, form: Form, csrf: Option<&str>) -> Result<(), Refusal> {
        let own = incoming.ctx.csrf.is_valid(self.cookie, form, csrf.unwrap_or_default());
        if own { Ok(()) } else { Err((&FORM_NOT_OURS).into()) }
    }

    /// Let the browser keep what ties it to the authorization.
    pub(crate) fn keep(&self, app: &App, mut response: Response) -> Response {
        set_cookie(&mut response, &cookies::browser(&self.browser.secret, continuation::cookie_seconds(app)));
        response
    }
}
