//! The database's tables.

use std::fmt::{self, Write as _};
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::sums::COLUMNS;

/// The version of the tables and of the notes that they hold, kept in the file.
const VERSION: i32 = 1;
/// Marks the file as a ledger of usage.
const APPLICATION: i32 = 0x7063_6c75;
/// How long another that holds the file is waited for.
const BUSY: std::time::Duration = std::time::Duration::from_secs(2);

/// The tables of sums; what is old is only kept by day.
const TABLES: [&str; 2] = ["quarters", "days"];

/// What a sum is found by, and the counts that are no number of a usage.
pub(super) const FOUND_BY: &str = "slot, project, key_id, upstream, model, requests, estimated";

/// Why a ledger of usage cannot be used.
#[derive(Debug)]
pub struct Unusable(String);

impl Unusable {
    pub(super) fn new(path: &Path, why: &dyn fmt::Display) -> Self {
        Self(format!("the ledger of usage {} cannot be used: {why}", path.display()))
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unusable {}

fn tables() -> String {
    let numbers = COLUMNS.join(" INTEGER NOT NULL, ");
    let mut tables = String::from(
        "CREATE TABLE reserved (id INTEGER PRIMARY KEY, note BLOB NOT NULL) STRICT;
         CREATE TABLE state (one INTEGER PRIMARY KEY CHECK (one = 1), applied INTEGER NOT NULL, \
                             run INTEGER NOT NULL) STRICT;
         INSERT INTO state VALUES (1, 0, 0);",
    );
    for table in TABLES {
        let _ = write!(
            tables,
            "CREATE TABLE {table} (slot INTEGER NOT NULL, project TEXT NOT NULL, key_id TEXT NOT NULL, \
             upstream TEXT NOT NULL, model TEXT NOT NULL, requests INTEGER NOT NULL, \
             estimated INTEGER NOT NULL, {numbers} INTEGER NOT NULL, \
             PRIMARY KEY (project, slot, key_id, upstream, model)) STRICT, WITHOUT ROWID;
             CREATE INDEX {table}_slot ON {table} (slot);"
        );
    }
    tables
}

/// Opens the ledger for writing; the file is there, and may be empty.
pub(super) fn open(path: &Path) -> Result<Connection, Unusable> {
    let failed = |why: &dyn fmt::Display| Unusable::new(path, why);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut db = Connection::open_with_flags(path, flags).map_err(|error| failed(&error))?;
    match prepared(&mut db) {
        Ok(Ok(())) => Ok(db),
        Ok(Err(other)) => Err(failed(&other)),
        // Unlike the store of denials it may not be moved away lightly: budgets are counted from it.
        Err(error) => Err(failed(&format!(
            "{error}; if it is damaged, put back a copy, or move it away and what was spent is forgotten"
        ))),
    }
}

/// Opens the ledger for reading only.
pub(super) fn open_to_read(path: &Path) -> Result<Connection, Unusable> {
    let failed = |why: &dyn fmt::Display| Unusable::new(path, why);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags).map_err(|error| failed(&error))?;
    let look = || -> rusqlite::Result<(i32, i32)> {
        db.busy_timeout(BUSY)?;
        let asked = |what: &str| db.pragma_query_value(None, what, |row| row.get(0));
        Ok((asked("application_id")?, asked("user_version")?))
    };
    match look().map_err(|error| failed(&error))? {
        (APPLICATION, VERSION) => Ok(db),
        (APPLICATION, version) => Err(failed(&of_another(version))),
        _ => Err(failed(&"it is no ledger of usage")),
    }
}

fn of_another(version: i32) -> String {
    format!("its version is {version}, and this program reads {VERSION}")
}

fn prepared(db: &mut Connection) -> rusqlite::Result<Result<(), String>> {
    db.busy_timeout(BUSY)?;
    let asked = |what: &str| db.pragma_query_value(None, what, |row| row.get::<_, i32>(0));
    let known: i32 = db.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))?;
    let (application, version) = (asked("application_id")?, asked("user_version")?);
    if known == 0 {
        db.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    } else if application != APPLICATION {
        return Ok(Err("it is another program's database: move it away".to_owned()));
    } else if version != VERSION {
        return Ok(Err(of_another(version)));
    }
    db.pragma_update(None, "journal_mode", "WAL")?;
    // A journal is removed when the database has what was in it, so that must be on the disk by then.
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "journal_size_limit", 4 << 20)?;
    db.pragma_update(None, "cache_size", -1024)?;
    if known == 0 {
        let making = db.transaction()?;
        making.execute_batch(&tables())?;
        making.pragma_update(None, "application_id", APPLICATION)?;
        making.pragma_update(None, "user_version", VERSION)?;
        making.commit()?;
    }
    Ok(Ok(()))
}
