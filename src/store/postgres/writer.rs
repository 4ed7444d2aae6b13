//! The threads that write: group commit, fencing, and commits whose outcome is unknown.
//!
//! Each thread has a connection. It takes what has queued, at most [`BATCH_MAX`] units, executes them in one
//! transaction, and notifies the callers once that is committed. The last statement of every transaction increments the
//! number in the thread's row of `writers`. If that row was fenced, nothing is committed: other processes have declared
//! this one dead. If the connection is lost during a commit, the number shows whether the commit succeeded.
//!
//! When a unit fails, the transaction is rolled back, the others are executed again without it, and it alone. The same
//! happens to a unit that waits for a lock for longer than [`super::LOCK_WAIT`], or that writes a unique value at the
//! same moment as another: alone it is tried [`TRIES_MAX`] times, and may wait for locks for what is left of
//! [`LOCK_WAIT_ALONE`], which its batch shares. A unit that still waits for a lock then fails, and its caller may
//! retry.

use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::LOCK_WAIT;
use super::batch::{Attempt, Batch, Failure, execute, lost};
use super::connection::Connection;
use super::errors::{classify, is_of_no_kind, others_got_in_the_way, takes_no_writes};
use super::node::Node;
use super::session::Gathered;
use crate::base::id::Id;
use crate::observe::metrics;
use crate::store::home::acknowledge;
use crate::store::{Health, StoreError, StoreResult, Unit, chain};

/// The maximum number of units in a commit.
const BATCH_MAX: usize = 64;
/// How often a unit in conflict with others is tried.
const TRIES_MAX: usize = 5;
/// How long units that are executed alone after a conflict wait for locks.
const LOCK_WAIT_ALONE: Duration = Duration::from_secs(2);
/// How long to ask for an unknown outcome once the store is closing.
const CLOSE_GRACE: Duration = Duration::from_secs(10);
/// The pause between two attempts to reach the database.
const PAUSE: Duration = Duration::from_millis(200);

/// A role or a database may be configured to acknowledge commits that a crash can undo. hookflow does not rely on
/// those.
const DURABLE: &str = "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') IN ('off', 'local')";

/// How long units wait in the queue while nothing is committed.
const STANDSTILL_MAX: Duration = Duration::from_secs(5);

/// The queue that the threads share.
pub(super) type Queue = Mutex<mpsc::Receiver<Box<dyn Unit>>>;

/// What prevents a unit through no fault of its own.
enum Obstacle {
    /// The connection could not be had, or was lost before the commit.
    Lost(String),
    /// Another transaction holds a lock.
    Locked,
}

/// One thread's connection and its row in `writers`.
pub(super) struct Writer {
    node: Arc<Node>,
    slot: i64,
    connection: Option<Connection>,
    /// The id under which the row was inserted.
    identity: Id,
    /// Whether the row is known to exist.
    registered: bool,
    /// The number of the present or latest transaction.
    batch: i64,
    /// Until when connecting is not tried again, and why the last attempt failed.
    unreachable: Option<(Instant, String)>,
}

impl Writer {
    pub(super) fn new(node: Arc<Node>, slot: i64) -> Writer {
        let identity = node.id();
        Writer { node, slot, connection: None, identity, registered: false, batch: 0, unreachable: None }
    }

    /// Runs until every sender is gone and the queue is empty.
    pub(super) fn run(mut self, queue: &Queue) {
        let mut batch: Batch = Vec::with_capacity(BATCH_MAX);
        loop {
            let taken =
                queue.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).blocking_recv_many(&mut batch, BATCH_MAX);
            if taken == 0 {
                return;
            }
            self.node.standstill.begin();
            self.commit(std::mem::take(&mut batch));
        }
    }

    fn commit(&mut self, mut batch: Batch) {
        let mut alone: Batch = Vec::new();
        while !batch.is_empty() {
            match self.attempt_surely(&mut batch, None) {
                Ok(()) => acknowledge(std::mem::take(&mut batch)),
                Err(Failure::Units(_, error)) if batch.len() == 1 && !others_got_in_the_way(&error) => {
                    self.finish_one(&mut batch, Err(error));
                }
                Err(Failure::Units(failed, _)) if failed.is_empty() => alone.append(&mut batch),
                Err(Failure::Units(failed, _)) => {
                    let units = batch.drain(..).enumerate();
                    let (failed, others): (Vec<_>, Vec<_>) = units.partition(|(index, _)| failed.contains(index));
                    alone.extend(failed.into_iter().map(|(_, unit)| unit));
                    batch = others.into_iter().map(|(_, unit)| unit).collect();
                }
                Err(Failure::Lost(reason)) => {
                    return refuse(batch.into_iter().chain(alone), &Obstacle::Lost(reason));
                }
            }
        }
        // The others may wait for the same lock: they share the time.
        let patience_ends = Instant::now() + LOCK_WAIT_ALONE;
        let mut alone = alone.into_iter();
        while let Some(unit) = alone.next() {
            let wait = patience_ends.saturating_duration_since(Instant::now()).max(LOCK_WAIT);
            match self.commit_alone(unit, wait) {
                Err(Obstacle::Locked) if Instant::now() < patience_ends => {}
                Err(obstacle) => return refuse(alone, &obstacle),
                Ok(()) => {}
            }
        }
    }

    /// Executes a unit in a transaction of its own, and notifies its caller. Fails with what would prevent others too.
    fn commit_alone(&mut self, unit: Box<dyn Unit>, lock_wait: Duration) -> Result<(), Obstacle> {
        let mut batch = vec![unit];
        let mut tries = 1;
        let obstacle = loop {
            let begun = Instant::now();
            match self.attempt_surely(&mut batch, Some(lock_wait)) {
                Ok(()) => {
                    acknowledge(batch);
                    return Ok(());
                }
                // Only waiting for a lock takes that long. The caller decides when to retry.
                Err(Failure::Units(_, error)) if is_of_no_kind(&error) && begun.elapsed() >= lock_wait => {
                    break Obstacle::Locked;
                }
                Err(Failure::Units(_, error)) if tries < TRIES_MAX && others_got_in_the_way(&error) => tries += 1,
                Err(Failure::Units(_, error)) => {
                    self.finish_one(&mut batch, Err(error));
                    return Ok(());
                }
                Err(Failure::Lost(reason)) => break Obstacle::Lost(reason),
            }
        };
        refuse(batch, &obstacle);
        Err(obstacle)
    }

    fn finish_one(&self, batch: &mut Batch, outcome: StoreResult<()>) {
        if matches!(outcome, Err(StoreError::DiskFull)) {
            self.node.health.set(Health::DiskFull);
        }
        self.node.standstill.end();
        if let Some(unit) = batch.pop() {
            unit.finish(outcome);
        }
    }

    /// Executes the units in one transaction. Returns when it is known whether they are committed: after an unknown
    /// outcome, and once after a lost connection, they are executed again if they are not.
    fn attempt_surely(&mut self, batch: &mut [Box<dyn Unit>], lock_wait: Option<Duration>) -> Result<(), Failure> {
        let mut losses = 0;
        loop {
            match self.attempt(batch, lock_wait) {
                Ok(()) => return Ok(()),
                Err(Attempt::Unknown) if self.find_out()? => return Ok(()),
                Err(Attempt::Unknown) => {}
                Err(Attempt::Fenced) => self.registered = false,
                Err(Attempt::Failed(Failure::Lost(reason))) => {
                    // Also if the connection does not look lost: a server that ends a connection says so in the answer
                    // to the next statement, like any other error.
                    self.connection = None;
                    losses += 1;
                    // An idle connection is often lost without notice.
                    if losses > 1 {
                        self.node.health.set(Health::Unreachable(reason.clone()));
                        return Err(Failure::Lost(reason));
                    }
                }
                Err(Attempt::Failed(failure)) => return Err(failure),
            }
        }
    }

    /// One transaction; if this fails, nothing of it remains, unless the outcome is unknown.
    fn attempt(&mut self, batch: &mut [Box<dyn Unit>], lock_wait: Option<Duration>) -> Result<(), Attempt> {
        let number = self.batch + 1;
        let (node, slot) = (self.node.clone(), self.slot);
        let (connection, identity) = self.connect()?;
        let gathered = match execute(connection, batch, (identity, slot, number), lock_wait) {
            Ok(gathered) => gathered,
            // If the connection is lost, that is the cause, whatever the statement reported.
            Err(failure) => {
                return Err(match connection.run("ROLLBACK") {
                    Err(error) => Attempt::Failed(lost(error)),
                    Ok(()) if matches!(&failure, Attempt::Failed(Failure::Units(_, error)) if takes_no_writes(error)) => {
                        Failure::Lost("the server is read-only".into()).into()
                    }
                    Ok(()) => failure,
                });
            }
        };
        if let Err(source) = connection.run("COMMIT") {
            // A commit that the server rejects has failed; without an answer, it may have succeeded.
            let refused = !connection.is_lost() && connection.run("ROLLBACK").is_ok();
            self.batch = number;
            let error = classify(StoreError::Query { operation: "committing", source });
            return Err(if refused { Failure::Units(Vec::new(), error).into() } else { Attempt::Unknown });
        }
        self.batch = number;
        metrics::committed(batch.len());
        node.standstill.end();
        node.health.set(Health::Ready);
        pass_on_hints(&node, &gathered);
        Ok(())
    }

    /// A connection with a row in `writers`, and the id of that row.
    fn connect(&mut self) -> Result<(&mut Connection, Id), Failure> {
        if self.connection.as_ref().is_none_or(Connection::is_lost) {
            self.connection = None;
            self.connection = Some(self.open()?);
            self.registered = false;
        }
        let connection = self.connection.as_mut().expect("it was made if there was none");
        loop {
            let id = self.node.id();
            if self.identity != id {
                (self.identity, self.batch, self.registered) = (id, 0, false);
            }
            if !self.registered {
                self.registered = self.node.register_writer(connection, id, self.slot).map_err(lost)?;
            }
            if self.registered {
                return Ok((connection, id));
            }
            self.node.renew(connection, id).map_err(lost)?;
        }
    }

    fn open(&mut self) -> Result<Connection, Failure> {
        if let Some((until, reason)) = &self.unreachable
            && Instant::now() < *until
        {
            return Err(Failure::Lost(reason.clone()));
        }
        let mut connection = Connection::open(&self.node.url, &self.node.settings).map_err(|error| {
            let reason = chain(&error);
            self.unreachable = Some((Instant::now() + PAUSE, reason.clone()));
            Failure::Lost(reason)
        })?;
        connection.run(DURABLE).map_err(lost)?;
        Ok(connection)
    }

    /// Whether the transaction whose connection was lost during the commit is committed. Asks until the database
    /// answers: before that, neither answer would be safe.
    fn find_out(&mut self) -> Result<bool, Failure> {
        let mut closing_since = None;
        self.connection = None;
        loop {
            match self.open() {
                Ok(mut connection) => match self.node.committed_batch(&mut connection, self.identity, self.slot) {
                    Ok(batch) => {
                        log::info!(committed = batch == self.batch; "the connection was lost during a commit; its outcome is now known");
                        return Ok(batch == self.batch);
                    }
                    // Usually the server is still working on that transaction.
                    Err(error) => log::debug!(err:% = error; "can't find out the outcome of a commit yet"),
                },
                Err(Failure::Lost(reason)) => self.node.health.set(Health::Unreachable(reason)),
                Err(failure @ Failure::Units(..)) => return Err(failure),
            }
            if self.node.is_closing() && closing_since.get_or_insert_with(Instant::now).elapsed() > CLOSE_GRACE {
                return Err(Failure::Lost("the outcome of a commit is unknown".into()));
            }
            std::thread::sleep(PAUSE);
        }
    }
}

/// Rejects what waits in the queue while nothing is committed, until the last writer has ended. Units that are being
/// executed wait for the database, however long it takes; those behind them need not.
pub(super) fn watch(node: &Node, queue: &Weak<Queue>) {
    while let Some(queue) = queue.upgrade() {
        if node.standstill.lasts_longer_than(STANDSTILL_MAX) {
            let reason = format!("nothing was committed for {} s", STANDSTILL_MAX.as_secs());
            if node.health.get() == Health::Ready {
                node.health.set(Health::Unreachable(reason.clone()));
            }
            // A writer that waits for work holds the lock; then the queue is empty.
            if let Ok(mut queue) = queue.try_lock() {
                refuse(std::iter::from_fn(|| queue.try_recv().ok()), &Obstacle::Lost(reason));
            }
        }
        drop(queue);
        std::thread::sleep(PAUSE);
    }
}

fn refuse(units: impl IntoIterator<Item = Box<dyn Unit>>, obstacle: &Obstacle) {
    units.into_iter().for_each(|unit| {
        unit.finish(Err(match obstacle {
            Obstacle::Lost(reason) => StoreError::Connection(reason.clone()),
            Obstacle::Locked => StoreError::Locked,
        }))
    });
}

/// Passes the hints of a committed transaction to other processes.
fn pass_on_hints(node: &Node, gathered: &Gathered) {
    use std::sync::atomic::Ordering::Relaxed;
    if gathered.frees_runs {
        node.outbox.runs.store(true, Relaxed);
    }
    if gathered.catalog_revision.is_some() {
        node.outbox.catalog.store(true, Relaxed);
    }
    if gathered.frees_runs || gathered.catalog_revision.is_some() {
        node.outbox.bell.notify_one();
    }
}
