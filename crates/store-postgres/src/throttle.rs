//! Throttle counters.

use std::collections::BTreeMap;

use async_trait::async_trait;
use brama_store::Unavailable;
use brama_store::throttle::{self, Admission, Attempt, Counter, Lane, Throttles};
use jiff::{SignedDuration, Timestamp};
use tokio_postgres::Row;

use crate::PostgresStore;
use crate::column::{bytes, get, instant, millis, number, timestamp};
use crate::pool::{Fault, Pool, Transaction};

type Counters = BTreeMap<[u8; 32], Counter>;

fn read(rows: &[Row]) -> Result<Counters, Unavailable> {
    let mut counters = Counters::new();
    for row in rows {
        let counter = Counter {
            attempts: number("throttle", row, "attempts")?,
            window_began: instant("throttle", row, "window_began")?,
            blocked_until: get::<Option<i64>>(row, "blocked_until")?.map(|at| timestamp("throttle", at)).transpose()?,
        };
        // Without attempts it only holds the place that was locked.
        if counter.attempts > 0 {
            counters.insert(bytes("throttle", row, "key")?, counter);
        }
    }
    Ok(counters)
}

/// The counters' keys, each once, in the order in which everybody locks them.
fn keys(lanes: &[Lane]) -> Vec<&[u8]> {
    let mut keys: Vec<&[u8]> = lanes.iter().map(|lane| lane.key.as_slice()).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// What an attempt does to all lanes, or the longest wait.
fn judge<'l>(
    lanes: &'l [Lane],
    counters: &Counters,
    now: Timestamp,
) -> Result<Vec<(&'l Lane, Counter)>, SignedDuration> {
    let mut counted = Vec::new();
    let mut longest = None;
    for lane in lanes {
        match throttle::attempt(counters.get(&lane.key).copied(), lane.rule, now) {
            Attempt::Admitted(counter) => counted.push((lane, counter)),
            Attempt::Wait(wait) => longest = longest.max(Some(wait)),
        }
    }
    longest.map_or(Ok(counted), Err)
}

async fn put(transaction: &Transaction, counted: &[(&Lane, Counter)]) -> Result<(), Fault> {
    for (lane, counter) in counted {
        let last = counter.blocked_until.unwrap_or(counter.window_began).max(counter.window_began);
        let forget_at = millis(last).saturating_add(i64::try_from(lane.rule.window.as_millis()).unwrap_or(i64::MAX));
        transaction
            .change(
                "UPDATE throttle SET attempts = $2, window_began = $3, blocked_until = $4, forget_at = $5 WHERE key = $1",
                &[
                    &lane.key.as_slice(),
                    &i64::from(counter.attempts),
                    &millis(counter.window_began),
                    &counter.blocked_until.map(millis),
                    &forget_at,
                ],
            )
            .await?;
    }
    Ok(())
}

async fn reserve(pool: &Pool, lanes: &[Lane], now: Timestamp) -> Result<Admission, Fault> {
    let keys = keys(lanes);
    // Whoever has to wait is told by a read: a flood of attempts writes nothing.
    let seen = pool
        .all("SELECT key, attempts, window_began, blocked_until FROM throttle WHERE key = ANY($1)", &[&keys])
        .await?;
    if let Err(wait) = judge(lanes, &read(&seen)?, now) {
        return Ok(Admission::Wait(wait));
    }
    let transaction = pool.begin().await?;
    // Locks the rows, and makes those that are missing, so that two first attempts see each other.
    let locked = transaction
        .all(
            "INSERT INTO throttle AS t (key, attempts, window_began, forget_at)
             SELECT key, 0, $2::bigint, $2::bigint FROM unnest($1::bytea[]) AS key ORDER BY key
             ON CONFLICT (key) DO UPDATE SET attempts = t.attempts
             RETURNING t.key, t.attempts, t.window_began, t.blocked_until",
            &[&keys, &millis(now)],
        )
        .await?;
    match judge(lanes, &read(&locked)?, now) {
        Ok(counted) => {
            put(&transaction, &counted).await?;
            transaction.commit().await?;
            Ok(Admission::Admitted)
        }
        Err(wait) => {
            transaction.roll_back().await?;
            Ok(Admission::Wait(wait))
        }
    }
}

async fn succeed(pool: &Pool, lanes: &[Lane]) -> Result<(), Fault> {
    let transaction = pool.begin().await?;
    let locked = transaction
        .all(
            "SELECT key, attempts, window_began, blocked_until FROM throttle WHERE key = ANY($1) ORDER BY key FOR UPDATE",
            &[&keys(lanes)],
        )
        .await?;
    let counters = read(&locked)?;
    for lane in lanes {
        let Some(counter) = counters.get(&lane.key).copied() else { continue };
        match throttle::succeeded(counter, lane.rule, lane.on_success) {
            Some(after) if after == counter => {}
            Some(after) => put(&transaction, &[(lane, after)]).await?,
            None => {
                transaction.change("DELETE FROM throttle WHERE key = $1", &[&lane.key.as_slice()]).await?;
            }
        }
    }
    transaction.commit().await
}

#[async_trait]
impl Throttles for PostgresStore {
    async fn reserve_attempt(&self, lanes: Vec<Lane>, now: Timestamp) -> Result<Admission, Unavailable> {
        self.pool.write(|| reserve(&self.pool, &lanes, now)).await
    }

    async fn attempt_succeeded(&self, lanes: Vec<Lane>) -> Result<(), Unavailable> {
        self.pool.write(|| succeed(&self.pool, &lanes)).await
    }
}
