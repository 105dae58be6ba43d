//! What people, apps and APIs do, each with the ceiling it is held against.

mod code_flow;
mod refresh;
mod repeated;
mod sign_in;
mod verification;

use std::future::Future;

use serde::Serialize;

use crate::ceilings::{COMMIT, GROUP, HASH, HELLO, HELLO_ALONE, SIGN, VERIFY};
use crate::connection::Outgoing;
use crate::load::{self, Plan, Visitor};
use crate::measured::Measured;
use crate::site::{SERVICE, Site};

/// A figure of the server, and the ceilings it consists of: what it cannot do without.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Operation {
    #[serde(flatten)]
    pub(crate) measured: Measured,
    /// Names of ceilings, one for each time it is needed.
    pub(crate) parts: &'static [&'static str],
}

/// Measures what is wanted.
struct Runner<'a> {
    site: &'a Site,
    plan: Plan,
    wanted: &'a (dyn Fn(&str) -> bool + Sync),
    done: Vec<Operation>,
}

impl Runner<'_> {
    /// Measure one operation; `make` prepares the visitor of a number.
    async fn run<V, F>(
        &mut self,
        name: &str,
        parts: &'static [&'static str],
        connections: usize,
        make: impl Fn(usize) -> F,
    ) -> anyhow::Result<()>
    where
        V: Visitor,
        F: Future<Output = anyhow::Result<V>>,
    {
        if !(self.wanted)(name) {
            return Ok(());
        }
        eprintln!("measuring {name}");
        let mut visitors = Vec::new();
        for number in 0..connections {
            visitors.push(make(number).await?);
        }
        let measured = load::run(name, visitors, self.plan, &self.site.server).await?;
        self.done.push(Operation { measured, parts });
        Ok(())
    }
}

/// Measure all operations that are wanted.
pub(crate) async fn measure(
    site: &Site,
    plan: Plan,
    wanted: &(dyn Fn(&str) -> bool + Sync),
) -> anyhow::Result<Vec<Operation>> {
    let many = plan.connections;
    // As many as can be hashed or wait for it: the server refuses more, on purpose.
    let signing_in = std::thread::available_parallelism()?.get() * 4;
    let port = site.server.port;
    let mut runner = Runner { site, plan, wanted, done: Vec::new() };

    runner.run("discovery", &[HELLO], many, |_| repeated::get(port, "/.well-known/openid-configuration")).await?;
    runner.run("jwks", &[HELLO], many, |_| repeated::get(port, "/oauth2/jwks")).await?;
    let parts = &[HELLO, HASH, GROUP, GROUP, GROUP, GROUP, SIGN];
    runner.run("sign-in", parts, signing_in, |number| sign_in::visitor(port, number)).await?;
    let parts = &[HELLO, GROUP, HELLO, GROUP, SIGN, SIGN];
    runner.run("code-flow", parts, many, |number| code_flow::visitor(port, number)).await?;
    let parts = &[HELLO_ALONE, COMMIT, SIGN];
    runner.run("refresh-cookie-alone", parts, 1, |number| refresh::by_cookie(port, number)).await?;
    let parts = &[HELLO, GROUP, SIGN];
    runner.run("refresh-cookie", parts, many, |number| refresh::by_cookie(port, number)).await?;
    let parts = &[HELLO, GROUP, SIGN, SIGN];
    runner.run("refresh-body", parts, many, |number| refresh::by_body(port, number)).await?;
    runner.run("refresh-get", &[HELLO, SIGN], many, |number| repeated::look(port, number)).await?;
    let machine = |_| repeated::machine(port, SERVICE, &site.secret);
    runner.run("client-credentials", &[HELLO, SIGN], many, machine).await?;
    runner.run("userinfo", &[HELLO, VERIFY], many, |number| repeated::userinfo(port, number)).await?;
    runner.run("userinfo-alone", &[HELLO_ALONE, VERIFY], 1, |number| repeated::userinfo(port, number)).await?;
    let mut done = runner.done;
    let token = sign_in::signed_in(port, 0).await?.access_token;
    for (name, remembered) in [("guard", 0), ("guard-cached", 10_000)] {
        if wanted(name) {
            eprintln!("measuring {name}");
            let measured = verification::measure(name, port, &token, remembered, plan).await?;
            done.push(Operation { measured, parts: &[VERIFY] });
        }
    }
    Ok(done)
}

/// A request of the app's own page.
fn same_origin(port: u16, outgoing: Outgoing) -> anyhow::Result<Outgoing> {
    let name = http::HeaderName::from_static;
    outgoing
        .header(http::header::ORIGIN, &format!("http://localhost:{port}"))?
        .header(name("sec-fetch-site"), "same-origin")?
        .header(name("sec-fetch-mode"), "cors")?
        .header(name("sec-fetch-dest"), "empty")
}
