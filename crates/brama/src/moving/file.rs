//! A file that is there whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// A file that is being written beside the place where it will be; it goes when this value does.
pub(crate) struct Partial {
    path: PathBuf,
}

impl Partial {
    /// Make it, empty and for its owner alone, in the folder of `place`.
    ///
    /// # Errors
    /// What the operating system says.
    pub(crate) fn create(place: &Path) -> io::Result<Self> {
        let path = beside(place, &format!("partial-{}", std::process::id()));
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        Ok(Self { path })
    }

    /// Where it is for now.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Put it in its place, where nothing may be.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`], and what else the operating system says.
    pub(crate) fn put(self, place: &Path) -> io::Result<()> {
        // A link, unlike a rename, never takes the place of another file. Some file systems have none.
        match fs::hard_link(&self.path, place) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists && !place.try_exists()? => {
                fs::rename(&self.path, place)?;
            }
            linked => linked?,
        }
        sync_folder(place)
    }

    /// Put it in its place, whatever is there.
    ///
    /// # Errors
    /// What the operating system says.
    pub(crate) fn replace(self, place: &Path) -> io::Result<()> {
        fs::rename(&self.path, place)?;
        sync_folder(place)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // It is in its place already, or nobody needs it.
        for file in [self.path.clone(), with(&self.path, "-wal"), with(&self.path, "-shm")] {
            let _ = fs::remove_file(file);
        }
    }
}

/// The name of a file with more at its end.
pub(crate) fn with(path: &Path, more: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(more);
    PathBuf::from(name)
}

/// The name of a file beside another: its own and a word.
pub(crate) fn beside(path: &Path, word: &str) -> PathBuf {
    with(path, &format!(".{word}"))
}

fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_file_is_put_where_nothing_is_and_leaves_no_traces() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("backup");
        let names = || {
            let mut names: Vec<_> =
                fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
            names.sort();
            names
        };
        drop(Partial::create(&place).unwrap());
        assert!(names().is_empty());
        let partial = Partial::create(&place).unwrap();
        fs::write(partial.path(), "one").unwrap();
        partial.put(&place).unwrap();
        assert_eq!((names(), fs::read(&place).unwrap()), (vec!["backup".into()], b"one".to_vec()));
        let partial = Partial::create(&place).unwrap();
        fs::write(partial.path(), "two").unwrap();
        assert_eq!(partial.put(&place).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!((names(), fs::read(&place).unwrap()), (vec!["backup".into()], b"one".to_vec()));
        let partial = Partial::create(&place).unwrap();
        fs::write(partial.path(), "three").unwrap();
        partial.replace(&place).unwrap();
        assert_eq!((names(), fs::read(&place).unwrap()), (vec!["backup".into()], b"three".to_vec()));
    }
}
