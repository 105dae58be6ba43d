//! Readers: connections beside the writer, each on its own thread, each read on a snapshot.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use brama_store::Unavailable;
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::{OpenError, connection};

/// Most reads that may wait for one connection.
const QUEUE: usize = 2048;

type Read = Box<dyn FnOnce(&Connection) + Send>;

pub(crate) struct Readers {
    queues: Vec<SyncSender<Read>>,
    next: AtomicUsize,
}

impl Readers {
    pub(crate) fn start(path: &Path, count: usize) -> Result<Self, OpenError> {
        let mut queues = Vec::new();
        for number in 0..count.max(1) {
            let connection = connection::open(path)?;
            connection.pragma_update(None, "query_only", true).map_err(|error| connection::refused(path, &error))?;
            let (queue, waiting) = sync_channel(QUEUE);
            std::thread::Builder::new()
                .name(format!("sqlite-reader-{number}"))
                .spawn(move || serve(&connection, &waiting))
                .map_err(|error| connection::no_thread(path, &error))?;
            queues.push(queue);
        }
        Ok(Self { queues, next: AtomicUsize::new(0) })
    }

    pub(crate) async fn read<T, F>(&self, work: F) -> Result<T, Unavailable>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Unavailable> + Send + 'static,
    {
        let (answer, outcome) = oneshot::channel();
        let read: Read = Box::new(move |connection| {
            // Nobody waits any more: the connection was closed.
            let _ = answer.send(work(connection));
        });
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.queues.len().max(1);
        let queue = self.queues.get(turn).ok_or(Unavailable::Busy)?;
        queue.try_send(read).map_err(|error| match error {
            TrySendError::Full(_) => Unavailable::Busy,
            TrySendError::Disconnected(_) => Unavailable::Failed("the reader has stopped".to_owned()),
        })?;
        outcome.await.unwrap_or_else(|_| Err(Unavailable::Failed("the reader has stopped".to_owned())))
    }
}

fn serve(connection: &Connection, waiting: &Receiver<Read>) {
    while let Ok(read) = waiting.recv() {
        read(connection);
    }
}
