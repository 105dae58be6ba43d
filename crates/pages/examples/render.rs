//! Write every sample page in both languages, and the assets, into a folder:
//! `cargo run -p brama-pages --example render -- OUTDIR`. Serve the folder over HTTP to look at the pages.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use brama_pages::{Locale, assets, samples};

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(std::env::args_os().nth(1).ok_or("usage: render OUTDIR")?);
    for locale in Locale::ALL {
        let folder = out.join(locale.tag());
        fs::create_dir_all(&folder)?;
        for (name, html) in samples::all(locale)? {
            fs::write(folder.join(name).with_extension("html"), html)?;
        }
    }
    for asset in assets() {
        let path = out.join(asset.path.trim_start_matches('/'));
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, asset.body)?;
    }
    Ok(())
}
