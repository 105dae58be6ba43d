//! The ways people and apps take through the pages and the token endpoint.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use brama_testkit::{RelyingParty, html};
use http::Method;

use crate::support::{Answer, Browser, Lost, PASSWORD, Wire};

/// Where a navigation ended.
#[derive(Debug)]
pub(crate) enum Landing {
    /// On a page of the server, or at a refusal.
    Here(Answer),
    /// At the app.
    App(String),
}

impl Landing {
    #[track_caller]
    pub(crate) fn here(self) -> Answer {
        match self {
            Self::Here(answer) => answer,
            Self::App(url) => panic!("the browser left for {url}"),
        }
    }

    /// The code that the app got.
    #[track_caller]
    pub(crate) fn code(self) -> String {
        match self {
            Self::App(url) => brama_testkit::Answer::parse(&url).code().to_owned(),
            Self::Here(answer) => panic!("the browser stayed: {answer:?}"),
        }
    }
}

const NAVIGATION: [(&str, &str); 3] =
    [("accept", "text/html"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];

/// Follow redirects from here on, and the continuation page.
async fn follow(browser: &mut Browser, own: &str, mut answer: Answer) -> Result<Landing, Lost> {
    for _ in 0..10 {
        if answer.status != 303 {
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            return Ok(html::continuation(&text).map_or(Landing::Here(answer), Landing::App));
        }
        let target = answer.header("location").unwrap().to_owned();
        let inside = target.strip_prefix(own).unwrap_or(&target);
        if !inside.starts_with('/') {
            return Ok(Landing::App(target));
        }
        let headers = [&NAVIGATION[..], &[("sec-fetch-site", "same-origin")]].concat();
        answer = browser.send(Method::GET, inside, headers, "").await?;
    }
    panic!("too many redirects: {answer:?}")
}

/// B2: an app sends the browser here.
pub(crate) async fn authorize(browser: &mut Browser, own: &str, app: &RelyingParty) -> Result<Landing, Lost> {
    let headers = [&NAVIGATION[..], &[("sec-fetch-site", "cross-site")]].concat();
    let answer = browser.send(Method::GET, &app.authorize_url(&[]), headers, "").await?;
    follow(browser, own, answer).await
}

/// B3: fill in the form of the page, send it, and go on.
pub(crate) async fn sign_in(browser: &mut Browser, own: &str, page: &Answer, name: &str) -> Result<Landing, Lost> {
    let form = html::form(&String::from_utf8_lossy(&page.body), "/sign-in").expect("the sign-in page");
    let mut fields = form.fields;
    fields
        .extend([("username", name), ("password", PASSWORD)].map(|(name, value)| (name.to_owned(), value.to_owned())));
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let more =
        [("sec-fetch-site", "same-origin"), ("origin", own), ("content-type", "application/x-www-form-urlencoded")];
    let answer = browser.send(Method::POST, &form.action, [&NAVIGATION[..], &more].concat(), &body).await?;
    follow(browser, own, answer).await
}

/// A request to the token endpoint, from the app's own server or device.
pub(crate) async fn token(wire: &mut Wire, app: &RelyingParty, fields: &[(&str, &str)]) -> Result<Answer, Lost> {
    let mut fields = fields.to_vec();
    let mut headers = vec![("content-type", "application/x-www-form-urlencoded")];
    let basic;
    match &app.secret {
        Some(secret) => {
            basic = format!("Basic {}", STANDARD.encode(format!("{}:{secret}", app.client_id)));
            headers.push(("authorization", &basic));
        }
        None => fields.push(("client_id", &app.client_id)),
    }
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    wire.send(Method::POST, "/oauth2/token", &headers, &body).await
}

/// B5: the code for tokens.
pub(crate) async fn redeem(wire: &mut Wire, app: &RelyingParty, code: &str) -> Result<Answer, Lost> {
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("code_verifier", &app.verifier),
        ("redirect_uri", &app.redirect_uri),
    ];
    token(wire, app, &fields).await
}

/// A refresh with a token in the body.
pub(crate) async fn refresh(wire: &mut Wire, app: &RelyingParty, refresh_token: &str) -> Result<Answer, Lost> {
    token(wire, app, &[("grant_type", "refresh_token"), ("refresh_token", refresh_token)]).await
}

/// What a protected resource of the server answers to a token.
pub(crate) async fn ask(wire: &mut Wire, target: &str, access_token: &str) -> Result<Answer, Lost> {
    wire.send(Method::GET, target, &[("authorization", &format!("Bearer {access_token}"))], "").await
}
