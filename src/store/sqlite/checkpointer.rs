//! The thread that folds the write-ahead log into the database.
//!
//! Left to the writer, this would stop all commits for ten milliseconds and more. So it happens beside it, on a connection
//! of its own, every [`CHECKPOINT_EVERY`] or after [`UNITS_MAX`] units of work, and only after commits. It competes with the
//! flusher for the disk: often and little disturbs less than seldom and much. SQLite starts the log anew only once all of it
//! has been folded in, which a log that keeps growing never is: when it has become long, the writer is asked to fold in
//! the last bit, between two commits, while nothing can be added.
//!
//! Two connections that checkpoint are safe from SQLite 3.51.3 on; the store refuses older ones.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::sql_types::Integer;
use diesel::sqlite::SqliteConnection;
use diesel::{QueryableByName, RunQueryDsl};

/// How much time lies between two rounds.
const CHECKPOINT_EVERY: Duration = Duration::from_millis(100);
/// How many units of work lie between two rounds, if these come sooner.
const UNITS_MAX: usize = 4_000;
/// How often the units are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How many pages the log may hold before it is started anew: 64 MiB.
const LOG_PAGES_MAX: i32 = 16_384;

/// What the writer tells this thread, and is asked by it.
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

    /// Called by the writer after a commit of so many units, outside any transaction.
    pub fn after_commit(&self, connection: &mut SqliteConnection, units: usize) {
        self.units.fetch_add(units, Ordering::Relaxed);
        if self.restart_wanted.swap(false, Ordering::Relaxed)
            && let Err(error) = connection.batch_execute("PRAGMA wal_checkpoint(PASSIVE)")
        {
            log::warn!(err:err = error; "the write-ahead log could not be folded into the database");
        }
        match self.committed.try_send(()) {
            Ok(()) | Err(TrySendError::Full(())) => {}
            Err(TrySendError::Disconnected(())) => log::debug!("nobody folds the write-ahead log any more"),
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
            // After a long round much has been added meanwhile; a second, short one leaves little to the writer.
            if round(&mut connection) > LOG_PAGES_MAX && round(&mut connection) > LOG_PAGES_MAX {
                self.restart_wanted.store(true, Ordering::Relaxed);
            }
        }
    }
}

impl Checkpointer {
    /// Lets time or units go by, whichever is sooner; ends at once when the writer is gone.
    fn wait(&self) {
        let started = Instant::now();
        while started.elapsed() < CHECKPOINT_EVERY && self.units.load(Ordering::Relaxed) < UNITS_MAX {
            match self.commits.recv_timeout(LOOK_EVERY) {
                Ok(()) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            // Every commit says that it happened; more than one look in a while is of no use.
            std::thread::park_timeout(LOOK_EVERY);
        }
        self.units.store(0, Ordering::Relaxed);
    }
}

/// Folds in what there is without stopping anybody; the pages that the log holds.
fn round(connection: &mut SqliteConnection) -> i32 {
    let outcome: Result<Vec<Outcome>, _> = diesel::sql_query("PRAGMA wal_checkpoint(PASSIVE)").load(connection);
    match outcome {
        Ok(rows) => rows.first().map_or(0, |outcome| outcome.log),
        Err(error) => {
            log::warn!(err:err = error; "the write-ahead log could not be folded into the database");
            0
        }
    }
}
