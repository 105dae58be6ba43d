//! Rows out of a SQLite file and into one. Calls block the thread they run on: they are for commands, not for servers.

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use brama_store::Unavailable;
use brama_store::transfer::{Cell, Column, Contents, Kind, Row, Source, TABLES, Table, Target, TransferError};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior, params_from_iter};

use crate::column::{all, change, failed, first, get};
use crate::connection::{self, BUSY, refused};
use crate::{OpenError, migrate};

mod file;

pub use file::{Held, Inspection, close_up, duplicate, hold, inspect, sign_everybody_out};

/// The table that is there while rows are copied into a database: a server does not start on it.
const MARK: &str = "transfer";

/// How long a command waits for another process to let go of a file. Commands end at once, servers do not end.
const PATIENCE: Duration = Duration::from_secs(2);

/// A database whose copy has not ended is nobody's.
pub(crate) fn require_whole(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    match is_marked(connection) {
        Ok(false) => Ok(()),
        Ok(true) => Err(OpenError::Unfinished { path: path.to_owned() }),
        Err(error) => Err(OpenError::Unusable { path: path.to_owned(), why: error.to_string() }),
    }
}

fn is_marked(connection: &Connection) -> Result<bool, Unavailable> {
    let found = first(connection, "SELECT 1 FROM sqlite_schema WHERE name = ?1", [MARK], |_| Ok(()))?;
    Ok(found.is_some())
}

/// Open a file that has to be there, for reading alone. It stays as it is, its journal mode included.
pub(crate) fn open_to_read(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|error| refused(path, &error))?;
    let prepared = connection.busy_timeout(BUSY).and_then(|()| connection.pragma_update(None, "trusted_schema", false));
    prepared.map_err(|error| refused(path, &error))?;
    Ok(connection)
}

/// A snapshot of a database file, taken when it is opened.
pub struct SqliteSource {
    connection: Connection,
}

impl SqliteSource {
    /// Take a snapshot of a file that is there and current.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let connection = open_to_read(path)?;
        migrate::require_current(&connection, path)?;
        require_whole(&connection, path)?;
        // The first read fixes the snapshot.
        connection
            .execute_batch("BEGIN; SELECT 1 FROM sqlite_schema LIMIT 1")
            .map_err(|error| refused(path, &error))?;
        Ok(Self { connection })
    }
}

#[async_trait]
impl Source for SqliteSource {
    async fn count(&mut self, table: &'static Table) -> Result<u64, TransferError> {
        count(&self.connection, table)
    }

    async fn page(
        &mut self,
        table: &'static Table,
        after: Option<&[Cell]>,
        limit: u32,
    ) -> Result<Vec<Row>, TransferError> {
        page(&self.connection, table, after, limit)
    }
}

/// A database file that takes rows; no other process can open it meanwhile.
pub struct SqliteTarget {
    connection: Connection,
}

impl SqliteTarget {
    /// Open a file for oneself, making it or bringing its schema up to date where needed.
    ///
    /// # Errors
    /// [`OpenError::Locked`] while a server has it open, and the others.
    pub fn open(path: &Path, now: jiff::Timestamp) -> Result<Self, OpenError> {
        let connection = Connection::open(path).map_err(|error| refused(path, &error))?;
        let alone = connection
            .busy_timeout(PATIENCE)
            .and_then(|()| connection.pragma_update(None, "locking_mode", "EXCLUSIVE"))
            // Switching to the log asks for the lock: from here on the file is ours.
            .and_then(|()| connection.pragma_update(None, "journal_mode", "WAL"))
            .and_then(|()| connection.execute_batch("BEGIN IMMEDIATE; ROLLBACK"))
            .and_then(|()| connection::prepare(&connection));
        alone.map_err(|error| refused(path, &error))?;
        let mut target = Self { connection };
        migrate::run(&mut target.connection, path, now)?;
        Ok(target)
    }

    fn transaction(&mut self) -> Result<Transaction<'_>, Unavailable> {
        self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)
    }
}

#[async_trait]
impl Source for SqliteTarget {
    async fn count(&mut self, table: &'static Table) -> Result<u64, TransferError> {
        count(&self.connection, table)
    }

    async fn page(
        &mut self,
        table: &'static Table,
        after: Option<&[Cell]>,
        limit: u32,
    ) -> Result<Vec<Row>, TransferError> {
        page(&self.connection, table, after, limit)
    }
}

#[async_trait]
impl Target for SqliteTarget {
    async fn contents(&mut self) -> Result<Contents, TransferError> {
        if is_marked(&self.connection)? {
            return Ok(Contents::PartOfACopy);
        }
        for table in TABLES {
            let sql = format!("SELECT 1 FROM \"{}\" LIMIT 1", table.name);
            if first(&self.connection, &sql, (), |_| Ok(()))?.is_some() {
                return Ok(Contents::Rows);
            }
        }
        Ok(Contents::Nothing)
    }

    async fn begin(&mut self, clear: bool) -> Result<(), TransferError> {
        let transaction = self.transaction()?;
        if clear {
            for table in TABLES.iter().rev() {
                change(&transaction, &format!("DELETE FROM \"{}\"", table.name), ())?;
            }
            change(&transaction, "DELETE FROM sqlite_sequence WHERE name = 'audit'", ())?;
        }
        let mark = format!("CREATE TABLE IF NOT EXISTS {MARK} (one INTEGER NOT NULL PRIMARY KEY) STRICT");
        transaction.execute_batch(&mark).map_err(failed)?;
        Ok(transaction.commit().map_err(failed)?)
    }

    async fn last_key(&mut self, table: &'static Table) -> Result<Option<Vec<Cell>>, TransferError> {
        let key = table.key_columns();
        let sql = format!("SELECT {} FROM \"{}\" ORDER BY {} LIMIT 1", names(key, ""), table.name, names(key, " DESC"));
        Ok(first(&self.connection, &sql, (), |row| read(table, key, row))?)
    }

    async fn append(&mut self, table: &'static Table, rows: Vec<Row>) -> Result<(), TransferError> {
        let transaction = self.transaction()?;
        let places: Vec<String> = (1..=table.columns.len()).map(|n| format!("?{n}")).collect();
        let sql =
            format!("INSERT INTO \"{}\" ({}) VALUES ({})", table.name, names(table.columns, ""), places.join(", "));
        {
            let mut insert = transaction.prepare_cached(&sql).map_err(failed)?;
            for row in rows {
                insert.execute(params_from_iter(row.into_iter().map(value))).map_err(|error| {
                    match error.sqlite_error_code() {
                        Some(ErrorCode::ConstraintViolation) => TransferError::Conflict { table: table.name },
                        _ => failed(error).into(),
                    }
                })?;
            }
        }
        Ok(transaction.commit().map_err(failed)?)
    }

    async fn finish(&mut self) -> Result<(), TransferError> {
        self.connection.execute_batch("ANALYZE").map_err(failed)?;
        let transaction = self.transaction()?;
        // `audit` goes on after its largest number by itself.
        change(&transaction, "UPDATE catalog SET version = version + 1", ())?;
        transaction.execute_batch(&format!("DROP TABLE {MARK}")).map_err(failed)?;
        Ok(transaction.commit().map_err(failed)?)
    }
}

fn names(columns: &[Column], after: &str) -> String {
    columns.iter().map(|column| format!("\"{}\"{after}", column.name)).collect::<Vec<_>>().join(", ")
}

fn count(connection: &Connection, table: &'static Table) -> Result<u64, TransferError> {
    let sql = format!("SELECT count(*) AS count FROM \"{}\"", table.name);
    let found: Option<i64> = first(connection, &sql, (), |row| get(row, "count"))?;
    Ok(found.and_then(|count| u64::try_from(count).ok()).unwrap_or(0))
}

fn page(
    connection: &Connection,
    table: &'static Table,
    after: Option<&[Cell]>,
    limit: u32,
) -> Result<Vec<Row>, TransferError> {
    let key = table.key_columns();
    let after: Vec<Value> = after.unwrap_or_default().iter().cloned().map(value).collect();
    let beyond = if after.is_empty() {
        String::new()
    } else {
        let places: Vec<String> = (1..=after.len()).map(|n| format!("?{n}")).collect();
        format!("WHERE ({}) > ({})", names(key, ""), places.join(", "))
    };
    let sql = format!(
        "SELECT {} FROM \"{}\" {beyond} ORDER BY {} LIMIT {limit}",
        names(table.columns, ""),
        table.name,
        names(key, "")
    );
    Ok(all(connection, &sql, params_from_iter(after), |row| read(table, table.columns, row))?)
}

fn read(table: &'static Table, columns: &[Column], row: &rusqlite::Row<'_>) -> Result<Row, Unavailable> {
    let cells = columns.iter().enumerate().map(|(index, column)| {
        let unfit = || Unavailable::Corrupt { table: table.name, why: format!("column {}", column.name) };
        Ok(match (row.get_ref(index).map_err(failed)?, column.kind) {
            (ValueRef::Null, _) if column.nullable => Cell::Null,
            (ValueRef::Integer(number), Kind::Integer) => Cell::Integer(number),
            (ValueRef::Integer(number @ (0 | 1)), Kind::Boolean) => Cell::Boolean(number == 1),
            (ValueRef::Text(text), Kind::Text) => {
                Cell::Text(std::str::from_utf8(text).map_err(|_| unfit())?.to_owned())
            }
            (ValueRef::Blob(bytes), Kind::Bytes) => Cell::Bytes(bytes.to_vec()),
            _ => return Err(unfit()),
        })
    });
    cells.collect()
}

fn value(cell: Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Integer(number) => Value::Integer(number),
        Cell::Boolean(flag) => Value::Integer(flag.into()),
        Cell::Text(text) => Value::Text(text),
        Cell::Bytes(bytes) => Value::Blob(bytes),
    }
}

/// Where a file's folder is.
fn folder(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

#[cfg(test)]
mod tests;
