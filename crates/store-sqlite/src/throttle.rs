//! Throttle counters.

use async_trait::async_trait;
use brama_store::Unavailable;
use brama_store::throttle::{self, Admission, Attempt, Counter, Lane, Throttles};
use jiff::Timestamp;
use rusqlite::Connection;

use crate::SqliteStore;
use crate::column::{change, first, get, millis, timestamp};

fn find(connection: &Connection, lane: &Lane) -> Result<Option<Counter>, Unavailable> {
    first(connection, "SELECT * FROM throttle WHERE key = ?1", [lane.key], |row| {
        Ok(Counter {
            attempts: get(row, "attempts")?,
            window_began: timestamp("throttle", get(row, "window_began")?)?,
            blocked_until: get::<Option<i64>>(row, "blocked_until")?.map(|at| timestamp("throttle", at)).transpose()?,
        })
    })
}

fn put(connection: &Connection, lane: &Lane, counter: Counter) -> Result<(), Unavailable> {
    let last = counter.blocked_until.unwrap_or(counter.window_began).max(counter.window_began);
    let forget_at = millis(last).saturating_add(i64::try_from(lane.rule.window.as_millis()).unwrap_or(i64::MAX));
    change(
        connection,
        "INSERT INTO throttle (key, attempts, window_began, blocked_until, forget_at) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (key) DO UPDATE SET attempts = excluded.attempts, window_began = excluded.window_began,
             blocked_until = excluded.blocked_until, forget_at = excluded.forget_at",
        (lane.key, counter.attempts, millis(counter.window_began), counter.blocked_until.map(millis), forget_at),
    )
    .map(drop)
}

#[async_trait]
impl Throttles for SqliteStore {
    async fn reserve_attempt(&self, lanes: Vec<Lane>, now: Timestamp) -> Result<Admission, Unavailable> {
        self.write(move |connection| {
            let mut counted = Vec::new();
            let mut longest = None;
            for lane in &lanes {
                match throttle::attempt(find(connection, lane)?, lane.rule, now) {
                    Attempt::Admitted(counter) => counted.push((lane, counter)),
                    Attempt::Wait(wait) => longest = longest.max(Some(wait)),
                }
            }
            if let Some(wait) = longest {
                return Ok(Admission::Wait(wait));
            }
            for (lane, counter) in counted {
                put(connection, lane, counter)?;
            }
            Ok(Admission::Admitted)
        })
        .await
    }

    async fn attempt_succeeded(&self, lanes: Vec<Lane>) -> Result<(), Unavailable> {
        self.write(move |connection| {
            for lane in &lanes {
                let Some(counter) = find(connection, lane)? else { continue };
                match throttle::succeeded(counter, lane.rule, lane.on_success) {
                    Some(after) if after == counter => {}
                    Some(after) => put(connection, lane, after)?,
                    None => {
                        change(connection, "DELETE FROM throttle WHERE key = ?1", [lane.key])?;
                    }
                }
            }
            Ok(())
        })
        .await
    }
}
