//! All rows of a database in neutral form: what a backup, a restore and a move to another backend carry.
//!
//! [`TABLES`] says once which tables and columns there are; every backend has them under the same names, and a test of
//! each holds the list against its real schema. Not in it: the version of the catalog, which the target raises itself,
//! leases, which belong to running nodes, and the list of migrations, which differs from backend to backend.

use async_trait::async_trait;

use crate::Unavailable;

mod tables;

pub use tables::{Column, Kind, TABLES, Table};

/// One value of a row. It prints without what it holds: hashes and sealed values belong into no log.
#[derive(Clone, PartialEq, Eq)]
pub enum Cell {
    /// Nothing.
    Null,
    /// A number: counts, milliseconds since 1970-01-01T00:00:00Z.
    Integer(i64),
    /// A flag.
    Boolean(bool),
    /// A text, UTF-8.
    Text(String),
    /// Ids, hashes, sealed values.
    Bytes(Vec<u8>),
}

impl std::fmt::Debug for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Null => "Null",
            Self::Integer(_) => "Integer(…)",
            Self::Boolean(_) => "Boolean(…)",
            Self::Text(_) => "Text(…)",
            Self::Bytes(_) => "Bytes(…)",
        })
    }
}

/// The values of a row, in the order of [`Table::columns`].
pub type Row = Vec<Cell>;

/// Append a row in a form in which different rows differ, whichever backend they come from: for checksums.
pub fn encode(row: &[Cell], into: &mut Vec<u8>) {
    let mut bytes = |tag: u8, value: &[u8]| {
        into.push(tag);
        into.extend_from_slice(&(value.len() as u64).to_be_bytes());
        into.extend_from_slice(value);
    };
    for cell in row {
        match cell {
            Cell::Null => bytes(0, &[]),
            Cell::Integer(number) => bytes(1, &number.to_be_bytes()),
            Cell::Boolean(flag) => bytes(2, &[u8::from(*flag)]),
            Cell::Text(text) => bytes(3, text.as_bytes()),
            Cell::Bytes(value) => bytes(4, value),
        }
    }
}

/// Why rows cannot be moved.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The database failed.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// A row does not fit those that are there already: rows of the source changed since an earlier, interrupted run.
    #[error("a row of {table} does not fit the rows that are there already")]
    Conflict {
        /// The table.
        table: &'static str,
    },
    /// A value that the target cannot hold.
    #[error("a row of {table} cannot be stored: {why}")]
    Unfit {
        /// The table.
        table: &'static str,
        /// What does not fit; never the value.
        why: String,
    },
}

/// Reading one consistent state of a database, however long it takes and whoever writes meanwhile.
#[async_trait]
pub trait Source: Send {
    /// How many rows a table has.
    async fn count(&mut self, table: &'static Table) -> Result<u64, TransferError>;
    /// The next rows after a key in the order of the primary key, at most `limit`; `after`: nothing for the first ones.
    /// Keys are ordered by their bytes, in every backend.
    async fn page(
        &mut self,
        table: &'static Table,
        after: Option<&[Cell]>,
        limit: u32,
    ) -> Result<Vec<Row>, TransferError>;
}

/// What a database holds that rows are to be copied into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contents {
    /// No row.
    Nothing,
    /// Rows of a copy that has not ended: [`Target::finish`] was not reached.
    PartOfACopy,
    /// Rows that no copy has begun.
    Rows,
}

/// A database that takes rows and that nobody else uses meanwhile. Its own rows can be read back for comparison.
#[async_trait]
pub trait Target: Source {
    /// What is there.
    async fn contents(&mut self) -> Result<Contents, TransferError>;
    /// Mark the database as part of a copy: no server starts on it before [`Target::finish`]. With `clear` all rows that
    /// are there go, in the same transaction.
    async fn begin(&mut self, clear: bool) -> Result<(), TransferError>;
    /// The largest key of a table: where an interrupted copy goes on.
    async fn last_key(&mut self, table: &'static Table) -> Result<Option<Vec<Cell>>, TransferError>;
    /// Add rows in one durable transaction.
    async fn append(&mut self, table: &'static Table, rows: Vec<Row>) -> Result<(), TransferError>;
    /// Everything is there and compared: numbers go on after the largest, the catalog's version is raised, the mark goes.
    async fn finish(&mut self) -> Result<(), TransferError>;
}

/// Copy the rows of one table that come after the largest key of the target. `copied` is told how many each page had.
///
/// # Errors
/// [`TransferError`]; pages that were added stay, and another call goes on after them.
pub async fn copy_table(
    source: &mut dyn Source,
    target: &mut dyn Target,
    table: &'static Table,
    limit: u32,
    copied: &mut (dyn FnMut(u64) + Send),
) -> Result<(), TransferError> {
    let mut after = target.last_key(table).await?;
    loop {
        let rows = source.page(table, after.as_deref(), limit).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = Some(table.key_of(last).to_vec());
        let count = rows.len();
        target.append(table, rows).await?;
        copied(count as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(row: &[Cell]) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(row, &mut bytes);
        bytes
    }

    #[test]
    fn different_rows_are_encoded_differently() {
        let text = |text: &str| Cell::Text(text.to_owned());
        let rows = [
            vec![],
            vec![Cell::Null],
            vec![Cell::Null, Cell::Null],
            vec![Cell::Integer(0)],
            vec![Cell::Boolean(false)],
            vec![Cell::Boolean(true)],
            vec![text("")],
            vec![Cell::Bytes(vec![])],
            vec![text("ab"), text("c")],
            vec![text("a"), text("bc")],
            vec![text("abc")],
            vec![Cell::Bytes(b"abc".to_vec())],
        ];
        for (n, row) in rows.iter().enumerate() {
            for other in rows.iter().skip(n + 1) {
                assert_ne!(encoded(row), encoded(other), "{row:?} {other:?}");
            }
        }
    }

    #[test]
    fn a_cell_prints_nothing_of_what_it_holds() {
        let shown = format!("{:?}", [Cell::Text("kalyna".to_owned()), Cell::Bytes(vec![77]), Cell::Integer(77)]);
        assert!(!shown.contains("kalyna") && !shown.contains("77"), "{shown}");
    }
}
