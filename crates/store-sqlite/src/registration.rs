//! Apps that register themselves.

use async_trait::async_trait;
use brama_protocol::client::ClientId;
use brama_protocol::handle::{HandleHash, kind};
use brama_protocol::id::InitialAccessTokenId;
use brama_store::Unavailable;
use brama_store::client::ClientRecord;
use brama_store::registration::{
    InitialAccessToken, NewRegistration, Register, Registration, Registrations, Replacement, Secrets,
};
use brama_store::stored::corrupt;
use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, Row};

use crate::SqliteStore;
use crate::client::{exists, find, is_enabled, put};
use crate::column::{all, change, first, get, millis, timestamp};

fn read_token(row: &Row<'_>) -> Result<InitialAccessToken, Unavailable> {
    let uses: i64 = get(row, "uses_left")?;
    Ok(InitialAccessToken {
        id: InitialAccessTokenId::from_bytes(get(row, "id")?),
        note: get(row, "note")?,
        uses_left: u32::try_from(uses).map_err(|error| corrupt("initial_access_token", error))?,
        expires_at: timestamp("initial_access_token", get(row, "expires_at")?)?,
        created_at: timestamp("initial_access_token", get(row, "created_at")?)?,
    })
}

/// Take one use of the token; `false`: there is none left.
fn spend(
    connection: &Connection,
    token: HandleHash<kind::InitialAccessToken>,
    now: Timestamp,
) -> Result<bool, Unavailable> {
    let spent = change(
        connection,
        "UPDATE initial_access_token SET uses_left = uses_left - 1
         WHERE hash = ?1 AND uses_left > 0 AND expires_at > ?2",
        (token.as_bytes(), millis(now)),
    )?;
    Ok(spent == 1)
}

fn register(connection: &Connection, new: &NewRegistration, now: Timestamp) -> Result<Register, Unavailable> {
    let id = &new.record.client.id;
    let count: Option<i64> =
        first(connection, "SELECT count(*) AS n FROM client_registration", (), |row| get(row, "n"))?;
    if count.unwrap_or(0) >= i64::from(new.most) {
        return Ok(Register::Full);
    }
    if exists(connection, id)? {
        return Ok(Register::IdTaken);
    }
    if let Some(token) = new.by
        && !spend(connection, token, now)?
    {
        return Ok(Register::TokenRefused);
    }
    put(connection, &new.record)?;
    change(
        connection,
        "INSERT INTO client_registration (client_id, token, issued_at, used_at, unused_life) VALUES (?1, ?2, ?3, ?3, ?4)",
        (id.as_str(), new.token.as_bytes(), millis(now), new.unused_life.map(in_millis)),
    )?;
    Ok(Register::Registered)
}

fn in_millis(life: SignedDuration) -> i64 {
    i64::try_from(life.as_millis()).unwrap_or(i64::MAX)
}

/// When the id was given, if the token opens the registration.
fn opened(
    connection: &Connection,
    client: &ClientId,
    token: HandleHash<kind::RegistrationAccessToken>,
) -> Result<Option<Timestamp>, Unavailable> {
    first(
        connection,
        "SELECT issued_at FROM client_registration WHERE client_id = ?1 AND token = ?2",
        (client.as_str(), token.as_bytes()),
        |row| timestamp("client_registration", get(row, "issued_at")?),
    )
}

fn replace(connection: &Connection, new: &Replacement) -> Result<bool, Unavailable> {
    let id = &new.record.client.id;
    if opened(connection, id, new.token)?.is_none() || !is_enabled(connection, id)? {
        return Ok(false);
    }
    if new.secrets != Secrets::Keep {
        change(connection, "DELETE FROM client_secret WHERE client_id = ?1", [id.as_str()])?;
    }
    if new.forget {
        change(connection, "DELETE FROM consent WHERE client_id = ?1", [id.as_str()])?;
    }
    let only = match new.secrets {
        Secrets::Only(secret) => vec![secret],
        Secrets::Keep | Secrets::Drop => Vec::new(),
    };
    put(connection, &ClientRecord { secrets: only, ..new.record.clone() })?;
    change(
        connection,
        "UPDATE client_registration SET unused_life = ?2, used_at = max(used_at, ?3) WHERE client_id = ?1",
        (id.as_str(), new.unused_life.map(in_millis), millis(new.record.updated_at)),
    )?;
    Ok(true)
}

#[async_trait]
impl Registrations for SqliteStore {
    async fn add_initial_access_token(
        &self,
        token: InitialAccessToken,
        hash: HandleHash<kind::InitialAccessToken>,
    ) -> Result<(), Unavailable> {
        self.write(move |connection| {
            change(
                connection,
                "INSERT INTO initial_access_token (id, hash, note, uses_left, expires_at, created_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                (
                    token.id.as_bytes(),
                    hash.as_bytes(),
                    &token.note,
                    token.uses_left,
                    millis(token.expires_at),
                    millis(token.created_at),
                ),
            )
            .map(drop)
        })
        .await
    }

    async fn initial_access_tokens(&self) -> Result<Vec<InitialAccessToken>, Unavailable> {
        self.read(|connection| {
            all(connection, "SELECT * FROM initial_access_token ORDER BY created_at, id", (), read_token)
        })
        .await
    }

    async fn remove_initial_access_token(&self, id: InitialAccessTokenId) -> Result<bool, Unavailable> {
        self.write(move |connection| {
            Ok(change(connection, "DELETE FROM initial_access_token WHERE id = ?1", [id.as_bytes()])? > 0)
        })
        .await
    }

    async fn admits_registration(
        &self,
        hash: HandleHash<kind::InitialAccessToken>,
        now: Timestamp,
    ) -> Result<bool, Unavailable> {
        self.read(move |connection| {
            let found = first(
                connection,
                "SELECT 1 FROM initial_access_token WHERE hash = ?1 AND uses_left > 0 AND expires_at > ?2",
                (hash.as_bytes(), millis(now)),
                |_| Ok(()),
            )?;
            Ok(found.is_some())
        })
        .await
    }

    async fn register_client(&self, new: NewRegistration, now: Timestamp) -> Result<Register, Unavailable> {
        self.write(move |connection| register(connection, &new, now)).await
    }

    async fn find_registration(
        &self,
        client: &ClientId,
        token: HandleHash<kind::RegistrationAccessToken>,
    ) -> Result<Option<Registration>, Unavailable> {
        let client = client.clone();
        self.read(move |connection| {
            let Some(issued_at) = opened(connection, &client, token)? else { return Ok(None) };
            Ok(find(connection, &client)?.map(|record| Registration { record, issued_at }))
        })
        .await
    }

    async fn replace_registration(&self, new: Replacement) -> Result<bool, Unavailable> {
        self.write(move |connection| replace(connection, &new)).await
    }

    async fn remove_registration(
        &self,
        client: &ClientId,
        token: HandleHash<kind::RegistrationAccessToken>,
    ) -> Result<bool, Unavailable> {
        let client = client.clone();
        self.write(move |connection| {
            let removed = change(
                connection,
                "DELETE FROM client WHERE id = ?1 AND enabled
                 AND EXISTS (SELECT 1 FROM client_registration WHERE client_id = ?1 AND token = ?2)",
                (client.as_str(), token.as_bytes()),
            )?;
            Ok(removed > 0)
        })
        .await
    }
}
