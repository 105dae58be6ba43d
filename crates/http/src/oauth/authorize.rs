//! `/oauth2/authorize`. OAuth 2.1 §4.1.1; B2.

use axum::response::Response;
use brama_flows::authorize::begin::{Browser, NotBegun, begin};
use brama_flows::authorize::interact::{self, Step};
use brama_protocol::error::{AUTHORIZE_CLIENT, AUTHORIZE_DUPLICATE, PUSHED_REQUEST, Refusal};
use brama_protocol::parameters::Parameters;

use crate::app::App;
use crate::cookies;
use crate::incoming::Incoming;
use crate::pages::{continuation, signed_in, starter};
use crate::respond::client::{After, Recipient};
use crate::respond::{self, see_other, set_cookie};

/// By navigation: the request is stored, then the browser goes wherever it has to.
pub(crate) async fn get(app: &App, incoming: &Incoming) -> Result<Response, Refusal> {
    let parameters = incoming.query()?;
    take(app, incoming, &parameters, Session::Read).await
}

/// By a form of the app: the browser withholds `Lax` cookies, so the request is stored and continued by our own page.
/// AZ-1, SE-2.
pub(crate) async fn post(app: &App, incoming: &Incoming) -> Result<Response, Refusal> {
    let parameters = incoming.form()?;
    // Only the form counts; but what stands in the address as well came twice, for whoever reads both. G-2.
    if incoming.query()?.overlaps(&parameters) {
        return Err((&AUTHORIZE_DUPLICATE).into());
    }
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
    let begun = begin(ctx, parameters, &browser, starter(incoming, &signed_in)).await;
    let mut response = match begun {
        Err(NotBegun::OnPage(refusal)) => return Err(refusal),
        Err(NotBegun::Back { client, answer, ui_locales, refusal }) => {
            log(incoming, &refusal);
            let to = Recipient { client: &client.client, authorization: None, ui_locales: ui_locales.as_deref() };
            return respond::client::answer(app, incoming, &to, &answer, After::Navigation);
        }
        Ok(authorization) if session == Session::Later => see_other(&continuation::address(authorization.id)),
        Ok(authorization) => {
            let record = ctx.client(&authorization.asked.client).await?.ok_or(&AUTHORIZE_CLIENT)?;
            let step = match interact::proceed(ctx, &authorization, &record.client, signed_in).await {
                // It was answered elsewhere: that is for the person to know.
                Err(refusal) if refusal.row == &PUSHED_REQUEST => return Err(refusal),
                // A fault of ours is told to the client, whose address is known to be good. Standards §1.2.
                Err(refusal) => {
                    log(incoming, &refusal);
                    Step::Back(authorization.asked.back.with_error(&refusal, &ctx.settings.issuer))
                }
                Ok(step) => step,
            };
            continuation::go(app, incoming, &authorization, &record.client, &step, After::Navigation)?
        }
    };
    set_cookie(&mut response, &cookies::browser(&browser.secret, continuation::cookie_seconds(app)));
    Ok(response)
}

fn log(incoming: &Incoming, refusal: &Refusal) {
    let (row, detail) = (refusal.row, refusal.detail.as_deref().unwrap_or_default());
    tracing::info!(code = row.id, error = row.error, detail, request = incoming.request_id, "authorize refused");
}
