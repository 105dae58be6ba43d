//! Looking into the database behind the server: for what must, or must not, be in it.

use std::collections::BTreeMap;

use brama_postgres_cluster::{Cluster, Held};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};

use crate::server::{Database, TestServer};

/// Every row of every table, as text; bytes in hexadecimal, flags as 0 and 1.
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
    match server.database() {
        Database::File(path) => {
            let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
            dump_sqlite(&connection)
        }
        Database::Postgres(url) => dump_postgres(url),
    }
}

fn dump_sqlite(connection: &Connection) -> Dump {
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

fn dump_postgres(url: &str) -> Dump {
    let sql = |statement: &str| Cluster::shared().sql(url, statement);
    let tables = sql("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1");
    let of_table = |name: &str| {
        let columns = sql(&format!(
            "SELECT column_name || ' ' || data_type FROM information_schema.columns
             WHERE table_schema = 'public' AND table_name = '{name}' ORDER BY ordinal_position"
        ));
        let cells: Vec<String> = columns.lines().map(|line| cell_of_postgres(line.split_once(' ').unwrap())).collect();
        let rows = sql(&format!("SELECT {} FROM \"{name}\" ORDER BY 1", cells.join(" || ' ' || ")));
        (name.to_owned(), rows.lines().map(ToOwned::to_owned).collect())
    };
    tables.lines().map(of_table).collect()
}

/// The expression that says `column=value`.
fn cell_of_postgres((column, kind): (&str, &str)) -> String {
    let value = match kind {
        "bytea" => format!("encode(\"{column}\", 'hex')"),
        "boolean" => format!("\"{column}\"::int::text"),
        _ => format!("\"{column}\"::text"),
    };
    format!("'{column}=' || coalesce({value}, 'null')")
}

/// Everything the database keeps, as bytes: where a secret would be found if it were kept.
#[must_use]
pub fn everything(server: &TestServer) -> Vec<u8> {
    match server.database() {
        Database::File(path) => {
            // The database, its log and its shared memory.
            let folder = path.parent().unwrap();
            let mut names: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
            names.sort();
            names.iter().flat_map(|path| std::fs::read(path).unwrap()).collect()
        }
        Database::Postgres(url) => {
            let text = dump_postgres(url).into_values().flatten().collect::<Vec<_>>().join("\n");
            let words = text.split([' ', '=', '\n']);
            let blobs = words.filter(|word| !word.is_empty() && word.len() % 2 == 0).filter_map(bytes_of_hex).flatten();
            let mut all: Vec<u8> = blobs.collect();
            all.extend(text.as_bytes());
            all
        }
    }
}

fn bytes_of_hex(word: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = word.chars().map(|digit| digit.to_digit(16)).collect();
    Some(digits?.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap()).collect())
}

/// Change the database behind the server's back.
pub fn execute(server: &TestServer, sql: &str) {
    match server.database() {
        Database::File(path) => Connection::open(path).unwrap().execute_batch(sql).unwrap(),
        Database::Postgres(url) => drop(Cluster::shared().sql(url, sql)),
    }
}

/// While this lives, nobody else writes to the database; readers go on.
pub enum WriteLock {
    /// Of a file.
    File(Connection),
    /// Of PostgreSQL.
    Postgres(Held),
}

/// Take the right to write to the database away from the server.
#[must_use]
pub fn hold(server: &TestServer) -> WriteLock {
    match server.database() {
        Database::File(path) => {
            let connection = Connection::open(path).unwrap();
            connection.execute_batch("BEGIN IMMEDIATE").unwrap();
            WriteLock::File(connection)
        }
        Database::Postgres(url) => WriteLock::Postgres(Cluster::shared().hold(url)),
    }
}
