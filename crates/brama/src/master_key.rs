//! The file of the master key: 32 random bytes in base64, readable by its owner alone. SK-1, SK-7.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use brama_flows::Entropy;
use brama_flows::keys::MasterKey;
use zeroize::Zeroizing;

use crate::edge::SystemEntropy;
use crate::failure::{Failure, NOT_READY, Trouble};

/// Make a new key file; it must not exist.
pub(crate) fn create(path: &Path) -> Result<MasterKey, Failure> {
    if let Some(folder) = path.parent() {
        make_folder(folder)?;
    }
    let mut bytes = Zeroizing::new([0u8; 32]);
    SystemEntropy
        .fill(bytes.as_mut_slice())
        .map_err(|error| Trouble::new("B1301", error.to_string(), "start again"))?;
    let mut text = Zeroizing::new(STANDARD.encode(bytes.as_slice()));
    text.push('\n');
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
    written.map_err(|error| {
        Trouble::new(
            "B1301",
            format!("cannot write the master key {}: {error}", path.display()),
            "choose a folder that this user can write with --data-dir, or set secrets.key_file",
        )
    })?;
    of_bytes(path, &bytes)
}

/// Make a folder that only its owner can look into.
pub(crate) fn make_folder(folder: &Path) -> Result<(), Failure> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| {
        let fix = "choose a folder that this user can write: --data-dir DIR, or --database-url sqlite:FILE";
        Trouble::new("B1201", format!("cannot make the folder {}: {error}", folder.display()), fix).into()
    })
}

fn of_bytes(path: &Path, bytes: &[u8; 32]) -> Result<MasterKey, Failure> {
    MasterKey::new(*bytes).ok_or_else(|| {
        let what = format!("the master key in {} was not drawn at random", path.display());
        Trouble::new("B1301", what, "make a new one with `brama init`; never write one by hand").into()
    })
}

/// Read the key file. Others must not be able to read it.
pub(crate) fn read(path: &Path) -> Result<MasterKey, Failure> {
    let shown = path.display();
    let text = fs::read(path).map(Zeroizing::new).map_err(|error| {
        let what = format!("cannot read the master key {shown}: {error}");
        Trouble::new("B1301", what, "put the key file back from your backup, or run `brama init` for a new server")
            .exit(NOT_READY)
    })?;
    let mode = fs::metadata(path)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let what = format!("others can read the master key {shown}");
        return Err(Trouble::new("B1303", what, format!("chmod 600 {shown}"))
            .got(format!("mode {mode:04o}, expected 0600 or 0400"))
            .into());
    }
    let decoded =
        std::str::from_utf8(&text).ok().and_then(|text| STANDARD.decode(text.trim()).ok()).map(Zeroizing::new);
    let bytes: Option<[u8; 32]> = decoded.and_then(|bytes| bytes.as_slice().try_into().ok());
    let bytes = bytes.map(Zeroizing::new).ok_or_else(|| {
        let what = format!("{shown} does not hold 32 bytes in base64");
        Trouble::new("B1301", what, "put the key file back from your backup")
    })?;
    of_bytes(path, &bytes)
}
