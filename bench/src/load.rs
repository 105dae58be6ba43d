//! The load generator: a closed loop per connection.

use std::future::Future;
use std::time::{Duration, Instant};

use crate::measured::{Latencies, Measured};
use crate::process::{self, Server};

/// How long and how much.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Time of one measurement, without its warm-up.
    pub(crate) time: Duration,
    /// Connections under load.
    pub(crate) connections: usize,
}

impl Plan {
    /// Time before counting begins.
    pub(crate) fn warm_up(self) -> Duration {
        self.time / 4
    }
}

/// Somebody with a connection who does the same thing again and again.
pub(crate) trait Visitor: Send + 'static {
    /// Do it once.
    fn visit(&mut self) -> impl Future<Output = anyhow::Result<()>> + Send;
}

/// Let all visitors run for the planned time.
pub(crate) async fn run<V: Visitor>(
    name: &str,
    visitors: Vec<V>,
    plan: Plan,
    server: &Server,
) -> anyhow::Result<Measured> {
    let at_once = visitors.len();
    let from = Instant::now() + plan.warm_up();
    let until = from + plan.time;
    let work: Vec<_> = visitors.into_iter().map(|visitor| tokio::spawn(repeat(visitor, from, until))).collect();
    tokio::time::sleep_until(from.into()).await;
    let before = server.cpu()?;
    tokio::time::sleep_until(until.into()).await;
    let cpu = server.cpu()?.saturating_sub(before);
    let mut all = Latencies::new()?;
    for visitor in work {
        all.add(&visitor.await??)?;
    }
    Ok(all.figure(name, at_once, plan.time, 1).with_cpu(cpu, plan.time))
}

async fn repeat(mut visitor: impl Visitor, from: Instant, until: Instant) -> anyhow::Result<Latencies> {
    let mut latencies = Latencies::new()?;
    loop {
        let began = Instant::now();
        visitor.visit().await?;
        let ended = Instant::now();
        if ended >= until {
            return Ok(latencies);
        }
        if ended >= from {
            latencies.record(ended.duration_since(began));
        }
    }
}

/// Let threads compute for the planned time. `batch`: computations per call, for those that are too short to be timed.
pub(crate) fn compute<W>(
    name: &str,
    threads: usize,
    plan: Plan,
    batch: usize,
    make: impl Fn() -> anyhow::Result<W> + Sync,
) -> anyhow::Result<Measured>
where
    W: FnMut() -> anyhow::Result<()>,
{
    let one = || -> anyhow::Result<Computed> {
        let mut work = make()?;
        let mut call = || (0..batch).try_for_each(|_| work());
        let warm = Instant::now() + plan.warm_up();
        while Instant::now() < warm {
            call()?;
        }
        let (mut latencies, began, cpu) = (Latencies::new()?, Instant::now(), process::cpu_of_this_thread()?);
        while began.elapsed() < plan.time {
            let began = Instant::now();
            call()?;
            latencies.record(began.elapsed());
        }
        Ok(Computed { latencies, took: began.elapsed(), cpu: process::cpu_of_this_thread()?.saturating_sub(cpu) })
    };
    let mut all = Computed { latencies: Latencies::new()?, took: Duration::ZERO, cpu: Duration::ZERO };
    std::thread::scope(|scope| -> anyhow::Result<()> {
        let work: Vec<_> = (0..threads).map(|_| scope.spawn(one)).collect();
        for thread in work {
            let Computed { latencies, took, cpu } =
                thread.join().map_err(|_| anyhow::anyhow!("a thread of {name} ended early"))??;
            all.latencies.add(&latencies)?;
            all.took = all.took.max(took);
            all.cpu += cpu;
        }
        Ok(())
    })?;
    let measured = all.latencies.figure(name, threads, all.took, batch);
    Ok(measured.with_cpu(all.cpu, all.took))
}

/// What one computing thread did.
struct Computed {
    latencies: Latencies,
    took: Duration,
    cpu: Duration,
}
