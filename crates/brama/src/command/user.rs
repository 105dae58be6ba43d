//! `brama user`: accounts.

use std::io::{IsTerminal as _, Read as _};

use brama_flows::Ctx;
use brama_flows::admin::{self, AccountForm};
use brama_protocol::limits;
use brama_protocol::username::{Email, NameKey, Username};
use brama_store::user::{User, UserStatus};
use clap::{Args, Subcommand};
use zeroize::Zeroizing;

use crate::boot;
use crate::command::Place;
use crate::failure::{Failure, Trouble, USAGE};
use crate::terminal;

/// What can be done with accounts.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make an account
    Add(Add),
    /// List accounts
    List(List),
    /// Switch an account off: everything signed in as it ends
    Lock(Named),
    /// Switch an account on again
    Unlock(Named),
    /// Set a new password: everything signed in with the old one ends
    Password(SetPassword),
}

/// `brama user add`.
#[derive(Debug, Args)]
pub(crate) struct Add {
    /// User name
    name: String,
    /// E-mail address; it can be typed instead of the user name
    #[arg(long)]
    email: Option<String>,
    /// Full name
    #[arg(long, value_name = "NAME")]
    full_name: Option<String>,
    /// Preferred language, such as uk
    #[arg(long)]
    locale: Option<String>,
    #[command(flatten)]
    password: PasswordSource,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// `brama user list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// A command about one account.
#[derive(Debug, Args)]
pub(crate) struct Named {
    /// User name or e-mail address
    name: String,
    #[command(flatten)]
    place: Place,
}

/// `brama user password`.
#[derive(Debug, Args)]
pub(crate) struct SetPassword {
    /// User name or e-mail address
    name: String,
    #[command(flatten)]
    password: PasswordSource,
    #[command(flatten)]
    place: Place,
}

/// Where a password comes from: never from a flag, which other users of the machine could read.
#[derive(Debug, Args)]
struct PasswordSource {
    /// Read the password from the first line of standard input; otherwise the terminal is asked
    #[arg(long)]
    password_stdin: bool,
}

impl PasswordSource {
    fn read(&self) -> Result<Zeroizing<String>, Failure> {
        if self.password_stdin {
            let mut text = Zeroizing::new(String::new());
            let most = u64::try_from(limits::PASSWORD_BYTES * 2).unwrap_or(u64::MAX);
            std::io::stdin().take(most).read_to_string(&mut text)?;
            let line = text.split('\n').next().unwrap_or_default();
            return Ok(Zeroizing::new(line.strip_suffix('\r').unwrap_or(line).to_owned()));
        }
        if !std::io::stdin().is_terminal() {
            let fix = "pipe it in: printf '%s' \"$PASSWORD\" | brama user … --password-stdin";
            return Err(Trouble::new("B4201", "there is no terminal to ask for the password", fix).exit(USAGE).into());
        }
        let first = Zeroizing::new(rpassword::prompt_password("Password: ")?);
        let second = Zeroizing::new(rpassword::prompt_password("Once more: ")?);
        if first != second {
            return Err(Trouble::new("B4202", "the two passwords differ", "run the command again").exit(USAGE).into());
        }
        Ok(first)
    }
}

fn usage(code: &'static str, what: impl Into<String>, fix: &str) -> Failure {
    Trouble::new(code, what, fix).exit(USAGE).into()
}

async fn find(ctx: &Ctx, name: &str) -> Result<User, Failure> {
    let found = ctx.store.find_sign_in(&NameKey::of(name)).await?;
    found
        .map(|(user, _)| user)
        .ok_or_else(|| Trouble::new("B4204", format!("there is no account {name:?}"), "see `brama user list`").into())
}

/// Run a command about accounts.
pub(crate) async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Add(flags) => add(flags).await,
        Command::List(flags) => list(&flags).await,
        Command::Lock(flags) => set_status(&flags, UserStatus::Disabled).await,
        Command::Unlock(flags) => set_status(&flags, UserStatus::Active).await,
        Command::Password(flags) => set_password(&flags).await,
    }
}

async fn add(flags: Add) -> Result<(), Failure> {
    let username =
        Username::parse(&flags.name).map_err(|error| usage("B4205", error.to_string(), "choose another user name"))?;
    let email = flags.email.as_deref().map(Email::parse).transpose();
    let email = email.map_err(|error| usage("B4205", error.to_string(), "look at the address"))?;
    let ctx = boot::ctx(&flags.place.deployment().await?);
    let form = AccountForm { username, email, name: flags.full_name, locale: flags.locale };
    let id = admin::add_account(&ctx, form, &flags.password.read()?).await?;
    if flags.json {
        terminal::data(&format!("{}\n", serde_json::json!({ "sub": id.to_string(), "username": flags.name })));
    } else {
        terminal::message(&format!("The account {} is made. Its id (sub) is {id}.\n", flags.name));
    }
    Ok(())
}

async fn list(flags: &List) -> Result<(), Failure> {
    /// Most accounts that one list shows.
    const MOST: u32 = 10_000;
    let deployment = flags.place.deployment().await?;
    for user in deployment.store.list_users(MOST).await? {
        let active = user.status == UserStatus::Active;
        if flags.json {
            let line = serde_json::json!({
                "sub": user.id.to_string(), "username": user.username, "email": user.email, "name": user.name,
                "locale": user.locale, "active": active, "created_at": user.created_at.to_string(),
            });
            terminal::data(&format!("{line}\n"));
        } else {
            let state = if active { "active" } else { "locked" };
            let email = user.email.as_deref().unwrap_or("-");
            terminal::data(&format!("{}  {state}  {}  {email}\n", user.id, user.username));
        }
    }
    Ok(())
}

async fn set_status(flags: &Named, status: UserStatus) -> Result<(), Failure> {
    let ctx = boot::ctx(&flags.place.deployment().await?);
    let user = find(&ctx, &flags.name).await?;
    ctx.store.set_user_status(user.id, status, ctx.now).await?;
    let word = if status == UserStatus::Active { "unlocked" } else { "locked" };
    terminal::message(&format!("The account {} is {word}.\n", user.username));
    Ok(())
}

async fn set_password(flags: &SetPassword) -> Result<(), Failure> {
    let ctx = boot::ctx(&flags.place.deployment().await?);
    let user = find(&ctx, &flags.name).await?;
    admin::set_password(&ctx, user.id, &flags.password.read()?).await?;
    terminal::message(&format!("The password of {} is set; its sessions have ended.\n", user.username));
    Ok(())
}
