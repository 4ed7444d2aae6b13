//! The store on PostgreSQL, which several processes share.
//!
//! They coordinate through PostgreSQL and don't talk to each other. Each has a few threads that write ([`writer`]:
//! group commit), a few connections that read, and one thread for what concerns the others ([`coordinator`]:
//! heartbeats, hints). Which process works on a run, and how a process that was declared dead is kept from
//! writing, is in [`node`] and [`runs`].
//!
//! Limits: [`QUEUE_MAX`] units may wait; reads wait at most [`READER_WAIT`] for a connection; a statement may take
//! [`STATEMENT_TIMEOUT`], a transaction may be idle for [`IDLE_TIMEOUT`].

mod addresses;
mod batch;
mod bulk;
mod connect;
mod connect_error;
pub(in crate::store) mod connection;
mod coordinator;
mod errors;
mod explain;
pub(in crate::store) mod node;
pub(in crate::store) mod open;
pub(in crate::store) mod partitions;
mod readers;
mod rights;
pub(in crate::store) mod runs;
mod session;
mod tls;
pub mod url;
mod writer;

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};

pub use connect::{SERVER_VERSION_MIN, SessionSettings, connect};
pub use connect_error::ConnectError;
pub use open::OpenError;
pub use tls::TlsError;

use super::migrate::marker;
use super::{Backend, Health, Session, StoreChanges, StoreError, StoreResult, Unit, chain};
use crate::base::time::Timestamp;
use crate::observe::metrics;
use connection::Connection;
use coordinator::Coordinator;
use node::Node;
use readers::Readers;
use url::PostgresUrl;
use writer::Writer;

/// How many units of work may wait to be written.
pub const QUEUE_MAX: usize = 4_096;
/// How long a read waits for a connection.
pub const READER_WAIT: Duration = Duration::from_secs(5);
/// How long a statement may take.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a transaction may be idle, as when its process is paused.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a statement waits for a lock while it shares its transaction with others.
const LOCK_WAIT: Duration = Duration::from_millis(200);

/// The number of connections of a process, beside the one that coordinates.
#[derive(Clone, Copy, Debug)]
pub struct PoolSizes {
    pub writers: u16,
    pub readers: u16,
}

/// The database and the threads that work on it.
pub struct Postgres {
    queue: Mutex<Option<mpsc::Sender<Box<dyn Unit>>>>,
    writers: Mutex<Vec<JoinHandle<()>>>,
    coordinator: Mutex<Option<JoinHandle<()>>>,
    readers: Readers,
    node: Arc<Node>,
    changes: watch::Sender<StoreChanges>,
}

impl Postgres {
    /// Connects to the database and brings its tables up to date. Must not be called in an asynchronous context.
    ///
    /// # Errors
    /// [`OpenError`] names the cause: the address, the password, the certificate, a newer version.
    pub fn open(url: &PostgresUrl, sizes: PoolSizes) -> Result<Postgres, OpenError> {
        let settings = SessionSettings {
            application_name: "hookflow".into(),
            statement_timeout: STATEMENT_TIMEOUT,
            idle_in_transaction_timeout: IDLE_TIMEOUT,
            lock_timeout: LOCK_WAIT,
        };
        open::migrate(url, &settings)?;
        let setup = |error: diesel::result::Error| OpenError::Setup(error.to_string());
        let mut connection = Connection::open(url, &settings)?;
        make_partitions(&mut connection);
        let node = Arc::new(Node::new(url.clone(), settings));
        node.register(&mut connection).map_err(setup)?;
        if marker::read(&mut connection).map_err(setup)?.is_some_and(|marker| !marker.is_finished) {
            node.withdraw(&mut connection).map_err(setup)?;
            return Err(OpenError::HalfFilled);
        }
        let changes = watch::Sender::default();
        let coordinator = Coordinator::new(node.clone(), changes.clone());
        let coordinator = spawn("coordinator", move || coordinator.run(connection))?;
        let (sender, receiver) = mpsc::channel(QUEUE_MAX);
        let receiver = Arc::new(Mutex::new(receiver));
        let writer = |slot| {
            let (writer, queue) = (Writer::new(node.clone(), i64::from(slot)), receiver.clone());
            spawn(&format!("writer {slot}"), move || writer.run(&queue))
        };
        let writers: Result<Vec<_>, OpenError> = (0..sizes.writers.max(1)).map(writer).collect();
        let (watched, queue) = (node.clone(), Arc::downgrade(&receiver));
        spawn("watch", move || writer::watch(&watched, &queue))?;
        Ok(Postgres {
            queue: Mutex::new(Some(sender)),
            writers: Mutex::new(writers?),
            coordinator: Mutex::new(Some(coordinator)),
            readers: Readers::new(node.clone(), usize::from(sizes.readers.max(1))),
            node,
            changes,
        })
    }
}

impl Backend for Postgres {
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
        self.readers.read(work)
    }

    fn health(&self) -> Health {
        self.node.health()
    }

    fn queued(&self) -> usize {
        let queue = self.queue.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        queue.as_ref().map_or(0, |queue| QUEUE_MAX - queue.capacity())
    }

    fn changes(&self) -> watch::Receiver<StoreChanges> {
        self.changes.subscribe()
    }

    fn is_leader(&self) -> bool {
        self.node.leadership.is_held()
    }

    fn looks_ahead(&self) -> bool {
        true
    }

    fn is_partitioned(&self) -> bool {
        true
    }

    fn tend_partitions(&self) -> StoreResult<()> {
        const OPERATION: &str = "making partitions";
        let unreachable = |error: ConnectError| StoreError::Connection(chain(&error));
        // Moving rows takes time, and readers are few.
        let settings = partitions::settings(&self.node.settings);
        let mut connection = Connection::open(&self.node.url, &settings).map_err(unreachable)?;
        let found = partitions::look(&mut connection, Timestamp::now());
        let found = found.map_err(|source| StoreError::Query { operation: OPERATION, source })?;
        for (table, rows) in found.rows_in_default {
            metrics::rows_in_default_partition(table, rows);
            if rows > 0 {
                log::error!(table, rows; "rows are in the default partition of a table, for want of one of their day");
            }
        }
        let failure = found.failures.into_iter().next();
        failure.map_or(Ok(()), |source| Err(StoreError::Query { operation: OPERATION, source }))
    }

    fn close(&self) {
        drop(self.queue.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take());
        self.node.closing.store(true, Ordering::Relaxed);
        let writers = std::mem::take(&mut *self.writers.lock().unwrap_or_else(|poisoned| poisoned.into_inner()));
        join(writers);
        // A process that has deregistered can't commit any more.
        self.node.leaving.store(true, Ordering::Relaxed);
        self.node.outbox.bell.notify_one();
        join(self.coordinator.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take());
        self.readers.close();
        self.node.health.set(Health::Closed);
    }
}

/// Makes the partitions that are missing. Failures are no reason not to start: the default partitions take the rows.
fn make_partitions(connection: &mut Connection) {
    let made = partitions::make(connection, Timestamp::now());
    if let Some(error) = made.unwrap_or_else(|error| vec![error]).first() {
        log::warn!(err:% = error; "can't create the partitions of the coming days; trying again each minute");
    }
}

fn join(threads: impl IntoIterator<Item = JoinHandle<()>>) {
    for thread in threads {
        if thread.join().is_err() {
            log::error!("a thread of the store panicked");
        }
    }
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, OpenError> {
    let thread = std::thread::Builder::new().name(name.into()).spawn(body);
    thread.map_err(|error| OpenError::Setup(error.to_string()))
}
