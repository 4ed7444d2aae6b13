//! This process, as the database and the other processes know it.
//!
//! A process that works on a shared database has a row in `nodes`, whose heartbeat [`super::coordinator`] renews, and a
//! row in `writers` for each of its connections that write. Another process that misses the heartbeat fences those
//! rows: from then on no transaction of the former owner commits, and its runs have no owner. A process that finds
//! itself fenced, for instance because it was paused, continues under a new id.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use diesel::QueryableByName;
use diesel::result::QueryResult;
use diesel::sql_types::{BigInt, Bool};
use tokio::sync::Notify;

use super::connection::Connection;
use crate::base::id::Id;
use crate::store::Health;
use crate::store::health::HealthCell;
use crate::store::postgres::connect::SessionSettings;
use crate::store::postgres::url::PostgresUrl;
use crate::store::sql::statement::statement;

/// How long others wait for a heartbeat before they claim the runs of a process.
pub const LEASE: Duration = Duration::from_secs(15);

/// What the threads of one process share.
pub struct Node {
    pub url: PostgresUrl,
    pub settings: SessionSettings,
    pub health: HealthCell,
    /// Why the database refuses what hookflow writes, although it can be reached.
    denial: Mutex<Option<String>>,
    /// The name for operators: host and process.
    name: String,
    id: Mutex<Id>,
    pub outbox: Outbox,
    pub standstill: Standstill,
    pub leadership: Leadership,
    /// Whether the store is closing: what can't be written soon is given up.
    pub closing: AtomicBool,
    /// Whether nothing more will be written: this process can deregister.
    pub leaving: AtomicBool,
}

/// Hints for other processes.
#[derive(Default)]
pub struct Outbox {
    pub runs: AtomicBool,
    pub catalog: AtomicBool,
    /// Rung when there is something new.
    pub bell: Notify,
}

/// Since when there has been work to write without a result.
#[derive(Default)]
pub struct Standstill(Mutex<Option<Instant>>);

impl Standstill {
    /// Notes that there is something to write.
    pub fn begin(&self) {
        self.lock().get_or_insert_with(Instant::now);
    }

    /// Notes that something was written, or that the database has answered why not.
    pub fn end(&self) {
        *self.lock() = None;
    }

    pub fn lasts_longer_than(&self, time: Duration) -> bool {
        self.lock().is_some_and(|since| since.elapsed() > time)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// Whether this process is the leader: of those with a heartbeat, the one that has been registered longest. Another one
/// becomes the leader only once this one's row is gone, and by then no transaction of this one commits any more.
#[derive(Default)]
pub struct Leadership(Mutex<Option<Instant>>);

impl Leadership {
    /// Notes what a heartbeat found: until when this process leads, if it does.
    pub fn set(&self, until: Option<Instant>) {
        *self.lock() = until;
    }

    pub fn is_held(&self) -> bool {
        self.lock().is_some_and(|until| Instant::now() < until)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

#[derive(QueryableByName)]
struct BatchRow {
    #[diesel(sql_type = BigInt)]
    batch: i64,
    #[diesel(sql_type = Bool)]
    fenced: bool,
}

impl Node {
    pub fn new(url: PostgresUrl, settings: SessionSettings) -> Node {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        Node {
            url,
            settings,
            health: HealthCell::new(),
            denial: Mutex::default(),
            name: format!("{}:{}", host.trim(), std::process::id()),
            id: Mutex::new(Id::generate()),
            outbox: Outbox::default(),
            standstill: Standstill::default(),
            leadership: Leadership::default(),
            closing: AtomicBool::new(false),
            leaving: AtomicBool::new(false),
        }
    }

    pub fn id(&self) -> Id {
        *self.id.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// How the database is doing; other work may succeed although hooks are refused for want of a right.
    pub fn health(&self) -> Health {
        let denial = self.denial.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        match (self.health.get(), denial.as_ref()) {
            (Health::Ready, Some(reason)) => Health::Denied(reason.clone()),
            (health, _) => health,
        }
    }

    /// Notes which rights are missing, if any are.
    pub fn set_denial(&self, denial: Option<String>) {
        let mut current = self.denial.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        match (&*current, &denial) {
            (None, Some(reason)) => log::error!(reason = reason.as_str(); "the database refuses writes"),
            (Some(_), None) => log::info!("the role has its rights again"),
            _ => {}
        }
        *current = denial;
    }

    pub fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }

    pub fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Relaxed)
    }

    /// Registers this process in `nodes`.
    pub fn register(&self, connection: &mut Connection) -> QueryResult<()> {
        let id = self.id.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        self.insert(connection, *id)
    }

    /// Removes this process from `nodes` again, before it has written anything.
    pub fn withdraw(&self, connection: &mut Connection) -> QueryResult<()> {
        let withdraw = statement!("leaving", "DELETE FROM nodes WHERE id = ?").bind(self.id());
        connection.execute(withdraw).map(|_| ())
    }

    /// Continues under a new id, if the fenced one is still ours.
    pub fn renew(&self, connection: &mut Connection, fenced: Id) -> QueryResult<()> {
        let mut id = self.id.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if *id != fenced {
            return Ok(());
        }
        let renewed = Id::generate();
        self.insert(connection, renewed)?;
        *id = renewed;
        log::warn!("this process was declared dead and lost its runs; it continues under a new id");
        Ok(())
    }

    fn insert(&self, connection: &mut Connection, id: Id) -> QueryResult<()> {
        const SQL: &str = "INSERT INTO nodes (id, name, started_at, beat_at) \
             SELECT ?, ?, clock.now, clock.now \
             FROM (SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now) clock";
        connection.execute(statement!("registering this process", SQL).bind(id).bind(&self.name)).map(|_| ())
    }

    /// Registers a connection that writes; returns false if this process was declared dead.
    pub fn register_writer(&self, connection: &mut Connection, node: Id, slot: i64) -> QueryResult<bool> {
        // Waits for a process that is about to declare this one dead.
        const SQL: &str = "INSERT INTO writers (node, slot, batch) SELECT id, ?, 0 FROM \
             (SELECT id FROM nodes WHERE id = ? FOR KEY SHARE) present ON CONFLICT DO NOTHING";
        const CHECK: &str = "SELECT batch, fenced FROM writers WHERE node = ? AND slot = ?";
        connection.execute(statement!("registering a writer", SQL).bind(slot).bind(node))?;
        let row: Vec<BatchRow> = connection.load(statement!("reading a writer", CHECK).bind(node).bind(slot))?;
        Ok(row.first().is_some_and(|row| !row.fenced))
    }

    /// The number of the last transaction that a connection committed. Waits for one that is in progress.
    pub fn committed_batch(&self, connection: &mut Connection, node: Id, slot: i64) -> QueryResult<i64> {
        // The server may still be working on the transaction whose connection was lost: it holds this row until it
        // ends. Locking the row is a write, so what becomes visible is also on the standbys that commits wait for:
        // after a crash of a primary that waited for them, it need not be.
        const SQL: &str = "SELECT batch, fenced FROM writers WHERE node = ? AND slot = ? FOR UPDATE";
        let rows: Vec<BatchRow> = connection.load(statement!("reading a writer", SQL).bind(node).bind(slot))?;
        Ok(rows.first().map_or(0, |row| row.batch))
    }
}
