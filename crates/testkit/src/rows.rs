//! Looking into the database file: for what must, or must not, be in it.

use std::collections::BTreeMap;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};

use crate::server::TestServer;

/// Every row of every table, as text; bytes in hexadecimal.
pub type Dump = BTreeMap<String, Vec<String>>;

fn cell(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "null".to_owned(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        ValueRef::Blob(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}

/// All rows of a server with [`crate::Storage::Disk`].
#[must_use]
pub fn dump(server: &TestServer) -> Dump {
    let connection = Connection::open_with_flags(server.database(), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut tables = connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").unwrap();
    let names: Vec<String> = tables.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let of_table = |name: &String| {
        let mut rows = connection.prepare(&format!("SELECT * FROM \"{name}\" ORDER BY 1")).unwrap();
        let columns: Vec<String> = rows.column_names().map(ToOwned::to_owned).collect();
        let read = rows.query_map([], |row| {
            let cells =
                columns.iter().enumerate().map(|(index, column)| Ok(format!("{column}={}", cell(row.get_ref(index)?))));
            cells.collect::<rusqlite::Result<Vec<_>>>().map(|cells| cells.join(" "))
        });
        (name.clone(), read.unwrap().map(Result::unwrap).collect())
    };
    names.iter().map(of_table).collect()
}

/// Change the database behind the server's back.
pub fn execute(server: &TestServer, sql: &str) {
    Connection::open(server.database()).unwrap().execute_batch(sql).unwrap();
}
