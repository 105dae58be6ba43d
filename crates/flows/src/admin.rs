//! What operators do to accounts.

use std::sync::Arc;

use brama_protocol::error::Refusal;
use brama_protocol::id::UserId;
use brama_protocol::limits;
use brama_protocol::password::{Password, Unacceptable};
use brama_protocol::username::{Email, Username};
use brama_store::user::{AddUser, NewUser};

use crate::context::Ctx;
use crate::login::password;

/// An account that is to be made.
#[derive(Clone, Debug)]
pub struct AccountForm {
    /// The name to sign in with.
    pub username: Username,
    /// Its address, which can be typed instead.
    pub email: Option<Email>,
    /// Full name.
    pub name: Option<String>,
    /// Preferred language, BCP 47.
    pub locale: Option<String>,
}

/// Why an account cannot be made or changed.
#[derive(Debug, thiserror::Error)]
pub enum CannotChange {
    /// The password is longer than may be. PW-2.
    #[error("the password is longer than {} characters", limits::PASSWORD_CODE_POINTS)]
    PasswordTooLong,
    /// The password may not be set. PW-1, PW-5.
    #[error(transparent)]
    Password(#[from] Unacceptable),
    /// Another account answers to the user name or to the address.
    #[error("another account answers to this user name or address")]
    NameTaken,
    /// There is no such account.
    #[error("there is no such account")]
    NoSuchUser,
    /// The server cannot do it now.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// Take a password that is to be set. PW-1 to PW-5.
fn acceptable(ctx: &Ctx, typed: &str) -> Result<Arc<Password>, CannotChange> {
    let password = Password::parse(typed).map_err(|_| CannotChange::PasswordTooLong)?;
    password.check_new(ctx.settings.password_min)?;
    Ok(Arc::new(password))
}

/// Make an account with a password.
///
/// # Errors
/// [`CannotChange`]; nothing was made.
pub async fn add_account(ctx: &Ctx, form: AccountForm, typed: &str) -> Result<UserId, CannotChange> {
    let password = acceptable(ctx, typed)?;
    let id = UserId::new(ctx.now, ctx.random()?);
    let sealed = password::hash(ctx, id, password).await?;
    let AccountForm { username, email, name, locale } = form;
    let new = NewUser { id, username, email, name, locale, password: Some(sealed) };
    match ctx.store.add_user(new, ctx.now).await.map_err(Refusal::from)? {
        AddUser::Added => Ok(id),
        AddUser::NameTaken => Err(CannotChange::NameTaken),
    }
}

/// Set a new password: everything begun under the old one ends. SE-15.
///
/// # Errors
/// [`CannotChange`]; nothing was changed.
pub async fn set_password(ctx: &Ctx, user: UserId, typed: &str) -> Result<(), CannotChange> {
    let password = acceptable(ctx, typed)?;
    let sealed = password::hash(ctx, user, password).await?;
    match ctx.store.set_password(user, sealed, ctx.now).await.map_err(Refusal::from)? {
        true => {
            ctx.backchannel.wake();
            Ok(())
        }
        false => Err(CannotChange::NoSuchUser),
    }
}
