//! Whether the files that the writer has open are still those that the next start will find.
//!
//! A file that was removed or replaced can be written without any error, and everything written goes with the process.
//! So before a commit is acknowledged the names are looked at again: two calls that read no disk.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Device and number of a file: what a name stands for.
type Identity = (u64, u64);

/// The database file and its log, as they were when they were opened.
pub(super) struct Files {
    files: [(PathBuf, Identity); 2],
}

impl Files {
    /// Of a database that is open.
    ///
    /// # Errors
    /// What is wrong with the files.
    pub(super) fn of(database: &Path) -> Result<Self, String> {
        let mut log = database.as_os_str().to_owned();
        log.push("-wal");
        let known = |path: PathBuf| identity(&path).map(|identity| (path, identity));
        Ok(Self { files: [known(database.to_owned())?, known(log.into())?] })
    }

    /// The database file.
    pub(super) fn database(&self) -> &Path {
        let [(database, _), _] = &self.files;
        database
    }

    /// Both names still stand for the open files.
    ///
    /// # Errors
    /// What happened, and what to do about it.
    pub(super) fn check(&self) -> Result<(), String> {
        for (path, known) in &self.files {
            if identity(path)? != *known {
                let path = path.display();
                return Err(format!(
                    "{path} was replaced while the server has the old one open: \
                     nothing more is written; put the old one back, or restart the server on the new one"
                ));
            }
        }
        Ok(())
    }
}

fn identity(path: &Path) -> Result<Identity, String> {
    match fs::metadata(path) {
        Ok(metadata) => Ok((metadata.dev(), metadata.ino())),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(format!(
            "{} was removed while the server has it open: nothing more is written; \
             put it back, or restart the server on a backup",
            path.display()
        )),
        Err(error) => Err(format!("cannot look at {}: {error}", path.display())),
    }
}

/// No space left, in SQLite's words: the connection is as good as before.
pub(super) fn is_full(what: &str) -> bool {
    what.contains("database or disk is full")
}

/// What SQLite says, with the place and what to do.
pub(super) fn with_cure(place: Option<&Path>, what: &str) -> String {
    let Some(place) = place else { return what.to_owned() };
    let cure = if is_full(what) {
        "free some space on its disk"
    } else if what.contains("I/O error") || what.contains("unable to open") {
        "look at its disk, at its limits and at the log of the kernel"
    } else if what.contains("readonly") {
        "make it writable again"
    } else if what.contains("malformed") || what.contains("not a database") {
        "stop the server and restore a backup"
    } else if what.contains("locked") {
        "another process writes; end it"
    } else {
        return format!("{what} ({})", place.display());
    };
    format!("{what} ({}): {cure}; the server tries again with every request", place.display())
}
