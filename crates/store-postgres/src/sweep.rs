//! Sweeping.

use async_trait::async_trait;
use brama_store::Unavailable;
use brama_store::sweep::{Sweep, Swept};
use jiff::{SignedDuration, Timestamp};

use crate::PostgresStore;
use crate::column::millis;

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// A statement that removes the rows of a table that were over before `$1`, at most `$2`; rows that somebody works on
/// stay for the next sweep.
macro_rules! remove {
    ($table:literal, $key:literal, $over:literal) => {
        concat!(
            "DELETE FROM ",
            $table,
            " WHERE ",
            $key,
            " IN (SELECT ",
            $key,
            " FROM ",
            $table,
            " WHERE ",
            $over,
            " LIMIT $2 FOR UPDATE SKIP LOCKED) RETURNING 1"
        )
    };
}

/// Registered apps that somebody uses, looked at once a day.
const SEEN_IN_USE: &str = "UPDATE client_registration SET used_at = $1 WHERE client_id IN (
    SELECT client_id FROM client_registration r WHERE used_at < $1::bigint - 86400000
    AND EXISTS (SELECT 1 FROM app_grant g WHERE g.client_id = r.client_id) LIMIT $2 FOR UPDATE SKIP LOCKED) RETURNING 1";

impl PostgresStore {
    async fn remove(&self, sql: &'static str, before: i64, limit: u32) -> Result<u64, Unavailable> {
        let removed = self.pool.change(sql, &[&before, &i64::from(limit)]).await?;
        Ok(u64::try_from(removed.len()).unwrap_or(u64::MAX))
    }
}

#[async_trait]
impl Sweep for PostgresStore {
    /// One transaction for each kind: a sweep holds no locks for longer than it has to.
    async fn sweep(&self, now: Timestamp, limit: u32) -> Result<Swept, Unavailable> {
        let before = |days: i32| millis(now).saturating_sub(i64::try_from((DAY * days).as_millis()).unwrap_or(0));
        Ok(Swept {
            authorizations: self
                // Without a code there is no replay to recognise: those go 23 hours earlier. AZ-30.
                .remove(
                    remove!(
                        r#""authorization""#,
                        "id",
                        "expires_at < $1::bigint + 82800000 AND (code IS NULL OR expires_at < $1)"
                    ),
                    before(1),
                    limit,
                )
                .await?,
            pushed_requests: self.remove(remove!("par", "handle", "expires_at < $1"), before(1), limit).await?,
            sessions: self
                .remove(remove!("session", "id", "expires_at < $1 OR ended_at < $1"), before(30), limit)
                .await?,
            grants: self.remove(remove!("app_grant", "id", "expires_at < $1"), before(1), limit).await?,
            devices: self
                .remove(remove!("device_code", "code", "expires_at < $1::bigint - 3600000"), before(0), limit)
                .await?,
            throttles: self.remove(remove!("throttle", "key", "forget_at < $1"), before(0), limit).await?,
            replays: self.remove(remove!("replay", "key", "until < $1"), before(0), limit).await?,
            revoked_tokens: self.remove(remove!("revoked_token", "jti", "expires_at < $1"), before(1), limit).await?,
            logout_deliveries: self
                .remove(
                    "DELETE FROM logout_delivery WHERE (session_id, client_id) IN (SELECT session_id, client_id
                     FROM logout_delivery WHERE settled_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED) RETURNING 1",
                    before(7),
                    limit,
                )
                .await?,
            initial_access_tokens: self
                .remove(
                    remove!("initial_access_token", "id", "(expires_at < $1 OR uses_left = 0 AND created_at < $1)"),
                    before(1),
                    limit,
                )
                .await?,
            unused_clients: {
                // A grant is proof that somebody uses an app, and stays a day after its end; so looking once a day misses
                // none. RG-10.
                self.remove(SEEN_IN_USE, millis(now), limit).await?;
                self.remove(
                    remove!(
                        "client",
                        "id",
                        "EXISTS (SELECT 1 FROM client_registration r
                                 WHERE r.client_id = client.id AND r.used_at < $1::bigint - r.unused_life)
                         AND NOT EXISTS (SELECT 1 FROM app_grant g WHERE g.client_id = client.id)"
                    ),
                    millis(now),
                    limit,
                )
                .await?
            },
            audit: self.remove(remove!("audit", "number", "at < $1"), before(400), limit).await?,
        })
    }
}
