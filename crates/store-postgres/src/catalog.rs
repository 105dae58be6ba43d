//! The catalog's version, and the connection that hears of its changes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use brama_store::Unavailable;
use brama_store::catalog::Catalog;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::PostgresStore;
use crate::column::{corrupt, number};
use crate::connection::Target;

/// A notification can be lost with its connection without anybody noticing, so we look from time to time.
const LOOK: Duration = Duration::from_secs(5);
/// How often we look while nothing can be heard.
const LOOK_DEAF: Duration = Duration::from_millis(500);
/// Waits between attempts to listen again.
const AGAIN: [Duration; 3] = [Duration::from_millis(50), Duration::from_millis(250), Duration::from_secs(1)];

/// Listens, on a connection of its own, for as long as it lives.
pub(crate) struct Listener {
    heard: Arc<Heard>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Heard {
    change: Notify,
    listening: AtomicBool,
}

impl Heard {
    /// Wake those who wait, and whoever comes next: it may have looked before the change.
    fn tell(&self) {
        self.change.notify_waiters();
        self.change.notify_one();
    }
}

impl Listener {
    pub(crate) fn start(target: Target, patience: Duration) -> Self {
        let heard = Arc::new(Heard::default());
        let task = tokio::spawn(listen(target, patience, Arc::clone(&heard)));
        Self { heard, task }
    }

    async fn hint(&self) {
        let while_for = if self.heard.listening.load(Ordering::Acquire) { LOOK } else { LOOK_DEAF };
        let _ = tokio::time::timeout(while_for, self.heard.change.notified()).await;
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen(target: Target, patience: Duration, heard: Arc<Heard>) {
    let mut failures = 0;
    loop {
        let telling = Arc::clone(&heard);
        let connecting = tokio::time::timeout(patience, target.connect(move || telling.tell()));
        if let Ok(Ok((client, driven))) = connecting.await
            && client.batch_execute("LISTEN brama_catalog").await.is_ok()
        {
            failures = 0;
            heard.listening.store(true, Ordering::Release);
            // Nothing was heard until now.
            heard.tell();
            driven.ended().await;
            heard.listening.store(false, Ordering::Release);
            heard.tell();
        }
        let wait = AGAIN.get(failures).or(AGAIN.last()).copied().unwrap_or(LOOK_DEAF);
        failures += 1;
        tokio::time::sleep(wait).await;
    }
}

#[async_trait]
impl Catalog for PostgresStore {
    async fn catalog_version(&self) -> Result<u64, Unavailable> {
        let found = self.pool.first("SELECT version FROM catalog", &[]).await?;
        number("catalog", &found.ok_or_else(|| corrupt("catalog", "no version"))?, "version")
    }

    async fn catalog_hint(&self) {
        self.listener.hint().await;
    }
}
