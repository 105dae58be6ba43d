//! The operations of the server, each beside the same request at the skeleton, in turns.

use std::path::Path;
use std::process::Command;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::load::{self, Plan, Visitor};
use crate::measured::Sample;
use crate::pieces;
use crate::placement::Placement;
use crate::process::{Server, free_port};
use crate::site::{App, People, Site, client_credentials, introspection};
use crate::skeleton;
use crate::visits::{ByBody, ByCookie, CodeFlow, Repeated, SignIn, access_token, length, skeleton_token};
use crate::wire::{Place, Request};

/// Names of rows, as `--only` and the targets call them.
pub(crate) const DISCOVERY: &str = "discovery";
pub(crate) const JWKS: &str = "jwks";
pub(crate) const CLIENT_CREDENTIALS: &str = "client-credentials";
pub(crate) const REFRESH_COOKIE: &str = "refresh-cookie";
pub(crate) const REFRESH_ALONE: &str = "refresh-cookie-alone";
pub(crate) const REFRESH_BODY: &str = "refresh-body";
pub(crate) const REFRESH_ID_TOKEN: &str = "refresh-id-token";
pub(crate) const USERINFO: &str = "userinfo";
pub(crate) const INTROSPECTION: &str = "introspection";
pub(crate) const CODE_FLOW: &str = "code-flow";
pub(crate) const SIGN_IN: &str = "sign-in";
pub(crate) const GUARD: &str = "guard";
pub(crate) const GUARD_AGAIN: &str = "guard-again";
pub(crate) const SIGN: &str = "es256-sign";
pub(crate) const VERIFY: &str = "es256-verify";
pub(crate) const ARGON2ID: &str = "argon2id";
pub(crate) const ARGON2ID_RUSTCRYPTO: &str = "argon2id-rustcrypto";
pub(crate) const NO_GROUP: &str = "skeleton-no-group";

/// All of them, in the order of the table.
const ALL: [&str; 18] = [
    DISCOVERY,
    JWKS,
    CLIENT_CREDENTIALS,
    REFRESH_COOKIE,
    REFRESH_ALONE,
    REFRESH_BODY,
    REFRESH_ID_TOKEN,
    USERINFO,
    INTROSPECTION,
    CODE_FLOW,
    SIGN_IN,
    GUARD,
    GUARD_AGAIN,
    SIGN,
    VERIFY,
    ARGON2ID,
    ARGON2ID_RUSTCRYPTO,
    NO_GROUP,
];

/// Whether any of them is wanted.
pub(crate) fn is_any(wanted: &dyn Fn(&str) -> bool) -> bool {
    ALL.iter().any(|name| wanted(name))
}

/// An operation, measured once in every round.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Row {
    /// Its name.
    pub(crate) name: String,
    /// Connections or threads that did it at the same time.
    pub(crate) at_once: usize,
    /// The server, or the bare piece.
    pub(crate) ours: Vec<Sample>,
    /// The skeleton, in the same rounds. Empty: nothing of its is like it.
    pub(crate) bare: Vec<Sample>,
}

/// The skeleton, running.
pub(crate) struct Skeleton {
    server: Server,
    place: Place,
}

impl Skeleton {
    /// Start it, with documents as long as the site's.
    pub(crate) fn start(
        folder: &Path,
        lengths: (usize, usize),
        group: bool,
        placement: &Placement,
    ) -> anyhow::Result<Self> {
        let port = free_port()?;
        let mut command: Command = placement.server(&std::env::current_exe()?);
        let (discovery, jwks) = (lengths.0.to_string(), lengths.1.to_string());
        command.args(["--skeleton", &port.to_string(), "--discovery", &discovery, "--jwks", &jwks]);
        command.arg("--folder").arg(folder);
        if !group {
            command.arg("--no-group");
        }
        let place = Place::local(port);
        let first = Request::get(&place, "/jwks").bytes();
        let server = Server::start(command, port, &first, &folder.join("skeleton.log"))?;
        Ok(Self { server, place })
    }
}

/// Measures rows of what is wanted.
pub(crate) struct Runner<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) wanted: &'a dyn Fn(&str) -> bool,
    pub(crate) server: &'a Server,
    pub(crate) skeleton: &'a Skeleton,
    /// Who goes first: one in even rounds, the other in odd ones.
    pub(crate) round: u32,
    pub(crate) rows: &'a mut Vec<Row>,
}

impl Runner<'_> {
    /// The server, and beside it the skeleton.
    async fn pair<A: Visitor, B: Visitor>(&mut self, name: &str, ours: &mut [A], bare: &mut [B]) -> anyhow::Result<()> {
        if !(self.wanted)(name) {
            return Ok(());
        }
        eprintln!("  {name}");
        let (server, skeleton) = (Some(self.server), Some(&self.skeleton.server));
        let (at_once, mine, its) = if self.round.is_multiple_of(2) {
            let mine = load::run(ours, self.plan, server).await.with_context(|| name.to_owned())?;
            (ours.len(), mine, load::run(bare, self.plan, skeleton).await.with_context(|| format!("{name}, bare"))?)
        } else {
            let its = load::run(bare, self.plan, skeleton).await.with_context(|| format!("{name}, bare"))?;
            (ours.len(), load::run(ours, self.plan, server).await.with_context(|| name.to_owned())?, its)
        };
        self.keep(name, at_once, mine, Some(its));
        Ok(())
    }

    /// The server alone.
    async fn one<A: Visitor>(&mut self, name: &str, ours: &mut [A]) -> anyhow::Result<()> {
        if (self.wanted)(name) {
            eprintln!("  {name}");
            let sample = load::run(ours, self.plan, Some(self.server)).await.with_context(|| name.to_owned())?;
            self.keep(name, ours.len(), sample, None);
        }
        Ok(())
    }

    /// A bare computation.
    fn piece(
        &mut self,
        name: &str,
        at_once: usize,
        measure: impl FnOnce() -> anyhow::Result<Sample>,
    ) -> anyhow::Result<()> {
        if (self.wanted)(name) {
            eprintln!("  {name}");
            let sample = measure().with_context(|| name.to_owned())?;
            self.keep(name, at_once, sample, None);
        }
        Ok(())
    }

    fn keep(&mut self, name: &str, at_once: usize, ours: Sample, bare: Option<Sample>) {
        keep(self.rows, name, at_once, ours, bare);
    }
}

/// Add the samples of a round to their row.
pub(crate) fn keep(rows: &mut Vec<Row>, name: &str, at_once: usize, ours: Sample, bare: Option<Sample>) {
    if let Some(row) = rows.iter_mut().find(|row| row.name == name) {
        row.ours.push(ours);
        row.bare.extend(bare);
    } else {
        rows.push(Row { name: name.to_owned(), at_once, ours: vec![ours], bare: bare.into_iter().collect() });
        let place = |row: &Row| ALL.iter().position(|name| *name == row.name).unwrap_or(ALL.len());
        rows.sort_by_key(place);
    }
}

/// Visitors of one operation: of the server, and of the skeleton.
type Pair<V> = (Vec<V>, Vec<V>);

/// Everybody who visits; they keep their tokens from round to round.
pub(crate) struct Visitors {
    place: Place,
    /// For the guard.
    token: String,
    discovery: Pair<Repeated>,
    jwks: Pair<Repeated>,
    machines: Pair<Repeated>,
    cookie: Pair<ByCookie>,
    alone: Pair<ByCookie>,
    body: Pair<ByBody>,
    id_token: Pair<ByBody>,
    userinfo: Pair<Repeated>,
    introspection: Pair<Repeated>,
    code_flow: Vec<CodeFlow>,
    sign_in: Vec<SignIn>,
}

/// The lengths of the documents that the skeleton imitates.
pub(crate) async fn lengths(place: &Place) -> anyhow::Result<(usize, usize)> {
    Ok((length(place, "/.well-known/openid-configuration").await?, length(place, "/oauth2/jwks").await?))
}

impl Visitors {
    /// Gather them. Nobody has to sign in for it.
    pub(crate) async fn gather(site: &Site, skeleton: &Skeleton, plan: &Plan) -> anyhow::Result<Self> {
        let (place, bare, people): (_, _, &People) = (&site.place, &skeleton.place, &site.people);
        let visitors = plan.connections as u64;
        let many = 0..visitors;
        // All over the table, in ours and in the skeleton's; nobody takes part in two operations.
        let nth = |visitor| people.spread(visitor, visitors);
        let flow = |visitor| nth(visitor) + 1;
        let alone = nth(visitors / 2) + 2;
        let its_token = skeleton_token(bare).await?;
        let (mut users, mut apis) = (Vec::new(), Vec::new());
        for number in many.clone() {
            let token = access_token(place, people, flow(number)).await?;
            users.push(Repeated::userinfo(place, "/userinfo", &token));
            apis.push(Repeated::new(place, introspection(place, &token)));
        }
        let pair = |path: &str, its: &str| {
            let of = |place: &Place, path: &str| many.clone().map(|_| Repeated::get(place, path)).collect();
            (of(place, path), of(bare, its))
        };
        // As long as the server's own: the same credentials in the same form.
        let at_skeleton = |request: Vec<u8>, from: &str, to: &str| -> anyhow::Result<Vec<u8>> {
            Ok(String::from_utf8(request)?.replacen(from, to, 1).into_bytes())
        };
        let its_request = at_skeleton(client_credentials(bare), "/oauth2/token", "/cc")?;
        let its_question = at_skeleton(introspection(bare, &its_token), "/oauth2/introspect", "/introspect")?;
        Ok(Self {
            token: access_token(place, people, flow(0)).await?,
            discovery: pair("/.well-known/openid-configuration", "/discovery"),
            jwks: pair("/oauth2/jwks", "/jwks"),
            machines: (
                many.clone().map(|_| Repeated::new(place, client_credentials(place))).collect(),
                many.clone().map(|_| Repeated::new(bare, its_request.clone())).collect(),
            ),
            cookie: (
                many.clone().map(|number| ByCookie::of(place, people, nth(number))).collect(),
                many.clone().map(|number| ByCookie::of_skeleton(bare, nth(number))).collect(),
            ),
            alone: (vec![ByCookie::of(place, people, alone)], vec![ByCookie::of_skeleton(bare, alone)]),
            body: (
                many.clone().map(|number| ByBody::of(place, people, App::NativePlain, nth(number))).collect(),
                many.clone().map(|number| ByBody::of_skeleton(bare, nth(number))).collect(),
            ),
            id_token: (
                many.clone().map(|number| ByBody::of(place, people, App::Native, nth(number))).collect(),
                many.clone().map(|number| ByBody::of_skeleton(bare, nth(number))).collect(),
            ),
            userinfo: (users, many.clone().map(|_| Repeated::userinfo(bare, "/userinfo", &its_token)).collect()),
            introspection: (apis, many.clone().map(|_| Repeated::new(bare, its_question.clone())).collect()),
            code_flow: many.map(|number| CodeFlow::of(place, flow(number))).collect(),
            // One hash at work and as many waiting as always fit: the server refuses more, on purpose.
            sign_in: (0..plan.placement.server_cores() as u64 * 3).map(|number| SignIn::new(place, number)).collect(),
            place: place.clone(),
        })
    }

    /// One round of all that is wanted.
    pub(crate) async fn round(&mut self, run: &mut Runner<'_>) -> anyhow::Result<()> {
        let plan = run.plan;
        run.pair(DISCOVERY, &mut self.discovery.0, &mut self.discovery.1).await?;
        run.pair(JWKS, &mut self.jwks.0, &mut self.jwks.1).await?;
        run.pair(CLIENT_CREDENTIALS, &mut self.machines.0, &mut self.machines.1).await?;
        run.pair(REFRESH_COOKIE, &mut self.cookie.0, &mut self.cookie.1).await?;
        run.one(CODE_FLOW, &mut self.code_flow).await?;
        run.pair(REFRESH_ALONE, &mut self.alone.0, &mut self.alone.1).await?;
        run.pair(REFRESH_BODY, &mut self.body.0, &mut self.body.1).await?;
        run.pair(REFRESH_ID_TOKEN, &mut self.id_token.0, &mut self.id_token.1).await?;
        run.pair(USERINFO, &mut self.userinfo.0, &mut self.userinfo.1).await?;
        run.pair(INTROSPECTION, &mut self.introspection.0, &mut self.introspection.1).await?;
        run.piece(SIGN, 1, || pieces::sign(plan))?;
        run.piece(VERIFY, 1, || pieces::verify(plan))?;
        run.piece(GUARD, 1, || pieces::guard(plan, &self.place, &self.token, 0))?;
        run.piece(GUARD_AGAIN, 1, || pieces::guard(plan, &self.place, &self.token, 10_000))?;
        run.piece(ARGON2ID, plan.placement.server_cores(), || pieces::argon2id(plan))?;
        run.one(SIGN_IN, &mut self.sign_in).await?;
        run.piece(ARGON2ID_RUSTCRYPTO, plan.placement.server_cores(), || pieces::argon2id_rustcrypto(plan))
    }
}

/// The skeleton without group commit: one row, one flush to the disk.
pub(crate) async fn no_group(plan: &Plan, lengths: (usize, usize)) -> anyhow::Result<Sample> {
    let folder = tempfile::tempdir()?;
    let skeleton = Skeleton::start(folder.path(), lengths, false, &plan.placement)?;
    let visitors = plan.connections as u64;
    let far = u64::from(skeleton::ROWS) / visitors;
    let mut visitors: Vec<_> =
        (0..visitors).map(|number| ByCookie::of_skeleton(&skeleton.place, number * far)).collect();
    load::run(&mut visitors, plan, Some(&skeleton.server)).await
}
