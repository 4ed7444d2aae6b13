//! The thread that makes commits durable and then acknowledges them.
//!
//! The writer commits with `synchronous=NORMAL`, which appends to the write-ahead log without waiting for the disk. Its
//! batches go through this thread, which flushes the log's file once for all that have arrived, and then acknowledges
//! them. So only what is on the disk is acknowledged, as with `synchronous=FULL`, but the writer works on the next
//! batch while the disk works on the previous one. The flush is of the file, not of a connection, so it covers
//! everything that was appended before it began.
//!
//! A power failure can only lose commits that were not acknowledged; a reader may have seen them, though.
//!
//! While no other unit waits and the thread has nothing to do, the writer flushes by itself: there is nothing that it could
//! do meanwhile, and waking the thread would cost as much as the flush.
//!
//! Limits: the writer is one batch ahead. Any further, it would commit small batches, which cost more. Only while a
//! flush is slow and many units wait does it continue, up to [`AHEAD_MAX`] units.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use crate::store::health::HealthCell;
use crate::store::home::acknowledge;
use crate::store::{Health, StoreError, Unit};

/// How many committed units may wait for the thread.
const AHEAD_MAX: usize = 256;
/// With fewer units than this in its queue, the writer waits for the thread instead of continuing.
const QUEUED_TO_GO_ON: usize = 32;

/// Units that were committed together.
pub type Batch = Vec<Box<dyn Unit>>;

/// The writer's end.
pub struct Flushes {
    sender: SyncSender<Batch>,
    /// What was committed since the thread last took a batch.
    committed: Batch,
    log: Arc<Log>,
}

impl Flushes {
    /// Accepts units that have just been committed.
    pub fn add(&mut self, batch: Batch) {
        self.committed.extend(batch);
    }

    /// Flushes what was committed, or passes it on, unless the thread is busy and enough units wait in the writer's queue.
    pub fn hand_over(&mut self, queued: usize) {
        let batch = std::mem::take(&mut self.committed);
        if batch.is_empty() {
            return;
        }
        if queued == 0 && self.log.passed_on.load(Ordering::Acquire) == 0 {
            return self.log.flush(batch);
        }
        self.log.passed_on.fetch_add(1, Ordering::AcqRel);
        let goes_on = queued >= QUEUED_TO_GO_ON && batch.len() < AHEAD_MAX;
        let sent = match goes_on {
            true => self.sender.try_send(batch),
            false => self.sender.send(batch).map_err(|unsent| TrySendError::Disconnected(unsent.0)),
        };
        match sent {
            Ok(()) => {}
            Err(TrySendError::Full(batch)) => {
                self.log.passed_on.fetch_sub(1, Ordering::AcqRel);
                self.committed = batch;
            }
            Err(TrySendError::Disconnected(batch)) => {
                let reason = "the thread that flushes commits is gone";
                self.log.health.set(Health::Failed(reason.into()));
                batch.into_iter().for_each(|unit| unit.finish(Err(StoreError::Failed(reason.into()))));
            }
        }
    }
}

/// The write-ahead log, which is flushed by the thread or by the writer, never by both at a time.
struct Log {
    file: File,
    health: HealthCell,
    /// The number of batches that the thread has yet to finish.
    passed_on: AtomicUsize,
}

impl Log {
    /// Flushes the log, and then acknowledges the units, or refuses them if that fails.
    fn flush(&self, units: Batch) {
        match self.sync() {
            Ok(()) => acknowledge(units),
            Err(reason) => {
                self.health.set(Health::Failed(reason.clone()));
                units.into_iter().for_each(|unit| unit.finish(Err(StoreError::Failed(reason.clone()))));
            }
        }
    }

    /// Once a flush has failed, the kernel may have forgotten what it could not write: a later one proves nothing.
    fn sync(&self) -> Result<(), String> {
        if let Health::Failed(reason) = self.health.get() {
            return Err(reason);
        }
        self.file.sync_data().map_err(|error| format!("flushing the write-ahead log: {error}"))
    }
}

/// The state of the thread.
pub struct Flusher {
    batches: Receiver<Batch>,
    log: Arc<Log>,
}

impl Flusher {
    /// The writer's end, and the thread's. `log` is the write-ahead log.
    pub fn new(log: File, health: HealthCell) -> (Flushes, Flusher) {
        let (sender, batches) = sync_channel(0);
        let log = Arc::new(Log { file: log, health, passed_on: AtomicUsize::new(0) });
        (Flushes { sender, committed: Vec::new(), log: log.clone() }, Flusher { batches, log })
    }

    /// Runs until the writer is gone and everything that it committed is on the disk.
    pub fn run(self) {
        while let Ok(units) = self.batches.recv() {
            self.log.flush(units);
            self.log.passed_on.fetch_sub(1, Ordering::AcqRel);
        }
    }
}
