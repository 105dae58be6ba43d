//! `[log]`

use schemars::JsonSchema;

use crate::reader::Reader;
use crate::rule::or;
use crate::value::{Raw, Setting, Shown, Wrong, choose, name_of, one_of};

/// What is written to the log.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Log {
    /// Lines for people, or one JSON object per line.
    pub format: LogFormat,
    /// The least important lines that are still written. `BRAMA_LOG` can say more.
    pub level: LogLevel,
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// How important a line must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub enum LogLevel {
    /// Failures only.
    Error,
    /// And what deserves attention.
    Warn,
    /// And what happens.
    Info,
    /// And why.
    Debug,
    /// And how.
    Trace,
}

const FORMATS: &[(&str, LogFormat)] = &[("text", LogFormat::Text), ("json", LogFormat::Json)];

const LEVELS: &[(&str, LogLevel)] = &[
    ("error", LogLevel::Error),
    ("warn", LogLevel::Warn),
    ("info", LogLevel::Info),
    ("debug", LogLevel::Debug),
    ("trace", LogLevel::Trace),
];

impl LogLevel {
    /// The name, as log filters know it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

impl Setting for LogFormat {
    fn expected() -> String {
        one_of(FORMATS)
    }

    fn read(raw: &Raw) -> Result<Self, Wrong> {
        choose(raw, FORMATS)
    }

    fn show(&self) -> Shown {
        name_of(self, FORMATS)
    }
}

impl Setting for LogLevel {
    fn expected() -> String {
        one_of(LEVELS)
    }

    fn read(raw: &Raw) -> Result<Self, Wrong> {
        choose(raw, LEVELS)
    }

    fn show(&self) -> Shown {
        name_of(self, LEVELS)
    }
}

impl Log {
    pub(crate) fn read(r: &mut Reader) -> Self {
        r.section("log", |s| Self {
            format: s.read("format", or(LogFormat::Text)),
            level: s.read("level", or(LogLevel::Info)),
        })
    }
}
