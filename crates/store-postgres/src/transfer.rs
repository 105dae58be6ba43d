//! Rows out of a PostgreSQL database and into one.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use brama_store::Unavailable;
use brama_store::audit::Event;
use brama_store::transfer::{Cell, Column, Contents, Kind, Row, Source, TABLES, Table, Target, TransferError};
use jiff::Timestamp;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error};

use crate::column::{corrupt, millis};
use crate::connection::{self, Driven, refused};
use crate::pool::{Fault, Param, describe};
use crate::{OpenError, Settings, migrate};

/// The table that is there while rows are copied into a database: a server does not start on it.
const MARK: &str = "transfer";

/// Held by the one command that fills a database.
const LOCK: &str = "SELECT pg_try_advisory_lock(hashtextextended('brama transfer', 0))";

/// Other connections to the same database: nodes, commands, people.
const OTHERS: &str = "SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'";

/// How long a command waits for others to leave: a process that was killed is noticed a moment later.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it looks meanwhile.
const LOOK: Duration = Duration::from_millis(100);

/// A snapshot takes as long as whoever reads it.
const UNHURRIED: &str = "SET idle_in_transaction_session_timeout = 0";

/// A database whose copy has not ended is nobody's.
pub(crate) async fn require_whole(client: &Client, hosts: &str) -> Result<(), OpenError> {
    match is_marked(client).await {
        Ok(false) => Ok(()),
        Ok(true) => Err(OpenError::Unfinished { hosts: hosts.to_owned() }),
        Err(error) => Err(refused(&error, hosts.to_owned())),
    }
}

async fn is_marked(client: &Client) -> Result<bool, Error> {
    client.query_one("SELECT to_regclass($1) IS NOT NULL", &[&MARK]).await?.try_get(0)
}

/// A snapshot of a database, taken when it is opened.
pub struct PostgresSource {
    client: Client,
    _driven: Driven,
}

impl PostgresSource {
    /// Take a snapshot of a database that is current.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(settings: &Settings) -> Result<Self, OpenError> {
        let target = connection::Target::new(settings)?.patient();
        let (client, driven) = target.open(settings).await?;
        migrate::require_current(&client, &target).await?;
        require_whole(&client, &target.hosts).await?;
        // The first read fixes the snapshot.
        let begin =
            format!("{UNHURRIED}; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT version FROM catalog");
        client.batch_execute(&begin).await.map_err(|error| refused(&error, target.hosts.clone()))?;
        Ok(Self { client, _driven: driven })
    }
}

#[async_trait]
impl Source for PostgresSource {
    async fn count(&mut self, table: &'static Table) -> Result<u64, TransferError> {
        count(&self.client, table).await
    }

    async fn page(
        &mut self,
        table: &'static Table,
        after: Option<&[Cell]>,
        limit: u32,
    ) -> Result<Vec<Row>, TransferError> {
        page(&self.client, table, after, limit).await
    }
}

/// A database that takes rows; nobody else was connected to it when it was opened.
pub struct PostgresTarget {
    client: Client,
    _driven: Driven,
}

impl PostgresTarget {
    /// Open a database for oneself, bringing its schema up to date where needed.
    ///
    /// # Errors
    /// [`OpenError::InUse`] while somebody else is connected, and the others.
    pub async fn open(settings: &Settings, now: Timestamp) -> Result<Self, OpenError> {
        let target = connection::Target::new(settings)?.patient();
        let (client, driven) = target.open(settings).await?;
        alone(&client, &target.hosts).await?;
        migrate::run(settings, now).await?;
        client.batch_execute(UNHURRIED).await.map_err(|error| refused(&error, target.hosts.clone()))?;
        Ok(Self { client, _driven: driven })
    }

    /// Begin to restore: until [`PostgresTarget::restored`] nothing of it is seen by anybody, and if it is not reached
    /// nothing has changed. Everything that was there goes.
    ///
    /// # Errors
    /// [`TransferError`].
    pub async fn begin_restore(&mut self) -> Result<(), TransferError> {
        let begin = format!("BEGIN; {}; DROP TABLE IF EXISTS {MARK}", clear());
        Ok(self.client.batch_execute(&begin).await.map_err(failed)?)
    }

    /// All rows of the backup are in: end everything that was begun before it was taken, in the same transaction. What
    /// was revoked or spent since then is not known any more, so nothing of it may count: every account's epoch rises,
    /// sessions end, grants are revoked, requests and codes that wait are closed; counters of failed attempts stay.
    ///
    /// # Errors
    /// [`TransferError`]; nothing was changed.
    pub async fn restored(&mut self, now: Timestamp) -> Result<(), TransferError> {
        let (at, event) = (millis(now), Event::Restored.as_str());
        let end = format!(
            "{NUMBERS}
             UPDATE \"user\" SET epoch = epoch + 1, updated_at = {at};
             UPDATE session SET ended_at = least({at}, expires_at) WHERE ended_at IS NULL;
             UPDATE app_grant SET revoked_at = {at} WHERE revoked_at IS NULL;
             -- 1 signed in becomes 2 to be told.
             UPDATE logout_delivery SET status = 2, next_at = {at}, ended_at = {at} WHERE status = 1;
             -- 1 requested becomes 2 denied; the codes of 3 approved have run out.
             UPDATE \"authorization\" SET status = 2, expires_at = least(expires_at, {at}) WHERE status = 1;
             UPDATE \"authorization\" SET code_expires_at = least(code_expires_at, {at}) WHERE status = 3;
             -- One that was used up after the backup would let apps in again.
             DELETE FROM initial_access_token;
             DELETE FROM lease;
             UPDATE catalog SET version = version + 1;
             INSERT INTO audit (at, event) VALUES ({at}, '{event}');
             COMMIT;"
        );
        self.client.batch_execute(&end).await.map_err(failed)?;
        Ok(self.client.batch_execute("ANALYZE").await.map_err(failed)?)
    }
}

/// Numbers of the audit log go on after the largest.
const NUMBERS: &str =
    "SELECT setval(pg_get_serial_sequence('audit', 'number'), coalesce(max(number), 0) + 1, false) FROM audit;";

/// Everything that is there goes.
fn clear() -> String {
    let names: Vec<String> = TABLES.iter().map(|table| format!("\"{}\"", table.name)).collect();
    format!("TRUNCATE {} RESTART IDENTITY", names.join(", "))
}

/// Wait until nobody else is connected; from then on no second transfer begins.
async fn alone(client: &Client, hosts: &str) -> Result<(), OpenError> {
    let began = Instant::now();
    loop {
        let (others, locked) = look(client).await.map_err(|error| refused(&error, hosts.to_owned()))?;
        if others == 0 && locked {
            return Ok(());
        }
        if began.elapsed() > PATIENCE {
            return Err(OpenError::InUse {
                hosts: hosts.to_owned(),
                others: u64::try_from(others).unwrap_or(0).max(1),
            });
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn look(client: &Client) -> Result<(i64, bool), Error> {
    let others: i64 = client.query_one(OTHERS, &[]).await?.try_get(0)?;
    let locked = others == 0 && client.query_one(LOCK, &[]).await?.try_get(0)?;
    Ok((others, locked))
}

#[async_trait]
impl Source for PostgresTarget {
    async fn count(&mut self, table: &'static Table) -> Result<u64, TransferError> {
        count(&self.client, table).await
    }

    async fn page(
        &mut self,
        table: &'static Table,
        after: Option<&[Cell]>,
        limit: u32,
    ) -> Result<Vec<Row>, TransferError> {
        page(&self.client, table, after, limit).await
    }
}

#[async_trait]
impl Target for PostgresTarget {
    async fn contents(&mut self) -> Result<Contents, TransferError> {
        if is_marked(&self.client).await.map_err(failed)? {
            return Ok(Contents::PartOfACopy);
        }
        for table in TABLES {
            let sql = format!("SELECT 1 FROM \"{}\" LIMIT 1", table.name);
            if self.client.query_opt(&sql, &[]).await.map_err(failed)?.is_some() {
                return Ok(Contents::Rows);
            }
        }
        Ok(Contents::Nothing)
    }

    async fn begin(&mut self, clear_first: bool) -> Result<(), TransferError> {
        let clear = if clear_first { clear() } else { String::new() };
        let begin =
            format!("BEGIN; {clear}; CREATE TABLE IF NOT EXISTS {MARK} (one bigint NOT NULL PRIMARY KEY); COMMIT");
        Ok(self.client.batch_execute(&begin).await.map_err(failed)?)
    }

    async fn last_key(&mut self, table: &'static Table) -> Result<Option<Vec<Cell>>, TransferError> {
        let key = table.key_columns();
        let order = names(key, " DESC");
        let sql = format!("SELECT {} FROM \"{}\" ORDER BY {order} LIMIT 1", names(key, ""), table.name);
        let row = self.client.query_opt(&sql, &[]).await.map_err(failed)?;
        Ok(row.map(|row| read(table, key, &row)).transpose()?)
    }

    async fn append(&mut self, table: &'static Table, rows: Vec<Row>) -> Result<(), TransferError> {
        let mut lists = Vec::with_capacity(table.columns.len());
        let mut places = Vec::with_capacity(table.columns.len());
        for (index, column) in table.columns.iter().enumerate() {
            let cells = rows.iter().map(|row| row.get(index).unwrap_or(&Cell::Null));
            lists.push(list(table, column, cells)?);
            places.push(format!("${}::{}[]", index + 1, type_of(column.kind)));
        }
        // One statement, so that a page is there whole or not at all; and numbers of the audit log stay what they are.
        let sql = format!(
            "INSERT INTO \"{}\" ({}) OVERRIDING SYSTEM VALUE SELECT * FROM unnest({})",
            table.name,
            names(table.columns, ""),
            places.join(", ")
        );
        let params: Vec<Param<'_>> = lists.iter().map(|list| list.as_ref() as Param<'_>).collect();
        self.client.execute(&sql, &params).await.map(drop).map_err(|error| unfit(table, error))
    }

    async fn finish(&mut self) -> Result<(), TransferError> {
        let end =
            format!("BEGIN; {NUMBERS} UPDATE catalog SET version = version + 1; DROP TABLE IF EXISTS {MARK}; COMMIT");
        self.client.batch_execute("ANALYZE").await.map_err(failed)?;
        Ok(self.client.batch_execute(&end).await.map_err(failed)?)
    }
}

fn names(columns: &[Column], after: &str) -> String {
    columns.iter().map(|column| format!("\"{}\"{after}", column.name)).collect::<Vec<_>>().join(", ")
}

fn type_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Integer => "bigint",
        Kind::Boolean => "boolean",
        Kind::Text => "text",
        Kind::Bytes => "bytea",
    }
}

async fn count(client: &Client, table: &'static Table) -> Result<u64, TransferError> {
    let sql = format!("SELECT count(*) FROM \"{}\"", table.name);
    let found: i64 = client.query_one(&sql, &[]).await.and_then(|row| row.try_get(0)).map_err(failed)?;
    Ok(u64::try_from(found).unwrap_or(0))
}

async fn page(
    client: &Client,
    table: &'static Table,
    after: Option<&[Cell]>,
    limit: u32,
) -> Result<Vec<Row>, TransferError> {
    let key = table.key_columns();
    let after: Vec<Box<dyn ToSql + Sync + Send>> = after.unwrap_or_default().iter().map(value).collect();
    let beyond = if after.is_empty() {
        String::new()
    } else {
        let places: Vec<String> = (1..=after.len()).map(|n| format!("${n}")).collect();
        format!("WHERE ({}) > ({})", names(key, ""), places.join(", "))
    };
    let sql = format!(
        "SELECT {} FROM \"{}\" {beyond} ORDER BY {} LIMIT {limit}",
        names(table.columns, ""),
        table.name,
        names(key, "")
    );
    let params: Vec<Param<'_>> = after.iter().map(|value| value.as_ref() as Param<'_>).collect();
    let rows = client.query(&sql, &params).await.map_err(failed)?;
    rows.iter().map(|row| Ok(read(table, table.columns, row)?)).collect()
}

fn read(table: &'static Table, columns: &[Column], row: &tokio_postgres::Row) -> Result<Row, Unavailable> {
    let cell = |(index, column): (usize, &Column)| -> Result<Cell, Error> {
        Ok(match column.kind {
            Kind::Integer => row.try_get::<_, Option<i64>>(index)?.map_or(Cell::Null, Cell::Integer),
            Kind::Boolean => row.try_get::<_, Option<bool>>(index)?.map_or(Cell::Null, Cell::Boolean),
            Kind::Text => row.try_get::<_, Option<String>>(index)?.map_or(Cell::Null, Cell::Text),
            Kind::Bytes => row.try_get::<_, Option<Vec<u8>>>(index)?.map_or(Cell::Null, Cell::Bytes),
        })
    };
    let cells: Result<Row, Error> = columns.iter().enumerate().map(cell).collect();
    cells.map_err(|error| corrupt(table.name, describe(&error)))
}

fn value(cell: &Cell) -> Box<dyn ToSql + Sync + Send> {
    match cell {
        Cell::Null => Box::new(None::<i64>),
        Cell::Integer(number) => Box::new(*number),
        Cell::Boolean(flag) => Box::new(*flag),
        Cell::Text(text) => Box::new(text.clone()),
        Cell::Bytes(bytes) => Box::new(bytes.clone()),
    }
}

/// One column of a page as one array.
fn list<'a>(
    table: &'static Table,
    column: &Column,
    cells: impl Iterator<Item = &'a Cell>,
) -> Result<Box<dyn ToSql + Sync + Send>, TransferError> {
    fn all<'a, T: ToSql + Sync + Send + 'static>(
        cells: impl Iterator<Item = &'a Cell>,
        take: impl Fn(&Cell) -> Option<T>,
    ) -> Option<Box<dyn ToSql + Sync + Send>>
    where
        Vec<Option<T>>: ToSql,
    {
        let cells: Option<Vec<Option<T>>> = cells
            .map(|cell| match cell {
                Cell::Null => Some(None),
                cell => take(cell).map(Some),
            })
            .collect();
        cells.map(|cells| Box::new(cells) as Box<dyn ToSql + Sync + Send>)
    }
    let list = match column.kind {
        Kind::Integer => all(cells, |cell| if let Cell::Integer(number) = cell { Some(*number) } else { None }),
        Kind::Boolean => all(cells, |cell| if let Cell::Boolean(flag) = cell { Some(*flag) } else { None }),
        Kind::Text => all(cells, |cell| if let Cell::Text(text) = cell { Some(text.clone()) } else { None }),
        Kind::Bytes => all(cells, |cell| if let Cell::Bytes(bytes) = cell { Some(bytes.clone()) } else { None }),
    };
    list.ok_or_else(|| TransferError::Unfit { table: table.name, why: format!("the type of {}", column.name) })
}

fn failed(error: Error) -> Unavailable {
    Fault::from(error).into()
}

/// A page that was refused: because of rows that are there, or because of what is in it.
fn unfit(table: &'static Table, error: Error) -> TransferError {
    match error.code() {
        Some(&SqlState::UNIQUE_VIOLATION | &SqlState::FOREIGN_KEY_VIOLATION) => {
            TransferError::Conflict { table: table.name }
        }
        Some(&SqlState::CHARACTER_NOT_IN_REPERTOIRE | &SqlState::CHECK_VIOLATION | &SqlState::NOT_NULL_VIOLATION) => {
            TransferError::Unfit { table: table.name, why: describe(&error) }
        }
        _ => failed(error).into(),
    }
}
