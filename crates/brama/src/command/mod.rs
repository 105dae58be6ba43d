//! The command line. Long flags, data on stdout, messages on stderr; exit codes 0, 1, 2 and 3.

mod backup;
mod check;
mod client;
mod db;
mod deliveries;
mod dev;
mod explain;
mod init;
mod key;
mod migrate;
mod registration;
mod restore;
mod serve;
mod user;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use brama_config::{Loaded, Profile, Sources};
use brama_flows::Deployment;
use clap::{Args, Parser, Subcommand};

use crate::failure::Failure;
use crate::{boot, database, terminal};

/// Brama: an auth server.
#[derive(Debug, Parser)]
#[command(
    name = "brama",
    version,
    about = "An auth server: sign-in pages, accounts, OAuth 2.1 and OpenID Connect with PKCE",
    max_term_width = 100
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a development server here: no configuration, a demo user and a demo app, this machine only
    Dev(ServerFlags),
    /// Write a configuration file and a master key for a production server
    Init(init::Flags),
    /// Check the configuration without starting anything: exit 0 or 2
    Check(ServerFlags),
    /// Run the production server
    Serve(serve::Flags),
    /// Bring the database up to date, or say what would be done
    Migrate(migrate::Flags),
    /// Write a backup of the database into a file, while the server runs
    Backup(backup::Flags),
    /// Put a backup in the place of the database; everybody has to sign in again
    Restore(restore::Flags),
    /// The database as a whole
    #[command(subcommand)]
    Db(db::Command),
    /// Say what a code such as B2104 means and what to do
    Explain(explain::Flags),
    /// Accounts
    #[command(subcommand)]
    User(user::Command),
    /// Apps
    #[command(subcommand)]
    Client(client::Command),
    /// Apps that register themselves
    #[command(subcommand)]
    Registration(registration::Command),
    /// Keys that sign tokens
    #[command(subcommand)]
    Key(key::Command),
}

/// Where the server's settings are. Each flag beats its environment variable, which beats the file.
#[derive(Clone, Default, Args)]
pub(crate) struct Place {
    /// Configuration file [env: BRAMA_CONFIG]
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder of the database and the master key [env: BRAMA_DATA_DIR]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
    /// Database, such as sqlite:/var/lib/brama/brama.db [env: BRAMA_DATABASE_URL]
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// The address people see, which is the issuer [env: BRAMA_PUBLIC_URL]
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
}

/// Settings that a running server has.
#[derive(Clone, Default, Args)]
pub(crate) struct ServerFlags {
    #[command(flatten)]
    place: Place,
    /// Address and port to listen on [env: BRAMA_LISTEN]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// Life of access tokens, such as 15m or 5s
    #[arg(long, value_name = "TIME")]
    access_token_ttl: Option<String>,
    /// Life of refresh tokens, such as 7d
    #[arg(long, value_name = "TIME")]
    refresh_token_ttl: Option<String>,
    /// How long a replaced refresh token is answered with its successor, such as 60s
    #[arg(long, value_name = "TIME")]
    refresh_window: Option<String>,
    /// Any other setting, such as sessions.idle=1h; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

/// The URL of a database may have a password.
impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").field("config", &self.config).field("data_dir", &self.data_dir).finish_non_exhaustive()
    }
}

/// Any setting may be among them.
impl fmt::Debug for ServerFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerFlags").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Place {
    fn flags(&self) -> Vec<(String, String)> {
        let named =
            [("data_dir", &self.data_dir), ("database.url", &self.database_url), ("public_url", &self.public_url)];
        named.into_iter().filter_map(|(key, value)| value.clone().map(|value| (key.to_owned(), value))).collect()
    }

    fn file(&self) -> Option<PathBuf> {
        self.config.clone().or_else(|| std::env::var_os("BRAMA_CONFIG").map(PathBuf::from))
    }

    /// The settings for a command of administration: without a file and a public URL those of the development server of
    /// this folder.
    fn load(&self) -> Result<Loaded, Failure> {
        let says_production =
            self.file().is_some() || self.public_url.is_some() || std::env::var_os("BRAMA_PUBLIC_URL").is_some();
        load(self.file(), self.flags(), if says_production { Profile::Production } else { Profile::Dev })
    }
}

impl Place {
    /// The deployment that is there, for commands that need its keys as well as its database.
    async fn deployment(&self) -> Result<Arc<Deployment>, Failure> {
        let config = self.load()?.config;
        let store = database::open_existing(&config).await?;
        let master = boot::master_key(&config).await?;
        boot::deployment(&config, store, &master).await
    }
}

impl ServerFlags {
    fn load(&self, profile: Profile) -> Result<Loaded, Failure> {
        let mut flags = self.place.flags();
        let named = [
            ("server.listen", &self.listen),
            ("tokens.access_token_ttl", &self.access_token_ttl),
            ("tokens.refresh_token_ttl", &self.refresh_token_ttl),
            ("tokens.refresh_window", &self.refresh_window),
        ];
        flags.extend(named.into_iter().filter_map(|(key, value)| value.clone().map(|value| (key.to_owned(), value))));
        // Without `=` the whole text is an unknown key, and says so.
        flags.extend(self.set.iter().map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (key.trim().to_owned(), value.trim().to_owned())
        }));
        load(self.place.file(), flags, profile)
    }
}

/// Read all layers; warnings go to the terminal.
fn load(file: Option<PathBuf>, flags: Vec<(String, String)>, profile: Profile) -> Result<Loaded, Failure> {
    let env: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let loaded = brama_config::load(Sources { file, env, flags, profile })?;
    for warning in &loaded.warnings {
        terminal::message(&format!("warning: {warning}\n\n"));
    }
    Ok(loaded)
}

/// The runtime for commands that need one.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::from)
}

/// Run a command.
pub(crate) fn run(arguments: Arguments) -> Result<(), Failure> {
    match arguments.command {
        Command::Dev(flags) => runtime()?.block_on(dev::run(&flags)),
        Command::Init(flags) => init::run(&flags),
        Command::Check(flags) => check::run(&flags),
        Command::Serve(flags) => runtime()?.block_on(serve::run(&flags)),
        Command::Migrate(flags) => runtime()?.block_on(migrate::run(&flags)),
        Command::Backup(flags) => runtime()?.block_on(backup::run(&flags)),
        Command::Restore(flags) => runtime()?.block_on(restore::run(&flags)),
        Command::Db(command) => runtime()?.block_on(db::run(command)),
        Command::Explain(flags) => explain::run(&flags),
        Command::User(command) => runtime()?.block_on(user::run(command)),
        Command::Client(command) => runtime()?.block_on(client::run(command)),
        Command::Registration(command) => runtime()?.block_on(registration::run(command)),
        Command::Key(command) => runtime()?.block_on(key::run(command)),
    }
}
