//! Sweeping.

use async_trait::async_trait;
use brama_store::Unavailable;
use brama_store::sweep::{Sweep, Swept};
use jiff::{SignedDuration, Timestamp};
use rusqlite::Connection;

use crate::SqliteStore;
use crate::column::{change, millis};

const DAY: SignedDuration = SignedDuration::from_hours(24);
/// Milliseconds.
const HOUR: i64 = 3_600_000;

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
                pushed_requests: remove(
                    "DELETE FROM par WHERE handle IN (SELECT handle FROM par WHERE expires_at < ?1 LIMIT ?2)",
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
                devices: remove(
                    "DELETE FROM device_code WHERE code IN (SELECT code FROM device_code WHERE expires_at < ?1 LIMIT ?2)",
                    before(0) - HOUR,
                )?,
                throttles: remove(
                    "DELETE FROM throttle WHERE key IN (SELECT key FROM throttle WHERE forget_at < ?1 LIMIT ?2)",
                    before(0),
                )?,
                replays: remove(
                    "DELETE FROM replay WHERE key IN (SELECT key FROM replay WHERE until < ?1 LIMIT ?2)",
                    before(0),
                )?,
                revoked_tokens: remove(
                    "DELETE FROM revoked_token WHERE jti IN (SELECT jti FROM revoked_token WHERE expires_at < ?1 LIMIT ?2)",
                    before(1),
                )?,
                logout_deliveries: remove(
                    "DELETE FROM logout_delivery WHERE (session_id, client_id) IN
                     (SELECT session_id, client_id FROM logout_delivery WHERE settled_at < ?1 LIMIT ?2)",
                    before(7),
                )?,
                initial_access_tokens: remove(
                    "DELETE FROM initial_access_token WHERE id IN (
                         SELECT id FROM initial_access_token WHERE expires_at < ?1 OR uses_left = 0 AND created_at < ?1 LIMIT ?2)",
                    before(1),
                )?,
                unused_clients: sweep_unused(connection, millis(now), limit)?,
                audit: remove(
                    "DELETE FROM audit WHERE number IN (SELECT number FROM audit WHERE at < ?1 LIMIT ?2)",
                    before(400),
                )?,
            })
        })
        .await
    }
}

/// A grant is proof that somebody uses an app, and stays a day after its end; so looking once a day misses none. RG-10.
fn sweep_unused(connection: &Connection, now: i64, limit: u32) -> Result<u64, Unavailable> {
    change(
        connection,
        "UPDATE client_registration SET used_at = ?1 WHERE client_id IN (
             SELECT client_id FROM client_registration r WHERE used_at < ?1 - 86400000
             AND EXISTS (SELECT 1 FROM app_grant g WHERE g.client_id = r.client_id) LIMIT ?2)",
        (now, limit),
    )?;
    let removed = change(
        connection,
        "DELETE FROM client WHERE id IN (
             SELECT client_id FROM client_registration r WHERE used_at < ?1 - unused_life
             AND NOT EXISTS (SELECT 1 FROM app_grant g WHERE g.client_id = r.client_id) LIMIT ?2)",
        (now, limit),
    )?;
    Ok(u64::try_from(removed).unwrap_or(u64::MAX))
}
