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

use diesel::connection::SimpleConnection;
use diesel::result::Error as DieselError;
use diesel::sqlite::SqliteConnection;
use tokio::sync::{mpsc, watch};

use super::SqliteSession;
use super::checkpointer::Checkpoints;
use super::flusher::{Batch, Flushes};
use crate::observe::metrics;
use crate::store::health::HealthCell;
use crate::store::sql::memory::Memory;
use crate::store::{Health, StoreChanges, StoreError, StoreResult, Unit};

/// The maximum number of units in a commit. Beyond this, only the wait for the batch grows.
const BATCH_MAX: usize = 256;

/// Runs until every sender is gone and the queue is empty.
pub fn run(
    mut connection: SqliteConnection,
    mut queue: mpsc::Receiver<Box<dyn Unit>>,
    (health, changes): (HealthCell, watch::Sender<StoreChanges>),
    checkpoints: Checkpoints,
    mut flushes: Flushes,
) {
    let mut batch: Batch = Vec::with_capacity(BATCH_MAX);
    while queue.blocking_recv_many(&mut batch, BATCH_MAX) > 0 {
        let units = batch.len();
        if let Some(revision) = commit(&mut connection, std::mem::take(&mut batch), &health, &mut flushes) {
            changes.send_modify(|changes| changes.catalog = revision);
        }
        flushes.hand_over(queue.len());
        checkpoints.after_commit(&mut connection, units);
    }
    flushes.hand_over(0);
    drop((checkpoints, flushes));
    // Leaves everything in one file, so that it can be copied or moved.
    if let Err(error) = connection.batch_execute("PRAGMA optimize; PRAGMA wal_checkpoint(TRUNCATE)") {
        log::warn!(err:% = error; "checkpointing the write-ahead log failed");
    }
    health.set(Health::Closed);
}

/// Executes and commits the batch. Returns the catalog's new revision if the batch changed the catalog.
fn commit(
    connection: &mut SqliteConnection,
    mut batch: Batch,
    health: &HealthCell,
    flushes: &mut Flushes,
) -> Option<i64> {
    if let Health::Failed(reason) = health.get() {
        batch.into_iter().for_each(|unit| unit.finish(Err(StoreError::Failed(reason.clone()))));
        return None;
    }
    match attempt(connection, &mut batch) {
        Ok(catalog_revision) => {
            health.set(Health::Ready);
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
                health.set(Health::Failed(reason));
                commit(connection, batch, health, flushes)
            }
            // One unit failed: the others are executed again without it, and it alone.
            _ if batch.len() > 1 => match failed_at {
                Some(index) => {
                    let alone = batch.remove(index);
                    let others = commit(connection, batch, health, flushes);
                    commit(connection, vec![alone], health, flushes).max(others)
                }
                None => {
                    let revisions = batch.into_iter().map(|unit| commit(connection, vec![unit], health, flushes));
                    revisions.fold(None, Option::max)
                }
            },
            error => {
                fail(batch, error, health);
                None
            }
        },
    }
}

/// Reports a failure to the one unit of a batch, and to the health if it can't be the unit's fault.
fn fail(mut batch: Batch, error: StoreError, health: &HealthCell) {
    match &error {
        StoreError::DiskFull => health.set(Health::DiskFull),
        StoreError::Failed(reason) => health.set(Health::Failed(reason.clone())),
        _ => {}
    }
    if let Some(unit) = batch.pop() {
        unit.finish(Err(error));
    }
}

/// Executes the batch in one transaction; if this fails, nothing of it remains. The index is that of the unit that
/// failed, if it was a unit. On success, the catalog's new revision if that was changed.
fn attempt(
    connection: &mut SqliteConnection,
    batch: &mut [Box<dyn Unit>],
) -> Result<Option<i64>, (StoreError, Option<usize>)> {
    execute(connection, "opening a transaction", "BEGIN IMMEDIATE").map_err(|error| (error, None))?;
    let mut memory = Memory::default();
    let mut run = |(index, unit): (usize, &mut Box<dyn Unit>)| {
        run_unit(connection, &mut memory, unit.as_mut()).map_err(|error| (error, Some(index)))
    };
    let done = batch.iter_mut().enumerate().try_for_each(&mut run);
    let commit = |()| execute(connection, "committing", "COMMIT").map_err(|error| (error, None));
    match done.and_then(commit) {
        Ok(()) => Ok(memory.catalog_revision),
        Err(error) => {
            // After some errors SQLite has rolled back itself, and this fails because there is no transaction.
            let _ = connection.batch_execute("ROLLBACK");
            Err(error)
        }
    }
}

fn run_unit(connection: &mut SqliteConnection, memory: &mut Memory, unit: &mut dyn Unit) -> StoreResult<()> {
    let memory = Some(memory);
    let outcome = catch_unwind(AssertUnwindSafe(|| unit.run(&mut SqliteSession::new(connection, memory))));
    outcome.unwrap_or_else(|panic| Err(StoreError::from_panic(panic.as_ref())))
}

fn execute(connection: &mut SqliteConnection, operation: &'static str, sql: &str) -> StoreResult<()> {
    connection.batch_execute(sql).map_err(|source| StoreError::Query { operation, source })
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
