//! The SQL that both databases share.
//!
//! Each database has a session type of its own that says by [`Sql`] how statements reach it; what hookflow asks of orgs,
//! hooks, workflows, transactions, customers, kobjects and entities is then written once, here. Where the databases
//! differ (runs and their queue, opening, committing) each has modules of its own.
//!
//! Every statement that touches an org's data names its `org_id`, so that the tables can be distributed by it.

mod belongings;
pub mod catalog;
mod catalog_changes;
pub mod cell;
pub mod customers;
pub mod drafts;
pub mod entities;
pub mod events;
pub mod hook_secrets;
pub mod intake;
pub mod kobjects;
pub mod lanes;
pub mod memory;
pub mod refused_requests;
pub mod relationships;
pub mod row;
pub mod runs;
pub mod schedules;
pub mod seen_keys;
pub mod statement;
pub mod table;
pub mod text;
pub mod variables;

use lanes::TouchedLanes;

use super::StoreResult;
use memory::Memory;
use row::Row;
use statement::{Appended, Statement};

/// One open transaction on some database. Statements are made with the macro `statement!` and say
/// [`Statement::execute`], [`Statement::load`] and [`Statement::append`] to reach it.
pub trait Sql {
    /// Whether others write at the same time, so that a row that has to stay must be locked.
    const HAS_OTHER_WRITERS: bool;

    /// Executes a statement; the number of rows that it changed.
    fn execute<Site: 'static>(&mut self, statement: Statement<'_, Site>) -> StoreResult<usize>;

    /// Executes a statement; the rows that it returns.
    fn load<Site: 'static, R: Row>(&mut self, statement: Statement<'_, Site>) -> StoreResult<Vec<R>>;

    /// Inserts one row, now or together with others of its table: at the latest when the table is settled, or before the
    /// commit. A failure may come as late as that, and concerns all units of the transaction.
    fn append<Site: Appended>(&mut self, statement: Statement<'_, Site>) -> StoreResult<()>;

    /// What this transaction remembers, if it is one in which nobody else can change what was read.
    fn memory(&mut self) -> Option<&mut Memory> {
        None
    }

    /// Where to note which lanes this transaction changes, if they are to be settled when it ends.
    fn touched_lanes(&mut self) -> Option<&mut TouchedLanes> {
        None
    }

    /// The revision that this transaction gives the catalog, if it is one that can change it.
    fn new_catalog_revision(&mut self) -> Option<&mut Option<i64>> {
        None
    }

    /// Inserts the rows that were appended to a table, so that they can be read from it. Takes the table's name.
    fn settle(&mut self, table: &'static str) -> StoreResult<()>;
}
