//! `/oauth2/authorize`. OAuth 2.1 §4.1.1; B2.

use axum::response::Response;
use brama_flows::authorize::begin::{Browser, begin};
use brama_flows::authorize::interact::{self, Step};
use brama_protocol::authorize::response::AuthorizeError;
use brama_protocol::error::Refusal;
use brama_protocol::parameters::Parameters;

use crate::app::App;
use crate::cookies;
use crate::incoming::Incoming;
use crate::pages::{continuation, signed_in, starter};
use crate::respond::{see_other, set_cookie};

/// By navigation: the request is stored, then the browser goes wherever it has to.
pub(crate) async fn get(app: &App, incoming: &Incoming) -> Result<Response, Refusal> {
    let parameters = incoming.query()?;
    take(app, incoming, &parameters, Session::Read).await
}

/// By a form of the app: the browser withholds `Lax` cookies, so the request is stored and continued by our own page.
/// AZ-1, SE-2.
pub(crate) async fn post(app: &App, incoming: &Incoming) -> Result<Response, Refusal> {
    let parameters = incoming.form()?;
    take(app, incoming, &parameters, Session::Later).await
}

/// Whether the session cookie can be seen by this request.
#[derive(PartialEq)]
enum Session {
    Read,
    Later,
}

async fn take(app: &App, incoming: &Incoming, parameters: &Parameters, session: Session) -> Result<Response, Refusal> {
    let ctx = &incoming.ctx;
    let cookies = incoming.cookies();
    let browser = Browser::of(ctx, cookies.get(cookies::BROWSER))?;
    let signed_in = if session == Session::Read { signed_in(incoming).await? } else { None };
    let authorization = match begin(ctx, parameters, &browser, starter(incoming, &signed_in)).await {
        Ok(authorization) => authorization,
        Err(AuthorizeError::OnPage(refusal)) => return Err(refusal),
        Err(AuthorizeError::BackToClient(back, refusal)) => {
            let row = refusal.row;
            let detail = refusal.detail.as_deref().unwrap_or_default();
            tracing::info!(
                code = row.id,
                error = row.error,
                detail,
                request = incoming.request_id,
                "authorize refused"
            );
            return Ok(see_other(&back.with_error(&refusal, &ctx.settings.issuer)));
        }
    };
    let step = if session == Session::Later {
        continuation::address(authorization.id)
    } else {
        let record = ctx.client(&authorization.asked.client).await?;
        let record = record.ok_or(&brama_protocol::error::AUTHORIZE_CLIENT)?;
        match interact::proceed(ctx, &authorization, &record.client, signed_in).await {
            Ok(Step::SignIn(id)) => crate::pages::sign_in::address(id),
            Ok(Step::Consent(id)) => crate::pages::consent::address(id),
            Ok(Step::Back(target)) => target,
            // A fault of ours is told to the client, whose address is known to be good. Standards §1.2.
            Err(refusal) => {
                tracing::warn!(%refusal, request = incoming.request_id, "authorize failed");
                authorization.asked.back.with_error(&refusal, &ctx.settings.issuer)
            }
        }
    };
    let mut response = see_other(&step);
    set_cookie(&mut response, &cookies::browser(&browser.secret, continuation::cookie_seconds(app)));
    Ok(response)
}
