//! Remembered consent, and what apps may do.

use async_trait::async_trait;
use brama_protocol::client::ClientId;
use brama_protocol::id::UserId;
use brama_protocol::resource::Resources;
use brama_store::Unavailable;
use brama_store::audit::Event;
use brama_store::authorization::Consented;
use brama_store::consent::{Access, Consent, Consents};
use jiff::Timestamp;
use tokio_postgres::Row;

use crate::PostgresStore;
use crate::audit::{About, record};
use crate::column::{client_id, get, instant, millis, scope, timestamp};
use crate::pool::{Fault, Param, Pool, Transaction};

const FIND: &str = "SELECT allowed FROM consent WHERE user_id = $1 AND client_id = $2";

fn read(row: Option<&Row>) -> Result<Consent, Unavailable> {
    row.map_or_else(|| Ok(Consent::default()), |row| Consent::from_stored(get(row, "allowed")?))
}

/// The lock on an account that keeps what changes its consents apart: two given at once do not forget each other, and one
/// that is given beside a withdrawal comes before it or after it. It is taken before all others.
pub(crate) async fn lock(transaction: &Transaction, user: UserId) -> Result<(), Fault> {
    let sql = r#"SELECT 1 FROM "user" WHERE id = $1 FOR NO KEY UPDATE"#;
    transaction.all(sql, &[&user.as_bytes().as_slice()]).await.map(drop)
}

/// Remember what was allowed, beside what was allowed before for the same resources. [`lock`] was called. AZ-22.
pub(crate) async fn remember(
    transaction: &Transaction,
    consented: &Consented,
    client: &ClientId,
    resources: &Resources,
    now: Timestamp,
) -> Result<(), Fault> {
    let (user, client) = (consented.user.as_bytes().as_slice(), client.as_str());
    let before = read(transaction.first(FIND, &[&user, &client]).await?.as_ref())?;
    let allowed = before.and(resources, &consented.scope).to_stored();
    transaction
        .change(
            "INSERT INTO consent (user_id, client_id, scope, given_at, allowed) VALUES ($1, $2, '', $3, $4)
             ON CONFLICT (user_id, client_id) DO UPDATE
                 SET scope = '', resource = NULL, given_at = excluded.given_at, allowed = excluded.allowed",
            &[&user, &client, &millis(now), &allowed],
        )
        .await
        .map(drop)
}

/// Grants that stand, and consents.
const ACCESS: &str = r#"SELECT g.client_id, g.scope, g.resource, g.created_at AS since,
        greatest(g.created_at, g.rotated_at) AS used_at, NULL::text AS allowed
     FROM app_grant g JOIN "user" u ON u.id = g.user_id AND u.epoch = g.epoch
     LEFT JOIN session s ON s.id = g.session_id AND s.ended_at IS NULL AND s.expires_at > $2
     WHERE g.user_id = $1 AND g.revoked_at IS NULL AND g.expires_at > $2 AND (g.offline OR s.id IS NOT NULL)
     UNION ALL
     SELECT client_id, scope, resource, given_at, NULL, allowed FROM consent WHERE user_id = $1 AND allowed IS NOT NULL
     ORDER BY client_id, since"#;

/// What is remembered first: a code that is given because of it holds its row. Then what is on its way, requests that were just
/// allowed, codes, devices; then what came of them. Each is a statement of its own: it waits for whoever holds a row, and the
/// next one sees what that one made. 1: waiting, 2: denied, 3: approved.
const FORGET: &str = "DELETE FROM consent WHERE user_id = $1 AND client_id = $2";
const WITHDRAW: &[&str] = &[
    r#"UPDATE "authorization" SET status = 2 WHERE client_id = $2
         AND (status = 1 AND consented_user = $1 AND expires_at > $3 OR status = 3 AND user_id = $1 AND code_expires_at > $3)"#,
    "UPDATE device_code SET status = 2 WHERE client_id = $2 AND user_id = $1 AND status IN (1, 3) AND expires_at > $3",
    "UPDATE app_grant SET revoked_at = $3 WHERE user_id = $1 AND client_id = $2 AND revoked_at IS NULL AND expires_at > $3",
];

async fn withdraw(pool: &Pool, user: UserId, client: &ClientId, now: Timestamp) -> Result<bool, Fault> {
    let transaction = pool.begin().await?;
    let (key, id, at) = (user.as_bytes().as_slice(), client.as_str(), millis(now));
    let whose: [Param<'_>; 2] = [&key, &id];
    let whose_now: [Param<'_>; 3] = [&key, &id, &at];
    lock(&transaction, user).await?;
    let mut changed = transaction.change(FORGET, &whose).await?;
    for sql in WITHDRAW {
        changed += transaction.change(sql, &whose_now).await?;
    }
    if changed > 0 {
        let about = About { user: Some(user), client: Some(client), ..About::default() };
        record(&transaction, now, Event::AccessWithdrawn, about).await?;
    }
    transaction.commit().await?;
    Ok(changed > 0)
}

#[async_trait]
impl Consents for PostgresStore {
    async fn find_consent(&self, user: UserId, client: &ClientId) -> Result<Consent, Unavailable> {
        read(self.pool.first(FIND, &[&user.as_bytes().as_slice(), &client.as_str()]).await?.as_ref())
    }

    async fn access_of(&self, user: UserId, now: Timestamp) -> Result<Vec<Access>, Unavailable> {
        let rows = self.pool.all(ACCESS, &[&user.as_bytes().as_slice(), &millis(now)]).await?;
        rows.iter()
            .map(|row| {
                let used_at: Option<i64> = get(row, "used_at")?;
                let (scope, resources) = match get::<Option<&str>>(row, "allowed")? {
                    Some(allowed) => {
                        let consent = Consent::from_stored(Some(allowed))?;
                        (consent.scope(), consent.resources())
                    }
                    None => (scope("app_grant", get(row, "scope")?)?, Resources::from_stored(get(row, "resource")?)),
                };
                Ok(Access {
                    client: client_id("consent", get(row, "client_id")?)?,
                    scope,
                    resources,
                    since: instant("consent", row, "since")?,
                    used_at: used_at.map(|at| timestamp("app_grant", at)).transpose()?,
                })
            })
            .collect()
    }

    async fn withdraw_access(&self, user: UserId, client: &ClientId, now: Timestamp) -> Result<bool, Unavailable> {
        self.pool.write(|| withdraw(&self.pool, user, client, now)).await
    }
}
