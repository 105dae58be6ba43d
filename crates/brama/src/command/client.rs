//! `brama client`: apps.

mod change;
mod flags;
mod shown;

pub(crate) use flags::read_keys;

use std::sync::Arc;

use brama_flows::Entropy as _;
use brama_protocol::client::ClientId;
use brama_protocol::handle::{Handle, kind};
use brama_store::Store;
use brama_store::client::{AddClient, ClientRecord};
use clap::{Args, Subcommand};

use crate::client_form::{ClientForm, Unfit};
use crate::command::client::flags::ClientFlags;
use crate::command::client::shown::{describe, differences};
use crate::command::{Place, deliveries};
use crate::database;
use crate::edge::{self, SystemEntropy};
use crate::failure::{Failure, Trouble, USAGE};
use crate::terminal;

/// What can be done with apps.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Register an app; a secret is printed once. The same app again is no error
    Add(Box<Add>),
    /// Change an app: what is named, and nothing else
    Set(Box<change::Set>),
    /// Give an app a new secret beside the one it has, or end the old one
    Rotate(change::Rotate),
    /// Switch an app off: it counts as unknown
    Disable(Named),
    /// Switch an app on again
    Enable(Named),
    /// List apps
    List(List),
    /// Show an app
    Show(Show),
    /// Show whether an app was told of sessions that ended
    Deliveries(deliveries::Flags),
    /// Remove an app and everything that was given to it
    Rm(Named),
}

/// `brama client add`.
#[derive(Debug, Args)]
pub(crate) struct Add {
    /// client_id
    id: String,
    /// Kind of app
    #[arg(long = "type", value_name = "TYPE", value_parser = ["browser", "web", "native", "service", "device"])]
    client_type: String,
    #[command(flatten)]
    client: ClientFlags,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// `brama client list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Print JSON, one line for each
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// `brama client show`.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// client_id
    id: String,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// A command about one app.
#[derive(Debug, Args)]
pub(crate) struct Named {
    /// client_id
    id: String,
    #[command(flatten)]
    place: Place,
}

async fn open(place: &Place) -> Result<Arc<dyn Store>, Failure> {
    database::open_existing(&place.load()?.config).await
}

/// Run a command about apps.
pub(crate) async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Add(flags) => add(*flags).await,
        Command::Set(flags) => change::set(*flags).await,
        Command::Rotate(flags) => change::rotate(&flags).await,
        Command::Disable(flags) => change::switch(&flags, false).await,
        Command::Enable(flags) => change::switch(&flags, true).await,
        Command::List(flags) => {
            for record in open(&flags.place).await?.list_clients().await? {
                let client = &record.client;
                let line = if flags.json {
                    describe(&record).to_string()
                } else {
                    let off = if client.enabled { "" } else { "  (off)" };
                    format!("{}  {}  {}{off}", client.id, client.client_type.as_str(), client.name)
                };
                terminal::data(&format!("{line}\n"));
            }
            Ok(())
        }
        Command::Show(flags) => {
            let found = find(open(&flags.place).await?.as_ref(), &flags.id).await?;
            let shown = describe(&found);
            terminal::data(&if flags.json { format!("{shown}\n") } else { format!("{shown:#}\n") });
            Ok(())
        }
        Command::Deliveries(flags) => deliveries::run(flags).await,
        Command::Rm(flags) => {
            let id = id(&flags.id)?;
            if !open(&flags.place).await?.remove_client(&id).await? {
                return Err(unknown(&flags.id));
            }
            terminal::message(&format!("The app {id} is removed; what it had been given ends now.\n"));
            Ok(())
        }
    }
}

fn id(text: &str) -> Result<ClientId, Failure> {
    text.parse().map_err(|_| unknown(text))
}

async fn find(store: &dyn Store, text: &str) -> Result<Arc<ClientRecord>, Failure> {
    store.find_client(&id(text)?).await?.ok_or_else(|| unknown(text))
}

fn unknown(id: &str) -> Failure {
    Trouble::new("B5101", format!("there is no app {id:?}"), "see `brama client list`").into()
}

fn cannot_stand(unfit: Unfit) -> Failure {
    Trouble::new("B5102", format!("{}: {}", unfit.field, unfit.what), unfit.fix).exit(USAGE).into()
}

fn new_secret() -> Result<Handle<kind::ClientSecret>, Failure> {
    let mut bytes = [0u8; 32];
    SystemEntropy
        .fill(&mut bytes)
        .map_err(|error| Trouble::new("B5103", error.to_string(), "run the command again"))?;
    Ok(Handle::from_random(bytes))
}

async fn add(flags: Add) -> Result<(), Failure> {
    let mut form = ClientForm { id: flags.id, client_type: flags.client_type, ..ClientForm::default() };
    flags.client.write_into(&mut form)?;
    let client = form.check().map_err(cannot_stand)?;
    let secret = if client.auth_method.has_secret() { Some(new_secret()?) } else { None };
    let now = edge::now();
    let secrets = secret.iter().map(Handle::hash).collect();
    let record = ClientRecord { client, secrets, created_at: now, updated_at: now };
    let store = open(&flags.place).await?;
    if store.add_client(record.clone()).await? == AddClient::IdTaken {
        let found = find(store.as_ref(), record.client.id.as_str()).await?;
        return already_there(&found, &record, flags.json);
    }
    tell("The app is registered.", &record, secret.as_ref(), flags.json);
    Ok(())
}

/// The same app again is what a script expects of its second run: nothing happens, and no secret is printed. Another app
/// of the same id is somebody else's.
fn already_there(found: &ClientRecord, wanted: &ClientRecord, json: bool) -> Result<(), Failure> {
    let id = &found.client.id;
    let differences = differences(&found.client, &wanted.client);
    if !differences.is_empty() {
        let fix = format!(
            "choose another id, change that app with `brama client set {id}`, or remove it with `brama client rm {id}`"
        );
        let what = format!("there is an app {id} already, which is another one; it was not changed");
        return Err(Trouble::new("B5104", what, fix).got(format!("it differs in {}", differences.join(", "))).into());
    }
    terminal::message(&format!("The app {id} is registered already, exactly so; nothing was changed.\n"));
    if json {
        terminal::data(&format!("{}\n", describe(found)));
    }
    Ok(())
}

/// Print what an app has to know, and its secret this once.
fn tell(what: &str, record: &ClientRecord, secret: Option<&Handle<kind::ClientSecret>>, json: bool) {
    let secret = secret.map(Handle::to_wire);
    if json {
        let mut shown = describe(record);
        if let (Some(secret), Some(members)) = (secret, shown.as_object_mut()) {
            members.insert("client_secret".to_owned(), secret.into());
        }
        terminal::data(&format!("{shown}\n"));
        return;
    }
    terminal::message(&format!("{what}\n\n"));
    terminal::data(&format!("client_id      {}\n", record.client.id));
    if let Some(secret) = secret {
        terminal::data(&format!("client_secret  {secret}\n"));
        terminal::message("\nThe secret is shown this once: only its hash is kept.\n");
    }
}
