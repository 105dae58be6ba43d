//! Rotations that wait at the same time are one statement.
//!
//! It takes for granted that each token presented is the one that counts, which nearly all are, and writes only where it
//! is so; the rule itself ([`judge`]) says what comes next. Whatever it does not match is judged on its own.

use std::sync::Arc;

use brama_protocol::client::ClientId;
use brama_protocol::dpop::JwkThumbprint;
use brama_protocol::id::GrantId;
use brama_store::Unavailable;
use brama_store::grant::{Grant, Lineage, Presentation, Presenter, SenderBinding, Verdict, judge};
use brama_store::user::User;
use jiff::Timestamp;

use crate::batch::Shared;
use crate::column::{get, millis};
use crate::grant::{self, grant_columns, stored};
use crate::pool::{Fault, Pool};
use crate::session::use_is_due;
use crate::user::{read_user, user_columns};

/// One grant, its user.
type Rotated = (Box<Grant>, Box<User>);

/// A token that may be the one that counts.
pub(crate) struct Rotation {
    grant: GrantId,
    client: ClientId,
    generation: i64,
    next: i64,
    predecessor: Option<i64>,
    rotated_at: i64,
    /// It came as a cookie: that counts as use of the session. SE-8.
    by_cookie: bool,
    jkt: Option<JwkThumbprint>,
}

impl Rotation {
    /// Nothing if the token cannot lead to a rotation.
    pub(crate) fn of(presentation: &Presentation<'_>, now: Timestamp) -> Option<Self> {
        let by_cookie = match presentation.presenter {
            Presenter::Cookie { .. } => true,
            Presenter::PublicClient => false,
            // It keeps its token. TE-25.
            Presenter::ConfidentialClient => return None,
        };
        let generation = presentation.token.generation;
        let counts = Lineage { generation, predecessor: None, rotated_at: now };
        let Verdict::Rotate(next) = judge(counts, generation, SenderBinding::None, presentation.window, now) else {
            return None;
        };
        Some(Self {
            grant: presentation.token.grant,
            client: presentation.client.clone(),
            generation: stored(generation).ok()?,
            next: stored(next.generation).ok()?,
            predecessor: next.predecessor.map(stored).transpose().ok()?,
            rotated_at: millis(next.rotated_at),
            by_cookie,
            jkt: presentation.jkt,
        })
    }
}

/// The guard is the whole of the checks before a rotation (TE-23, TE-24), and that the key is the grant's (TE-25). A session's lock is not waited for: whoever
/// holds it ends the session, renews it or notes its use.
const ROTATE: &str = concat!(
    "WITH rotated AS (
        UPDATE app_grant g SET generation = p.next, predecessor = p.predecessor, rotated_at = p.at
        FROM unnest($1::bytea[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::boolean[], $8::bytea[])
                WITH ORDINALITY AS p (id, client_id, generation, next, predecessor, at, by_cookie, jkt, place),
            ",
    r#""user" u, client c
        WHERE g.id = p.id AND g.client_id = p.client_id AND g.generation = p.generation
            AND g.revoked_at IS NULL AND g.expires_at > p.at AND g.jkt IS NOT DISTINCT FROM p.jkt
            AND u.id = g.user_id AND u.epoch = g.epoch AND u.status = 1
            AND c.id = g.client_id AND c.enabled
            AND (g.offline OR EXISTS (
                SELECT 1 FROM session s WHERE s.id = g.session_id AND s.user_id = g.user_id AND s.epoch = g.epoch
                    AND s.ended_at IS NULL AND s.expires_at > p.at))
        RETURNING p.place, p.by_cookie, p.at, "#,
    grant_columns!(),
    ", ",
    user_columns!(),
    "), used AS (
        UPDATE session SET last_seen_at = due.at
        FROM (SELECT s.id, r.at FROM rotated r JOIN session s ON s.id = r.session_id
              WHERE r.by_cookie AND ",
    use_is_due!("r.at"),
    " ORDER BY s.id FOR NO KEY UPDATE OF s SKIP LOCKED) due
        WHERE session.id = due.id
     )
     SELECT * FROM rotated"
);

/// The work behind the batches.
pub(crate) struct Rotations {
    pub(crate) pool: Arc<Pool>,
}

impl Shared for Rotations {
    type Unit = Rotation;
    /// Nothing: it has to be judged on its own.
    type Answer = Option<Rotated>;

    async fn run(&self, units: Vec<Rotation>) -> Vec<Result<Option<Rotated>, Unavailable>> {
        let count = units.len();
        match rotate(&self.pool, &units).await {
            Ok(answers) => answers,
            // Another transaction came in between: each on its own.
            Err(fault) if fault.lost_a_race() => (0..count).map(|_| Ok(None)).collect(),
            Err(fault) => {
                let why = Unavailable::from(fault);
                (0..count).map(|_| Err(same(&why))).collect()
            }
        }
    }
}

async fn rotate(pool: &Pool, units: &[Rotation]) -> Result<Vec<Result<Option<Rotated>, Unavailable>>, Fault> {
    // Locks are taken in the order of ids.
    let mut order: Vec<(usize, &Rotation)> = units.iter().enumerate().collect();
    order.sort_unstable_by_key(|(_, unit)| *unit.grant.as_bytes());
    let column = |read: fn(&Rotation) -> i64| order.iter().map(|(_, unit)| read(unit)).collect::<Vec<_>>();
    let ids: Vec<&[u8]> = order.iter().map(|(_, unit)| unit.grant.as_bytes().as_slice()).collect();
    let clients: Vec<&str> = order.iter().map(|(_, unit)| unit.client.as_str()).collect();
    let predecessors: Vec<Option<i64>> = order.iter().map(|(_, unit)| unit.predecessor).collect();
    let keys: Vec<Option<&[u8]>> =
        order.iter().map(|(_, unit)| unit.jkt.as_ref().map(|jkt| jkt.as_bytes().as_slice())).collect();
    let by_cookie: Vec<bool> = order.iter().map(|(_, unit)| unit.by_cookie).collect();
    let rows = pool
        .once(
            ROTATE,
            &[
                &ids,
                &clients,
                &column(|unit| unit.generation),
                &column(|unit| unit.next),
                &predecessors,
                &column(|unit| unit.rotated_at),
                &by_cookie,
                &keys,
            ],
        )
        .await?;
    let mut answers: Vec<_> = units.iter().map(|_| Ok(None)).collect();
    for row in &rows {
        let place = usize::try_from(get::<i64>(row, "place")?).unwrap_or(0);
        let unit = place.checked_sub(1).and_then(|place| order.get(place));
        if let Some(answer) = unit.and_then(|(unit, _)| answers.get_mut(*unit)) {
            *answer = read(row).map(Some);
        }
    }
    Ok(answers)
}

fn read(row: &tokio_postgres::Row) -> Result<Rotated, Unavailable> {
    Ok((Box::new(grant::read(row)?), Box::new(read_user(row)?)))
}

/// The same failure for everyone in the batch.
fn same(why: &Unavailable) -> Unavailable {
    match why {
        Unavailable::Busy => Unavailable::Busy,
        Unavailable::Failed(why) => Unavailable::Failed(why.clone()),
        Unavailable::Corrupt { table, why } => Unavailable::Corrupt { table, why: why.clone() },
    }
}
