//! Where an effective value came from.

use std::fmt;
use std::path::PathBuf;

/// The layer, and the place in it, that decided a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// A line of the configuration file.
    File {
        /// The file, as it was named.
        path: PathBuf,
        /// Counted from 1.
        line: u32,
    },
    /// An environment variable (for `…_FILE`, the variable that names the file).
    Environment {
        /// Its name.
        variable: String,
    },
    /// A command line flag.
    Flag {
        /// With its dashes.
        name: String,
    },
}

impl Origin {
    /// Order of reports: file by line, then variables, then flags.
    pub(crate) fn rank(&self) -> (u8, u32) {
        match self {
            Self::Default => (0, 0),
            Self::File { line, .. } => (1, *line),
            Self::Environment { .. } => (2, 0),
            Self::Flag { .. } => (3, 0),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Environment { variable } => write!(f, "environment variable {variable}"),
            Self::Flag { name } => write!(f, "flag {name}"),
        }
    }
}

/// One effective value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effective {
    /// Dotted key; a key of the first declared client is `clients[0].id`.
    pub key: String,
    /// The value as TOML; `"***"` when it was read from a `…_FILE`.
    pub value: String,
    /// Where it came from.
    pub origin: Origin,
}

/// Every effective value, in the order of the reference.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origins(Vec<Effective>);

impl Origins {
    pub(crate) fn push(&mut self, effective: Effective) {
        self.0.push(effective);
    }

    /// The value of `key` and its origin; `None` for a key that does not exist or has no value.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Effective> {
        self.0.iter().find(|effective| effective.key == key)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Effective> {
        self.0.iter()
    }
}
