//! Opening a database: the lock, the settings, the migrations, and what each failure means to the operator.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::sync::Arc;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::blocks::Blocks;
use super::convert::convert;
use super::keys::KeySpace;

pub(super) const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the folder `{0}` does not exist; create it, or choose another file with --database-url")]
    NoFolder(String),
    #[error("can't open the database `{path}` for writing: {reason}")]
    Open { path: String, reason: String },
    #[error(
        "another hookflow process uses the database `{0}`; stop it first, or choose another file with --database-url"
    )]
    InUse(String),
    #[error(
        "the database `{path}` was written by a newer version of hookflow (migration {migration} is unknown here); \
         start that version, or restore a backup"
    )]
    Newer { path: String, migration: String },
    #[error("can't migrate the database `{path}`: {reason}")]
    Migration { path: String, reason: String },
    #[error("this program contains SQLite {0}, which can lose commits; hookflow needs 3.51.3 or newer")]
    OldSqlite(String),
}

/// Takes the lock beside the database; it is released when the file is dropped or the process ends.
pub(in crate::store) fn lock(path: &str) -> Result<File, OpenError> {
    let parent = Path::new(path).parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent.filter(|parent| !parent.is_dir()) {
        return Err(OpenError::NoFolder(parent.display().to_string()));
    }
    let lock_path = format!("{path}-lock");
    let refuse = |error: std::io::Error| OpenError::Open { path: path.into(), reason: error.to_string() };
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(lock_path).map_err(refuse)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(path.into())),
        Err(TryLockError::Error(error)) => Err(refuse(error)),
    }
}

/// The connection that writes, with the tables up to date, and the ids that they hold.
pub(in crate::store) fn writer(path: &str) -> Result<(SqliteConnection, Arc<KeySpace>), OpenError> {
    let refuse = |reason: String| OpenError::Open { path: path.into(), reason };
    let mut connection = SqliteConnection::establish(path).map_err(|error| refuse(error.to_string()))?;
    // auto_vacuum has to be set before the first table is created. The cache is small because SQLite walks all of it
    // after many a commit, as long as the database is smaller than a gigabyte; the system's own cache is behind it.
    let settings = "PRAGMA busy_timeout = 5000; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; \
                    PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; \
                    PRAGMA cell_size_check = ON; PRAGMA wal_autocheckpoint = 0; \
                    PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -16000; PRAGMA temp_store = MEMORY; \
                    PRAGMA secure_delete = FAST;";
    let version = sqlite_version(&mut connection).map_err(|error| refuse(error.to_string()))?;
    check_version(version)?;
    connection.batch_execute(settings).map_err(|error| refuse(error.to_string()))?;
    migrate(path, &mut connection)?;
    let keys = KeySpace::load(&mut connection).map_err(|error| refuse(error.to_string()))?;
    Ok((connection, Arc::new(keys)))
}

/// Which rows are in which lists, as far as the writer has to know.
pub(super) fn blocks(path: &str, connection: &mut SqliteConnection) -> Result<Blocks, OpenError> {
    Blocks::load(connection).map_err(|error| OpenError::Open { path: path.into(), reason: error.to_string() })
}

/// Reading the version reads the file, and fails if it is not a database.
fn sqlite_version(connection: &mut SqliteConnection) -> QueryResult<String> {
    diesel::select(diesel::dsl::sql::<diesel::sql_types::Text>("sqlite_version()")).get_result(connection)
}

/// SQLite below 3.51.3 may lose commits when two connections checkpoint: <https://www.sqlite.org/wal.html#walresetbug>.
fn check_version(version: String) -> Result<(), OpenError> {
    let numbers: Vec<u32> = version.split('.').map(|part| part.parse().unwrap_or(0)).collect();
    if numbers.as_slice() < [3, 51, 3].as_slice() { Err(OpenError::OldSqlite(version)) } else { Ok(()) }
}

/// The write-ahead log, to be flushed separately. SQLite holds no locks on this file, so it may be opened and closed.
pub(super) fn log(path: &str) -> Result<File, OpenError> {
    let log = OpenOptions::new().read(true).write(true).open(format!("{path}-wal"));
    log.map_err(|error| OpenError::Open { path: path.into(), reason: format!("its write-ahead log: {error}") })
}

/// The connection that checkpoints the log, beside the writer.
pub(super) fn checkpointer(path: &str) -> Result<SqliteConnection, OpenError> {
    let refuse = |reason: String| OpenError::Open { path: path.into(), reason };
    let mut connection = SqliteConnection::establish(path).map_err(|error| refuse(error.to_string()))?;
    let settings = "PRAGMA busy_timeout = 5000; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;";
    connection.batch_execute(settings).map_err(|error| refuse(error.to_string()))?;
    Ok(connection)
}

/// Settings of a connection that only reads, and never checkpoints.
pub(super) fn set_reader(connection: &mut SqliteConnection) -> QueryResult<()> {
    connection.batch_execute(
        "PRAGMA busy_timeout = 5000; PRAGMA query_only = ON; PRAGMA wal_autocheckpoint = 0; \
         PRAGMA trusted_schema = OFF; PRAGMA cache_size = -4000;",
    )
}

fn migrate(path: &str, connection: &mut SqliteConnection) -> Result<(), OpenError> {
    use diesel::migration::{MigrationSource, MigrationVersion};
    let refuse = |reason: Box<dyn std::error::Error + Send + Sync>| OpenError::Migration {
        path: path.into(),
        reason: reason.to_string(),
    };
    let applied: Vec<MigrationVersion<'static>> = connection.applied_migrations().map_err(refuse)?;
    let known = MigrationSource::<diesel::sqlite::Sqlite>::migrations(&MIGRATIONS).map_err(refuse)?;
    let known: Vec<String> = known.iter().map(|migration| migration.name().version().to_string()).collect();
    if let Some(newer) = applied.iter().map(MigrationVersion::to_string).find(|version| !known.contains(version)) {
        return Err(OpenError::Newer { path: path.into(), migration: newer });
    }
    // A migration builds on the one before, and so on the rows that the program copies after it.
    convert(connection).map_err(|error| refuse(error.into()))?;
    while connection.has_pending_migration(MIGRATIONS).map_err(refuse)? {
        connection.run_next_migration(MIGRATIONS).map_err(refuse)?;
        convert(connection).map_err(|error| refuse(error.into()))?;
    }
    Ok(())
}
