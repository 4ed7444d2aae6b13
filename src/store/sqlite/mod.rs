//! The store on SQLite: one file, one writer, a few readers.
//!
//! Three threads share the work: the writer commits, the flusher makes commits durable and then acknowledges them, and
//! the checkpointer moves the write-ahead log into the database. The SQLite in use is the one built into the program,
//! since older ones can lose commits (<https://www.sqlite.org/wal.html#walresetbug>). A lock on a file beside the
//! database keeps a second process out. The checkpointer is a thread and no background job: commits drive it, it ends with
//! the writer, and it blocks while it works.
//!
//! Limits: [`QUEUE_MAX`] units may wait; [`READERS`] reads run at a time, and each waits at most five seconds.

mod blocks;
mod checkpointer;
pub(in crate::store) mod convert;
mod flusher;
mod keys;
pub(in crate::store) mod open;
pub(in crate::store) mod packed;
mod processes;
mod rows;
pub(in crate::store) mod runs;
mod writer;

use std::fs::File;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use diesel::RunQueryDsl;
use diesel::connection::{Connection, SimpleConnection};
use diesel::r2d2::{ConnectionManager, CustomizeConnection, Pool};
use diesel::result::Error::DeserializationError;
use diesel::sqlite::SqliteConnection;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};

pub use open::OpenError;

use super::health::HealthCell;
use super::session::Session;
use super::sql::Sql;
use super::sql::lists::{Bounds, List, Slice};
use super::sql::memory::Memory;
use super::sql::row::Row;
use super::sql::statement::{Appended, Statement, statement};
use super::{Backend, Health, StoreChanges, StoreError, StoreResult, Unit};
use crate::base::id::Id;
use crate::base::time::Timestamp;
use blocks::Blocks;
use checkpointer::Checkpoints;
use flusher::Flusher;
use keys::KeySpace;
use rows::RawRow;

/// How many units of work may wait to be written.
pub const QUEUE_MAX: usize = 4_096;
/// The number of concurrent reads.
pub const READERS: u32 = 4;

/// A session on one connection, within the transaction that is open there.
pub(super) struct SqliteSession<'a> {
    connection: &'a mut SqliteConnection,
    keys: &'a KeySpace,
    /// `None` for a reader.
    blocks: Option<&'a mut Blocks>,
    /// `None` for a reader.
    memory: Option<&'a mut Memory>,
    /// The current time, if it was set.
    now: Option<Timestamp>,
}

impl<'a> SqliteSession<'a> {
    fn reader(connection: &'a mut SqliteConnection, keys: &'a KeySpace) -> SqliteSession<'a> {
        SqliteSession { connection, keys, blocks: None, memory: None, now: None }
    }

    /// Puts the integers of ids into a statement.
    fn bind_ids<Site: 'static>(&self, statement: &mut Statement<'_, Site>) {
        let stores = statement.stores();
        self.keys.bind(statement.binds_mut(), stores);
    }
}

impl Sql for SqliteSession<'_> {
    const HAS_OTHER_WRITERS: bool = false;

    fn execute<Site: 'static>(&mut self, mut statement: Statement<'_, Site>) -> StoreResult<usize> {
        self.bind_ids(&mut statement);
        let operation = statement.operation();
        self.connection.execute_returning_count(&statement).map_err(|source| StoreError::query(operation, source))
    }

    fn load<Site: 'static, R: Row>(&mut self, mut statement: Statement<'_, Site>) -> StoreResult<Vec<R>> {
        self.bind_ids(&mut statement);
        let operation = statement.operation();
        let rows = RunQueryDsl::load::<RawRow>(statement, self.connection).and_then(|rows| {
            let read = |row: RawRow| R::read(&mut row.cells(self.keys));
            rows.into_iter().map(read).collect::<Result<_, _>>().map_err(DeserializationError)
        });
        rows.map_err(|source| StoreError::query(operation, source))
    }

    fn append<Site: Appended>(&mut self, statement: Statement<'_, Site>) -> StoreResult<()> {
        self.execute(statement).map(|_| ())
    }

    fn shorten_id(&mut self, id: Id) {
        self.keys.admit_small(id);
    }

    fn enter(&mut self, list: List<'_>, org: Id, id: Id) -> StoreResult<()> {
        self.enter_block(list, org, id)
    }

    fn load_list<'s, Site: 'static, R: Row>(
        &mut self,
        list: List<'_>,
        org: Id,
        slice: Slice,
        read: impl Fn(Bounds) -> Statement<'s, Site>,
    ) -> StoreResult<Vec<R>> {
        self.read_blocks(list, org, slice, read)
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
    keys: Arc<KeySpace>,
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
        let (mut connection, keys) = open::writer(path)?;
        let blocks = open::blocks(path, &mut connection)?;
        let readers = Pool::builder()
            .max_size(READERS)
            .min_idle(Some(1))
            .connection_timeout(Duration::from_secs(5))
            .connection_customizer(Box::new(ReaderSettings))
            .build(ConnectionManager::new(path))
            .map_err(|error| OpenError::Open { path: path.into(), reason: error.to_string() })?;
        let (sender, receiver) = mpsc::channel(QUEUE_MAX);
        let health = HealthCell::new();
        let changes = watch::Sender::default();
        let (checkpoints, checkpointer) = Checkpoints::new();
        let beside = open::checkpointer(path)?;
        let (committed, flusher) = Flusher::new(open::log(path)?, health.clone());
        let writing =
            writer::Writer { connection, keys: keys.clone(), blocks, health: health.clone(), changes: changes.clone() };
        let threads = vec![
            spawn(path, "checkpointer", move || checkpointer.run(beside))?,
            spawn(path, "writer", move || writing.run(receiver, checkpoints, committed))?,
            spawn(path, "flusher", move || flusher.run())?,
        ];
        let (queue, threads) = (Mutex::new(Some(sender)), Mutex::new(threads));
        Ok(Sqlite { queue, threads, readers, keys, health, changes, _lock: lock })
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
        work(&mut SqliteSession::reader(&mut connection, &self.keys));
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
