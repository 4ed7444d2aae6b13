//! The connections that read.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

use super::READER_WAIT;
use super::connection::Connection;
use super::node::Node;
use super::session::{Gathered, PgSession};
use crate::store::{Session, StoreError, StoreResult, chain};

/// A pool of connections that only read; each is opened when it is first needed.
pub(super) struct Readers {
    node: Arc<Node>,
    pool: Mutex<Pool>,
    returned: Condvar,
}

struct Pool {
    idle: Vec<Connection>,
    /// How many more may be opened.
    room: usize,
}

impl Readers {
    pub(super) fn new(node: Arc<Node>, size: usize) -> Readers {
        Readers { node, pool: Mutex::new(Pool { idle: Vec::new(), room: size }), returned: Condvar::new() }
    }

    /// Executes a read, which sees one state of the database from beginning to end. Retried once, on another
    /// connection, if the first one turns out to be lost before anything was read.
    pub(super) fn read(&self, work: &mut dyn FnMut(&mut dyn Session)) -> StoreResult<()> {
        let mut connection = self.take()?;
        if connection.run(BEGIN).is_err() {
            drop(connection);
            connection = match self.open() {
                Ok(connection) => connection,
                Err(error) => return Err(self.give_back_room(error)),
            };
            if let Err(error) = connection.run(BEGIN) {
                drop(connection);
                return Err(self.give_back_room(StoreError::Connection(error.to_string())));
            }
        }
        let mut gathered = Gathered::default();
        work(&mut PgSession { connection: &mut connection, gathered: &mut gathered, node: self.node.id() });
        if let Err(error) = connection.run("ROLLBACK") {
            drop(connection);
            let lost = self.give_back_room(StoreError::Connection(error.to_string()));
            // If the connection is lost, that is the cause, whatever the statement reported.
            return if gathered.failed { Err(lost) } else { Ok(()) };
        }
        self.lock().idle.push(connection);
        self.returned.notify_one();
        Ok(())
    }

    /// Closes the connections.
    pub(super) fn close(&self) {
        self.lock().idle.clear();
    }

    fn take(&self) -> StoreResult<Connection> {
        let deadline = Instant::now() + READER_WAIT;
        let mut pool = self.lock();
        loop {
            if let Some(connection) = pool.idle.pop() {
                return Ok(connection);
            }
            if pool.room > 0 {
                pool.room -= 1;
                drop(pool);
                return self.open().map_err(|error| self.give_back_room(error));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(StoreError::Connection("all connections that read are in use".into()));
            }
            pool = self
                .returned
                .wait_timeout(pool, left)
                .map_or_else(|poisoned| poisoned.into_inner().0, |(pool, _)| pool);
        }
    }

    fn open(&self) -> StoreResult<Connection> {
        Connection::open(&self.node.url, &self.node.settings).map_err(|error| StoreError::Connection(chain(&error)))
    }

    fn give_back_room(&self, error: StoreError) -> StoreError {
        self.lock().room += 1;
        self.returned.notify_one();
        error
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
