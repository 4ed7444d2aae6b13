//! The store on SQLite: one file, one writer, a few readers.
//!
//! Three threads share the work: the writer commits, the flusher makes commits durable and then acknowledges them, and
//! the checkpointer moves the write-ahead log into the database. The SQLite in use is the one built into the program,
//! since older ones can lose commits (<https://www.sqlite.org/wal.html#walresetbug>). A lock on a file beside the
//! database keeps a second process out. The checkpointer is a thread and no background job: commits drive it, it ends with
//! the writer, and it blocks while it works.
//!
//! Limits: [`QUEUE_MAX`] units may wait; [`READERS`] reads run at a time, and each waits at most five seconds.

mod checkpointer;
mod flusher;
pub(in crate::store) mod open;
pub(in crate::store) mod packed;
pub(in crate::store) mod runs;
mod writer;

use std::fs::File;
use std::sync::Mutex;
use std::thread::JoinHandle;
use std::time::Duration;

use diesel::RunQueryDsl;
use diesel::connection::{Connection, SimpleConnection};
use diesel::r2d2::{ConnectionManager, CustomizeConnection, Pool};
use diesel::sqlite::SqliteConnection;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};

pub use open::OpenError;

use super::health::HealthCell;
use super::session::Session;
use super::sql::Sql;
use super::sql::memory::Memory;
use super::sql::row::{Read, Row};
use super::sql::statement::{Appended, Statement, statement};
use super::{Backend, Health, StoreChanges, StoreError, StoreResult, Unit};
use crate::base::time::Timestamp;
use checkpointer::Checkpoints;
use flusher::Flusher;

/// How many units of work may wait to be written.
pub const QUEUE_MAX: usize = 4_096;
/// The number of concurrent reads.
pub const READERS: u32 = 4;

/// A session on one connection, within the transaction that is open there.
pub(super) struct SqliteSession<'a> {
    connection: &'a mut SqliteConnection,
    /// `None` for a reader.
    memory: Option<&'a mut Memory>,
    /// The current time, if it was set.
    now: Option<Timestamp>,
}

impl<'a> SqliteSession<'a> {
    fn new(connection: &'a mut SqliteConnection, memory: Option<&'a mut Memory>) -> SqliteSession<'a> {
        SqliteSession { connection, memory, now: None }
    }
}

impl Sql for SqliteSession<'_> {
    const HAS_OTHER_WRITERS: bool = false;

    fn execute<Site: 'static>(&mut self, statement: Statement<'_, Site>) -> StoreResult<usize> {
        let operation = statement.operation();
        self.connection.execute_returning_count(&statement).map_err(|source| StoreError::query(operation, source))
    }

    fn load<Site: 'static, R: Row>(&mut self, statement: Statement<'_, Site>) -> StoreResult<Vec<R>> {
        let operation = statement.operation();
        let rows = RunQueryDsl::load::<Read<R>>(statement, self.connection);
        let rows = rows.map_err(|source| StoreError::query(operation, source))?;
        Ok(rows.into_iter().map(|Read(row)| row).collect())
    }

    fn append<Site: Appended>(&mut self, statement: Statement<'_, Site>) -> StoreResult<()> {
        self.execute(statement).map(|_| ())
    }

    fn memory(&mut self) -> Option<&mut Memory> {
        self.memory.as_deref_mut()
    }

    fn new_catalog_revision(&mut self) -> Option<&mut Option<i64>> {
        self.memory().map(|memory| &mut memory.catalog_revision)
    }

    fn settle(&mut self, _: &'static str) -> StoreResult<()> {
        Ok(())
    }
}

impl Session for SqliteSession<'_> {
    fn now(&self) -> Timestamp {
        self.now.unwrap_or_else(Timestamp::now)
    }

    fn set_now(&mut self, now: Timestamp) {
        self.now = Some(now);
    }

    fn touch(&mut self) -> StoreResult<()> {
        statement!("touching the database", "UPDATE catalog SET revision = revision").execute(self)?;
        Ok(())
    }
}

/// The database and the thread that writes it.
pub struct Sqlite {
    queue: Mutex<Option<mpsc::Sender<Box<dyn Unit>>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    readers: Pool<ConnectionManager<SqliteConnection>>,
    health: HealthCell,
    /// Changes of the catalog: there are no other processes, but runs may create klasses.
    changes: watch::Sender<StoreChanges>,
    /// Holds the lock while the store lives.
    _lock: File,
}

impl Sqlite {
    /// Opens the database in the file at `path`, creates it if it is missing, and brings its tables up to date.
    ///
    /// # Errors
    /// [`OpenError`] names the cause: the folder, the permissions, another process, a newer version.
    pub fn open(path: &str) -> Result<Sqlite, OpenError> {
        let lock = open::lock(path)?;
        let connection = open::writer(path)?;
        let readers = Pool::builder()
            .max_size(READERS)
            .min_idle(Some(1))
            .connection_timeout(Duration::from_secs(5))
            .connection_customizer(Box::new(ReaderSettings))
            .build(ConnectionManager::new(path))
            .map_err(|error| OpenError::Open { path: path.into(), reason: error.to_string() })?;
        let (sender, receiver) = mpsc::channel(QUEUE_MAX);
        let health = HealthCell::new();
        let shared = health.clone();
        let changes = watch::Sender::default();
        let reported = changes.clone();
        let (checkpoints, checkpointer) = Checkpoints::new();
        let beside = open::checkpointer(path)?;
        let (committed, flusher) = Flusher::new(open::log(path)?, health.clone());
        let threads = vec![
            spawn(path, "checkpointer", move || checkpointer.run(beside))?,
            spawn(path, "writer", move || {
                writer::run(connection, receiver, (shared, reported), checkpoints, committed)
            })?,
            spawn(path, "flusher", move || flusher.run())?,
        ];
        Ok(Sqlite {
            queue: Mutex::new(Some(sender)),
            threads: Mutex::new(threads),
            readers,
            health,
            changes,
            _lock: lock,
        })
    }
}

impl Backend for Sqlite {
    fn submit(&self, unit: Box<dyn Unit>) {
        let queue = self.queue.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone();
        let Some(queue) = queue else { return unit.finish(Err(StoreError::Closed)) };
        match queue.try_send(unit) {
            Ok(()) => {}
            Err(TrySendError::Full(unit)) => unit.finish(Err(StoreError::Busy)),
            Err(TrySendError::Closed(unit)) => unit.finish(Err(StoreError::Closed)),
        }
    }

    fn read(&self, work: &mut dyn FnMut(&mut dyn Session)) -> StoreResult<()> {
        let mut connection = self.readers.get().map_err(|error| StoreError::Connection(error.to_string()))?;
        // In one transaction, so that all reads see the same state. If `work` panics, the pool drops the connection.
        let begun = connection.batch_execute("BEGIN");
        begun.map_err(|source| StoreError::Query { operation: "opening a transaction", source })?;
        work(&mut SqliteSession::new(&mut connection, None));
        // Fails only if SQLite has rolled back by itself, after an error that `work` has seen.
        let _ = connection.batch_execute("ROLLBACK");
        Ok(())
    }

    fn health(&self) -> Health {
        self.health.get()
    }

    fn queued(&self) -> usize {
        let queue = self.queue.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        queue.as_ref().map_or(0, |queue| QUEUE_MAX - queue.capacity())
    }

    fn changes(&self) -> watch::Receiver<StoreChanges> {
        self.changes.subscribe()
    }

    fn is_leader(&self) -> bool {
        true
    }

    fn close(&self) {
        drop(self.queue.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take());
        for thread in self.threads.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).drain(..) {
            if thread.join().is_err() {
                log::error!("a thread of the store panicked");
            }
        }
    }
}

fn spawn(path: &str, name: &str, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, OpenError> {
    let thread = std::thread::Builder::new().name(name.into()).spawn(body);
    thread.map_err(|error| OpenError::Open { path: path.into(), reason: error.to_string() })
}

#[derive(Debug)]
struct ReaderSettings;

impl CustomizeConnection<SqliteConnection, diesel::r2d2::Error> for ReaderSettings {
    fn on_acquire(&self, connection: &mut SqliteConnection) -> Result<(), diesel::r2d2::Error> {
        open::set_reader(connection).map_err(diesel::r2d2::Error::QueryError)
    }
}
