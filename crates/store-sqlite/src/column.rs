//! Between columns and the types of the protocol.

use brama_store::Unavailable;
pub(crate) use brama_store::stored::{
    acr_request, authentication, client_id, corrupt, granted, millis, named_claims, response_mode,
    response_mode_number, scope, timestamp,
};
use rusqlite::Row;

/// A failed statement, as the store reports it.
pub(crate) fn failed(error: rusqlite::Error) -> Unavailable {
    Unavailable::Failed(error.to_string())
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
