//! Lists of rows by what they belong to, newest first.
//!
//! A database may have an index for each list. SQLite has none, and notes each new row instead; see
//! `sqlite/blocks.rs`.

use super::statement::{Bind, Statement};
use crate::base::id::Id;
use crate::store::records::Page;

/// The rows that a list has.
#[derive(Clone, Copy, Debug)]
pub enum List<'a> {
    TransactionsOfHook(Id),
    RunsOfOrg,
    RunsOfWorkflow(Id),
    CustomersOfOrg,
    KObjectsOfKlass(&'a str),
}

/// Which part of a list to read: ids between two others, which are not included, and how many at most.
#[derive(Clone, Copy, Debug)]
pub struct Slice {
    pub above: Id,
    pub below: Id,
    pub size: i64,
}

impl From<Page> for Slice {
    fn from(page: Page) -> Slice {
        Slice { above: Id::MIN, below: page.below(), size: page.size }
    }
}

/// A [`Slice`] in a database's own form, to be bound to `id > ? AND id < ? ORDER BY id DESC LIMIT ?`.
pub struct Bounds {
    pub above: Bind<'static>,
    pub below: Bind<'static>,
    pub size: i64,
}

impl From<Slice> for Bounds {
    fn from(Slice { above, below, size }: Slice) -> Bounds {
        Bounds { above: above.into(), below: below.into(), size }
    }
}

impl Bounds {
    pub fn bind<'a, Site: 'static>(self, statement: Statement<'a, Site>) -> Statement<'a, Site> {
        statement.bind(self.above).bind(self.below).bind(self.size)
    }
}
