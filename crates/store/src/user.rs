//! Accounts and their passwords.

use async_trait::async_trait;
use brama_protocol::id::UserId;
use brama_protocol::username::{Email, NameKey, Username};
use jiff::Timestamp;

use crate::Unavailable;

/// Whether an account may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserStatus {
    /// It may.
    Active,
    /// Switched off by an operator.
    Disabled,
}

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its id, the `sub` of tokens.
    pub id: UserId,
    /// What its owner signs in with.
    pub username: String,
    /// Its address, if any.
    pub email: Option<String>,
    /// Whether the address was shown to be the owner's.
    pub email_verified: bool,
    /// Full name, if given.
    pub name: Option<String>,
    /// Preferred language, BCP 47.
    pub locale: Option<String>,
    /// Whether it may be used.
    pub status: UserStatus,
    /// Copied into everything that was begun for the account; raising it ends all of that at once. SE-14.
    pub epoch: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A password hash, sealed with the password key and bound to its user. PW-13. Prints nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedPasswordHash(pub Vec<u8>);

impl std::fmt::Debug for SealedPasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealedPasswordHash(…)")
    }
}

/// An account that is to be made.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// Its id.
    pub id: UserId,
    /// The name to sign in with.
    pub username: Username,
    /// Its address.
    pub email: Option<Email>,
    /// Full name.
    pub name: Option<String>,
    /// Preferred language.
    pub locale: Option<String>,
    /// Its password, if it has one.
    pub password: Option<SealedPasswordHash>,
}

/// What making an account did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddUser {
    /// It is there now.
    Added,
    /// The user name or the address belongs to another account; nothing changed.
    NameTaken,
}

/// Accounts in the database.
#[async_trait]
pub trait Users: Send + Sync {
    /// Make an account. Names and addresses are one space: no two accounts answer to the same typed text.
    async fn add_user(&self, user: NewUser, now: Timestamp) -> Result<AddUser, Unavailable>;
    /// The account with this id.
    async fn find_user(&self, id: UserId) -> Result<Option<User>, Unavailable>;
    /// The account that answers to a typed user name or address, and its password.
    async fn find_sign_in(&self, name: &NameKey) -> Result<Option<(User, Option<SealedPasswordHash>)>, Unavailable>;
    /// Accounts in order of user name, at most `limit`.
    async fn list_users(&self, limit: u32) -> Result<Vec<User>, Unavailable>;
    /// Replace the hash after a successful sign-in with outdated parameters, if it is still `old`. PW-14: no epoch, no
    /// audit row. `false`: it changed meanwhile.
    async fn rehash_password(
        &self,
        user: UserId,
        old: SealedPasswordHash,
        new: SealedPasswordHash,
    ) -> Result<bool, Unavailable>;
    /// Set a new password and raise the epoch: everything begun under the old one ends. SE-15. `false`: no such user.
    async fn set_password(&self, user: UserId, new: SealedPasswordHash, now: Timestamp) -> Result<bool, Unavailable>;
    /// Disable or enable an account; disabling raises the epoch. SE-15. `false`: no such user.
    async fn set_user_status(&self, user: UserId, status: UserStatus, now: Timestamp) -> Result<bool, Unavailable>;
}
