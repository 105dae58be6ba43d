//! Filling a PostgreSQL database: the same rows, by `COPY`.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};

use super::People;
use super::people::App;

/// Rows that are handed over at once.
const CHUNK: usize = 1 << 16;

/// Where psql is, and the database it is to speak to.
pub(crate) struct Psql<'a> {
    /// The folder of PostgreSQL's programs.
    pub(crate) programs: &'a Path,
    /// The database.
    pub(crate) url: String,
}

impl Psql<'_> {
    /// Run what is written to psql's input; it ends at the first mistake.
    fn feed(&self, write: impl FnOnce(&mut dyn std::io::Write) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let mut child = Command::new(self.programs.join("psql"))
            .args(["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--dbname", &self.url])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .context("psql does not start")?;
        let mut input = child.stdin.take().context("psql takes no input")?;
        let written = write(&mut input);
        drop(input);
        if !child.wait()?.success() {
            bail!("psql refused what it was given");
        }
        written
    }

    /// Run statements.
    pub(crate) fn run(&self, statements: &str) -> anyhow::Result<()> {
        self.feed(|input| Ok(input.write_all(statements.as_bytes())?))
    }
}

/// Fill it.
pub(super) fn fill(psql: &Psql<'_>, people: &People) -> anyhow::Result<()> {
    psql.feed(|input| {
        let everybody = || people.with(App::Browser);
        let users = "\"user\" (id, username, email, email_verified, status, epoch, created_at, updated_at)";
        table(input, users, everybody(), |number, row| {
            let (id, name, came) = (hex(people.user(number).as_bytes()), People::name(number), people.came(number));
            writeln!(row, "{id}\t{name}\t{name}@example.com\tf\t1\t0\t{came}\t{came}")
        })?;
        table(input, "user_name (key, user_id)", everybody(), |number, row| {
            let key = People::key(number).ok_or(std::fmt::Error)?;
            writeln!(row, "{}\t{}", key.as_str(), hex(people.user(number).as_bytes()))
        })?;
        table(input, "password (user_id, sealed, updated_at)", everybody(), |number, row| {
            let (id, sealed) = (hex(people.user(number).as_bytes()), hex(&people.sealed(number).map_err(|_| std::fmt::Error)?));
            writeln!(row, "{id}\t{sealed}\t{}", people.came(number))
        })?;
        let sessions = "session (id, secret, user_id, epoch, auth_time, amr, acr, idle_seconds, expires_at, persistent, \
                        created_at, last_seen_at, device)";
        table(input, sessions, everybody(), |number, row| {
            let [id, user] = [hex(people.session(number).as_bytes()), hex(people.user(number).as_bytes())];
            let secret = hex(People::secret(number).hash().as_bytes());
            let (came, ends, seen) = (people.came(number), people.ends(), people.seen());
            let device = "Firefox on Linux";
            writeln!(row, "{id}\t{secret}\t{user}\t0\t{came}\tpwd\turn:brama:acr:1\t604800\t{ends}\tt\t{came}\t{seen}\t{device}")
        })?;
        let grants = "app_grant (id, user_id, epoch, client_id, session_id, scope, auth_time, amr, acr, offline, lasting, \
                      created_at, expires_at, generation, rotated_at)";
        for app in [App::Browser, App::Native, App::NativePlain] {
            table(input, grants, people.with(app), |number, row| {
                let [id, user] = [hex(people.grant(app, number).as_bytes()), hex(people.user(number).as_bytes())];
                let session = hex(people.session(number).as_bytes());
                let (client, scope, came, ends) = (app.client(), app.scope(), people.came(number), people.ends());
                write!(row, "{id}\t{user}\t0\t{client}\t{session}\t{scope}\t{came}\tpwd\turn:brama:acr:1\tf\tt\t")?;
                writeln!(row, "{came}\t{ends}\t0\t{came}")
            })?;
        }
        Ok(input.write_all(b"VACUUM ANALYZE;\n")?)
    })
}

/// One `COPY`.
fn table(
    input: &mut dyn std::io::Write,
    into: &str,
    numbers: impl Iterator<Item = u64>,
    row: impl Fn(u64, &mut String) -> std::fmt::Result,
) -> anyhow::Result<()> {
    writeln!(input, "COPY {into} FROM STDIN;")?;
    let mut rows = String::with_capacity(CHUNK * 2);
    for number in numbers {
        row(number, &mut rows)?;
        if rows.len() >= CHUNK {
            input.write_all(rows.as_bytes())?;
            rows.clear();
        }
    }
    input.write_all(rows.as_bytes())?;
    Ok(input.write_all(b"\\.\n")?)
}

/// `bytea` in the text form of `COPY`, where a backslash is written twice.
fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2 + 3);
    text.push_str("\\\\x");
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn rows_are_in_the_form_of_copy() {
        assert_eq!(hex(&[0, 171]), r"\\x00ab");
        let mut written = Vec::new();
        table(&mut written, "t (a)", 1..3, |number, row| writeln!(row, "{number}")).unwrap();
        assert_eq!(String::from_utf8(written).unwrap(), "COPY t (a) FROM STDIN;\n1\n2\n\\.\n");
    }
}
