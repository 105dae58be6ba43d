//! The code flow of somebody who is signed in already: authorization request, code, tokens. Two requests, no hash.

use anyhow::Context as _;
use form_urlencoded::Serializer;
use http::{StatusCode, header};

use super::sign_in;
use crate::connection::{Answer, Connection, Outgoing};
use crate::load::Visitor;
use crate::site::{CALLBACK, NATIVE};

/// RFC 7636, Appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A native app and its user's browser.
pub(super) struct CodeFlow {
    browser: Connection,
    app: Connection,
    authorize: Outgoing,
}

impl CodeFlow {
    /// Once through it; the answer of the token request.
    pub(super) async fn once(&mut self) -> anyhow::Result<Answer> {
        let answer = self.browser.send(&self.authorize, StatusCode::SEE_OTHER).await?;
        let location =
            answer.headers.get(header::LOCATION).and_then(|value| value.to_str().ok()).context("no redirect")?;
        let (_, query) = location.split_once('?').context("no parameters in the redirect")?;
        let code = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "code");
        let (_, code) = code.with_context(|| format!("no code in {location}"))?;
        let pairs = [
            ("grant_type", "authorization_code"),
            ("client_id", NATIVE),
            ("redirect_uri", CALLBACK),
            ("code", &code),
            ("code_verifier", VERIFIER),
        ];
        self.app.send(&Outgoing::form("/oauth2/token", &pairs), StatusCode::OK).await
    }
}

impl Visitor for CodeFlow {
    async fn visit(&mut self) -> anyhow::Result<()> {
        self.once().await.map(drop)
    }
}

pub(super) async fn visitor(port: u16, number: usize) -> anyhow::Result<CodeFlow> {
    let session = sign_in::signed_in(port, number).await?.session;
    let query = Serializer::new(String::new())
        .append_pair("response_type", "code")
        .append_pair("client_id", NATIVE)
        .append_pair("redirect_uri", CALLBACK)
        .append_pair("code_challenge", CHALLENGE)
        .append_pair("code_challenge_method", "S256")
        .append_pair("scope", "openid")
        .append_pair("state", "xyz")
        .append_pair("nonce", "abc")
        .finish();
    let authorize = Outgoing::get(format!("/oauth2/authorize?{query}")).header(header::COOKIE, &session)?;
    Ok(CodeFlow { browser: Connection::open(port).await?, app: Connection::open(port).await?, authorize })
}
