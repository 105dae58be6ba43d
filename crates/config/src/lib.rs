//! Configuration: one struct tree, four layers, every mistake at once.
//!
//! Owns: the settings ([`Config`], one file per section under `sections/`), how a value is found
//! (flag > environment > file > default), where it came from ([`Origins`]), what is wrong with it
//! ([`Problem`]) and the texts generated from the same structs ([`json_schema`],
//! [`reference_markdown`]). Leaves to others: reading the process environment and the command
//! line, file modes, and the meaning of a declared client (the domain validates it).

mod duration;
mod environment;
mod file;
mod init;
mod names;
mod origin;
mod problem;
mod reader;
mod reference;
mod rule;
mod schema;
mod sections;
mod suggest;
mod unknown;
mod urls;
mod value;

use std::collections::BTreeMap;
use std::path::PathBuf;

pub use duration::parse as parse_duration;
pub use environment::RESERVED_VARIABLES;
pub use init::minimal_file;
pub use origin::{Effective, Origin, Origins};
pub use problem::{Code, Problem};
pub use reference::reference_markdown;
pub use schema::json_schema;
pub use sections::{
    Client, Config, Database, DpopNonce, HostName, Locale, Log, LogFormat, LogLevel, OAuth, Outgoing, Pages, Passwords,
    Registration, RegistrationMode, Secrets, Server, Sessions, SigningAlgorithm, Throttle, Tokens,
};
pub use urls::{DatabaseUrl, PostgresUrl, PublicUrl};

use reader::Reader;

/// Which set of defaults applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// `brama dev`: data in `./.brama`, loopback only, nothing has to be set.
    Dev,
    /// Everything else: `public_url` must be set.
    Production,
}

/// Where values may come from. Nothing here is read from the process: the caller passes it in.
#[derive(Debug, Clone)]
pub struct Sources {
    /// The configuration file, if there is one. A named file that cannot be read is a problem.
    pub file: Option<PathBuf>,
    /// Environment variables; those that do not begin with `BRAMA_` are ignored.
    pub env: BTreeMap<String, String>,
    /// Flags as (dotted key, value), for example `("server.listen", "127.0.0.1:9000")`. The last
    /// one of a key wins.
    pub flags: Vec<(String, String)>,
    /// Which defaults apply.
    pub profile: Profile,
}

/// A configuration without mistakes.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The effective settings.
    pub config: Config,
    /// Where each effective value came from.
    pub origins: Origins,
    /// What is allowed but deserves a word at start-up.
    pub warnings: Vec<Problem>,
}

impl Loaded {
    /// A problem with the value of `key` that only its user could find, placed where it was set.
    #[must_use]
    pub fn problem(&self, code: Code, key: &str, what: &str, fix: &str) -> Problem {
        let mut problem = Problem::new(code, what).fix(fix);
        problem.key = Some(key.to_owned());
        problem.origin = self.origins.get(key).map(|found| found.origin.clone());
        problem
    }
}

/// Reads all layers.
///
/// # Errors
/// Every mistake that was found, in the order of the file, then variables, then flags.
pub fn load(sources: Sources) -> Result<Loaded, Vec<Problem>> {
    let mut reader = Reader::open(sources);
    let config = Config::read(&mut reader);
    let (origins, warnings) = reader.finish()?;
    Ok(Loaded { config, origins, warnings })
}
