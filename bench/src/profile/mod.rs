//! Another OpenID server, described by a small file: what of it can be measured without knowing it.

mod form;
mod sign_in;

use std::path::Path;

use anyhow::{Context as _, bail};
use serde::Deserialize;
use url::Url;

use crate::load::{self, Plan, Visitor};
use crate::measured::{Sample, middle};
use crate::rows;
use crate::visits::{ByBody, Repeated};
use crate::wire::{Place, Request, Wire};

/// The file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Profile {
    /// The issuer, exactly as its discovery document says. `http` only: TLS would be measured with it.
    issuer: String,
    /// A confidential client with the client credentials grant; nothing: that is not measured.
    service: Option<Client>,
    /// An app whose users refresh; nothing: refresh and userinfo are not measured.
    app: Option<App>,
}

/// A client that authenticates itself with its secret (`client_secret_basic`).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Client {
    client_id: String,
    client_secret: String,
    /// What to ask for, if that is needed.
    scope: Option<String>,
}

/// An app, and how its refresh tokens are got.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct App {
    client_id: String,
    /// Nothing: a public client.
    client_secret: Option<String>,
    /// Tokens that are there already: one for each connection.
    #[serde(default)]
    refresh_tokens: Vec<String>,
    /// Or how somebody signs in, once for each connection.
    sign_in: Option<sign_in::Recipe>,
}

/// What the discovery document says.
#[derive(Debug, Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: Option<String>,
    token_endpoint: String,
    jwks_uri: String,
    userinfo_endpoint: Option<String>,
}

impl Profile {
    fn read(text: &str) -> anyhow::Result<Self> {
        let profile: Self = toml::from_str(text)?;
        if let Some(app) = &profile.app
            && app.refresh_tokens.is_empty() == app.sign_in.is_none()
        {
            bail!("[app] needs either refresh_tokens or [app.sign_in]");
        }
        Ok(profile)
    }
}

/// Where an endpoint is: connection and target.
fn endpoint(url: &str) -> anyhow::Result<(Place, String)> {
    let url = Url::parse(url).with_context(|| url.to_owned())?;
    if url.scheme() != "http" {
        bail!("{url}: only http is measured; ask the server itself, behind whatever ends TLS before it");
    }
    let host = url.host_str().context("an address without a host")?;
    let port = url.port_or_known_default().unwrap_or(80);
    let target = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    Ok((Place::named(&format!("{host}:{port}")), target))
}

/// Measure it and print a table.
pub(crate) async fn measure(path: &Path, plan: &Plan, rounds: u32) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let profile = Profile::read(&text).with_context(|| path.display().to_string())?;
    let discovery = format!("{}/.well-known/openid-configuration", profile.issuer.trim_end_matches('/'));
    let (place, target) = endpoint(&discovery)?;
    let mut wire = Wire::open(&place).await?;
    let metadata: Metadata =
        serde_json::from_slice(wire.expect_soon(&Request::get(&place, &target).bytes(), 200).await?.body)?;
    if metadata.issuer != profile.issuer {
        bail!("the profile says issuer {:?}, the server says {:?}", profile.issuer, metadata.issuer);
    }
    eprintln!("{}: {} connections, {rounds} × {} s", profile.issuer, plan.connections, plan.time.as_secs_f64());
    let mut table = Vec::new();
    let many = || 0..plan.connections;
    let mut documents: Vec<_> = many().map(|_| Repeated::get(&place, &target)).collect();
    table.push((rows::DISCOVERY, row(&mut documents, plan, rounds).await?));
    let (place, target) = endpoint(&metadata.jwks_uri)?;
    let mut keys: Vec<_> = many().map(|_| Repeated::get(&place, &target)).collect();
    table.push((rows::JWKS, row(&mut keys, plan, rounds).await?));
    let (place, target) = endpoint(&metadata.token_endpoint)?;
    if let Some(Client { client_id, client_secret, scope }) = &profile.service {
        let mut pairs = vec![("grant_type", "client_credentials")];
        pairs.extend(scope.as_deref().map(|scope| ("scope", scope)));
        let request = Request::form(&place, &target, &pairs).basic(client_id, client_secret).bytes();
        let mut machines: Vec<_> = many().map(|_| Repeated::new(&place, request.clone())).collect();
        table.push((rows::CLIENT_CREDENTIALS, row(&mut machines, plan, rounds).await?));
    }
    if let Some(app) = &profile.app {
        of_app(app, &metadata, plan, rounds, &mut table).await?;
    }
    println!("{:20} {:>7} {:>10} {:>11} {:>11}", "operation", "at once", "/s", "p50 ms", "p99 ms");
    for (name, (at_once, sample)) in &table {
        let [p50, p99] = [sample.p50_us, sample.p99_us].map(|micros| micros / 1000.0);
        println!("{name:20} {at_once:>7} {:>10.0} {p50:>11.2} {p99:>11.2}", sample.per_second);
    }
    Ok(())
}

/// Userinfo and refresh.
async fn of_app(
    app: &App,
    metadata: &Metadata,
    plan: &Plan,
    rounds: u32,
    table: &mut Vec<(&'static str, (usize, Sample))>,
) -> anyhow::Result<()> {
    let (place, target) = endpoint(&metadata.token_endpoint)?;
    let client = (app.client_id.clone(), app.client_secret.clone());
    let mut tokens: Vec<String> = app.refresh_tokens.iter().take(plan.connections).cloned().collect();
    let mut access_token = None;
    if let Some(recipe) = &app.sign_in {
        let authorize =
            metadata.authorization_endpoint.as_deref().context("the server has no authorization endpoint")?;
        eprintln!("signing in {} times", plan.connections);
        for _ in 0..plan.connections {
            let got = recipe.run(authorize, (&place, &target), &client).await.context("signing in")?;
            tokens.push(got.refresh_token);
            access_token = Some(got.access_token);
        }
    }
    if let (Some(token), Some(userinfo)) = (access_token, &metadata.userinfo_endpoint) {
        let (place, target) = endpoint(userinfo)?;
        let mut users: Vec<_> = (0..plan.connections).map(|_| Repeated::userinfo(&place, &target, &token)).collect();
        table.push((rows::USERINFO, row(&mut users, plan, rounds).await?));
    }
    let mut apps: Vec<_> =
        tokens.into_iter().map(|token| ByBody::new(&place, &target, client.clone(), token)).collect();
    table.push((rows::REFRESH_BODY, row(&mut apps, plan, rounds).await?));
    Ok(())
}

async fn row<V: Visitor>(visitors: &mut [V], plan: &Plan, rounds: u32) -> anyhow::Result<(usize, Sample)> {
    let mut samples = Vec::new();
    for _ in 0..rounds {
        samples.push(load::run(visitors, plan, None).await?);
    }
    Ok((visitors.len(), middle(&samples)))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    const APP: &str = "issuer = \"http://id.example\"\n[app]\nclient_id = \"a\"\n";

    #[test]
    fn a_profile_says_how_tokens_are_got_and_nothing_unknown() {
        for wrong in [
            "",
            "issuer = 5",
            APP,
            &format!("{APP}secret = \"x\"\nrefresh_tokens = [\"t\"]\n"),
            &format!("{APP}refresh_tokens = [\"t\"]\n[app.sign_in]\nredirect_uri = \"http://a\"\nfields = {{}}\n"),
        ] {
            assert!(Profile::read(wrong).is_err(), "{wrong}");
        }
        let profile = Profile::read(&format!("{APP}refresh_tokens = [\"t\"]\n")).unwrap();
        assert_eq!(profile.app.unwrap().refresh_tokens, ["t"]);
        let profile = Profile::read(
            "issuer = \"http://id.example\"\n[service]\nclient_id = \"a\"\nclient_secret = \"b\"\n\
             [app]\nclient_id = \"c\"\n[app.sign_in]\nredirect_uri = \"http://a/cb\"\nfields = { username = \"u\" }\n",
        )
        .unwrap();
        assert!(profile.service.unwrap().scope.is_none() && profile.app.unwrap().sign_in.is_some());
    }

    #[test]
    fn endpoints_are_reached_without_tls_only() {
        assert!(endpoint("https://id.example/token").is_err());
        assert!(endpoint("/token").is_err());
        let (place, target) = endpoint("http://id.example/a/token?x=1").unwrap();
        assert_eq!((place.authority.as_str(), target.as_str()), ("id.example:80", "/a/token?x=1"));
    }
}
