//! The database's file and tables.

use std::fmt;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

/// The version of the tables, kept in the file.
const VERSION: i32 = 1;
/// Marks the file as a store of this program.
const APPLICATION: i32 = 0x70_63_6c_31;

/// How long another that writes to the same file is waited for.
const BUSY: std::time::Duration = std::time::Duration::from_secs(1);

const TABLES: &str = "
    CREATE TABLE records (
        id INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        request_id TEXT NOT NULL,
        event TEXT NOT NULL,
        reason TEXT NOT NULL,
        rule TEXT NOT NULL,
        project TEXT NOT NULL,
        key_id TEXT NOT NULL,
        ip TEXT NOT NULL,
        model TEXT NOT NULL,
        record TEXT NOT NULL
    ) STRICT;
    CREATE INDEX records_request ON records (request_id);
    CREATE INDEX records_at ON records (at);
    CREATE TABLE repeats (
        id INTEGER PRIMARY KEY,
        first INTEGER NOT NULL,
        last INTEGER NOT NULL,
        event TEXT NOT NULL,
        reason TEXT NOT NULL,
        rule TEXT NOT NULL,
        project TEXT NOT NULL,
        key_id TEXT NOT NULL,
        network TEXT NOT NULL,
        count INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX repeats_last ON repeats (last);
    CREATE TABLE decisions (
        hour INTEGER NOT NULL,
        project TEXT NOT NULL,
        key_id TEXT NOT NULL,
        ip TEXT NOT NULL,
        method TEXT NOT NULL,
        path TEXT NOT NULL,
        model TEXT NOT NULL,
        denied TEXT NOT NULL,
        would_deny TEXT NOT NULL,
        surface TEXT NOT NULL,
        scope TEXT NOT NULL,
        upstream TEXT NOT NULL,
        count INTEGER NOT NULL,
        last INTEGER NOT NULL,
        PRIMARY KEY (hour, project, key_id, ip, method, path, model, denied, would_deny, surface, scope, upstream)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE rates (
        hour INTEGER NOT NULL,
        project TEXT NOT NULL,
        key_id TEXT NOT NULL,
        requests INTEGER NOT NULL,
        most_in_a_minute INTEGER NOT NULL,
        PRIMARY KEY (hour, project, key_id)
    ) STRICT, WITHOUT ROWID;
";

/// Why a store cannot be used.
#[derive(Debug)]
pub struct Unusable(String);

impl Unusable {
    pub(super) fn new(path: &Path, why: &dyn fmt::Display) -> Self {
        Self(format!("the store {} cannot be used: {why}", path.display()))
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unusable {}

/// Which file stands at a path: its device and number.
pub(crate) fn file_at(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(path).ok().map(|seen| (seen.dev(), seen.ino()))
}

/// Opens the store for writing; makes it if it is not there.
pub(super) fn open(path: &Path) -> Result<Connection, Unusable> {
    let failed = |why: &dyn fmt::Display| Unusable::new(path, why);
    private(path).map_err(|error| {
        failed(&format!(
            "{error}; the gate's user must be able to write there, or [store] must name another path"
        ))
    })?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut db = Connection::open_with_flags(path, flags).map_err(|error| failed(&error))?;
    match prepared(&mut db) {
        Ok(Ok(())) => Ok(db),
        Ok(Err(other)) => Err(failed(&other)),
        Err(error) => Err(failed(&format!(
            "{error}; it may be damaged or no store at all: move it away, and the gate makes a new one"
        ))),
    }
}

/// Opens the store for reading only.
pub(super) fn open_to_read(path: &Path) -> Result<Connection, Unusable> {
    let failed = |why: &dyn fmt::Display| Unusable::new(path, why);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let unread = |error: rusqlite::Error| {
        failed(&format!(
            "{error}; it must be there, and be read by the gate's user in a folder that can be written to"
        ))
    };
    let db = Connection::open_with_flags(path, flags).map_err(unread)?;
    let look = || -> rusqlite::Result<(i32, i32)> {
        db.busy_timeout(BUSY)?;
        let asked = |what: &str| db.pragma_query_value(None, what, |row| row.get(0));
        Ok((asked("application_id")?, asked("user_version")?))
    };
    match look().map_err(unread)? {
        (APPLICATION, VERSION) => Ok(db),
        (APPLICATION, version) => Err(failed(&of_another(version))),
        _ => Err(failed(&"it is no store of a gate")),
    }
}

fn of_another(version: i32) -> String {
    format!("its version is {version}, and this program reads {VERSION}")
}

/// Makes the file readable to its owner alone before anything is in it.
fn private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(path).map(|_| ())
}

fn prepared(db: &mut Connection) -> rusqlite::Result<Result<(), String>> {
    db.busy_timeout(BUSY)?;
    let asked = |what: &str| db.pragma_query_value(None, what, |row| row.get::<_, i32>(0));
    let tables: i32 = db.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))?;
    let (application, version) = (asked("application_id")?, asked("user_version")?);
    if tables == 0 {
        // Only before the first table can a file be told to give pages back.
        db.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    } else if application != APPLICATION {
        return Ok(Err("it is another program's database: give the gate a file of its own".to_owned()));
    } else if version != VERSION {
        return Ok(Err(of_another(version)));
    }
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "NORMAL")?;
    db.pragma_update(None, "journal_size_limit", 4 << 20)?;
    // In kilobytes when negative: what a gate spends on a cache of what nobody reads.
    db.pragma_update(None, "cache_size", -512)?;
    if tables == 0 {
        let making = db.transaction()?;
        making.execute_batch(TABLES)?;
        making.pragma_update(None, "application_id", APPLICATION)?;
        making.pragma_update(None, "user_version", VERSION)?;
        making.commit()?;
    }
    Ok(Ok(()))
}
