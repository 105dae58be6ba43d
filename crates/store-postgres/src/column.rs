//! Between columns and the types of the protocol.

use brama_store::Unavailable;
pub(crate) use brama_store::stored::{
    acr_request, authentication, client_id, corrupt, granted, millis, named_claims, response_mode,
    response_mode_number, scope, timestamp,
};
use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use crate::pool::describe;

/// One column by name.
pub(crate) fn get<'r, T: FromSql<'r>>(row: &'r Row, column: &str) -> Result<T, Unavailable> {
    row.try_get(column).map_err(|error| Unavailable::Failed(describe(&error)))
}

/// One column that holds an instant.
pub(crate) fn instant(table: &'static str, row: &Row, column: &str) -> Result<Timestamp, Unavailable> {
    timestamp(table, get(row, column)?)
}

/// One column that holds so many bytes.
pub(crate) fn bytes<const N: usize>(table: &'static str, row: &Row, column: &str) -> Result<[u8; N], Unavailable> {
    exactly(table, column, get(row, column)?)
}

/// One column that holds so many bytes or nothing.
pub(crate) fn maybe_bytes<const N: usize>(
    table: &'static str,
    row: &Row,
    column: &str,
) -> Result<Option<[u8; N]>, Unavailable> {
    get::<Option<&[u8]>>(row, column)?.map(|found| exactly(table, column, found)).transpose()
}

fn exactly<const N: usize>(table: &'static str, column: &str, found: &[u8]) -> Result<[u8; N], Unavailable> {
    found.try_into().map_err(|_| corrupt(table, format!("{column} has {} bytes, not {N}", found.len())))
}

/// One column that holds a number which fits the smaller type of its field.
pub(crate) fn number<T>(table: &'static str, row: &Row, column: &str) -> Result<T, Unavailable>
where
    T: TryFrom<i64, Error: std::fmt::Display>,
{
    T::try_from(get(row, column)?).map_err(|error| corrupt(table, error))
}
