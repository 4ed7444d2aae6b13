//! The seam between hookflow and its database.
//!
//! Work that writes is passed to [`Store::write`] as a closure over a [`Session`]: one open transaction with the
//! queries and commands that hookflow needs, and no SQL. The store decides when the transaction commits, and may put
//! many closures into one commit; the caller is notified only after that commit is durable. If a commit fails, the
//! closures are rolled back and retried one by one, so a closure may run more than once and must keep its results in
//! what it returns. A closure checks before it writes: returning an error rolls back everything that it wrote.
//!
//! Reads use [`Store::read`], on other connections, and see only what was committed.
//!
//! Limits: the queue of writes is bounded; when it is full, a write fails at once with [`StoreError::Busy`].

mod error;
mod health;
mod home;
pub mod migrate;
pub mod postgres;
mod records;
mod session;
mod sql;
pub mod sqlite;
mod url;

use std::sync::Arc;

use home::Home;
use tokio::sync::{oneshot, watch};

use crate::base::id::Id;

pub use error::{StoreError, StoreResult, chain};
pub use home::make_home;
pub use records::*;
pub use session::{
    Belongings, Catalog, Claim, Customers, Drafts, Entities, Events, HookSecrets, Intake, KObjects, KeptRequests,
    Lanes, Of, RefusedRequests, Relationships, Runs, Schedules, SeenKeys, Session, Taken, Variables,
};
pub use url::{DatabaseUrl, DatabaseUrlError};

/// How the store is doing, for `/readyz` and for answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Health {
    Ready,
    /// The last commit failed because the disk is full.
    DiskFull,
    /// The database can't be reached; work is refused until it can.
    Unreachable(String),
    /// The database can be reached, and refuses what is to be written.
    Denied(String),
    /// A write failed; nothing is acknowledged any more.
    Failed(String),
    Closed,
}

/// What has been done on the database, by other processes or by runs, as counters. A hint, to act sooner: callers that
/// miss a change find it by polling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreChanges {
    /// Changes when there may be runs that any process may claim.
    pub runs: u64,
    /// The catalog's revision.
    pub catalog: i64,
}

/// A unit of work for one transaction. See the module's description for what it may do.
pub trait Unit: Send {
    /// Does the work inside the open transaction.
    fn run(&mut self, session: &mut dyn Session) -> StoreResult<()>;
    /// The addresses, with their orgs and as keys, by which it is going to look up customers: a hint, for databases that
    /// look up those of several units together.
    fn emails(&self) -> &[(Id, String)] {
        &[]
    }
    /// Notifies the caller of the outcome, after the commit or the failure.
    fn finish(self: Box<Self>, outcome: StoreResult<()>);
    /// The thread where the caller waits, if that thread notifies its callers itself.
    fn home(&self) -> Option<&Home> {
        None
    }
}

/// What a database has to provide.
pub trait Backend: Send + Sync {
    /// Queues a unit; its `finish` is called in any case.
    fn submit(&self, unit: Box<dyn Unit>);
    /// Reads on a separate connection, blocking the calling thread.
    fn read(&self, work: &mut dyn FnMut(&mut dyn Session)) -> StoreResult<()>;
    fn health(&self) -> Health;
    /// How many units wait.
    fn queued(&self) -> usize;
    /// What changed and may concern this process: what other processes commit, and the catalog if runs change it.
    fn changes(&self) -> watch::Receiver<StoreChanges>;
    /// Whether this process is the leader: the one that does what only one process should do. It remains the leader
    /// while its lease lasts, which it renews while it can reach the database.
    fn is_leader(&self) -> bool;
    /// Whether it makes use of the addresses that units name.
    fn looks_ahead(&self) -> bool {
        false
    }
    /// Whether there are partitions, which the leader has to tend each minute.
    fn is_partitioned(&self) -> bool {
        false
    }
    /// Makes the partitions of the coming days, and moves rows to those of their days. Blocks.
    ///
    /// # Errors
    /// The first failure; what can be done is done all the same.
    fn tend_partitions(&self) -> StoreResult<()> {
        Ok(())
    }
    /// Finishes what is queued, accepts nothing more, and leaves the database tidy. Blocks.
    fn close(&self);
}

/// A handle on the database; cheap to clone.
#[derive(Clone)]
pub struct Store {
    backend: Arc<dyn Backend>,
}

struct Work<T, F> {
    emails: Vec<(Id, String)>,
    work: F,
    value: Option<T>,
    reply: oneshot::Sender<StoreResult<T>>,
    home: Option<Home>,
}

impl<T, F> Unit for Work<T, F>
where
    T: Send,
    F: FnMut(&mut dyn Session) -> StoreResult<T> + Send,
{
    fn run(&mut self, session: &mut dyn Session) -> StoreResult<()> {
        self.value = Some((self.work)(session)?);
        Ok(())
    }

    fn emails(&self) -> &[(Id, String)] {
        &self.emails
    }

    fn finish(self: Box<Self>, outcome: StoreResult<()>) {
        let Work { value, reply, .. } = *self;
        let value = outcome.map(|()| value.expect("a unit that succeeded has run and kept its value"));
        // The caller may be gone, for instance with its HTTP connection. The work is done all the same.
        let _ = reply.send(value);
    }

    fn home(&self) -> Option<&Home> {
        self.home.as_ref()
    }
}

/// Why a store can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Sqlite(#[from] sqlite::OpenError),
    #[error(transparent)]
    Postgres(#[from] postgres::OpenError),
}

impl Store {
    /// Opens the store that a URL names; `sizes` is for PostgreSQL. Must not be called in an asynchronous context.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(url: &DatabaseUrl, sizes: postgres::PoolSizes) -> Result<Store, OpenError> {
        Ok(match url {
            DatabaseUrl::Sqlite(path) => Store::new(Arc::new(sqlite::Sqlite::open(path)?)),
            DatabaseUrl::Postgres(url) => Store::new(Arc::new(postgres::Postgres::open(url, sizes)?)),
        })
    }

    pub fn new(backend: Arc<dyn Backend>) -> Store {
        Store { backend }
    }

    /// Does `work` in a transaction, and returns its result once the commit is durable.
    pub async fn write<T, F>(&self, work: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnMut(&mut dyn Session) -> StoreResult<T> + Send + 'static,
    {
        self.write_looking_up(Vec::new(), work).await
    }

    /// Like [`Store::write`], for work that is going to look up customers by these addresses; see [`Unit::emails`].
    pub async fn write_looking_up<T, F>(&self, emails: Vec<(Id, String)>, work: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnMut(&mut dyn Session) -> StoreResult<T> + Send + 'static,
    {
        let (reply, outcome) = oneshot::channel();
        self.backend.submit(Box::new(Work { emails, work, value: None, reply, home: Home::here() }));
        outcome.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Whether [`Unit::emails`] is of use.
    pub fn looks_ahead(&self) -> bool {
        self.backend.looks_ahead()
    }

    /// Queues a unit of work; its `finish` is called in any case.
    pub fn submit(&self, unit: Box<dyn Unit>) {
        self.backend.submit(unit);
    }

    /// Does `work` on a reading connection, away from the calling thread.
    pub async fn read<T, F>(&self, work: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut dyn Session) -> StoreResult<T> + Send + 'static,
    {
        let backend = self.backend.clone();
        let task = tokio::task::spawn_blocking(move || {
            let mut work = Some(work);
            let mut value = Err(StoreError::Closed);
            backend.read(&mut |session| {
                if let Some(work) = work.take() {
                    value = work(session);
                }
            })?;
            value
        });
        task.await.unwrap_or_else(|failure| Err(StoreError::Panicked(failure.to_string())))
    }

    pub fn health(&self) -> Health {
        self.backend.health()
    }

    /// How many units of work wait to be written.
    pub fn queued(&self) -> usize {
        self.backend.queued()
    }

    /// Changes made by other processes on the same database.
    pub fn changes(&self) -> watch::Receiver<StoreChanges> {
        self.backend.changes()
    }

    /// Whether this process is the leader of those on the database.
    pub fn is_leader(&self) -> bool {
        self.backend.is_leader()
    }

    /// Whether the leader has to call [`Store::tend_partitions`] each minute.
    pub fn is_partitioned(&self) -> bool {
        self.backend.is_partitioned()
    }

    /// Makes the partitions of the coming days, and moves rows to those of their days.
    ///
    /// # Errors
    /// The first failure; what can be done is done all the same.
    pub async fn tend_partitions(&self) -> StoreResult<()> {
        let backend = self.backend.clone();
        let task = tokio::task::spawn_blocking(move || backend.tend_partitions());
        task.await.unwrap_or_else(|failure| Err(StoreError::Panicked(failure.to_string())))
    }

    /// Finishes what is queued and closes the database. Blocks until that is done.
    pub fn close(&self) {
        self.backend.close();
    }
}
