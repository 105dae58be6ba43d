//! Accounts and their passwords.

use async_trait::async_trait;
use brama_faults::{Fault, planted};
use brama_protocol::id::UserId;
use brama_protocol::username::NameKey;
use brama_store::Unavailable;
use brama_store::audit::Event;
use brama_store::user::{AddUser, NewUser, SealedPasswordHash, User, UserStatus, Users};
use jiff::Timestamp;
use rusqlite::{Connection, Row};

use crate::SqliteStore;
use crate::audit::{About, record};
use crate::column::{Cells, all, change, corrupt, first, millis, timestamp};
use crate::logout_delivery;

fn status_number(status: UserStatus) -> i64 {
    match status {
        UserStatus::Active => 1,
        UserStatus::Disabled => 2,
    }
}

/// The columns of [`read`].
macro_rules! user_columns {
    () => {
        "user.id, user.username, user.email, user.email_verified, user.name, user.locale, user.status, user.epoch, \
         user.created_at, user.updated_at"
    };
}
pub(crate) use user_columns;

pub(crate) fn read(cells: &mut Cells<'_, '_>) -> Result<User, Unavailable> {
    Ok(User {
        id: UserId::from_bytes(cells.take()?),
        username: cells.take()?,
        email: cells.take()?,
        email_verified: cells.take()?,
        name: cells.take()?,
        locale: cells.take()?,
        status: match cells.take::<i64>()? {
            1 => UserStatus::Active,
            2 => UserStatus::Disabled,
            other => return Err(corrupt("user", format!("status {other}"))),
        },
        epoch: cells.take()?,
        created_at: timestamp("user", cells.take()?)?,
        updated_at: timestamp("user", cells.take()?)?,
    })
}

fn read_row(row: &Row<'_>) -> Result<User, Unavailable> {
    read(&mut Cells::of(row))
}

/// Whether what was begun under this epoch still counts. SE-14.
pub(crate) fn is_current(user: &User, epoch: u32) -> bool {
    user.status == UserStatus::Active && user.epoch == epoch
}

/// The account with this id, inside a unit.
pub(crate) fn find(connection: &Connection, id: UserId) -> Result<Option<User>, Unavailable> {
    first(connection, concat!("SELECT ", user_columns!(), " FROM user WHERE id = ?1"), [id.as_bytes()], read_row)
}

/// The account if it is active and still has this epoch. SE-14.
pub(crate) fn find_current(connection: &Connection, id: UserId, epoch: u32) -> Result<Option<User>, Unavailable> {
    Ok(find(connection, id)?.filter(|user| is_current(user, epoch)))
}

/// End everything that was begun for the account, and let the apps be told. SE-14, LO-10.
pub(crate) fn raise_epoch(connection: &Connection, id: UserId, now: Timestamp) -> Result<bool, Unavailable> {
    let raised = change(
        connection,
        "UPDATE user SET epoch = epoch + 1, updated_at = ?2 WHERE id = ?1",
        (id.as_bytes(), millis(now)),
    )?;
    // The epoch decides; these writes only let lists and sweeps see it.
    change(
        connection,
        "UPDATE session SET ended_at = ?2 WHERE user_id = ?1 AND ended_at IS NULL",
        (id.as_bytes(), millis(now)),
    )?;
    change(
        connection,
        "UPDATE app_grant SET revoked_at = ?2 WHERE user_id = ?1 AND revoked_at IS NULL",
        (id.as_bytes(), millis(now)),
    )?;
    logout_delivery::due_of_user(connection, id, now)?;
    Ok(raised > 0)
}

fn add(connection: &Connection, new: &NewUser, now: Timestamp) -> Result<AddUser, Unavailable> {
    let username = new.username.key();
    let email = new.email.as_ref().map(brama_protocol::username::Email::key);
    let mut keys = vec![username];
    keys.extend(email.filter(|email| !keys.contains(email)));
    for key in &keys {
        let taken = first(connection, "SELECT 1 FROM user_name WHERE key = ?1", [key.as_str()], |_| Ok(()))?;
        if taken.is_some() {
            return Ok(AddUser::NameTaken);
        }
    }
    change(
        connection,
        "INSERT INTO user (id, username, email, email_verified, name, locale, status, epoch, created_at, updated_at)
         VALUES (?1, ?2, ?3, 0, ?4, ?5, ?6, 0, ?7, ?7)",
        (
            new.id.as_bytes(),
            new.username.as_str(),
            new.email.as_ref().map(brama_protocol::username::Email::as_str),
            new.name.as_deref(),
            new.locale.as_deref(),
            status_number(UserStatus::Active),
            millis(now),
        ),
    )?;
    for key in &keys {
        change(connection, "INSERT INTO user_name (key, user_id) VALUES (?1, ?2)", (key.as_str(), new.id.as_bytes()))?;
    }
    if let Some(password) = &new.password {
        change(
            connection,
            "INSERT INTO password (user_id, sealed, updated_at) VALUES (?1, ?2, ?3)",
            (new.id.as_bytes(), &password.0, millis(now)),
        )?;
    }
    record(connection, now, Event::UserAdded, About { user: Some(new.id), ..About::default() })?;
    Ok(AddUser::Added)
}

#[async_trait]
impl Users for SqliteStore {
    async fn add_user(&self, user: NewUser, now: Timestamp) -> Result<AddUser, Unavailable> {
        self.write(move |connection| add(connection, &user, now)).await
    }

    async fn find_user(&self, id: UserId) -> Result<Option<User>, Unavailable> {
        self.read(move |connection| find(connection, id)).await
    }

    async fn find_sign_in(&self, name: &NameKey) -> Result<Option<(User, Option<SealedPasswordHash>)>, Unavailable> {
        let name = name.clone();
        self.read(move |connection| {
            first(
                connection,
                concat!(
                    "SELECT ",
                    user_columns!(),
                    ", password.sealed FROM user_name
                     JOIN user ON user.id = user_name.user_id
                     LEFT JOIN password ON password.user_id = user.id
                     WHERE user_name.key = ?1"
                ),
                [name.as_str()],
                |row| {
                    let mut cells = Cells::of(row);
                    Ok((read(&mut cells)?, cells.take::<Option<Vec<u8>>>()?.map(SealedPasswordHash)))
                },
            )
        })
        .await
    }

    async fn list_users(&self, limit: u32) -> Result<Vec<User>, Unavailable> {
        self.read_many(move |connection| {
            let sql = concat!("SELECT ", user_columns!(), " FROM user ORDER BY username LIMIT ?1");
            all(connection, sql, [limit], read_row)
        })
        .await
    }

    async fn rehash_password(
        &self,
        user: UserId,
        old: SealedPasswordHash,
        new: SealedPasswordHash,
    ) -> Result<bool, Unavailable> {
        self.write(move |connection| {
            change(
                connection,
                "UPDATE password SET sealed = ?3 WHERE user_id = ?1 AND sealed = ?2",
                (user.as_bytes(), &old.0, &new.0),
            )
            .map(|changed| changed > 0)
        })
        .await
    }

    async fn set_password(&self, user: UserId, new: SealedPasswordHash, now: Timestamp) -> Result<bool, Unavailable> {
        self.write(move |connection| {
            if !planted(Fault::Revoke01) && !raise_epoch(connection, user, now)? {
                return Ok(false);
            }
            change(
                connection,
                "INSERT INTO password (user_id, sealed, updated_at) VALUES (?1, ?2, ?3)
                 ON CONFLICT (user_id) DO UPDATE SET sealed = excluded.sealed, updated_at = excluded.updated_at",
                (user.as_bytes(), &new.0, millis(now)),
            )?;
            record(connection, now, Event::PasswordSet, About { user: Some(user), ..About::default() })?;
            Ok(true)
        })
        .await
    }

    async fn set_user_status(&self, user: UserId, status: UserStatus, now: Timestamp) -> Result<bool, Unavailable> {
        self.write(move |connection| {
            let changed = change(
                connection,
                "UPDATE user SET status = ?2, updated_at = ?3 WHERE id = ?1",
                (user.as_bytes(), status_number(status), millis(now)),
            )?;
            if changed == 0 {
                return Ok(false);
            }
            if status == UserStatus::Disabled {
                raise_epoch(connection, user, now)?;
            }
            record(connection, now, Event::StatusChanged, About { user: Some(user), ..About::default() })?;
            Ok(true)
        })
        .await
    }
}
