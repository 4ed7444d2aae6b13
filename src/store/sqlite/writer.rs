//! The one thread that writes: group commit.
//!
//! Units of work queue in a bounded channel. The thread takes all that have queued, at most [`BATCH_MAX`], executes
//! them in one `IMMEDIATE` transaction, and passes them to [`super::flusher`], which notifies the callers once the
//! commit is on the disk. Under light load a batch is one unit and costs one flush; under heavy load units share the
//! flush.
//!
//! When a unit fails, the whole batch is rolled back and each unit is executed again in a transaction of its own, so
//! that a bad one fails alone. A full disk fails the present units, and the next ones try again. Any other I/O error is
//! final: the state of the disk is unknown, so nothing is acknowledged until the process is restarted.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use diesel::connection::{Connection, SimpleConnection};
use diesel::result::Error as DieselError;
use diesel::sqlite::SqliteConnection;
use tokio::sync::{mpsc, watch};

use super::SqliteSession;
use super::blocks::Blocks;
use super::checkpointer::Checkpoints;
use super::flusher::{Batch, Flushes};
use super::keys::KeySpace;
use crate::observe::metrics;
use crate::store::health::HealthCell;
use crate::store::sql::memory::Memory;
use crate::store::sql::statement::{Statement, statement};
use crate::store::{Health, StoreChanges, StoreError, StoreResult, Unit};

/// The maximum number of units in a commit. Beyond this, only the wait for the batch grows.
const BATCH_MAX: usize = 256;

/// The state of the thread.
pub struct Writer {
    pub connection: SqliteConnection,
    pub keys: Arc<KeySpace>,
    pub blocks: Blocks,
    pub health: HealthCell,
    pub changes: watch::Sender<StoreChanges>,
}

impl Writer {
    /// Runs until every sender is gone and the queue is empty.
    pub fn run(mut self, mut queue: mpsc::Receiver<Box<dyn Unit>>, checkpoints: Checkpoints, mut flushes: Flushes) {
        let mut batch: Batch = Vec::with_capacity(BATCH_MAX);
        while queue.blocking_recv_many(&mut batch, BATCH_MAX) > 0 {
            let units = batch.len();
            if let Some(revision) = self.commit(std::mem::take(&mut batch), &mut flushes) {
                self.changes.send_modify(|changes| changes.catalog = revision);
            }
            flushes.hand_over(queue.len());
            checkpoints.after_commit(&mut self.connection, units);
        }
        flushes.hand_over(0);
        drop((checkpoints, flushes));
        // Leaves everything in one file, so that it can be copied or moved.
        if let Err(error) = self.connection.batch_execute("PRAGMA optimize; PRAGMA wal_checkpoint(TRUNCATE)") {
            log::warn!(err:% = error; "checkpointing the write-ahead log failed");
        }
        self.health.set(Health::Closed);
    }

    /// Executes and commits the batch. Returns the catalog's new revision if the batch changed the catalog.
    fn commit(&mut self, mut batch: Batch, flushes: &mut Flushes) -> Option<i64> {
        if let Health::Failed(reason) = self.health.get() {
            batch.into_iter().for_each(|unit| unit.finish(Err(StoreError::Failed(reason.clone()))));
            return None;
        }
        match self.attempt(&mut batch) {
            Ok(catalog_revision) => {
                self.health.set(Health::Ready);
                metrics::committed(batch.len());
                flushes.add(batch);
                catalog_revision
            }
            Err((error, failed_at)) => match classify(error) {
                // Another connection holds the lock: each unit alone would fail the same way, and wait as long.
                StoreError::Busy => {
                    batch.into_iter().for_each(|unit| unit.finish(Err(StoreError::Busy)));
                    None
                }
                // The database failed, not a unit.
                StoreError::Failed(reason) if batch.len() > 1 => {
                    self.health.set(Health::Failed(reason));
                    self.commit(batch, flushes)
                }
                // One unit failed: the others are executed again without it, and it alone.
                _ if batch.len() > 1 => match failed_at {
                    Some(index) => {
                        let alone = batch.remove(index);
                        let others = self.commit(batch, flushes);
                        self.commit(vec![alone], flushes).max(others)
                    }
                    None => {
                        let revisions = batch.into_iter().map(|unit| self.commit(vec![unit], flushes));
                        revisions.fold(None, Option::max)
                    }
                },
                error => {
                    self.fail(batch, error);
                    None
                }
            },
        }
    }

    /// Reports a failure to the one unit of a batch, and to the health if it can't be the unit's fault.
    fn fail(&self, mut batch: Batch, error: StoreError) {
        match &error {
            StoreError::DiskFull => self.health.set(Health::DiskFull),
            StoreError::Failed(reason) => self.health.set(Health::Failed(reason.clone())),
            _ => {}
        }
        if let Some(unit) = batch.pop() {
            unit.finish(Err(error));
        }
    }

    /// Executes the batch in one transaction; if this fails, nothing of it remains. The index is that of the unit that
    /// failed, if it was a unit. On success, the catalog's new revision if that was changed.
    fn attempt(&mut self, batch: &mut [Box<dyn Unit>]) -> Result<Option<i64>, (StoreError, Option<usize>)> {
        let begin = statement!("opening a transaction", "BEGIN IMMEDIATE");
        execute(&mut self.connection, begin).map_err(|error| (error, None))?;
        let mut memory = Memory::default();
        let mut run = |(index, unit): (usize, &mut Box<dyn Unit>)| {
            self.run_unit(&mut memory, unit.as_mut()).map_err(|error| (error, Some(index)))
        };
        let done = batch.iter_mut().enumerate().try_for_each(&mut run);
        match done.and_then(|()| self.commit_transaction().map_err(|error| (error, None))) {
            Ok(()) => Ok(memory.catalog_revision),
            Err(error) => {
                // After some errors SQLite has rolled back itself, and this fails because there is no transaction.
                let _ = self.connection.batch_execute("ROLLBACK");
                self.blocks.rolled_back();
                Err(error)
            }
        }
    }

    fn run_unit(&mut self, memory: &mut Memory, unit: &mut dyn Unit) -> StoreResult<()> {
        let (connection, keys, blocks) = (&mut self.connection, &self.keys, Some(&mut self.blocks));
        let mut session = SqliteSession { connection, keys, blocks, memory: Some(memory), now: None };
        let outcome = catch_unwind(AssertUnwindSafe(|| unit.run(&mut session)));
        outcome.unwrap_or_else(|panic| Err(StoreError::from_panic(panic.as_ref())))
    }

    /// Commits, with what the ids of the transaction need to be read again.
    fn commit_transaction(&mut self) -> StoreResult<()> {
        let stored = self.keys.store(&mut self.connection);
        stored.map_err(|source| StoreError::Query { operation: "storing how ids are stored", source })?;
        execute(&mut self.connection, statement!("committing", "COMMIT"))?;
        self.keys.stored();
        self.blocks.committed();
        Ok(())
    }
}

fn execute<Site: 'static>(connection: &mut SqliteConnection, statement: Statement<'_, Site>) -> StoreResult<()> {
    let operation = statement.operation();
    let executed = connection.execute_returning_count(&statement);
    executed.map(|_| ()).map_err(|source| StoreError::Query { operation, source })
}

/// Distinguishes a full and a broken disk from other errors. Diesel passes on SQLite's message but not its code; the
/// messages are fixed texts of the SQLite that is built into the program.
fn classify(error: StoreError) -> StoreError {
    let StoreError::Query { operation, source: DieselError::DatabaseError(_, information) } = &error else {
        return error;
    };
    let message = information.message();
    if message.starts_with("database or disk is full") {
        return StoreError::DiskFull;
    }
    if message.starts_with("database is locked") {
        return StoreError::Busy;
    }
    let broken = [
        "disk I/O error",
        "database disk image is malformed",
        "file is not a database",
        "attempt to write a readonly database",
    ];
    match broken.iter().any(|text| message.starts_with(text)) {
        true => StoreError::Failed(format!("{operation}: {message}")),
        false => error,
    }
}
