//! `[secrets]`

use std::path::{Path, PathBuf};

use schemars::JsonSchema;

use crate::reader::Reader;
use crate::rule::or;

/// The key that protects everything stored.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Secrets {
    /// The file with the master key. Its mode must be 0600 or 0400. Whoever has it and a copy of
    /// the database can sign tokens; whoever loses it loses the signing keys.
    #[schemars(with = "String")]
    pub key_file: PathBuf,
}

impl Secrets {
    pub(crate) fn read(r: &mut Reader, data_dir: &Path) -> Self {
        let default = data_dir.join("master.key");
        r.section("secrets", |s| Self {
            key_file: s.read("key_file", or(default).described("`{data_dir}/master.key`")),
        })
    }
}
