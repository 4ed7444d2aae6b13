//! Lists without an index for each: which parts of a table have rows of a hook, a workflow, a klass or an org.
//!
//! The integers of ids are divided into blocks, of which each has about [`BLOCK_ROWS`] rows when it was the newest. The
//! table `block_owners` has a row for each list and block with rows in the list. A list is read block by block, newest
//! first: within a block, all rows are read and the others are left out. So a row is entered into its lists at next to
//! no cost, since its lists are usually known in its block, and a page of a rare hook beside busy ones reads a few
//! hundred rows for each of its own.
//!
//! The writer remembers what the newest block has. A row of an earlier block, whose id took long to be stored, is always
//! entered.
//!
//! Limits: while the newest ids are those of a clock that was ahead when an earlier process made them, the block before
//! grows.

use std::collections::HashSet;

use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel::sqlite::SqliteConnection;

use super::SqliteSession;
use crate::base::id::Id;
use crate::store::StoreResult;
use crate::store::sql::lists::{Bounds, List, Slice};
use crate::store::sql::row::Row;
use crate::store::sql::statement::{Bind, Statement, statement};

/// How many new rows begin another block.
const BLOCK_ROWS: usize = 1_024;

/// A list, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Owner {
    list: i64,
    org: i64,
    owner: OwnerKey,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum OwnerKey {
    Key(i64),
    Name(String),
}

/// What the writer knows about blocks.
#[derive(Debug, Default)]
pub struct Blocks {
    /// The first integer of each block, ascending.
    starts: Vec<i64>,
    /// How many of them are committed.
    committed: usize,
    /// The highest integer of a row.
    highest: i64,
    /// How many rows were entered since the newest block began.
    entered: usize,
    /// The lists that have rows in the newest block.
    owners: HashSet<Owner>,
}

#[derive(QueryableByName)]
struct Start {
    #[diesel(sql_type = BigInt)]
    start: i64,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

impl Blocks {
    pub fn load(connection: &mut SqliteConnection) -> QueryResult<Blocks> {
        const HIGHEST: &str = "SELECT max(coalesce((SELECT max(id) FROM transactions), 0), coalesce((SELECT max(id) FROM runs), 0), \
             coalesce((SELECT max(id) FROM customers), 0), coalesce((SELECT max(id) FROM kobjects), 0)) AS start";
        // A run is in two lists.
        const ENTERED: &str = "WITH newest(start) AS (VALUES (?)) SELECT (SELECT count(*) FROM transactions WHERE id >= start) \
             + 2 * (SELECT count(*) FROM runs WHERE id >= start) + (SELECT count(*) FROM customers WHERE id >= start) \
             + (SELECT count(*) FROM kobjects WHERE id >= start) AS count FROM newest";
        let starts = diesel::sql_query("SELECT start FROM blocks ORDER BY start").load::<Start>(connection)?;
        let highest = diesel::sql_query(HIGHEST).get_result::<Start>(connection)?.start;
        let starts: Vec<i64> = starts.into_iter().map(|row| row.start).collect();
        let entered = diesel::sql_query(ENTERED).bind::<BigInt, _>(starts.last().copied().unwrap_or(i64::MIN));
        let entered = entered.get_result::<Count>(connection)?.count;
        let (committed, entered) = (starts.len(), usize::try_from(entered).unwrap_or(BLOCK_ROWS));
        Ok(Blocks { starts, committed, highest, entered, owners: HashSet::new() })
    }

    /// Begins another block if the newest is full. Returns its first integer, above those of all rows.
    fn begin(&mut self) -> Option<i64> {
        let start = self.highest.checked_add(1)?;
        if self.entered < BLOCK_ROWS || self.starts.last().is_some_and(|last| start <= *last) {
            return None;
        }
        self.starts.push(start);
        self.owners.clear();
        self.entered = 0;
        Some(start)
    }

    /// Enters a row. Returns its block, unless that is known to have rows of the list.
    fn enter(&mut self, owner: &Owner, key: i64) -> Option<i64> {
        self.highest = self.highest.max(key);
        self.entered += 1;
        let after = self.starts.partition_point(|start| *start <= key);
        let block = *self.starts.get(after.checked_sub(1)?)?;
        let is_newest = after == self.starts.len();
        if is_newest && !self.owners.contains(owner) {
            self.owners.insert(owner.clone());
        } else if is_newest {
            return None;
        }
        Some(block)
    }

    /// Notes that everything was committed.
    pub fn committed(&mut self) {
        self.committed = self.starts.len();
    }

    /// Forgets what was not committed.
    pub fn rolled_back(&mut self) {
        self.starts.truncate(self.committed);
        self.owners.clear();
    }
}

impl SqliteSession<'_> {
    fn owner(&self, list: List<'_>, org: Id) -> Owner {
        let key = |id| OwnerKey::Key(self.keys.key(id));
        let (list, owner) = match list {
            List::TransactionsOfHook(hook) => (1, key(hook)),
            List::RunsOfOrg => (2, OwnerKey::Key(0)),
            List::RunsOfWorkflow(workflow) => (3, key(workflow)),
            List::CustomersOfOrg => (4, OwnerKey::Key(0)),
            List::KObjectsOfKlass(klass) => (5, OwnerKey::Name(klass.to_owned())),
        };
        Owner { list, org: self.keys.key(org), owner }
    }

    /// Enters a row that was inserted into one of its lists.
    pub(super) fn enter_block(&mut self, list: List<'_>, org: Id, id: Id) -> StoreResult<()> {
        const BEGIN: &str = "INSERT INTO blocks (start) VALUES (?)";
        const ENTER: &str = "INSERT OR IGNORE INTO block_owners (list, org_id, owner, block) VALUES (?, ?, ?, ?)";
        let (owner, key) = (self.owner(list, org), self.keys.key(id));
        let Some(blocks) = self.blocks.as_deref_mut() else { return Ok(()) };
        let (begun, entered) = (blocks.begin(), blocks.enter(&owner, key));
        if let Some(start) = begun {
            statement!("beginning a block of rows", BEGIN).bind(start).execute(self)?;
        }
        if let Some(block) = entered {
            let enter = statement!("entering a row into a list", ENTER).bind(owner.list).bind(owner.org);
            enter.bind(owner.owner.bind()).bind(block).execute(self)?;
        }
        Ok(())
    }

    /// Reads a part of a list, block by block.
    pub(super) fn read_blocks<'s, Site: 'static, R: Row>(
        &mut self,
        list: List<'_>,
        org: Id,
        Slice { above, below, size }: Slice,
        read: impl Fn(Bounds) -> Statement<'s, Site>,
    ) -> StoreResult<Vec<R>> {
        const BLOCK: &str = "SELECT block, (SELECT min(start) FROM blocks WHERE start > block) FROM block_owners \
                   WHERE list = ? AND org_id = ? AND owner = ? AND block < ? ORDER BY block DESC LIMIT 1";
        let (owner, lowest) = (self.owner(list, org), self.keys.key(above));
        let (mut below, mut rows) = (self.keys.key(below), Vec::new());
        while let left @ 1.. = size - rows.len() as i64
            && below > lowest
        {
            let next = statement!("reading which rows are in a list", BLOCK).bind(owner.list).bind(owner.org);
            let next: Option<(i64, Option<i64>)> = next.bind(owner.owner.bind()).bind(below).first(self)?;
            let Some((block, end)) = next else { break };
            let above = Bind::from(block.saturating_sub(1).max(lowest));
            let bounds = Bounds { above, below: below.min(end.unwrap_or(i64::MAX)).into(), size: left };
            rows.extend(read(bounds).load::<R>(self)?);
            below = block;
        }
        Ok(rows)
    }
}

impl OwnerKey {
    fn bind(&self) -> Bind<'_> {
        match self {
            OwnerKey::Key(key) => Bind::Integer(Some(*key)),
            OwnerKey::Name(name) => Bind::Text(Some(name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(list: i64) -> Owner {
        Owner { list, org: 1, owner: OwnerKey::Name("order".into()) }
    }

    fn blocks() -> Blocks {
        Blocks { starts: vec![i64::MIN], committed: 1, highest: 5, ..Blocks::default() }
    }

    #[test]
    fn a_list_is_entered_once_in_the_newest_block() {
        let mut blocks = blocks();
        assert_eq!(blocks.enter(&owner(1), 10), Some(i64::MIN));
        assert_eq!(blocks.enter(&owner(1), 12), None);
        assert_eq!(blocks.enter(&owner(2), 11), Some(i64::MIN));
        assert_eq!(blocks.begin(), None, "it has room");
        blocks.entered = BLOCK_ROWS;
        assert_eq!(blocks.begin(), Some(13), "above all rows");
        assert_eq!(blocks.begin(), None);
        assert_eq!(blocks.enter(&owner(1), 13), Some(13));
        assert_eq!(blocks.enter(&owner(1), 14), None);
        assert_eq!(blocks.enter(&owner(1), 9), Some(i64::MIN), "of an id that took long to be stored");
        assert_eq!(blocks.enter(&owner(1), 9), Some(i64::MIN));
    }

    #[test]
    fn what_was_rolled_back_is_entered_again() {
        let mut blocks = blocks();
        assert_eq!(blocks.enter(&owner(1), 10), Some(i64::MIN));
        blocks.committed();
        blocks.entered = BLOCK_ROWS;
        assert_eq!(blocks.begin(), Some(11));
        assert_eq!(blocks.enter(&owner(1), 11), Some(11));
        blocks.rolled_back();
        assert_eq!(blocks.enter(&owner(1), 12), Some(i64::MIN));
        assert_eq!(blocks.begin(), None);
    }

    #[test]
    fn no_block_begins_below_the_newest() {
        let mut blocks = Blocks { starts: vec![i64::MIN, 100], committed: 2, highest: 50, ..Blocks::default() };
        blocks.entered = BLOCK_ROWS;
        assert_eq!(blocks.begin(), None);
        assert_eq!(blocks.enter(&owner(1), 60), Some(i64::MIN));
    }
}
