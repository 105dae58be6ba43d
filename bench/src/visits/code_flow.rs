//! The code flow of somebody who is signed in already: authorization request, code, tokens. Two requests, no hash.

use anyhow::Context as _;
use form_urlencoded::Serializer;

use crate::load::Visitor;
use crate::site::{CALLBACK, NATIVE, People};
use crate::wire::{Place, Request, Wire};

/// RFC 7636, Appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// Of [`VERIFIER`].
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A native app and its user's browser.
pub(crate) struct CodeFlow {
    place: Place,
    browser: Option<Wire>,
    app: Option<Wire>,
    authorize: Vec<u8>,
}

impl Visitor for CodeFlow {
    async fn connect(&mut self) -> anyhow::Result<()> {
        self.browser = Some(Wire::open(&self.place).await?);
        self.app = Some(Wire::open(&self.place).await?);
        Ok(())
    }

    async fn visit(&mut self) -> anyhow::Result<()> {
        let answer = super::open(&mut self.browser)?.expect(&self.authorize, 303).await?;
        let location = answer.all("location").next().context("no redirect")?;
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
        let request = Request::form(&self.place, "/oauth2/token", &pairs).bytes();
        super::open(&mut self.app)?.expect(&request, 200).await.map(drop)
    }
}

impl CodeFlow {
    /// One of our people.
    pub(crate) fn of(place: &Place, number: u64) -> Self {
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
        let authorize = Request::get(place, &format!("/oauth2/authorize?{query}"));
        let authorize = authorize.header("cookie", &People::session_cookie(number)).bytes();
        Self { place: place.clone(), browser: None, app: None, authorize }
    }
}
