//! Logs: to stderr, as text for people or JSON lines for machines. LG-4.
//!
//! Lines of ordinary requests are gathered and written together: a write for each would cost a busy server more than
//! most of its requests. Warnings and errors go out at once, and on a terminal everything does.

use std::io::{IsTerminal as _, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use brama_config::{Log, LogFormat};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Longest time a line waits.
const PATIENCE: Duration = Duration::from_millis(50);
/// Most bytes that wait.
const MOST: usize = 64 * 1024;

static WAITING: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Where the subscriber writes.
struct Gathered {
    /// Somebody watches: nothing waits.
    watched: bool,
}

/// One line on its way.
struct Line {
    urgent: bool,
    waiting: MutexGuard<'static, Vec<u8>>,
}

fn waiting() -> MutexGuard<'static, Vec<u8>> {
    WAITING.lock().unwrap_or_else(PoisonError::into_inner)
}

fn write_out(waiting: &mut Vec<u8>) {
    // There is nobody to tell if even this fails.
    let _ = std::io::stderr().write_all(waiting);
    waiting.clear();
}

impl<'a> MakeWriter<'a> for Gathered {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line { urgent: true, waiting: waiting() }
    }

    fn make_writer_for(&'a self, meta: &tracing::Metadata<'_>) -> Line {
        Line { urgent: self.watched || *meta.level() <= tracing::Level::WARN, waiting: waiting() }
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.waiting.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        write_out(&mut self.waiting);
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.urgent || self.waiting.len() >= MOST {
            write_out(&mut self.waiting);
        }
    }
}

/// Write what still waits: at the end of the process.
pub(crate) fn finish() {
    write_out(&mut waiting());
}

/// Begin to log. `BRAMA_LOG` overrides the configured level, with filters per module.
pub(crate) fn start(log: &Log) {
    let filter = EnvFilter::try_from_env("BRAMA_LOG").unwrap_or_else(|_| EnvFilter::new(log.level.as_str()));
    let watched = std::io::stderr().is_terminal();
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(Gathered { watched });
    // A second start in one process, which only tests do, keeps the first.
    let _ = match log.format {
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
        LogFormat::Text => {
            let color = std::env::var_os("NO_COLOR").is_none() && watched;
            builder.with_ansi(color).with_target(false).compact().try_init()
        }
    };
    let flusher = std::thread::Builder::new().name("log".to_owned()).spawn(|| {
        loop {
            std::thread::sleep(PATIENCE);
            finish();
        }
    });
    if let Err(error) = flusher {
        tracing::error!(%error, "no thread to write the log: lines of ordinary requests come late");
    }
}
