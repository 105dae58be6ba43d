//! Whether those who are signed in notice that a crowd signs in. On the whole machine: the server chooses its threads.

use std::path::Path;
use std::rc::Rc;

use futures_util::future;
use serde::{Deserialize, Serialize};

use crate::load::{self, Plan};
use crate::measured::Sample;
use crate::site::{Database, Site};
use crate::visits::{ByCookie, Crowd, Fared, Repeated};

/// Who refreshes and who fetches keys meanwhile, connections each.
const MEANWHILE: usize = 8;

/// What was found.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Isolation {
    /// Sign-ins at the same time.
    pub(crate) crowd: usize,
    /// Refreshes without the crowd.
    pub(crate) refresh_idle: Sample,
    /// Refreshes beside the crowd.
    pub(crate) refresh_busy: Sample,
    /// Key sets without the crowd.
    pub(crate) jwks_idle: Sample,
    /// Key sets beside the crowd.
    pub(crate) jwks_busy: Sample,
    /// Who of the crowd was signed in, per second.
    pub(crate) signed_in_per_second: f64,
    /// Who was asked to come back (503 with `Retry-After`), times.
    pub(crate) refused: u64,
    /// The longest wait for being asked to.
    pub(crate) slowest_refusal_ms: f64,
    /// Memory before the crowd came, KiB.
    pub(crate) idle_kib: u64,
    /// The most memory while it was there, KiB.
    pub(crate) most_kib: u64,
}

/// Measure it.
#[expect(clippy::cast_precision_loss, reason = "a rate")]
pub(crate) async fn measure(binary: &Path, crowd: usize, plan: &Plan) -> anyhow::Result<Isolation> {
    eprintln!("{crowd} sign-ins at the same time");
    let plan = Plan { placement: plan.placement.whole_machine(), ..plan.clone() };
    let site = Site::make(binary, 1000, &Database::Sqlite, &plan.placement)?;
    let server = site.start(&plan.placement)?;
    let (place, people) = (&site.place, &site.people);
    let mut refresh: Vec<_> = (0..MEANWHILE as u64).map(|number| ByCookie::of(place, people, number)).collect();
    let mut jwks: Vec<_> = (0..MEANWHILE).map(|_| Repeated::get(place, "/oauth2/jwks")).collect();
    // Paced like people, not like a flood: what is asked is how long an answer takes, not how many there are.
    let refresh_idle = load::walk(&mut refresh, &plan, Some(&server)).await?;
    let jwks_idle = load::walk(&mut jwks, &plan, Some(&server)).await?;
    let idle_kib = server.memory()?.most_kib;
    let fared = Rc::new(Fared::default());
    let mut many: Vec<_> = (0..crowd as u64).map(|number| Crowd::new(place, number, &fared)).collect();
    let (came, refreshed, fetched) = future::join3(
        load::run(&mut many, &plan, Some(&server)),
        load::walk(&mut refresh, &plan, Some(&server)),
        load::walk(&mut jwks, &plan, Some(&server)),
    )
    .await;
    let (_, refresh_busy, jwks_busy) = (came?, refreshed?, fetched?);
    Ok(Isolation {
        crowd,
        refresh_idle,
        refresh_busy,
        jwks_idle,
        jwks_busy,
        signed_in_per_second: fared.signed_in.get() as f64 / (plan.time + plan.warm_up()).as_secs_f64(),
        refused: fared.refused.get(),
        slowest_refusal_ms: fared.slowest_refusal.get().as_secs_f64() * 1000.0,
        idle_kib,
        most_kib: server.memory()?.most_kib,
    })
}
