#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use brama_store::Store;
use brama_store::conformance::transfer::{Movable, run_all};
use jiff::Timestamp;

use super::*;
use crate::{Settings, SqliteStore};

struct Folder {
    folder: tempfile::TempDir,
    next: AtomicUsize,
}

impl Folder {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), next: AtomicUsize::new(0) }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join(format!("{}.db", self.next.fetch_add(1, Ordering::Relaxed)))
    }

    fn migrated(&self) -> PathBuf {
        let path = self.path();
        SqliteStore::migrate(&path, Timestamp::UNIX_EPOCH).unwrap();
        path
    }
}

fn open_store(path: &Path) -> Result<SqliteStore, OpenError> {
    SqliteStore::open(&Settings { path: path.to_owned(), group_commit_max: 64, readers: 2 })
}

#[async_trait]
impl Movable for Folder {
    type Database = PathBuf;

    async fn create(&self) -> PathBuf {
        self.migrated()
    }

    async fn store(&self, path: &PathBuf) -> Option<Arc<dyn Store>> {
        match open_store(path) {
            Ok(store) => Some(Arc::new(store)),
            Err(error) => {
                assert!(matches!(error, OpenError::Unfinished { .. }), "{error}");
                None
            }
        }
    }

    async fn source(&self, path: &PathBuf) -> Box<dyn Source> {
        Box::new(SqliteSource::open(path).unwrap())
    }

    async fn target(&self, path: &PathBuf) -> Box<dyn Target> {
        Box::new(SqliteTarget::open(path, Timestamp::UNIX_EPOCH).unwrap())
    }

    async fn sign_everybody_out(&self, path: &PathBuf, now: Timestamp) {
        sign_everybody_out(path, now).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_suite() {
    run_all(&Folder::new()).await;
}

/// A new table or column is moved too, or is named here as one that is not.
#[test]
fn the_list_of_tables_is_the_schema() {
    const NOT_MOVED: [&str; 3] = ["catalog", "lease", "schema_migration"];
    let folder = Folder::new();
    let connection = open_to_read(&folder.migrated()).unwrap();
    let mut tables =
        all(&connection, "SELECT name FROM sqlite_schema WHERE type = 'table'", (), |row| get::<String>(row, "name"))
            .unwrap();
    tables.retain(|name| !name.starts_with("sqlite_") && !NOT_MOVED.contains(&name.as_str()));
    tables.sort();
    let mut listed: Vec<&str> = TABLES.iter().map(|table| table.name).collect();
    listed.sort_unstable();
    assert_eq!(tables, listed);
    for table in TABLES {
        let sql = format!("SELECT name, type, \"notnull\", pk FROM pragma_table_info('{}')", table.name);
        let mut found = all(&connection, &sql, (), |row| {
            let key: u16 = get(row, "pk")?;
            Ok((
                get::<String>(row, "name")?,
                get::<String>(row, "type")?,
                get::<bool>(row, "notnull")?,
                usize::from(key),
            ))
        })
        .unwrap();
        let mut ours: Vec<_> = table
            .columns
            .iter()
            .enumerate()
            .map(|(index, column)| {
                let kind = match column.kind {
                    Kind::Integer | Kind::Boolean => "INTEGER",
                    Kind::Text => "TEXT",
                    Kind::Bytes => "BLOB",
                };
                let key = if index < table.key_columns().len() { index + 1 } else { 0 };
                (column.name.to_owned(), kind.to_owned(), !column.nullable, key)
            })
            .collect();
        found.sort();
        ours.sort();
        assert_eq!(found, ours, "{}", table.name);
    }
}

#[test]
fn a_source_has_to_be_there_current_and_whole() {
    let folder = Folder::new();
    let nowhere = folder.path();
    assert!(matches!(SqliteSource::open(&nowhere), Err(OpenError::Unusable { .. })));
    assert!(!nowhere.exists(), "it was made");
    let empty = folder.path();
    Connection::open(&empty).unwrap().execute_batch("PRAGMA user_version = 0; VACUUM").unwrap();
    assert!(matches!(SqliteSource::open(&empty), Err(OpenError::Behind { found: 0, .. })));
    let newer = folder.migrated();
    Connection::open(&newer).unwrap().pragma_update(None, "user_version", 999).unwrap();
    assert!(matches!(SqliteSource::open(&newer), Err(OpenError::TooNew { found: 999, .. })));
    let part = folder.migrated();
    Connection::open(&part).unwrap().execute_batch("CREATE TABLE transfer (one INTEGER)").unwrap();
    assert!(matches!(SqliteSource::open(&part), Err(OpenError::Unfinished { .. })));
    assert!(matches!(inspect(&part), Err(OpenError::Unfinished { .. })));
}

#[tokio::test]
async fn a_target_is_ones_own() {
    let folder = Folder::new();
    let path = folder.migrated();
    let store = open_store(&path).unwrap();
    assert!(matches!(SqliteTarget::open(&path, Timestamp::UNIX_EPOCH), Err(OpenError::Locked { .. })));
    assert!(matches!(hold(&path), Err(OpenError::Locked { .. })));
    drop(store);
    let target = SqliteTarget::open(&path, Timestamp::UNIX_EPOCH).unwrap();
    assert!(matches!(open_store(&path), Err(OpenError::Locked { .. })));
    assert!(matches!(hold(&path), Err(OpenError::Locked { .. })));
    drop(target);
    let held = hold(&path).unwrap();
    assert!(matches!(SqliteTarget::open(&path, Timestamp::UNIX_EPOCH), Err(OpenError::Locked { .. })));
    drop(held);
    drop(open_store(&path).unwrap());
}

#[test]
fn a_duplicate_is_one_sound_file_and_the_original_stays() {
    let folder = Folder::new();
    let path = folder.migrated();
    let writer = Connection::open(&path).unwrap();
    writer
        .execute_batch("BEGIN; INSERT INTO audit (at, event) VALUES (1, 'user_added'); COMMIT; BEGIN IMMEDIATE")
        .unwrap();
    writer.execute_batch("INSERT INTO audit (at, event) VALUES (2, 'signed_in')").unwrap();
    let copy = folder.path();
    duplicate(&path, &copy).unwrap();
    writer.execute_batch("COMMIT").unwrap();
    let found = inspect(&copy).unwrap();
    assert_eq!((found.rows, found.schema, found.master_key_check), (1, Some(migrate::newest()), None));
    assert_eq!(inspect(&path).unwrap().rows, 2);
    let beside: Vec<_> =
        std::fs::read_dir(folder.folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert!(!beside.iter().any(|name| name.to_string_lossy().starts_with("1.db-")), "{beside:?}");
    // Never into a file with something in it.
    assert!(duplicate(&path, &copy).is_err());
    assert_eq!(inspect(&copy).unwrap().rows, 1);
}

#[test]
fn damage_and_strangers_are_told() {
    let folder = Folder::new();
    let stranger = folder.path();
    Connection::open(&stranger).unwrap().execute_batch("CREATE TABLE kalyna (a); PRAGMA user_version = 1").unwrap();
    assert_eq!(inspect(&stranger).unwrap(), Inspection { schema: None, master_key_check: None, rows: 0 });
    let text = folder.path();
    std::fs::write(&text, "kalyna ".repeat(4096)).unwrap();
    assert!(inspect(&text).is_err());
    let damaged = folder.path();
    duplicate(&folder.migrated(), &damaged).unwrap();
    let mut bytes = std::fs::read(&damaged).unwrap();
    let end = bytes.len();
    bytes.get_mut(end / 2..).unwrap().fill(0xa5);
    std::fs::write(&damaged, bytes).unwrap();
    assert!(inspect(&damaged).is_err());
    let dangling = folder.migrated();
    Connection::open(&dangling)
        .unwrap()
        .execute_batch("PRAGMA foreign_keys = OFF; INSERT INTO user_name (key, user_id) VALUES ('a', x'00')")
        .unwrap();
    assert!(inspect(&dangling).is_err());
}
