//! Sweeping.

use async_trait::async_trait;
use brama_store::Unavailable;
use brama_store::sweep::{Sweep, Swept};
use jiff::{SignedDuration, Timestamp};

use crate::SqliteStore;
use crate::column::{change, millis};

const DAY: SignedDuration = SignedDuration::from_hours(24);

#[async_trait]
impl Sweep for SqliteStore {
    async fn sweep(&self, now: Timestamp, limit: u32) -> Result<Swept, Unavailable> {
        self.write(move |connection| {
            let before = |days: i32| millis(now).saturating_sub(i64::try_from((DAY * days).as_millis()).unwrap_or(0));
            let remove = |sql: &str, before: i64| {
                change(connection, sql, (before, limit)).map(|rows| u64::try_from(rows).unwrap_or(u64::MAX))
            };
            Ok(Swept {
                authorizations: remove(
                    // Without a code there is no replay to recognise: those go 23 hours earlier. AZ-30.
                    "DELETE FROM authorization WHERE id IN (SELECT id FROM authorization
                     WHERE expires_at < ?1 + 82800000 AND (code IS NULL OR expires_at < ?1) LIMIT ?2)",
                    before(1),
                )?,
                sessions: remove(
                    "DELETE FROM session WHERE id IN (SELECT id FROM session WHERE min(expires_at, ifnull(ended_at, expires_at)) < ?1 LIMIT ?2)",
                    before(30),
                )?,
                grants: remove(
                    "DELETE FROM app_grant WHERE id IN (SELECT id FROM app_grant WHERE expires_at < ?1 LIMIT ?2)",
                    before(1),
                )?,
                throttles: remove(
                    "DELETE FROM throttle WHERE key IN (SELECT key FROM throttle WHERE forget_at < ?1 LIMIT ?2)",
                    before(0),
                )?,
                audit: remove(
                    "DELETE FROM audit WHERE number IN (SELECT number FROM audit WHERE at < ?1 LIMIT ?2)",
                    before(400),
                )?,
            })
        })
        .await
    }
}
