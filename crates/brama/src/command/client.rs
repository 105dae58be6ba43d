//! `brama client`: apps.

use std::sync::Arc;

use brama_flows::Entropy as _;
use brama_protocol::client::ClientId;
use brama_protocol::handle::{Handle, kind};
use brama_store::Store;
use brama_store::client::{AddClient, ClientRecord};
use clap::{Args, Subcommand};

use crate::client_form::ClientForm;
use crate::command::Place;
use crate::database;
use crate::edge::{self, SystemEntropy};
use crate::failure::{Failure, Trouble, USAGE};
use crate::terminal;

/// What can be done with apps.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Register an app; a secret is printed once
    Add(Box<Add>),
    /// List apps
    List(List),
    /// Show an app
    Show(Named),
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
    /// Name that people see; the id if left out
    #[arg(long)]
    name: Option<String>,
    /// Where codes may be sent, exactly; may be repeated
    #[arg(long, value_name = "URI")]
    redirect_uri: Vec<String>,
    /// Where people may be sent after signing out; may be repeated
    #[arg(long, value_name = "URI")]
    post_logout_redirect_uri: Vec<String>,
    /// Origins whose scripts may call the server; those of the redirect URIs if left out
    #[arg(long, value_name = "ORIGIN")]
    origin: Vec<String>,
    /// Scope it may have; may be repeated; openid, profile and email if left out
    #[arg(long, value_name = "SCOPE")]
    scope: Vec<String>,
    /// Resource (API) it may ask tokens for, the first being its default; may be repeated
    #[arg(long, value_name = "URI")]
    resource: Vec<String>,
    /// It is ours: no consent page, and it may send passwords to /api/auth/login
    #[arg(long)]
    first_party: bool,
    /// Where its refresh token goes
    #[arg(long, value_name = "WHERE", default_value = "auto", value_parser = ["auto", "cookie", "body"])]
    refresh_delivery: String,
    /// What signs its ID tokens
    #[arg(long, value_name = "ALG", default_value = "ES256", value_parser = ["ES256", "RS256"])]
    id_token_alg: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// `brama client list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Print JSON
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
        Command::List(flags) => {
            for record in open(&flags.place).await?.list_clients().await? {
                let client = &record.client;
                let line = if flags.json {
                    describe(&record).to_string()
                } else {
                    format!("{}  {}  {}", client.id, client.client_type.as_str(), client.name)
                };
                terminal::data(&format!("{line}\n"));
            }
            Ok(())
        }
        Command::Show(flags) => {
            let id = id(&flags.id)?;
            let found = open(&flags.place).await?.find_client(&id).await?.ok_or_else(|| unknown(&flags.id))?;
            terminal::data(&format!("{:#}\n", describe(&found)));
            Ok(())
        }
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

fn unknown(id: &str) -> Failure {
    Trouble::new("B5101", format!("there is no app {id:?}"), "see `brama client list`").into()
}

async fn add(flags: Add) -> Result<(), Failure> {
    let form = ClientForm {
        id: flags.id,
        name: flags.name,
        client_type: flags.client_type,
        redirect_uris: flags.redirect_uri,
        post_logout_redirect_uris: flags.post_logout_redirect_uri,
        origins: flags.origin,
        scopes: flags.scope,
        resources: flags.resource,
        first_party: flags.first_party,
        refresh_delivery: flags.refresh_delivery,
        id_token_alg: flags.id_token_alg,
    };
    let client = form.check().map_err(|unfit| {
        let what = format!("{}: {}", unfit.field, unfit.what);
        Failure::from(Trouble::new("B5102", what, unfit.fix).exit(USAGE))
    })?;
    let secret = if client.auth_method.has_secret() {
        let mut bytes = [0u8; 32];
        SystemEntropy
            .fill(&mut bytes)
            .map_err(|error| Trouble::new("B5103", error.to_string(), "run the command again"))?;
        Some(Handle::<kind::ClientSecret>::from_random(bytes))
    } else {
        None
    };
    let now = edge::now();
    let secrets = secret.iter().map(Handle::hash).collect();
    let record = ClientRecord { client, secrets, created_at: now, updated_at: now };
    let (id, shown) = (record.client.id.clone(), describe(&record));
    if open(&flags.place).await?.add_client(record).await? == AddClient::IdTaken {
        let fix = "choose another id, or remove the old app with `brama client rm`";
        return Err(Trouble::new("B5104", format!("there is an app {id} already; it was not changed"), fix).into());
    }
    let secret = secret.map(|secret| secret.to_wire());
    if flags.json {
        let mut shown = shown;
        if let (Some(secret), Some(members)) = (&secret, shown.as_object_mut()) {
            members.insert("client_secret".to_owned(), secret.clone().into());
        }
        terminal::data(&format!("{shown}\n"));
    } else {
        terminal::message("The app is registered.\n\n");
        terminal::data(&format!("client_id      {id}\n"));
        if let Some(secret) = &secret {
            terminal::data(&format!("client_secret  {secret}\n"));
            terminal::message("\nThe secret is shown this once: only its hash is kept.\n");
        }
    }
    Ok(())
}

/// What is known of an app, without its secrets.
fn describe(record: &ClientRecord) -> serde_json::Value {
    let client = &record.client;
    let texts = |uris: &[brama_protocol::redirect_uri::RegisteredRedirectUri]| -> Vec<String> {
        uris.iter().map(|uri| uri.as_str().to_owned()).collect()
    };
    serde_json::json!({
        "client_id": client.id.as_str(),
        "client_name": client.name,
        "type": client.client_type.as_str(),
        "redirect_uris": texts(&client.redirect_uris),
        "post_logout_redirect_uris": texts(&client.post_logout_redirect_uris),
        "origins": client.origins.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "scope": client.scope.to_string(),
        "resources": client.resources,
        "first_party": client.first_party,
        "refresh_delivery": client.refresh_delivery,
        "id_token_signed_response_alg": client.id_token_alg,
        "enabled": client.enabled,
        "created_at": record.created_at.to_string(),
    })
}
