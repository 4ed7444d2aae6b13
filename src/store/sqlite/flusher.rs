//! The thread that makes commits durable, and only then lets anybody hear of them.
//!
//! The writer commits with `synchronous=NORMAL`, which appends to the write-ahead log without waiting for the disk. Its
//! batches go through this thread, which flushes the log's file once for all that have come, and acknowledges them after
//! that. So nothing is acknowledged that is not on the disk, as with `synchronous=FULL`, but the writer works on the next
//! batch while the disk works on the last. The flush is of the file and not of a connection, so it covers whatever was
//! appended before it began.
//!
//! What a power cut can take away are commits that nobody was told of; a reader may have seen them, though.
//!
//! Limits: the writer is at most one batch ahead. Were it further, it would commit small batches, which cost more.

use std::fs::File;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use crate::store::health::HealthCell;
use crate::store::home::acknowledge;
use crate::store::{Health, StoreError, Unit};

/// Units that were committed together.
pub type Batch = Vec<Box<dyn Unit>>;

/// The state of the thread.
pub struct Flusher {
    batches: Receiver<Batch>,
    log: File,
    health: HealthCell,
}

impl Flusher {
    /// The writer's end, and the thread's. `log` is the write-ahead log.
    pub fn new(log: File, health: HealthCell) -> (SyncSender<Batch>, Flusher) {
        let (sender, batches) = sync_channel(0);
        (sender, Flusher { batches, log, health })
    }

    /// Runs until the writer is gone and all it committed is on the disk.
    pub fn run(self) {
        while let Ok(units) = self.batches.recv() {
            match self.flush() {
                Ok(()) => acknowledge(units),
                Err(reason) => {
                    self.health.set(Health::Failed(reason.clone()));
                    units.into_iter().for_each(|unit| unit.finish(Err(StoreError::Failed(reason.clone()))));
                }
            }
        }
    }

    /// Once a flush has failed, the kernel may have forgotten what it could not write: a later one proves nothing.
    fn flush(&self) -> Result<(), String> {
        if let Health::Failed(reason) = self.health.get() {
            return Err(reason);
        }
        self.log.sync_data().map_err(|error| format!("flushing the write-ahead log: {error}"))
    }
}
