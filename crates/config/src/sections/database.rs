//! `[database]`

use std::path::Path;
use std::thread;

use schemars::JsonSchema;

use crate::reader::Reader;
use crate::rule::or;
use crate::urls::DatabaseUrl;

/// Where accounts, sessions and grants are stored.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Database {
    /// The database: `sqlite:` and a path. This version has SQLite only.
    #[schemars(with = "String")]
    pub url: DatabaseUrl,
    /// How many requests at most share one write to disk. More means more writes per second
    /// under load, and a little more waiting for each.
    pub group_commit_max: usize,
    /// How many connections read beside the one that writes.
    pub readers: usize,
}

impl Database {
    pub(crate) fn read(r: &mut Reader, data_dir: &Path) -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        r.section("database", |s| Self {
            url: s.read("url", or(DatabaseUrl::inside(data_dir)).described("`sqlite:{data_dir}/brama.db`")),
            group_commit_max: s
                .read("group_commit_max", or(1024).between(1, 8192, "a larger group only makes everybody wait")),
            readers: s.read(
                "readers",
                or(cores.clamp(2, 4)).described("one per core, at least `2`, at most `4`").between(
                    1,
                    64,
                    "each one keeps memory and an open file",
                ),
            ),
        })
    }
}
