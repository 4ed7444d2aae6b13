//! The SQL that both databases share.
//!
//! Each database has a session type of its own that says by [`Sql`] how statements reach it; what hookflow asks of orgs,
//! hooks, workflows, transactions, customers, kobjects and entities is then written once, here. Where the databases
//! differ (runs and their queue, opening, committing) each has modules of its own.
//!
//! Every statement that touches an org's data names its `org_id`, so that the tables can be distributed by it.

mod belongings;
mod catalog;
pub mod columns;
mod customers;
mod drafts;
mod entities;
mod hook_secrets;
mod intake;
mod kobjects;
pub mod lanes;
pub mod memory;
mod refused_requests;
mod relationships;
pub mod runs;
mod schedules;
mod seen_keys;
pub mod statement;
mod variables;

use diesel::QueryableByName;
use lanes::TouchedLanes;

use super::StoreResult;
use memory::Memory;
use statement::Statement;

/// The tables that rows are only appended to while hooks are taken in; see [`Sql::append`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    Transactions,
    OpenRuns,
    Runs,
    StepLog,
    KObjects,
    Entities,
}

/// One open transaction on some database. Statements are made with the macro `statement!` and say
/// [`Statement::execute`], [`Statement::load`] and [`Statement::append`] to reach it.
pub trait Sql {
    type Backend: diesel::backend::Backend;

    /// Whether others write at the same time, so that a row that has to stay must be locked.
    const HAS_OTHER_WRITERS: bool;

    /// Executes a statement; the number of rows that it changed.
    fn execute<Site: 'static>(&mut self, statement: Statement<'_, Site>) -> StoreResult<usize>;

    /// Executes a statement; the rows that it returns.
    fn load<Site: 'static, R>(&mut self, statement: Statement<'_, Site>) -> StoreResult<Vec<R>>
    where
        R: QueryableByName<Self::Backend> + Send + 'static;

    /// Inserts one row, now or together with others of its kind: at the latest when its table is settled, or before the
    /// commit. A failure may come as late as that, and concerns all units of the transaction.
    fn append<Site: 'static>(&mut self, statement: Statement<'_, Site>, table: Table) -> StoreResult<()>;

    /// What this transaction remembers, if it is one in which nobody else can change what was read.
    fn memory(&mut self) -> Option<&mut Memory> {
        None
    }

    /// Where to note which lanes this transaction changes, if they are to be settled when it ends.
    fn touched_lanes(&mut self) -> Option<&mut TouchedLanes> {
        None
    }

    /// Told when the catalog was changed in this transaction.
    fn catalog_changed(&mut self) {}

    /// Sees to it that rows appended to a table can be read from it.
    fn settle(&mut self, table: Table) -> StoreResult<()>;
}
