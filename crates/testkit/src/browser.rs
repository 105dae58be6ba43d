//! A browser: cookies, `Origin` and Fetch Metadata as Chromium sends them, redirects followed, forms filled in.

use brama_flows::Clock as _;
use http::{Method, StatusCode};
use serde_json::Value;

use crate::call::Call;
use crate::html::{self, Form};
use crate::jar::Jar;
use crate::relying_party::{Answer, RelyingParty};
use crate::reply::Reply;
use crate::seeds;
use crate::server::TestServer;

/// What Chromium 140 on Linux says it is.
const USER_AGENT: &str =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";

/// One browser profile, talking to one server.
pub struct Browser<'s> {
    /// Its cookies.
    pub jar: Jar,
    /// Its languages.
    pub languages: String,
    server: &'s TestServer,
    peer: String,
}

/// Where a navigation ended.
#[derive(Debug)]
pub enum Landing {
    /// On a page of the server.
    Page(Reply),
    /// At an address of somebody else's.
    Outside(String),
}

impl Landing {
    /// The page; a test fails if there is none.
    #[must_use]
    pub fn page(self) -> Reply {
        match self {
            Self::Page(reply) => reply,
            Self::Outside(url) => panic!("expected a page, the browser went to {url}"),
        }
    }

    /// The address outside; a test fails if there is none. A continuation page counts: a browser would have gone on.
    #[must_use]
    pub fn outside(self) -> String {
        match self {
            Self::Outside(url) => url,
            Self::Page(reply) => {
                html::continuation(reply.text()).unwrap_or_else(|| panic!("the browser stayed: {reply}"))
            }
        }
    }
}

/// The registrable domain, near enough for the hosts of tests.
fn site_of(origin: &str) -> (&str, String) {
    let (scheme, authority) = origin.split_once("://").unwrap_or(("", ""));
    let host = authority.split(':').next().unwrap();
    let labels: Vec<&str> = host.rsplit('.').take(2).collect();
    let literal = host.parse::<std::net::IpAddr>().is_ok();
    (scheme, if literal { host.to_owned() } else { labels.join(".") })
}

/// `Sec-Fetch-Site` of a request from a page of `from`, or typed in.
fn site(from: Option<&str>, to: &str) -> &'static str {
    match from {
        None => "none",
        Some(from) if from == to => "same-origin",
        Some(from) if site_of(from) == site_of(to) => "same-site",
        Some(_) => "cross-site",
    }
}

impl<'s> Browser<'s> {
    /// A new profile.
    #[must_use]
    pub fn new(server: &'s TestServer) -> Self {
        Self { jar: Jar::default(), languages: "en-US,en;q=0.9".to_owned(), server, peer: "192.0.2.10".to_owned() }
    }

    /// The same, elsewhere in the network.
    #[must_use]
    pub fn at(server: &'s TestServer, peer: &str) -> Self {
        Self { peer: peer.to_owned(), ..Self::new(server) }
    }

    fn common(&self, method: &Method, target: &str, from: Option<&str>, navigation: bool) -> Call<'s> {
        let own = self.server.issuer();
        let site = site(from, own);
        let cross_site = (site == "cross-site").then_some(navigation && *method == Method::GET);
        // A same-origin GET carries no Origin, navigations by GET never do.
        let origin = from.filter(|_| *method != Method::GET || (!navigation && site != "same-origin"));
        let referred_away = navigation && *method != Method::GET;
        self.server
            .call(method.clone(), target)
            .peer(&self.peer)
            .header("user-agent", USER_AGENT)
            .header("accept-language", &self.languages)
            .header("accept", if navigation { "text/html,application/xhtml+xml,*/*;q=0.8" } else { "*/*" })
            .header("sec-fetch-site", site)
            .maybe("cookie", self.jar.header(cross_site, self.server.clock.now()).as_deref())
            .maybe("origin", origin.or(referred_away.then_some("null")))
    }

    async fn finish(&mut self, call: Call<'s>) -> Reply {
        let reply = call.send().await;
        self.jar.take(&reply.set_cookies(), self.server.clock.now());
        reply
    }

    /// One step of a navigation, not following redirects. `from`: the origin of the page with the link, nothing for an
    /// address that was typed in.
    pub async fn step(&mut self, from: Option<&str>, target: &str) -> Reply {
        let call = self.common(&Method::GET, target, from, true);
        let call = call
            .header("sec-fetch-mode", "navigate")
            .header("sec-fetch-dest", "document")
            .header("sec-fetch-user", "?1");
        self.finish(call).await
    }

    /// Follow redirects of the server until a page comes or the way leads outside.
    pub async fn follow(&mut self, from: Option<&str>, mut reply: Reply) -> Landing {
        for _ in 0..10 {
            if reply.status != StatusCode::SEE_OTHER {
                return Landing::Page(reply);
            }
            let target = reply.location().to_owned();
            let inside = target.strip_prefix(self.server.issuer()).unwrap_or(&target).to_owned();
            if !inside.starts_with('/') {
                return Landing::Outside(target);
            }
            reply = self.step(from, &inside).await;
        }
        panic!("too many redirects, the last one is {reply}")
    }

    /// Type an address in.
    pub async fn visit(&mut self, target: &str) -> Landing {
        let reply = self.step(None, target).await;
        self.follow(None, reply).await
    }

    /// Press a link on a page of another origin.
    pub async fn arrive(&mut self, from: &str, target: &str) -> Landing {
        let reply = self.step(Some(from), target).await;
        self.follow(Some(from), reply).await
    }

    /// Send a form from a page of this origin, not following redirects.
    pub async fn post_form(&mut self, from: &str, target: &str, fields: &[(&str, &str)]) -> Reply {
        let call = self.common(&Method::POST, target, Some(from), true);
        let call = call.header("sec-fetch-mode", "navigate").header("sec-fetch-dest", "document").form(fields);
        self.finish(call).await
    }

    /// Fill in a form of one of the server's own pages and send it, not following redirects.
    pub async fn submit_step(&mut self, form: &Form, filled: &[(&str, &str)]) -> Reply {
        let mut fields = form.fields.clone();
        fields.extend(filled.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let own = self.server.issuer().to_owned();
        self.post_form(&own, &form.action, &fields).await
    }

    /// Fill in a form and follow where it leads.
    pub async fn submit(&mut self, form: &Form, filled: &[(&str, &str)]) -> Landing {
        let reply = self.submit_step(form, filled).await;
        let own = self.server.issuer().to_owned();
        self.follow(Some(&own), reply).await
    }

    /// `fetch()` with `credentials: 'include'` from a script on a page of this origin. `change` adds to the request.
    pub async fn fetch_with(
        &mut self,
        page: &str,
        method: Method,
        target: &str,
        change: impl FnOnce(Call<'s>) -> Call<'s>,
    ) -> Reply {
        let call = self.common(&method, target, Some(page), false);
        let mode = if page == self.server.issuer() { "same-origin" } else { "cors" };
        let call = call.header("sec-fetch-mode", mode).header("sec-fetch-dest", "empty");
        self.finish(change(call)).await
    }

    /// `fetch()` of the cookie endpoints: `POST` with a JSON body, or without one.
    pub async fn post_json(&mut self, page: &str, target: &str, body: Option<Value>) -> Reply {
        self.fetch_with(page, Method::POST, target, |call| match body {
            Some(body) => call.json(&body),
            None => call,
        })
        .await
    }

    /// `fetch()` by `GET`.
    pub async fn get(&mut self, page: &str, target: &str) -> Reply {
        self.fetch_with(page, Method::GET, target, |call| call).await
    }

    /// A4 from the demo app: sign in with a password.
    pub async fn log_in(&mut self, username: &str, password: &str) -> Reply {
        let body = serde_json::json!({"username": username, "password": password});
        self.post_json(seeds::APP_ORIGIN, "/api/auth/login", Some(body)).await
    }

    /// Start a sign-in for an app, coming from its page.
    pub async fn authorize(&mut self, app: &RelyingParty, changes: &[(&str, &str)]) -> Landing {
        let from = app.origin();
        self.arrive(&from, &app.authorize_url(changes)).await
    }

    /// Go on from where a sign-in stands until the app gets its answer: sign in as olena, allow everything.
    pub async fn complete(&mut self, landing: Landing) -> Answer {
        self.complete_as(landing, seeds::OLENA, seeds::PASSWORD).await
    }

    /// The same as somebody else.
    pub async fn complete_as(&mut self, mut landing: Landing, username: &str, password: &str) -> Answer {
        for _ in 0..4 {
            let page = match landing {
                Landing::Outside(url) => return Answer::parse(&url),
                Landing::Page(page) => page,
            };
            let text = page.text();
            landing = if let Some(target) = html::continuation(text) {
                Landing::Outside(target)
            } else if let Some(form) = html::form(text, "/sign-in") {
                self.submit(&form, &[("username", username), ("password", password)]).await
            } else if html::form_post(text).is_some() {
                return Answer::posted(text);
            } else if let Some(form) = html::form(text, "/select-account") {
                self.submit(&form, &[("decision", "continue")]).await
            } else if let Some(form) = html::form(text, "/consent") {
                self.submit(&form, &[("decision", "allow")]).await
            } else {
                panic!("no way on from here: {page}")
            };
        }
        panic!("the sign-in goes in circles: {landing:?}")
    }

    /// B2 to B4: the whole way, as olena.
    pub async fn sign_in_for(&mut self, app: &RelyingParty) -> Answer {
        let landing = self.authorize(app, &[]).await;
        self.complete(landing).await
    }
}
