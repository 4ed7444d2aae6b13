//! The session on PostgreSQL: how statements reach the connection.

use diesel_async::AsyncConnectionCore;

use super::bulk::{self, Bulk};
use super::connection::Connection;
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::store::session::Session;
use crate::store::sql::Sql;
use crate::store::sql::lanes::{self, TouchedLanes};
use crate::store::sql::memory::Memory;
use crate::store::sql::row::{Read, Row};
use crate::store::sql::statement::{Appended, Statement, statement};
use crate::store::{StoreError, StoreResult};

/// What a transaction has collected beside its statements.
#[derive(Default)]
pub(super) struct Gathered {
    /// Rows that have yet to be inserted.
    pub(super) bulks: Vec<Bulk>,
    /// What need not be read again.
    pub(super) memory: Memory,
    /// The index of the unit that is being executed.
    pub(super) unit: usize,
    /// Whether there are now runs that any process may claim.
    pub(super) frees_runs: bool,
    /// The lanes that were changed, which are settled at the end.
    pub(super) lanes: TouchedLanes,
    /// The catalog's revision after its latest change in this transaction, if there was one.
    pub(super) catalog_revision: Option<i64>,
    /// Whether a statement failed: even if the unit handles that, the transaction can't be committed.
    pub(super) failed: bool,
    /// The current time, if it was set.
    pub(super) now: Option<Timestamp>,
}

/// A session on one connection, within the transaction that is open there.
pub(super) struct PgSession<'a> {
    pub(super) connection: &'a mut Connection,
    pub(super) gathered: &'a mut Gathered,
    /// The process, as the database knows it.
    pub(super) node: Id,
}

impl PgSession<'_> {
    fn failed<T>(&mut self, operation: &'static str, source: diesel::result::Error) -> StoreResult<T> {
        self.gathered.failed = true;
        Err(StoreError::query(operation, source))
    }
}

impl PgSession<'_> {
    /// Settles the lanes that the transaction has changed, after all its units. Other transactions that enter or leave
    /// these lanes wait from here until the commit.
    pub(super) fn settle_lanes(&mut self) -> StoreResult<()> {
        let touched = std::mem::take(&mut self.gathered.lanes);
        const OPERATION: &str = "waiting for a lane";
        const SQL: &str = "SELECT pg_advisory_xact_lock(?)";
        let locks = touched.locks();
        if locks.is_empty() {
            return Ok(());
        }
        let locked = self.connection.pipeline(|mut shared| {
            let locks = locks.iter().map(|lock| statement!(OPERATION, SQL).bind(*lock));
            locks.map(|lock| shared.execute_returning_count(lock)).collect()
        });
        locked.map(|_| ()).or_else(|source| self.failed(OPERATION, source))?;
        lanes::settle(self, touched)
    }
}

impl Sql for PgSession<'_> {
    const HAS_OTHER_WRITERS: bool = true;

    fn execute<Site: 'static>(&mut self, statement: Statement<'_, Site>) -> StoreResult<usize> {
        let operation = statement.operation();
        self.connection.execute(statement).or_else(|source| self.failed(operation, source))
    }

    fn load<Site: 'static, R: Row>(&mut self, statement: Statement<'_, Site>) -> StoreResult<Vec<R>> {
        let operation = statement.operation();
        let rows: Vec<Read<R>> = self.connection.load(statement).or_else(|source| self.failed(operation, source))?;
        Ok(rows.into_iter().map(|Read(row)| row).collect())
    }

    fn append<Site: Appended>(&mut self, statement: Statement<'_, Site>) -> StoreResult<()> {
        bulk::add(&mut self.gathered.bulks, statement, None);
        Ok(())
    }

    fn claim<Site: Appended>(&mut self, statement: Statement<'_, Site>) -> StoreResult<()> {
        bulk::add(&mut self.gathered.bulks, statement, Some(self.gathered.unit));
        Ok(())
    }

    fn memory(&mut self) -> Option<&mut Memory> {
        Some(&mut self.gathered.memory)
    }

    fn touched_lanes(&mut self) -> Option<&mut TouchedLanes> {
        Some(&mut self.gathered.lanes)
    }

    fn new_catalog_revision(&mut self) -> Option<&mut Option<i64>> {
        Some(&mut self.gathered.catalog_revision)
    }

    fn settle(&mut self, table: &'static str) -> StoreResult<()> {
        while let Some(index) = self.gathered.bulks.iter().position(|bulk| bulk.table.name == table) {
            let bulk = self.gathered.bulks.remove(index);
            let operation = bulk.operation;
            let inserted = self.connection.execute(&bulk).or_else(|source| self.failed(operation, source))?;
            if bulk.is_short_of(inserted) {
                self.gathered.failed = true;
                return Err(StoreError::Conflict { what: "the customer" });
            }
        }
        Ok(())
    }
}

impl Session for PgSession<'_> {
    fn now(&self) -> Timestamp {
        self.gathered.now.unwrap_or_else(Timestamp::now)
    }

    fn set_now(&mut self, now: Timestamp) {
        self.gathered.now = Some(now);
    }

    fn touch(&mut self) -> StoreResult<()> {
        let node = self.node;
        statement!("touching the database", "UPDATE nodes SET beat_at = beat_at WHERE id = ?")
            .bind(node)
            .execute(self)?;
        Ok(())
    }
}
