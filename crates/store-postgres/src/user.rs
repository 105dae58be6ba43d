//! Accounts and their passwords.

use async_trait::async_trait;
use brama_protocol::id::UserId;
use brama_protocol::username::{Email, NameKey};
use brama_store::Unavailable;
use brama_store::audit::Event;
use brama_store::user::{AddUser, NewUser, SealedPasswordHash, User, UserStatus, Users};
use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;

use crate::PostgresStore;
use crate::audit::{About, record};
use crate::column::{bytes, corrupt, get, instant, millis, number};
use crate::logout_delivery;
use crate::pool::{Fault, Pool, Transaction};

/// The columns of a user `u`, under names that no other table of a join has.
macro_rules! user_columns {
    () => {
        "u.id AS u_id, u.username AS u_username, u.email AS u_email, u.email_verified AS u_email_verified, \
         u.name AS u_name, u.locale AS u_locale, u.status AS u_status, u.epoch AS u_epoch, \
         u.created_at AS u_created_at, u.updated_at AS u_updated_at"
    };
}
pub(crate) use user_columns;

pub(crate) const ACTIVE: i64 = 1;
const DISABLED: i64 = 2;

fn status_number(status: UserStatus) -> i64 {
    match status {
        UserStatus::Active => ACTIVE,
        UserStatus::Disabled => DISABLED,
    }
}

/// From [`user_columns`].
pub(crate) fn read_user(row: &Row) -> Result<User, Unavailable> {
    Ok(User {
        id: UserId::from_bytes(bytes("user", row, "u_id")?),
        username: get(row, "u_username")?,
        email: get(row, "u_email")?,
        email_verified: get(row, "u_email_verified")?,
        name: get(row, "u_name")?,
        locale: get(row, "u_locale")?,
        status: match get::<i64>(row, "u_status")? {
            ACTIVE => UserStatus::Active,
            DISABLED => UserStatus::Disabled,
            other => return Err(corrupt("user", format!("status {other}"))),
        },
        epoch: number("user", row, "u_epoch")?,
        created_at: instant("user", row, "u_created_at")?,
        updated_at: instant("user", row, "u_updated_at")?,
    })
}

/// Lock the account until the end of the transaction; `false` if it is not active or has another epoch. SE-14.
pub(crate) async fn lock_current(transaction: &Transaction, id: UserId, epoch: u32) -> Result<bool, Fault> {
    let found = transaction
        .first(r#"SELECT status, epoch FROM "user" WHERE id = $1 FOR NO KEY UPDATE"#, &[&id.as_bytes().as_slice()])
        .await?;
    let Some(row) = found else { return Ok(false) };
    Ok(get::<i64>(&row, "status")? == ACTIVE && get::<i64>(&row, "epoch")? == i64::from(epoch))
}

/// End everything that was begun for the account, and let the apps be told. SE-14, LO-10.
pub(crate) async fn raise_epoch(transaction: &Transaction, id: UserId, now: Timestamp) -> Result<bool, Fault> {
    let (id, now) = (id.as_bytes().as_slice(), millis(now));
    let raised = transaction
        .change(r#"UPDATE "user" SET epoch = epoch + 1, updated_at = $2 WHERE id = $1"#, &[&id, &now])
        .await?;
    // The epoch decides; these writes only let lists and sweeps see it. The lock waits for grants that are being given.
    transaction
        .all("SELECT 1 FROM session WHERE user_id = $1 AND ended_at IS NULL ORDER BY id FOR UPDATE", &[&id])
        .await?;
    transaction
        .change("UPDATE session SET ended_at = $2 WHERE user_id = $1 AND ended_at IS NULL", &[&id, &now])
        .await?;
    transaction
        .change(
            "UPDATE app_grant g SET revoked_at = $2
             FROM (SELECT id FROM app_grant WHERE user_id = $1 AND revoked_at IS NULL ORDER BY id FOR NO KEY UPDATE) live
             WHERE g.id = live.id",
            &[&id, &now],
        )
        .await?;
    logout_delivery::due_of_user(transaction, id, now).await?;
    Ok(raised > 0)
}

/// One statement: all of it or nothing, and of two that want a name the second one breaks its uniqueness.
async fn add(pool: &Pool, new: &NewUser, now: Timestamp) -> Result<AddUser, Fault> {
    let username = new.username.key();
    let email = new.email.as_ref().map(Email::key);
    let mut keys = vec![username.as_str()];
    keys.extend(email.as_ref().map(NameKey::as_str).filter(|email| *email != username.as_str()));
    // Two accounts that want the same two names ask for them in one order.
    keys.sort_unstable();
    let added = pool
        .once(
            r#"WITH added AS (
                 INSERT INTO "user" (id, username, email, email_verified, name, locale, status, epoch, created_at, updated_at)
                 VALUES ($1, $2, $3, false, $4, $5, $6, 0, $7, $7)
             ), named AS (
                 INSERT INTO user_name (key, user_id) SELECT key, $1::bytea FROM unnest($8::text[]) AS key
             ), secured AS (
                 INSERT INTO password (user_id, sealed, updated_at)
                 SELECT $1::bytea, $9::bytea, $7::bigint WHERE $9::bytea IS NOT NULL
             )
             INSERT INTO audit (at, event, user_id) VALUES ($7, $10, $1)"#,
            &[
                &new.id.as_bytes().as_slice(),
                &new.username.as_str(),
                &new.email.as_ref().map(Email::as_str),
                &new.name,
                &new.locale,
                &ACTIVE,
                &millis(now),
                &keys,
                &new.password.as_ref().map(|password| password.0.as_slice()),
                &Event::UserAdded.as_str(),
            ],
        )
        .await;
    match added {
        Ok(_) => Ok(AddUser::Added),
        Err(Fault::Database(error)) if breaks(&error, "user_name_pkey") => Ok(AddUser::NameTaken),
        Err(fault) => Err(fault),
    }
}

fn breaks(error: &tokio_postgres::Error, constraint: &str) -> bool {
    error
        .as_db_error()
        .is_some_and(|error| *error.code() == SqlState::UNIQUE_VIOLATION && error.constraint() == Some(constraint))
}

async fn set_password(pool: &Pool, user: UserId, new: &SealedPasswordHash, now: Timestamp) -> Result<bool, Fault> {
    let transaction = pool.begin().await?;
    let known = raise_epoch(&transaction, user, now).await?;
    if known {
        transaction
            .change(
                "INSERT INTO password (user_id, sealed, updated_at) VALUES ($1, $2, $3)
                 ON CONFLICT (user_id) DO UPDATE SET sealed = excluded.sealed, updated_at = excluded.updated_at",
                &[&user.as_bytes().as_slice(), &new.0, &millis(now)],
            )
            .await?;
        record(&transaction, now, Event::PasswordSet, About { user: Some(user), ..About::default() }).await?;
    }
    transaction.commit().await?;
    Ok(known)
}

async fn set_status(pool: &Pool, user: UserId, status: UserStatus, now: Timestamp) -> Result<bool, Fault> {
    let transaction = pool.begin().await?;
    let changed = transaction
        .change(
            r#"UPDATE "user" SET status = $2, updated_at = $3 WHERE id = $1"#,
            &[&user.as_bytes().as_slice(), &status_number(status), &millis(now)],
        )
        .await?;
    if changed > 0 {
        if status == UserStatus::Disabled {
            raise_epoch(&transaction, user, now).await?;
        }
        record(&transaction, now, Event::StatusChanged, About { user: Some(user), ..About::default() }).await?;
    }
    transaction.commit().await?;
    Ok(changed > 0)
}

#[async_trait]
impl Users for PostgresStore {
    async fn add_user(&self, user: NewUser, now: Timestamp) -> Result<AddUser, Unavailable> {
        self.pool.write(|| add(&self.pool, &user, now)).await
    }

    async fn find_user(&self, id: UserId) -> Result<Option<User>, Unavailable> {
        let found = self
            .pool
            .first(
                concat!("SELECT ", user_columns!(), r#" FROM "user" u WHERE u.id = $1"#),
                &[&id.as_bytes().as_slice()],
            )
            .await?;
        found.as_ref().map(read_user).transpose()
    }

    async fn find_sign_in(&self, name: &NameKey) -> Result<Option<(User, Option<SealedPasswordHash>)>, Unavailable> {
        // PostgreSQL has no text with this character in it, and no user a name.
        if name.as_str().contains('\0') {
            return Ok(None);
        }
        let found = self
            .pool
            .first(
                concat!(
                    "SELECT ",
                    user_columns!(),
                    r#", password.sealed FROM user_name
                     JOIN "user" u ON u.id = user_name.user_id
                     LEFT JOIN password ON password.user_id = u.id
                     WHERE user_name.key = $1"#
                ),
                &[&name.as_str()],
            )
            .await?;
        let Some(row) = found else { return Ok(None) };
        Ok(Some((read_user(&row)?, get::<Option<Vec<u8>>>(&row, "sealed")?.map(SealedPasswordHash))))
    }

    async fn list_users(&self, limit: u32) -> Result<Vec<User>, Unavailable> {
        let rows = self
            .pool
            .all(
                concat!("SELECT ", user_columns!(), r#" FROM "user" u ORDER BY u.username LIMIT $1"#),
                &[&i64::from(limit)],
            )
            .await?;
        rows.iter().map(read_user).collect()
    }

    async fn rehash_password(
        &self,
        user: UserId,
        old: SealedPasswordHash,
        new: SealedPasswordHash,
    ) -> Result<bool, Unavailable> {
        let changed = self
            .pool
            .change(
                "UPDATE password SET sealed = $3 WHERE user_id = $1 AND sealed = $2 RETURNING 1",
                &[&user.as_bytes().as_slice(), &old.0, &new.0],
            )
            .await?;
        Ok(!changed.is_empty())
    }

    async fn set_password(&self, user: UserId, new: SealedPasswordHash, now: Timestamp) -> Result<bool, Unavailable> {
        self.pool.write(|| set_password(&self.pool, user, &new, now)).await
    }

    async fn set_user_status(&self, user: UserId, status: UserStatus, now: Timestamp) -> Result<bool, Unavailable> {
        self.pool.write(|| set_status(&self.pool, user, status, now)).await
    }
}
