//! Remembered consent, and what apps may do.

use async_trait::async_trait;
use brama_protocol::client::ClientId;
use brama_protocol::id::{AuthorizationId, UserId};
use brama_protocol::resource::Resources;
use brama_store::Unavailable;
use brama_store::audit::Event;
use brama_store::authorization::{Asked, Consented};
use brama_store::consent::{Access, Consent, Consents};
use jiff::Timestamp;
use rusqlite::Connection;

use crate::SqliteStore;
use crate::audit::{About, record};
use crate::column::{all, change, client_id, first, get, millis, scope, timestamp};

/// Remember what was allowed, beside what was allowed before for the same resources. AZ-22.
pub(crate) fn remember(
    connection: &Connection,
    consented: &Consented,
    asked: &Asked,
    now: Timestamp,
) -> Result<(), Unavailable> {
    let before = find(connection, consented.user, &asked.client)?;
    change(
        connection,
        "INSERT INTO consent (user_id, client_id, scope, given_at, allowed) VALUES (?1, ?2, '', ?3, ?4)
         ON CONFLICT (user_id, client_id) DO UPDATE
             SET scope = '', resource = NULL, given_at = excluded.given_at, allowed = excluded.allowed",
        (
            consented.user.as_bytes(),
            asked.client.as_str(),
            millis(now),
            before.and(&asked.resources, &consented.scope).to_stored(),
        ),
    )
    .map(drop)
}

fn find(connection: &Connection, user: UserId, client: &ClientId) -> Result<Consent, Unavailable> {
    let found = first(
        connection,
        "SELECT allowed FROM consent WHERE user_id = ?1 AND client_id = ?2",
        (user.as_bytes(), client.as_str()),
        |row| Consent::from_stored(get::<Option<String>>(row, "allowed")?.as_deref()),
    )?;
    Ok(found.unwrap_or_default())
}

/// Whether the user still allows the client of this authorization exactly that.
pub(crate) fn stands(
    connection: &Connection,
    id: AuthorizationId,
    user: UserId,
    consent: &Consent,
) -> Result<bool, Unavailable> {
    let found = first(
        connection,
        "SELECT 1 FROM consent c JOIN authorization a ON a.client_id = c.client_id
         WHERE a.id = ?1 AND c.user_id = ?2 AND c.allowed = ?3",
        (id.as_bytes(), user.as_bytes(), consent.to_stored()),
        |_| Ok(()),
    )?;
    Ok(found.is_some())
}

fn withdraw(connection: &Connection, user: UserId, client: &ClientId, now: Timestamp) -> Result<bool, Unavailable> {
    let whose = (user.as_bytes(), client.as_str(), millis(now));
    // What is on its way first: requests that were just allowed, codes, devices. 1: waiting, 2: denied, 3: approved.
    let ways = [
        "UPDATE authorization SET status = 2 WHERE client_id = ?2
             AND (status = 1 AND consented_user = ?1 AND expires_at > ?3
                  OR status = 3 AND user_id = ?1 AND code_expires_at > ?3)",
        "UPDATE device_code SET status = 2 WHERE client_id = ?2 AND user_id = ?1 AND status IN (1, 3) AND expires_at > ?3",
        "UPDATE app_grant SET revoked_at = ?3 WHERE user_id = ?1 AND client_id = ?2 AND revoked_at IS NULL
             AND expires_at > ?3",
    ];
    let sql = "DELETE FROM consent WHERE user_id = ?1 AND client_id = ?2";
    let mut changed = change(connection, sql, (whose.0, whose.1))?;
    for sql in ways {
        changed += change(connection, sql, whose)?;
    }
    if changed == 0 {
        return Ok(false);
    }
    let about = About { user: Some(user), client: Some(client), ..About::default() };
    record(connection, now, Event::AccessWithdrawn, about)?;
    Ok(true)
}

#[async_trait]
impl Consents for SqliteStore {
    async fn find_consent(&self, user: UserId, client: &ClientId) -> Result<Consent, Unavailable> {
        let client = client.clone();
        self.read(move |connection| find(connection, user, &client)).await
    }

    async fn access_of(&self, user: UserId, now: Timestamp) -> Result<Vec<Access>, Unavailable> {
        self.read(move |connection| {
            all(
                connection,
                "SELECT g.client_id AS client_id, g.scope, g.resource, g.created_at AS since,
                        max(g.created_at, g.rotated_at) AS used_at, NULL AS allowed
                 FROM app_grant g JOIN user u ON u.id = g.user_id AND u.epoch = g.epoch
                 LEFT JOIN session s ON s.id = g.session_id AND s.ended_at IS NULL AND s.expires_at > ?2
                 WHERE g.user_id = ?1 AND g.revoked_at IS NULL AND g.expires_at > ?2 AND (g.offline OR s.id IS NOT NULL)
                 UNION ALL
                 SELECT client_id, scope, resource, given_at, NULL, allowed FROM consent
                 WHERE user_id = ?1 AND allowed IS NOT NULL
                 ORDER BY client_id, since",
                (user.as_bytes(), millis(now)),
                |row| {
                    let used_at: Option<i64> = get(row, "used_at")?;
                    let (scope, resources) = match get::<Option<String>>(row, "allowed")? {
                        Some(allowed) => {
                            let consent = Consent::from_stored(Some(&allowed))?;
                            (consent.scope(), consent.resources())
                        }
                        None => (
                            scope("app_grant", &get::<String>(row, "scope")?)?,
                            Resources::from_stored(get::<Option<String>>(row, "resource")?.as_deref()),
                        ),
                    };
                    Ok(Access {
                        client: client_id("consent", get(row, "client_id")?)?,
                        scope,
                        resources,
                        since: timestamp("consent", get(row, "since")?)?,
                        used_at: used_at.map(|at| timestamp("app_grant", at)).transpose()?,
                    })
                },
            )
        })
        .await
    }

    async fn withdraw_access(&self, user: UserId, client: &ClientId, now: Timestamp) -> Result<bool, Unavailable> {
        let client = client.clone();
        self.write(move |connection| withdraw(connection, user, &client, now)).await
    }
}
