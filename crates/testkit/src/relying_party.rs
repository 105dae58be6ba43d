//! An app that signs people in: verifier, challenge, state, and the back channel.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::reply::Reply;
use crate::seeds;
use crate::server::TestServer;

/// An app, in the middle of one sign-in.
#[derive(Clone, Debug)]
pub struct RelyingParty {
    /// Its client id.
    pub client_id: String,
    /// Its secret, if it keeps one.
    pub secret: Option<String>,
    /// Where it wants its answer.
    pub redirect_uri: String,
    /// What it asks for.
    pub scope: String,
    /// `state` of the request.
    pub state: String,
    /// `nonce` of the request.
    pub nonce: String,
    /// B1: what only the app knows.
    pub verifier: String,
}

/// The S256 challenge of a verifier. RFC 7636 §4.2.
#[must_use]
pub fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()).as_ref())
}

impl RelyingParty {
    fn new(client_id: &str, secret: Option<String>, redirect_uri: &str, scope: &str) -> Self {
        Self {
            client_id: client_id.to_owned(),
            secret,
            redirect_uri: redirect_uri.to_owned(),
            scope: scope.to_owned(),
            state: "af0if jsl&dkj=%".to_owned(),
            nonce: "n-0S6_WzA2Mj".to_owned(),
            verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned(),
        }
    }

    /// The third-party web app with a secret.
    #[must_use]
    pub fn shop() -> Self {
        Self::new(seeds::SHOP, Some(seeds::secret(seeds::SHOP)), seeds::SHOP_REDIRECT, "openid profile email")
    }

    /// The first-party single-page app on the same site.
    #[must_use]
    pub fn demo() -> Self {
        Self::new(seeds::DEMO, None, seeds::DEMO_REDIRECT, "openid profile email")
    }

    /// The third-party single-page app on another site.
    #[must_use]
    pub fn foreign() -> Self {
        Self::new(seeds::FOREIGN, None, seeds::FOREIGN_REDIRECT, "openid profile")
    }

    /// The command-line app.
    #[must_use]
    pub fn cli() -> Self {
        Self::new(seeds::CLI, None, "http://127.0.0.1:51004/cb", "openid offline_access")
    }

    /// The same app, asking for something else.
    #[must_use]
    pub fn scope(mut self, scope: &str) -> Self {
        scope.clone_into(&mut self.scope);
        self
    }

    /// The origin of its pages.
    #[must_use]
    pub fn origin(&self) -> String {
        url::Url::parse(&self.redirect_uri).unwrap().origin().ascii_serialization()
    }

    /// The parameters of its authorization request, some of them changed: an empty value leaves one out, a name that is
    /// new is added.
    #[must_use]
    pub fn parameters(&self, changes: &[(&str, &str)]) -> Vec<(String, String)> {
        let challenge = challenge(&self.verifier);
        let usual = [
            ("response_type", "code"),
            ("client_id", self.client_id.as_str()),
            ("redirect_uri", &self.redirect_uri),
            ("scope", &self.scope),
            ("state", &self.state),
            ("nonce", &self.nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        let changed = |name: &str| changes.iter().any(|(key, _)| *key == name);
        let kept = usual.iter().filter(|(name, _)| !changed(name));
        let all = kept.chain(changes.iter().filter(|(_, value)| !value.is_empty()));
        all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    /// B2: the address it sends the browser to.
    #[must_use]
    pub fn authorize_url(&self, changes: &[(&str, &str)]) -> String {
        let parameters = self.parameters(changes);
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        format!("/oauth2/authorize?{query}")
    }

    /// B5: the token request of a code, from the app's own server or device, some of it changed as in
    /// [`RelyingParty::parameters`].
    pub async fn redeem_with(&self, server: &TestServer, code: &str, changes: &[(&str, &str)]) -> Reply {
        let usual = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("code_verifier", &self.verifier),
            ("redirect_uri", &self.redirect_uri),
        ];
        self.token(server, &usual, changes).await
    }

    /// B5.
    pub async fn redeem(&self, server: &TestServer, code: &str) -> Reply {
        self.redeem_with(server, code, &[]).await
    }

    /// A refresh with a token in the body.
    pub async fn refresh(&self, server: &TestServer, token: &str) -> Reply {
        self.refresh_with(server, token, &[]).await
    }

    /// The same, some of it changed.
    pub async fn refresh_with(&self, server: &TestServer, token: &str, changes: &[(&str, &str)]) -> Reply {
        self.token(server, &[("grant_type", "refresh_token"), ("refresh_token", token)], changes).await
    }

    /// A token request, with the client's own authentication.
    pub async fn token(&self, server: &TestServer, usual: &[(&str, &str)], changes: &[(&str, &str)]) -> Reply {
        let changed = |name: &str| changes.iter().any(|(key, _)| *key == name);
        let mut fields: Vec<(&str, &str)> = usual.iter().copied().filter(|(name, _)| !changed(name)).collect();
        fields.extend(changes.iter().copied().filter(|(_, value)| !value.is_empty()));
        let call = server.post("/oauth2/token");
        match &self.secret {
            Some(secret) => call.basic(&self.client_id, secret).form(&fields).send().await,
            None => {
                if !changed("client_id") {
                    fields.push(("client_id", &self.client_id));
                }
                call.form(&fields).send().await
            }
        }
    }
}

/// What came back through the browser.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The whole address.
    pub url: String,
    /// Its parameters.
    pub parameters: BTreeMap<String, String>,
}

impl Answer {
    /// Read the address the browser was sent to; a test fails if a parameter came twice or a fragment has any.
    #[must_use]
    pub fn parse(url: &str) -> Self {
        let parsed = url::Url::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"));
        assert_eq!(parsed.fragment(), None, "AZ-33: {url}");
        let pairs: Vec<(String, String)> = parsed.query_pairs().into_owned().collect();
        let parameters: BTreeMap<String, String> = pairs.iter().cloned().collect();
        assert_eq!(pairs.len(), parameters.len(), "{url}");
        Self { url: url.to_owned(), parameters }
    }

    /// Read the page that posts the answer; a test fails if it is none. AZ-32.
    #[must_use]
    pub fn posted(page: &str) -> Self {
        let (url, pairs) = crate::html::form_post(page).unwrap_or_else(|| panic!("no form for the app: {page}"));
        let parameters: BTreeMap<String, String> = pairs.iter().cloned().collect();
        assert_eq!(pairs.len(), parameters.len(), "{pairs:?}");
        Self { url, parameters }
    }

    /// A parameter.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    /// B4: the code; a test fails if there is none.
    #[must_use]
    pub fn code(&self) -> &str {
        self.get("code").unwrap_or_else(|| panic!("no code in {}", self.url))
    }

    /// The error; a test fails if there is none, or a code beside it.
    #[must_use]
    pub fn error(&self) -> &str {
        assert_eq!(self.get("code"), None, "{}", self.url);
        self.get("error").unwrap_or_else(|| panic!("no error in {}", self.url))
    }
}
