//! Signing in at a server whose pages are unknown: follow redirects, fill in forms, until the app's redirect URI is reached.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use serde::Deserialize;
use url::Url;

use super::endpoint;
use super::form::forms;
use crate::visits::{CHALLENGE, VERIFIER};
use crate::wire::{Answer, PATIENCE, Place, Request, Wire};

/// Most pages between the authorization request and its answer.
const PAGES: usize = 12;

/// How somebody signs in.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Recipe {
    /// The app's.
    redirect_uri: String,
    /// What to ask for.
    #[serde(default = "scope")]
    scope: String,
    /// What to write into forms, by the names of their inputs: user name, password, and the answer to a consent page. A form
    /// is sent with what it has and those of these names.
    fields: BTreeMap<String, String>,
}

fn scope() -> String {
    "openid".to_owned()
}

/// What came of it.
pub(super) struct Tokens {
    pub(super) access_token: String,
    pub(super) refresh_token: String,
}

/// A browser, as much of one as is needed.
#[derive(Default)]
struct Browser {
    cookies: BTreeMap<String, String>,
}

/// What an answer asks for next.
enum Next {
    /// Another address.
    Go(Url),
    /// A page with a form to send.
    Fill(String),
}

impl Browser {
    async fn send(&mut self, url: &Url, form: Option<&BTreeMap<String, String>>) -> anyhow::Result<Next> {
        let (place, target) = endpoint(url.as_str())?;
        let mut request = match form {
            None => Request::get(&place, &target),
            Some(fields) => {
                let pairs: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
                Request::form(&place, &target, &pairs).header("origin", &url.origin().ascii_serialization())
            }
        };
        request = request.header("accept", "text/html");
        if !self.cookies.is_empty() {
            let pairs: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header("cookie", &pairs.join("; "));
        }
        let mut wire = Wire::open(&place).await?;
        let request = request.bytes();
        let answer = tokio::time::timeout(PATIENCE, wire.exchange(&request)).await.context("no answer")??;
        self.keep(&answer);
        match answer.status {
            301 | 302 | 303 | 307 => {
                let location = answer.all("location").next().context("a redirect to nowhere")?;
                Ok(Next::Go(url.join(location)?))
            }
            200 => Ok(Next::Fill(String::from_utf8_lossy(answer.body).into_owned())),
            other => bail!("{}: {other}", url.path()),
        }
    }

    fn keep(&mut self, answer: &Answer<'_>) {
        for cookie in answer.all("set-cookie") {
            let Some((name, value)) = cookie.split(';').next().and_then(|pair| pair.split_once('=')) else { continue };
            if value.is_empty() {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

impl Recipe {
    /// Sign in with a new browser and redeem the code.
    pub(super) async fn run(
        &self,
        authorize: &str,
        token: (&Place, &str),
        client: &(String, Option<String>),
    ) -> anyhow::Result<Tokens> {
        let code = self.code(authorize, &client.0).await?;
        let mut pairs = vec![
            ("grant_type", "authorization_code"),
            ("redirect_uri", self.redirect_uri.as_str()),
            ("code", &code),
            ("code_verifier", VERIFIER),
        ];
        let (place, target) = token;
        let request = match client {
            (id, None) => {
                pairs.push(("client_id", id));
                Request::form(place, target, &pairs)
            }
            (id, Some(secret)) => Request::form(place, target, &pairs).basic(id, secret),
        };
        let mut wire = Wire::open(place).await?;
        let answer = wire.expect_soon(&request.bytes(), 200).await?;
        Ok(Tokens { access_token: answer.text("access_token")?, refresh_token: answer.text("refresh_token")? })
    }

    async fn code(&self, authorize: &str, client: &str) -> anyhow::Result<String> {
        let mut browser = Browser::default();
        let mut at = Url::parse(authorize)?;
        at.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", client)
            .append_pair("redirect_uri", &self.redirect_uri)
            .append_pair("scope", &self.scope)
            .append_pair("state", "xyz")
            .append_pair("nonce", "abc")
            .append_pair("code_challenge", CHALLENGE)
            .append_pair("code_challenge_method", "S256");
        let mut form = None;
        for _ in 0..PAGES {
            if at.as_str().starts_with(&self.redirect_uri) {
                let code = at.query_pairs().find(|(name, _)| name == "code");
                let (_, code) = code.with_context(|| format!("no code but {}", at.query().unwrap_or_default()))?;
                return Ok(code.into_owned());
            }
            match browser.send(&at, form.take().as_ref()).await? {
                Next::Go(url) => at = url,
                Next::Fill(page) => (at, form) = self.fill(&at, &page)?,
            }
        }
        bail!("no answer after {PAGES} pages; the last was {}", at.path());
    }

    /// The form of a page, filled in; a page without one that leads on by a link is followed.
    fn fill(&self, at: &Url, page: &str) -> anyhow::Result<(Url, Option<BTreeMap<String, String>>)> {
        // A page that carries the answer itself, in a link: ours does so after a form, for the sake of its own policy.
        if let Some(link) = page
            .split("href=\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .find(|link| link.starts_with(&self.redirect_uri) && link.contains("code="))
        {
            return Ok((at.join(&link.replace("&amp;", "&").replace("&#38;", "&"))?, None));
        }
        let mut all = forms(page);
        let knows = |form: &super::form::Form| form.fields.keys().any(|name| self.fields.contains_key(name));
        let index = all.iter().position(knows).unwrap_or_default();
        if index >= all.len() {
            bail!("{} has no form to send", at.path());
        }
        let mut form = all.swap_remove(index);
        for (name, value) in &self.fields {
            // The buttons of a consent page are no inputs: their names are only known from the recipe.
            form.fields.insert(name.clone(), value.clone());
        }
        let action = if form.action.is_empty() { at.clone() } else { at.join(&form.action)? };
        Ok((action, Some(form.fields)))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn recipe() -> Recipe {
        let fields = [("username", "a"), ("password", "b"), ("decision", "allow")];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Recipe { redirect_uri: "http://127.0.0.1/callback".to_owned(), scope: scope(), fields: BTreeMap::from(fields) }
    }

    #[test]
    fn pages_are_filled_in_or_refused() {
        let at = Url::parse("http://id.example/sign-in?tx=1").unwrap();
        assert!(recipe().fill(&at, "<p>Sorry</p>").is_err());
        let page = "<form method=post action=\"/language\"><input name=lang value=en></form>\
                    <form method=post><input type=hidden name=tx value=7><input name=username></form>";
        let (to, form) = recipe().fill(&at, page).unwrap();
        let form = form.unwrap();
        assert_eq!(to, at);
        let of = |name: &str| form.get(name).map(String::as_str);
        assert_eq!([of("tx"), of("username"), of("password")], [Some("7"), Some("a"), Some("b")]);
        let page = "<a href=\"http://127.0.0.1/callback?code=c&#38;state=xyz\">on</a>";
        let (to, form) = recipe().fill(&at, page).unwrap();
        assert_eq!((to.query(), form), (Some("code=c&state=xyz"), None));
    }
}
