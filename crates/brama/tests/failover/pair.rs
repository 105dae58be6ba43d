//! A primary and its synchronous standby, and what a manager of such a pair does.

use brama_postgres_cluster::{Cluster, Options};

/// What the manager does with commits while there is no standby.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alone {
    /// They wait for the standby to come back: every acknowledged write is on two disks at any time.
    /// Patroni: `synchronous_mode_strict`.
    Waits,
    /// They go on, and nobody but this server may be primary until a standby has everything again. Patroni:
    /// `synchronous_mode`.
    GoesOn,
}

/// The pair. Which of the two is the primary changes; their ports stay.
pub(crate) struct Pair {
    primary: Cluster,
    standby: Cluster,
    /// Of all hosts, the one that takes writes.
    pub(crate) url: String,
}

impl Pair {
    /// With an empty database.
    pub(crate) fn start() -> Self {
        let primary = Cluster::start(Options { durable: true }).unwrap();
        let database = primary.create_database();
        let name = database.rsplit('/').next().unwrap();
        // A standby that has lost its primary notices its promotion only between two attempts to find it.
        primary.set("wal_retrieve_retry_interval", "200ms");
        primary.wait_for_standbys(true);
        let standby = primary.start_standby().unwrap();
        primary.await_standby();
        let url = format!(
            "postgres://postgres@127.0.0.1:{},127.0.0.1:{}/{name}?target_session_attrs=read-write",
            primary.port(),
            standby.port()
        );
        Self { primary, standby, url }
    }

    /// `kill -9` of the primary.
    pub(crate) fn kill(&self) {
        self.primary.kill();
    }

    /// The primary does nothing any more, and does not die either.
    pub(crate) fn hang(&self) {
        self.primary.freeze();
    }

    /// The standby takes over. Until it is told otherwise it waits for a standby of its own.
    pub(crate) fn promote(&mut self, alone: Alone) {
        if alone == Alone::GoesOn {
            self.standby.set("synchronous_standby_names", "");
        }
        self.standby.promote();
        std::mem::swap(&mut self.primary, &mut self.standby);
    }

    /// The old primary, which is dead, becomes the standby; when this returns, every commit waits for it.
    pub(crate) fn rebuild(&self) {
        self.standby.rebuild_from(&self.primary).unwrap();
        self.primary.wait_for_standbys(true);
        self.primary.await_standby();
        self.standby.wait_for_standbys(true);
    }

    /// The old primary, which hangs, is killed.
    pub(crate) fn end_the_old_one(&self) {
        self.standby.kill();
    }
}
