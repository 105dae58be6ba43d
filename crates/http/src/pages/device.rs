//! `/device`: a person connects a device that shows a code. RFC 8628 §3.3; EP-21, EP-23; DEVICE-01, DEVICE-04.
//!
//! Sign in, type the code, sign in again unless that was after the device asked, compare, decide. A link that brings the
//! code along saves the typing, nothing else.

use axum::response::Response;
use brama_faults::{Fault, planted};
use brama_flows::csrf::Form;
use brama_flows::device::{self, Answer, Waiting};
use brama_pages::{App as PageApp, DeviceCode, DeviceConfirm, DeviceDone, DeviceProblem};
use brama_protocol::device::UserCode;
use brama_protocol::error::{FORM_NOT_OURS, Refusal, TOO_MANY};
use brama_protocol::handle::{HandleHash, kind};
use brama_protocol::parameters::Parameters;
use brama_store::session::Session;
use brama_store::user::User;
use http::{HeaderValue, StatusCode, header};

use crate::app::App;
use crate::incoming::Incoming;
use crate::pages::{forget_unknown, sign_in, signed_in};
use crate::respond::page::{Language, chrome, html};
use crate::respond::see_other;

/// Longest text that is shown again in the field, characters.
const TYPED: usize = 32;

/// The page for the code, with one filled in.
fn entry_address(code: Option<UserCode>) -> String {
    code.map_or_else(|| "/device".to_owned(), |code| format!("/device?user_code={}", code.shown()))
}

/// The page that asks about a code.
pub(crate) fn confirm_address(code: UserCode) -> String {
    format!("/device/confirm?user_code={}", code.shown())
}

/// The person, their session and what its cookie hashes to.
struct Person {
    session: Session,
    user: User,
    secret: HandleHash<kind::Session>,
}

async fn person(incoming: &Incoming) -> Result<Option<Person>, Refusal> {
    let (Some((session, user)), Some(secret)) = (signed_in(incoming).await?, incoming.session_hash()) else {
        return Ok(None);
    };
    Ok(Some(Person { session, user, secret }))
}

/// To the sign-in page, and back here afterwards.
fn to_sign_in(incoming: &Incoming, code: Option<UserCode>) -> Response {
    forget_unknown(incoming, see_other(&sign_in::address_for_device(code)))
}

fn code_of(parameters: &Parameters) -> Option<UserCode> {
    parameters.one("user_code").ok().flatten().and_then(UserCode::parse)
}

fn typed(parameters: &Parameters) -> String {
    parameters.one("user_code").ok().flatten().unwrap_or_default().chars().take(TYPED).collect()
}

/// The form was not ours: WH-11.
fn check(incoming: &Incoming, person: &Person, form: &Parameters) -> Result<(), Refusal> {
    let token = form.one("csrf").ok().flatten().unwrap_or_default();
    if incoming.ctx.csrf.is_valid(person.secret, Form::Device, token) { Ok(()) } else { Err((&FORM_NOT_OURS).into()) }
}

fn entry(
    app: &App,
    incoming: &Incoming,
    person: &Person,
    typed: &str,
    problem: Option<(DeviceProblem, StatusCode)>,
) -> Result<Response, Refusal> {
    let language = Language::of(app, incoming, None);
    let hidden: &[(&str, &str)] = if typed.is_empty() { &[] } else { &[("user_code", typed)] };
    let csrf = incoming.ctx.csrf.token(person.secret, Form::Device);
    let page = DeviceCode {
        chrome: chrome(app, incoming, &language, "/device", hidden),
        csrf: &csrf,
        user_code: typed,
        problem: problem.map(|(problem, _)| problem),
    };
    let mut response = html(incoming, problem.map_or(StatusCode::OK, |(_, status)| status), page.render())?;
    language.remember(&mut response);
    if let Some((DeviceProblem::TooMany { wait_seconds }, _)) = problem {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait_seconds));
    }
    Ok(response)
}

/// `GET /device`: the field for the code, after signing in; and what became of a decision.
pub(crate) async fn get(app: &App, incoming: &Incoming) -> Result<Response, Refusal> {
    let query = incoming.query()?;
    if let Some(done @ ("allowed" | "denied")) = query.one("done").ok().flatten() {
        let language = Language::of(app, incoming, None);
        let hidden = [("done", done)];
        let page =
            DeviceDone { chrome: chrome(app, incoming, &language, "/device", &hidden), allowed: done == "allowed" };
        let mut response = html(incoming, StatusCode::OK, page.render())?;
        language.remember(&mut response);
        return Ok(response);
    }
    let Some(person) = person(incoming).await? else { return Ok(to_sign_in(incoming, code_of(&query))) };
    if let Some(code) = code_of(&query).filter(|_| planted(Fault::Device04)) {
        device::enter(&incoming.ctx, &person.session, incoming.source, Some(code)).await?;
        device::decide(&incoming.ctx, (&person.session, &person.user), code, Answer::Allow).await?;
        return Ok(see_other("/device?done=allowed"));
    }
    let expired = query.one("done").ok().flatten() == Some("expired");
    let problem = expired.then_some((DeviceProblem::Expired, StatusCode::OK));
    entry(app, incoming, &person, &typed(&query), problem)
}

/// `POST /device`: a code was typed. Wrong ones are counted before they are looked up. EP-21.
pub(crate) async fn post(app: &App, incoming: &Incoming) -> Result<Response, Refusal> {
    let form = incoming.form()?;
    let Some(person) = person(incoming).await? else { return Ok(to_sign_in(incoming, code_of(&form))) };
    check(incoming, &person, &form)?;
    let typed = typed(&form);
    if typed.trim().is_empty() {
        return entry(app, incoming, &person, "", Some((DeviceProblem::Empty, StatusCode::BAD_REQUEST)));
    }
    match device::enter(&incoming.ctx, &person.session, incoming.source, UserCode::parse(&typed)).await {
        Ok(Some(code)) => Ok(see_other(&confirm_address(code))),
        Ok(None) => entry(app, incoming, &person, &typed, Some((DeviceProblem::Wrong, StatusCode::BAD_REQUEST))),
        Err(refusal) if refusal.row == &TOO_MANY => {
            tracing::warn!(code = refusal.row.id, request = incoming.request_id, "too many wrong user codes");
            let wait_seconds = u32::try_from(refusal.retry_after.unwrap_or(60)).unwrap_or(u32::MAX);
            let problem = (DeviceProblem::TooMany { wait_seconds }, StatusCode::TOO_MANY_REQUESTS);
            entry(app, incoming, &person, &typed, Some(problem))
        }
        Err(refusal) => Err(refusal),
    }
}

/// What waits behind a code that this session has typed, or where to go instead.
async fn opened(
    incoming: &Incoming,
    parameters: &Parameters,
) -> Result<Result<(Person, UserCode, Waiting), Response>, Refusal> {
    let code = code_of(parameters);
    let Some(person) = person(incoming).await? else { return Ok(Err(to_sign_in(incoming, code))) };
    let Some(code) = code else { return Ok(Err(see_other("/device"))) };
    let Some(waiting) = device::open(&incoming.ctx, &person.session, code).await? else {
        return Ok(Err(see_other(&entry_address(Some(code)))));
    };
    // EP-23: whoever decides has just shown who they are.
    if !waiting.is_fresh {
        return Ok(Err(see_other(&sign_in::address_for_device(Some(code)))));
    }
    Ok(Ok((person, code, waiting)))
}

/// `GET /device/confirm`: the question.
pub(crate) async fn ask(app: &App, incoming: &Incoming) -> Result<Response, Refusal> {
    let (person, code, waiting) = match opened(incoming, &incoming.query()?).await? {
        Ok(opened) => opened,
        Err(elsewhere) => return Ok(elsewhere),
    };
    let language = Language::of(app, incoming, None);
    let shown = code.shown();
    let hidden = [("user_code", shown.as_str())];
    let csrf = incoming.ctx.csrf.token(person.secret, Form::Device);
    let asked = &waiting.asked;
    let scopes: Vec<&str> = asked.scope.scope().iter().collect();
    let resources: Vec<&str> = asked.resources.iter().collect();
    let page = DeviceConfirm {
        chrome: chrome(app, incoming, &language, "/device/confirm", &hidden),
        csrf: &csrf,
        user_code: &shown,
        app: PageApp { name: &waiting.client.client.name, domain: "" },
        username: &person.user.username,
        scopes: &scopes,
        resources: &resources,
        address: &asked.address,
        same_address: asked.address == incoming.address().to_canonical().to_string(),
        requested_at: &asked.requested_at.to_string(),
    };
    let mut response = html(incoming, StatusCode::OK, page.render())?;
    language.remember(&mut response);
    Ok(response)
}

/// `POST /device/confirm`: the decision.
pub(crate) async fn decide(_: &App, incoming: &Incoming) -> Result<Response, Refusal> {
    let form = incoming.form()?;
    let (person, code, _) = match opened(incoming, &form).await? {
        Ok(opened) => opened,
        Err(elsewhere) => return Ok(elsewhere),
    };
    check(incoming, &person, &form)?;
    let (answer, done) = match form.one("decision").ok().flatten() {
        Some("allow") => (Answer::Allow, "allowed"),
        Some("deny") => (Answer::Deny, "denied"),
        _ => return Ok(see_other(&confirm_address(code))),
    };
    let decided = device::decide(&incoming.ctx, (&person.session, &person.user), code, answer).await?;
    Ok(see_other(&format!("/device?done={}", if decided { done } else { "expired" })))
}
