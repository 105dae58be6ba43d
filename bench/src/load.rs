//! The load generator: a closed loop per connection.

use std::future::Future;
use std::time::{Duration, Instant};

use crate::measured::{Latencies, Measured};
use crate::process::Server;

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
    let mut measured = all.figure(name, at_once, plan.time, 1);
    measured.cpu_us = Some(cpu.as_secs_f64() * 1e6 / (measured.per_second * plan.time.as_secs_f64()));
    Ok(measured)
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
    let from = Instant::now() + plan.warm_up();
    let until = from + plan.time;
    let one = || -> anyhow::Result<Latencies> {
        let mut work = make()?;
        let mut latencies = Latencies::new()?;
        loop {
            let began = Instant::now();
            for _ in 0..batch {
                work()?;
            }
            let ended = Instant::now();
            if ended >= until {
                return Ok(latencies);
            }
            if ended >= from {
                latencies.record(ended.duration_since(began));
            }
        }
    };
    let mut all = Latencies::new()?;
    std::thread::scope(|scope| -> anyhow::Result<()> {
        let work: Vec<_> = (0..threads).map(|_| scope.spawn(one)).collect();
        for thread in work {
            let latencies = thread.join().map_err(|_| anyhow::anyhow!("a thread of {name} ended early"))??;
            all.add(&latencies)?;
        }
        Ok(())
    })?;
    anyhow::ensure!(all.len() > 0, "{name}: nothing was done in time; use more --seconds");
    Ok(all.figure(name, threads, plan.time, batch))
}
