//! `brama key`: the keys that sign tokens. They come and go by themselves; these commands are for looking, and for the day
//! when one has leaked. TK-21.

use brama_flows::Deployment;
use brama_flows::keys::rotation::ANNOUNCED_FOR;
use brama_jose::Algorithm;
use brama_store::signing_key::{KeyState, RemoveKey, SigningKeyRecord};
use clap::{Args, Subcommand};

use crate::command::Place;
use crate::failure::{Failure, Trouble};
use crate::{database, edge, terminal};

/// What can be done with signing keys.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List signing keys and where they stand
    List(List),
    /// Let the announced key of every algorithm sign from now on
    Rotate(Rotate),
    /// Remove a key at once because somebody else may have it: what it signed is refused from then on
    Rm(Remove),
}

/// `brama key list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Print JSON, a line per key
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// `brama key rotate`.
#[derive(Debug, Args)]
pub(crate) struct Rotate {
    /// Only this algorithm
    #[arg(long, value_name = "ALG", value_parser = ["ES256", "EdDSA", "RS256", "PS256"])]
    alg: Option<String>,
    /// Even if the announced key is so young that an API may not have fetched it yet
    #[arg(long)]
    now: bool,
    #[command(flatten)]
    place: Place,
}

/// `brama key rm`.
#[derive(Debug, Args)]
pub(crate) struct Remove {
    /// Its id, as `brama key list` shows it
    kid: String,
    /// Yes, what it signed is to be refused at once
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    place: Place,
}

/// Make the keys that are missing, so that there is a next one.
async fn complete(deployment: &Deployment) -> Result<(), Failure> {
    let (store, entropy) = (deployment.store.as_ref(), deployment.entropy.as_ref());
    deployment.catalog.turn_keys(store, entropy, edge::now()).await?;
    Ok(())
}

/// Run a command about signing keys.
pub(crate) async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::List(flags) => list(&flags).await,
        Command::Rotate(flags) => rotate(&flags).await,
        Command::Rm(flags) => remove(&flags).await,
    }
}

fn words(state: KeyState) -> (&'static str, Option<jiff::Timestamp>) {
    match state {
        KeyState::Announced => ("announced", None),
        KeyState::Active { since } => ("active", Some(since)),
        KeyState::Retired { since } => ("retired", Some(since)),
        KeyState::Gone => ("gone", None),
    }
}

async fn list(flags: &List) -> Result<(), Failure> {
    let store = database::open_existing(&flags.place.load()?.config).await?;
    for key in store.signing_keys().await? {
        let (state, since) = words(key.state);
        let line = if flags.json {
            let since = since.map(|since| since.to_string());
            serde_json::json!({
                "kid": key.kid, "alg": key.alg, "state": state, "since": since, "created_at": key.created_at.to_string(),
            })
            .to_string()
        } else {
            let since = since.unwrap_or(key.created_at).strftime("%Y-%m-%d %H:%M UTC");
            format!("{}  {:5}  {state:9}  {since}", key.kid, key.alg)
        };
        terminal::data(&format!("{line}\n"));
    }
    Ok(())
}

async fn rotate(flags: &Rotate) -> Result<(), Failure> {
    let deployment = flags.place.deployment().await?;
    complete(&deployment).await?;
    let now = edge::now();
    let keys = deployment.store.signing_keys().await?;
    let chosen = |key: &&SigningKeyRecord| {
        let on = deployment.settings.signing_algorithms.iter().any(|on| *on == key.alg);
        on && key.state == KeyState::Announced && flags.alg.as_ref().is_none_or(|alg| *alg == key.alg)
    };
    let announced: Vec<&SigningKeyRecord> = keys.iter().filter(chosen).collect();
    if let (Some(alg), true) = (&flags.alg, announced.is_empty()) {
        let fix = format!("add {alg} to tokens.signing_algorithms");
        return Err(Trouble::new("B5301", format!("this server has no {alg} key"), fix).into());
    }
    let young = announced.iter().find(|key| now.duration_since(key.created_at) < ANNOUNCED_FOR);
    if let (Some(young), false) = (young, flags.now) {
        let until = young.created_at.checked_add(ANNOUNCED_FOR).unwrap_or(now).strftime("%Y-%m-%d %H:%M UTC");
        let what = format!(
            "the next {} key was announced at {}, and some API may not know it yet",
            young.alg, young.created_at
        );
        let fix = format!("wait until {until}, or use --now and accept that tokens may be refused for a few minutes");
        return Err(Trouble::new("B5302", what, fix).into());
    }
    for key in announced {
        if deployment.store.activate_signing_key(&key.kid, now).await? {
            terminal::message(&format!("{} signs with {} from now on.\n", key.alg, key.kid));
        }
    }
    complete(&deployment).await
}

async fn remove(flags: &Remove) -> Result<(), Failure> {
    let deployment = flags.place.deployment().await?;
    let keys = deployment.store.signing_keys().await?;
    let unknown = || {
        let what = format!("there is no signing key {:?}", flags.kid);
        Failure::from(Trouble::new("B5303", what, "see `brama key list`"))
    };
    let key = keys.iter().find(|key| key.kid == flags.kid).ok_or_else(unknown)?;
    if !flags.yes {
        let (state, _) = words(key.state);
        let what =
            format!("the {} key {} is {state}; every token it signed would be refused at once", key.alg, key.kid);
        let fix = format!("`brama key rm {} --yes` if it has leaked; otherwise `brama key rotate`", key.kid);
        return Err(Trouble::new("B5304", what, fix).into());
    }
    if let KeyState::Active { .. } = key.state {
        complete(&deployment).await?;
        // Of an algorithm that is switched off: nothing has to take its place.
        if deployment.settings.signing_algorithms.iter().all(|kept| *kept != key.alg) {
            deployment.store.retire_signing_key(&key.kid, edge::now()).await?;
        }
    }
    match deployment.store.remove_signing_key(&flags.kid, edge::now()).await? {
        RemoveKey::Removed => {}
        RemoveKey::NotThere => return Err(unknown()),
        RemoveKey::NoSuccessor => {
            let what = format!("{} signs, and no other {} key is announced", flags.kid, key.alg);
            let fix = "somebody else removed the next key in this moment: run the command again";
            return Err(Trouble::new("B5305", what, fix).into());
        }
    }
    complete(&deployment).await?;
    let alg: Algorithm = key.alg.parse().map_err(|_| unknown())?;
    terminal::message(&format!(
        "The {alg} key {} is removed. What it signed is refused from now on; APIs that keep\nkeys in memory follow when they fetch them again.\n",
        flags.kid
    ));
    Ok(())
}
