//! Readers: connections beside the writer, each read on a snapshot. The writer never blocks them, nor they the writer.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use brama_store::Unavailable;
use rusqlite::Connection;
use rusqlite::config::DbConfig;

use crate::{OpenError, connection};

pub(crate) struct Readers {
    connections: Vec<Mutex<Connection>>,
    next: AtomicUsize,
}

impl Readers {
    pub(crate) fn open(path: &Path, count: usize) -> Result<Self, OpenError> {
        let mut connections = Vec::new();
        for _ in 0..count.max(1) {
            let connection = connection::open(path)?;
            let prepared = connection.pragma_update(None, "query_only", true).and_then(|()| {
                // Copying the log when the last connection closes is the writer's business: it knows whether it may.
                connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
            });
            prepared.map_err(|error| connection::refused(path, &error))?;
            connections.push(Mutex::new(connection));
        }
        Ok(Self { connections, next: AtomicUsize::new(0) })
    }

    /// Read on the thread that asks: a look-up takes about as long as waking another thread would.
    pub(crate) fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T, Unavailable>) -> Result<T, Unavailable> {
        work(&*self.any().ok_or(Unavailable::Busy)?)
    }

    /// A connection that nobody uses; if there is none, the next one whose turn it is.
    fn any(&self) -> Option<MutexGuard<'_, Connection>> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.connections.len().max(1);
        let (before, after) = self.connections.split_at_checked(turn)?;
        for connection in after.iter().chain(before) {
            match connection.try_lock() {
                Ok(free) => return Some(free),
                // A read that panicked has left nothing behind: statements end with their borrow.
                Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        Some(after.first()?.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
