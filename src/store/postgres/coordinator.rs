//! Coordination of the processes on one database, on a separate connection.
//!
//! Every process renews its heartbeat, looks for processes that don't and at its role's rights, and passes on hints: that
//! there are runs to claim, that the catalog has changed. Hints are sent by `NOTIFY`, outside of any transaction that
//! does work (a transaction that notifies takes a lock that all others wait for), and several are combined into one. A
//! process that misses a hint finds the change by polling: the catalog here, runs in the engine.
//!
//! The database's clock sets the times of heartbeats, so the clocks of processes need not agree. A process without a
//! heartbeat for [`LEASE`] is declared dead within [`SWEEP_EVERY`]: its writers are fenced first, then its runs are
//! released, in one transaction.
//!
//! The process with the oldest row in `nodes` is the leader, which runs the background jobs that only one process needs
//! to run. Its heartbeat is its lease: another process takes over only after it has fenced the leader's writers.
//!
//! None of this is a background job. Heartbeats must continue while the rest of the process is busy, or others would
//! take its runs, and everything else here shares the listening connection.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use diesel::result::QueryResult;
use tokio::sync::watch;

use super::connection::Connection;
use super::node::{LEASE, Node};
use super::rights;
use super::runs::release;
use super::session::{Gathered, PgSession};
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::store::session::Catalog;
use crate::store::sql::row::Read;
use crate::store::sql::statement::statement;
use crate::store::{StoreChanges, StoreError, StoreResult, chain};

/// How often the heartbeat is renewed.
const BEAT_EVERY: Duration = Duration::from_secs(2);
/// How often to look for dead processes.
const SWEEP_EVERY: Duration = Duration::from_secs(3);
/// How often to look at the role's rights.
const RIGHTS_EVERY: Duration = Duration::from_secs(3);
/// How often the catalog's revision is read: changes made elsewhere take effect here within a second.
const CATALOG_EVERY: Duration = Duration::from_millis(400);
/// The pause between two hints; those in between are combined.
const HINT_PAUSE: Duration = Duration::from_millis(20);
/// The pause between two attempts to reach the database.
const PAUSE: Duration = Duration::from_millis(250);

/// The channel of the hints.
const CHANNEL: &str = "hookflow";

/// The coordinator's state.
pub struct Coordinator {
    node: Arc<Node>,
    changes: watch::Sender<StoreChanges>,
    beat_at: Instant,
    sweep_at: Instant,
    catalog_at: Instant,
    rights_at: Instant,
    hint_at: Instant,
}

impl Coordinator {
    pub fn new(node: Arc<Node>, changes: watch::Sender<StoreChanges>) -> Coordinator {
        let now = Instant::now();
        Coordinator { node, changes, beat_at: now, sweep_at: now, catalog_at: now, rights_at: now, hint_at: now }
    }

    /// Runs until the store is closed.
    pub fn run(mut self, connection: Connection) {
        let mut connection = self.listen(connection);
        while !self.node.is_leaving() {
            match connection.take() {
                None => match Connection::open(&self.node.url, &self.node.settings) {
                    Ok(opened) => connection = self.listen(opened),
                    Err(error) => {
                        log::debug!(err:% = chain(&error); "the coordinator can't connect");
                        std::thread::sleep(PAUSE);
                    }
                },
                Some(mut present) => match self.turn(&mut present) {
                    Ok(()) => connection = Some(present),
                    Err(error) => {
                        log::debug!(err:% = error; "the coordinator's connection failed; connecting again");
                        std::thread::sleep(PAUSE);
                    }
                },
            }
        }
        if let Some(mut connection) = connection
            && let Err(error) = self.leave(&mut connection)
        {
            log::debug!(err:% = chain(&error); "can't deregister; other processes will declare this one dead");
        }
    }

    /// Listens for hints on a new connection, and catches up on what was missed.
    fn listen(&mut self, mut connection: Connection) -> Option<Connection> {
        connection.run(&format!("LISTEN {CHANNEL}")).ok()?;
        self.changes.send_modify(|changes| changes.runs += 1);
        self.catalog_at = Instant::now();
        Some(connection)
    }

    /// Does what is due, then waits for something to happen.
    fn turn(&mut self, connection: &mut Connection) -> QueryResult<()> {
        // First, because without rights nothing else succeeds.
        if is_due(&mut self.rights_at, RIGHTS_EVERY) {
            self.node.set_denial(rights::missing(connection)?);
        }
        if is_due(&mut self.beat_at, BEAT_EVERY) {
            self.beat(connection)?;
        }
        if is_due(&mut self.catalog_at, CATALOG_EVERY) {
            self.look_at_catalog(connection)?;
        }
        if is_due(&mut self.sweep_at, SWEEP_EVERY) {
            self.sweep(connection)?;
        }
        if Instant::now() >= self.hint_at && self.send_hints(connection)? {
            self.hint_at = Instant::now() + HINT_PAUSE;
        }
        let next = self.beat_at.min(self.catalog_at).min(self.sweep_at);
        let wait = next.saturating_duration_since(Instant::now());
        let bell = &self.node.outbox.bell;
        // A bell that rings during the pause between hints is noticed after it.
        let pause = self.hint_at.saturating_duration_since(Instant::now());
        let heard = connection.listen(wait, async {
            tokio::time::sleep(pause).await;
            bell.notified().await;
        })?;
        heard.iter().for_each(|hint| self.hear(hint));
        Ok(())
    }

    /// Renews the heartbeat, and checks whether this process is the leader, for as long as others wait for its next
    /// one.
    fn beat(&self, connection: &mut Connection) -> QueryResult<()> {
        const SQL: &str = "UPDATE nodes SET beat_at = (extract(epoch FROM clock_timestamp()) * 1000000)::bigint WHERE id = ? \
             RETURNING (id = (SELECT longest.id FROM nodes longest ORDER BY longest.started_at, longest.id LIMIT 1))::int::bigint";
        let (id, began) = (self.node.id(), Instant::now());
        let rows: Vec<Read<bool>> = connection.load(statement!("renewing the heartbeat", SQL).bind(id))?;
        self.node.leadership.set(rows.first().filter(|Read(leads)| *leads).map(|_| began + LEASE));
        if rows.is_empty() { self.node.renew(connection, id) } else { Ok(()) }
    }

    fn look_at_catalog(&self, connection: &mut Connection) -> QueryResult<()> {
        let mut gathered = Gathered::default();
        let mut session = PgSession { connection, gathered: &mut gathered, node: self.node.id() };
        let revision = session.catalog_revision().map_err(source)?;
        self.changes.send_if_modified(|changes| std::mem::replace(&mut changes.catalog, revision) != revision);
        Ok(())
    }

    /// Declares processes dead whose heartbeat is too old; only one process does this for each.
    fn sweep(&self, connection: &mut Connection) -> QueryResult<()> {
        const SQL: &str = "SELECT id, name FROM nodes \
             WHERE beat_at < (extract(epoch FROM clock_timestamp()) * 1000000)::bigint - ? AND id <> ?";
        let (lease, own) = (LEASE.as_micros() as i64, self.node.id());
        let dead: Vec<Read<(Id, String)>> =
            connection.load(statement!("looking for dead processes", SQL).bind(lease).bind(own))?;
        for Read((id, name)) in dead {
            connection.run("BEGIN")?;
            let buried = self.bury(connection, id);
            let ended = connection.run(if buried.is_ok() { "COMMIT" } else { "ROLLBACK" });
            match buried {
                Ok(Some(runs)) => {
                    log::warn!(node = name.as_str(), runs = runs; "a process was declared dead; its runs were released");
                    self.node.outbox.runs.store(true, Ordering::Relaxed);
                    self.changes.send_modify(|changes| changes.runs += 1);
                }
                Ok(None) => {}
                // It may be in the middle of a commit; the next sweep tries again.
                Err(error) => log::debug!(err:% = chain(&error); "can't fence a dead process yet"),
            }
            ended?;
        }
        // A row is needed as long as its process may ask for the outcome of a commit.
        const OLD: &str = "DELETE FROM writers WHERE fenced AND node < ? AND node NOT IN (SELECT id FROM nodes)";
        let yesterday = format!("{:08x}", Timestamp::now().0 / 1_000_000 - 86_400);
        connection.execute(statement!("forgetting dead processes", OLD).bind(yesterday)).map(|_| ())
    }

    /// Fences a process and releases its runs; returns how many, unless another process does the same.
    fn bury(&self, connection: &mut Connection, dead: Id) -> StoreResult<Option<usize>> {
        const NODE: &str = "DELETE FROM nodes WHERE id = ? AND id IN (SELECT id FROM nodes WHERE id = ? \
             AND beat_at < (extract(epoch FROM clock_timestamp()) * 1000000)::bigint - ? FOR UPDATE SKIP LOCKED)";
        const WRITERS: &str = "UPDATE writers SET fenced = true WHERE node = ?";
        let mut gathered = Gathered::default();
        let mut session = PgSession { connection, gathered: &mut gathered, node: self.node.id() };
        let lease = LEASE.as_micros() as i64;
        let deleted =
            statement!("taking a process for dead", NODE).bind(dead).bind(dead).bind(lease).execute(&mut session)?;
        if deleted == 0 {
            return Ok(None);
        }
        // Waits for a commit in progress: its writes are counted, and no others follow.
        statement!("fencing a process", WRITERS).bind(dead).execute(&mut session)?;
        release(&mut session, dead, Timestamp::now()).map(Some)
    }

    /// Sends the pending hints; returns whether there were any.
    fn send_hints(&self, connection: &mut Connection) -> QueryResult<bool> {
        let outbox = &self.node.outbox;
        let mut sent = false;
        for (flag, word) in [(&outbox.runs, "runs"), (&outbox.catalog, "catalog")] {
            if flag.swap(false, Ordering::Relaxed) {
                let hint = format!("{word} {}", self.node.id());
                connection.execute(statement!("sending a hint", "SELECT pg_notify('hookflow', ?)").bind(hint))?;
                sent = true;
            }
        }
        Ok(sent)
    }

    fn hear(&mut self, hint: &str) {
        let (word, from) = hint.split_once(' ').unwrap_or((hint, ""));
        if from == self.node.id().to_string() {
            return;
        }
        match word {
            "runs" => self.changes.send_modify(|changes| changes.runs += 1),
            _ => self.catalog_at = Instant::now(),
        }
    }

    /// Deregisters this process, so that others need not wait for its lease to end.
    fn leave(&self, connection: &mut Connection) -> StoreResult<()> {
        let run = |connection: &mut Connection, sql| {
            connection.run(sql).map_err(|source| StoreError::Query { operation: "leaving", source })
        };
        run(connection, "BEGIN")?;
        self.let_go(connection)?;
        run(connection, "COMMIT")?;
        self.send_hints(connection).map_err(|source| StoreError::Query { operation: "sending a hint", source })?;
        Ok(())
    }

    /// Releases runs that were claimed or started after the engine released its own: no other process looks for runs of
    /// an unknown process.
    fn let_go(&self, connection: &mut Connection) -> StoreResult<()> {
        let id = self.node.id();
        let mut gathered = Gathered::default();
        let mut session = PgSession { connection, gathered: &mut gathered, node: id };
        statement!("leaving", "DELETE FROM writers WHERE node = ?").bind(id).execute(&mut session)?;
        statement!("leaving", "DELETE FROM nodes WHERE id = ?").bind(id).execute(&mut session)?;
        if release(&mut session, id, Timestamp::now())? > 0 {
            self.node.outbox.runs.store(true, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Whether the time has come; if so, schedules the next time.
fn is_due(at: &mut Instant, every: Duration) -> bool {
    let now = Instant::now();
    let due = now >= *at;
    if due {
        *at = now + every;
    }
    due
}

fn source(error: StoreError) -> diesel::result::Error {
    match error {
        StoreError::Query { source, .. } => source,
        error => diesel::result::Error::QueryBuilderError(error.to_string().into()),
    }
}
