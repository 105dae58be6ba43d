//! The load generator: one thread, a closed loop per connection.

use std::cell::RefCell;
use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures_util::future;

use crate::measured::{self, Latencies, Sample};
use crate::placement::Placement;
use crate::process::{self, Server};
use crate::wire::PATIENCE;

/// How long, how much and where.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Time of one measurement, without its warm-up.
    pub(crate) time: Duration,
    /// Connections under load.
    pub(crate) connections: usize,
    /// Who has which core.
    pub(crate) placement: Placement,
}

impl Plan {
    /// Time before counting begins.
    pub(crate) fn warm_up(&self) -> Duration {
        self.time / 4
    }
}

/// Somebody with a connection who does the same thing again and again.
pub(crate) trait Visitor {
    /// Connect anew: a measurement may come long after the last one.
    fn connect(&mut self) -> impl Future<Output = anyhow::Result<()>>;
    /// Do it once.
    fn visit(&mut self) -> impl Future<Output = anyhow::Result<()>>;
}

/// How long each of those who come at a walk waits before the next visit.
const PACE: Duration = Duration::from_millis(20);

/// Let all visitors run for the planned time, as fast as they are answered. `server`: whose CPU time is counted; nothing:
/// somebody else's server.
pub(crate) async fn run<V: Visitor>(
    visitors: &mut [V],
    plan: &Plan,
    server: Option<&Server>,
) -> anyhow::Result<Sample> {
    measure(visitors, plan, server, Duration::ZERO).await
}

/// As [`run`], with a pause after every visit: for how long an answer takes where the server is not at its limit.
pub(crate) async fn walk<V: Visitor>(
    visitors: &mut [V],
    plan: &Plan,
    server: Option<&Server>,
) -> anyhow::Result<Sample> {
    measure(visitors, plan, server, PACE).await
}

async fn measure<V: Visitor>(
    visitors: &mut [V],
    plan: &Plan,
    server: Option<&Server>,
    pause: Duration,
) -> anyhow::Result<Sample> {
    for visitor in visitors.iter_mut() {
        visitor.connect().await?;
    }
    plan.placement.generate_here()?;
    let cpu = || server.map_or(Ok(Duration::ZERO), Server::cpu);
    let latencies = RefCell::new(Latencies::new()?);
    let from = Instant::now() + plan.warm_up();
    let until = from + plan.time;
    let watch = async {
        tokio::time::sleep_until(from.into()).await;
        let before = (cpu()?, process::cpu_of_this_thread()?);
        tokio::time::sleep_until(until.into()).await;
        anyhow::Ok((cpu()?.saturating_sub(before.0), process::cpu_of_this_thread()?.saturating_sub(before.1)))
    };
    let work = future::try_join_all(visitors.iter_mut().map(|visitor| repeat(visitor, &latencies, from, until, pause)));
    let both = tokio::time::timeout(plan.warm_up() + plan.time + PATIENCE, future::join(watch, work));
    let (spent, work) = both.await.context("answers are missing")?;
    work?;
    let (server, generator) = spent?;
    Ok(latencies.into_inner().sample(plan.time, 1).with_cpu(server, generator, plan.time))
}

async fn repeat(
    visitor: &mut impl Visitor,
    latencies: &RefCell<Latencies>,
    from: Instant,
    until: Instant,
    pause: Duration,
) -> anyhow::Result<()> {
    let mut began = Instant::now();
    loop {
        visitor.visit().await?;
        let ended = Instant::now();
        if ended >= until {
            return Ok(());
        }
        if ended >= from {
            latencies.borrow_mut().record(ended.duration_since(began));
        }
        began = ended;
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
            began = Instant::now();
        }
    }
}

/// Let threads on the server's cores compute for the planned time, each with what `make` makes. `per_call`: computations that
/// one call does, where they are too short to be timed one by one.
pub(crate) fn compute<W>(
    plan: &Plan,
    threads: usize,
    per_call: usize,
    make: impl Fn() -> anyhow::Result<W> + Sync,
) -> anyhow::Result<Sample>
where
    W: FnMut() -> anyhow::Result<()>,
{
    let one = || -> anyhow::Result<Sample> {
        plan.placement.compute_here()?;
        let mut call = make()?;
        let warm = Instant::now() + plan.warm_up();
        while Instant::now() < warm {
            call()?;
        }
        let (mut latencies, cpu, start) = (Latencies::new()?, process::cpu_of_this_thread()?, Instant::now());
        let mut began = start;
        while began.duration_since(start) < plan.time {
            call()?;
            let ended = Instant::now();
            latencies.record(ended.duration_since(began));
            began = ended;
        }
        let (took, cpu) = (began.duration_since(start), process::cpu_of_this_thread()?.saturating_sub(cpu));
        Ok(latencies.sample(took, per_call).with_cpu(cpu, Duration::ZERO, took))
    };
    let samples: Vec<Sample> = std::thread::scope(|scope| {
        let working: Vec<_> = (0..threads).map(|_| scope.spawn(one)).collect();
        let ended = |_| anyhow::anyhow!("a computing thread ended early");
        working.into_iter().map(|thread| thread.join().map_err(ended)?).collect::<anyhow::Result<_>>()
    })?;
    let rate = samples.iter().map(|sample| sample.per_second).sum();
    let busy = samples.iter().map(|sample| sample.server_busy).sum();
    Ok(Sample { per_second: rate, server_busy: busy, ..measured::middle(&samples) })
}
