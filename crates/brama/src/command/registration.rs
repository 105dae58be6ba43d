//! `brama registration`: who may register apps over HTTP. RFC 7591 §3; RG-10.

use std::sync::Arc;

use brama_config::{Config, RegistrationMode};
use brama_flows::Entropy as _;
use brama_protocol::handle::{Handle, kind};
use brama_protocol::id::InitialAccessTokenId;
use brama_store::Store;
use brama_store::registration::InitialAccessToken;
use clap::{Args, Subcommand};
use jiff::SignedDuration;
use serde_json::json;

use crate::command::Place;
use crate::database;
use crate::edge::{self, SystemEntropy};
use crate::failure::{Failure, Trouble, USAGE};
use crate::terminal;

/// What can be done about registration.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Initial access tokens: each lets so many apps register themselves
    #[command(subcommand)]
    Token(Token),
}

/// What can be done with initial access tokens.
#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    /// Make a token; it is printed once
    Add(Add),
    /// List tokens
    List(List),
    /// Remove a token; apps that it let in stay
    Rm(Rm),
}

/// `brama registration token add`.
#[derive(Debug, Args)]
pub(crate) struct Add {
    /// How many apps may register with it
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    uses: u32,
    /// How long it lets somebody in, such as 24h or 7d
    #[arg(long, value_name = "TIME", default_value = "7d")]
    expires: String,
    /// What it is for, as `list` shows it
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// `brama registration token list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Print JSON, one line for each
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// `brama registration token rm`.
#[derive(Debug, Args)]
pub(crate) struct Rm {
    /// Its id, as `list` shows it
    id: String,
    #[command(flatten)]
    place: Place,
}

async fn open(place: &Place) -> Result<(Config, Arc<dyn Store>), Failure> {
    let config = place.load()?.config;
    let store = database::open_existing(&config).await?;
    Ok((config, store))
}

/// Run a command about registration.
pub(crate) async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Token(Token::Add(flags)) => add(flags).await,
        Command::Token(Token::List(flags)) => list(&flags).await,
        Command::Token(Token::Rm(flags)) => rm(&flags).await,
    }
}

fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0u8; N];
    SystemEntropy
        .fill(&mut bytes)
        .map_err(|error| Trouble::new("B5103", error.to_string(), "run the command again"))?;
    Ok(bytes)
}

/// A length of time as configuration writes it, one year at most.
fn life(text: &str) -> Result<SignedDuration, Failure> {
    const LONGEST: SignedDuration = SignedDuration::from_hours(366 * 24);
    let parsed = brama_config::parse_duration(text).ok().and_then(|life| SignedDuration::try_from(life).ok());
    parsed.filter(|life| life.is_positive() && *life <= LONGEST).ok_or_else(|| {
        let what = format!("--expires {text:?} is no length of time up to 366d");
        Trouble::new("B5109", what, "write a number and a unit, such as 24h or 7d").exit(USAGE).into()
    })
}

async fn add(flags: Add) -> Result<(), Failure> {
    if flags.note.chars().count() > 200 || flags.note.chars().any(char::is_control) {
        let what = "a note has at most 200 characters and no control characters";
        return Err(Trouble::new("B5109", what, "write a shorter one").exit(USAGE).into());
    }
    let life = life(&flags.expires)?;
    let (config, store) = open(&flags.place).await?;
    let now = edge::now();
    let token = Handle::<kind::InitialAccessToken>::from_random(random()?);
    let record = InitialAccessToken {
        id: InitialAccessTokenId::new(now, random()?),
        note: flags.note,
        uses_left: flags.uses,
        expires_at: now.checked_add(life).unwrap_or(now),
        created_at: now,
    };
    store.add_initial_access_token(record.clone(), token.hash()).await?;
    if config.registration.mode != RegistrationMode::Token {
        terminal::message(
            "warning: it lets nobody in as long as registration.mode is not \"token\"; set it and start the server again\n\n",
        );
    }
    if flags.json {
        let mut shown = describe(&record);
        if let Some(members) = shown.as_object_mut() {
            members.insert("initial_access_token".to_owned(), token.to_wire().into());
        }
        terminal::data(&format!("{shown}\n"));
    } else {
        terminal::message("The token is made.\n\n");
        terminal::data(&format!("initial_access_token  {}\n", token.to_wire()));
        terminal::message(&format!(
            "\nIt is shown this once: only its hash is kept. It lets {} in until {}.\n",
            if record.uses_left == 1 { "one app".to_owned() } else { format!("{} apps", record.uses_left) },
            record.expires_at
        ));
    }
    Ok(())
}

fn describe(token: &InitialAccessToken) -> serde_json::Value {
    json!({
        "id": token.id.to_string(),
        "note": token.note,
        "uses_left": token.uses_left,
        "expires_at": token.expires_at.to_string(),
        "created_at": token.created_at.to_string(),
    })
}

async fn list(flags: &List) -> Result<(), Failure> {
    let now = edge::now();
    for token in open(&flags.place).await?.1.initial_access_tokens().await? {
        let line = if flags.json {
            describe(&token).to_string()
        } else {
            let state = match token.uses_left {
                _ if token.expires_at <= now => "expired".to_owned(),
                0 => "used up".to_owned(),
                left => format!("{left} left"),
            };
            format!("{}  {state}  until {}  {}", token.id, token.expires_at, token.note)
        };
        terminal::data(&format!("{}\n", line.trim_end()));
    }
    Ok(())
}

async fn rm(flags: &Rm) -> Result<(), Failure> {
    let unknown = || {
        let what = format!("there is no initial access token {:?}", flags.id);
        Failure::from(Trouble::new("B5108", what, "see `brama registration token list`"))
    };
    let id: InitialAccessTokenId = flags.id.parse().map_err(|_| unknown())?;
    if !open(&flags.place).await?.1.remove_initial_access_token(id).await? {
        return Err(unknown());
    }
    terminal::message("The token is removed; it lets nobody in any more. Apps that it let in stay.\n");
    Ok(())
}
