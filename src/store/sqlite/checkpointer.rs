//! The thread that checkpoints the write-ahead log.
//!
//! In the writer, a checkpoint would stop all commits for ten milliseconds or more. So it runs beside it, on its own
//! connection, every [`CHECKPOINT_EVERY`] or after [`UNITS_MAX`] units of work, and only after commits. It competes
//! with the flusher for the disk: small, frequent checkpoints disturb less than large, rare ones. SQLite restarts the
//! log only once all of it is checkpointed, which never happens while the log keeps growing: when the log is long, the
//! writer is asked to checkpoint the rest between two commits, while nothing is appended.
//!
//! Checkpointing on two connections is safe from SQLite 3.51.3 on; the store refuses older versions.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::sql_types::Integer;
use diesel::sqlite::SqliteConnection;
use diesel::{QueryableByName, RunQueryDsl};

/// The time between two checkpoints.
const CHECKPOINT_EVERY: Duration = Duration::from_millis(100);
/// The number of units of work between two checkpoints, if it is reached sooner.
const UNITS_MAX: usize = 4_000;
/// How often the number of units is checked.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// The number of pages in the log from which it is restarted: 64 MiB.
const LOG_PAGES_MAX: i32 = 16_384;

/// What the writer reports to this thread, and what this thread asks of it.
pub struct Checkpoints {
    committed: SyncSender<()>,
    units: Arc<AtomicUsize>,
    restart_wanted: Arc<AtomicBool>,
}

#[derive(QueryableByName)]
struct Outcome {
    #[diesel(sql_type = Integer)]
    log: i32,
}

impl Checkpoints {
    /// The writer's end, and the thread's.
    pub fn new() -> (Checkpoints, Checkpointer) {
        let (committed, commits) = sync_channel(1);
        let restart_wanted = Arc::new(AtomicBool::new(false));
        let units = Arc::new(AtomicUsize::new(0));
        let checkpointer = Checkpointer { commits, units: units.clone(), restart_wanted: restart_wanted.clone() };
        (Checkpoints { committed, units, restart_wanted }, checkpointer)
    }

    /// Called by the writer after a commit of this many units, outside any transaction.
    pub fn after_commit(&self, connection: &mut SqliteConnection, units: usize) {
        self.units.fetch_add(units, Ordering::Relaxed);
        if self.restart_wanted.swap(false, Ordering::Relaxed)
            && let Err(error) = connection.batch_execute("PRAGMA wal_checkpoint(PASSIVE)")
        {
            log::warn!(err:% = error; "checkpointing the write-ahead log failed");
        }
        match self.committed.try_send(()) {
            Ok(()) | Err(TrySendError::Full(())) => {}
            Err(TrySendError::Disconnected(())) => log::debug!("the checkpointer has ended"),
        }
    }
}

/// The state of the thread.
pub struct Checkpointer {
    commits: Receiver<()>,
    units: Arc<AtomicUsize>,
    restart_wanted: Arc<AtomicBool>,
}

impl Checkpointer {
    /// Runs until the writer is gone.
    pub fn run(self, mut connection: SqliteConnection) {
        while self.commits.recv().is_ok() {
            self.wait();
            // Much may have been added during a long checkpoint; a second, short one leaves little to the writer.
            if round(&mut connection) > LOG_PAGES_MAX && round(&mut connection) > LOG_PAGES_MAX {
                self.restart_wanted.store(true, Ordering::Relaxed);
            }
        }
    }
}

impl Checkpointer {
    /// Waits for time to pass or for units, whichever comes first; ends at once when the writer is gone.
    fn wait(&self) {
        let started = Instant::now();
        while started.elapsed() < CHECKPOINT_EVERY && self.units.load(Ordering::Relaxed) < UNITS_MAX {
            match self.commits.recv_timeout(LOOK_EVERY) {
                Ok(()) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            // Every commit is signalled; checking more often than this is useless.
            std::thread::park_timeout(LOOK_EVERY);
        }
        self.units.store(0, Ordering::Relaxed);
    }
}

/// Checkpoints without blocking others; returns the number of pages in the log.
fn round(connection: &mut SqliteConnection) -> i32 {
    let outcome: Result<Vec<Outcome>, _> = diesel::sql_query("PRAGMA wal_checkpoint(PASSIVE)").load(connection);
    match outcome {
        Ok(rows) => rows.first().map_or(0, |outcome| outcome.log),
        Err(error) => {
            log::warn!(err:% = error; "checkpointing the write-ahead log failed");
            0
        }
    }
}
