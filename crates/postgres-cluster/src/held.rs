//! Standing in the way: a database that nobody else may write to for a while.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};

use crate::{Cluster, name_of};

/// While this lives, nobody else writes to any table of the database; readers go on.
pub struct Held(Child);

impl Drop for Held {
    fn drop(&mut self) {
        // Its transaction ends with its connection.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Cluster {
    /// Take the right to write to a database, given by its name or URL, away from everybody else.
    ///
    /// # Panics
    /// If it cannot be had.
    #[must_use]
    pub fn hold(&self, database: &str) -> Held {
        let tables = self.sql(
            database,
            "SELECT string_agg(format('%I', table_name), ', ') FROM information_schema.tables WHERE table_schema = 'public'",
        );
        let started = Command::new(self.binaries.program("psql"))
            .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--dbname", &self.url(name_of(database))])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let mut session = Held(started.unwrap_or_else(|error| panic!("psql: {error}")));
        let line = format!("BEGIN; LOCK TABLE {tables} IN EXCLUSIVE MODE; SELECT 'held';\n");
        let mut said = String::new();
        let asked = session.0.stdin.as_mut().map(|input| input.write_all(line.as_bytes()));
        let answered = session.0.stdout.as_mut().map(|output| BufReader::new(output).read_line(&mut said));
        match (asked, answered, said.trim()) {
            (Some(Ok(())), Some(Ok(_)), "held") => session,
            outcome => panic!("the tables were not locked: {outcome:?}"),
        }
    }
}
