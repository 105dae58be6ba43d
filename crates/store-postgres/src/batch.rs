//! Units of work that wait at the same time share one statement, one round trip and one commit.
//!
//! A lone unit is sent at once. While some batches are on their way, the next one gathers behind them. They are several,
//! because the server writes its log once for all that wait for it: with one, the disk would idle between two batches.

use std::sync::Arc;

use brama_store::Unavailable;
use tokio::sync::{Mutex, mpsc, oneshot};

/// Most units that may wait. Beyond it, `Busy` at once: a queue without end helps nobody.
const QUEUE: usize = 4096;
/// Most units in one statement.
const LARGEST: usize = 512;
/// How many batches are on their way at once.
const WORKERS: usize = 4;

/// Work that many units can share.
pub(crate) trait Shared: Send + Sync + 'static {
    /// What is to be done.
    type Unit: Send + 'static;
    /// What came of it.
    type Answer: Send + 'static;

    /// Do all of it; one answer for each unit, in their order.
    fn run(&self, units: Vec<Self::Unit>) -> impl Future<Output = Vec<Result<Self::Answer, Unavailable>>> + Send;
}

struct Waiting<S: Shared> {
    unit: S::Unit,
    answer: oneshot::Sender<Result<S::Answer, Unavailable>>,
}

/// The queue in front of the workers, which end with it.
pub(crate) struct Batcher<S: Shared> {
    queue: mpsc::Sender<Waiting<S>>,
}

impl<S: Shared> Batcher<S> {
    pub(crate) fn start(work: S) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let (work, waiting) = (Arc::new(work), Arc::new(Mutex::new(waiting)));
        for _ in 0..WORKERS {
            tokio::spawn(serve(Arc::clone(&work), Arc::clone(&waiting)));
        }
        Self { queue }
    }

    /// Do one unit. It is done even if the caller stops waiting for it.
    pub(crate) async fn submit(&self, unit: S::Unit) -> Result<S::Answer, Unavailable> {
        let (answer, outcome) = oneshot::channel();
        self.queue.try_send(Waiting { unit, answer }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Unavailable::Busy,
            mpsc::error::TrySendError::Closed(_) => stopped(),
        })?;
        outcome.await.unwrap_or_else(|_| Err(stopped()))
    }
}

fn stopped() -> Unavailable {
    Unavailable::Failed("the worker has stopped".to_owned())
}

async fn serve<S: Shared>(work: Arc<S>, waiting: Arc<Mutex<mpsc::Receiver<Waiting<S>>>>) {
    loop {
        let mut batch = Vec::new();
        // The lock is held while waiting: the other workers stand in line.
        if waiting.lock().await.recv_many(&mut batch, LARGEST).await == 0 {
            return;
        }
        let (units, callers): (Vec<_>, Vec<_>) =
            batch.into_iter().map(|waiting| (waiting.unit, waiting.answer)).unzip();
        let answers = work.run(units).await;
        for (caller, answer) in callers.into_iter().zip(answers) {
            // Nobody waits any more: the connection was closed. The work stays done.
            let _ = caller.send(answer);
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use tokio::sync::Semaphore;

    use super::*;

    /// Doubles numbers when it is let, and notes how many came at once.
    struct Doubling {
        gate: Arc<Semaphore>,
        sizes: mpsc::UnboundedSender<usize>,
    }

    impl Shared for Doubling {
        type Unit = u32;
        type Answer = u32;

        async fn run(&self, units: Vec<u32>) -> Vec<Result<u32, Unavailable>> {
            self.sizes.send(units.len()).unwrap();
            self.gate.acquire().await.unwrap().forget();
            units.into_iter().map(|unit| if unit == 13 { Err(Unavailable::Busy) } else { Ok(2 * unit) }).collect()
        }
    }

    fn doubling() -> (Arc<Batcher<Doubling>>, Arc<Semaphore>, mpsc::UnboundedReceiver<usize>) {
        let (gate, (sizes, seen)) = (Arc::new(Semaphore::new(0)), mpsc::unbounded_channel());
        (Arc::new(Batcher::start(Doubling { gate: Arc::clone(&gate), sizes })), gate, seen)
    }

    #[tokio::test]
    async fn a_lone_unit_waits_for_nobody_and_the_rest_gather() {
        let (batcher, gate, mut seen) = doubling();
        let submit = |unit| {
            let batcher = Arc::clone(&batcher);
            tokio::spawn(async move { batcher.submit(unit).await })
        };
        let mut asked = Vec::new();
        for worker in 0..WORKERS {
            asked.push(submit(u32::try_from(worker).unwrap()));
            assert_eq!(seen.recv().await, Some(1), "worker {worker}");
        }
        asked.extend((u32::try_from(WORKERS).unwrap()..700).map(submit));
        // All workers are busy: the others gather.
        while batcher.queue.capacity() > QUEUE - (700 - WORKERS) {
            tokio::task::yield_now().await;
        }
        gate.add_permits(WORKERS + 2);
        assert_eq!((seen.recv().await, seen.recv().await), (Some(LARGEST), Some(700 - WORKERS - LARGEST)));
        for (unit, answer) in (0..).zip(asked) {
            let answer = answer.await.unwrap();
            assert_eq!(answer.ok(), (unit != 13).then_some(2 * unit), "{unit}");
        }
    }

    #[tokio::test]
    async fn a_full_queue_is_busy_at_once() {
        let (batcher, gate, mut seen) = doubling();
        let mut asked = Vec::new();
        for _ in 0..WORKERS {
            asked.push(Box::pin(batcher.submit(1)));
            tokio::select! { _ = asked.last_mut().unwrap() => {}, _ = seen.recv() => {} }
        }
        let mut waiting: Vec<_> = (0..QUEUE).map(|_| Box::pin(batcher.submit(1))).collect();
        for submitted in &mut waiting {
            assert!(poll_once(submitted).await.is_none());
        }
        assert!(matches!(batcher.submit(1).await, Err(Unavailable::Busy)));
        gate.add_permits(100);
        for submitted in waiting {
            assert_eq!(submitted.await.unwrap(), 2);
        }
    }

    /// One look at a future.
    async fn poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        std::future::poll_fn(|context| {
            std::task::Poll::Ready(match std::pin::Pin::new(&mut *future).poll(context) {
                std::task::Poll::Ready(output) => Some(output),
                std::task::Poll::Pending => None,
            })
        })
        .await
    }
}
