//! The writer's connection: groups are committed on it, its log is kept short, and it is replaced when its disk failed.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::hooks::Wal;
use rusqlite::{Connection, Error, ErrorCode, OpenFlags};
use tokio::sync::mpsc;

use super::Unit;
use super::file::{Files, is_full, with_cure};
use crate::OpenError;
use crate::connection::{prepare, refused};

/// Pages in the log from which on they are copied into the database file.
const LONG_LOG: i32 = 1000;
/// Further pages before that is tried again, when a reader or an error was in the way.
const PATIENCE: i32 = 100;
/// `SQLITE_IOERR_FSYNC`.
const NOT_FLUSHED: i32 = 1034;

pub(super) struct Lane {
    connection: Connection,
    group_max: usize,
    gather: Duration,
    /// None: in memory.
    files: Option<Files>,
    /// Whether the connection has seen its disk fail.
    suspect: bool,
    /// Pages in the log after the last commit.
    log: Arc<AtomicI32>,
    /// Pages in the log when it was last tried to copy them.
    tried_at: i32,
    /// The log stays as it is: see [`Lane::shorten_log`].
    keeps_log: bool,
}

/// Tell how long the log is after each commit. This also turns off SQLite's own checkpoints, which run inside COMMIT,
/// before anybody is answered, and keep their errors to themselves.
fn watch_log(connection: &mut Connection, log: &Arc<AtomicI32>) -> rusqlite::Result<()> {
    let log = Arc::clone(log);
    connection.wal_hook(Some(move |_: &mut Wal, pages| {
        log.store(pages, Ordering::Relaxed);
        Ok(())
    }))
}

fn extended(error: &Error) -> i32 {
    error.sqlite_error().map_or(0, |error| error.extended_code)
}

impl Lane {
    /// # Errors
    /// Why the database cannot be written.
    pub(super) fn new(
        path: &Path,
        mut connection: Connection,
        group_max: usize,
        gather: Duration,
    ) -> Result<Self, OpenError> {
        let log = Arc::new(AtomicI32::new(0));
        // SQLite opens a file that it may not write for reading, and says so at the first statement that would write.
        let ready =
            connection.execute_batch("BEGIN IMMEDIATE; DELETE FROM schema_migration WHERE version < 0; ROLLBACK");
        ready.and_then(|()| watch_log(&mut connection, &log)).map_err(|error| refused(path, &error))?;
        let files = connection.path().filter(|path| !path.is_empty()).map(|path| Files::of(Path::new(path)));
        let files = files.transpose().map_err(|why| OpenError::Unusable { path: path.to_owned(), why })?;
        let group_max = group_max.max(1);
        Ok(Self { connection, group_max, gather, files, suspect: false, log, tried_at: 0, keeps_log: false })
    }

    /// Run the group, and whatever comes while it runs, as one durable transaction.
    ///
    /// # Errors
    /// Nothing of the group may be acknowledged.
    pub(super) fn commit(
        &mut self,
        waiting: &mut mpsc::Receiver<Box<dyn Unit>>,
        group: &mut Vec<Box<dyn Unit>>,
    ) -> Result<(), String> {
        self.check_files()?;
        if let Err(why) = self.step("BEGIN IMMEDIATE") {
            // Another process kept the write lock for as long as we wait. Whoever came meanwhile has waited too; one by one
            // they would wait as long again.
            while let Ok(next) = waiting.try_recv() {
                group.push(next);
            }
            return Err(why);
        }
        let began = Instant::now();
        let mut ran = 0;
        while let Some(unit) = group.get_mut(ran) {
            unit.run(&self.connection);
            if self.connection.is_autocommit() {
                // A full or failing disk ends the transaction, with all that ran in it before. What would run now would
                // be committed by itself, so nothing does.
                let why = unit.failure().unwrap_or_else(|| "the transaction was ended".to_owned());
                self.suspect |= !is_full(&why);
                return Err(self.explain(&why));
            }
            ran += 1;
            if ran < self.group_max
                && began.elapsed() < self.gather
                && let Ok(next) = waiting.try_recv()
            {
                group.push(next);
            }
        }
        self.step("COMMIT")?;
        self.check_files()
    }

    fn step(&mut self, sql: &'static str) -> Result<(), String> {
        let done = self.connection.prepare_cached(sql).and_then(|mut statement| statement.execute(()));
        done.map(drop).map_err(|error| {
            let own = [
                ErrorCode::DatabaseBusy,
                ErrorCode::DatabaseLocked,
                ErrorCode::ConstraintViolation,
                ErrorCode::DiskFull,
                ErrorCode::OutOfMemory,
            ];
            self.suspect |= error.sqlite_error_code().is_none_or(|code| !own.contains(&code));
            self.explain(&error.to_string())
        })
    }

    fn check_files(&self) -> Result<(), String> {
        let Some(files) = &self.files else { return Ok(()) };
        files.check().inspect_err(|_| {
            // When the connection is closed, SQLite would copy the log into the file that is no longer there, and remove
            // the log by its name: that of the file that is there now.
            let _ = self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        })
    }

    fn explain(&self, what: &str) -> String {
        with_cure(self.files.as_ref().map(Files::database), what)
    }

    /// After a group that failed: end its transaction, and do not go on with a connection whose disk failed.
    ///
    /// `fsync` that fails leaves pages that the kernel counts as written and that are not on the disk, and says so only
    /// once. Nothing may be built on them. SQLite does not: a commit that was not flushed is not entered into the index of
    /// the log, so the next transaction writes the same places of the log again, each byte of it, before it is flushed and
    /// acknowledged; the remains behind it do not fit its checksums. A fresh connection gives up whatever the old one
    /// believed about pages in its memory. For the database file see [`Lane::shorten_log`].
    pub(super) fn recover(&mut self) {
        if !self.connection.is_autocommit() && self.connection.execute_batch("ROLLBACK").is_err() {
            self.suspect = true;
        }
        if !self.suspect {
            return;
        }
        let Some(files) = &self.files else { return };
        match self.reopened(files) {
            Ok(fresh) => {
                self.connection = fresh;
                self.suspect = false;
                tracing::info!("the connection that writes was opened anew");
            }
            // The old one tries on; its errors reach those who ask.
            Err(why) => tracing::error!(why, "the connection that writes cannot be opened anew"),
        }
    }

    fn reopened(&self, files: &Files) -> Result<Connection, String> {
        files.check()?;
        // Never make a new file: an empty database would forget everything.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let open = || {
            let mut fresh = Connection::open_with_flags(files.database(), flags)?;
            prepare(&fresh)?;
            watch_log(&mut fresh, &self.log)?;
            fresh.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, self.keeps_log)?;
            Ok(fresh)
        };
        let fresh = open().map_err(|error: Error| error.to_string())?;
        files.check().map(|()| fresh)
    }

    /// Copy a long log into the database file, so that it can be written from its start again. Between two groups: those
    /// who were answered do not wait for it.
    ///
    /// If the database file cannot be flushed, pages that earlier rounds copied may be lost too, and SQLite counts those as
    /// done: it would write over the log that still has them. So the log is kept from then on. It holds everything that was
    /// acknowledged, and the next start copies all of it anew.
    pub(super) fn shorten_log(&mut self) {
        let pages = self.log.load(Ordering::Relaxed);
        let again = pages < self.tried_at || pages >= self.tried_at.saturating_add(PATIENCE);
        if pages < LONG_LOG || !again || self.keeps_log {
            return;
        }
        self.tried_at = pages;
        let copied = self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |row| row.get::<_, i32>(0));
        let Err(error) = copied else { return };
        let why = self.explain(&error.to_string());
        if extended(&error) == NOT_FLUSHED {
            self.keeps_log = true;
            let _ = self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
            tracing::error!(why, "the database file cannot be flushed; its log is kept and grows until the next start");
        } else {
            tracing::warn!(why, pages, "the log cannot be copied into the database file; it grows meanwhile");
        }
    }
}
