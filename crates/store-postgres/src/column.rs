//! Between columns and the types of the protocol.

use brama_protocol::client::ClientId;
use brama_protocol::scope::{GrantedScope, Scope};
use brama_store::Unavailable;
use brama_store::session::Authentication;
use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use crate::pool::describe;

/// A value that fits no state.
pub(crate) fn corrupt(table: &'static str, why: impl std::fmt::Display) -> Unavailable {
    Unavailable::Corrupt { table, why: why.to_string() }
}

pub(crate) fn millis(at: Timestamp) -> i64 {
    at.as_millisecond()
}

pub(crate) fn timestamp(table: &'static str, millis: i64) -> Result<Timestamp, Unavailable> {
    Timestamp::from_millisecond(millis).map_err(|error| corrupt(table, error))
}

pub(crate) fn client_id(table: &'static str, text: String) -> Result<ClientId, Unavailable> {
    ClientId::try_from(text).map_err(|error| corrupt(table, error))
}

pub(crate) fn scope(table: &'static str, text: &str) -> Result<Scope, Unavailable> {
    Scope::parse(text).map_err(|error| corrupt(table, error))
}

pub(crate) fn granted(table: &'static str, text: &str) -> Result<GrantedScope, Unavailable> {
    scope(table, text).map(GrantedScope::from_stored)
}

pub(crate) fn authentication(
    table: &'static str,
    auth_time: i64,
    amr: &str,
    acr: String,
) -> Result<Authentication, Unavailable> {
    Ok(Authentication {
        at: timestamp(table, auth_time)?,
        amr: amr.split(' ').filter(|value| !value.is_empty()).map(ToOwned::to_owned).collect(),
        acr,
    })
}

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
