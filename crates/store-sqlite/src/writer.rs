//! The one writer: a thread that takes whatever waits, runs each unit in its own savepoint and commits them together.
//! Answers go out after the commit. A lone request is committed at once. Design §7.

use std::time::{Duration, Instant};

use brama_store::Unavailable;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::column::failed;

/// Most units that may wait. Beyond it, `Busy` at once: a queue without end helps nobody.
const QUEUE: usize = 4096;
/// Longest time units are gathered into one commit, so that the first of them does not wait for the thousandth.
const GATHER: Duration = Duration::from_millis(10);

pub(crate) struct Writer {
    queue: mpsc::Sender<Box<dyn Unit>>,
}

/// One unit of work, from its start to its answer.
trait Unit: Send {
    /// Do the work inside the open transaction.
    fn run(&mut self, connection: &Connection);
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

/// One unit's failure stays its own.
fn in_savepoint<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, Unavailable>,
) -> Result<T, Unavailable> {
    let step = |sql| connection.prepare_cached(sql).and_then(|mut statement| statement.execute(())).map_err(failed);
    step("SAVEPOINT unit")?;
    match work(connection) {
        Ok(value) => step("RELEASE unit").map(|_| value),
        Err(error) => {
            step("ROLLBACK TO unit")?;
            step("RELEASE unit")?;
            Err(error)
        }
    }
}

impl Writer {
    /// Start the thread; it stops when this value is dropped.
    pub(crate) fn start(connection: Connection, group_max: usize) -> std::io::Result<Self> {
        let (queue, waiting) = mpsc::channel(QUEUE);
        std::thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || serve(&connection, waiting, group_max.max(1)))?;
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

fn serve(connection: &Connection, mut waiting: mpsc::Receiver<Box<dyn Unit>>, group_max: usize) {
    let mut group = Vec::new();
    while let Some(first) = waiting.blocking_recv() {
        group.push(first);
        let committed = commit_group(connection, &mut waiting, &mut group, group_max);
        if committed.is_err() && !connection.is_autocommit() {
            // Nothing of the group is acknowledged.
            let _ = connection.execute_batch("ROLLBACK");
        }
        for unit in group.drain(..) {
            unit.settle(&committed);
        }
    }
}

fn commit_group(
    connection: &Connection,
    waiting: &mut mpsc::Receiver<Box<dyn Unit>>,
    group: &mut Vec<Box<dyn Unit>>,
    group_max: usize,
) -> Result<(), String> {
    let step = |sql| {
        connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute(()))
            .map_err(|error| error.to_string())
    };
    step("BEGIN IMMEDIATE")?;
    let began = Instant::now();
    let mut ran = 0;
    while let Some(unit) = group.get_mut(ran) {
        unit.run(connection);
        ran += 1;
        if ran < group_max
            && began.elapsed() < GATHER
            && let Ok(next) = waiting.try_recv()
        {
            group.push(next);
        }
    }
    step("COMMIT").map(drop)
}
