//! The SQL that both databases share.
//!
//! Each database has a session type that implements [`Sql`]: how statements reach it. Everything about orgs, hooks,
//! workflows, transactions, customers, kobjects and entities is then written once, here. Where the databases differ
//! (runs and their queue, opening, committing), each has modules of its own.
//!
//! Every statement on an org's data names its `org_id`, so that the tables can be distributed by it.

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
pub mod kept_requests;
pub mod kobjects;
pub mod lanes;
pub mod lists;
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
use crate::base::id::Id;
use lists::{Bounds, List, Slice};
use memory::Memory;
use row::Row;
use statement::{Appended, Statement};

/// One open transaction on either database. Statements are created with the macro `statement!` and executed with
/// [`Statement::execute`], [`Statement::load`] and [`Statement::append`].
pub trait Sql {
    /// Whether there are other writers, so that a row that must not change has to be locked.
    const HAS_OTHER_WRITERS: bool;

    /// Executes a statement; returns the number of rows that it changed.
    fn execute<Site: 'static>(&mut self, statement: Statement<'_, Site>) -> StoreResult<usize>;

    /// Executes a statement; returns its rows.
    fn load<Site: 'static, R: Row>(&mut self, statement: Statement<'_, Site>) -> StoreResult<Vec<R>>;

    /// Inserts one row, now or together with others of its table: at the latest when the table is settled, or before
    /// the commit. A failure may come that late, and then concerns all units of the transaction.
    fn append<Site: Appended>(&mut self, statement: Statement<'_, Site>) -> StoreResult<()>;

    /// Called before an org, a hook or a workflow is inserted: many rows will refer to these, so the database may store
    /// their ids in a shorter form.
    fn shorten_id(&mut self, _id: Id) {}

    /// Enters a row that was inserted into a list that it belongs to.
    fn enter(&mut self, _list: List<'_>, _org: Id, _id: Id) -> StoreResult<()> {
        Ok(())
    }

    /// Reads a part of a list. `read` returns the statement that reads the rows of the list within bounds, newest first.
    fn load_list<'a, Site: 'static, R: Row>(
        &mut self,
        _list: List<'_>,
        _org: Id,
        slice: Slice,
        read: impl Fn(Bounds) -> Statement<'a, Site>,
    ) -> StoreResult<Vec<R>>
    where
        Self: Sized,
    {
        read(slice.into()).load(self)
    }

    /// Inserts one row as [`Sql::append`] does, which another transaction may insert before. Then this transaction fails,
    /// and the units that have claimed what is taken are executed again by themselves.
    fn claim<Site: Appended>(&mut self, statement: Statement<'_, Site>) -> StoreResult<()> {
        self.append(statement)
    }

    /// The memory of this transaction, if it has one.
    fn memory(&mut self) -> Option<&mut Memory> {
        None
    }

    /// Where to note the lanes that this transaction changes, if they are settled at its end.
    fn touched_lanes(&mut self) -> Option<&mut TouchedLanes> {
        None
    }

    /// The revision that this transaction gives the catalog, if it is one that can change it.
    fn new_catalog_revision(&mut self) -> Option<&mut Option<i64>> {
        None
    }

    /// Inserts the rows that were appended to the named table, so that they can be read.
    fn settle(&mut self, table: &'static str) -> StoreResult<()>;
}
