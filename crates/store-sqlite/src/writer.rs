//! The one writer: a thread that takes whatever waits, runs each unit in its own savepoint and commits them together.
//! Answers go out after the commit. A lone request is committed at once. Design §7.

mod file;
mod lane;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::Duration;

use brama_store::Unavailable;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::OpenError;
use crate::column::failed;
use crate::connection::no_thread;
use crate::writer::lane::Lane;

/// Most units that may wait. Beyond it, `Busy` at once: a queue without end helps nobody.
const QUEUE: usize = 4096;

/// Longest time units are gathered into one commit, so that the first of them does not wait for the thousandth.
pub(crate) const GATHER: Duration = Duration::from_millis(10);

pub(crate) struct Writer {
    queue: mpsc::Sender<Box<dyn Unit>>,
}

/// One unit of work, from its start to its answer.
trait Unit: Send {
    /// Do the work inside the open transaction.
    fn run(&mut self, connection: &Connection);
    /// Why the database did not let it do its work.
    fn failure(&self) -> Option<String>;
    /// Answer, once it is known whether the transaction is durable.
    fn settle(self: Box<Self>, committed: &Result<(), String>);
}

struct Work<T, F> {
    work: Option<F>,
    outcome: Option<Result<T, Unavailable>>,
    answer: oneshot::Sender<Result<T, Unavailable>>,
}

impl<T, F> Unit for Work<T, F>
where
    T: Send,
    F: FnOnce(&Connection) -> Result<T, Unavailable> + Send,
{
    fn run(&mut self, connection: &Connection) {
        let Some(work) = self.work.take() else { return };
        self.outcome = Some(in_savepoint(connection, work));
    }

    fn failure(&self) -> Option<String> {
        match &self.outcome {
            Some(Err(Unavailable::Failed(why))) => Some(why.clone()),
            _ => None,
        }
    }

    fn settle(self: Box<Self>, committed: &Result<(), String>) {
        let answer = match (committed, self.outcome) {
            (Ok(()), Some(outcome)) => outcome,
            (Ok(()), None) => Err(Unavailable::Failed("the unit was not run".to_owned())),
            (Err(why), _) => Err(Unavailable::Failed(why.clone())),
        };
        // Nobody waits any more: the connection was closed. The work stays done.
        let _ = self.answer.send(answer);
    }
}

/// One unit's failure stays its own, unless the database ended the whole transaction because of it: then there is no
/// savepoint left to go back to, and [`Lane::commit`] sees that.
fn in_savepoint<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, Unavailable>,
) -> Result<T, Unavailable> {
    let step = |sql| connection.prepare_cached(sql).and_then(|mut statement| statement.execute(())).map_err(failed);
    step("SAVEPOINT unit")?;
    match work(connection) {
        Ok(value) => step("RELEASE unit").map(|_| value),
        Err(error) => {
            if !connection.is_autocommit() {
                step("ROLLBACK TO unit")?;
                step("RELEASE unit")?;
            }
            Err(error)
        }
    }
}

impl Writer {
    /// Start the thread; it stops when this value is dropped.
    ///
    /// # Errors
    /// Why the database cannot be written.
    pub(crate) fn start(
        path: &Path,
        connection: Connection,
        group_max: usize,
        gather: Duration,
    ) -> Result<Self, OpenError> {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let lane = Lane::new(path, connection, group_max, gather)?;
        let thread = std::thread::Builder::new().name("sqlite-writer".to_owned());
        thread.spawn(move || serve(lane, waiting)).map_err(|error| no_thread(path, &error))?;
        Ok(Self { queue })
    }

    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T, Unavailable>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Unavailable> + Send + 'static,
    {
        let (answer, outcome) = oneshot::channel();
        self.queue.try_send(Box::new(Work { work: Some(work), outcome: None, answer })).map_err(
            |error| match error {
                mpsc::error::TrySendError::Full(_) => Unavailable::Busy,
                mpsc::error::TrySendError::Closed(_) => Unavailable::Failed("the writer has stopped".to_owned()),
            },
        )?;
        outcome.await.unwrap_or_else(|_| Err(Unavailable::Failed("the writer has stopped".to_owned())))
    }
}

fn serve(mut lane: Lane, mut waiting: mpsc::Receiver<Box<dyn Unit>>) {
    let mut group = Vec::new();
    while let Some(first) = waiting.blocking_recv() {
        // On a busy core the one who asked has woken us at once, and others who are about to ask would miss this commit.
        // Whoever is ready to run goes first; if there is nobody, this is over in a moment.
        std::thread::yield_now();
        group.push(first);
        let committed = lane.commit(&mut waiting, &mut group);
        for unit in group.drain(..) {
            unit.settle(&committed);
        }
        // Nobody waits for either.
        lane.recover();
        lane.shorten_log();
    }
}
