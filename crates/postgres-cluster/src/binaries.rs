//! Where the programs are, and as whom they run.

use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::NotStarted;

/// Where Debian keeps them, one folder per major version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// The folder with `initdb` and its neighbours.
pub(crate) struct Binaries(PathBuf);

impl Binaries {
    /// From `BRAMA_POSTGRES_BIN`, from `pg_config`, or the highest version below `/usr/lib/postgresql`.
    pub(crate) fn find() -> Result<Self, NotStarted> {
        let named = std::env::var_os("BRAMA_POSTGRES_BIN").map(PathBuf::from);
        let candidates = named.map_or_else(|| configured().into_iter().chain(debian()).collect(), |named| vec![named]);
        candidates.into_iter().find(|folder| folder.join("initdb").is_file()).map(Self).ok_or(NotStarted::NotInstalled)
    }

    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.0
    }
}

fn configured() -> Option<PathBuf> {
    let output = Command::new("pg_config").arg("--bindir").output().ok()?;
    Some(PathBuf::from(String::from_utf8(output.stdout).ok()?.trim()))
}

/// Highest version first.
fn debian() -> Vec<PathBuf> {
    let folders = std::fs::read_dir(DEBIAN).into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = folders
        .filter_map(|folder| Some((folder.file_name().to_str()?.parse().ok()?, folder.path().join("bin"))))
        .collect();
    versions.sort();
    versions.into_iter().rev().map(|(_, folder)| folder).collect()
}

/// As whom the server runs: PostgreSQL refuses root.
#[derive(Clone, Copy)]
pub(crate) struct Account(Option<(u32, u32)>);

impl Account {
    /// We ourselves, or the user `postgres` if we are root.
    pub(crate) fn of_servers() -> Result<Self, NotStarted> {
        if std::fs::metadata("/proc/self")?.uid() != 0 {
            return Ok(Self(None));
        }
        let users = std::fs::read_to_string("/etc/passwd")?;
        users.lines().find_map(postgres).map(|ids| Self(Some(ids))).ok_or(NotStarted::NoAccount)
    }

    /// Make a folder the account's own.
    pub(crate) fn own(self, folder: &Path) -> std::io::Result<()> {
        match self.0 {
            Some((user, group)) => std::os::unix::fs::chown(folder, Some(user), Some(group)),
            None => Ok(()),
        }
    }

    /// A program that will run as this account.
    pub(crate) fn command(self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        if let Some((user, group)) = self.0 {
            command.uid(user).gid(group);
        }
        command
    }
}

/// User and group of the line of `/etc/passwd` that is about `postgres`.
fn postgres(line: &str) -> Option<(u32, u32)> {
    let mut fields = line.strip_prefix("postgres:")?.split(':').skip(1);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_is_read_from_its_own_line() {
        assert_eq!(postgres("postgres:x:105:113:PostgreSQL:/var/lib/postgresql:/bin/bash"), Some((105, 113)));
        assert_eq!(postgres("postgres2:x:105:113::/:/bin/sh"), None);
        assert_eq!(postgres("root:x:0:0:root:/root:/bin/bash"), None);
    }
}
