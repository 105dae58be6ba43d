//! The working tree: where it is, and the text files in it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Folders with nothing of ours in them.
const FOREIGN: [&str; 4] = [".git", ".brama", "node_modules", "target"];

/// A text file of the tree.
pub(crate) struct File {
    /// Relative to the top of the tree, with `/` between the parts.
    pub(crate) path: String,
    /// Its content.
    pub(crate) text: String,
}

impl File {
    /// What stands after the last dot of the name.
    pub(crate) fn extension(&self) -> &str {
        Path::new(&self.path).extension().and_then(|text| text.to_str()).unwrap_or_default()
    }

    /// The last part of the path.
    pub(crate) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }
}

/// The top of the tree.
pub(crate) fn root() -> PathBuf {
    let here = std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    here.parent().map(Path::to_path_buf).unwrap_or(here)
}

/// All text files below the top, sorted by path. What is not UTF-8 is no text.
pub(crate) fn files() -> Result<Vec<File>, String> {
    let root = root();
    let mut found = Vec::new();
    visit(&root, &root, &mut found).map_err(|error| format!("cannot read the tree at {}: {error}", root.display()))?;
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

fn visit(root: &Path, folder: &Path, found: &mut Vec<File>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            if !FOREIGN.iter().any(|name| entry.file_name() == *name) {
                visit(root, &path, found)?;
            }
        } else if let Ok(text) = fs::read_to_string(&path) {
            let path = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            found.push(File { path, text });
        }
    }
    Ok(())
}
