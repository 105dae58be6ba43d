//! Between columns and the types of the protocol.

use brama_protocol::client::ClientId;
use brama_protocol::scope::{GrantedScope, Scope};
use brama_store::Unavailable;
use brama_store::session::Authentication;
use jiff::Timestamp;
use rusqlite::Row;

/// A failed statement, as the store reports it.
pub(crate) fn failed(error: rusqlite::Error) -> Unavailable {
    Unavailable::Failed(error.to_string())
}

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
pub(crate) fn get<T: rusqlite::types::FromSql>(row: &Row<'_>, column: &str) -> Result<T, Unavailable> {
    row.get(column).map_err(failed)
}

/// The columns of a row, in the order in which the statement names them: looking a name up costs more than the value.
pub(crate) struct Cells<'row, 'statement> {
    row: &'row Row<'statement>,
    next: usize,
}

impl<'row, 'statement> Cells<'row, 'statement> {
    pub(crate) fn of(row: &'row Row<'statement>) -> Self {
        Self { row, next: 0 }
    }

    pub(crate) fn take<T: rusqlite::types::FromSql>(&mut self) -> Result<T, Unavailable> {
        let at = self.next;
        self.next += 1;
        self.row.get(at).map_err(failed)
    }
}

/// The first row of a cached statement, read by `read`.
pub(crate) fn first<T, P: rusqlite::Params>(
    connection: &rusqlite::Connection,
    sql: &str,
    params: P,
    read: impl FnOnce(&Row<'_>) -> Result<T, Unavailable>,
) -> Result<Option<T>, Unavailable> {
    let mut statement = connection.prepare_cached(sql).map_err(failed)?;
    let mut rows = statement.query(params).map_err(failed)?;
    rows.next().map_err(failed)?.map(read).transpose()
}

/// All rows of a cached statement, each read by `read`.
pub(crate) fn all<T, P: rusqlite::Params>(
    connection: &rusqlite::Connection,
    sql: &str,
    params: P,
    mut read: impl FnMut(&Row<'_>) -> Result<T, Unavailable>,
) -> Result<Vec<T>, Unavailable> {
    let mut statement = connection.prepare_cached(sql).map_err(failed)?;
    let mut rows = statement.query(params).map_err(failed)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(failed)? {
        found.push(read(row)?);
    }
    Ok(found)
}

/// Run a cached statement; how many rows it changed.
pub(crate) fn change<P: rusqlite::Params>(
    connection: &rusqlite::Connection,
    sql: &str,
    params: P,
) -> Result<usize, Unavailable> {
    connection.prepare_cached(sql).and_then(|mut statement| statement.execute(params)).map_err(failed)
}
