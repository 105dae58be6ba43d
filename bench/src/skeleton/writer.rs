//! One thread that writes: everything that waits goes into one durable commit, or each update into its own.

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

/// Most updates in one commit.
const GROUP: usize = 1024;

pub(super) struct Writer {
    queue: mpsc::UnboundedSender<Unit>,
}

struct Unit {
    id: [u8; 16],
    answer: oneshot::Sender<i64>,
}

impl Writer {
    /// `group`: commit together what waits together, each update in its own savepoint.
    pub(super) fn start(connection: Connection, group: bool) -> std::io::Result<Self> {
        let (queue, mut waiting) = mpsc::unbounded_channel();
        std::thread::Builder::new().name("writer".to_owned()).spawn(move || {
            // A skeleton that cannot write stops answering, and the measurement with it.
            let _ = serve(&connection, &mut waiting, group);
        })?;
        Ok(Self { queue })
    }

    /// The generation after the update, once it is on the disk.
    pub(super) async fn rotate(&self, id: [u8; 16]) -> Option<i64> {
        let (answer, outcome) = oneshot::channel();
        self.queue.send(Unit { id, answer }).ok()?;
        outcome.await.ok()
    }
}

fn serve(connection: &Connection, waiting: &mut mpsc::UnboundedReceiver<Unit>, group: bool) -> rusqlite::Result<()> {
    let step = |sql: &str| connection.prepare_cached(sql)?.execute(()).map(drop);
    let mut done = Vec::new();
    while let Some(first) = waiting.blocking_recv() {
        step("BEGIN IMMEDIATE")?;
        let mut next = Some(first);
        while let Some(Unit { id, answer }) = next {
            if group {
                step("SAVEPOINT unit")?;
            }
            done.push((update(connection, id)?, answer));
            if group {
                step("RELEASE unit")?;
            }
            next = if group && done.len() < GROUP { waiting.try_recv().ok() } else { None };
        }
        step("COMMIT")?;
        for (generation, answer) in done.drain(..) {
            let _ = answer.send(generation);
        }
    }
    Ok(())
}

fn update(connection: &Connection, id: [u8; 16]) -> rusqlite::Result<i64> {
    connection
        .prepare_cached(
            "UPDATE app_grant SET predecessor = generation, generation = generation + 1, rotated_at = rotated_at + 1
             WHERE id = ?1 RETURNING generation",
        )?
        .query_row([id], |row| row.get(0))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[tokio::test]
    async fn every_update_is_durable_before_its_answer_with_and_without_groups() {
        for group in [true, false] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("x.db");
            super::super::make_rows(&path).unwrap();
            let writer = Writer::start(super::super::open(&path).unwrap(), group).unwrap();
            let answers = futures_util::future::join_all((0..50).map(|_| writer.rotate(super::super::id(3)))).await;
            let mut answers: Vec<i64> = answers.into_iter().map(Option::unwrap).collect();
            answers.sort_unstable();
            assert_eq!(answers, (1..=50).collect::<Vec<i64>>());
            let reader = Connection::open(&path).unwrap();
            let read = |sql: &str| reader.query_row(sql, (), |row| row.get::<_, i64>(0)).unwrap();
            assert_eq!(read("SELECT max(generation) FROM app_grant"), 50);
            assert_eq!(read("SELECT sum(generation) FROM app_grant"), 50);
        }
    }
}
