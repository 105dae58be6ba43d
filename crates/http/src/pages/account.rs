//! `/account`: who am I, my sessions, end one, end the others, end all. SE-13, SE-17.

use axum::response::Response;
use brama_flows::account::{self, End};
use brama_flows::csrf::Form;
use brama_pages::{Account, AccountNotice, SessionCard};
use brama_protocol::error::{FORM_NOT_OURS, Refusal};
use brama_protocol::parameters::Parameters;
use brama_store::session::Session;
use brama_store::user::User;
use http::StatusCode;

use crate::app::App;
use crate::cookies;
use crate::incoming::Incoming;
use crate::pages::{forget_unknown, signed_in};
use crate::respond::page::{Language, chrome, html};
use crate::respond::{see_other, set_cookie};

/// `GET /`: to the account page, which asks for a sign-in where there is none.
pub(crate) async fn front(_: &App, _: &Incoming) -> Result<Response, Refusal> {
    Ok(see_other("/account"))
}

/// `GET /account`.
pub(crate) async fn get(app: &App, incoming: &Incoming) -> Result<Response, Refusal> {
    let ctx = &incoming.ctx;
    let (Some((current, user)), Some(secret)) = (signed_in(incoming).await?, incoming.session_hash()) else {
        return Ok(forget_unknown(incoming, see_other("/sign-in")));
    };
    let sessions = account::sessions(ctx, &user).await?;
    let times: Vec<[String; 3]> = sessions
        .iter()
        .map(|one| {
            let session = &one.session;
            [session.id.to_string(), session.authentication.at.to_string(), session.last_seen_at.to_string()]
        })
        .collect();
    let cards: Vec<SessionCard<'_>> = sessions
        .iter()
        .zip(&times)
        .map(|(one, [handle, signed_in_at, last_seen_at])| SessionCard {
            handle,
            device_label: &one.session.device,
            signed_in_at,
            last_seen_at,
            is_current: one.session.id == current.id,
            method: one.session.authentication.amr.first().map_or("", String::as_str),
            apps: one.apps.clone(),
        })
        .collect();
    let language = Language::of(app, incoming, None);
    let csrf = ctx.csrf.token(secret, Form::Account);
    let page = Account {
        chrome: chrome(app, incoming, &language, "/account", &[]),
        csrf: &csrf,
        name: user.name.as_deref().unwrap_or(&user.username),
        username: &user.username,
        email: user.email.as_deref(),
        sessions: &cards,
        notice: notice(incoming, ctx, &user).await?,
    };
    let mut response = html(incoming, StatusCode::OK, page.render())?;
    language.remember(&mut response);
    Ok(response)
}

/// What was just done, or a sign of theft that the owner has to know.
async fn notice(incoming: &Incoming, ctx: &brama_flows::Ctx, user: &User) -> Result<Option<AccountNotice>, Refusal> {
    let query = incoming.query()?;
    let done = match query.one("done").ok().flatten() {
        Some("one") => Some(AccountNotice::SessionEnded),
        Some("none") => Some(AccountNotice::AlreadyEnded),
        _ => None,
    };
    if done.is_some() {
        return Ok(done);
    }
    Ok(account::newest_alarm(ctx, user).await?.map(|_| AccountNotice::TokenTheft))
}

/// A form of the account page: who sends it, after its token was checked. WH-11.
pub(crate) async fn owner(incoming: &Incoming) -> Result<Option<(Session, User, Parameters)>, Refusal> {
    let form = incoming.form()?;
    let (Some((session, user)), Some(secret)) = (signed_in(incoming).await?, incoming.session_hash()) else {
        return Ok(None);
    };
    let token = form.one("csrf").ok().flatten().unwrap_or_default();
    if !incoming.ctx.csrf.is_valid(secret, Form::Account, token) {
        return Err((&FORM_NOT_OURS).into());
    }
    Ok(Some((session, user, form)))
}

/// `POST /account/sessions/end`.
pub(crate) async fn end_sessions(_: &App, incoming: &Incoming) -> Result<Response, Refusal> {
    let Some((current, user, form)) = owner(incoming).await? else {
        return Ok(forget_unknown(incoming, see_other("/sign-in")));
    };
    let has = |name| form.one(name).ok().flatten();
    let end = match (has("session").and_then(|text| text.parse().ok()), has("all_others"), has("all")) {
        (Some(id), None, None) => End::One(id),
        (None, Some(_), None) => End::Others,
        (None, None, Some(_)) => End::Everything,
        _ => return Ok(see_other("/account")),
    };
    account::end(&incoming.ctx, &user, current.id, end).await?;
    let own_too = end == End::Everything || end == End::One(current.id);
    if own_too { Ok(signed_out(incoming)) } else { Ok(see_other("/account?done=one")) }
}

/// `POST /account/sign-out`.
pub(crate) async fn sign_out(_: &App, incoming: &Incoming) -> Result<Response, Refusal> {
    if let Some((current, user, _)) = owner(incoming).await? {
        account::end(&incoming.ctx, &user, current.id, End::One(current.id)).await?;
    } else if let Some(secret) = incoming.session_hash() {
        // The page was left open until its session was idle. What apps were given through it still stands.
        let form = incoming.form()?;
        let token = form.one("csrf").ok().flatten().unwrap_or_default();
        if incoming.ctx.csrf.is_valid(secret, Form::Account, token) {
            account::end_idle(&incoming.ctx, secret).await?;
        }
    }
    Ok(signed_out(incoming))
}

fn signed_out(incoming: &Incoming) -> Response {
    forget_session(incoming, see_other("/signed-out"))
}

/// Delete the session cookie and what hangs on it.
pub(crate) fn forget_session(incoming: &Incoming, mut response: Response) -> Response {
    set_cookie(&mut response, &cookies::delete(cookies::SESSION));
    for (client, _) in incoming.cookies().refresh() {
        set_cookie(&mut response, &cookies::delete(&format!("{}{client}", cookies::REFRESH)));
    }
    response
}
