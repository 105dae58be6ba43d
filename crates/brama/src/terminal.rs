//! The terminal: data on stdout, messages on stderr. The only room that writes there.

use std::io::Write as _;

/// Write data to stdout. A closed pipe (`| head`) is nobody's mistake.
pub(crate) fn data(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// Write a message to stderr.
pub(crate) fn message(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}
