//! Logs: to stderr, as text for people or JSON lines for machines. LG-4.

use brama_config::{Log, LogFormat};
use tracing_subscriber::EnvFilter;

/// Begin to log. `BRAMA_LOG` overrides the configured level, with filters per module.
pub(crate) fn start(log: &Log) {
    let filter = EnvFilter::try_from_env("BRAMA_LOG").unwrap_or_else(|_| EnvFilter::new(log.level.as_str()));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start in one process, which only tests do, keeps the first.
    let _ = match log.format {
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
        LogFormat::Text => {
            let color = std::env::var_os("NO_COLOR").is_none() && std::io::IsTerminal::is_terminal(&std::io::stderr());
            builder.with_ansi(color).with_target(false).compact().try_init()
        }
    };
}
