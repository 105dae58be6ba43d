//! `/sign-in`. F1 to F6, A3, A6, T1; AZ-20.

use axum::response::Response;
use brama_flows::authorize::begin::{self, Browser, Starter};
use brama_flows::authorize::interact::{self, Opened, Restart};
use brama_flows::csrf::Form;
use brama_flows::login::session::Keep;
use brama_flows::login::{password, session};
use brama_pages::{SignIn, SignInProblem};
use brama_protocol::device::UserCode;
use brama_protocol::error::{CREDENTIALS, OVERLOADED, Refusal, TOO_MANY};
use brama_protocol::id::AuthorizationId;
use brama_protocol::limits;
use brama_protocol::parameters::Parameters;
use http::{HeaderValue, StatusCode, header};
use zeroize::Zeroizing;

use crate::app::App;
use crate::cookies;
use crate::incoming::Incoming;
use crate::pages::{continuation, mistakes, signed_in, starter};
use crate::respond::page::{Language, chrome, html, page_app};
use crate::respond::{see_other, set_cookie};

/// The address of the sign-in page of an authorization.
pub(crate) fn address(id: AuthorizationId) -> String {
    format!("/sign-in?tx={id}")
}

/// What stands for an authorization where a person signs in to connect a device.
const DEVICE: &str = "device";

/// The address of the sign-in page of somebody who is about to connect a device.
pub(crate) fn address_for_device(code: Option<UserCode>) -> String {
    format!("/sign-in?tx={}", Goal::Device(code).text())
}

/// What a sign-in is for: `tx`.
#[derive(Clone, Copy)]
enum Goal {
    /// The account page.
    Account,
    /// An authorization.
    App(AuthorizationId),
    /// Connecting a device, with the code if there is one already.
    Device(Option<UserCode>),
}

impl Goal {
    /// From a parameter; what is none of the two leads to the account page.
    fn of(parameters: &Parameters) -> Self {
        let text = parameters.one("tx").ok().flatten().unwrap_or_default();
        match (text.parse(), text.strip_prefix(DEVICE)) {
            (Ok(id), _) => Self::App(id),
            (Err(_), Some(code)) => Self::Device(UserCode::parse(code)),
            (Err(_), None) => Self::Account,
        }
    }

    /// As a parameter.
    fn text(self) -> String {
        match self {
            Self::Account => String::new(),
            Self::App(id) => id.to_string(),
            Self::Device(None) => DEVICE.to_owned(),
            Self::Device(Some(code)) => format!("{DEVICE}.{}", code.shown()),
        }
    }

    fn authorization(self) -> Option<AuthorizationId> {
        match self {
            Self::App(id) => Some(id),
            Self::Account | Self::Device(_) => None,
        }
    }

    /// Where somebody goes who has signed in for no app.
    fn page(self) -> String {
        match self {
            Self::Account | Self::App(_) => "/account".to_owned(),
            Self::Device(None) => "/device".to_owned(),
            Self::Device(Some(code)) => super::device::confirm_address(code),
        }
    }
}

/// What the page is about to show.
struct Shown<'a> {
    goal: Goal,
    opened: Option<Opened>,
    browser: &'a Browser,
    username: &'a str,
    problem: Option<SignInProblem>,
    remember: bool,
    status: StatusCode,
    retry_after: Option<u64>,
}

fn render(app: &App, incoming: &Incoming, shown: Shown<'_>) -> Result<Response, Refusal> {
    let authorization = shown.opened.as_ref().map(|opened| &opened.authorization);
    let language = Language::of(app, incoming, authorization);
    // An authorization may have been begun again; one that is gone leaves nothing behind.
    let tx = match shown.goal {
        Goal::Device(_) => shown.goal.text(),
        Goal::Account | Goal::App(_) => {
            authorization.map(|authorization| authorization.id.to_string()).unwrap_or_default()
        }
    };
    let hidden: &[(&str, &str)] = if tx.is_empty() { &[] } else { &[("tx", &tx)] };
    let host = authorization.map(|authorization| authorization.asked.back.redirect_uri.host()).unwrap_or_default();
    let csrf = incoming.ctx.csrf.token(shown.browser.secret.hash(), Form::SignIn);
    let page = SignIn {
        chrome: chrome(app, incoming, &language, "/sign-in", hidden),
        app: shown.opened.as_ref().map(|opened| page_app(&opened.client.client, &host)),
        tx: &tx,
        csrf: &csrf,
        username: shown.username,
        problem: shown.problem,
        remember: shown.remember,
    };
    let mut response = html(incoming, shown.status, page.render())?;
    set_cookie(&mut response, &cookies::browser(&shown.browser.secret, continuation::cookie_seconds(app)));
    language.remember(&mut response);
    if let Some(seconds) = shown.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    Ok(response)
}

/// `GET /sign-in`: for an authorization, or to the account page.
pub(crate) async fn get(app: &App, incoming: &Incoming) -> Result<Response, Refusal> {
    let ctx = &incoming.ctx;
    let cookies = incoming.cookies();
    let browser = Browser::of(ctx, cookies.get(cookies::BROWSER))?;
    let goal = Goal::of(&incoming.query()?);
    let id = goal.authorization();
    let signed_in = signed_in(incoming).await?;
    let opened = match id {
        Some(id) => interact::open(ctx, id, &browser, starter(incoming, &signed_in)).await?,
        None => None,
    };
    if signed_in.is_some() && matches!(goal, Goal::Account) {
        return Ok(see_other("/account"));
    }
    if let Some(opened) = &opened
        && signed_in.is_some()
        && opened.restarted.is_some()
    {
        // A step back to a page of before the sign-in: on to the app. A6.
        return Ok(go_on(app, opened, &browser));
    }
    let again = signed_in.is_some() && (opened.is_some() || matches!(goal, Goal::Device(_)));
    let problem = match &opened {
        _ if id.is_some() && opened.is_none() => Some(SignInProblem::Expired),
        Some(opened) if opened.restarted == Some(Restart::TooOld) => Some(SignInProblem::Expired),
        // Who is about to choose another account confirms nothing.
        Some(opened) if another_account(opened) => None,
        _ if again => Some(SignInProblem::Reauthenticate),
        _ => None,
    };
    let hint = opened.as_ref().and_then(|opened| opened.authorization.asked.login_hint.clone()).unwrap_or_default();
    let shown = Shown {
        goal,
        browser: &browser,
        username: &hint,
        problem,
        remember: false,
        status: StatusCode::OK,
        retry_after: None,
        opened,
    };
    render(app, incoming, shown)
}

/// Whether the app wanted to know which account, and nothing more of the sign-in.
fn another_account(opened: &Opened) -> bool {
    let asked = &opened.authorization.asked;
    asked.prompt.select_account && !asked.prompt.login && asked.expected_user.is_none()
}

/// What was typed.
struct Typed {
    username: String,
    password: Zeroizing<String>,
    remember: bool,
    csrf: String,
    goal: Goal,
}

impl Typed {
    fn of(form: &Parameters) -> Result<Self, Refusal> {
        let one = |name| form.one(name).map_err(brama_protocol::token::request::duplicate);
        let cut = |name: &str| name.chars().take(limits::USERNAME_CODE_POINTS * 2).collect();
        Ok(Self {
            username: one("username")?.map(cut).unwrap_or_default(),
            password: Zeroizing::new(one("password")?.unwrap_or_default().to_owned()),
            remember: one("remember")?.is_some(),
            csrf: one("csrf")?.unwrap_or_default().to_owned(),
            goal: Goal::of(form),
        })
    }

    fn is_incomplete(&self) -> Option<SignInProblem> {
        match (self.username.trim().is_empty(), self.password.is_empty()) {
            (true, true) => Some(SignInProblem::EmptyBoth),
            (true, false) => Some(SignInProblem::EmptyUsername),
            (false, true) => Some(SignInProblem::EmptyPassword),
            (false, false) => None,
        }
    }
}

/// `POST /sign-in`. B3.
pub(crate) async fn post(app: &App, incoming: &Incoming) -> Result<Response, Refusal> {
    let ctx = &incoming.ctx;
    let typed = Typed::of(&incoming.form()?)?;
    let cookies = incoming.cookies();
    let browser = Browser::of(ctx, cookies.get(cookies::BROWSER))?;
    let signed_in = signed_in(incoming).await?;
    let opened = match typed.goal.authorization() {
        Some(id) => interact::open(ctx, id, &browser, starter(incoming, &signed_in)).await?,
        None => None,
    };
    // A form that does not belong to this browser signs nobody in (AZ-20): the page is shown again, for the same app and
    // with the typed name (A6). One that only came too late likewise.
    let ours = !browser.new && ctx.csrf.is_valid(browser.secret.hash(), Form::SignIn, &typed.csrf);
    let gone = typed.goal.authorization().is_some() && opened.is_none();
    let too_late = opened.as_ref().is_some_and(|opened| opened.restarted == Some(Restart::TooOld));
    if !ours
        && let Some(opened) = &opened
        && signed_in.is_some()
    {
        // Another tab has signed in meanwhile and this form is of before: the sign-in goes on by itself. T5.
        return Ok(go_on(app, opened, &browser));
    }
    let problem = if !ours || gone || too_late { Some((SignInProblem::Expired, StatusCode::OK)) } else { None };
    let problem = problem.or_else(|| typed.is_incomplete().map(|problem| (problem, StatusCode::BAD_REQUEST)));
    if let Some((problem, status)) = problem {
        return shown_again(app, incoming, &typed, opened, &browser, (problem, status, None));
    }
    match sign_in(incoming, &typed).await {
        Ok(begun) => {
            // What the browser had before signing in, somebody may have planted: it is worth nothing afterwards. SE-5.
            let fresh = Browser::of(ctx, None)?;
            let target = match opened {
                None => mistakes::kept_target(&incoming.form()?).unwrap_or_else(|| typed.goal.page()),
                Some(opened) => {
                    let starter = Starter::new(incoming.source, Some(&begun.session));
                    let moved = begin::restart(ctx, &opened.authorization, &fresh, starter).await?;
                    continuation::address(moved.id)
                }
            };
            // 303: the browser must not send the password on. AZ-16.
            let mut response = see_other(&target);
            let seconds = ctx.seconds_until(begun.session.lifetime.expires_at);
            set_cookie(&mut response, &cookies::session(&begun.secret, typed.remember.then_some(seconds)));
            set_cookie(&mut response, &cookies::browser(&fresh.secret, continuation::cookie_seconds(app)));
            Ok(response)
        }
        Err(refusal) => {
            let status = StatusCode::from_u16(refusal.row.status).unwrap_or(StatusCode::BAD_REQUEST);
            let problem = match refusal.row {
                row if row == &CREDENTIALS => SignInProblem::WrongPair,
                row if row == &TOO_MANY => SignInProblem::TooMany {
                    wait_seconds: u32::try_from(refusal.retry_after.unwrap_or(30)).unwrap_or(u32::MAX),
                },
                row if row == &OVERLOADED => SignInProblem::Overloaded,
                _ => return Err(refusal),
            };
            tracing::info!(
                code = refusal.row.id,
                error = refusal.row.error,
                request = incoming.request_id,
                "sign-in refused"
            );
            shown_again(app, incoming, &typed, opened, &browser, (problem, status, refusal.retry_after))
        }
    }
}

/// On to the dispatcher, with the cookie that the authorization belongs to.
fn go_on(app: &App, opened: &Opened, browser: &Browser) -> Response {
    let mut response = see_other(&continuation::address(opened.authorization.id));
    set_cookie(&mut response, &cookies::browser(&browser.secret, continuation::cookie_seconds(app)));
    response
}

async fn sign_in(incoming: &Incoming, typed: &Typed) -> Result<session::BegunSession, Refusal> {
    let proven = password::verify(&incoming.ctx, &typed.username, &typed.password, incoming.source).await?;
    let keep = if typed.remember { Keep::Remembered } else { Keep::UntilClosed };
    session::begin(&incoming.ctx, &proven, incoming.browser_facts(), keep).await
}

fn shown_again(
    app: &App,
    incoming: &Incoming,
    typed: &Typed,
    opened: Option<Opened>,
    browser: &Browser,
    (problem, status, retry_after): (SignInProblem, StatusCode, Option<u64>),
) -> Result<Response, Refusal> {
    let shown = Shown {
        goal: typed.goal,
        opened,
        browser,
        username: &typed.username,
        problem: Some(problem),
        remember: typed.remember,
        status,
        retry_after,
    };
    render(app, incoming, shown)
}
