//! `brama init`: a configuration of a few lines and a master key.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;

use brama_config::{Profile, Sources};
use clap::Args;

use crate::failure::{Failure, Trouble, USAGE};
use crate::{master_key, terminal};

/// What `brama init` asks.
#[derive(Debug, Args)]
pub(crate) struct Flags {
    /// The address people see, such as https://id.example.com
    #[arg(long, value_name = "URL")]
    public_url: String,
    /// Folder of the database and the master key
    #[arg(long, value_name = "DIR", default_value = "/var/lib/brama")]
    data_dir: String,
    /// The file to write
    #[arg(short, long, value_name = "FILE", default_value = "brama.toml")]
    config: PathBuf,
}

pub(crate) fn run(flags: &Flags) -> Result<(), Failure> {
    let text = brama_config::minimal_file(&flags.public_url, &flags.data_dir);
    // Judge the address before anything is written.
    let pairs =
        vec![("public_url".to_owned(), flags.public_url.clone()), ("data_dir".to_owned(), flags.data_dir.clone())];
    let sources =
        Sources { file: None, env: std::collections::BTreeMap::new(), flags: pairs, profile: Profile::Production };
    let loaded = brama_config::load(sources)?;
    let key = &loaded.config.secrets.key_file;
    let shown = flags.config.display();
    if flags.config.exists() {
        let fix = "edit it, or choose another file with --config";
        return Err(Trouble::new("B1210", format!("{shown} exists; it was not touched"), fix).exit(USAGE).into());
    }
    if key.exists() {
        terminal::message(&format!("kept     {}  (the master key that was there)\n", key.display()));
    } else {
        master_key::create(key)?;
        terminal::message(&format!(
            "written  {}  (the master key, mode 0600: back it up apart from the database)\n",
            key.display()
        ));
    }
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&flags.config)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| {
        Trouble::new("B1210", format!("cannot write {shown}: {error}"), "choose another file with --config")
    })?;
    terminal::message(&format!(
        "written  {shown}\n\nNext:\n  brama check --config {shown}\n  brama migrate --config {shown}\n  brama user add olena --email olena@example.com --config {shown}\n  brama serve --config {shown}\n"
    ));
    Ok(())
}
