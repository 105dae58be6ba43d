//! Changing an app that is there: `set`, `rotate`, `enable`, `disable`.

use brama_protocol::client::Client;
use brama_store::Store;
use brama_store::client::{AddSecret, ChangeClient, ClientRecord};
use clap::Args;

use crate::client_form::ClientForm;
use crate::command::Place;
use crate::command::client::flags::ClientFlags;
use crate::command::client::shown::{describe, differences};
use crate::command::client::{Named, cannot_stand, find, new_secret, open, tell, unknown};
use crate::edge;
use crate::failure::{Failure, Trouble};
use crate::terminal;

/// `brama client set`.
#[derive(Debug, Args)]
pub(crate) struct Set {
    /// client_id
    id: String,
    #[command(flatten)]
    client: ClientFlags,
    /// One more address where codes may be sent; may be repeated
    #[arg(long, value_name = "URI")]
    add_redirect_uri: Vec<String>,
    /// An address where no codes go any more; may be repeated
    #[arg(long, value_name = "URI")]
    remove_redirect_uri: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// `brama client rotate`.
#[derive(Debug, Args)]
pub(crate) struct Rotate {
    /// client_id
    id: String,
    /// End the old secret; the new one stays
    #[arg(long)]
    retire: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// Write a change of what the caller has seen.
async fn write(store: &dyn Store, seen: &ClientRecord, client: Client) -> Result<(), Failure> {
    let id = client.id.to_string();
    match store.change_client(client, seen.updated_at, edge::now()).await? {
        ChangeClient::Changed => Ok(()),
        ChangeClient::Unknown => Err(unknown(&id)),
        ChangeClient::ChangedMeanwhile => {
            let what =
                format!("somebody else changed the app {id} at the same moment; it was not changed by this command");
            Err(Trouble::new("B5106", what, format!("look at it with `brama client show {id}`, then try again")).into())
        }
    }
}

pub(crate) async fn set(flags: Set) -> Result<(), Failure> {
    let store = open(&flags.place).await?;
    let seen = find(store.as_ref(), &flags.id).await?;
    let mut form = ClientForm::of(&seen.client);
    flags.client.write_into(&mut form)?;
    for uri in flags.add_redirect_uri {
        if !form.redirect_uris.contains(&uri) {
            form.redirect_uris.push(uri);
        }
    }
    form.redirect_uris.retain(|uri| !flags.remove_redirect_uri.contains(uri));
    let described = form.check().map_err(cannot_stand)?;
    // What no flag speaks of.
    let client = Client { registrar: seen.client.registrar, enabled: seen.client.enabled, ..described };
    let changed = differences(&seen.client, &client);
    if changed.is_empty() {
        terminal::message(&format!("The app {} is like that already; nothing was changed.\n", client.id));
    } else {
        write(store.as_ref(), &seen, client).await?;
        terminal::message(&format!("The app {} is changed: {}.\n", flags.id, changed.join(", ")));
    }
    let now = find(store.as_ref(), &flags.id).await?;
    if now.client.auth_method.has_secret() && now.secrets.is_empty() {
        let id = &now.client.id;
        terminal::message(&format!("It has no secret yet: `brama client rotate {id}` gives it one.\n"));
    }
    if flags.json {
        terminal::data(&format!("{}\n", describe(&now)));
    }
    Ok(())
}

pub(crate) async fn switch(flags: &Named, enabled: bool) -> Result<(), Failure> {
    let store = open(&flags.place).await?;
    let seen = find(store.as_ref(), &flags.id).await?;
    if seen.client.enabled != enabled {
        write(store.as_ref(), &seen, Client { enabled, ..seen.client.clone() }).await?;
    }
    let word = if enabled { "on" } else { "off: it counts as unknown, and gets nothing" };
    terminal::message(&format!("The app {} is switched {word}.\n", seen.client.id));
    Ok(())
}

/// TE-9: the new secret counts beside the old one, until the old one is retired; so nothing stands still in between.
pub(crate) async fn rotate(flags: &Rotate) -> Result<(), Failure> {
    let store = open(&flags.place).await?;
    let seen = find(store.as_ref(), &flags.id).await?;
    let id = &seen.client.id;
    if flags.retire {
        let ended = store.retire_client_secrets(id, edge::now()).await?.ok_or_else(|| unknown(&flags.id))?;
        let what = match ended {
            0 => "There was no older secret; nothing was changed".to_owned(),
            _ => format!("The older secret of {id} has ended; the newest one counts"),
        };
        terminal::message(&format!("{what}.\n"));
        if flags.json {
            terminal::data(&format!("{}\n", describe(find(store.as_ref(), &flags.id).await?.as_ref())));
        }
        return Ok(());
    }
    let method = seen.client.auth_method;
    if !method.has_secret() {
        let fix = format!("give it a method with one: `brama client set {id} --auth-method client_secret_basic`");
        return Err(Trouble::new(
            "B5105",
            format!("the app {id} has no secret: its method is {}", method.as_str()),
            fix,
        )
        .into());
    }
    let secret = new_secret()?;
    match store.add_client_secret(id, secret.hash(), edge::now()).await? {
        AddSecret::Added => {
            let now = find(store.as_ref(), &flags.id).await?;
            let what = if now.secrets.len() > 1 {
                format!(
                    "The app has a new secret, and the old one still counts. End it: brama client rotate {id} --retire"
                )
            } else {
                "The app has a secret.".to_owned()
            };
            tell(&what, &now, Some(&secret), flags.json);
            Ok(())
        }
        AddSecret::TwoAlready => {
            let fix = format!("end the older one first: `brama client rotate {id} --retire`");
            Err(Trouble::new("B5105", format!("the app {id} has two secrets already; nothing was changed"), fix).into())
        }
        AddSecret::Unknown => Err(unknown(&flags.id)),
    }
}
