//! `[database]`

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use schemars::JsonSchema;

use crate::duration::seconds;
use crate::reader::Reader;
use crate::rule::or;
use crate::urls::DatabaseUrl;

/// Where accounts, sessions and grants are stored.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Database {
    /// The database: `sqlite:` and a path, or the URL of a PostgreSQL database, such as
    /// `postgres://brama@db1,db2/brama?sslmode=require`. Of several hosts the one that can be
    /// written is used. A URL with a password belongs into `BRAMA_DATABASE_URL_FILE`.
    #[schemars(with = "String")]
    pub url: DatabaseUrl,
    /// SQLite: how many requests at most share one write to disk. More means more writes per second
    /// under load, and a little more waiting for each.
    pub group_commit_max: usize,
    /// SQLite: how many connections read beside the one that writes.
    pub readers: usize,
    /// PostgreSQL: how many connections a node keeps at most. All nodes together must stay below
    /// the server's `max_connections`.
    pub pool_max: usize,
    /// PostgreSQL: how long connecting to one host may take.
    #[schemars(with = "String")]
    pub connect_timeout: Duration,
    /// PostgreSQL: how long a request waits for a connection before it is answered 503.
    #[schemars(with = "String")]
    pub acquire_timeout: Duration,
    /// PostgreSQL: how long one statement may take.
    #[schemars(with = "String")]
    pub statement_timeout: Duration,
    /// PostgreSQL: a file with the certificates (PEM) of the authorities that the server's
    /// certificate is checked against, instead of those of the operating system.
    #[schemars(with = "Option<String>")]
    pub ca_file: Option<PathBuf>,
}

impl Database {
    pub(crate) fn read(r: &mut Reader, data_dir: &Path) -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let patience = |default| or(seconds(default)).between(seconds(1), seconds(60), "a request has 30 s in all");
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
            pool_max: s.read("pool_max", or(16).between(4, 256, "each one is a process on the database server")),
            connect_timeout: s.read("connect_timeout", patience(3)),
            acquire_timeout: s.read("acquire_timeout", patience(3)),
            statement_timeout: s.read("statement_timeout", patience(5)),
            ca_file: s.read_optional("ca_file", PathBuf::from("/etc/ssl/certs/database-ca.pem")),
        })
    }
}
